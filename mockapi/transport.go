package mockapi

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strconv"
	"syscall"
	"time"
)

// Transport returns a client's transport that calls s in-process, without a socket and on the caller's goroutine, so
// that a testing/synctest bubble's clock runs. It is true to what a client sees: a closed or reset connection is an
// error, a cut body ends in io.ErrUnexpectedEOF, and the end of the request's context is its cause. An answer is there
// once it is whole: the bytes of `drip` come all at once at their end, and `endless` ends at 4 MiB.
func (s *Server) Transport() http.RoundTripper { return inProcess{s} }

type inProcess struct{ s *Server }

func (t inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		defer r.Body.Close()
	}
	if err := context.Cause(r.Context()); err != nil {
		return nil, err
	}
	rec := &recorder{header: make(http.Header)}
	aborted := serve(t.s, rec, r)
	if err := context.Cause(r.Context()); err != nil {
		return nil, err
	}
	switch {
	case rec.reset:
		return nil, syscall.ECONNRESET
	case aborted && rec.code == 0:
		return nil, io.EOF // what net/http answers for a connection closed without a byte
	}
	return rec.response(r, aborted, t.s.options.Now()), nil
}

// serve calls h and tells whether it ended the connection.
func serve(h http.Handler, w http.ResponseWriter, r *http.Request) (aborted bool) {
	defer func() {
		switch v := recover(); v {
		case nil:
		case http.ErrAbortHandler:
			aborted = true
		default:
			panic(v)
		}
	}()
	h.ServeHTTP(w, r)
	return false
}

// recorder gathers an answer.
type recorder struct {
	header http.Header
	code   int // 0 until there is one
	sent   http.Header
	body   bytes.Buffer
	reset  bool // the connection was reset
}

func (w *recorder) Header() http.Header { return w.header }

func (w *recorder) WriteHeader(code int) {
	if w.code == 0 {
		w.code, w.sent = code, w.header.Clone()
	}
}

func (w *recorder) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if w.code == http.StatusNoContent || w.code == http.StatusNotModified {
		return 0, http.ErrBodyNotAllowed
	}
	return w.body.Write(p)
}

// response returns what was gathered. A body that is shorter than announced, or was cut, says so where it ends.
func (w *recorder) response(r *http.Request, cut bool, now time.Time) *http.Response {
	w.WriteHeader(http.StatusOK)
	if w.sent.Get("Date") == "" {
		w.sent.Set("Date", now.UTC().Format(http.TimeFormat))
	}
	length := int64(w.body.Len())
	if text := w.sent.Get("Content-Length"); text != "" {
		length, _ = strconv.ParseInt(text, 10, 64) // it is our own
	}
	body := io.Reader(&w.body)
	if cut || int64(w.body.Len()) < length {
		body = io.MultiReader(body, cutReader{})
	}
	return &http.Response{
		Status: strconv.Itoa(w.code) + " " + http.StatusText(w.code), StatusCode: w.code,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.sent, Body: io.NopCloser(body), ContentLength: length, Request: r,
	}
}

// cutReader is the end of a body that was cut.
type cutReader struct{}

func (cutReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

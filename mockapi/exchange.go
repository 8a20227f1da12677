package mockapi

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/time/rate"
)

// maxBody is the longest request body that is taken, in bytes.
const maxBody = 64 << 10

// acknowledgement is the body of a 200.
const acknowledgement = `{"success":true}`

const wordsBadToken = "Invalid bearer token"

var (
	jsonType = []string{"application/json"} // shared by all headers, never changed
	htmlType = []string{"text/html; charset=utf-8"}
)

// exchange is one request for an update and its answer.
type exchange struct {
	s    *Server
	w    http.ResponseWriter
	r    *http.Request
	c    *call
	each time.Duration // the delay of the fault
}

// serveInventory judges one request, applies it and answers it.
func (s *Server) serveInventory(w http.ResponseWriter, r *http.Request) {
	x := &exchange{s: s, w: w, r: r, c: s.calls.Get().(*call)}
	x.c.at = x.s.options.Now()
	s.books.begin()
	defer func() {
		s.finish(x.c)
		x.c.reset()
		s.calls.Put(x.c)
	}()
	if r.Method != http.MethodPost {
		s.begin(x.c)
		s.books.malformed.Add(1)
		s.violation("#%d: method %s", x.c.seq, quoteShort([]byte(r.Method)))
		w.Header().Set("Allow", http.MethodPost)
		x.json(http.StatusMethodNotAllowed, "Method not allowed")
		return
	}
	conduct := s.conduct.Load()
	if err := x.c.read(r.Body, r.ContentLength); err != nil { // the client has gone
		s.begin(x.c)
		x.leave()
		return
	}
	code, words := x.judge(conduct)
	if !s.begin(x.c) {
		code, words = http.StatusInsufficientStorage, "The stand-in holds no more keys"
	}
	x.note(code, words)
	x.answer(x.plan(conduct, code, words))
}

// plan is what becomes of a request.
type plan struct {
	hit   *injected     // the fault that answers, or nil
	code  int           // else the status that refuses it, or 0
	words string        // with code
	wait  time.Duration // the latency
	apply Apply         // never ApplyUsual
	after time.Duration // with ApplyLate
}

// plan chooses between the right answer, which is code and words, and another.
func (x *exchange) plan(conduct *conduct, code int, words string) plan {
	p := plan{
		code: code, words: words, apply: ApplyNow,
		wait: conduct.latency + x.s.faults.jitter(conduct.jitter),
	}
	right := code == 0
	if conduct.down != 0 {
		p.code, p.words, p.apply = conduct.down, http.StatusText(conduct.down), ApplyNever
		return p
	}
	if x.s.faults.some.Load() {
		p.hit = x.s.faults.pick(x.key())
	}
	if p.hit != nil && !right && p.hit.kind.of().apply == ApplyNow {
		p.hit = nil // it would acknowledge what is refused: no API does that
	}
	switch {
	case p.hit != nil:
		x.s.books.faulted.Add(1)
		x.c.fault = p.hit.kind
		p.after = p.hit.applyAfter()
		if p.apply = p.hit.Apply; p.apply == ApplyUsual {
			p.apply = p.hit.kind.of().apply
		}
	case conduct.limiter != nil:
		if after := limit(conduct.limiter, x.c.at); after > 0 {
			x.s.books.limited.Add(1)
			x.w.Header().Set("Retry-After", strconv.Itoa(after))
			p.code, p.words, right = http.StatusTooManyRequests, "Too many requests", false
		}
	}
	if !right || p.apply == ApplyUsual {
		p.apply = ApplyNever
	}
	return p
}

// answer waits, applies the update or not, and answers.
func (x *exchange) answer(p plan) {
	stays := x.wait(p.wait)
	switch p.apply { // the API works on, even if nobody waits for it
	case ApplyNow:
		x.s.apply(x.c, x.c.at.Add(p.wait))
	case ApplyLate:
		x.s.apply(x.c, x.c.at.Add(max(p.wait, p.after)))
	}
	switch {
	case !stays:
		x.leave()
	case p.hit != nil:
		x.fault(p.hit)
	case p.code != 0:
		x.json(p.code, p.words)
	default:
		x.acknowledge()
	}
}

// fault gives the answer of an injected fault.
func (x *exchange) fault(hit *injected) {
	k := hit.kind.of()
	x.each = max(hit.Delay, 0)
	if x.each == 0 {
		x.each = k.delay
	}
	if k.name != "drip" && !x.wait(x.each) {
		x.leave()
		return
	}
	k.answer(x, &hit.Fault)
}

// limit takes one request from the limiter. It returns 0, or after how many seconds there is room again.
func limit(l *rate.Limiter, now time.Time) int {
	if l.AllowN(now, 1) {
		return 0
	}
	return max(1, int(math.Ceil((1-l.TokensAt(now))/float64(l.Limit()))))
}

// judge tells what is wrong with the request: 0 if it is right, else the status and the error's words.
func (x *exchange) judge(conduct *conduct) (code int, words string) {
	if words := x.unauthorized(conduct); words != "" {
		x.s.books.unauthorized.Add(1)
		return http.StatusUnauthorized, words
	}
	if len(x.c.in) > maxBody {
		return http.StatusRequestEntityTooLarge, "Request too large"
	}
	if !isJSON(x.r.Header) {
		return http.StatusUnsupportedMediaType, "Content-Type must be application/json"
	}
	if x.r.URL.RawQuery != "" {
		return http.StatusBadRequest, "Unexpected query"
	}
	if words := x.c.scanner.scan(&x.c.body); words != "" {
		return http.StatusBadRequest, words
	}
	if words := x.c.body.missing(x.s.options.Negative); words != "" {
		return http.StatusUnprocessableEntity, words
	}
	x.c.valid = true
	x.c.name = x.c.body.encode(x.c.name[:0])
	return x.s.unknown(x.c, conduct)
}

func (x *exchange) unauthorized(conduct *conduct) string {
	h := x.r.Header["Authorization"]
	switch {
	case len(h) == 0:
		return "Missing bearer token"
	case len(h) > 1:
		return wordsBadToken
	case conduct.bearer != "" && h[0] != conduct.bearer:
		return wordsBadToken
	case !strings.HasPrefix(h[0], "Bearer ") || len(h[0]) == len("Bearer "):
		return wordsBadToken
	}
	return ""
}

// isJSON tells whether the headers announce plain JSON, in UTF-8 if they say so.
func isJSON(h http.Header) bool {
	types := h["Content-Type"]
	if len(types) != 1 || h.Get("Content-Encoding") != "" {
		return false
	}
	if types[0] == jsonType[0] {
		return true
	}
	media, params, err := mime.ParseMediaType(types[0])
	charset, has := params["charset"]
	return err == nil && media == jsonType[0] &&
		(len(params) == 0 || len(params) == 1 && has && strings.EqualFold(charset, "utf-8"))
}

// unknown answers 404 for what the API does not know.
func (s *Server) unknown(c *call, conduct *conduct) (code int, words string) {
	if len(s.options.Stores) == 0 && len(conduct.unknown) == 0 && s.options.Known == nil {
		return 0, ""
	}
	key := c.named()
	if len(s.options.Stores) > 0 && !slices.Contains(s.options.Stores, key.Store) {
		return http.StatusNotFound, "Unknown store: " + key.Store
	}
	if conduct.unknown[key.Code()] || s.options.Known != nil && !s.options.Known(key) {
		return http.StatusNotFound, "Unknown product: " + key.Code()
	}
	return 0, ""
}

// note counts a request that is no update, and accuses its sender unless it tried a token, rightly or not.
func (x *exchange) note(code int, words string) {
	switch {
	case x.c.valid || code == http.StatusUnauthorized:
	case string(bytes.TrimSpace(x.c.in)) == "{}": // the documented way to try a token
		x.s.books.probes.Add(1)
	default:
		x.s.books.malformed.Add(1)
		x.s.violation("#%d: %d %s", x.c.seq, code, words)
	}
}

// key returns what the request is about, the zero Key if it could not be read.
func (x *exchange) key() Key {
	if !x.c.valid {
		return Key{}
	}
	return x.c.named()
}

// wait lets d pass. It returns false if the client gave up meanwhile.
func (x *exchange) wait(d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-x.r.Context().Done():
		return false
	}
}

// leave ends a request whose client has given up. Not by returning: net/http would make that a 200, and where it is
// this server that stops, there is still a client to read it.
func (x *exchange) leave() {
	x.c.gone = true
	if _, ok := x.w.(http.Hijacker); ok {
		panic(http.ErrAbortHandler)
	}
	x.w.WriteHeader(http.StatusServiceUnavailable)
}

func (x *exchange) acknowledge() { x.write(http.StatusOK, jsonType, acknowledgement) }

func (x *exchange) write(code int, contentType []string, body string) {
	x.c.status = code
	if contentType != nil {
		x.w.Header()["Content-Type"] = contentType
	}
	x.w.WriteHeader(code)
	_, _ = io.WriteString(x.w, body) // an error is the client's going
}

func (x *exchange) json(code int, words string) {
	x.c.status = code
	writeJSON(x.w, code, words)
}

func (x *exchange) flush() {
	if f, ok := x.w.(http.Flusher); ok {
		f.Flush()
	}
}

// writeJSON answers {"error":words}.
func writeJSON(w http.ResponseWriter, code int, words string) {
	w.Header()["Content-Type"] = jsonType
	w.WriteHeader(code)
	_, _ = w.Write(append(appendString([]byte(`{"error":`), words), '}'))
}

// appendString appends s as a JSON string.
func appendString(dst []byte, s string) []byte {
	quoted, _ := json.Marshal(s) // a string always can
	return append(dst, quoted...)
}

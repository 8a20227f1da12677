package mockapi

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// faultID is 0 for no fault, else 1 + the fault's place in kinds: it makes a key's history small.
type faultID uint8

// kind is how a fault's answer is made.
type kind struct {
	name, about string
	apply       Apply         // what ApplyUsual means; ApplyUsual itself means never
	delay       time.Duration // what a Delay of 0 means
	answer      func(x *exchange, f *Fault)
}

// kinds are all faults. It does not change.
var kinds = []kind{
	status(300), redirect(301), redirect(302), redirect(303), status(304), redirect(307), redirect(308),
	status(400), status(401), status(402), status(403), status(404), status(405), status(406),
	{"407", "407 with a proxy's HTML page", ApplyNever, 0, (*exchange).proxyAuth},
	status(408), status(409), status(410), status(413), status(415), status(418), status(422), status(425), status(429),
	status(451), status(500), status(501), status(502), status(503), status(504), status(507),
	{"5xx", "500, 502, 503 or 504, by chance", ApplyNever, 0, (*exchange).anyServerError},
	{"html", "404 with an HTML page: a web server that knows no such path", ApplyNever, 0, (*exchange).htmlNotFound},
	{"portal", "200 with an HTML page: a captive portal", ApplyNever, 0, (*exchange).portal},
	{"error", `200 with {"error":...}`, ApplyNever, 0, inBody(`{"error":`, `}`)},
	{"errors", `200 with {"errors":[...]}`, ApplyNever, 0, inBody(`{"data":null,"errors":[{"message":`, `}]}`)},
	{"user-errors", `200 with {"userErrors":[...]}`, ApplyNever, 0, inBody(`{"userErrors":[{"field":["store"],"message":`, `}]}`)},
	{"success-false", `200 with {"success":false}`, ApplyNever, 0, inBody(`{"success":false,"message":`, `}`)},
	{"empty", "200 with an empty body, which is an acknowledgement", ApplyNow, 0, (*exchange).empty},
	{"204", "204, which is an acknowledgement", ApplyNow, 0, (*exchange).noContent},
	{"gzip", "200 in gzip, though nobody asked for it", ApplyNow, 0, (*exchange).gzip},
	{"truncated", "200 whose body ends before its Content-Length", ApplyNow, 0, (*exchange).truncated},
	{"large", "200 with a body of 2 MiB", ApplyNow, 0, (*exchange).large},
	{"endless", "200 with a body without end", ApplyNow, 0, (*exchange).endless},
	{"slow", "the right answer, after 2 s or the delay", ApplyNow, 2 * time.Second, acknowledge},
	{"drip", "the right answer, a byte each second or each delay", ApplyNow, time.Second, (*exchange).drip},
	{"hang", "no answer until the client gives up, or after the delay", ApplyNever, 0, (*exchange).hang},
	{"close", "the connection is closed without an answer", ApplyNever, 0, (*exchange).abort},
	{"reset", "the connection is reset (RST) without an answer", ApplyNever, 0, (*exchange).reset},
	{"late", "504, and the update is applied 30 s later", ApplyLate, 0, plain(http.StatusGatewayTimeout)},
}

// findKind returns the fault of that name, 0 if there is none.
func findKind(name string) faultID {
	for i, k := range kinds {
		if k.name == name {
			return faultID(i + 1)
		}
	}
	return 0
}

// of returns the fault's row of kinds.
func (id faultID) of() *kind { return &kinds[id-1] }

// String returns the fault's name, "" for none.
func (id faultID) String() string {
	if id == 0 {
		return ""
	}
	return id.of().name
}

// status is a fault whose answer is a status code with {"error":...}.
func status(code int) kind {
	return kind{name: strconv.Itoa(code), about: describe(code, " with an error in JSON"), answer: plain(code)}
}

func redirect(code int) kind {
	return kind{name: strconv.Itoa(code), about: describe(code, " to the location"), answer: func(x *exchange, f *Fault) {
		x.w.Header().Set("Location", cmp.Or(f.Location, "https://login.invalid/"))
		plain(code)(x, f)
	}}
}

func describe(code int, with string) string {
	return strconv.Itoa(code) + " " + http.StatusText(code) + with
}

// plain answers {"error":...} with a status code.
func plain(code int) func(*exchange, *Fault) {
	return func(x *exchange, f *Fault) {
		retry := f.RetryAfter
		if code == http.StatusTooManyRequests {
			retry = cmp.Or(retry, "1")
		}
		x.retryAfter(retry)
		words := cmp.Or(f.Words, http.StatusText(code))
		if f.Words == "" {
			switch code {
			case http.StatusUnauthorized:
				words = wordsBadToken
			case http.StatusNotFound:
				words = "Unknown product: " + x.key().Code()
			}
		}
		x.json(code, words)
	}
}

// retryAfter sets the Retry-After header. A date is one from the answer's own Date, as RFC 9110 has it.
func (x *exchange) retryAfter(value string) {
	h := x.w.Header()
	if rest, ok := strings.CutPrefix(value, "date"); ok {
		after, _ := time.ParseDuration(rest) // Fault.check did
		now := x.s.options.Now().UTC()
		h.Set("Date", now.Format(http.TimeFormat))
		value = now.Add(after).Format(http.TimeFormat)
	}
	if value != "" {
		h.Set("Retry-After", value)
	}
}

func acknowledge(x *exchange, _ *Fault) { x.acknowledge() }

// inBody answers 200 with a refusal in the body.
func inBody(before, after string) func(*exchange, *Fault) {
	return func(x *exchange, f *Fault) {
		words := appendString(nil, cmp.Or(f.Words, "Store does not carry this product"))
		x.write(http.StatusOK, jsonType, before+string(words)+after)
	}
}

func (x *exchange) anyServerError(f *Fault) {
	codes := [...]int{500, 502, 503, 504}
	plain(codes[x.s.faults.jitter(time.Duration(len(codes)))])(x, f)
}

func (x *exchange) page(code int, title string) {
	x.write(code, htmlType, "<!DOCTYPE html>\n<html><head><title>"+title+"</title></head>\n<body><h1>"+title+"</h1></body></html>\n")
}

func (x *exchange) htmlNotFound(*Fault) { x.page(http.StatusNotFound, "404 Not Found") }

func (x *exchange) portal(*Fault) { x.page(http.StatusOK, "Welcome to our free WiFi: please log in") }

func (x *exchange) proxyAuth(*Fault) {
	x.w.Header().Set("Proxy-Authenticate", `Basic realm="proxy"`)
	x.page(http.StatusProxyAuthRequired, "Proxy authentication required")
}

func (x *exchange) empty(*Fault) { x.write(http.StatusOK, nil, "") }

func (x *exchange) noContent(*Fault) {
	x.c.status = http.StatusNoContent
	x.w.WriteHeader(http.StatusNoContent)
}

func (x *exchange) gzip(*Fault) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(acknowledgement)) // a bytes.Buffer takes everything
	_ = z.Close()
	x.w.Header().Set("Content-Encoding", "gzip")
	x.write(http.StatusOK, jsonType, b.String())
}

func (x *exchange) truncated(f *Fault) {
	x.w.Header().Set("Content-Length", strconv.Itoa(len(acknowledgement)))
	x.write(http.StatusOK, jsonType, acknowledgement[:len(acknowledgement)-3])
	x.s.finish(x.c)
	x.flush()
	if _, ok := x.w.(http.Hijacker); ok {
		x.abort(f)
	}
}

// padding follows an acknowledgement in the answers that are too long. White space is the worst there is: what came
// before it reads as a whole JSON document.
var padding = bytes.Repeat([]byte(" "), 32<<10)

func (x *exchange) large(*Fault) { x.pad(2 << 20) }

// endless ends with the connection. Where the answer is gathered in memory instead, it ends at 4 MiB.
func (x *exchange) endless(f *Fault) {
	if _, ok := x.w.(http.Hijacker); !ok {
		x.pad(4 << 20)
		return
	}
	x.pad(-1)
	x.abort(f)
}

// pad answers an acknowledgement and size bytes of white space, without end if size is negative. The client may have
// had enough of it long before its end, so the request counts as answered when it begins.
func (x *exchange) pad(size int) {
	x.c.status = http.StatusOK
	x.s.finish(x.c)
	x.w.Header()["Content-Type"] = jsonType
	_, err := x.w.Write([]byte(acknowledgement))
	for n := 0; n != size && err == nil && x.r.Context().Err() == nil; n += len(padding) {
		_, err = x.w.Write(padding)
	}
}

func (x *exchange) drip(*Fault) {
	x.c.status = http.StatusOK
	x.w.Header()["Content-Type"] = jsonType
	x.w.Header().Set("Content-Length", strconv.Itoa(len(acknowledgement)))
	for i := range len(acknowledgement) {
		if i > 0 {
			x.flush()
		}
		if !x.wait(x.each) {
			x.leave()
			return
		}
		if _, err := x.w.Write([]byte(acknowledgement[i : i+1])); err != nil { // the client has hung up
			x.leave()
			return
		}
	}
}

// hang waits until the client gives up. A delay was waited for before, and then it is the server that does.
func (x *exchange) hang(f *Fault) {
	if f.Delay > 0 {
		x.abort(f)
	}
	<-x.r.Context().Done()
	x.leave()
}

// abort ends the request without a further byte: net/http closes the connection, and elsewhere it is the caller that
// learns of it by this panic.
func (x *exchange) abort(*Fault) { panic(http.ErrAbortHandler) }

// reset makes the client see a reset connection, or a closed one where this server has no hold of it.
func (x *exchange) reset(f *Fault) {
	x.s.finish(x.c)
	switch w := x.w.(type) {
	case *recorder:
		w.reset = true
	case http.Hijacker:
		conn, _, err := w.Hijack()
		if err != nil {
			break
		}
		defer conn.Close()
		if t, ok := conn.(interface{ NetConn() net.Conn }); ok { // TLS: without its farewell
			conn = t.NetConn()
		}
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
			_ = tcp.Close()
		}
	}
	x.abort(f)
}

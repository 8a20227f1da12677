package api_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tillpost/api"
	"tillpost/inventory"
)

// What a line uses again must carry nothing from one request to the next: neither bytes, nor what is known of its way, nor the
// end of its time.
func TestARequestOfALineKnowsNothingOfTheOneBefore(t *testing.T) {
	t.Parallel()
	const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
	steps := []struct {
		name   string
		answer string // empty = none, and the connection is closed; "wait" = none before the time is up
		early  bool   // it is there before the request is read
		want   api.Verdict
		doubt  bool
	}{
		{name: "the first", answer: ok, want: api.Acknowledged},
		{name: "one on the same connection", answer: ok, want: api.Acknowledged},
		{name: "no answer", answer: "", want: api.Later, doubt: true},
		{name: "one after none", answer: ok, want: api.Acknowledged},
		{name: "too late", answer: "wait", want: api.Later, doubt: true},
		{name: "one after that", answer: ok, want: api.Acknowledged},
		{name: "cut", answer: "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{", want: api.NotOurAPI, doubt: true},
		{name: "one after that too", answer: ok, want: api.Acknowledged},
		{name: "refused, and closed", answer: "HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", want: api.Refused},
		{name: "before it was asked", answer: ok, early: true, want: api.Acknowledged},
		{name: "the last", answer: ok, want: api.Acknowledged},
	}
	var at atomic.Int32
	url := listen(t, func(conn net.Conn, in *bufio.Reader) {
		for {
			if _, err := in.Peek(1); err != nil { // until a request comes
				return
			}
			n := at.Load()
			step := steps[n]
			if step.early {
				_, _ = io.WriteString(conn, step.answer)
			}
			r, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			body, _ := io.ReadAll(r.Body)
			if want := fmt.Sprintf(`{"upc":"%d","store":"3","quantity":%d}`, 1<<(3*n), n); string(body) != want {
				t.Errorf("%s: got %s, want %s", step.name, body, want)
			}
			switch {
			case step.answer == "wait":
				_, _ = io.Copy(io.Discard, in) // until the other side is closed
				return
			case step.answer == "":
				return
			case !step.early:
				_, _ = io.WriteString(conn, step.answer)
			}
			if step.want != api.Acknowledged {
				return
			}
		}
	})
	o := options(url)
	o.Timeout = time.Second
	line := open(t, o).Line(t.Context())
	defer line.Close()
	for n, step := range steps {
		at.Store(int32(n))
		a := line.Post(inventory.Update{Key: inventory.Key{Store: "3", UPC: fmt.Sprint(1 << (3 * n))}, Quantity: int64(n)})
		if a.Verdict != step.want || a.Doubt != step.doubt || a.NoConnection {
			t.Errorf("%s: got %v %+v, want %v, doubt %t", step.name, a.Verdict, a, step.want, step.doubt)
		}
		if step.answer != "wait" && a.Took >= o.Timeout {
			t.Errorf("%s: it took %v", step.name, a.Took)
		}
	}
}

// A line that lies idle for longer than its time-out still has all of it for the next request.
func TestALineThatLayIdleHasAllItsTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := options("https://api.example")
		o.Transport = slowly(o.Timeout - time.Millisecond)
		line := open(t, o).Line(t.Context())
		defer line.Close()
		for n := range 3 {
			if a := line.Post(update); a.Verdict != api.Acknowledged {
				t.Errorf("call %d: got %+v", n, a)
			}
			time.Sleep(2 * o.Timeout)
		}
	})
}

// slowly answers each request after so long.
type slowly time.Duration

func (s slowly) RoundTrip(r *http.Request) (*http.Response, error) {
	_, _ = io.Copy(io.Discard, r.Body)
	select {
	case <-time.After(time.Duration(s)):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	httptrace.ContextClientTrace(r.Context()).WroteRequest(httptrace.WroteRequestInfo{}) // so that the line is used again
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
}

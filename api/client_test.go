package api_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tillpost/api"
	"tillpost/inventory"
)

const token = "s3cr3t-t0ken-of-the-store"

var update = inventory.Update{Key: inventory.Key{Store: "3", SKU: "ZOOT-SUIT", Size: "34", Width: "D"}, Quantity: 44}

const updateBody = `{"sku":"ZOOT-SUIT","size":"34","width":"D","store":"3","quantity":44}`

// options are those of a client of the URL that has a little time.
func options(url string) api.Options {
	return api.Options{
		URL:         url,
		Token:       func() (string, error) { return token, nil },
		Timeout:     5 * time.Second,
		Connections: 4,
	}
}

func open(t testing.TB, o api.Options) *api.Client {
	t.Helper()
	c, err := api.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// listen serves each connection with serve, and closes it then. It returns the server's URL. The test fails when, at
// its end, the client has left a connection open.
func listen(t testing.TB, serve func(net.Conn, *bufio.Reader)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer conn.Close()
				serve(conn, bufio.NewReader(conn))
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		ended := make(chan struct{})
		go func() { serving.Wait(); close(ended) }()
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			t.Error("a connection was left open")
		}
	})
	return "http://" + l.Addr().String()
}

// answering serves one request on each connection with the bytes of raw.
func answering(raw string) func(net.Conn, *bufio.Reader) {
	return func(conn net.Conn, in *bufio.Reader) {
		if r, err := http.ReadRequest(in); err == nil {
			io.Copy(io.Discard, r.Body)
			io.WriteString(conn, raw)
		}
	}
}

// reset makes closing the connection a RST.
func reset(conn net.Conn) { conn.(*net.TCPConn).SetLinger(0) }

func TestOneCallIsOneDocumentedPOST(t *testing.T) {
	t.Parallel()
	got := make(chan string, 1)
	url := listen(t, func(conn net.Conn, in *bufio.Reader) {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		body, _ := io.ReadAll(r.Body)
		h := r.Header
		got <- fmt.Sprintf("%s %s %s %q %q %q %d %s", r.Method, r.URL, r.Host, h["Authorization"], h["Content-Type"],
			h["User-Agent"], len(h), body)
		io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nDate: Mon, 02 Jan 2006 15:04:05 GMT\r\n\r\n{}")
	})
	o := options(url + "/api/product/inventory")
	o.UserAgent = "tillpost/1.2"
	a := open(t, o).Post(t.Context(), update)
	if a.Verdict != api.Acknowledged || a.Status != 200 || a.Doubt || a.NoConnection || a.Words != "" || a.Took <= 0 {
		t.Errorf("got %+v, want acknowledged", a)
	}
	if want := time.Date(2006, 1, 2, 15, 4, 5, 0, time.UTC); !a.ServerTime().Equal(want) {
		t.Errorf("got the server's time %v, want %v", a.ServerTime(), want)
	}
	want := fmt.Sprintf(`POST /api/product/inventory %s ["Bearer %s"] ["application/json"] ["tillpost/1.2"] 5 %s`,
		strings.TrimPrefix(url, "http://"), token, updateBody)
	if got := <-got; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

func TestConnectionsAreUsedAgainAfterEveryWholeAnswer(t *testing.T) { // H14
	t.Parallel()
	var connections atomic.Int32
	var n atomic.Int32
	answers := []struct {
		status int
		body   string
	}{{200, ""}, {200, "{}"}, {204, ""}, {400, `{"error":"no"}`}, {404, strings.Repeat("x", 60<<10)}, {500, "oops"}, {200, strings.Repeat(" ", 1<<20)}}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := answers[int(n.Add(1)-1)%len(answers)]
		w.WriteHeader(c.status)
		io.WriteString(w, c.body)
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	s.Start()
	defer s.Close()
	c := open(t, options(s.URL))
	for range 10 * len(answers) {
		if a := c.Post(t.Context(), update); a.Status == 0 {
			t.Fatalf("got %+v", a)
		}
	}
	if got := connections.Load(); got != 1 {
		t.Errorf("got %d connections, want 1", got)
	}
}

func TestAnswersThatAreNotOneAreNeverAcknowledged(t *testing.T) { // A5, A7, A8, X7, H4, H5, H6
	t.Parallel()
	const ok = "HTTP/1.1 200 OK\r\n"
	for _, c := range []struct {
		name  string
		serve func(net.Conn, *bufio.Reader)
		want  api.Verdict
		doubt bool
		words string
	}{
		{"closed before the request is read", func(conn net.Conn, in *bufio.Reader) { in.ReadByte() }, api.Later, true, "the connection was "},
		{"closed after the request", answering(""), api.Later, true, "the connection was "},
		{"reset in the middle of the request", func(conn net.Conn, in *bufio.Reader) { in.ReadByte(); reset(conn) }, api.Later, true, "the connection was "},
		{"reset after the request", func(conn net.Conn, in *bufio.Reader) { answering("")(conn, in); reset(conn) }, api.Later, true, "the connection was "},
		{"reset in the middle of the answer", func(conn net.Conn, in *bufio.Reader) {
			answering(ok+"Content-Length: 50\r\n\r\n{}")(conn, in)
			reset(conn)
		}, api.NotOurAPI, true, "broke off"},
		{"a header cut short", answering(ok + "Content-Le"), api.Later, true, ""},
		{"a body cut short", answering(ok + "Content-Length: 50\r\n\r\n{}"), api.NotOurAPI, true, "broke off"},
		{"chunks cut short", answering(ok + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n"), api.NotOurAPI, true, "broke off"},
		{"an error cut short", answering("HTTP/1.1 400 Bad Request\r\nContent-Length: 50\r\n\r\n{}"), api.Later, true, "broke off"},
		{"more than 1 MiB", answering(ok + "Content-Length: 1048577\r\n\r\n" + strings.Repeat(" ", 1<<20+1)), api.NotOurAPI, true, "more than 1 MiB"},
		{"an endless body", endless(ok + "\r\n"), api.NotOurAPI, true, "more than 1 MiB"},
		{"an endless error", endless("HTTP/1.1 422 No\r\n\r\n"), api.Refused, false, ""},
		{"1 MB of header", answering(ok + strings.Repeat("Set-Cookie: a=b\r\n", 60_000) + "\r\n"), api.Later, true, "exceeded 65536 bytes"},
		{"one header of 1 MB", answering(ok + "A: " + strings.Repeat("a", 1<<20) + "\r\n\r\n"), api.Later, true, "exceeded 65536 bytes"},
		{"not HTTP", answering("SSH-2.0-OpenSSH_9.2\r\n"), api.Later, true, "malformed HTTP"},
		{"a 101", answering("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"), api.NotOurAPI, true, "101"},
		{"gzip that was not asked for", answering(ok + "Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00"), api.NotOurAPI, true, `\x1f\x8b`},
		{"a portal's page", answering(ok + "Content-Type: text/html\r\nContent-Length: 26\r\n\r\n<html><title>Hi</title> ..."), api.NotOurAPI, true, "HTML page (Hi)"},
		{"status 407", answering("HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n"), api.NotOurAPI, false, "407"},
		{"status 999", answering("HTTP/1.1 999 No\r\nContent-Length: 0\r\n\r\n"), api.NotOurAPI, false, "999"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := open(t, options(listen(t, c.serve))).Post(t.Context(), update)
			if a.Verdict != c.want || a.Doubt != c.doubt || a.NoConnection || a.Words == "" || !strings.Contains(a.Words, c.words) {
				t.Errorf("got %v %+v, want %v, doubt %v, words with %q", a.Verdict, a, c.want, c.doubt, c.words)
			}
		})
	}
}

// endless answers with the header and then white space for as long as somebody reads it.
func endless(header string) func(net.Conn, *bufio.Reader) {
	return func(conn net.Conn, in *bufio.Reader) {
		answering(header)(conn, in)
		for space := make([]byte, 64<<10); ; {
			if _, err := conn.Write(space); err != nil {
				return
			}
			copy(space, strings.Repeat(" ", len(space)))
		}
	}
}

func TestA1xxBeforeTheAnswerIsPassedOver(t *testing.T) {
	t.Parallel()
	url := listen(t, answering("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
	if a := open(t, options(url)).Post(t.Context(), update); a.Verdict != api.Acknowledged {
		t.Errorf("got %+v, want acknowledged", a)
	}
}

func TestACallEndsAtItsTimeoutWhateverTheServerDoes(t *testing.T) { // A20, H7
	t.Parallel()
	drip := func(start string) func(net.Conn, *bufio.Reader) {
		return func(conn net.Conn, in *bufio.Reader) {
			answering(start)(conn, in)
			tick := time.NewTicker(10 * time.Millisecond)
			defer tick.Stop()
			for range tick.C {
				if _, err := io.WriteString(conn, " "); err != nil {
					return
				}
			}
		}
	}
	for name, serve := range map[string]func(net.Conn, *bufio.Reader){
		"a server that is silent":        func(conn net.Conn, in *bufio.Reader) { io.Copy(io.Discard, in) },
		"a header drop by drop":          drip("HTTP/1.1 200 OK\r\nX: "),
		"a body drop by drop":            drip("HTTP/1.1 200 OK\r\n\r\n"),
		"an error's body drop by drop":   drip("HTTP/1.1 404 Not Found\r\n\r\n"),
		"the pause's body drop by drop":  drip("HTTP/1.1 503 Wait\r\n\r\n"),
		"a whole answer never delimited": drip("HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\n\r\n{}"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options(listen(t, serve))
			o.Timeout = 150 * time.Millisecond
			a := open(t, o).Post(t.Context(), update)
			if a.Verdict != api.Later || !a.Doubt || a.NoConnection || a.Words != "no answer within 150ms" {
				t.Errorf("got %v %+v, want later, in doubt", a.Verdict, a)
			}
			if a.Took < o.Timeout || a.Took > 3*time.Second {
				t.Errorf("got %v, want about %v", a.Took, o.Timeout)
			}
		})
	}
}

func TestARequestUnderWayThatIsGivenUpIsInDoubt(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	url := listen(t, func(conn net.Conn, in *bufio.Reader) {
		http.ReadRequest(in)
		cancel(errors.New("the service stops"))
		io.Copy(io.Discard, in)
	})
	c := open(t, options(url))
	a := c.Post(ctx, update)
	if a.Verdict != api.Later || !a.Doubt || a.NoConnection || a.Words != "given up: the service stops" {
		t.Errorf("under way: got %+v", a)
	}
	if a := c.Post(ctx, update); a.Verdict != api.Later || a.Doubt || a.NoConnection {
		t.Errorf("never begun: got %+v", a)
	}
}

func TestWhereNoConnectionIsMadeNothingIsInDoubt(t *testing.T) { // A15, H7
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := l.Addr().String()
	l.Close()
	a := open(t, options("http://"+closed)).Post(t.Context(), update)
	if a.Verdict != api.Later || a.Doubt || !a.NoConnection || a.Status != 0 || !strings.Contains(a.Words, "no connection to "+closed) {
		t.Errorf("got %v %+v, want later, no doubt", a.Verdict, a)
	}
}

func TestNothingIsReplayedOnASecondConnection(t *testing.T) { // A5, H1, R5
	t.Parallel()
	var requests, connections atomic.Int32
	url := listen(t, func(conn net.Conn, in *bufio.Reader) {
		connections.Add(1)
		for {
			r, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			io.Copy(io.Discard, r.Body)
			if requests.Add(1)%2 == 0 {
				return // a keep-alive connection that is closed under the next request
			}
			io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		}
	})
	c := open(t, options(url))
	for i := range 6 {
		a := c.Post(t.Context(), update)
		if want := api.Acknowledged; i%2 == 0 && (a.Verdict != want || a.Doubt) {
			t.Errorf("call %d: got %v %+v, want %v", i, a.Verdict, a, want)
		}
		if i%2 == 1 && (a.Verdict != api.Later || !a.Doubt) {
			t.Errorf("call %d: got %v %+v, want later, in doubt", i, a.Verdict, a)
		}
	}
	if requests.Load() != 6 || connections.Load() != 3 {
		t.Errorf("got %d requests on %d connections, want 6 on 3", requests.Load(), connections.Load())
	}
}

func TestAConnectionThatWasClosedWhileIdleIsNotUsed(t *testing.T) { // A5
	t.Parallel()
	idle := make(chan net.Conn, 1)
	var requests atomic.Int32
	url := listen(t, func(conn net.Conn, in *bufio.Reader) {
		answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")(conn, in)
		if requests.Add(1) == 1 {
			idle <- conn
			io.Copy(io.Discard, in) // until this side is closed, and the client has closed its own
		}
	})
	c := open(t, options(url))
	for call := range 2 {
		if a := c.Post(t.Context(), update); a.Verdict != api.Acknowledged {
			t.Fatalf("call %d: got %+v, want acknowledged", call, a)
		}
		if call == 0 {
			conn := <-idle
			conn.(*net.TCPConn).CloseWrite()
			conn.Read(make([]byte, 1)) // EOF: the client has seen it
		}
	}
}

func TestRedirectsAreNotFollowedAndTheTokenStaysHome(t *testing.T) { // A6, H2, H3
	t.Parallel()
	var strayed atomic.Int32
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { strayed.Add(1) }))
	defer elsewhere.Close()
	for _, status := range []int{300, 301, 302, 303, 305, 307, 308} {
		for _, to := range []string{elsewhere.URL + "/?token=" + token, "/login", "", "::"} {
			var requests atomic.Int32
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				requests.Add(1)
				w.Header().Set("Location", to)
				w.WriteHeader(status)
			}))
			a := open(t, options(s.URL)).Post(t.Context(), update)
			s.Close()
			if a.Verdict != api.NotOurAPI || a.Status != status || a.Doubt || requests.Load() != 1 || strings.Contains(a.Words, token) {
				t.Errorf("%d to %q: got %v %+v after %d requests", status, to, a.Verdict, a, requests.Load())
			}
		}
	}
	if got := strayed.Load(); got != 0 {
		t.Errorf("got %d requests elsewhere, want none", got)
	}
}

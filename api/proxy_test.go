package api_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tillpost/api"
)

// answeringAtOnce reads a little and answers with the bytes of raw.
func answeringAtOnce(raw string) func(net.Conn, *bufio.Reader) {
	return func(conn net.Conn, in *bufio.Reader) {
		in.ReadByte()
		io.WriteString(conn, raw)
	}
}

func TestTheProxyIsUsedAndSeesNoToken(t *testing.T) {
	t.Parallel()
	root := newAuthority(t)
	url, requests := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{
		root.sign(t, "", time.Now().Add(-time.Hour), time.Now().Add(time.Hour)),
	}})
	var tunnels atomic.Int32
	proxy := listen(t, func(conn net.Conn, in *bufio.Reader) {
		r, err := http.ReadRequest(in)
		if err != nil || r.Method != http.MethodConnect || r.Header.Get("Authorization") != "" {
			t.Errorf("got %+v, %v; want a CONNECT without a token", r, err)
			return
		}
		up, err := net.Dial("tcp", r.Host)
		if err != nil {
			return
		}
		defer up.Close()
		tunnels.Add(1)
		io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
		done := make(chan struct{})
		go func() {
			defer close(done)
			io.Copy(conn, up)
			conn.Close()
		}()
		io.Copy(up, in)
		up.Close()
		<-done
	})
	o := options(url)
	o.Proxy, o.CAFile = proxy, root.file
	a := open(t, o).Post(t.Context(), update)
	if a.Verdict != api.Acknowledged || tunnels.Load() != 1 || requests.Load() != 1 {
		t.Errorf("got %v %+v through %d tunnels", a.Verdict, a, tunnels.Load())
	}
}

func TestWhatAProxyRefuses(t *testing.T) { // A16
	t.Parallel()
	for status, want := range map[int]api.Verdict{
		407: api.NotOurAPI, 403: api.NotOurAPI, 404: api.NotOurAPI, 302: api.NotOurAPI, 204: api.NotOurAPI,
		429: api.Later, 502: api.Later, 503: api.Later, 504: api.Later,
	} {
		o := options("https://192.0.2.1") // nobody's: only the proxy is ever asked
		o.Proxy = listen(t, answering(fmt.Sprintf("HTTP/1.1 %d No\r\nContent-Length: 0\r\n\r\n", status)))
		a := open(t, o).Post(t.Context(), update)
		if a.Verdict != want || a.Doubt || !a.NoConnection || !strings.Contains(a.Words, fmt.Sprintf("the proxy answers %d", status)) {
			t.Errorf("%d: got %v %+v, want %v", status, a.Verdict, a, want)
		}
	}
}

func TestAProxyThatIsGoneIsNotPassedBy(t *testing.T) { // A16
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o := options("https://192.0.2.1")
	o.Proxy = "http://me:hush@" + l.Addr().String()
	l.Close()
	a := open(t, o).Post(t.Context(), update)
	if a.Verdict != api.Later || a.Doubt || !a.NoConnection || !strings.Contains(a.Words, "proxy") || strings.Contains(a.Words, "hush") {
		t.Errorf("got %v %+v, want later, no doubt", a.Verdict, a)
	}
}

func TestHTTPToThisMachineUsesNoProxy(t *testing.T) {
	t.Parallel()
	o := options(listen(t, answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")))
	o.Proxy = listen(t, func(conn net.Conn, in *bufio.Reader) { t.Error("the proxy was asked") })
	if a := open(t, o).Post(t.Context(), update); a.Verdict != api.Acknowledged {
		t.Errorf("got %v %+v, want acknowledged", a.Verdict, a)
	}
}

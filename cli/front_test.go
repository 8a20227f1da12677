package cli

import (
	"bytes"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

func TestThePageTakesNoMoreConnectionsThanItMay(t *testing.T) {
	t.Parallel()
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ConnState = atMost(3)
	s.Start()
	defer s.Close()
	at := s.Listener.Addr().String()
	ask := func(c net.Conn) bool {
		_, err := c.Write([]byte("GET / HTTP/1.1\r\nHost: " + at + "\r\n\r\n"))
		n := 0
		if err == nil {
			n, _ = c.Read(make([]byte, 100)) // an error is an answer too
		}
		return n > 0
	}
	var open []net.Conn
	dial := func() bool {
		c, err := net.Dial("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, c)
		return ask(c)
	}
	defer func() {
		var all sync.WaitGroup
		for _, c := range open {
			all.Go(func() { _ = c.Close() })
		}
		all.Wait()
	}()
	for i := range 3 {
		if !dial() {
			t.Fatalf("connection %d got no answer", i)
		}
	}
	if dial() {
		t.Error("a fourth connection got an answer")
	}
	_ = open[0].Close()
	eventually(t, "there is room again", dial)
}

func TestWhatThePortSaysGoesToTheAgentThatLogsNow(t *testing.T) {
	t.Parallel()
	v := newVitals()
	var before, now bytes.Buffer
	l := portLog{v}
	for _, to := range []*bytes.Buffer{&before, &now} {
		v.log.Store(slog.New(slog.NewTextHandler(to, &slog.HandlerOptions{Level: slog.LevelDebug})))
		if _, err := l.Write([]byte("http: it broke off\n")); err != nil {
			t.Fatal(err)
		}
	}
	for _, text := range []string{before.String(), now.String()} {
		if strings.Count(text, "\n") != 1 || !strings.Contains(text, `msg="a connection to the status page has failed" err="http: it broke off"`) {
			t.Errorf("got %q", text)
		}
	}
}

package agent_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tillpost/agent"
	"tillpost/testkit"
)

// callee is what a heartbeat or a push calls, in a bubble of virtual time.
type callee struct {
	begun time.Time

	mu     sync.Mutex // guards what follows
	calls  []string   // seconds since begun, path and query
	agents []string
	status int // 0 = no connection
	wait   time.Duration
}

func (c *callee) RoundTrip(r *http.Request) (*http.Response, error) {
	c.mu.Lock()
	c.calls = append(c.calls, fmt.Sprintf("%.0f %s", time.Since(c.begun).Seconds(), r.URL.RequestURI()))
	c.agents = append(c.agents, r.Header.Get("User-Agent"))
	status, wait := c.status, c.wait
	c.mu.Unlock()
	select {
	case <-r.Context().Done():
		return nil, r.Context().Err()
	case <-time.After(wait):
	}
	if status == 0 {
		return nil, errors.New("connect to " + r.URL.String()) // as the network's errors quote it
	}
	rec := httptest.NewRecorder()
	rec.Code = status
	return rec.Result(), nil
}

// is lets the callee answer so from now on.
func (c *callee) is(status int) {
	c.mu.Lock()
	c.status = status
	c.mu.Unlock()
}

// want checks the calls since it was asked last.
func (c *callee) want(t *testing.T, calls ...string) {
	t.Helper()
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	if !slices.Equal(c.calls, calls) {
		t.Errorf("got %q, want %q", c.calls, calls)
	}
	c.calls = nil
}

// health is whether all is well, and who is told when that changes.
type health struct {
	mu     sync.Mutex
	reason string // "" = all is well
	beat   *agent.Heartbeat
}

func (h *health) well() (bool, string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.reason == "", h.reason
}

func (h *health) turn(reason string) {
	h.mu.Lock()
	h.reason = reason
	h.mu.Unlock()
	h.beat.Look()
}

// beating runs a heartbeat every 5 minutes in a bubble.
func beating(t *testing.T, test func(c *callee, h *health, log *lockedBuffer, stop func())) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c, h, log := &callee{begun: time.Now(), status: 200}, &health{}, &lockedBuffer{}
		beat, err := agent.NewHeartbeat(agent.HeartbeatOptions{URL: "https://ping.example/secret-key/?rid=1#x", Every: 5 * time.Minute, Well: h.well, Version: "1.2.3",
			Log: slog.New(slog.NewTextHandler(log, nil)), Transport: c})
		if err != nil {
			t.Fatal(err)
		}
		h.beat = beat
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- beat.Run(ctx) }()
		test(c, h, log, stop)
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if strings.Contains(log.String(), "secret") || strings.Contains(beat.Link().Wrong, "secret") {
			t.Errorf("got the URL's key in %s or %q", log, beat.Link().Wrong)
		}
	})
}

func TestAHeartbeatCallsWhileAllIsWell(t *testing.T) {
	t.Parallel()
	beating(t, func(c *callee, h *health, log *lockedBuffer, stop func()) {
		time.Sleep(11 * time.Minute)
		c.want(t, "10 /secret-key/?rid=1", "310 /secret-key/?rid=1", "610 /secret-key/?rid=1")
		if got := h.beat.Link(); !got.On || got.Wrong != "" || got.Fails != 0 || !got.Last.Equal(c.begun.Add(610*time.Second)) {
			t.Errorf("got %+v", got)
		}
		if c.agents[0] != "tillpost/1.2.3" || log.String() != "" {
			t.Errorf("got %q, log %s", c.agents[0], log)
		}
		stop()
		time.Sleep(time.Hour)
		c.want(t)
	})
}

func TestAHeartbeatFailsAtOnceWhenSomethingIsWrong(t *testing.T) {
	t.Parallel()
	beating(t, func(c *callee, h *health, _ *lockedBuffer, stop func()) {
		time.Sleep(time.Minute)
		c.want(t, "10 /secret-key/?rid=1")
		h.turn("the API does not take the token (5 wait)")
		c.want(t, "60 /secret-key/fail?rid=1&msg=the+API+does+not+take+the+token+%285+wait%29")
		if got := c.agents[1]; got != "tillpost/1.2.3 (the API does not take the token ?5 wait?)" {
			t.Errorf("got %q", got)
		}
		h.turn("still")
		time.Sleep(time.Minute)
		c.want(t)
		time.Sleep(4 * time.Minute)
		c.want(t, "360 /secret-key/fail?rid=1&msg=still")
		time.Sleep(15 * time.Second)
		h.turn("")
		c.want(t, "375 /secret-key/?rid=1")
		h.turn("again") // no more than one in 10 s
		time.Sleep(9 * time.Second)
		c.want(t)
		time.Sleep(2 * time.Second)
		c.want(t, "385 /secret-key/fail?rid=1&msg=again")
		stop()
		c.want(t)
	})
}

func TestAHeartbeatIsHeldBackUntilARestartIsOver(t *testing.T) {
	t.Parallel()
	beating(t, func(c *callee, h *health, _ *lockedBuffer, _ func()) {
		h.turn("the folder is missing")
		time.Sleep(9 * time.Second)
		c.want(t)
		time.Sleep(time.Second)
		c.want(t, "10 /secret-key/fail?rid=1&msg=the+folder+is+missing")
	})
}

func TestAHeartbeatThatDoesNotGetThroughIsOneLine(t *testing.T) {
	t.Parallel()
	beating(t, func(c *callee, h *health, log *lockedBuffer, _ func()) {
		c.is(0)
		time.Sleep(3 * time.Minute)
		c.want(t, "10 /secret-key/?rid=1", "70 /secret-key/?rid=1", "130 /secret-key/?rid=1")
		if got := h.beat.Link(); got.Fails != 3 || got.Wrong != "the connection broke off, or never came about" || !got.Last.IsZero() {
			t.Errorf("got %+v", got)
		}
		c.is(302)
		time.Sleep(time.Minute)
		if got := h.beat.Link().Wrong; got != "the answer is 302 Found, a redirect, which is not followed" {
			t.Errorf("got %q", got)
		}
		c.is(204)
		time.Sleep(time.Minute)
		if n := strings.Count(log.String(), "\n"); n != 2 || !strings.Contains(log.String(), "the heartbeat gets through again\" failures=4 lasted=4m0s") {
			t.Errorf("got %s", log)
		}
	})
}

func TestAHeartbeatGivesUpAfterTenSeconds(t *testing.T) {
	t.Parallel()
	beating(t, func(c *callee, h *health, _ *lockedBuffer, _ func()) {
		c.mu.Lock()
		c.wait = time.Hour
		c.mu.Unlock()
		time.Sleep(21 * time.Second)
		if got := h.beat.Link().Wrong; got != "no answer in time" {
			t.Errorf("got %q", got)
		}
	})
}

func TestALongReasonIsCut(t *testing.T) {
	t.Parallel()
	beating(t, func(c *callee, h *health, _ *lockedBuffer, _ func()) {
		h.turn(strings.Repeat("ü", 300) + "\r\nX: y")
		time.Sleep(11 * time.Second)
		c.want(t, "10 /secret-key/fail?rid=1&msg="+strings.Repeat("%C3%BC", 199)+"%E2%80%A6")
		if got := c.agents[0]; got != "tillpost/1.2.3 ("+strings.Repeat("?", 200)+")" {
			t.Errorf("got %q", got)
		}
	})
}

func TestAHeartbeatOverARealConnection(t *testing.T) {
	t.Parallel()
	var redirected atomic.Bool
	got := make(chan string, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/elsewhere" {
			redirected.Store(true)
			return
		}
		user, password, _ := r.BasicAuth()
		got <- r.Method + " " + r.URL.RequestURI() + " " + user + ":" + password
		http.Redirect(w, r, "/elsewhere", http.StatusFound)
		_, _ = io.CopyN(w, zeros{}, 10<<20) // whoever calls does not read it all
	}))
	defer server.Close()
	log := &lockedBuffer{}
	beat, err := agent.NewHeartbeat(agent.HeartbeatOptions{URL: strings.Replace(server.URL, "http://", "http://me:s3cret@", 1) + "/key", Every: time.Minute,
		Well: func() (bool, string) { return false, "why" }, Version: "1", Log: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- beat.Run(ctx) }()
	if call := <-got; call != "GET /key/fail?msg=why me:s3cret" {
		t.Errorf("got %q", call)
	}
	if !testkit.Within(10*time.Second, func() bool { return beat.Link().Fails == 1 }) {
		t.Errorf("got %+v", beat.Link())
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if redirected.Load() || strings.Contains(log.String(), "s3cret") || strings.Contains(log.String(), "key") {
		t.Errorf("redirected: %t, log %s", redirected.Load(), log)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestAnAddressThatIsNoneIsNotQuoted(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"ftp://s3cret/", "http://s3cret\x7f", "https:///s3cret", "s3cret"} {
		_, err := agent.NewHeartbeat(agent.HeartbeatOptions{URL: address})
		_, perr := agent.NewPush(agent.PushOptions{URL: address})
		if err == nil || perr == nil || strings.Contains(err.Error()+perr.Error(), "s3cret") {
			t.Errorf("%q: got %v and %v", address, err, perr)
		}
	}
}

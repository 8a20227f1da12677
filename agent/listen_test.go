package agent_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tillpost/agent"
	"tillpost/outbox"
	"tillpost/testkit"
)

// live starts the store's agent on the real clock, with its listener, and returns what ends it.
func (s *store) live() (end func() error) {
	s.t.Helper()
	a, err := agent.New(agent.Options{Config: s.config, Version: "test", NoSync: true, Transport: s.api.Transport(),
		Log: slog.New(slog.NewTextHandler(&s.log, nil)), Token: func() (string, error) { return goodToken, nil }})
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(s.t.Context())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	s.eventually(func() bool { // not the card that another one left
		c, err := s.readCard()
		return err == nil && c.PID == os.Getpid() && c.Address != ""
	})
	return func() error { stop(); return <-done }
}

// eventually waits until what is wanted is so.
func (s *store) eventually(ok func() bool) {
	s.t.Helper()
	if !testkit.Within(10*time.Second, ok) {
		s.t.Fatalf("it did not come about; log:\n%s", s.log.String())
	}
}

type card struct {
	Address string `json:"address"`
	Key     string `json:"key"`
	Proof   string `json:"proof"`
	PID     int    `json:"pid"`
}

func (s *store) cardPath() string { return filepath.Join(s.config.DataDir, "agent.json") }

func (s *store) readCard() (c card, err error) {
	data, err := os.ReadFile(s.cardPath())
	if err == nil {
		err = json.Unmarshal(data, &c)
	}
	return c, err
}

func (s *store) card() card {
	s.t.Helper()
	c, err := s.readCard()
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

func (s *store) putCard(c card) {
	s.t.Helper()
	data, err := json.Marshal(c)
	if err == nil {
		err = os.WriteFile(s.cardPath(), data, 0o600)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

func TestTheListenerLetsInNobodyButADeskWithTheKey(t *testing.T) { // X1
	t.Parallel()
	s := newStore(t, "", "")
	end := s.live()
	c := s.card()
	for name, x := range map[string]struct {
		method, path, body string
		change             func(*http.Request)
		want               int
	}{
		"the key opens":                    {"GET", "/status", "", func(*http.Request) {}, 200},
		"a command with the key is taken":  {"POST", "/pause", "true", func(*http.Request) {}, 200},
		"no key":                           {"GET", "/status", "", func(r *http.Request) { r.Header.Del("X-Tillpost-Key") }, 403},
		"a wrong key":                      {"POST", "/pause", "true", func(r *http.Request) { r.Header.Set("X-Tillpost-Key", c.Key[1:]) }, 403},
		"the proof is no key":              {"POST", "/pause", "true", func(r *http.Request) { r.Header.Set("X-Tillpost-Key", c.Proof) }, 403},
		"another host, as after rebinding": {"GET", "/status", "", func(r *http.Request) { r.Host = "evil.example" }, 403},
		"localhost by name":                {"GET", "/status", "", func(r *http.Request) { r.Host = strings.Replace(c.Address, "127.0.0.1", "localhost", 1) }, 403},
		"a page's request":                 {"POST", "/pause", "true", func(r *http.Request) { r.Header.Set("Origin", "http://"+c.Address) }, 403},
		"a page's link":                    {"GET", "/status", "", func(r *http.Request) { r.Header.Set("Referer", "http://"+c.Address+"/") }, 403},
		"a browser of today":               {"GET", "/status", "", func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-origin") }, 403},
		"what is not JSON":                 {"POST", "/pause", "yes", func(*http.Request) {}, 400},
		"another JSON":                     {"POST", "/pause", `"true"`, func(*http.Request) {}, 400},
		"a command of 5 MB":                {"POST", "/wanted", `["` + strings.Repeat("A", 5<<20) + `"]`, func(*http.Request) {}, 413},
		"a write by GET":                   {"GET", "/pause", "", func(*http.Request) {}, 405},
		"another path":                     {"GET", "/", "", func(*http.Request) {}, 404},
	} {
		r, err := http.NewRequestWithContext(t.Context(), x.method, "http://"+c.Address+x.path, strings.NewReader(x.body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Tillpost-Key", c.Key)
		x.change(r)
		res, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		body, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if res.StatusCode != x.want {
			t.Errorf("%s: got %d, want %d", name, res.StatusCode, x.want)
		}
		if res.StatusCode == 403 && (res.Header.Get("X-Tillpost-Proof") != "" || bytes.Contains(body, []byte(c.Proof))) {
			t.Errorf("%s: the proof went to somebody without the key", name)
		}
	}
	if err := end(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(s.cardPath()); !os.IsNotExist(err) {
		t.Errorf("the card stays behind: %v", err)
	}
}

func TestTheCardIsReadableByItsAccountAlone(t *testing.T) {
	t.Parallel()
	s := newStore(t, "", "")
	if err := os.MkdirAll(s.config.DataDir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"agent.json", "agent.json.tmp"} { // as somebody may have put them there
		if err := os.WriteFile(filepath.Join(s.config.DataDir, name), []byte("{}"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	end := s.live()
	info, err := os.Stat(s.cardPath())
	if err != nil {
		t.Fatal(err)
	}
	if mode := info.Mode().Perm(); mode != 0o600 && runtime.GOOS != "windows" {
		t.Errorf("got mode %o, want 600", mode)
	}
	if err := end(); err != nil {
		t.Error(err)
	}
}

func TestADeskBelievesNoStrangerOnThePortOfADeadAgent(t *testing.T) {
	t.Parallel()
	s := newStore(t, "", "")
	if err := s.live()(); err != nil { // so that there is an outbox
		t.Fatal(err)
	}
	var secrets atomic.Int32
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Tillpost-Key") != "" {
			secrets.Add(1)
		}
	}))
	defer elsewhere.Close()
	var told atomic.Int32
	stranger := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			told.Add(1)
		}
		if strings.Contains(r.Header.Get("X-Tillpost-Key"), "redirect") {
			http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
			return
		}
		_, _ = io.WriteString(w, `{"state":"running","pending":77}`)
	}))
	defer stranger.Close()
	for _, c := range []card{
		{Address: stranger.Listener.Addr().String(), Key: "key", Proof: "proof", PID: 1},
		{Address: stranger.Listener.Addr().String(), Key: "redirect", Proof: "proof", PID: 1},
		{Address: stranger.Listener.Addr().String(), Key: "key", PID: 1},
		{Address: "192.0.2.1:80", Key: "key", Proof: "proof", PID: 1},
		{Address: "evil.example:80", Key: "key", Proof: "proof", PID: 1},
	} {
		s.putCard(c)
		d, err := agent.OpenDesk(t.Context(), s.config)
		if err != nil {
			t.Errorf("%v: %v", c, err)
			continue
		}
		st, err := d.Status(t.Context())
		if err != nil || st.State != "stopped" || st.Pending != 0 {
			t.Errorf("%v: got %+v, %v", c, st, err)
		}
		if err := d.Pause(t.Context(), true); err != nil {
			t.Error(err)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
	if told.Load() != 0 || secrets.Load() != 0 {
		t.Errorf("the stranger got %d commands, and another %d keys", told.Load(), secrets.Load())
	}
}

func TestTwoDesksAtOnceAreServed(t *testing.T) {
	t.Parallel()
	s := newStore(t, "", "")
	end := s.live()
	two := func() {
		t.Helper()
		errs := make(chan error, 2)
		for range 2 {
			go func() {
				d, err := agent.OpenDesk(t.Context(), s.config)
				if err == nil {
					_, err = d.Status(t.Context())
					if err == nil {
						err = d.Pause(t.Context(), false)
					}
					if cerr := d.Close(); err == nil {
						err = cerr
					}
				}
				errs <- err
			}()
		}
		for range 2 {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
	}
	two() // of the running agent
	if err := end(); err != nil {
		t.Error(err)
	}
	two() // from the file
}

func TestASecondAgentIsToldTheFirstOnesProcess(t *testing.T) { // P7
	t.Parallel()
	s := newStore(t, "", "")
	end := s.live()
	a, err := agent.New(agent.Options{Config: s.config, Log: slog.New(slog.DiscardHandler), Transport: s.api.Transport(),
		Token: func() (string, error) { return goodToken, nil }})
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("process id is %d", os.Getpid())
	if err := a.Run(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want its %s", err, want)
	}
	if err := end(); err != nil {
		t.Error(err)
	}
	// A card that an agent left which died says nothing of the next one.
	s.putCard(card{Address: "127.0.0.1:1", Key: "k", Proof: "p", PID: 4711})
	end = s.live()
	if err := end(); err != nil {
		t.Error(err)
	}
}

func TestTheStatusHasEveryKeyOfTheContract(t *testing.T) {
	t.Parallel()
	s := newStore(t, "", "")
	s.api.SetDown(500)
	s.drop("stock.csv", upcA+",5")
	end := s.live()
	d, err := agent.OpenDesk(t.Context(), s.config)
	if err != nil {
		t.Fatal(err)
	}
	s.eventually(func() bool {
		st, err := d.Status(t.Context())
		return err == nil && st.Pending == 1 && st.Sources[0].LastExport != nil
	})
	check := func(d agent.Desk) {
		t.Helper()
		st, err := d.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		data, err := json.Marshal(st)
		if err != nil {
			t.Fatal(err)
		}
		var got map[string]any
		if err := json.Unmarshal(data, &got); err != nil {
			t.Fatal(err)
		}
		of := func(m map[string]any, want map[string]any) {
			t.Helper()
			for key, kind := range want {
				v, ok := m[key]
				if ok && v != nil && fmt.Sprintf("%T", v) != fmt.Sprintf("%T", kind) || !ok || v == nil && key != "eta_s" {
					t.Errorf("%s: got %v (%T), want a %T, in %s", key, v, v, kind, data)
				}
			}
		}
		of(got, map[string]any{"state": "", "pending": 0.0, "in_flight": 0.0, "dead": 0.0, "unknown": 0.0, "held": 0.0,
			"rejects": 0.0, "delivered": 0.0, "unchanged": 0.0, "oldest_pending_s": 0.0, "eta_s": 0.0,
			"api": map[string]any{}, "sources": []any{}})
		of(got["api"].(map[string]any), map[string]any{"state": "", "last_error": ""})
		of(got["sources"].([]any)[0].(map[string]any), map[string]any{"name": "", "state": "", "last_export": map[string]any{}, "overdue": false})
	}
	check(d)
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if err := end(); err != nil {
		t.Error(err)
	}
	if d, err = agent.OpenDesk(t.Context(), s.config); err != nil {
		t.Fatal(err)
	}
	check(d)
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

func TestOnlyOneTakesTheOutbox(t *testing.T) {
	t.Parallel()
	s := newStore(t, "", "")
	box, err := outbox.Open(s.config.DataDir, outbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer box.Close()
	if _, err := agent.OpenDesk(t.Context(), s.config); err == nil || !strings.Contains(err.Error(), "does not answer") {
		t.Errorf("got %v, want that it does not answer", err)
	}
}

package agent_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"tillpost/agent"
	"tillpost/config"
	"tillpost/mockapi"
	"tillpost/outbox"
	"tillpost/testkit"
)

// store is one store in a bubble of virtual time: a folder, an agent, and the API in the same process.
type store struct {
	t      *testing.T
	dir    string
	text   string // of the config
	config *config.Config
	api    *mockapi.Server
	log    lockedBuffer

	tokenMu sync.Mutex
	token   string
	line    line // between the agent and the API

	agent *agent.Agent
	stop  context.CancelFunc
	done  chan error

	verify func(context.Context, string) (outbox.Verdict, error) // what the agent is started with
	ready  func()                                                // too
	cause  error                                                 // of its end; nil = none is told
	sync   bool                                                  // what the agent writes is flushed
	random rand.Source                                           // of the agent's chance; nil = its own
}

type lockedBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

const goodToken = "correct-horse"

// newStore makes a store whose config has more under api and under its one source.
func newStore(t *testing.T, api, source string) *store {
	t.Helper()
	return storeIn(t, t.TempDir(), api, source)
}

// storeIn makes a store in a folder where one may have been before.
func storeIn(t *testing.T, dir, api, source string) *store {
	t.Helper()
	text := fmt.Sprintf(`
api:
  url: http://127.0.0.1:1
%sdata_dir: %s
status: {listen: "off"}
sources:
  - name: main
    folder: %s
    defaults: {store: "3"}
%s`, api, filepath.Join(dir, "data"), filepath.Join(dir, "in"), source)
	c, err := config.Parse(filepath.Join(dir, "tillpost.yaml"), []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "in"), 0o700); err != nil {
		t.Fatal(err)
	}
	s := &store{t: t, dir: dir, text: text, config: c, token: goodToken}
	s.api = mockapi.New(mockapi.Options{Token: goodToken, History: 1000, Journal: 100_000, ClientTimeout: c.API.Timeout, Now: testkit.Steady})
	s.line.api = s.api.Transport()
	return s
}

// line is the network between the agent and the API, which can be cut.
type line struct {
	api   http.RoundTripper
	cut   atomic.Bool
	tries atomic.Int64 // to make a connection while it is cut
	apart bool         // no two requests arrive at once, so that they come in the same order each time: up to apartMost later

	mu    sync.Mutex
	under map[*http.Request]context.CancelCauseFunc // what has no answer
}

func (l *line) RoundTrip(r *http.Request) (*http.Response, error) {
	if l.cut.Load() {
		l.tries.Add(1)
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("network is unreachable")}
	}
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	r = r.WithContext(ctx)
	l.mu.Lock()
	if l.under == nil {
		l.under = map[*http.Request]context.CancelCauseFunc{}
	}
	l.under[r] = cancel
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		delete(l.under, r)
		l.mu.Unlock()
	}()
	if l.apart {
		if err := l.delay(r); err != nil {
			return nil, err
		}
	}
	return l.api.RoundTrip(r)
}

const apartMost = time.Millisecond

// delay lets a request wait for a time that its body decides.
func (l *line) delay(r *http.Request) error {
	sum := fnv.New32()
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		_, _ = sum.Write(body)
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	time.Sleep(time.Duration(sum.Sum32()) % apartMost)
	return nil
}

// idle tells whether every request has its answer.
func (l *line) idle() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.under) == 0
}

// hangUp ends the connections, as the end of a process does: what is on its way gets no answer, and the API works on.
func (l *line) hangUp() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, cancel := range l.under {
		cancel(syscall.ECONNRESET)
	}
}

func (s *store) setToken(token string) {
	s.tokenMu.Lock()
	defer s.tokenMu.Unlock()
	s.token = token
}

// make makes an agent. It must be called in the bubble.
func (s *store) make() *agent.Agent {
	s.t.Helper()
	a, err := agent.New(agent.Options{Config: s.config, Version: "test", NoNotify: true, NoListen: true, NoSync: !s.sync,
		Log:       slog.New(slog.NewTextHandler(io.MultiWriter(&s.log), nil)),
		Transport: &s.line, Verify: s.verify, Ready: s.ready, Random: s.random,
		Token: func() (string, error) {
			s.tokenMu.Lock()
			defer s.tokenMu.Unlock()
			if s.token == "" {
				return "", errors.New("there is no token")
			}
			return s.token, nil
		}})
	if err != nil {
		s.t.Fatal(err)
	}
	return a
}

// start starts the agent. It must be called in the bubble.
func (s *store) start() {
	s.t.Helper()
	a := s.make()
	ctx, stop := context.WithCancelCause(context.Background())
	s.agent, s.stop, s.done = a, func() { stop(s.cause) }, make(chan error, 1)
	go func() { s.done <- a.Run(ctx) }()
	synctest.Wait()
}

// end stops the agent, which must end without an error and leave an outbox that keeps its promises.
func (s *store) end() {
	s.t.Helper()
	s.stop()
	if err := <-s.done; err != nil {
		s.t.Errorf("the agent ended with: %v", err)
	}
	s.check()
	for _, v := range s.api.Check() {
		s.t.Errorf("the API was told wrongly: %s", v)
	}
	if s.t.Failed() {
		s.t.Logf("log:\n%s", s.log.String())
	}
}

func (s *store) check() {
	s.t.Helper()
	box, err := outbox.Open(s.config.DataDir, outbox.Options{NoSync: true})
	if err != nil {
		s.t.Fatal(err)
	}
	if err := box.Check(); err != nil {
		s.t.Errorf("the outbox breaks a promise: %v", err)
	}
	if err := box.Close(); err != nil {
		s.t.Error(err)
	}
}

// drop writes an export into the folder, its modification time the bubble's now.
func (s *store) drop(name string, lines ...string) {
	s.t.Helper()
	s.write(name, "UPC,On Hand\n"+strings.Join(lines, "\n")+"\n")
}

func (s *store) write(name, text string) {
	s.t.Helper()
	path := filepath.Join(s.dir, "in", name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	now := time.Now()
	if err := os.Chtimes(path, now, now); err != nil {
		s.t.Fatal(err)
	}
}

// pass lets virtual time pass.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// want fails unless the API holds just these quantities of store 3.
func (s *store) want(quantities map[string]int64) {
	s.t.Helper()
	got := map[string]int64{}
	for k, q := range s.api.Quantities() {
		got[k.UPC] = q
	}
	if !maps.Equal(got, quantities) {
		maps.DeleteFunc(got, func(code string, q int64) bool { want, ok := quantities[code]; return ok && want == q })
		wrong := map[string]int64{}
		for code, want := range quantities {
			if q, ok := s.api.Quantity(mockapi.Key{Store: "3", UPC: code}); !ok || q != want {
				wrong[code] = want
			}
		}
		s.t.Errorf("the API holds %v, want %v, of %d products", got, wrong, len(quantities))
	}
}

func (s *store) status() agent.Status {
	s.t.Helper()
	st, err := s.agent.Status()
	if err != nil {
		s.t.Fatal(err)
	}
	return st
}

func (s *store) requests() uint64 { return s.api.Counters().Requests }

// Valid UPCs.
const (
	upcA = "849632048260"
	upcB = "036000291452"
	upcC = "012345678905"
)

// writeAt writes an export with a modification time of its own.
func (s *store) writeAt(name, text string, at time.Time) {
	s.t.Helper()
	s.write(name, text)
	if err := os.Chtimes(filepath.Join(s.dir, "in", name), at, at); err != nil {
		s.t.Fatal(err)
	}
}

// folder lists a folder of the store; a missing one is empty.
func (s *store) folder(name string) (names []string) {
	entries, _ := os.ReadDir(filepath.Join(s.dir, filepath.FromSlash(name)))
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// pause pauses the drain by command, or lets it go on.
func (s *store) pause(paused bool) {
	s.t.Helper()
	if err := s.agent.Pause(paused); err != nil {
		s.t.Fatal(err)
	}
}

// manyRows are n rows of different products.
func manyRows(n int) []string {
	rows := make([]string, n)
	for i := range rows {
		rows[i] = withCheckDigit(fmt.Sprintf("%011d", 84_963_000_000+i)) + ",5"
	}
	return rows
}

func withCheckDigit(digits string) string {
	sum := 0
	for i, c := range digits {
		d := int(c - '0')
		if (len(digits)-i)%2 == 1 {
			d *= 3
		}
		sum += d
	}
	return digits + fmt.Sprint((10-sum%10)%10)
}

// files lists the files below a folder of the store, whole paths.
func (s *store) files(name string) (list []string) {
	s.t.Helper()
	err := filepath.WalkDir(filepath.Join(s.dir, name), func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			list = append(list, path)
		}
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return list
}

package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"tillpost/agent"
	"tillpost/mockapi"
	"tillpost/outbox"
	"tillpost/testkit"
)

// TestMain lets the test binary be tillpost where a test, or the demo, starts it, and takes away what this machine may
// hold for it.
func TestMain(m *testing.M) {
	if path := os.Getenv("TILLPOST_TEST_CRASH"); path != "" {
		crash(path)
	}
	if os.Getenv("TILLPOST_TEST_BE_TILLPOST") != "" {
		os.Exit(Main(os.Args[1:], os.Stdout, os.Stderr))
	}
	if err := os.Setenv("TILLPOST_TEST_BE_TILLPOST", "1"); err != nil {
		panic(err)
	}
	for _, name := range []string{"TILLPOST_CONFIG", "TILLPOST_TOKEN", "CREDENTIALS_DIRECTORY"} {
		if err := os.Unsetenv(name); err != nil {
			panic(err)
		}
	}
	testkit.Wide()
	os.Exit(m.Run())
}

// store is a machine with a config, a folder for exports and an API.
type store struct {
	t      *testing.T
	dir    string
	config string
	api    *mockapi.Server
}

func newStore(t *testing.T, o mockapi.Options) *store {
	t.Helper()
	s := &store{t: t, dir: t.TempDir()}
	o.Token = "secret"
	s.api = mockapi.New(o)
	server := httptest.NewServer(s.api)
	t.Cleanup(server.Close)
	s.config = filepath.Join(s.dir, "tillpost.yaml")
	s.write("token", "secret\n")
	s.write("tillpost.yaml", fmt.Sprintf("api: {url: %q, token_file: token, rate: unlimited, retry: {min: 10ms, max: 20ms}}\n"+
		"data_dir: data\nstatus: {listen: off}\nsources:\n  - {name: main, folder: pos, settle: 50ms, settle_last: 50ms, rescan: 200ms}\n", server.URL))
	return s
}

// write writes a file at once, as a POS does that knows how to.
func (s *store) write(name, text string) string {
	s.t.Helper()
	path := filepath.Join(s.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(path+".tmp", []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	if err := os.Rename(path+".tmp", path); err != nil {
		s.t.Fatal(err)
	}
	return path
}

// run runs one command with the store's config.
func (s *store) run(args ...string) (stdout, stderr string, status int) {
	s.t.Helper()
	return runIn(s.t.Context(), append([]string{args[0], "--config", s.config}, args[1:]...)...)
}

func runIn(ctx context.Context, args ...string) (stdout, stderr string, status int) {
	var out, err bytes.Buffer
	status = execute(ctx, args, &out, &err)
	return out.String(), err.String(), status
}

// status asks for the status as JSON; ok is false where nothing answers yet.
func (s *store) status() (status agent.Status, ok bool) {
	s.t.Helper()
	out, _, code := s.run("status", "--json")
	if code != statusDone {
		return status, false
	}
	if err := json.Unmarshal([]byte(out), &status); err != nil {
		s.t.Fatalf("status --json printed %q: %v", out, err)
	}
	return status, true
}

// eventually waits until what holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	if !testkit.Within(20*time.Second, holds) {
		t.Fatalf("after 20 s it still does not hold: %s", what)
	}
}

// buffer is a bytes.Buffer for several goroutines.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// start runs a command until stop, which answers its exit status.
func start(t *testing.T, args ...string) (stdout, stderr *buffer, stop func() int) {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	stdout, stderr = &buffer{}, &buffer{}
	ended := make(chan int, 1)
	go func() { ended <- execute(ctx, args, stdout, stderr) }()
	stopped := false
	stop = func() int {
		stopped = true
		cancel(fmt.Errorf("the test is over"))
		select {
		case status := <-ended:
			return status
		case <-time.After(20 * time.Second):
			stacks := make([]byte, 1<<20)
			t.Errorf("%v does not end:\n%s", args, stacks[:runtime.Stack(stacks, true)])
			return -1
		}
	}
	t.Cleanup(func() {
		if !stopped {
			stop()
		}
	})
	return stdout, stderr, stop
}

func TestCommandsAreServedByTheRunningAgent(t *testing.T) {
	t.Parallel()
	s := newStore(t, mockapi.Options{})
	s.write("pos/stock.csv", "Store,UPC,Qty\n3,849632048260,12\n3,849632040011,0\n")
	_, log, stop := start(t, "run", "--config", s.config)
	eventually(t, "the export is delivered", func() bool {
		status, ok := s.status()
		return ok && status.State == "running" && status.Delivered == 2 && status.Pending == 0
	})

	out, errs, code := s.run("status")
	if code != 0 || errs != "" || !strings.Contains(out, "running, process ") || !strings.Contains(out, "API           ok\n") {
		t.Errorf("status: got %d, %q, %q; want a running agent and an API that is ok", code, out, errs)
	}
	later := s.write("later.csv", "Store,UPC,Qty\n3,849632048260,11\n")
	if out, errs, code = s.run("preview", "--json", later); code != 0 || errs != "" || !strings.Contains(out, `"quantity":11},"was":12}`) {
		t.Errorf("preview: got %d, %q, %q; want what was sent before", code, out, errs)
	}
	for _, command := range []string{"run", "sync"} {
		_, errs, code = s.run(command)
		if code != statusFailed || !strings.Contains(errs, fmt.Sprintf("its process id is %d", os.Getpid())) || !strings.Contains(errs, "tillpost: hint: `tillpost status`") {
			t.Errorf("a second %s: got %d, %q; want 1, the first one's process id and a hint", command, code, errs)
		}
	}

	if out, _, code = s.run("pause"); code != 0 || out != "Paused: nothing is sent until `tillpost resume`. 0 updates wait.\n" {
		t.Errorf("pause: got %d, %q", code, out)
	}
	s.write("pos/stock.csv", "Store,UPC,Qty\n3,849632048260,11\n3,849632040011,0\n")
	eventually(t, "the change waits", func() bool {
		status, ok := s.status()
		return ok && status.State == "paused" && status.Why == "by command" && status.Pending == 1
	})
	if out, _, code = s.run("pause", "--json"); code != 0 || out != `{"state":"paused","why":"by command","pending":1}`+"\n" {
		t.Errorf("pause --json: got %d, %q", code, out)
	}
	if out, _, code = s.run("status"); code != 0 || !strings.Contains(out, "(`tillpost resume` lets it go on)") || !strings.Contains(out, "1 update, the oldest waits for ") {
		t.Errorf("status: got %d, %q; want the pause, how to end it, and the update that waits", code, out)
	}
	if out, _, code = s.run("resume"); code != 0 || !strings.HasPrefix(out, "Resumed: updates are sent.") {
		t.Errorf("resume: got %d, %q", code, out)
	}
	eventually(t, "the change is delivered", func() bool {
		quantity, _ := s.api.Quantity(mockapi.Key{Store: "3", UPC: "849632048260"})
		return quantity == 11
	})
	if code := stop(); code != statusDone {
		t.Errorf("run: got %d after it was stopped, want 0; its log:\n%s", code, log)
	}
	if strings.Contains(log.String(), "secret") {
		t.Errorf("the token is in the log:\n%s", log)
	}
}

func TestAnAgentThatDoesNotAnswerIsToldApartFromNone(t *testing.T) {
	t.Parallel()
	s := newStore(t, mockapi.Options{})
	box, err := outbox.Open(filepath.Join(s.dir, "data"), outbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := box.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Run("status", func(t *testing.T) {
		t.Parallel()
		_, errs, code := s.run("status")
		if code != statusFailed || !strings.Contains(errs, "and does not answer") || !strings.Contains(errs, "if it still does not answer, end ") {
			t.Errorf("got %d, %q; want 1, that it does not answer, and what to do", code, errs)
		}
	})
	t.Run("preview", func(t *testing.T) {
		t.Parallel()
		out, errs, code := s.run("preview", "--json", s.write("later.csv", "Store,UPC,Qty\n3,849632048260,11\n"))
		if code != statusDone || !strings.Contains(out, `"quantity":11}}`) || !strings.HasPrefix(errs, "tillpost: warning: what would change cannot be told: ") {
			t.Errorf("got %d, %q, %q; want what it would send, and a warning", code, out, errs)
		}
	})
}

func TestSyncThatCannotDeliverEndsWithWhatWaits(t *testing.T) {
	t.Parallel()
	s := newStore(t, mockapi.Options{})
	s.api.SetDown(503)
	s.write("pos/stock.csv", "Store,UPC,Qty\n3,849632048260,12\n")
	stdout, stderr, stop := start(t, "sync", "--config", s.config)
	eventually(t, "the API was asked", func() bool { return s.api.Counters().Requests > 0 })
	if code := stop(); code != statusFailed || !strings.Contains(stdout.String(), "1 update not sent yet") ||
		!strings.Contains(stderr.String(), "tillpost: error: the test is over: 1 update still waits") || !strings.Contains(stderr.String(), "nothing is lost") {
		t.Errorf("when it is stopped: got %d, %q, %q; want 1, a summary with what waits, and a hint", code, stdout, stderr)
	}
	if _, errs, code := s.run("sync", "--timeout", "300ms"); code != statusFailed || !strings.Contains(errs, "tillpost: error: the time-out of 300ms is over: ") {
		t.Errorf("at its time-out: got %d, %q; want 1 and why", code, errs)
	}
	s.api.SetDown(0)
	if out, errs, code := s.run("sync", "--json"); code != statusDone || !strings.Contains(out, `"delivered":1,`) {
		t.Errorf("once the API is back: got %d, %q, %q; want one update delivered", code, out, errs)
	}
}

func TestSyncWithAMissingFolderPrintsItsSummaryAndTheError(t *testing.T) {
	t.Parallel()
	for _, asJSON := range []bool{false, true} {
		t.Run(fmt.Sprintf("json %t", asJSON), func(t *testing.T) {
			t.Parallel()
			s := newStore(t, mockapi.Options{})
			config, err := os.ReadFile(s.config)
			if err != nil {
				t.Fatal(err)
			}
			s.write("tillpost.yaml", string(config)+"  - {name: second, folder: not-there, settle: 50ms, settle_last: 50ms}\n")
			s.write("pos/stock.csv", "Store,UPC,Qty\n3,849632048260,12\n")
			args, want := []string{"sync", "--timeout", "20s"}, "1 update delivered, 0 rows unchanged, 0 rows rejected, 0 dead letters"
			if asJSON {
				args, want = []string{"sync", "--timeout", "20s", "--json"}, `{"delivered":1,"unchanged":0,"rejects":0,"refused":0,"dead":0,"unknown":0,"held":0,"pending":0}`
			}
			out, errs, code := s.run(args...)
			_, said, _ := strings.Cut(errs, "tillpost: error: ")
			if code != statusFailed || !strings.Contains(out, want) || strings.Count(out, "\n") != 1 || !strings.Contains(said, "second") || !strings.Contains(said, "not-there") {
				t.Errorf("got %d, %q, %q; want 1, the summary, and an error that names the missing folder", code, out, errs)
			}
		})
	}
}

func TestMockAPIListensServesAndEnds(t *testing.T) {
	t.Parallel()
	stdout, _, stop := start(t, "mock-api", "--listen", "127.0.0.1:0", "--token", "secret", "--fault", "500,code=849632040011,next=1", "--unknown", "849632040042", "--seed", "7")
	var url string
	eventually(t, "it says where it listens", func() bool {
		_, err := fmt.Sscanf(stdout.String(), "listening on %s\n", &url)
		return err == nil
	})
	s := newStore(t, mockapi.Options{})
	s.write("tillpost.yaml", fmt.Sprintf("api: {url: %q, token_file: token, rate: unlimited, retry: {min: 10ms, max: 20ms}}\ndata_dir: data\n"+
		"sources: [{name: main, folder: pos, settle: 50ms, settle_last: 50ms}]\n", url))
	s.write("pos/stock.csv", "Store,UPC,Qty\n3,849632048260,12\n3,849632040011,3\n3,849632040042,1\n")
	if out, errs, code := s.run("sync"); code != statusPartial || !strings.HasPrefix(out, "2 updates delivered") {
		t.Errorf("sync: got %d, %q, %q; want 2 updates delivered and a dead letter", code, out, errs)
	}
	if code := stop(); code != statusDone {
		t.Errorf("mock-api: got %d after it was stopped, want 0", code)
	}
}

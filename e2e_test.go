package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"tillpost/mockapi"
	"tillpost/testkit"
)

// The tests of this file and its neighbours run the real binary against a real HTTP server and a real folder.

// binary builds tillpost once for all tests, without HTTP/2 as a release is.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "tillpost-e2e-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "tillpost")
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	out, err := exec.Command("go", "build", "-buildvcs=false", "-tags", "nethttpomithttp2", "-o", path, ".").CombinedOutput()
	if err != nil {
		return "", errors.Join(fmt.Errorf("build: %w\n%s", err, out), os.RemoveAll(dir))
	}
	return path, nil
})

// atTheEnd is called once all tests are over.
var atTheEnd = func() error { return nil }

func TestMain(m *testing.M) {
	testkit.Wide()
	code := m.Run()
	if err := atTheEnd(); err != nil {
		fmt.Fprintln(os.Stderr, "at the end:", err)
		code = max(code, 1)
	}
	if path, err := binary(); err == nil {
		_ = os.RemoveAll(filepath.Dir(path)) // the system's temporary folder is swept anyway
	}
	os.Exit(code)
}

// patience is how long a test waits for what must happen.
const patience = 60 * time.Second

// shop is one store: a folder, the binary, and an API.
type shop struct {
	t      testing.TB
	dir    string
	api    *mockapi.Server
	server *httptest.Server
	log    *buffer
	slow   time.Duration // for which each flush of the agent's takes longer, by strace

	cmd    *exec.Cmd
	exited chan error
}

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

const apiToken = "s3cret-of-the-store"

// newShop makes a shop; api and source are more lines of those sections of its config.
func newShop(t testing.TB, api, source string) *shop {
	t.Helper()
	s := &shop{t: t, dir: t.TempDir(), log: &buffer{}}
	s.api = mockapi.New(mockapi.Options{Token: apiToken, History: 100, Journal: 200_000, ClientTimeout: 2 * time.Second})
	s.server = httptest.NewServer(s.api)
	t.Cleanup(s.server.CloseClientConnections)
	t.Cleanup(s.server.Close)
	for _, folder := range []string{"in", "data"} {
		if err := os.Mkdir(s.path(folder), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	s.setToken(apiToken)
	s.configure(s.server.URL, api, source)
	t.Cleanup(func() {
		if s.cmd != nil {
			s.kill()
		}
		if strings.Contains(s.log.String(), apiToken) {
			t.Error("the log holds the token")
		}
		if t.Failed() {
			text := s.log.String()
			t.Logf("the end of the log:\n%s", text[max(0, len(text)-6000):])
		}
	})
	return s
}

func (s *shop) path(name string) string { return filepath.Join(s.dir, filepath.FromSlash(name)) }

func (s *shop) configure(url, api, source string) {
	s.t.Helper()
	if !strings.Contains(source, "settle_last") {
		source += "    settle_last: 1s\n"
	}
	for name, usual := range map[string]string{"timeout": "2s", "confirm": "4s"} {
		if !strings.Contains(api, name) {
			api += "  " + name + ": " + usual + "\n"
		}
	}
	text := fmt.Sprintf(`api:
  url: %s
  token_file: token
  rate: unlimited
  retry: {min: 20ms, max: 500ms}
%sdata_dir: data
status: {listen: "off"}
sources:
  - name: main
    folder: in
    settle: 100ms
    rescan: 1s
    defaults: {store: "3"}
%s`, url, api, source)
	if err := os.WriteFile(s.path("tillpost.yaml"), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s *shop) setToken(text string) {
	s.t.Helper()
	if err := os.WriteFile(s.path("token"), []byte(text+"\n"), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// command is tillpost with this shop's config.
func (s *shop) command(args ...string) *exec.Cmd {
	s.t.Helper()
	path, err := binary()
	if err != nil {
		s.t.Fatal(err)
	}
	cmd := exec.Command(path, append(args, "--config", s.path("tillpost.yaml"))...)
	cmd.Dir = string(filepath.Separator)
	return cmd
}

// start starts the agent and waits until it serves commands.
func (s *shop) start() {
	s.t.Helper()
	s.launch()
	s.eventually("the agent serves commands", func() bool {
		text, err := os.ReadFile(s.path("data/agent.json"))
		var card struct{ PID int }
		return err == nil && json.Unmarshal(text, &card) == nil && card.PID == s.cmd.Process.Pid
	})
}

// launch starts the agent.
func (s *shop) launch() {
	s.t.Helper()
	s.cmd = s.command("run")
	if s.slow > 0 { // -D: strace stands beside the agent, not above it
		slow := fmt.Sprintf("inject=fsync,fdatasync:delay_exit=%d", s.slow.Microseconds())
		args := []string{"-D", "-f", "-o", filepath.Join(s.t.TempDir(), "strace"), "-e", "trace=fsync,fdatasync", "-e", slow}
		s.cmd = exec.Command("strace", append(args, s.cmd.Args...)...)
		s.cmd.Dir = string(filepath.Separator)
	}
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	cmd, exited := s.cmd, make(chan error, 1)
	s.exited = exited
	go func() { exited <- cmd.Wait() }()
}

// stop stops the agent as a service manager does; it must end with 0.
func (s *shop) stop() *os.ProcessState {
	s.t.Helper()
	cmd := s.cmd
	if err := s.cmd.Process.Signal(os.Interrupt); err != nil {
		s.t.Fatal(err)
	}
	select {
	case err := <-s.exited:
		if err != nil {
			s.t.Errorf("the agent ended with: %v", err)
		}
	case <-time.After(patience):
		s.t.Fatal("the agent does not stop")
	}
	s.cmd = nil
	return cmd.ProcessState
}

// kill ends the agent as a power cut does, but for the disk.
func (s *shop) kill() {
	_ = s.cmd.Process.Kill() // it may have ended by itself
	<-s.exited
	s.cmd = nil
}

// run runs a command to its end.
func (s *shop) run(args ...string) (stdout, stderr string, code int) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	cmd := s.command(args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	defer context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })()
	_ = cmd.Wait() // the exit status says it
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// status is what `status --json` prints.
func (s *shop) status() map[string]any {
	s.t.Helper()
	out, errs, code := s.run("status", "--json")
	if code != 0 {
		s.t.Fatalf("status ended with %d: %s", code, errs)
	}
	var st map[string]any
	if err := json.Unmarshal([]byte(out), &st); err != nil {
		s.t.Fatalf("status printed %q: %v", out, err)
	}
	return st
}

// drop puts a whole export into the folder, as a POS does that writes under another name first.
func (s *shop) drop(name string, rows ...string) {
	s.t.Helper()
	s.write(name+".tmp", csvText(rows...))
	if err := os.Rename(s.path("in/"+name+".tmp"), s.path("in/"+name)); err != nil {
		s.t.Fatal(err)
	}
}

func csvText(rows ...string) string { return "UPC,On Hand\n" + strings.Join(rows, "\n") + "\n" }

func (s *shop) write(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(s.path("in/"+name), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// eventually waits until cond holds.
func (s *shop) eventually(what string, cond func() bool) {
	s.t.Helper()
	deadline := time.Now().Add(patience)
	for !cond() {
		if time.Now().After(deadline) {
			s.t.Fatalf("not in %v: %s", patience, what)
		}
		select {
		case err := <-s.exited:
			s.exited <- err
			s.t.Fatalf("the agent has ended (%v) while the test waited: %s", err, what)
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// holds reports whether the API holds just these quantities of store 3.
func (s *shop) holds(want map[string]int64) bool { return maps.Equal(s.quantities(), want) }

func (s *shop) quantities() map[string]int64 {
	got := map[string]int64{}
	for k, q := range s.api.Quantities() {
		got[k.UPC] = q
	}
	return got
}

// ends waits until the API holds just these quantities and nothing waits any more, and checks what the API saw.
func (s *shop) ends(want map[string]int64) {
	s.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		st := s.status()
		if s.holds(want) && st["pending"] == 0.0 && st["in_flight"] == 0.0 {
			break
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("the API holds %d keys (want %d), the status is %v", len(s.quantities()), len(want), st)
		}
	}
	for _, v := range s.api.Check() {
		s.t.Errorf("the API was told wrongly: %s", v)
	}
}

func (s *shop) inject(fault string) {
	s.t.Helper()
	f, err := mockapi.ParseFault(fault)
	if err == nil {
		err = s.api.Inject(f)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// post sends a row's update to the API as a request that was long on its way.
func (s *shop) post(row string) {
	s.t.Helper()
	upc, quantity, _ := strings.Cut(row, ",")
	body := fmt.Sprintf(`{"upc":%q,"store":"3","quantity":%s}`, upc, quantity)
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.server.URL+mockapi.Path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+apiToken)
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	_ = answer.Body.Close() // that it was taken shows at the API
}

func (s *shop) requests() uint64 { return s.api.Counters().Requests }

// upc is the n-th of a catalogue of valid UPCs.
func upc(n int) string {
	digits := fmt.Sprintf("%011d", 84_963_000_000+n)
	sum := 0
	for i, c := range digits {
		sum += int(c-'0') * (3 - 2*(i%2))
	}
	return digits + fmt.Sprint((10-sum%10)%10)
}

func row(n int, quantity int64) string { return fmt.Sprintf("%s,%d", upc(n), quantity) }

func quantities(q ...int64) map[string]int64 {
	m := map[string]int64{}
	for n, q := range q {
		m[upc(n)] = q
	}
	return m
}

package main_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tillpost/testkit"
)

// killAt lets strace kill the agent when it begins a system call on a path below the shop's folder. It returns once that
// is set up; died waits until it has happened.
func (s *shop) killAt(call, path string) (died func()) {
	s.t.Helper()
	trace := filepath.Join(s.t.TempDir(), "trace")
	cmd := exec.Command("strace", "-f", "-o", trace, "-p", fmt.Sprint(s.cmd.Process.Pid), "-P", s.path(path),
		"-e", "trace="+call, "-e", "inject="+call+":signal=KILL")
	says, err := cmd.StderrPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		_ = cmd.Process.Kill() // it has ended by itself, unless the test has failed
		_ = cmd.Wait()
	})
	var said string
	for lines := bufio.NewScanner(says); !strings.Contains(said, "attached"); said += lines.Text() + "\n" {
		if !lines.Scan() {
			s.t.Fatalf("strace cannot attach to the agent: %s", said)
		}
	}
	go func() { _, _ = io.Copy(io.Discard, says) }()
	return func() {
		s.t.Helper()
		select {
		case <-s.exited:
			s.cmd = nil
		case <-time.After(patience):
			s.t.Fatalf("the agent has not called %s on %s", call, path)
		}
		_ = cmd.Wait() // it ends with the signal of what it watches
		if text, err := os.ReadFile(trace); err != nil || !strings.Contains(string(text), call+"(") || !strings.Contains(string(text), "killed by SIGKILL") {
			s.t.Fatalf("the agent ended otherwise: %v\n%s", err, text)
		}
	}
}

// gate is the API behind a gate: a request waits there until the test lets it through.
type gate struct {
	http.Handler
	arrived, through chan struct{}
}

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	select {
	case g.arrived <- struct{}{}:
	case <-r.Context().Done(): // the test is over
		return
	}
	select {
	case <-g.through:
		g.Handler.ServeHTTP(w, r)
	case <-r.Context().Done():
	}
}

// wait waits for a request at the gate.
func (g *gate) wait(t *testing.T) {
	t.Helper()
	select {
	case <-g.arrived:
	case <-time.After(patience):
		t.Fatal("no request comes")
	}
}

// TestKilledBetweenTheAnswerAndItsCommit: the API has acknowledged an update, and the agent is killed when it begins to
// write that down, or to make it durable. The update is sent once more, and not oftener.
func TestKilledBetweenTheAnswerAndItsCommit(t *testing.T) { // P2, I12
	testkit.NeedTool(t, "strace", "-f", "true")
	t.Parallel()
	s := newShop(t, "  timeout: 1m\n  confirm: 2m\n", "")
	g := &gate{s.api, make(chan struct{}), make(chan struct{})}
	s.server.Config.Handler = g
	want := map[string]int64{}
	for i, call := range []string{"pwrite64", "fdatasync", "pwrite64", "fdatasync"} {
		s.start()
		s.drop("stock.csv", row(i, 5)) // a product that nothing is in doubt about
		g.wait(t)
		died := s.killAt(call, "data/outbox.db")
		g.through <- struct{}{}
		died()
		want[upc(i)] = 5
		if !s.holds(want) {
			t.Errorf("%s: the API holds %v, want %v", call, s.quantities(), want)
		}
		if st := s.status(); st["pending"] != 1.0 || st["delivered"] != float64(i) {
			t.Errorf("%s: after the kill: got %v pending, %v delivered", call, st["pending"], st["delivered"])
		}
		s.start()
		g.wait(t)
		g.through <- struct{}{}
		s.ends(want)
		if n := s.requests(); n != 2*uint64(i+1) {
			t.Errorf("%s: got %d requests, want two for each update", call, n)
		}
		s.stop()
	}
}

// TestKilledBetweenTakingAnExportAndPuttingItAway: the agent is killed in the transaction that takes an export, and on
// each step from there to the archive. Each row is delivered once, and the export is not lost.
func TestKilledBetweenTakingAnExportAndPuttingItAway(t *testing.T) { // P3, I11
	testkit.NeedTool(t, "strace", "-f", "true")
	t.Parallel()
	for name, x := range map[string]struct{ after, call, path string }{
		"when it is about to be taken":         {"archive", "pwrite64", "data/outbox.db"},
		"when its taking is to be durable":     {"archive", "fdatasync", "data/outbox.db"},
		"before its report of rejects":         {"archive", "unlinkat", "data/rejects/stock.csv.rejects.csv"},
		"before it is set aside":               {"archive", "renameat", "in"},
		"before it is in the archive":          {"archive", "renameat", "data/archive/main/stock.csv"},
		"before it is deleted":                 {"delete", "unlinkat", "in"},
		"before it is set aside to be deleted": {"delete", "renameat", "in"},
		"when it is kept, about to be taken":   {"keep", "fdatasync", "data/outbox.db"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t, "", "    after: "+x.after+"\n")
			s.start()
			if _, errs, code := s.run("pause"); code != 0 {
				t.Fatalf("pause: %s", errs)
			}
			died := s.killAt(x.call, x.path)
			s.drop("stock.csv", row(0, 5), row(1, 6), row(2, 7))
			died()
			s.start()
			left := map[string]int{"archive": 0, "delete": 0, "keep": 1}[x.after]
			s.eventually("the export is taken and put away", func() bool {
				in, err := os.ReadDir(s.path("in"))
				return err == nil && len(in) == left && s.status()["pending"] == 3.0
			})
			if st := s.status(); st["unchanged"] != 0.0 {
				t.Errorf("the export was taken twice: %v", st)
			}
			if kept := s.archived(); x.after == "archive" && kept != 1 {
				t.Errorf("the archive holds %d exports, want 1", kept)
			}
			if _, errs, code := s.run("resume"); code != 0 {
				t.Fatalf("resume: %s", errs)
			}
			s.ends(quantities(5, 6, 7))
			if n := s.requests(); n != 3 {
				t.Errorf("got %d requests, want one for each row", n)
			}
			s.stop()
		})
	}
}

// archived counts the exports in the archive. A kill may leave an empty file there beside them, which had kept the name.
func (s *shop) archived() (n int) {
	s.t.Helper()
	entries, err := os.ReadDir(s.path("data/archive/main"))
	for _, e := range entries {
		about, ierr := e.Info()
		if err = errors.Join(err, ierr); err == nil && about.Size() > 0 {
			n++
		}
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		s.t.Fatal(err)
	}
	return n
}

// TestSparseExportsOfTenGigabytesAreRefusedAtOnce: they cost next to no disk, and must cost next to no time or memory.
func TestSparseExportsOfTenGigabytesAreRefusedAtOnce(t *testing.T) { // W21
	t.Parallel()
	s := newShop(t, "", "    guard: off\n")
	names := []string{"nothing.csv", "rows.csv", "row.csv", "between.csv"}
	for name, text := range map[string]string{
		"nothing.csv": "",                                 // all of it zeros
		"rows.csv":    csvText(row(0, 1), row(1, 2)),      // then zeros
		"row.csv":     csvText(row(0, 1)) + upc(1) + ",2", // that may go on
		"between.csv": csvText(row(0, 1)),                 // zeros, and then a row
	} {
		s.write(name+".tmp", text)
		if err := os.Truncate(s.path("in/"+name+".tmp"), 10<<30); err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.OpenFile(s.path("in/between.csv.tmp"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("\n" + row(2, 3) + "\n"); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	s.start()
	for _, name := range names {
		if err := os.Rename(s.path("in/"+name+".tmp"), s.path("in/"+name)); err != nil {
			t.Fatal(err)
		}
	}
	s.drop("good.csv", row(3, 4))
	peak := 0
	s.eventually("all of them are refused", func() bool {
		peak = max(peak, anonymous(t, s.cmd.Process.Pid))
		return strings.Count(s.log.String(), "export refused") == len(names)
	})
	s.ends(map[string]int64{upc(3): 4})
	state := s.stop()
	t.Logf("anonymous memory at the peak: %d MiB; processor time: %v", peak>>20, state.UserTime()+state.SystemTime())
	if took := state.UserTime() + state.SystemTime(); took > 4*time.Second { // a second each
		t.Errorf("the agent took %v of the processor", took)
	}
	if peak > 64<<20 {
		t.Errorf("got %d MiB of anonymous memory, want at most 64", peak>>20)
	}
}

// TestAnotherUserReadsNothingAndCommandsNothing: also where the data folder was made for all to look into.
func TestAnotherUserReadsNothingAndCommandsNothing(t *testing.T) { // X2
	testkit.NeedRoot(t)
	t.Parallel()
	s := newShop(t, "", "    after: archive\n    guard: {zero: 1%, min: 1}\n")
	for _, path := range []string{filepath.Dir(s.dir), s.dir, s.path("data"), s.path("in"), s.path("tillpost.yaml")} {
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(s.path("tillpost.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.path("tillpost.yaml"), append(text, "log: {file: data/logs/till.log}\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	s.api.SetDown(503)
	s.start()
	s.drop("stock-1.csv", row(0, 5), row(1, 6), "bad,row")
	s.eventually("the export is taken", func() bool { return s.status()["rejects"] == 1.0 })
	s.drop("stock-2.csv", row(0, 0), row(1, 0))
	s.eventually("an export is held", func() bool { return s.status()["held"] == 1.0 })

	another := func(command string, args ...string) (output string, ok bool) {
		t.Helper()
		cmd := exec.Command(command, args...)
		cmd.Dir = "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		out, err := cmd.CombinedOutput()
		if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended {
			t.Fatal(err)
		}
		return string(out), err == nil
	}
	if out, ok := another("cat", s.path("tillpost.yaml")); !ok {
		testkit.Lacks(t, "the folder for temporary files lets no other user in: %s", out)
	}
	var files int
	for _, root := range []string{"token", "data"} {
		err := filepath.WalkDir(s.path(root), func(path string, d os.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			files++
			if out, ok := another("cat", path); ok {
				t.Errorf("the other user reads %s: %.100q", path, out)
			}
			if out, ok := another("sh", "-c", "echo >> "+path); ok {
				t.Errorf("the other user writes to %s: %s", path, out)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, need := range []string{"data/outbox.db", "data/agent.json", "data/logs/till.log", "data/rejects/stock-1.csv.rejects.csv", "data/archive/main/stock-1.csv"} {
		if _, err := os.Stat(s.path(need)); err != nil {
			t.Errorf("what was to be tried is not there: %v", err)
		}
	}
	if held, _ := os.ReadDir(s.path("data/held")); len(held) == 0 || files < 8 {
		t.Errorf("%d files were tried", files)
	}
	card, err := os.ReadFile(s.path("data/agent.json"))
	if err != nil {
		t.Fatal(err)
	}
	var at struct{ Address, Key string }
	if err := json.Unmarshal(card, &at); err != nil {
		t.Fatal(err)
	}
	talk := func(key string) string {
		host, port, _ := strings.Cut(at.Address, ":")
		out, _ := another("bash", "-c", fmt.Sprintf(`exec 3<>/dev/tcp/%s/%s; printf 'POST /pause HTTP/1.1\r\nHost: %s\r\n%sContent-Length: 4\r\nConnection: close\r\n\r\ntrue' >&3; cat <&3`,
			host, port, at.Address, key))
		return out
	}
	if out := talk(""); !strings.HasPrefix(out, "HTTP/1.1 403 ") {
		t.Errorf("without the key the listener answers %q", out)
	}
	if st := s.status(); st["state"] != "running" {
		t.Errorf("the other user has paused the agent: %v", st["state"])
	}
	if out := talk("X-Tillpost-Key: " + at.Key + "\\r\\n"); !strings.HasPrefix(out, "HTTP/1.1 200 ") { // so it is the key that is lacking
		t.Errorf("with the key the listener answers %q", out)
	}
	s.stop()
}

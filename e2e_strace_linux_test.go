package main_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
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

func needStrace(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("strace"); err != nil {
		t.Skip("strace is not installed")
	}
}

// gate is the API behind a gate: a request waits there until the test lets it through.
type gate struct {
	http.Handler
	arrived, through chan struct{}
}

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.arrived <- struct{}{}
	<-g.through
	g.Handler.ServeHTTP(w, r)
}

// TestKilledBetweenTheAnswerAndItsCommit: the API has acknowledged an update, and the agent is killed when it begins to
// write that down, or to make it durable. The update is sent once more, and not oftener.
func TestKilledBetweenTheAnswerAndItsCommit(t *testing.T) { // P2, I12
	needStrace(t)
	t.Parallel()
	s := newShop(t, "  timeout: 1m\n  confirm: 2m\n", "")
	g := &gate{s.api, make(chan struct{}), make(chan struct{})}
	s.server.Config.Handler = g
	want := map[string]int64{}
	for i, call := range []string{"pwrite64", "fdatasync", "pwrite64", "fdatasync"} {
		s.start()
		s.drop("stock.csv", row(i, 5)) // a product that nothing is in doubt about
		<-g.arrived
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
		<-g.arrived
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
	needStrace(t)
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

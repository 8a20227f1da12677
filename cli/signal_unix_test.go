//go:build !windows

package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tillpost/mockapi"
)

// process starts tillpost as a process of its own and waits until its log has a message.
func process(t *testing.T, message string, args ...string) (_ *exec.Cmd, log *buffer) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), "TILLPOST_TEST_BE_TILLPOST=1")
	log = &buffer{}
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "its log has "+message, func() bool { return strings.Contains(log.String(), message) })
	return cmd, log
}

func TestTheFirstSignalEndsTheAgentInOrder(t *testing.T) {
	t.Parallel()
	caught := make(chan os.Signal, 1) // a process ignores what the one that starts it ignores, as under nohup
	signal.Notify(caught, syscall.SIGHUP)
	t.Cleanup(func() { signal.Stop(caught) })
	for _, stop := range []os.Signal{syscall.SIGTERM, os.Interrupt, syscall.SIGHUP} {
		t.Run(stop.String(), func(t *testing.T) {
			t.Parallel()
			s := newStore(t, mockapi.Options{})
			cmd, log := process(t, "msg=started", "run", "--config", s.config)
			if err := cmd.Process.Signal(stop); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); err != nil {
				t.Errorf("got %v, want the exit status 0; it said\n%s", err, log)
			}
		})
	}
}

func TestTheSecondSignalEndsTheAgentAtOnce(t *testing.T) {
	t.Parallel()
	hang, err := mockapi.ParseFault("hang")
	if err != nil {
		t.Fatal(err)
	}
	s := newStore(t, mockapi.Options{Faults: []mockapi.Fault{hang}})
	s.write("pos/stock.csv", "Store,UPC,Qty\n3,849632048260,12\n")
	cmd, _ := process(t, "msg=started", "run", "--config", s.config)
	eventually(t, "a request is in flight", func() bool { return s.api.Counters().InFlight == 1 })
	start := time.Now()
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for tick := time.Tick(50 * time.Millisecond); ; <-tick {
		select {
		case err := <-ended:
			if took := time.Since(start); err == nil || took > 5*time.Second {
				t.Errorf("got %v after %s, want an end by a signal long before the request's 10 s", err, took)
			}
			return
		default:
			_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		}
	}
}

func TestPreviewDoesNotWaitForTheWriterOfAPipe(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "pipe.csv")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	_, errs, code := runIn(t.Context(), "preview", path)
	if want := "tillpost: error: read the export: " + path + " is not a regular file\n"; code != statusFailed || errs != want {
		t.Errorf("got %d, %q; want 1, %q", code, errs, want)
	}
}

func TestATokenThatOthersCanReadIsRefused(t *testing.T) {
	t.Parallel()
	s := newStore(t, mockapi.Options{})
	if err := os.Chmod(filepath.Join(s.dir, "token"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"run", "sync"} {
		_, errs, code := s.run(command)
		if code != statusUsage || !strings.Contains(errs, "has the mode 0644") || !strings.Contains(errs, "tillpost: hint: `chmod 600 ") {
			t.Errorf("%s: got %d, %q; want 2, why, and what to do", command, code, errs)
		}
	}
}

func TestAHangupThatIsIgnoredAsByNohupEndsNothing(t *testing.T) {
	t.Parallel()
	s := newStore(t, mockapi.Options{})
	r, w := newPipe(t)
	cmd := exec.CommandContext(t.Context(), "sh", "-c", `trap "" HUP; exec "$0" run --config "$1"`, os.Args[0], s.config)
	cmd.Env = append(os.Environ(), "TILLPOST_TEST_BE_TILLPOST=1")
	cmd.Stderr = w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(r).ReadString('\n'); err != nil || !strings.Contains(line, "msg=started") {
		t.Fatalf("got %q, %v; want that it started", line, err)
	}
	for _, signal := range []os.Signal{syscall.SIGHUP, syscall.SIGTERM} {
		if err := cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		if signal == syscall.SIGHUP {
			s.write("pos/stock.csv", "Store,UPC,Qty\n3,849632048260,12\n")
			eventually(t, "an update is delivered after the hangup", func() bool { return s.api.Counters().Requests > 0 })
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("got %v, want the exit status 0", err)
	}
}

// unread starts tillpost as a process of its own, whose standard error is a pipe.
func unread(t *testing.T, stdout io.Writer, stderr *os.File, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), "TILLPOST_TEST_BE_TILLPOST=1", "TMPDIR="+t.TempDir())
	cmd.Stdout, cmd.Stderr = stdout, stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

// tempFolder is where a process of unread makes its temporary files.
func tempFolder(cmd *exec.Cmd) string {
	return strings.TrimPrefix(cmd.Env[len(cmd.Env)-1], "TMPDIR=")
}

func TestTheAgentOutlivesTheReaderOfItsLog(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		prepare func(r, w *os.File) error
	}{
		{"nobody reads, and the pipe is full", func(_, w *os.File) error {
			if err := w.SetWriteDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
				return err
			}
			if _, err := w.Write(make([]byte, 4<<20)); !errors.Is(err, os.ErrDeadlineExceeded) {
				return fmt.Errorf("the pipe took it: %w", err)
			}
			return nil
		}},
		{"the reader is gone", func(r, _ *os.File) error { return r.Close() }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newStore(t, mockapi.Options{})
			r, w := newPipe(t)
			if err := test.prepare(r, w); err != nil {
				t.Fatal(err)
			}
			cmd := unread(t, nil, w, "run", "--config", s.config)
			s.write("pos/stock.csv", "Store,UPC,Qty\n3,849632048260,12\n")
			eventually(t, "the update is delivered", func() bool {
				quantity, ok := s.api.Quantity(mockapi.Key{Store: "3", UPC: "849632048260"})
				return ok && quantity == 12
			})
			if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			withoutWaiting(t, "run", func() {
				if err := cmd.Wait(); err != nil {
					t.Errorf("got %v, want the exit status 0", err)
				}
			})
		})
	}
}

// demoAgents are the processes that work in a demo's folder for temporary files: its agents.
func demoAgents(t *testing.T, cmd *exec.Cmd) (pids []int) {
	t.Helper()
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range lines {
		text, _ := os.ReadFile(name) // it may have ended
		if !strings.Contains(string(text), tempFolder(cmd)) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	return pids
}

func TestTheDemoLeavesNothingHoweverItEnds(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		end    func(cmd *exec.Cmd, stdout *os.File, agent int) error
		status int // of the demo; -1 = it was killed
		says   string
	}{
		{"Ctrl-C", func(cmd *exec.Cmd, _ *os.File, _ int) error { return cmd.Process.Signal(os.Interrupt) }, statusDone, ""},
		{"SIGTERM", func(cmd *exec.Cmd, _ *os.File, _ int) error { return cmd.Process.Signal(syscall.SIGTERM) }, statusDone, ""},
		{"SIGKILL", func(cmd *exec.Cmd, _ *os.File, _ int) error { return cmd.Process.Kill() }, -1, ""},
		{"its reader goes", func(_ *exec.Cmd, stdout *os.File, _ int) error { return stdout.Close() }, statusFailed, ""},
		{"its agent is killed", func(_ *exec.Cmd, _ *os.File, agent int) error { return syscall.Kill(agent, syscall.SIGKILL) }, statusFailed,
			"tillpost: error: the demo's step at 09:00: the agent has ended (signal: killed); its last words:\n"},
		{"its agent is stopped", func(_ *exec.Cmd, _ *os.File, agent int) error { return syscall.Kill(agent, syscall.SIGTERM) }, statusFailed,
			"tillpost: error: the demo's step at 09:00: the agent has ended (exit status 0); its last words:\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			outReader, out := newPipe(t)
			errReader, errs := newPipe(t)
			cmd := unread(t, out, errs, "demo") // slow: the first delivery takes a while
			if err := errors.Join(out.Close(), errs.Close()); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewReader(outReader)
			for line := ""; !strings.Contains(line, " waiting, "); {
				var err error
				if line, err = lines.ReadString('\n'); err != nil {
					t.Fatal(err)
				}
			}
			agents := demoAgents(t, cmd)
			if len(agents) != 1 {
				t.Fatalf("got the agents %v, want one", agents)
			}
			if err := test.end(cmd, outReader, agents[0]); err != nil {
				t.Fatal(err)
			}
			withoutWaiting(t, "demo", func() {
				if err := cmd.Wait(); cmd.ProcessState.ExitCode() != test.status {
					t.Errorf("got %v, want the exit status %d", err, test.status)
				}
			})
			eventually(t, "its agent is gone", func() bool { return len(demoAgents(t, cmd)) == 0 })
			if said, err := io.ReadAll(errReader); err != nil || !strings.HasPrefix(string(said), test.says) || test.says == "" && len(said) > 0 {
				t.Errorf("it said %q, %v; want %q", said, err, test.says)
			}
			left, err := os.ReadDir(tempFolder(cmd))
			if err != nil || len(left) > 0 && test.status >= 0 {
				t.Errorf("got %v, %v in the folder for temporary files, want nothing", left, err)
			}
		})
	}
}

package outbox_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tillpost/outbox"
	"tillpost/testkit"
)

var everyErrno = flag.Bool("every-errno", false, "let each call fail in each of its ways, not in one of them")

// faultyCalls are the calls that fail in turn, and how.
var faultyCalls = map[string][]string{
	"pwrite64":  {"ENOSPC", "EIO", "EDQUOT", "EINTR"},
	"fdatasync": {"EIO", "ENOSPC", "EDQUOT", "EINTR"},
	"openat":    {"ENOSPC", "EIO", "EDQUOT", "EMFILE", "EINTR"},
	"write":     {"ENOSPC", "EIO", "EDQUOT", "EINTR"},
	"fsync":     {"EIO", "ENOSPC", "EINTR"},
	"ftruncate": {"ENOSPC", "EIO", "EINTR"},
	"renameat":  {"ENOSPC", "EIO", "EINTR"},
	"unlinkat":  {"EIO", "EINTR"},
	"mkdirat":   {"ENOSPC", "EIO", "EMFILE"},
	"pread64":   {"EIO", "EINTR"},
}

// callsOf counts, for each call, how often the main thread of a writer makes it before it opens something in its folder,
// and in all.
func callsOf(t *testing.T) (before, all map[string]int) {
	t.Helper()
	dir, log := t.TempDir(), filepath.Join(t.TempDir(), "log")
	if out, code := writeFaulty(t, dir, log); code != 0 {
		t.Fatalf("the writer ended with %d without a fault:\n%s", code, out)
	}
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	main, _, _ := strings.Cut(string(text), " ")
	all = map[string]int{}
	for line := range strings.Lines(string(text)) {
		thread, call, _ := strings.Cut(line, " ")
		if thread != main {
			continue
		}
		if before == nil && strings.Contains(line, dir) {
			before = map[string]int{}
			for name, n := range all {
				before[name] = n
			}
		}
		name, _, _ := strings.Cut(strings.TrimLeft(call, " "), "(")
		all[name]++
	}
	return before, all
}

// writeFaulty runs a writer of one export with strace beside it (-D), which gets more arguments, and answers all that it printed, and
// its exit code.
func writeFaulty(t *testing.T, dir, log string, args ...string) (said string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	all := append([]string{"-D", "-f", "-o", log, "-e", "trace=pwrite64,fdatasync,openat,write,fsync,ftruncate,renameat,unlinkat,mkdirat,pread64"}, args...)
	cmd := exec.CommandContext(ctx, "strace", append(all, os.Args[0])...)
	cmd.Env = append(os.Environ(), writerEnv+"="+dir, writerExports+"=1")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &out, &errs, time.Second
	err := cmd.Run()
	if code = cmd.ProcessState.ExitCode(); code != 0 && code != 1 {
		t.Errorf("%v: %v\n%s", args, err, errs.String())
	}
	return out.String(), code
}

// failOnce lets the n-th call of a writer fail, and looks what is left then.
func failOnce(t *testing.T, call, errno string, n int) (said string) {
	t.Helper()
	var dir string
	name, failed := fmt.Sprintf("%s %d: %s", call, n, errno), false
	for range 5 { // a busy machine may start a writer with a call of its runtime less on the main thread
		dir = t.TempDir()
		log := filepath.Join(t.TempDir(), "log")
		said, _ = writeFaulty(t, dir, log, "-e", fmt.Sprintf("inject=%s:error=%s:when=%d", call, errno, n))
		text, err := os.ReadFile(log)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return said
		}
		if failed = strings.Contains(string(text), "(INJECTED)"); failed {
			break
		}
	}
	if !failed {
		t.Errorf("%s: nothing has failed", name)
	}
	if err := survives(t, dir, said); err != nil {
		t.Errorf("%s: %v\nafter it had said\n%s", name, err, said)
		return said
	}
	if err := goOn(dir); err != nil {
		t.Errorf("%s: %v", name, err)
	}
	return said
}

// goOn takes one more export, as an agent that starts once all is well, and delivers all of it.
func goOn(dir string) error {
	box, err := outbox.Open(dir, outbox.Options{Destination: asAgent.Destination, NoSync: true})
	if err != nil {
		return err
	}
	defer box.Close()
	if why := box.Opening().Foreign; why != "" {
		return fmt.Errorf("the ledger is not trusted any more: %s", why)
	}
	if _, err := box.Resume(context.Background()); err != nil {
		return err
	}
	w := &writer{box: box}
	n := next(box)
	if err := writeExport(box, n); err != nil {
		return err
	}
	for {
		leases, err := box.Turn(w.results, 100, time.Now().Add(time.Hour))
		if err != nil {
			return err
		}
		if w.results = w.results[:0]; len(leases) == 0 {
			break
		}
		for _, l := range leases {
			box.Take(l)
			w.results = append(w.results, outbox.Result{Lease: l, Outcome: outbox.Acknowledged})
		}
	}
	for i := range writerKeys {
		if k, err := box.Lookup(writerKey(i)); err != nil || k.Pending || k.Acked == nil || *k.Acked != n {
			return fmt.Errorf("at the end: got %+v, %v; want %d acknowledged", k, err, n)
		}
	}
	return box.Check()
}

func TestEveryCallThatFailsOnceLosesNothing(t *testing.T) { // D5, D6, B7
	t.Parallel()
	testkit.NeedTool(t, "strace", "-f", "true")
	before, all := callsOf(t)
	type fault struct {
		call, errno string
		n           int
	}
	var faults []fault
	for call, errnos := range faultyCalls {
		if all[call] == before[call] {
			t.Errorf("a writer makes no call of %s", call)
		}
		for n := before[call] + 1; n <= all[call]; n++ {
			some := errnos
			if !*everyErrno {
				some = errnos[n%len(errnos):][:1]
			}
			for _, errno := range some {
				faults = append(faults, fault{call, errno, n})
			}
		}
	}
	t.Logf("%d faults", len(faults))
	var wait sync.WaitGroup
	for worker := range 2 {
		wait.Go(func() {
			for i := worker; i < len(faults); i += 2 {
				failOnce(t, faults[i].call, faults[i].errno, faults[i].n)
			}
		})
	}
	wait.Wait()
}

func TestAFlushThatFailsLeavesACommitThatCountsOrDoesNot(t *testing.T) { // D6, B7, B8
	t.Parallel()
	testkit.NeedTool(t, "strace", "-f", "true")
	before, all := callsOf(t)
	outcomes := map[string]bool{}
	for n := before["fdatasync"] + 1; n <= all["fdatasync"]; n++ {
		said := failOnce(t, "fdatasync", "EIO", n)
		for _, outcome := range []string{"uncertain", "counted true", "counted false"} {
			if strings.Contains(said, outcome) {
				outcomes[outcome] = true
			}
		}
	}
	if len(outcomes) != 3 {
		t.Errorf("got only %v, want acknowledgements that counted, and such that did not", outcomes)
	}
}

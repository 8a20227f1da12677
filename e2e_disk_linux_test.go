package main_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"tillpost/testkit"
)

// insideEnv says that the process runs one test in a mount namespace of its own.
const insideEnv = "TILLPOST_TEST_OWN_MOUNTS"

// withOwnMounts reports whether this process may mount what it likes without anybody seeing it. If not, it has run the
// test in a process that may.
func withOwnMounts(t *testing.T) bool {
	t.Helper()
	if os.Getenv(insideEnv) != "" {
		return true
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), insideEnv+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getegid(), Size: 1}}}
	out, err := cmd.CombinedOutput()
	switch {
	case errors.Is(err, syscall.EPERM):
		testkit.Lacks(t, "this machine lets nobody have mounts of his own: %v", err)
	case err != nil:
		t.Errorf("%v\n%s", err, out)
	}
	return false
}

// diskShop makes a shop whose data folder lies on a disk of a few MB, with products that wait and an API that is down.
func diskShop(t *testing.T, api string, products int) *shop {
	t.Helper()
	s := newShop(t, api, "    guard: \"off\"\n")
	edit(`listen: "off"`, `listen: "127.0.0.1:0"`)(s)
	if err := syscall.Mount("tmpfs", s.path("data"), "tmpfs", 0, "size=24m"); err != nil {
		t.Fatalf("mount a small disk: %v", err)
	}
	t.Cleanup(func() {
		if s.cmd != nil {
			s.kill()
		}
		if err := syscall.Unmount(s.path("data"), syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	s.api.SetDown(503)
	s.start()
	s.drop("stock-1.csv", rowsOf(products, 5)...)
	s.eventually("the first export waits", func() bool { return s.status()["pending"] == float64(products) })
	return s
}

func rowsOf(n int, quantity int64) []string {
	rows := make([]string, n)
	for i := range rows {
		rows[i] = row(i, quantity)
	}
	return rows
}

func allAt(n int, quantity int64) map[string]int64 {
	m := map[string]int64{}
	for i := range n {
		m[upc(i)] = quantity
	}
	return m
}

// fillUp writes to the data folder's disk until no more than left bytes are free.
func (s *shop) fillUp(left int) {
	s.t.Helper()
	f, err := os.Create(s.path("data/other"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer f.Close()
	for err == nil {
		_, err = f.Write(bytes.Repeat([]byte("x"), 4096))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		s.t.Fatalf("got %v, want a full disk", err)
	}
	about, err := f.Stat()
	if err == nil {
		err = f.Truncate(about.Size() - int64(left))
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *shop) makeRoom() {
	s.t.Helper()
	if err := os.Remove(s.path("data/other")); err != nil {
		s.t.Fatal(err)
	}
}

func (s *shop) problem() string {
	sources := s.status()["sources"].([]any)
	text, _ := sources[0].(map[string]any)["problem"].(string)
	return text
}

func TestOnAFullDiskExportsWaitAndDeliveriesGoOn(t *testing.T) { // D3, I11, B9
	t.Parallel()
	if !withOwnMounts(t) {
		return
	}
	const products = 2000
	s := diskShop(t, "", products)
	s.fillUp(3 << 20)
	s.drop("stock-2.csv", rowsOf(products+500, 6)...)
	want := regexp.MustCompile(regexp.QuoteMeta(fmt.Sprintf("the disk of %s is full: %s has ", s.path("data"), s.path("data"))) + "[23] MB free, about 9 MB are needed")
	s.eventually("the status says what is full and what is needed", func() bool { return want.MatchString(s.problem()) })
	if !want.MatchString(s.log.String()) {
		t.Errorf("the log does not say %q", want)
	}
	f := failure{code: "exports_not_taken", log: "exports cannot be taken in"}
	f.isSeen(s, s.page())
	s.api.SetDown(0)
	s.ends(allAt(products, 5)) // what was taken before
	s.drop("stock-3.csv", rowsOf(products+500, 7)...)
	s.makeRoom()
	s.eventually("the newest export is delivered", func() bool { return s.holds(allAt(products+500, 7)) })
	s.eventually("both are taken", func() bool { return strings.Count(s.log.String(), "export taken") == 3 })
	s.ends(allAt(products+500, 7)) // whichever of the two was read first
	if n := strings.Count(s.log.String(), "exports can be taken in again"); n != 1 {
		t.Errorf("the log says %d times that it is over, want once", n)
	}
	s.stop()
}

func TestNothingIsSentWhoseAcknowledgementCannotBeStored(t *testing.T) { // D4, I12
	t.Parallel()
	if !withOwnMounts(t) {
		return
	}
	const products, concurrency = 6000, 64
	s := diskShop(t, fmt.Sprintf("  concurrency: %d\n", concurrency), products)
	s.fillUp(0)
	s.api.SetDown(0)
	state := func() (state, why string) {
		api := s.status()["api"].(map[string]any)
		return api["state"].(string), api["last_error"].(string)
	}
	s.eventually("sending pauses", func() bool { now, _ := state(); return now == "disk full" })
	_, why := state()
	if !strings.Contains(why, "has 0 MB free, about 8 MB are needed") {
		t.Errorf("got %q, want what is full and what is needed", why)
	}
	f := failure{code: "disk_full", log: "acknowledgements cannot be stored"}
	f.isSeen(s, s.page())
	s.eventually("nothing is in flight", func() bool { return s.status()["in_flight"] == 0.0 })
	// Now and then it is tried again, and pages that came free may do for some.
	over := func() int { return strings.Count(s.log.String(), "acknowledgements can be stored again") }
	var times int
	var full string
	var before uint64
	for range 60 { // each looks twice, which takes its time
		// Once it is full, and nothing says that this is over, it is full to the next look.
		now, still := s.requests(), full == "disk full" && times == over()
		if after, _ := state(); still && after == full && times == over() && now != before {
			t.Errorf("%d requests were sent whose acknowledgement cannot be stored", now-before)
		}
		times = over()
		full, _ = state()
		before = s.requests()
	}
	s.makeRoom()
	s.ends(allAt(products, 5))
	s.stop()
	applied := uint64(0)
	for _, item := range s.api.State().Items {
		applied += uint64(item.Applied)
	}
	if applied != products {
		t.Errorf("%d updates were applied for %d products: acknowledgements were lost", applied, products)
	}
}

func TestASlowDiskParksNothing(t *testing.T) { // D13, I20
	t.Parallel()
	testkit.NeedTool(t, "strace", "-f", "true")
	const products, delay = 500, 300 * time.Millisecond
	s := newShop(t, "", "    guard: \"off\"\n")
	s.slow = delay
	s.start()
	for i := range 2 {
		s.drop(fmt.Sprintf("stock-%d.csv", i), rowsOf(products, int64(i+1))...)
		s.eventually("it is delivered", func() bool { return s.holds(allAt(products, int64(i+1))) })
	}
	s.ends(allAt(products, 2))
	if st := s.status(); st["state"] != "running" || st["api"].(map[string]any)["state"] != "ok" || s.problem() != "" {
		t.Errorf("got %v, want an agent that works", st)
	}
	for _, level := range []string{"level=ERROR", "level=WARN"} {
		if strings.Contains(s.log.String(), level) {
			t.Errorf("the log has a %s", level)
		}
	}
	begin := time.Now()
	s.stop()
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("the stop took %v", took)
	}
}

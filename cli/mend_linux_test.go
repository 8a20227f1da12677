package cli

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"tillpost/mockapi"
	"tillpost/outbox/outboxtest"
	"tillpost/testkit"
)

func TestAfterAFailedCommitTheAgentGoesOnByItself(t *testing.T) { // B7, B8, D6
	t.Parallel()
	s := newStore(t, mockapi.Options{})
	text, want := stockOf(20, func(i int) int { return 1 + i })
	s.write("pos/stock-1.csv", text)
	log := s.delivers(want, func(log *buffer) {
		for n := 2; n < 4; n++ {
			outboxtest.CutOff(t, s.data("outbox.db"))
			text, want := stockOf(20, func(i int) int { return n + i })
			s.write("pos/stock-"+strconv.Itoa(n)+".csv", text)
			s.eventuallyHolds(log, want)
		}
	})
	if n := strings.Count(log.String(), "the outbox is in use again"); n != 2 || len(s.aside()) > 0 {
		t.Errorf("it was opened again %d times, want twice, and nothing set aside; the log:\n%s", n, log)
	}
}

func TestAReadOnlyDiskIsWaitedFor(t *testing.T) { // D7
	t.Parallel()
	s := newStore(t, mockapi.Options{})
	data := filepath.Join(s.dir, "data")
	if err := os.MkdirAll(data, 0o700); err != nil {
		t.Fatal(err)
	}
	text, want := stockOf(20, func(i int) int { return 1 + i })
	s.write("pos/stock-1.csv", text)
	_, log, stop := start(t, "run", "--config", s.config)
	s.eventuallyHolds(log, want)
	s.api.SetDown(http.StatusServiceUnavailable)
	text, want = stockOf(20, func(i int) int { return 2 + i })
	s.write("pos/stock-2.csv", text)
	eventually(t, "the next export waits", func() bool {
		out, _, _ := s.run("status", "--json")
		return strings.Contains(out, `"pending":20,`)
	})
	outboxtest.CutOff(t, s.data("outbox.db")) // what is open can be written no more, and the file not be opened for it again
	err := syscall.Mount(data, data, "", syscall.MS_BIND, "")
	if errors.Is(err, syscall.EPERM) {
		stop()
		testkit.Lacks(t, "this account may not mount: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	readOnly := true
	t.Cleanup(func() {
		if readOnly {
			_ = syscall.Unmount(data, syscall.MNT_DETACH)
		}
	})
	if err := syscall.Mount("", data, "", syscall.MS_REMOUNT|syscall.MS_BIND|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	_, _, _ = s.run("pause") // what is to be written shows it
	eventually(t, "it is told", func() bool {
		return strings.Contains(log.String(), "the outbox cannot be used; it is opened again until it can")
	})
	s.api.SetDown(0)
	requests := s.api.Counters().Requests // from here on each would be acknowledged, and that be forgotten
	eventually(t, "status tells it", func() bool {
		_, errs, code := s.run("status")
		return code == statusFailed && strings.Contains(errs, "read-only file system") && strings.Contains(errs, "let the disk of the data folder be written to again")
	})
	if n := s.api.Counters().Requests; n != requests {
		t.Errorf("%d requests left whose answers could not be stored", n-requests)
	}
	if err := syscall.Unmount(data, syscall.MNT_DETACH); err != nil {
		t.Fatal(err)
	}
	readOnly = false
	s.eventuallyHolds(log, want)
	if n := strings.Count(log.String(), "the outbox cannot be used"); n != 1 {
		t.Errorf("it was told %d times, want once; the log:\n%s", n, log)
	}
	if code := stop(); code != statusDone || !strings.Contains(log.String(), "the outbox is in use again") {
		t.Errorf("run: got %d; the log:\n%s", code, log)
	}
}

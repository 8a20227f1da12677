package outbox_test

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"tillpost/outbox"
	"tillpost/outbox/outboxtest"
)

func TestAfterACommitThatMayCountNothingIsWrittenUntilTheNextOpening(t *testing.T) { // B7
	t.Parallel()
	dir := t.TempDir()
	box, err := outbox.Open(dir, outbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	outboxtest.Take(t, box, reading("a"), noon, row("1", 5))
	l := lease(t, box, 1, noon)[0]
	cutOff(t, filepath.Join(dir, "outbox.db"))
	ack := []outbox.Result{{Lease: l, Outcome: outbox.Acknowledged}}
	for range 2 {
		if _, err := box.Turn(ack, 1, noon); !errors.Is(err, outbox.ErrUncertain) {
			t.Errorf("got %v, want ErrUncertain", err)
		}
	}
	if err := box.Pause(true); !errors.Is(err, outbox.ErrUncertain) {
		t.Errorf("got %v, want ErrUncertain", err)
	}
	if err := box.Close(); err != nil {
		t.Error(err)
	}
	box = outboxtest.Open(t, dir, outbox.Options{})
	if s := stats(t, box); s.Pending != 1 || s.Delivered != 0 {
		t.Errorf("got %+v, want the update to wait", s.Counters)
	}
	lease(t, box, 1, noon)
}

// cutOff makes every write to the open file at path fail: its descriptor becomes one for reading.
func cutOff(t *testing.T, path string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		fd, err := strconv.Atoi(e.Name())
		if to, _ := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && to == path && fd != int(f.Fd()) {
			if err := syscall.Dup3(int(f.Fd()), fd, syscall.O_CLOEXEC); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatal("the outbox's file is not open")
}

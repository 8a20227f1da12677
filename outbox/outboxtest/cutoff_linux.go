package outboxtest

import (
	"os"
	"strconv"
	"syscall"
	"testing"
)

// CutOff makes every write to the open file at path fail: its descriptor becomes one for reading.
func CutOff(t testing.TB, path string) {
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

//go:build unix

package outbox_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"tillpost/outbox"
	"tillpost/outbox/outboxtest"
)

// Windows lets nobody take away or cut a file that is open.

func TestAFileThatIsTakenAwayEndsEveryUseAndNothingHangs(t *testing.T) { // D8, B4, B12
	t.Parallel()
	for _, c := range []struct {
		name string
		harm func(path string) error
		want error
	}{
		{"deleted", os.Remove, outbox.ErrLost},
		{"replaced", func(path string) error {
			return errors.Join(os.WriteFile(path+".new", []byte("x"), 0o600), os.Rename(path+".new", path))
		}, outbox.ErrLost},
		{"emptied", func(path string) error { return os.Truncate(path, 0) }, outbox.ErrDamaged},
		{"cut to its heads", func(path string) error { return os.Truncate(path, int64(2*os.Getpagesize())) }, outbox.ErrDamaged},
		{"cut in half", func(path string) error { return os.Truncate(path, int64(8*os.Getpagesize())) }, outbox.ErrDamaged},
		{"written over", func(path string) error {
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			_, err = f.WriteAt(make([]byte, 2*os.Getpagesize()), 0)
			return errors.Join(err, f.Close())
		}, outbox.ErrDamaged},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			box := opened(t, dir)
			outboxtest.Take(t, box, reading("a"), noon, large(3000, 5)...)
			if err := box.Present(); err != nil {
				t.Fatal(err)
			}
			if err := c.harm(filepath.Join(dir, "outbox.db")); err != nil {
				t.Fatal(err)
			}
			within(t, func() {
				if err := box.Present(); !errors.Is(err, c.want) {
					t.Errorf("a look: got %v, want %v", err, c.want)
				}
				for range 2 {
					if _, err := box.Turn(nil, 5, noon); !errors.Is(err, c.want) {
						t.Errorf("a turn: got %v, want %v", err, c.want)
					}
					if _, err := box.Stats(); !errors.Is(err, c.want) {
						t.Errorf("the figures: got %v, want %v", err, c.want)
					}
				}
				_ = box.Close()
			})
			if !outbox.Unclean(dir) {
				t.Error("it is not verified at the next start")
			}
		})
	}
}

// within fails the test where do has not ended after a while.
func within(t *testing.T, do func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); do() }()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatal("it hangs")
	}
}

func TestADamagedPageFoundWhileRunningLeavesNoLockBehind(t *testing.T) { // B4, B12
	t.Parallel()
	dir := t.TempDir()
	box := opened(t, dir)
	outboxtest.Take(t, box, reading("a"), noon, large(3000, 5)...)
	f, err := os.OpenFile(filepath.Join(dir, "outbox.db"), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	about, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	page := int64(os.Getpagesize())
	if _, err := f.WriteAt(make([]byte, about.Size()-2*page), 2*page); err != nil { // what is mapped is zero from here on
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	within(t, func() {
		for range 3 {
			if _, err := box.Turn(nil, 5, noon); !errors.Is(err, outbox.ErrDamaged) {
				t.Errorf("got %v, want ErrDamaged", err)
			}
			if _, err := box.Stats(); !errors.Is(err, outbox.ErrDamaged) {
				t.Errorf("got %v, want ErrDamaged", err)
			}
		}
		if err := box.Close(); err != nil {
			t.Error(err)
		}
	})
	v, err := outbox.VerifyFile(t.Context(), dir)
	if err != nil || len(v.Faults) == 0 {
		t.Errorf("got %+v, %v; want damage", v, err)
	}
}

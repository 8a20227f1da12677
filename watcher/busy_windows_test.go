package watcher_test

import (
	"errors"
	"io"
	"path/filepath"
	"testing"

	"golang.org/x/sys/windows"

	"tillpost/watcher"
)

func TestAnExportThatIsLockedCanBeReadOnceItIsNot(t *testing.T) { // W19
	bubble(t, func(t *testing.T) {
		folder := t.TempDir()
		write(t, "one", folder, "a.csv")
		w, look, f := settled(t, atOnce(folder))
		path, err := windows.UTF16PtrFromString(filepath.Join(folder, "a.csv"))
		must(t, err)
		lock, err := windows.CreateFile(path, windows.GENERIC_READ, 0, nil, windows.OPEN_EXISTING, 0, 0)
		must(t, err)
		if _, err := w.Open(f); !errors.Is(err, watcher.ErrBusy) {
			t.Errorf("got %v, want that it is in use", err)
		}
		w.Retry(f)
		must(t, windows.CloseHandle(lock))
		l := look()
		if names(l) != "a.csv!" {
			t.Fatalf("got %q, want it told once more", names(l))
		}
		s, err := w.Open(l.Files[0])
		must(t, err)
		defer s.Close()
		if got, err := io.ReadAll(s); err != nil || string(got) != "one" {
			t.Errorf("got %q, %v", got, err)
		}
	})
}

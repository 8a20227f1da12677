package outbox_test

import (
	"path/filepath"
	"testing"

	"golang.org/x/sys/windows"
)

// TestAProgramThatHoldsTheFileKeepsItFromBeingSmallerAndNothingElse: as one that looks for viruses.
func TestAProgramThatHoldsTheFileKeepsItFromBeingSmallerAndNothingElse(t *testing.T) { // D15, B23
	for _, c := range []struct {
		name  string
		share uint32
	}{
		{"outbox.db", windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE},
		{"outbox.db.compact", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			bloat(t, dir, 10_000)
			before := sizeOf(t, filepath.Join(dir, "outbox.db"))
			path, err := windows.UTF16PtrFromString(filepath.Join(dir, c.name))
			if err != nil {
				t.Fatal(err)
			}
			handle, err := windows.CreateFile(path, windows.GENERIC_READ, c.share, nil, windows.OPEN_ALWAYS, 0, 0)
			if err != nil {
				t.Fatal(err)
			}
			if got := sameAfter(t, dir).Compaction; got == nil || got.Err == nil {
				t.Errorf("got %+v, want why it stays as it is", got)
			}
			if now := sizeOf(t, filepath.Join(dir, "outbox.db")); now != before {
				t.Errorf("got %d bytes, want the %d from before", now, before)
			}
			if err := windows.CloseHandle(handle); err != nil {
				t.Fatal(err)
			}
			if got := sameAfter(t, dir).Compaction; got == nil || got.Err != nil {
				t.Errorf("got %+v, want it made smaller once nobody holds it", got)
			}
		})
	}
}

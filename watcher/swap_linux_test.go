package watcher_test

import (
	"errors"
	"io"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

// TestAFolderThatIsSwappedForALinkLeadsNowhere: somebody exchanges the export's folder for a link to one with a secret
// under the same name, again and again, while the export is opened ten thousand times.
func TestAFolderThatIsSwappedForALinkLeadsNowhere(t *testing.T) { // X3
	t.Parallel()
	folder, outside := t.TempDir(), t.TempDir()
	const content, secret = "an export", "a  secret"
	write(t, secret, outside, "a.csv")
	write(t, content, mkdir(t, folder, "sub"), "a.csv")
	link := filepath.Join(folder, "link")
	must(t, unix.Symlink(outside, link))
	o := atOnce(folder)
	o.Recursive = true
	w, _, f := settled(t, o)
	if f.Name != "sub/a.csv" {
		t.Fatalf("got %s", f.Name)
	}
	var over atomic.Bool
	var swapper sync.WaitGroup
	swapper.Go(func() {
		for !over.Load() {
			if err := unix.Renameat2(unix.AT_FDCWD, filepath.Join(folder, "sub"), unix.AT_FDCWD, link, unix.RENAME_EXCHANGE); err != nil {
				t.Error(err)
				return
			}
		}
	})
	defer swapper.Wait()
	defer over.Store(true)
	read, refused := 0, 0
	for range 10_000 {
		s, err := w.Open(f)
		if err != nil { // it is another, or the path leads out of the folder
			refused++
			continue
		}
		got, err := io.ReadAll(s)
		must(t, errors.Join(err, s.Close()))
		if string(got) != content {
			t.Fatalf("got %q, want the export's %q", got, content)
		}
		read++
	}
	if t.Logf("%d read, %d refused", read, refused); refused == 0 {
		t.Error("nothing was ever exchanged")
	}
}

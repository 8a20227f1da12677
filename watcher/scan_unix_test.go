//go:build !windows

package watcher_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tillpost/watcher"
)

func TestOnlyRegularFilesAreExports(t *testing.T) { // W20
	bubble(t, func(t *testing.T) {
		folder := t.TempDir()
		outside := write(t, "secret", t.TempDir(), "shadow")
		must(t, unix.Mkfifo(filepath.Join(folder, "fifo.csv"), 0o600))
		must(t, os.Symlink(outside, filepath.Join(folder, "out.csv")))
		write(t, "1", folder, "good.csv")
		must(t, os.Symlink("good.csv", filepath.Join(folder, "inside.csv")))
		must(t, os.Symlink("nowhere", filepath.Join(folder, "broken.csv")))
		must(t, os.Link(filepath.Join(folder, "good.csv"), filepath.Join(folder, "backup.csv"))) // an honest one
		mkdir(t, folder, "folder.csv")
		write(t, "1", folder, "new\nline.csv")
		write(t, "1", folder, "latin\xe4.csv")
		device := unix.Mknod(filepath.Join(folder, "null.csv"), unix.S_IFCHR|0o600, int(unix.Mkdev(1, 3))) == nil // root may
		sock := filepath.Join(folder, "sock.csv")
		s, err := net.ListenUnix("unix", &net.UnixAddr{Name: sock, Net: "unix"})
		must(t, err)
		defer s.Close()
		for _, other := range []string{"fifo.tmp", ".fifo", "fifo.txt"} {
			must(t, unix.Mkfifo(filepath.Join(folder, other), 0o600))
		}

		look := puller(t, newWatcher(t, options(folder)))
		var got []string
		for _, s := range look().Skipped {
			got = append(got, s.Name+": "+s.Why)
		}
		slices.Sort(got)
		want := []string{
			"broken.csv: it is a link; only files themselves are read",
			"fifo.csv: it is a pipe",
			"folder.csv: it is a folder",
			"inside.csv: it is a link; only files themselves are read",
			"latin\xe4.csv: its name holds control characters or is not valid text",
			"new\nline.csv: its name holds control characters or is not valid text",
			"out.csv: it is a link; only files themselves are read",
			"sock.csv: it is a socket",
		}
		if device {
			want = slices.Insert(want, 6, "null.csv: it is a device")
		}
		if !slices.Equal(got, want) {
			t.Errorf("got skipped\n%q\nwant\n%q", got, want)
		}
		if l := look(); names(l) != "backup.csv good.csv" || len(l.Skipped) != 0 {
			t.Errorf("got %q and %v skipped; want the two names of the regular file, and nothing said twice", names(l), l.Skipped)
		}
	})
}

func TestWhatTakesAnExportsPlaceIsNotOpened(t *testing.T) { // X3
	for name, swap := range map[string]func(t *testing.T, path string){
		"a pipe":            func(t *testing.T, path string) { must(t, unix.Mkfifo(path, 0o600)) },
		"a link to outside": func(t *testing.T, path string) { must(t, os.Symlink("/etc/passwd", path)) },
		"a link inside": func(t *testing.T, path string) {
			must(t, os.Symlink(filepath.Base(write(t, "one", path+".x")), path))
		},
		"a link to itself elsewhere": func(t *testing.T, path string) {
			must(t, os.Symlink(filepath.Base(path)+".moved", path))
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				folder := t.TempDir()
				path := write(t, "one", folder, "a.csv")
				w, _, f := settled(t, atOnce(folder))
				must(t, os.Rename(path, path+".moved"))
				swap(t, path)
				if s, err := w.Open(f); !errors.Is(err, watcher.ErrChanged) {
					t.Errorf("opening: got %v, %v; want ErrChanged", s, err)
				}
				if err := w.Remove(f, is("one")); !errors.Is(err, watcher.ErrChanged) {
					t.Errorf("removing: got %v, want ErrChanged", err)
				}
			})
		})
	}
}

func TestALinkedSubFolderIsNotWalked(t *testing.T) {
	bubble(t, func(t *testing.T) {
		folder := t.TempDir()
		mkdir(t, folder, "real")
		write(t, "1", folder, "real", "a.csv")
		must(t, os.Symlink("real", filepath.Join(folder, "linked")))
		must(t, os.Symlink(".", filepath.Join(folder, "loop")))
		o := options(folder)
		o.Recursive = true
		look := puller(t, newWatcher(t, o))
		look()
		if l := look(); names(l) != "real/a.csv" {
			t.Errorf("got %q, want real/a.csv", names(l))
		}
	})
}

func TestAFolderWhosePathIsALinkIsWatched(t *testing.T) {
	t.Parallel()
	real := t.TempDir()
	linked := filepath.Join(t.TempDir(), "in")
	must(t, os.Symlink(real, linked))
	look := livePuller(t, live(linked))
	look()
	write(t, "1", real, "a.csv")
	if l := look(); names(l) != "a.csv!" {
		t.Errorf("got %q, want a.csv!", names(l))
	}
	other := t.TempDir()
	write(t, "22", other, "a.csv")
	must(t, os.Symlink(other, linked+".new"))
	must(t, os.Rename(linked+".new", linked))
	write(t, "1", real, "wake.csv") // the old folder's watch is still there
	if l := look(); names(l) != "a.csv!" || l.Files[0].Size != 2 {
		t.Errorf("got %+v, want the other folder's a.csv", l)
	}
}

func TestAFifoInTheFoldersPlaceDoesNotBlock(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "in")
	must(t, unix.Mkfifo(path, 0o600))
	done := make(chan string, 1)
	w := newWatcher(t, options(path))
	go func() {
		for l := range w.Looks(t.Context()) {
			done <- l.Missing
			return
		}
	}()
	select {
	case got := <-done:
		if got != "it is not a folder" {
			t.Errorf("got missing %q", got)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the look blocks")
	}
}

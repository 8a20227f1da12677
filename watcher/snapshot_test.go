package watcher_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"tillpost/watcher"
)

func TestASnapshotReadsAllOfAnExport(t *testing.T) {
	bubble(t, func(t *testing.T) {
		folder := t.TempDir()
		content := strings.Repeat("849632048260,3,12\n", 5000)
		write(t, content, folder, "a.csv")
		w, _, f := settled(t, atOnce(folder))
		s, err := w.Open(f)
		must(t, err)
		defer s.Close()
		must(t, iotest.TestReader(io.NewSectionReader(s, 0, s.Size()), []byte(content)))
		got, err := io.ReadAll(iotest.OneByteReader(s))
		if err != nil || string(got) != content {
			t.Errorf("got %d bytes, %v; want %d", len(got), err, len(content))
		}
		must(t, s.Unchanged())
	})
}

func TestASnapshotIsOfTheVersionThatWasTold(t *testing.T) { // I10, W6, W23
	type step = func(t *testing.T, path string)
	for _, c := range []struct {
		name        string
		before      step // opening
		during      step // the reading
		open, after error
	}{
		{name: "nothing happens"},
		{name: "it was appended to before", before: func(t *testing.T, path string) { appendTo(t, path, "B,1") }, open: watcher.ErrChanged},
		{name: "it was deleted before", before: func(t *testing.T, path string) { must(t, os.Remove(path)) }, open: fs.ErrNotExist},
		{name: "it was deleted before, which is a change too", before: func(t *testing.T, path string) { must(t, os.Remove(path)) }, open: watcher.ErrChanged},
		{name: "the folder is gone", before: func(t *testing.T, path string) { must(t, os.RemoveAll(filepath.Dir(path))) }, open: watcher.ErrChanged},
		{name: "it is a folder now", before: func(t *testing.T, path string) {
			must(t, os.Remove(path))
			mkdir(t, path)
		}, open: watcher.ErrChanged},
		{name: "it was appended to meanwhile", during: func(t *testing.T, path string) { appendTo(t, path, "B,1") }, after: watcher.ErrChanged},
		{name: "it was cut meanwhile", during: func(t *testing.T, path string) { must(t, os.Truncate(path, 3)) }, after: watcher.ErrChanged},
		{name: "it was replaced meanwhile", during: func(t *testing.T, path string) {
			must(t, os.Rename(path, path+".old")) // Windows lets nobody replace what is open
			must(t, os.Rename(write(t, "other\n", path+".tmp"), path))
		}, after: watcher.ErrChanged},
		{name: "it was deleted meanwhile", during: func(t *testing.T, path string) { must(t, os.Remove(path)) }, after: fs.ErrNotExist},
		{name: "it was written meanwhile without a trace", during: func(t *testing.T, path string) { traceless(t, path, "A,8\n") }, after: watcher.ErrChanged},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				folder := mkdir(t, t.TempDir(), "in")
				path := write(t, "A,7\n", folder, "a.csv")
				w, _, f := settled(t, atOnce(folder))
				if c.before != nil {
					c.before(t, path)
				}
				s, err := w.Open(f)
				if !errors.Is(err, c.open) {
					t.Errorf("opening: got %v, want %v", err, c.open)
				}
				if err != nil {
					return
				}
				defer s.Close()
				if c.during != nil {
					c.during(t, path)
				}
				got, readErr := io.ReadAll(s)
				if readErr == nil && int64(len(got)) != f.Size {
					t.Errorf("got %q without an error, want %d bytes", got, f.Size)
				}
				if err := s.Unchanged(); !errors.Is(err, c.after) {
					t.Errorf("afterwards: got %v, want %v", err, c.after)
				}
			})
		})
	}
}

func appendTo(t *testing.T, path, more string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	must(t, err)
	_, err = f.WriteString(more)
	must(t, errors.Join(err, f.Close()))
}

// A POS that writes while one reads: each reading that counts is one version, whole.
func TestNoReadingThatCountsMixesTwoVersions(t *testing.T) { // W6
	t.Parallel()
	folder := t.TempDir()
	path := filepath.Join(folder, "a.csv")
	version := func(n int) []byte { return bytes.Repeat(fmt.Appendf(nil, "%07d\n", n), 20_000) }
	must(t, os.WriteFile(path, version(0), 0o600))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	written := make(chan error, 1)
	go func() { // half of the versions in place, half renamed over the last
		var err error
		// Slower than a file system's clock ticks: a version that comes and goes within one tick leaves no trace. That
		// is what Settle is for, which is 0 here.
		tick := time.NewTicker(12 * time.Millisecond)
		defer tick.Stop()
		for n := 1; err == nil && ctx.Err() == nil; n++ {
			<-tick.C
			if n%2 == 0 {
				err = os.WriteFile(path, version(n), 0o600)
			} else {
				err = errors.Join(os.WriteFile(path+".tmp", version(n), 0o600), os.Rename(path+".tmp", path))
			}
			if runtime.GOOS == "windows" && errors.Is(err, fs.ErrPermission) {
				err = nil // it is open, and Windows does not let it be replaced
			}
		}
		written <- err
	}()
	whole, torn := 0, 0
	for began := time.Now(); (torn == 0 || whole == 0 || (torn < 10 || whole < 100) && time.Since(began) < 3*time.Second) && time.Since(began) < time.Minute; {
		w := newWatcher(t, atOnce(folder))
		for l := range w.Looks(ctx) { // the first look tells it at once
			for _, f := range l.Files {
				got, err := readWhole(w, f)
				switch {
				case errors.Is(err, watcher.ErrChanged):
					torn++
				case err != nil:
					t.Fatal(err)
				default:
					whole++
					if int64(len(got)) != f.Size { // which a writer that has just begun may have made small, without a Settle
						t.Fatalf("got %d bytes, want %d", len(got), f.Size)
					}
					if len(got) >= 8 && !bytes.HasPrefix(bytes.Repeat(got[:8], 20_000), got) {
						t.Fatalf("got a mix: it begins with %q and ends with %q", got[:8], got[len(got)-8:])
					}
				}
			}
			break
		}
	}
	cancel()
	must(t, <-written)
	t.Logf("%d whole readings, %d torn", whole, torn)
	if whole == 0 || torn == 0 {
		t.Errorf("got %d whole readings and %d torn; without both kinds it says nothing", whole, torn)
	}
}

// readWhole reads f as it is to be read.
func readWhole(w *watcher.Watcher, f watcher.File) ([]byte, error) {
	s, err := w.Open(f)
	if err != nil {
		return nil, err
	}
	got, err := io.ReadAll(s)
	if err == nil {
		err = s.Unchanged()
	}
	return got, errors.Join(err, s.Close())
}

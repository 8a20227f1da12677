package watcher

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A move across devices needs two devices, so what it does is tested by itself.
func TestAMoveAcrossDevicesCopiesWholeFilesWithTheirTime(t *testing.T) { // W26
	t.Parallel()
	folder, archive := t.TempDir(), t.TempDir()
	w, err := New(Options{Folder: folder, Rescan: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	source := filepath.Join(folder, "set.aside")
	content := strings.Repeat("849632048260,3,12\n", 10_000)
	written := time.Date(2025, 3, 1, 8, 0, 0, 0, time.UTC)
	if err := errors.Join(os.WriteFile(source, []byte(content), 0o600), os.Chtimes(source, written, written)); err != nil {
		t.Fatal(err)
	}
	root, err := openRoot(folder)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	i, err := statIn(root, "set.aside")
	if err != nil {
		t.Fatal(err)
	}
	target, err := reserve(archive, "a.csv", written)
	if err != nil {
		t.Fatal(err)
	}

	torn := aside{name: "set.aside", stat: i.stat}
	torn.stat.Size++
	if err := w.copyOver(&torn, target); !errors.Is(err, ErrChanged) {
		t.Errorf("a file that changed: got %v, want ErrChanged", err)
	}
	if list, err := os.ReadDir(archive); err != nil || len(list) != 1 {
		t.Errorf("a copy that failed leaves %v, %v; want only the reserved name", list, err)
	}

	if err := w.copyOver(&aside{name: "set.aside", stat: i.stat}, target); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(target)
	if err != nil || string(got) != content {
		t.Errorf("got %d bytes, %v; want %d", len(got), err, len(content))
	}
	if info, err := os.Stat(target); err != nil || !info.ModTime().Equal(written) {
		t.Errorf("got %v, %v; want the time of the export", info, err)
	}
	if _, err := os.Stat(source); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the source: got %v, want it gone", err)
	}
}

func TestNamesWithoutHardLinksAreGivenBackToo(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	root, err := openRoot(folder)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	// A folder cannot be linked, so this goes the way of a file system that has no links.
	if err := os.Mkdir(filepath.Join(folder, "aside"), 0o700); err != nil {
		t.Fatal(err)
	}
	if name, err := giveName(root, "aside", "a.csv"); err != nil || name != "a.csv" {
		t.Errorf("a free name: got %s, %v", name, err)
	}
	if err := os.WriteFile(filepath.Join(folder, "b.csv"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if name, err := giveName(root, "a.csv", "b.csv"); err != nil || !displacedName.MatchString(name) {
		t.Errorf("a name that is taken: got %s, %v", name, err)
	}
}

func TestBusyAndLimitsAreRecognised(t *testing.T) { // W25
	t.Parallel()
	if err := busy(nil); err != nil {
		t.Errorf("nothing: got %v", err)
	}
	if err := busy(io.ErrUnexpectedEOF); errors.Is(err, ErrBusy) {
		t.Errorf("something else: got %v", err)
	}
	for _, c := range []struct {
		err  error
		want string
	}{
		{syscall.ENOSPC, "fs.inotify.max_user_watches"},
		{syscall.EMFILE, "fs.inotify.max_user_instances"},
		{errors.New("no such luck"), "no such luck"},
	} {
		if got := blindWords(fmt.Errorf("watch: %w", c.err)); !strings.Contains(got, c.want) {
			t.Errorf("%v: got %q, want %q in it", c.err, got, c.want)
		}
	}
}

func TestArchivedNamesFitHoweverLongTheExportsAre(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	name := strings.Repeat("deep_", 100) + "a.csv"
	for range 4 {
		target, err := reserve(folder, name, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if filepath.Ext(target) != ".csv" {
			t.Errorf("got %s, want its extension kept", target)
		}
	}
}

// BenchmarkLook is one look at a folder of 40,000 files that were told already: what a rescan costs.
func BenchmarkLook(b *testing.B) {
	folder := b.TempDir()
	for n := range 40_000 {
		if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("%d.csv", n)), nil, 0o600); err != nil {
			b.Fatal(err)
		}
	}
	w, err := New(Options{Folder: folder, Rescan: time.Hour, NoNotify: true})
	if err != nil {
		b.Fatal(err)
	}
	l := newLooker(w)
	l.look()
	b.ReportAllocs()
	for b.Loop() {
		l.look()
	}
}

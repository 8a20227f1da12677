package watcher_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"tillpost/watcher"
)

// settled is a file as the first look tells it, and the watcher that did.
func settled(t *testing.T, o watcher.Options) (*watcher.Watcher, func() watcher.Look, watcher.File) {
	t.Helper()
	w := newWatcher(t, o)
	look := puller(t, w)
	l := look()
	if len(l.Files) != 1 {
		t.Fatalf("got %d files, want 1", len(l.Files))
	}
	return w, look, l.Files[0]
}

// at once: no settling.
func atOnce(folder string) watcher.Options {
	o := options(folder)
	o.Settle, o.SettleLast = 0, 0
	return o
}

var errRead = errors.New("the disk is full")

// is compares with what was read.
func is(want string) func(io.Reader) (bool, error) {
	return func(r io.Reader) (bool, error) {
		got, err := io.ReadAll(r)
		return string(got) == want, err
	}
}

var random = regexp.MustCompile(`tillpost-[0-9a-f]{16}`)

// contents are the names in a folder with what is in them; what is random in a name is cut.
func contents(t *testing.T, folder string) string {
	t.Helper()
	var all []string
	list, err := os.ReadDir(folder)
	must(t, err)
	for _, e := range list {
		b, err := os.ReadFile(filepath.Join(folder, e.Name()))
		must(t, err)
		all = append(all, random.ReplaceAllString(e.Name(), "tillpost")+"="+string(b))
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

func TestRemoveDeletesWhatWasReadAndNothingElse(t *testing.T) {
	for _, c := range []struct {
		name   string
		before func(t *testing.T, path string) // between the reading and Remove
		during func(t *testing.T, path string) // while it compares
		same   func(r io.Reader) (bool, error) // instead of a comparison
		err    error                           // nil: any or none
		left   string                          // in the folder
		told   string                          // afterwards, within a minute
	}{
		{name: "it is deleted"},
		{
			name:   "it was written anew",
			before: func(t *testing.T, path string) { write(t, "newer", path) },
			err:    watcher.ErrChanged, left: "a.csv=newer", told: "a.csv",
		},
		{
			name: "it was replaced by one of the same size and time",
			before: func(t *testing.T, path string) {
				i, err := os.Stat(path)
				must(t, err)
				other := write(t, "two", path+".tmp")
				must(t, os.Chtimes(other, i.ModTime(), i.ModTime()))
				must(t, os.Rename(other, path))
			},
			err: watcher.ErrChanged, left: "a.csv=two", told: "a.csv",
		},
		{
			name:   "it was written without a trace",
			before: func(t *testing.T, path string) { traceless(t, path, "two") },
			err:    watcher.ErrChanged, left: "a.csv=two", told: "a.csv",
		},
		{
			name:   "it is gone",
			before: func(t *testing.T, path string) { must(t, os.Remove(path)) },
			err:    fs.ErrNotExist,
		},
		{
			name:   "a new one takes its name while it is compared",
			during: func(t *testing.T, path string) { write(t, "new", path) },
			left:   "a.csv=new", told: "a.csv",
		},
		{
			name:   "it is another, and a new one takes its name while it is compared",
			before: func(t *testing.T, path string) { traceless(t, path, "two") },
			during: func(t *testing.T, path string) { write(t, "new", path) },
			err:    watcher.ErrChanged, left: "a.csv=new a~tillpost.csv=two", told: "a.csv a~tillpost.csv",
		},
		{
			name: "the comparison fails",
			same: func(io.Reader) (bool, error) { return false, errRead },
			err:  errRead, left: "a.csv=one",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				folder := t.TempDir()
				path := write(t, "one", folder, "a.csv")
				w, look, f := settled(t, atOnce(folder))
				if c.before != nil {
					c.before(t, path)
				}
				same := is("one")
				if c.same != nil {
					same = c.same
				}
				err := w.Remove(f, func(r io.Reader) (bool, error) {
					if c.during != nil {
						c.during(t, path)
					}
					return same(r)
				})
				if !errors.Is(err, c.err) {
					t.Errorf("got %v, want %v", err, c.err)
				}
				if got := contents(t, folder); got != c.left {
					t.Errorf("got %q left, want %q", got, c.left)
				}
				w.Wake()
				var told []string
				for began := time.Now(); time.Since(began) < time.Minute; {
					for _, f := range look().Files {
						told = append(told, random.ReplaceAllString(f.Name, "tillpost"))
					}
				}
				slices.Sort(told)
				if got := strings.Join(told, " "); got != c.told {
					t.Errorf("got %q told afterwards, want %q", got, c.told)
				}
			})
		})
	}
}

// traceless writes content of the same length and gives the file its time back.
func traceless(t *testing.T, path, content string) {
	t.Helper()
	i, err := os.Stat(path)
	must(t, err)
	write(t, content, path)
	must(t, os.Chtimes(path, i.ModTime(), i.ModTime()))
}

func TestAFailedRemoveCanBeDoneAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		folder := t.TempDir()
		write(t, "one", folder, "a.csv")
		w, _, f := settled(t, atOnce(folder))
		for range 3 {
			if err := w.Remove(f, func(io.Reader) (bool, error) { return false, errRead }); !errors.Is(err, errRead) {
				t.Fatalf("got %v, want %v", err, errRead)
			}
		}
		must(t, w.Remove(f, is("one")))
		if got := contents(t, folder); got != "" {
			t.Errorf("got %q left", got)
		}
	})
}

func TestTheArchiveKeepsEveryExport(t *testing.T) {
	bubble(t, func(t *testing.T) {
		folder := t.TempDir()
		archive := filepath.Join(t.TempDir(), "archive", "main")
		o := atOnce(folder)
		o.Recursive = true
		w := newWatcher(t, o)
		look := puller(t, w)
		look()
		at := time.Date(2025, 3, 1, 8, 0, 0, 0, time.UTC)
		for _, content := range []string{"1", "2", "3"} {
			path := write(t, content, folder, "a.csv")
			must(t, os.Chtimes(path, at, at))
			w.Wake()
			l := look()
			for ; len(l.Files) == 0; l = look() {
			}
			must(t, w.Archive(l.Files[0], archive, is(content)))
		}
		mkdir(t, folder, "store 1")
		write(t, "4", folder, "store 1", "a.csv")
		w.Wake()
		must(t, w.Archive(look().Files[0], archive, is("4")))
		want := "a.csv=1 a~20250301T080000Z-2.csv=3 a~20250301T080000Z.csv=2 store 1_a.csv=4"
		if got := contents(t, archive); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestAnArchiveThatCannotBeWrittenLeavesTheExport(t *testing.T) { // W26
	bubble(t, func(t *testing.T) {
		folder := t.TempDir()
		write(t, "one", folder, "a.csv")
		w, look, f := settled(t, atOnce(folder))
		no := write(t, "", t.TempDir(), "no folder")
		for _, archive := range []string{no, filepath.Join(no, "below")} {
			err := w.Archive(f, archive, func(io.Reader) (bool, error) {
				t.Errorf("%s: the export is moved, though it can be put nowhere", archive)
				return true, nil
			})
			if err == nil {
				t.Errorf("%s: got no error", archive)
			}
		}
		if got := contents(t, folder); got != "a.csv=one" {
			t.Errorf("got %q left, want the export", got)
		}
		for range 3 {
			if l := look(); len(l.Files) != 0 {
				t.Errorf("got %q told again", names(l))
			}
		}
	})
}

func TestANewTriggerStays(t *testing.T) {
	bubble(t, func(t *testing.T) {
		folder := t.TempDir()
		write(t, "one", folder, "a.csv")
		write(t, "", folder, "a.done")
		o := atOnce(folder)
		o.Ready = "{stem}.done"
		w, _, f := settled(t, o)
		write(t, "new", folder, "a.done")
		must(t, w.Remove(f, is("one")))
		if got := contents(t, folder); got != "a.done=new" {
			t.Errorf("got %q left, want the new trigger", got)
		}
	})
}

func TestAFailureGivesTheTriggerItsNameBackToo(t *testing.T) {
	bubble(t, func(t *testing.T) {
		folder := t.TempDir()
		write(t, "one", folder, "a.csv")
		write(t, "", folder, "a.csv.done")
		o := atOnce(folder)
		o.Ready = "{name}.done"
		w, _, f := settled(t, o)
		archive := mkdir(t, t.TempDir(), "gone")
		err := w.Archive(f, archive, func(r io.Reader) (bool, error) { return true, os.Remove(archive) })
		if err == nil {
			t.Error("got no error")
		}
		if got := contents(t, folder); got != "a.csv.done= a.csv=one" {
			t.Errorf("got %q left, want the export and its trigger", got)
		}
	})
}

func TestWhatACrashLeftGetsItsNameBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		folder := t.TempDir()
		write(t, "one", folder, ".tillpost-0123456789abcdef-a.csv")
		write(t, "two", folder, ".tillpost-1123456789abcdef-b.csv")
		write(t, "new", folder, "b.csv")
		mkdir(t, folder, ".tillpost-2123456789abcdef-c.csv")
		linked := write(t, "four", folder, ".tillpost-3123456789abcdef-d.csv") // a crash between link and remove
		must(t, os.Link(linked, filepath.Join(folder, "d.csv")))
		look := puller(t, newWatcher(t, options(folder)))
		told := map[string]bool{}
		for range 8 {
			for _, f := range look().Files {
				told[random.ReplaceAllString(f.Name, "tillpost")] = true
			}
		}
		for _, want := range []string{"a.csv", "b.csv", "b~tillpost.csv", "d.csv"} {
			if !told[want] {
				t.Errorf("%s is not told", want)
			}
			delete(told, want)
		}
		if len(told) != 0 {
			t.Errorf("got %v besides", told)
		}
		must(t, os.Remove(filepath.Join(folder, ".tillpost-2123456789abcdef-c.csv")))
		want := "a.csv=one b.csv=new b~tillpost.csv=two d.csv=four"
		if got := contents(t, folder); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestTheArchiveIsPrunedOfOldFilesOnly(t *testing.T) {
	t.Parallel()
	archive := t.TempDir()
	write(t, "1", archive, "a.csv")
	mkdir(t, archive, "folder")
	write(t, "2", archive, "folder", "b.csv")
	for _, c := range []struct {
		name  string
		keep  time.Duration
		later time.Duration
		want  bool // a.csv is there
	}{
		{"nothing is old yet", 24 * time.Hour, 23 * time.Hour, true},
		{"0 keeps all", 0, 1000 * time.Hour, true},
		{"it is old", 24 * time.Hour, 25 * time.Hour, false},
	} {
		must(t, watcher.PruneArchive(archive, c.keep, time.Now().Add(c.later)))
		if _, err := os.Stat(filepath.Join(archive, "a.csv")); (err == nil) != c.want {
			t.Errorf("%s: a.csv: %v", c.name, err)
		}
	}
	if _, err := os.Stat(filepath.Join(archive, "folder", "b.csv")); err != nil {
		t.Error(err)
	}
	if err := watcher.PruneArchive(filepath.Join(archive, "no such"), 1, time.Now()); err != nil {
		t.Errorf("a missing archive: %v", err)
	}
}

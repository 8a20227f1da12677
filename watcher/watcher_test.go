package watcher_test

import (
	"context"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tillpost/watcher"
)

func write(t testing.TB, content string, path ...string) string {
	t.Helper()
	name := filepath.Join(path...)
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func mkdir(t testing.TB, path ...string) string {
	t.Helper()
	name := filepath.Join(path...)
	if err := os.MkdirAll(name, 0o700); err != nil {
		t.Fatal(err)
	}
	return name
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// options are those of a virtual clock: no notifications, and the times of the contract.
func options(folder string) watcher.Options {
	return watcher.Options{
		Folder: folder, Files: []string{"*.csv"},
		Settle: 2 * time.Second, SettleLast: 10 * time.Second, Rescan: 30 * time.Second,
		NoNotify: true,
	}
}

func newWatcher(t testing.TB, o watcher.Options) *watcher.Watcher {
	t.Helper()
	w, err := watcher.New(o)
	must(t, err)
	return w
}

// names are the files that are told, sub folders included, with "!" where a file is final.
func names(l watcher.Look) string {
	var s []string
	for _, f := range l.Files {
		name := f.Name
		if f.Final {
			name += "!"
		}
		s = append(s, name)
	}
	return strings.Join(s, " ")
}

// puller gives one look after the other.
func puller(t *testing.T, w *watcher.Watcher) func() watcher.Look {
	t.Helper()
	return pull(t, t.Context(), w)
}

func pull(t *testing.T, ctx context.Context, w *watcher.Watcher) func() watcher.Look {
	t.Helper()
	next, stop := iter.Pull(w.Looks(ctx))
	t.Cleanup(stop)
	return func() watcher.Look {
		t.Helper()
		l, ok := next()
		if !ok {
			t.Fatal("got no more looks")
		}
		return l
	}
}

// bubble runs a test in virtual time.
func bubble(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, test)
}

func TestALookIsToldFirstThenWhatRestsThenOneEachRescan(t *testing.T) { // W2
	bubble(t, func(t *testing.T) {
		folder := t.TempDir()
		write(t, "upc,quantity\n", folder, "a.csv")
		write(t, "", folder, "a.txt")
		began := time.Now()
		look := puller(t, newWatcher(t, options(folder)))
		if l := look(); names(l) != "" || l.Pending != 1 || l.Missing != "" || l.Blind != "" {
			t.Errorf("the first look: got %+v", l)
		}
		l := look()
		if names(l) != "a.csv" || time.Since(began) != 2*time.Second || l.Pending != 0 {
			t.Fatalf("after %v: got %+v, want a.csv after 2s", time.Since(began), l)
		}
		f := l.Files[0]
		if f.Size != 13 || !f.Arrived.Equal(began) || f.Trigger != "" || time.Until(f.ModTime()) < time.Hour {
			t.Errorf("got %+v", f) // a bubble's clock stands in 2000: the export is dated in the future
		}
		for n := range 3 {
			l := look()
			if names(l) != "" || time.Since(began) != 2*time.Second+time.Duration(n+1)*30*time.Second {
				t.Errorf("after %v: got %+v, want nothing, each 30s", time.Since(began), l)
			}
		}
		write(t, "upc,quantity\n", folder, "b.csv") // of which nothing tells
		began = time.Now()
		for l = look(); names(l) == ""; l = look() {
		}
		if took := time.Since(began); names(l) != "b.csv" || took > 32*time.Second {
			t.Errorf("after %v: got %q, want b.csv by the next look and its settling", took, names(l))
		}
	})
}

func TestTheLastRowOfASlowWriterWaits(t *testing.T) { // W5
	bubble(t, func(t *testing.T) {
		folder := t.TempDir()
		path := write(t, "upc,quantity\nA,7\nB,1", folder, "a.csv")
		w := newWatcher(t, options(folder))
		look := puller(t, w)
		look()
		l := look()
		if names(l) != "a.csv" {
			t.Fatalf("got %q, want a.csv, not final", names(l))
		}
		w.Again(l.Files[0])
		write(t, "upc,quantity\nA,7\nB,125", path)
		if l = look(); names(l) != "a.csv" { // the old version's turn finds the new one
			l = look()
		}
		if names(l) != "a.csv" || l.Files[0].Size != 22 {
			t.Fatalf("got %+v, want the new version, not final", l)
		}
		began := l.Files[0].Arrived
		w.Again(l.Files[0])
		if l = look(); names(l) != "a.csv!" || l.At.Sub(began) != 10*time.Second {
			t.Errorf("after %v: got %q; want a.csv!, 10s after it was first seen", l.At.Sub(began), names(l))
		}
		w.Again(l.Files[0]) // no need: nothing comes of it
		if l = look(); names(l) != "" {
			t.Errorf("got %q, want nothing", names(l))
		}
	})
}

func TestAFolderMayComeAndGo(t *testing.T) { // W3, W4, F5 to F9
	bubble(t, func(t *testing.T) {
		parent := filepath.Join(t.TempDir(), "pos")
		folder := filepath.Join(parent, "in")
		look := puller(t, newWatcher(t, options(folder)))
		l := look()
		if l.Missing != "it does not exist" {
			t.Fatalf("got missing %q", l.Missing)
		}
		until := func(what string, done func(watcher.Look) bool) {
			t.Helper()
			began := time.Now()
			for !done(l) {
				if l = look(); time.Since(began) > time.Minute {
					t.Fatalf("%s: not after a minute; the last look is %+v", what, l)
				}
			}
		}
		there := func(l watcher.Look) bool { return l.Missing == "" }
		gone := func(l watcher.Look) bool { return l.Missing != "" }
		told := func(name string) func(watcher.Look) bool {
			return func(l watcher.Look) bool { return names(l) == name }
		}

		mkdir(t, folder)
		until("it is created", there)
		write(t, "1", folder, "a.csv")
		until("a file comes", told("a.csv"))

		must(t, os.Rename(folder, folder+".old"))
		until("it is renamed", gone)
		mkdir(t, folder)
		write(t, "2", folder, "a.csv")
		until("it is recreated with a file of the same name", told("a.csv"))

		must(t, os.RemoveAll(folder))
		until("it is removed", gone)
		write(t, "no folder", folder)
		until("a file is in its place", func(l watcher.Look) bool { return l.Missing == "it is not a folder" })
		must(t, os.Remove(folder))
		must(t, os.Rename(folder+".old", folder))
		until("the first one is back with its file", told("a.csv"))

		must(t, os.Rename(parent, parent+".old"))
		mkdir(t, folder)
		write(t, "3", folder, "b.csv")
		until("its parent is another", told("b.csv"))
	})
}

func TestAFolderThatIsAwayForAWhileTellsNothingAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		folder := filepath.Join(t.TempDir(), "in")
		mkdir(t, folder)
		write(t, "1", folder, "a.csv")
		look := puller(t, newWatcher(t, options(folder)))
		for l := look(); names(l) != "a.csv"; l = look() {
		}
		must(t, os.Rename(folder, folder+".off"))
		for l := look(); l.Missing == ""; l = look() {
		}
		must(t, os.Rename(folder+".off", folder))
		for l := look(); l.Missing != ""; l = look() {
		}
		for range 5 {
			if l := look(); names(l) != "" {
				t.Errorf("got %q, want nothing", names(l))
			}
		}
	})
}

func TestTwoDaysAreQuietButForOneRecheckADay(t *testing.T) {
	bubble(t, func(t *testing.T) {
		folder := t.TempDir()
		write(t, "1", folder, "a.csv")
		mkdir(t, folder, "b.csv")
		ctx, cancel := context.WithTimeout(t.Context(), 49*time.Hour)
		defer cancel()
		var told, rechecks, skips, looks int
		for l := range newWatcher(t, options(folder)).Looks(ctx) {
			looks++
			skips += len(l.Skipped)
			for _, f := range l.Files {
				told++
				if f.Recheck {
					rechecks++
				}
			}
		}
		if told != 3 || rechecks != 2 || skips != 1 || looks < 49*120 || looks > 49*120+5 {
			t.Errorf("got %d told, %d of them rechecks, %d skips, %d looks; want 3, 2, 1, one look each 30s", told, rechecks, skips, looks)
		}
	})
}

func TestRetriesComeByThemselves(t *testing.T) {
	bubble(t, func(t *testing.T) {
		folder := t.TempDir()
		write(t, "1", folder, "a.csv")
		w := newWatcher(t, options(folder))
		look := puller(t, w)
		look()
		l := look()
		last := time.Now()
		for n, want := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
			w.Retry(l.Files[0])
			for l = look(); names(l) == ""; l = look() {
			}
			if got := time.Since(last); got != want*time.Second {
				t.Errorf("retry %d: got it after %v, want %v", n, got, want*time.Second)
			}
			last = time.Now()
		}
	})
}

func TestAWakeLooksAtOnceButNotInAStorm(t *testing.T) {
	bubble(t, func(t *testing.T) {
		folder := t.TempDir()
		o := options(folder)
		o.Settle = 0
		w := newWatcher(t, o)
		look := puller(t, w)
		look()
		time.Sleep(10 * time.Second)
		began := time.Now()
		for n := range 5 {
			write(t, "1", folder, fmt.Sprintf("%d.csv", n))
			w.Wake()
			if l := look(); len(l.Files) != 1 {
				t.Fatalf("got %d files, want 1", len(l.Files))
			}
		}
		if got := time.Since(began); got != time.Second {
			t.Errorf("five looks took %v; want the first at once and four a second", got)
		}
	})
}

func TestALookThatIsAskedForIsToldThoughItFindsNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWatcher(t, options(t.TempDir()))
		look := puller(t, w)
		look()
		time.Sleep(10 * time.Second)
		began := time.Now()
		w.Tell()
		if l := look(); len(l.Files) != 0 || time.Since(began) != 0 {
			t.Errorf("got %d files after %v, want none, at once", len(l.Files), time.Since(began))
		}
		if look(); time.Since(began) != 30*time.Second {
			t.Errorf("the next look is told after %v, want the rescan", time.Since(began))
		}
	})
}

func TestThePendingFileThatVanishesIsTold(t *testing.T) {
	bubble(t, func(t *testing.T) {
		folder := t.TempDir()
		path := write(t, "1", folder, "a.csv")
		began := time.Now()
		look := puller(t, newWatcher(t, options(folder)))
		if l := look(); l.Pending != 1 {
			t.Fatalf("got %d pending, want 1", l.Pending)
		}
		must(t, os.Remove(path))
		if l := look(); l.Pending != 0 || time.Since(began) > 2*time.Second {
			t.Errorf("got %d pending after %v, want 0 after 2s", l.Pending, time.Since(began))
		}
	})
}

func TestATriggerSaysThatAnExportIsReady(t *testing.T) {
	bubble(t, func(t *testing.T) {
		folder := t.TempDir()
		o := options(folder)
		o.Files, o.Ready = nil, "{stem}.done"
		write(t, "1", folder, "a.csv")
		w := newWatcher(t, o)
		look := puller(t, w)
		if l := look(); l.Waiting != 1 || l.Pending != 0 {
			t.Errorf("got %d waiting, %d pending; want 1, 0", l.Waiting, l.Pending)
		}
		write(t, "", folder, "A.Done")
		l := look()
		if names(l) != "a.csv!" || l.Files[0].Trigger != "A.Done" {
			t.Fatalf("got %+v, want a.csv, final, with its trigger", l)
		}
		must(t, w.Remove(l.Files[0], func(io.Reader) (bool, error) { return true, nil }))
		if left, err := os.ReadDir(folder); err != nil || len(left) != 0 {
			t.Errorf("got %v, %v left; want nothing: the trigger goes with its export", left, err)
		}
	})
}

func TestSubFoldersAreLookedAtWhereWanted(t *testing.T) {
	bubble(t, func(t *testing.T) {
		folder := t.TempDir()
		archive := mkdir(t, folder, "archive")
		for _, dir := range []string{"", "store 1", "store 2/deep", "archive", ".hidden", "$RECYCLE.BIN", "x.csv"} {
			mkdir(t, folder, dir)
			write(t, "1", folder, dir, "a.csv")
		}
		deep := filepath.Join(folder, strings.Repeat("d/", 33))
		mkdir(t, deep)
		write(t, "1", deep, "a.csv")
		o := options(folder)
		flat := puller(t, newWatcher(t, o))
		flat()
		if l := flat(); names(l) != "a.csv" {
			t.Errorf("got %q, want only the folder's own", names(l))
		}
		o.Recursive, o.Exclude = true, []string{archive, filepath.Join(folder, "no such")}
		look := puller(t, newWatcher(t, o))
		if l := look(); len(l.Skipped) != 1 || !strings.Contains(l.Skipped[0].Why, "folders deep") {
			t.Errorf("got %+v skipped, want the one that is too deep", l.Skipped)
		}
		got := map[string]bool{}
		for _, f := range look().Files {
			got[f.Name] = true
		}
		for _, want := range []string{"a.csv", "store 1/a.csv", "store 2/deep/a.csv", "x.csv/a.csv"} {
			if !got[want] {
				t.Errorf("%s is not told", want)
			}
			delete(got, want)
		}
		if len(got) != 0 {
			t.Errorf("got %v besides", got)
		}
	})
}

func TestTheLoopEndsWithItsContext(t *testing.T) {
	t.Parallel()
	for _, o := range []watcher.Options{live(t.TempDir()), options(t.TempDir())} {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		w := newWatcher(t, o)
		looks := 0
		for range w.Looks(ctx) {
			looks++
			cancel()
		}
		for range w.Looks(ctx) {
			looks++
		}
		if looks != 1 {
			t.Errorf("got %d looks, want 1", looks)
		}
	}
}

func TestAFolderThatCannotBeListedIsMissing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		folder := write(t, "", t.TempDir(), "file")
		l := puller(t, newWatcher(t, options(folder)))()
		if l.Missing != "it is not a folder" || l.Pending != 0 {
			t.Errorf("got %+v", l)
		}
	})
}

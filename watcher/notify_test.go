package watcher_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"tillpost/watcher"
)

// livePuller is puller in real time, with an end to waiting for a notification.
func livePuller(t *testing.T, o watcher.Options) func() watcher.Look {
	t.Helper()
	_, look := livePull(t, o)
	return look
}

func livePull(t *testing.T, o watcher.Options) (*watcher.Watcher, func() watcher.Look) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	w := newWatcher(t, o)
	return w, pull(t, ctx, w)
}

// gone stands for the rescan on Windows, which need not tell of what is only renamed or removed.
func gone(w *watcher.Watcher) {
	if runtime.GOOS == "windows" {
		w.Wake()
	}
}

func TestSiblingsWhoseNamesBeginAlikeAreBothWatched(t *testing.T) { // F17, W24
	t.Parallel()
	parent := t.TempDir()
	in, in2 := mkdir(t, parent, "in"), mkdir(t, parent, "in2")
	o1, o2 := live(in), live(in2)
	o1.Hub = new(watcher.Hub)
	o2.Hub = o1.Hub
	w1, look1 := livePull(t, o1)
	look2 := livePuller(t, o2)
	look1()
	look2()
	must(t, os.RemoveAll(in))
	gone(w1)
	if l := look1(); l.Missing == "" {
		t.Error("the removal of in is not told")
	}
	write(t, "1", in2, "a.csv")
	if l := look2(); names(l) != "a.csv!" {
		t.Errorf("got %q, want a.csv of in2", names(l))
	}
}

func TestFoldersWithUnusualNamesAreWatched(t *testing.T) { // W24
	t.Parallel()
	for name, folder := range map[string][]string{
		"a long path":   slices.Repeat([]string{strings.Repeat("stock-", 20)}, 4), // more than the 260 characters that old programs take
		"blanks in it":  {"stock of the shop"},
		"a dot at last": {"stock.d", "v1.2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := mkdir(t, append([]string{t.TempDir()}, folder...)...)
			look := livePuller(t, live(folder))
			look()
			write(t, "1", folder, "a.csv")
			if l := look(); names(l) != "a.csv!" {
				t.Errorf("got %q, want a.csv", names(l))
			}
		})
	}
}

func TestAnExportWhoseNameChangesInCaseAloneIsTold(t *testing.T) { // W24
	t.Parallel()
	folder := t.TempDir()
	w, look := livePull(t, live(folder))
	look()
	write(t, "1", folder, "stock.csv")
	look()
	must(t, os.Rename(filepath.Join(folder, "stock.csv"), filepath.Join(folder, "STOCK.CSV")))
	gone(w)
	if l := look(); names(l) != "STOCK.CSV!" {
		t.Errorf("got %q, want it under its new name", names(l))
	}
}

// live are options with notifications, and no rescan while a test runs: what is found is found by a notification.
func live(folder string) watcher.Options {
	o := options(folder)
	o.Settle, o.SettleLast, o.Rescan, o.NoNotify = 0, 0, time.Hour, false
	return o
}

func TestNotificationsWake(t *testing.T) {
	t.Parallel()
	for name, come := range map[string]func(t *testing.T, folder string){
		"a file is written": func(t *testing.T, folder string) {
			write(t, "1", folder, "a.csv")
		},
		"a file is renamed into its name": func(t *testing.T, folder string) {
			must(t, os.Rename(write(t, "1", folder, "a.tmp"), filepath.Join(folder, "a.csv")))
		},
		"a file is moved in": func(t *testing.T, folder string) {
			must(t, os.Rename(write(t, "1", t.TempDir(), "a.csv"), filepath.Join(folder, "a.csv")))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			look := livePuller(t, live(folder))
			look()
			come(t, folder)
			if l := look(); names(l) != "a.csv!" || l.Blind != "" {
				t.Errorf("got %+v, want a.csv", l)
			}
		})
	}
}

func TestTheWatchFollowsThePathAndNotTheFolder(t *testing.T) { // F6, F7
	t.Parallel()
	for name, replace := range map[string]func(t *testing.T, folder string){
		"removed and recreated": func(t *testing.T, folder string) { must(t, os.RemoveAll(folder)) },
		"renamed and recreated": func(t *testing.T, folder string) { must(t, os.Rename(folder, folder+".old")) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := mkdir(t, t.TempDir(), "in")
			w, look := livePull(t, live(folder))
			look()
			replace(t, folder)
			gone(w)
			if l := look(); l.Missing == "" {
				t.Fatal("got nothing of it")
			}
			mkdir(t, folder)
			w.Wake() // stands for the rescan
			if l := look(); l.Missing != "" {
				t.Fatalf("got missing %q", l.Missing)
			}
			write(t, "1", folder, "a.csv")
			if l := look(); names(l) != "a.csv!" {
				t.Errorf("got %+v, want a.csv", l)
			}
		})
	}
}

func TestSubFoldersThatComeLaterAreWatched(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	o := live(folder)
	o.Recursive = true
	look := livePuller(t, o)
	look()
	for _, dir := range []string{"store 1", "store 1/new"} {
		mkdir(t, folder, dir)
		write(t, "1", folder, dir, "a.csv")
		if l := look(); names(l) != dir+"/a.csv!" {
			t.Errorf("got %q, want %s/a.csv!", names(l), dir)
		}
	}
}

func TestFortyThousandFilesAtOnceAreAllTold(t *testing.T) { // W1, F1, F2
	t.Parallel()
	count := 40_000
	if runtime.GOOS == "windows" {
		count = 4_000 // its queue has 64 KiB
	}
	folder := t.TempDir()
	o := live(folder)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	told := map[string]int{}
	written := false
	for l := range newWatcher(t, o).Looks(ctx) {
		if !written { // in the loop's body: nobody looks meanwhile, and the system's queue of events overflows
			written = true
			for n := range count {
				f, err := os.Create(filepath.Join(folder, fmt.Sprintf("%d.csv", n)))
				must(t, err)
				must(t, f.Close())
			}
		}
		for _, f := range l.Files {
			told[f.Name]++
		}
		if len(told) == count {
			break
		}
	}
	if len(told) != count {
		t.Fatalf("got %d files, want %d", len(told), count)
	}
	for name, n := range told {
		if n != 1 {
			t.Fatalf("%s was told %d times", name, n)
		}
	}
}

package watcher_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestAPeekTellsWhatIsThereAndChangesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, "newer", dir, "a.csv")
	hour := time.Now().Add(-time.Hour)
	must(t, os.Chtimes(write(t, "older", dir, "b.csv"), hour, hour))
	write(t, "other", dir, "c.txt")
	write(t, "in use", dir, ".tillpost-0123456789abcdef-d.csv") // a running agent may be about to archive it
	mkdir(t, dir, "e.csv")
	listing := func() string {
		list, err := os.ReadDir(dir)
		must(t, err)
		return fmt.Sprint(list)
	}
	before := listing()
	w := newWatcher(t, options(dir))
	for range 2 {
		l := w.Peek()
		if names(l) != "b.csv! a.csv!" || l.Missing != "" || l.Waiting != 0 || len(l.Skipped) != 1 || l.Skipped[0].Name != "e.csv" {
			t.Errorf("got %+v, want b.csv, then a.csv, and that e.csv is a folder", l)
		}
	}
	if after := listing(); after != before {
		t.Errorf("got %q, want %q as before", after, before)
	}
}

func TestAPeekTellsOfMissingFoldersAndTriggers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if l := newWatcher(t, options(filepath.Join(dir, "none"))).Peek(); l.Missing != "it does not exist" {
		t.Errorf("got %+v, want that it does not exist", l)
	}
	o := options(dir)
	o.Ready = "{stem}.done"
	write(t, "x", dir, "a.csv")
	write(t, "x", dir, "b.csv")
	write(t, "", dir, "a.done")
	if l := newWatcher(t, o).Peek(); names(l) != "a.csv!" || l.Waiting != 1 {
		t.Errorf("got %+v, want a.csv, and one that waits", l)
	}
}

package agent

import (
	"log/slog"
	"slices"
	"time"
)

// trouble is a failure that lasts: one line when it begins, one when it ends, with how often and how long. It belongs to
// one goroutine.
type trouble struct {
	log   *slog.Logger
	since time.Time // zero = none
	told  []string  // what has been logged since
	times int
}

// begin notes a failure. Each kind of it is a line of its own, once.
func (t *trouble) begin(what string, err error, facts ...any) {
	if t.since.IsZero() {
		t.since = time.Now()
	}
	t.times++
	if slices.Contains(t.told, what) {
		return
	}
	t.told = append(t.told, what)
	t.log.Error(what, append(facts, "err", err)...)
}

// end notes that all is well again.
func (t *trouble) end(what string) {
	if t.since.IsZero() {
		return
	}
	t.log.Info(what, "failures", t.times, "lasted", time.Since(t.since).Round(time.Second))
	t.since, t.told, t.times = time.Time{}, nil, 0
}

// fileTrouble is a trouble with files of a folder: it ends when no file is left that has it.
type fileTrouble struct {
	trouble
	over  string // the line when it ends
	files map[string]bool
}

// fail notes that a file has the trouble.
func (t *fileTrouble) fail(name, what string, err error) {
	if t.files == nil {
		t.files = map[string]bool{}
	}
	t.files[name] = true
	t.begin(what, err, "export", name)
}

// well notes that a file does not have it, or not any more.
func (t *fileTrouble) well(name string) {
	if delete(t.files, name); len(t.files) == 0 {
		t.end(t.over)
	}
}

// none notes that no file has it: those that had are gone.
func (t *fileTrouble) none() {
	clear(t.files)
	t.end(t.over)
}

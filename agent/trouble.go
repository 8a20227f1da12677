package agent

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"golang.org/x/time/rate"
)

// trouble is a failure that lasts: one line when it begins, one when it ends, with how often and how long. It belongs to
// one goroutine.
type trouble struct {
	log   *slog.Logger
	below slog.Level // how far below an error it is; 0 = it is one
	since time.Time  // zero = none
	told  []string   // what has been logged since
	times int
}

// How far a trouble is below an error.
const (
	aWarning = slog.LevelError - slog.LevelWarn
	forInfo  = slog.LevelError - slog.LevelInfo
)

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
	t.log.Log(context.Background(), slog.LevelError-t.below, what, append(facts, "err", err)...)
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

// told logs what concerns single rows and keys, of which there can be a million at once: some now and then, and how many
// were left out. It belongs to one goroutine.
type told struct {
	log     *slog.Logger
	limit   *rate.Limiter
	skipped int
}

func newTold(log *slog.Logger) told {
	return told{log: log, limit: rate.NewLimiter(rate.Every(time.Minute), 20)}
}

func (t *told) warn(what string, facts ...any) {
	if !t.limit.Allow() {
		t.skipped++
		return
	}
	if t.skipped > 0 {
		facts = append(facts, "left_out_before", t.skipped)
		t.skipped = 0
	}
	t.log.Warn(what, facts...)
}

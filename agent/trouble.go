package agent

import (
	"log/slog"
	"time"
)

// trouble is a failure that lasts: one line when it begins, one when it ends, with how often and how long. It belongs to
// one goroutine.
type trouble struct {
	log   *slog.Logger
	since time.Time // zero = none
	what  string
	times int
}

// begin notes a failure. Another one than the last time is a line of its own.
func (t *trouble) begin(what string, err error) {
	t.times++
	if !t.since.IsZero() && t.what == what {
		return
	}
	if t.since.IsZero() {
		t.since = time.Now()
		t.times = 1
	}
	t.what = what
	t.log.Error(what, "err", err)
}

// end notes that all is well again.
func (t *trouble) end(what string) {
	if t.since.IsZero() {
		return
	}
	t.log.Info(what, "failures", t.times, "lasted", time.Since(t.since).Round(time.Second))
	t.since, t.what, t.times = time.Time{}, "", 0
}

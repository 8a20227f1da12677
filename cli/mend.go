package cli

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"tillpost/agent"
	"tillpost/outbox"
)

const (
	mendPause = time.Second      // before the outbox is opened again, and twice as long each time
	mendMost  = time.Minute      // up to this
	mendOften = 3                // times in mendSpan that what is in order may have seemed damaged
	mendSpan  = time.Hour        // and
	mendSlow  = 30 * time.Minute // up to this after that
	mendHang  = 2 * time.Minute  // for an agent to come to its end without its outbox
)

// mender opens the outbox again where it cannot be used: each time with a new agent in this process.
type mender struct {
	since    time.Time // of the trouble; zero = there is none
	failures int
	times    []time.Time // of failures, in the last mendSpan
	notes    *agent.Notes
	worked   bool // an agent of this process has had the outbox open
}

// opened notes that the outbox is in use.
func (m *mender) opened(log *slog.Logger) {
	m.worked = true
	if m.since.IsZero() {
		return
	}
	log.Info("the outbox is in use again", "failures", m.failures, "lasted", time.Since(m.since).Round(time.Second))
	m.since, m.failures = time.Time{}, 0
	m.notes.Note(agent.OutboxUnusable, "")
}

// again reports whether another agent is to follow on one that ended with err, once it has waited.
func (m *mender) again(ctx context.Context, err error, log *slog.Logger) bool {
	if err == nil || ctx.Err() != nil || errors.Is(err, outbox.ErrNewer) || !agent.Mendable(err) && (!m.worked || m.since.IsZero()) {
		return false
	}
	now := time.Now()
	if m.since.IsZero() {
		m.since = now
		m.notes.Note(agent.OutboxUnusable, errorText(err))
		log.Error("the outbox cannot be used; it is opened again until it can", "err", errorText(err))
	}
	m.failures++
	timer := time.NewTimer(m.pause(now, errors.Is(err, outbox.ErrDamaged)))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// pause is how long to wait now.
func (m *mender) pause(now time.Time, damaged bool) time.Duration {
	for len(m.times) > 0 && now.Sub(m.times[0]) > mendSpan {
		m.times = m.times[1:]
	}
	n := len(m.times)
	m.times = append(m.times, now)
	if damaged && n >= mendOften {
		return min(mendSlow, mendMost<<min(n-mendOften, 8))
	}
	return min(mendMost, mendPause<<min(n, 8))
}

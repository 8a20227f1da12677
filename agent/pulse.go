package agent

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// graceOf is how long requests that are on their way have once ctx has ended: what its cause says by a method Grace, such as
// where Windows shuts down and leaves little time, else grace.
func graceOf(ctx context.Context) time.Duration {
	type hurried interface {
		error
		Grace() time.Duration
	}
	if cause, ok := errors.AsType[hurried](context.Cause(ctx)); ok {
		return cause.Grace()
	}
	return grace
}

// hasLooked notes that what a source's first look found was dealt with.
func (a *Agent) hasLooked() {
	if a.unlooked.Add(-1) == 0 && a.opts.Ready != nil {
		a.opts.Ready()
	}
}

const (
	// stuckTurn is how long the clerk may be at one order until it counts as stuck: a command may keep it waiting for commandTime.
	stuckTurn = 2 * commandTime
	// longOpening is how long an agent may take to begin: a large outbox on a slow disk is verified for minutes.
	longOpening = 30 * time.Minute
	// longEnd is how long one may take to come to its end: a folder that hangs lets nobody look away.
	longEnd = 2 * time.Minute
)

// life says where an agent is between the call of Run and its return.
type life struct {
	begun, ending time.Time // zero = not yet
}

// tellsItsEnd notes when the work is about to end, which it does with ctx, until what is answered is called.
func (a *Agent) tellsItsEnd(ctx context.Context) (leave func() bool) {
	return context.AfterFunc(ctx, func() {
		if l := a.life.Load(); l != nil {
			a.life.CompareAndSwap(l, &life{begun: l.begun, ending: time.Now()})
		}
	})
}

// Pulse answers nil once the drain has answered: the agent is alive, whatever is wrong with the API or a folder. While it
// begins, and while it comes to its end, it is alive unless that takes too long.
func (a *Agent) Pulse(ctx context.Context) error {
	l := a.life.Load()
	switch now := time.Now(); {
	case l == nil:
		return nil
	case !l.ending.IsZero() && now.Sub(l.ending) > longEnd:
		return fmt.Errorf("it has not come to its end since %s", l.ending.Format(time.DateTime))
	case !l.ending.IsZero():
		return nil
	case !a.drains.Load() && now.Sub(l.begun) > longOpening:
		return fmt.Errorf("it has not begun to send since %s", l.begun.Format(time.DateTime))
	case !a.drains.Load():
		return nil
	}
	answer := make(chan error, 1)
	select {
	case a.pulses <- answer:
		return <-answer
	case <-ctx.Done():
		if !a.drains.Load() {
			return nil
		}
		return fmt.Errorf("the drain does not answer: %w", context.Cause(ctx))
	}
}

// pulse is what the drain answers to Pulse.
func (d *drain) pulse(now time.Time) error {
	if d.turning && now.Sub(d.turnedAt) > stuckTurn {
		return fmt.Errorf("the outbox has not answered since %s", d.turnedAt.Format(time.DateTime))
	}
	return nil
}

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

// stuckTurn is how long the clerk may be at one order until it counts as stuck: a commit that waits for a slow disk takes
// seconds.
const stuckTurn = 10 * time.Minute

// Pulse answers nil once the drain has answered: the agent is alive, whatever is wrong with the API or a folder. Before the
// drain begins, and once it ends, there is nothing to ask, and the answer is nil too.
func (a *Agent) Pulse(ctx context.Context) error {
	if !a.drains.Load() {
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

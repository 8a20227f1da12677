package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"tillpost/agent"
	"tillpost/mockapi"
)

// demoScene is one step of the demo's day. Its figures are measured.
type demoScene struct {
	clock   string                             // in the story
	happens string                             // what happens, in a line
	do      func(context.Context, *demo) error // lets it happen
	until   demoGoal                           // what must come of it
	then    func(context.Context, *demo) error // ends it; nil = nothing to end
	result  func(*demo) (string, error)        // what came of it, in a line or more; the error says that it was wrong
	safe    string                             // why it is safe, in a line
}

// demoGoal is a state of the agent that must be reached.
type demoGoal struct {
	what  string // as in: ... was not reached
	holds func(*demo, agent.Status) (bool, error)
}

// demoDrop is an export that the till wrote, and how things stood before it.
type demoDrop struct {
	name    string
	changed int64 // rows that differ from what was told before
	at      time.Time
	before  agent.Status
	api     mockapi.Counters
}

// demoBook is what has happened so far.
type demoBook struct {
	begun   time.Time
	exports int
	rows    int   // in them
	refused int   // exports
	opening int64 // updates of the first export
	last    demoDrop
	seen    agent.Status // at the last look
	began   time.Time    // when the scene did
}

// errDemoLate is the cause of the end of a step that took too long.
var errDemoLate = errors.New("the time is over")

// play plays a scene and tells of it.
func (d *demo) play(ctx context.Context, s demoScene) error {
	d.say("\n")
	d.tell(s.clock, s.happens)
	d.day.began = time.Now()
	d.live.told = d.day.began
	bounded, cancel := context.WithTimeoutCause(ctx, d.tempo.bound, errDemoLate)
	defer cancel()
	err := s.do(bounded, d)
	if err == nil {
		err = d.watch(bounded, s.until.holds)
	}
	if err == nil && s.then != nil {
		err = s.then(bounded, d)
	}
	if errors.Is(err, errDemoLate) {
		return fmt.Errorf("%s was not reached in %s: %s, the API is %q; the agent's last words:\n%s", s.until.what, d.tempo.bound,
			liveCounts(d.day.seen, 0), d.day.seen.API.State, lastLines(d.path("agent.log"), 10))
	}
	if err != nil {
		return err
	}
	result, err := s.result(d)
	if err != nil {
		return err
	}
	for line := range strings.Lines(result) {
		d.tell("", line)
	}
	d.tell("", "Safe: "+s.safe)
	return d.read(ctx)
}

// read gives a person the time to read; the counts stay live.
func (d *demo) read(ctx context.Context) error {
	for end := time.Now().Add(d.tempo.read); time.Now().Before(end); {
		if err := d.look(ctx); err != nil {
			return err
		}
		if err := d.pause(ctx, d.tempo.look); err != nil {
			return err
		}
	}
	return nil
}

// watch looks at the agent until a state is reached.
func (d *demo) watch(ctx context.Context, holds func(*demo, agent.Status) (bool, error)) error {
	for {
		if err := d.look(ctx); err != nil {
			return err
		}
		if ok, err := holds(d, d.day.seen); ok || err != nil {
			return err
		}
		if err := d.pause(ctx, d.tempo.look); err != nil {
			return err
		}
	}
}

// look looks at the agent and shows the live counts. It does nothing while none runs.
func (d *demo) look(ctx context.Context) error {
	if d.agent == nil {
		return nil
	}
	s, err := d.desk.Status(ctx)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		select {
		case <-d.agent.ended:
			return d.agent.died()
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(stopTime): // one that is stopped answers no more, and takes its time
			return err
		}
	}
	d.day.seen = s
	d.showLive(s, time.Now())
	return nil
}

// pause waits. The error is the cause of ctx's end, that the agent died, or that nobody reads what the demo tells.
func (d *demo) pause(ctx context.Context, wait time.Duration) error {
	if err := d.con.out.err; err != nil {
		return err
	}
	var ended <-chan struct{}
	if d.agent != nil {
		ended = d.agent.ended
	}
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-ended:
		return d.agent.died()
	case <-time.After(wait):
		return nil
	}
}

package agent

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tillpost/config"
	"tillpost/outbox"
)

// Desk is where commands are served: by the running agent, through its listener, or from the data folder of a stopped
// one. Both answer the same. Lists come in pages: after is "" for the first, then the Next of the page before.
type Desk interface {
	Status(context.Context) (Status, error)
	Pause(ctx context.Context, paused bool) error
	// Wanted tells the last wanted quantity of each encoded key; nil where there is none.
	Wanted(ctx context.Context, keys [][]byte) ([]*int64, error)
	Dead(ctx context.Context, after string) (DeadPage, error)
	RetryDead(ctx context.Context, which Which) (Acted, error)
	DiscardDead(ctx context.Context, which Which) (Acted, error)
	Held(ctx context.Context, _ string) ([]HeldExport, error)
	ReleaseHeld(ctx context.Context, which Which) (Acted, error)
	DiscardHeld(ctx context.Context, which Which) (Acted, error)
	Rejects(ctx context.Context, after string) (RejectPage, error)
	Why(ctx context.Context, code string) (Why, error)
	Resend(ctx context.Context, which Selection) (Acted, error)
	// Link makes a link that opens the status page once, within a minute. The error is ErrNotRunning where no agent runs.
	Link(context.Context) (string, error)
	// Recent lists the exports that were taken or refused last, of all sources, the newest first.
	Recent(ctx context.Context, most int) ([]outbox.Export, error)
	// LogTail is the newest lines of the running agent's log, the oldest first; there are none where no agent runs.
	LogTail(context.Context) ([]string, error)
	// Verify reads the whole outbox and tells what is wrong with it.
	Verify(context.Context) (Verified, error)
	Close() error
}

// OpenDesk finds the agent of a config. The error wraps outbox.ErrNoOutbox where no agent has ever run, and is an
// *InUseError where one runs and does not answer.
func OpenDesk(ctx context.Context, c *config.Config) (Desk, error) {
	var box *outbox.Outbox
	var err error
	for range deskTries { // each waits for the file's lock for a second: an agent that starts or stops needs a moment
		if d, err := dial(ctx, c.DataDir); err == nil {
			return d, nil
		}
		box, err = outbox.Open(c.DataDir, outbox.Options{MustExist: true, Confirm: c.API.Confirm, DeadRetry: c.API.DeadRetry})
		if !errors.Is(err, outbox.ErrInUse) || ctx.Err() != nil {
			break
		}
	}
	if errors.Is(err, outbox.ErrInUse) {
		card, _ := readCard(c.DataDir)
		return nil, fmt.Errorf("%w, and does not answer", &InUseError{Dir: c.DataDir, PID: card.PID})
	}
	if err != nil {
		return nil, err
	}
	return &boxDesk{box: box, conf: c}, nil
}

// DialDesk finds the running agent of a config; unlike OpenDesk it leaves the outbox alone where none answers.
func DialDesk(ctx context.Context, c *config.Config) (Desk, error) {
	d, err := dial(ctx, c.DataDir)
	if err != nil {
		return nil, err
	}
	return d, nil
}

// deskTries is how often OpenDesk looks for an agent that holds the outbox.
const deskTries = 4

// boxDesk serves from the outbox itself.
type boxDesk struct {
	box   *outbox.Outbox
	conf  *config.Config
	agent *Agent // that runs; nil = none does
}

func (d *boxDesk) Status(context.Context) (Status, error) {
	if d.agent != nil {
		return d.agent.Status()
	}
	s, err := statusOf(d.box)
	if err != nil {
		return s, err
	}
	for _, c := range d.conf.Sources {
		one := SourceStatus{Name: c.Name, Folder: c.Folder, State: sourceStopped}
		if one.LastExport, err = lastExport(d.box, c.Name); err != nil {
			return s, err
		}
		if c.Expect > 0 {
			came, err := d.box.LastCame(c.Name)
			if err != nil {
				return s, err
			}
			one.expect(c.Expect, came, time.Time{})
		}
		s.Sources = append(s.Sources, one)
	}
	s.Problems = s.problems(s.Why != "")
	return s, nil
}

func (d *boxDesk) Pause(_ context.Context, paused bool) error {
	if d.agent != nil {
		return d.agent.Pause(paused)
	}
	return d.box.Pause(paused)
}

func (d *boxDesk) Wanted(_ context.Context, keys [][]byte) ([]*int64, error) {
	return d.box.LastWanted(keys)
}

// Close closes the outbox that OpenDesk has opened; a running agent's stays open.
func (d *boxDesk) Close() error {
	if d.agent != nil {
		return nil
	}
	return d.box.Close()
}

// Desk is where the running agent's own commands are served.
func (a *Agent) Desk() Desk { return &boxDesk{box: a.box, conf: a.opts.Config, agent: a} }

// changed lets a running agent look at what a command has changed, and logs the command.
func (d *boxDesk) changed(command string, done int64) {
	if d.agent != nil {
		d.agent.log.Info("command", "command", command, "done", done)
		signal(d.agent.wake)
		d.agent.changes()
	}
}

// Pause stops the drain, or lets it go on, over restarts. When it has returned no request leaves any more.
func (a *Agent) Pause(paused bool) error {
	a.command.Lock()
	defer a.command.Unlock()
	if err := a.box.Pause(paused); err != nil {
		return err
	}
	if a.paused.Swap(paused) != paused {
		a.log.Info("command", "paused", paused)
	}
	signal(a.wake)
	a.changes()
	return nil
}

// Works reports whether the agent has its outbox open.
func (a *Agent) Works() bool { return a.inUse.Load() != nil }

// History is what the outbox keeps of what was delivered, waited and failed over time.
func (a *Agent) History() (outbox.History, error) { return a.box.History() }

// recentExports is how many exports of all sources are looked through for the newest of each.
const recentExports = 300

// Exports are the newest n exports of each source, the newest first, as far as they are not long ago; the newest one always.
func (a *Agent) Exports(n int) (map[string][]outbox.Export, error) {
	list, err := a.box.RecentExports(recentExports)
	by := map[string][]outbox.Export{}
	for _, e := range list {
		if len(by[e.Source]) < n {
			by[e.Source] = append(by[e.Source], e)
		}
	}
	for _, s := range a.sources {
		if err != nil {
			break
		}
		if name := s.conf.Name; len(by[name]) == 0 { // the others export often
			var e outbox.Export
			switch e, err = a.box.LastExport(name); {
			case err == nil:
				by[name] = append(by[name], e)
			case errors.Is(err, outbox.ErrUnknown):
				err = nil
			}
		}
	}
	return by, err
}

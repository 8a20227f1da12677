package agent

import (
	"context"
	"errors"
	"fmt"

	"tillpost/config"
	"tillpost/outbox"
)

// Desk is where commands are served: by the running agent, through its listener, or from the data folder of a stopped
// one. Both answer the same.
type Desk interface {
	Status(context.Context) (Status, error)
	Pause(ctx context.Context, paused bool) error
	// Wanted tells the last wanted quantity of each encoded key; nil where there is none.
	Wanted(ctx context.Context, keys [][]byte) ([]*int64, error)
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
	return &fileDesk{box: box, conf: c}, nil
}

// deskTries is how often OpenDesk looks for an agent that holds the outbox.
const deskTries = 4

// fileDesk serves from the file of a stopped agent.
type fileDesk struct {
	box  *outbox.Outbox
	conf *config.Config
}

func (d *fileDesk) Status(context.Context) (Status, error) {
	s, err := statusOf(d.box)
	if err != nil {
		return s, err
	}
	for _, c := range d.conf.Sources {
		one := SourceStatus{Name: c.Name, Folder: c.Folder, State: sourceStopped}
		if one.LastExport, err = lastExport(d.box, c.Name); err != nil {
			return s, err
		}
		s.Sources = append(s.Sources, one)
	}
	return s, nil
}

func (d *fileDesk) Pause(_ context.Context, paused bool) error { return d.box.Pause(paused) }

func (d *fileDesk) Wanted(_ context.Context, keys [][]byte) ([]*int64, error) {
	return wanted(d.box, keys)
}

func (d *fileDesk) Close() error { return d.box.Close() }

func wanted(box *outbox.Outbox, keys [][]byte) ([]*int64, error) {
	out := make([]*int64, len(keys))
	for i, key := range keys {
		k, err := box.Lookup(key)
		if errors.Is(err, outbox.ErrUnknown) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out[i] = k.Wanted
	}
	return out, nil
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
	return nil
}

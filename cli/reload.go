package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"reflect"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"tillpost/agent"
	"tillpost/config"
)

// configLook is how often the config of a running agent is looked at. A change counts once the file has stayed as it is
// from one look to the next, for editors write in steps.
const configLook = 2 * time.Second

const (
	// restLook is how often it is looked at once nothing has changed for restAfter: an agent that has nothing to do is to cost
	// nothing, and each time that a process wakes costs half a millisecond, most of it Go's own.
	restLook  = 6 * time.Second
	restAfter = time.Minute
)

// errReconfigured is the cause of the end of an agent whose config has changed.
var errReconfigured = errors.New("the config has changed")

// runConfig runs the agent of the config at path and, in its place, that of each good config that the file holds later,
// until ctx ends. A bad one is named in the log, and the one before goes on. Promise 7 of the contract.
func (con *console) runConfig(ctx context.Context, path string, v *vitals) error {
	path = config.Find(path)
	file := statFile(path) // before it is read: what changes from here on is seen
	c, err := loadConfig(path)
	if err != nil {
		return err
	}
	f := newFront(c, v)
	m := &mender{notes: v.notes}
	a, err := con.newAgent(c, life{mender: m, vitals: v})
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	var door sync.WaitGroup
	door.Go(func() { f.serve(ctx) })
	defer door.Wait()
	defer stop()
	for {
		w := &configWatch{con: con, path: path, seen: file, running: c, log: a.Log(), notes: v.notes}
		v.agent.Store(&working{a, c})
		next, err := w.run(ctx, a)
		v.agent.Store(nil)
		mend := m.again(ctx, err, a.Log())
		if ctx.Err() != nil || !mend && (next == nil || err != nil) {
			return err
		}
		con.endLog(nil)
		file = w.seen
		now := life{mender: m, vitals: v, kept: a.Kept()}
		if next != nil {
			if a, err = con.newAgent(next, now); err == nil {
				c = next
				continue
			}
			// It was good a moment ago: its token, or its CA file, has gone meanwhile.
		}
		again, ferr := con.newAgent(c, now)
		if ferr != nil {
			return errors.Join(err, ferr)
		}
		if a = again; next != nil {
			a.Log().Error("the changed config cannot be taken up; the one before goes on", "err", errorText(err))
			v.notes.Note(agent.ConfigRefused, errorText(err))
		}
	}
}

// configWatch looks at the config of a running agent.
type configWatch struct {
	con     *console
	path    string
	seen    fileState
	running *config.Config
	log     *slog.Logger
	notes   *agent.Notes
	bad     bool // a config that cannot be taken up was named
}

// fileState is what tells one version of a file from another; the zero one of a file that is not there.
type fileState struct {
	about os.FileInfo
	err   string
}

func statFile(path string) fileState {
	about, err := os.Stat(path)
	if err != nil {
		return fileState{err: err.Error()}
	}
	return fileState{about: about}
}

func (f fileState) same(g fileState) bool {
	if f.about == nil || g.about == nil {
		return f.about == nil && g.about == nil && f.err == g.err
	}
	return os.SameFile(f.about, g.about) && f.about.Size() == g.about.Size() && f.about.ModTime().Equal(g.about.ModTime())
}

// run runs the agent until ctx ends, it fails, or there is another good config, which it returns once the agent has ended.
// It also ends it where its outbox was taken away.
func (w *configWatch) run(ctx context.Context, a *agent.Agent) (next *config.Config, err error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer stop(nil) // ends the looks
		return a.Run(ctx)
	})
	var lost error
	var hangs *time.Timer
	g.Go(func() error {
		if next, lost = w.next(ctx, a.Present); next != nil {
			stop(errReconfigured)
		}
		if lost != nil {
			// bbolt may keep somebody waiting for ever for what is gone: then whoever started the process starts another.
			hangs = time.AfterFunc(mendHang, func() { panic(lost) })
			stop(lost)
		}
		return nil
	})
	if err = g.Wait(); hangs != nil {
		hangs.Stop()
	}
	if lost != nil && (err == nil || agent.Mendable(err)) {
		err = lost // the others only follow from it
	}
	return next, err
}

// next waits for another good config; nil when ctx ends, or present says why the agent cannot go on.
func (w *configWatch) next(ctx context.Context, present func() error) (*config.Config, error) {
	timer := time.NewTimer(configLook)
	defer timer.Stop()
	last, changed := w.seen, time.Now()
	for {
		select {
		case <-ctx.Done():
			return nil, nil
		case <-timer.C:
		}
		if err := present(); err != nil {
			return nil, err
		}
		now := statFile(w.path)
		settled := now.same(last)
		if !settled {
			changed = time.Now()
		}
		if time.Since(changed) < restAfter {
			timer.Reset(configLook)
		} else {
			timer.Reset(restLook)
		}
		if last = now; !settled || now.same(w.seen) {
			continue
		}
		w.seen = now
		if c := w.take(); c != nil {
			return c, nil
		}
	}
}

// take reads the changed config; nil where it cannot be taken up, or means what the running one does.
func (w *configWatch) take() *config.Config {
	c, err := loadConfig(w.path)
	if err == nil {
		err = w.tryOut(c)
	}
	if err != nil {
		w.bad = true
		w.log.Error("the config was changed and cannot be taken up; the one before goes on", "err", errorText(err))
		w.notes.Note(agent.ConfigRefused, errorText(err))
		return nil
	}
	w.notes.Note(agent.ConfigRefused, "")
	if w.bad {
		w.bad = false
		w.log.Info("the config is good again")
	}
	if c.DataDir != w.running.DataDir || c.Status != w.running.Status {
		w.log.Warn("another data_dir, or another status.listen, counts from the next start on")
		c.DataDir, c.Status = w.running.DataDir, w.running.Status
	}
	if reflect.DeepEqual(c, w.running) {
		return nil
	}
	w.log.Info("the config has changed; it is taken up")
	return c
}

// tryOut makes the agent of a config, and forgets it: then the agent that works until now need not end for nothing.
func (w *configWatch) tryOut(c *config.Config) error {
	_, err := agentOf(c, slog.New(slog.NewTextHandler(io.Discard, nil)), life{})
	if err != nil {
		return fmt.Errorf("%s: %w", w.path, err)
	}
	return nil
}

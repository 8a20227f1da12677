package agent

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tillpost/outbox"
)

const (
	proveTries = 3 // to verify an outbox of which it is not known how it is
	provePause = time.Second
)

// Prove sees, where the outbox was not closed in order, that it is verified before it is used. A damaged one is set aside,
// and another made that reads the exports anew; one that is gone is made anew too. An outbox of which it cannot be told how
// it is stays, and is used. shown, where it is not nil, is what speaks against it already: then it is verified in any
// case, and shown is the error where that does not help. Promise 11 of the contract.
func (a *Agent) Prove(ctx context.Context, shown error) error {
	dir := a.opts.Config.DataDir
	switch {
	case a.opts.Verify == nil:
		return shown
	case shown != nil:
		return a.judge(ctx, shown)
	case a.proven:
		return nil
	}
	_, err := os.Stat(outboxPath(dir))
	switch {
	case errors.Is(err, fs.ErrNotExist) && (outbox.Unclean(dir) || a.opts.Kept != nil):
		return a.rebuild(nil, a.opts.Kept, "it was gone")
	case err == nil && outbox.Unclean(dir):
		return a.judge(ctx, nil)
	}
	return nil
}

func outboxPath(dir string) string { return filepath.Join(dir, "outbox.db") }

// judge verifies the outbox. Where it cannot be told how it is, shown is the error: why it seems to be damaged, nil =
// nothing speaks against it.
func (a *Agent) judge(ctx context.Context, shown error) error {
	dir := a.opts.Config.DataDir
	was, err := os.Stat(outboxPath(dir))
	if err != nil {
		return err
	}
	var v outbox.Verdict
	for try := 1; ; try++ {
		v, err = a.opts.Verify(ctx, dir)
		if err == nil || try == proveTries || errors.Is(err, outbox.ErrInUse) || errors.Is(err, outbox.ErrNewer) || !rest(ctx, time.Duration(try)*provePause) {
			break
		}
	}
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, outbox.ErrInUse), errors.Is(err, outbox.ErrNewer):
		return shown // the opening says so
	case err != nil && shown != nil:
		return errors.Join(shown, err)
	case err != nil:
		a.log.Warn("the outbox was not closed in order and could not be verified; it is used as it is", "err", err)
		return nil
	case len(v.Faults) == 0:
		a.proven = true
		return shown
	}
	kept := a.opts.Kept
	if kept == nil {
		kept = v.Kept
	}
	return a.rebuild(was, kept, v.Faults[0])
}

// rebuild makes a new outbox in place of one that cannot be used any more; was is its file, nil = it is gone.
func (a *Agent) rebuild(was os.FileInfo, kept *outbox.Kept, why string) error {
	r, err := outbox.Rebuild(a.opts.Config.DataDir, was, kept, strings.ToValidUTF8(why, "?"), a.boxOptions(), time.Now())
	if err != nil {
		return err
	}
	a.proven = true
	if was == nil {
		a.log.Error("the outbox is gone; a new one is made, and everything is sent anew from the exports that are still there", "err", why)
	} else {
		a.log.Error("the outbox is damaged; it is set aside and a new one made, and everything is sent anew from the exports that are still there",
			"set_aside", r.File, "err", why)
	}
	return nil
}

// rest waits; false = ctx has ended.
func rest(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// Mendable reports whether another agent in the place of one that ended with err can go on: what is wrong is the outbox's
// file, which is then opened anew.
func Mendable(err error) bool {
	return errors.Is(err, outbox.ErrUncertain) || errors.Is(err, outbox.ErrDamaged) || errors.Is(err, outbox.ErrLost)
}

// Present reports whether the outbox that the agent works with is still in its place: see outbox.Present. It is cheap.
func (a *Agent) Present() error {
	if box := a.inUse.Load(); box != nil {
		return box.Present()
	}
	return nil
}

// Kept is what a new outbox is to take over from the one that this agent has opened; where it has opened none, from the
// one before it.
func (a *Agent) Kept() *outbox.Kept {
	if box := a.inUse.Load(); box != nil {
		return box.Kept()
	}
	return a.opts.Kept
}

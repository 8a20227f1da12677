package watcher

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

const (
	minGap      = 250 * time.Millisecond // between two looks, however many notifications come
	gapFactor   = 4                      // and this many times what the last one took, so that a huge folder costs at most a fifth of a core
	missingLook = 15 * time.Second       // between looks at a folder that is not there, unless Rescan is shorter
)

// looker is one call of Looks: it scans, decides and waits. One goroutine owns it.
type looker struct {
	w      *Watcher
	table  *table
	notify *notify // nil with NoNotify

	told    Look // the last one yielded
	any     bool // one was yielded
	pending int  // of the last look, yielded or not
	missing bool
	gap     time.Duration
	end     time.Time // of the last look
}

func newLooker(w *Watcher) *looker {
	l := &looker{w: w, table: newTable(w.names, w.opts.Settle, w.opts.SettleLast)}
	if !w.opts.NoNotify {
		l.notify = newNotify(w)
	}
	return l
}

func (l *looker) close() {
	if l.notify != nil {
		l.notify.close()
	}
}

// look scans the folder once. It reports whether there is something to tell.
func (l *looker) look() (Look, bool) {
	now := time.Now()
	l.table.apply(l.w.takeAsks(), now)
	look := Look{At: now}
	asked := l.w.tell.Swap(false)
	s := &scan{w: l.w, table: l.table}
	if l.notify != nil {
		l.notify.begin()
		s.enter = l.notify.enter
	}
	found := l.table.observe(now, s.entries)
	look.Files, look.Pending, look.Waiting = found.files, found.pending, found.waiting
	look.Missing = s.missing
	if s.missing == "" {
		s.restoreLeftovers()
		l.table.forget()
	}
	look.Skipped, look.Gone = l.table.newlySkipped(), l.table.newlyGone()
	if l.notify != nil {
		l.notify.finish(s.missing == "")
		look.Blind = l.notify.blind
	}

	l.end = time.Now()
	l.gap = max(minGap, gapFactor*l.end.Sub(now))
	tell := asked || !l.any || len(look.Files)+len(look.Skipped)+len(look.Gone) > 0 ||
		look.Missing != l.told.Missing || look.Blind != l.told.Blind ||
		look.Pending == 0 && l.pending > 0 || now.Sub(l.told.At) >= l.w.opts.Rescan
	l.pending, l.missing = look.Pending, look.Missing != ""
	if tell {
		l.told, l.any = look, true
		l.told.Files, l.told.Skipped, l.told.Gone = nil, nil, nil
	}
	return look, tell
}

// Peek looks once, apart from any loop over Looks, and changes nothing: a file that a crash left set aside stays so. Every
// file counts as at rest that is not without its trigger.
func (w *Watcher) Peek() Look {
	now := time.Now()
	t := newTable(w.names, 0, 0)
	s := &scan{w: w, table: t}
	found := t.observe(now, s.entries)
	return Look{At: now, Files: found.files, Waiting: found.waiting, Missing: s.missing, Skipped: t.newlySkipped()}
}

// wait returns true when it is time for the next look, and false when ctx has ended.
func (l *looker) wait(ctx context.Context) bool {
	for {
		now := time.Now()
		l.table.apply(l.w.takeAsks(), now)
		timer := time.NewTimer(max(l.untilDue(now), l.untilRested(now)))
		select {
		case <-ctx.Done():
			timer.Stop()
			return false
		case <-timer.C:
			return true
		case <-l.w.nudge: // an ask may have brought the next look forward
			timer.Stop()
		case <-l.w.wake:
			timer.Stop()
			return sleep(ctx, l.untilRested(time.Now()))
		}
	}
}

// untilRested is how long no look may happen, whatever calls for one.
func (l *looker) untilRested(now time.Time) time.Duration {
	return l.end.Add(l.gap).Sub(now)
}

// untilDue is how long until a file or a rescan is due.
func (l *looker) untilDue(now time.Time) time.Duration {
	rescan := l.told.At.Add(l.w.opts.Rescan)
	if l.missing {
		if soon := l.end.Add(missingLook); soon.Before(rescan) {
			rescan = soon
		}
		return rescan.Sub(now) // what is known of its files is out of date
	}
	return min(rescan.Sub(now), l.table.untilNext(now))
}

// sleep returns false when ctx ends before d has passed.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// missingWords says in plain words why a folder cannot be read.
func missingWords(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "it does not exist"
	case errors.Is(err, fs.ErrPermission):
		return "permission denied"
	case errors.Is(err, errNotFolder):
		return "it is not a folder"
	}
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		err = pe.Err
	}
	return err.Error()
}

var errNotFolder = errors.New("not a folder")

// openRoot opens the folder for one look or one file, and no longer: on Windows the handle of a Root keeps the folder
// from being renamed or removed.
func openRoot(folder string) (*os.Root, error) {
	i, err := os.Stat(folder) // for os.OpenRoot would block on a FIFO
	if err != nil {
		return nil, err
	}
	if !i.IsDir() {
		return nil, fmt.Errorf("open %s: %w", folder, errNotFolder)
	}
	return os.OpenRoot(folder)
}

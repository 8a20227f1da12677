// Package watcher tells of exports that have come to rest in a folder. It knows names, sizes and times, and no rows.
//
// # Promises
//
//  1. The scan is the truth, a notification only wakes it. With notifications off, lost or not to be had, all is found
//     just the same, at the latest one Rescan later than it would have been.
//  2. A file is told when it has lain still for Settle, seen twice and unchanged, or when its trigger file is there; again when
//     its identity (Stat) changes, when Again or Retry asked for it, and once a day with Recheck.
//  3. A file that never rests stays pending and holds up no other.
//  4. A folder that is missing, new, replaced, unmounted or mounted over is a state that is told, never an end. Each
//     look resolves the configured path anew.
//  5. Only regular files are told and opened. Nothing blocks on a FIFO, no link is followed below the folder, and a hard
//     link that could be somebody else's secret is skipped.
//  6. What is opened is what was told: Open and Unchanged compare the identity before and after the reading.
//  7. Remove and Archive let go of the bytes that were read and of no others. A crash on the way leaves a file
//     whose name starts with `.tillpost-`, which the next look gives its name back.
//
// Waiting goes by the monotonic clock, so a wrong or leaping wall clock hastens and delays nothing. A look that hangs (a
// dead network share) hangs the loop that ranges over Looks, and no other that shares its Hub; noticing that is the caller's.
package watcher

import (
	"context"
	"fmt"
	"iter"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// Options is what to watch and when a file counts as whole.
type Options struct {
	Folder     string        // need not exist; a relative one is taken from the working directory of New
	Files      []string      // globs (as path.Match) on the base name, in any case; empty is every name
	Recursive  bool          // sub folders too, but for hidden ones and links
	Exclude    []string      // folders that Recursive leaves out, such as an archive inside Folder
	Settle     time.Duration // how long a file must lie still; 0 tells it at first sight
	SettleLast time.Duration // how long, until a last row without a line end counts as whole
	Rescan     time.Duration // a look at least this often; must be positive
	Ready      string        // a trigger file's name, with {name} or {stem} in it once; it is waited for instead of Settle
	NoNotify   bool          // look without notifications: for tests, for simulation, and where they do harm
	Hub        *Hub          // shared with other watchers; nil makes one
}

// Watcher watches one folder. Its methods are safe from any goroutine; only one loop may range over Looks at a time.
type Watcher struct {
	opts  Options
	names *names
	wake  chan struct{} // holds one: look now
	nudge chan struct{} // holds one: there are asks
	tell  atomic.Bool   // the next look is yielded whatever it finds

	mu     sync.Mutex
	asks   []ask           // for the loop, which alone owns the table
	moving map[string]bool // set aside by Remove or Archive at this moment, and so no leftovers of a crash

	flushed string // the folder of Archive whose name is durable
}

// New checks the options. It does no I/O.
func New(opts Options) (*Watcher, error) {
	if opts.Folder == "" {
		return nil, fmt.Errorf("watch a folder: it has no name")
	}
	folder, err := filepath.Abs(opts.Folder)
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", opts.Folder, err)
	}
	opts.Folder = folder
	if opts.Settle < 0 || opts.SettleLast < 0 {
		return nil, fmt.Errorf("watch %s: a settling time is negative", folder)
	}
	if opts.Rescan <= 0 {
		return nil, fmt.Errorf("watch %s: the time between rescans is %v, which is not positive", folder, opts.Rescan)
	}
	n, err := newNames(opts.Files, opts.Ready)
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", folder, err)
	}
	return &Watcher{
		opts:   opts,
		names:  n,
		wake:   make(chan struct{}, 1),
		nudge:  make(chan struct{}, 1),
		moving: map[string]bool{},
	}, nil
}

// Look is what one look at the folder found.
type Look struct {
	At      time.Time
	Files   []File   // in the order of Seq
	Missing string   // why the folder cannot be read, in plain words, or ""
	Blind   string   // why no notifications come, so that only rescans find exports, or ""
	Skipped []Skip   // what is no export and is seen so for the first time
	Gone    []string // names of files that were gone, and not renamed, before they could be told
	Pending int      // files that will be told later: not yet at rest, or after Again or Retry, as of before this look's loop body
	Waiting int      // files without their trigger file
}

// File is an export that has come to rest.
type File struct {
	Name    string // slash-separated, below the folder
	Stat           // what it was when it was told
	Arrived time.Time
	Seq     uint64 // the order in which versions of files were first seen; within one look by modification time, then name
	Final   bool   // it has lain still for SettleLast or has its trigger: a last row without a line end counts
	Recheck bool   // nothing but a day has passed: its content may have changed without a trace
	Trigger string // its trigger file, as Name, or ""

	trigger Stat
}

// Skip is something that is no export though its name is one's.
type Skip struct {
	Name string // slash-separated, below the folder; may hold any byte; "" when Why is about the folder as a whole
	Why  string
}

// Looks looks until ctx ends, and waits between the looks. It yields the first look, every one that found something (files,
// something to skip, a change of Missing or Blind, the last pending file gone) or that Tell asked for, and one at least every
// Rescan.
//
// The loop's body is the consumer: no look happens while it runs. A new call starts from nothing and tells all again.
func (w *Watcher) Looks(ctx context.Context) iter.Seq[Look] {
	return func(yield func(Look) bool) {
		l := newLooker(w)
		defer l.close()
		for ctx.Err() == nil {
			if look, tell := l.look(); tell && !yield(look) {
				return
			}
			if !l.wait(ctx) {
				return
			}
		}
	}
}

// Wake asks for a look now.
func (w *Watcher) Wake() { signal(w.wake) }

// Tell asks for a look now that is yielded though it finds nothing: the consumer has something of its own to do.
func (w *Watcher) Tell() {
	w.tell.Store(true)
	w.Wake()
}

// Again asks for f once more, with Final set, as soon as it has lain still for SettleLast: its reader took all but the last
// row. A file that is already Final, or has changed since, needs no Again and is not told again for it.
func (w *Watcher) Again(f File) {
	if !f.Final {
		w.ask(ask{kind: askAgain, name: f.Name, stat: f.Stat})
	}
}

// Retry asks for f once more, after a pause that doubles from a second up to a minute: it could not be read or taken.
func (w *Watcher) Retry(f File) { w.ask(ask{kind: askRetry, name: f.Name, stat: f.Stat}) }

func (w *Watcher) ask(a ask) {
	w.mu.Lock()
	w.asks = append(w.asks, a)
	w.mu.Unlock()
	signal(w.nudge)
}

func (w *Watcher) takeAsks() []ask {
	w.mu.Lock()
	defer w.mu.Unlock()
	asks := w.asks
	w.asks = nil
	return asks
}

// path is where name (slash-separated) lies on disk.
func (w *Watcher) path(name string) string {
	return filepath.Join(w.opts.Folder, filepath.FromSlash(name))
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // one is waiting already
	}
}

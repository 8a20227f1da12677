package watcher

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/fsnotify/fsnotify"
)

const maxWatches = 1024 // folders; the ones beyond are looked at by rescans

// notify turns notifications into wakes, and nothing else: an event may name a path that is no more (F8), come twice or
// never. One goroutine drains fsnotify's channels, for a full one wedges it for good (F2).
type notify struct {
	w       *Watcher
	fs      *fsnotify.Watcher // nil while there is none to be had
	watched map[string]watched
	listed  map[string]bool // what fsnotify itself still watches: it lets go in silence of what was unmounted (F9)
	round   uint64
	blind   string // as in Look
	drained sync.WaitGroup
}

// watched is a folder whose watch was set when it was this one.
type watched struct {
	id    fileID
	round uint64
}

func newNotify(w *Watcher) *notify {
	return &notify{w: w, watched: map[string]watched{}}
}

// begin starts a look.
func (n *notify) begin() {
	n.round++
	n.blind = ""
	if n.fs == nil {
		made, err := fsnotify.NewWatcher()
		if err != nil {
			n.blind = blindWords(err)
			return
		}
		n.fs = made
		n.drained.Go(n.drain)
	}
	n.listed = map[string]bool{}
	for _, path := range n.fs.WatchList() {
		n.listed[path] = true
	}
}

// enter sees to it that the folder name is watched, and that it is this one: a watch stays with a folder that was
// renamed or mounted over (F6, F7).
func (n *notify) enter(name string, id fileID) {
	if n.fs == nil {
		return
	}
	path := n.w.path(name)
	old, ok := n.watched[path]
	if ok && old.id == id && n.listed[path] {
		n.watched[path] = watched{id: id, round: n.round}
		return
	}
	if !ok && len(n.watched) >= maxWatches {
		n.blind = fmt.Sprintf("only %d folders are watched; the others are looked at by rescans", maxWatches)
		return
	}
	if ok {
		_ = n.fs.Remove(path) // most often it is not watched any more, which is why we are here
		delete(n.watched, path)
	}
	if err := n.fs.Add(path); err != nil {
		if !errors.Is(err, fs.ErrNotExist) { // it went while we looked: the next look says so
			n.blind = blindWords(err)
		}
		return
	}
	n.watched[path] = watched{id: id, round: n.round}
}

// finish ends a look. If it saw the folder, watches of what is no more are let go.
func (n *notify) finish(saw bool) {
	for path, old := range n.watched {
		if saw && old.round != n.round {
			_ = n.fs.Remove(path)
			delete(n.watched, path)
		}
	}
}

func (n *notify) close() {
	if n.fs != nil {
		_ = n.fs.Close() // nothing is kept in it
		n.drained.Wait()
	}
}

// drain reads both channels until they are closed. It does nothing that could block.
func (n *notify) drain() {
	events, errs := n.fs.Events, n.fs.Errors
	for events != nil || errs != nil {
		select {
		case e, ok := <-events:
			if !ok {
				events = nil
			} else if n.concerns(e.Name) {
				n.w.Wake()
			}
		case _, ok := <-errs:
			if !ok {
				errs = nil
			} else {
				n.w.Wake() // an overflow most often: what was lost is found by looking
			}
		}
	}
}

// concerns reports whether an event could be about an export, a trigger or a watched folder, so that a log file in the
// folder does not call for a look with each line.
func (n *notify) concerns(path string) bool {
	return n.w.opts.Recursive || path == n.w.opts.Folder || n.w.names.classify(filepath.Base(path)) != other
}

// blindWords says why there are no notifications. The system's own words for its limits mislead.
func blindWords(err error) string {
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return "the limit of inotify watches is reached; raise the sysctl fs.inotify.max_user_watches"
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return "the limit of inotify instances or open files is reached; raise the sysctl fs.inotify.max_user_instances"
	}
	return missingWords(err)
}

package watcher

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"
)

const maxWatches = 1024 // folders of a watcher; the ones beyond are looked at by rescans

// notify turns notifications into wakes, and nothing else: an event may name a path that is no more (F8), come twice or
// never.
//
// fsnotify keeps a lock while the system resolves the path of a new watch, which never ends on a dead network mount; and it takes
// that lock for each event, and for each watch of the others (backend_inotify.go of 1.10.1; on Windows its one goroutine does all of
// it). So only folders of local disks are watched by the shared hub. All others have one of their own for each watcher: there it
// holds up nobody but the look that would hang anyway. (The path of a local folder may still lead over a share; but the look has just
// come to the folder that way.)
type notify struct {
	w       *Watcher
	shared  *Hub
	own     *Hub // the same one where none is shared
	watched map[string]watched
	round   uint64
	blind   string // as in Look
}

// watched is a folder as a look found it last.
type watched struct {
	hub    *Hub
	folder *folder
	round  uint64
}

func newNotify(w *Watcher) *notify {
	n := &notify{w: w, shared: w.opts.Hub, own: new(Hub), watched: map[string]watched{}}
	if n.shared == nil {
		n.shared = n.own
	}
	return n
}

// begin starts a look.
func (n *notify) begin() {
	n.round++
	n.blind = ""
	now := time.Now()
	n.shared.relist(now)
	n.own.relist(now)
}

// enter sees to it that the folder name, open as d, is watched, and that it is this one: a watch stays with a folder that was
// renamed or mounted over (F6, F7). Where it is watched already it waits for no other watcher.
func (n *notify) enter(name string, d *os.File, id fileID) {
	path := n.w.path(name)
	old, ok := n.watched[path]
	if ok && old.folder.id == id && !old.folder.lost.Load() {
		old.round = n.round
		n.watched[path] = old
		return
	}
	if ok {
		n.letGo(path)
	}
	if len(n.watched) >= maxWatches {
		n.blind = fmt.Sprintf("only %d folders are watched; the others are looked at by rescans", maxWatches)
		return
	}
	hub := n.own
	if isLocal(d) {
		hub = n.shared
	}
	f, err := hub.watch(n, path, id)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) { // it went while we looked: the next look says so
			n.blind = blindWords(err)
		}
		return
	}
	n.watched[path] = watched{hub: hub, folder: f, round: n.round}
}

// finish ends a look. If it saw the folder, watches of what is no more are let go.
func (n *notify) finish(saw bool) {
	for path, old := range n.watched {
		if saw && old.round != n.round {
			n.letGo(path)
		}
	}
}

func (n *notify) letGo(path string) {
	old := n.watched[path]
	delete(n.watched, path)
	old.hub.release(n, old.folder)
}

func (n *notify) close() {
	for path := range n.watched {
		n.letGo(path)
	}
	n.shared.quit(n)
	n.own.quit(n)
}

// concerns reports whether an event of what is called base in a watched folder could be about an export, a trigger or a folder, so
// that a log file in the folder does not call for a look with each line.
func (n *notify) concerns(base string) bool {
	return n.w.opts.Recursive || n.w.names.classify(base) != other
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

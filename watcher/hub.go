package watcher

import (
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fsnotify/fsnotify"
)

// relistGap is how long fsnotify is not asked again what it still watches: the answer is a copy of all of it.
const relistGap = 30 * time.Second

// Hub is an instance of fsnotify for any number of watchers, for Linux allows 128 of them to all programs of a user (F12), and each
// costs a goroutine with a buffer. The zero value is ready, and holds nothing of the system's while nobody watches by it.
//
// A folder is watched once, by whatever paths and for however many watchers it is: inotify and fsnotify know it once too, by the path
// that came first, and would give up all with the first.
type Hub struct {
	// change is held while fsnotify is asked for something. It is not mu, for fsnotify may wait meanwhile for drain to take an event,
	// which takes mu.
	change sync.Mutex

	mu      sync.Mutex // held for no longer than it takes to look into the maps
	fs      *fsnotify.Watcher
	users   map[*notify]bool
	paths   map[string]*folder
	ids     map[fileID]*folder
	listed  time.Time // when fsnotify was asked last what it watches
	drained sync.WaitGroup
}

// folder is one that is watched.
type folder struct {
	path  string // of its watch: events bear it
	id    fileID // what was at path when the watch was set
	users []*notify
	lost  atomic.Bool // it is not watched any more
}

// watch sees to it that the folder id, which was at path a moment ago, is watched for n, until release.
func (h *Hub) watch(n *notify, path string, id fileID) (*folder, error) {
	h.change.Lock()
	defer h.change.Unlock()
	if err := h.open(); err != nil {
		return nil, err
	}
	f, there := h.enlist(n, path, id)
	if there {
		return f, nil
	}
	_ = h.fs.Remove(path) // most often nothing is watched there any more
	if err := h.fs.Add(path); err != nil {
		h.mu.Lock()
		defer h.mu.Unlock()
		f.users = nil
		h.loseLocked(f)
		return nil, err
	}
	return f, nil
}

// open makes the instance if there is none. change is held.
func (h *Hub) open() error {
	if h.fs != nil {
		return nil
	}
	made, err := fsnotify.NewWatcher()
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fs, h.listed = made, time.Now()
	h.users, h.paths, h.ids = map[*notify]bool{}, map[string]*folder{}, map[fileID]*folder{}
	h.drained.Go(func() { h.drain(made) })
	return nil
}

// enlist notes that n is to hear of the folder, and reports whether it is watched already. It comes before the watch, so that nothing
// that is told of it is missed.
func (h *Hub) enlist(n *notify, path string, id fileID) (f *folder, there bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.users[n] = true
	if f := h.ids[id]; f != nil {
		f.users = append(f.users, n)
		return f, true
	}
	if old := h.paths[path]; old != nil {
		h.loseLocked(old) // a watch stays with a folder that was renamed or mounted over (F7, F9)
	}
	f = &folder{path: path, id: id, users: []*notify{n}}
	h.paths[path], h.ids[id] = f, f
	return f, false
}

// release undoes one watch.
func (h *Hub) release(n *notify, f *folder) {
	h.change.Lock()
	defer h.change.Unlock()
	if h.leave(n, f) {
		_ = h.fs.Remove(f.path)
	}
}

// leave reports whether n was the last that wanted to hear of f.
func (h *Hub) leave(n *notify, f *folder) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if i := slices.Index(f.users, n); i >= 0 {
		f.users = slices.Delete(f.users, i, i+1)
	}
	if len(f.users) > 0 || f.lost.Load() {
		return false
	}
	h.loseLocked(f)
	return true
}

// quit is called once n has released all. With the last one the instance is closed.
func (h *Hub) quit(n *notify) {
	h.change.Lock()
	defer h.change.Unlock()
	h.mu.Lock()
	delete(h.users, n)
	old := h.fs
	if len(h.users) > 0 {
		old = nil
	}
	if old != nil {
		h.fs = nil
	}
	h.mu.Unlock()
	if old != nil {
		_ = old.Close() // nothing is kept in it
		h.drained.Wait()
	}
}

// relist finds what fsnotify let go in silence, as it does with what was unmounted (F9). It waits for nobody.
func (h *Hub) relist(now time.Time) {
	if !h.change.TryLock() {
		return // another look will
	}
	defer h.change.Unlock()
	h.mu.Lock()
	due := h.fs != nil && now.Sub(h.listed) >= relistGap
	if due {
		h.listed = now
	}
	h.mu.Unlock()
	if !due {
		return
	}
	watched := map[string]bool{}
	for _, path := range h.fs.WatchList() {
		watched[path] = true
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for path, f := range h.paths {
		if !watched[path] {
			h.loseLocked(f)
		}
	}
}

// loseLocked notes that f is not watched any more. The next look of those who want to hear of it sees to that.
func (h *Hub) loseLocked(f *folder) {
	f.lost.Store(true)
	if h.paths[f.path] == f {
		delete(h.paths, f.path)
	}
	if h.ids[f.id] == f {
		delete(h.ids, f.id)
	}
	for _, n := range f.users {
		n.w.Wake()
	}
}

// drain reads both channels until they are closed, for a full one wedges fsnotify for good (F2). It does nothing that could block.
func (h *Hub) drain(from *fsnotify.Watcher) {
	events, errs := from.Events, from.Errors
	for events != nil || errs != nil {
		select {
		case e, ok := <-events:
			if !ok {
				events = nil
			} else {
				h.tell(e)
			}
		case _, ok := <-errs:
			if !ok {
				errs = nil
			} else {
				h.tellAll() // an overflow most often: what was lost is found by looking
			}
		}
	}
}

// tell wakes those whom an event concerns.
func (h *Hub) tell(e fsnotify.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if f := h.paths[e.Name]; f != nil {
		if e.Has(fsnotify.Remove) || e.Has(fsnotify.Rename) {
			h.loseLocked(f) // fsnotify lets it go, or is about to: where its parent is watched too, the parent's event is the only one
		} else {
			for _, n := range f.users {
				n.w.Wake()
			}
		}
	}
	if f := h.paths[filepath.Dir(e.Name)]; f != nil {
		base := filepath.Base(e.Name)
		for _, n := range f.users {
			if n.concerns(base) {
				n.w.Wake()
			}
		}
	}
}

func (h *Hub) tellAll() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.listed = time.Time{}
	for n := range h.users {
		n.w.Wake()
	}
}

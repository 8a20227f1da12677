package watcher

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"

	"tillpost/testkit"
)

// sharer is a watcher that shares a hub, and whose looks the test takes.
type sharer struct {
	*testing.T
	*looker
	folder string
}

func share(t *testing.T, h *Hub, folder string, recursive bool) sharer {
	t.Helper()
	w, err := New(Options{Folder: folder, Files: []string{"*.csv"}, Recursive: recursive, Rescan: time.Hour, Hub: h})
	if err != nil {
		t.Fatal(err)
	}
	s := sharer{T: t, looker: newLooker(w), folder: folder}
	t.Cleanup(s.close)
	s.sees()
	return s
}

// sees takes a look, at a folder that is there and whose watch can be had.
func (s sharer) sees() {
	s.Helper()
	select {
	case <-s.w.wake:
	default:
	}
	if l, _ := s.look(); l.Missing != "" || l.Blind != "" {
		s.Fatalf("%s: got missing %q, blind %q", s.folder, l.Missing, l.Blind)
	}
}

// wakes waits until the watcher is woken, and lets it look.
func (s sharer) wakes() {
	s.Helper()
	if !testkit.Within(10*time.Second, func() bool { return len(s.w.wake) > 0 }) {
		s.Fatalf("the watcher of %s is not woken", s.folder)
	}
	s.sees()
}

// wakesBy writes a file and waits until it has woken all the watchers.
func wakesBy(t *testing.T, file string, watchers ...sharer) {
	t.Helper()
	if err := os.WriteFile(file, []byte("1"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, s := range watchers {
		s.wakes()
	}
}

// anew puts the folder away and makes another in its place; Windows waits for all that have it open.
func anew(t *testing.T, folder string, away func(string) error) {
	t.Helper()
	if err := away(folder); err != nil {
		t.Fatal(err)
	}
	if !testkit.Within(10*time.Second, func() bool { return os.Mkdir(folder, 0o700) == nil }) {
		t.Fatalf("%s cannot be made anew", folder)
	}
}

func (h *Hub) instance() *fsnotify.Watcher {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.fs
}

func needsLocal(t *testing.T, folder string) {
	t.Helper()
	d, err := os.Open(folder)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if !isLocal(d) {
		testkit.Lacks(t, "a disk that is known to be local is needed for %s", folder)
	}
}

// TestWatchersShareAnInstance: 200 would be more than the 128 that Linux allows.
func TestWatchersShareAnInstance(t *testing.T) { // F12
	t.Parallel()
	parent, h := t.TempDir(), new(Hub)
	needsLocal(t, parent)
	var all []sharer
	for i := range 200 {
		folder := filepath.Join(parent, fmt.Sprint(i))
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		all = append(all, share(t, h, folder, false))
	}
	for i, s := range all {
		if i%2 == 0 {
			wakesBy(t, filepath.Join(s.folder, "a.csv"), s)
		} else if err := os.WriteFile(filepath.Join(s.folder, "a.log"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	wakesBy(t, filepath.Join(all[0].folder, "last.csv"), all[0]) // events come in order: all of the others are told
	for i, s := range all {
		if i%2 != 0 && len(s.w.wake) > 0 {
			t.Errorf("the watcher of folder %d is woken by what does not concern it", i)
		}
		if s.notify.own.instance() != nil {
			t.Fatalf("the watcher of folder %d has an instance of its own", i)
		}
	}

	for _, s := range all { // of what came before
		s.sees()
	}
	h.instance().Errors <- fsnotify.ErrEventOverflow
	for _, s := range all {
		s.wakes()
	}

	for _, s := range all {
		s.close()
	}
	if h.instance() != nil {
		t.Error("the instance stays when nobody watches any more")
	}
	again := share(t, h, parent, false)
	wakesBy(t, filepath.Join(parent, "a.csv"), again)
}

func TestAFolderThatTwoWatchStaysWatchedWhenOneEnds(t *testing.T) {
	t.Parallel()
	for _, linked := range []bool{false, true} {
		t.Run(fmt.Sprintf("linked %v", linked), func(t *testing.T) {
			t.Parallel()
			h, folder := new(Hub), filepath.Join(t.TempDir(), "in")
			if err := os.Mkdir(folder, 0o700); err != nil {
				t.Fatal(err)
			}
			needsLocal(t, folder)
			other := folder
			if linked {
				other = folder + " too"
				if err := os.Symlink(folder, other); err != nil {
					testkit.Lacks(t, "links are needed: %v", err)
				}
			}
			first, second := share(t, h, folder, false), share(t, h, other, false)
			wakesBy(t, filepath.Join(folder, "a.csv"), first, second)
			first.close()
			second.sees()
			wakesBy(t, filepath.Join(folder, "b.csv"), second)
		})
	}
}

func TestAFolderThatIsReplacedIsWatchedAnewForAll(t *testing.T) { // F6, F7
	t.Parallel()
	for name, replace := range map[string]func(folder string) error{
		"removed": os.RemoveAll,
		"renamed": func(folder string) error { return os.Rename(folder, folder+".old") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, folder := new(Hub), filepath.Join(t.TempDir(), "in")
			if err := os.Mkdir(folder, 0o700); err != nil {
				t.Fatal(err)
			}
			first, second := share(t, h, folder, false), share(t, h, folder, true)
			anew(t, folder, replace)
			for _, s := range []sharer{first, second} {
				if runtime.GOOS != "windows" { // which tells nothing of a folder that is renamed
					if !testkit.Within(10*time.Second, func() bool { return len(s.w.wake) > 0 }) {
						t.Fatal("nobody is told of it")
					}
				}
				s.sees()
			}
			wakesBy(t, filepath.Join(folder, "a.csv"), first, second)
		})
	}
}

func TestFoldersInsideEachOtherAreWatchedForEach(t *testing.T) {
	t.Parallel()
	h, outer := new(Hub), t.TempDir()
	inner := filepath.Join(outer, "inner", "most")
	if err := os.MkdirAll(inner, 0o700); err != nil {
		t.Fatal(err)
	}
	whole, part, one := share(t, h, outer, true), share(t, h, filepath.Dir(inner), true), share(t, h, inner, false)
	wakesBy(t, filepath.Join(inner, "a.csv"), whole, part, one)
	wakesBy(t, filepath.Join(outer, "a.csv"), whole)
	anew(t, inner, os.RemoveAll)
	// What fsnotify tells of the parent alone, where that is watched too, is told of the folder all the same.
	for _, s := range []sharer{whole, part, one} {
		s.wakes()
	}
	wakesBy(t, filepath.Join(inner, "b.csv"), whole, part, one)
	whole.close()
	for _, s := range []sharer{part, one} {
		s.sees()
	}
	wakesBy(t, filepath.Join(inner, "c.csv"), part, one)
}

// TestAWatchThatWasLetGoInSilenceIsSetAnew: as fsnotify does when a disk is unmounted and mounted again between two looks.
func TestAWatchThatWasLetGoInSilenceIsSetAnew(t *testing.T) { // F9
	t.Parallel()
	h, folder := new(Hub), t.TempDir()
	needsLocal(t, folder)
	s := share(t, h, folder, false)
	if err := h.instance().Remove(folder); err != nil {
		t.Fatal(err)
	}
	h.mu.Lock()
	h.listed = h.listed.Add(-relistGap)
	h.mu.Unlock()
	s.sees()
	wakesBy(t, filepath.Join(folder, "a.csv"), s)
}

// TestALookWaitsForNobodyWhoSetsAWatch: nor does it need more than that its own stand, should that never end.
func TestALookWaitsForNobodyWhoSetsAWatch(t *testing.T) {
	t.Parallel()
	h, folder := new(Hub), t.TempDir()
	needsLocal(t, folder)
	s := share(t, h, folder, false)
	h.change.Lock()
	looked := make(chan bool)
	go func() {
		s.sees()
		close(looked)
	}()
	select {
	case <-looked:
	case <-time.After(10 * time.Second):
		t.Error("it waits")
	}
	h.change.Unlock()
	<-looked
	wakesBy(t, filepath.Join(folder, "a.csv"), s)
}

package watcher_test

import (
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tillpost/testkit"
)

// TestAFolderMayBeMountedOver: what lies on another disk comes and goes under the folder's name.
func TestAFolderMayBeMountedOver(t *testing.T) { // W3, F8, F9
	bubble(t, func(t *testing.T) {
		folder := filepath.Join(t.TempDir(), "in")
		mkdir(t, folder)
		write(t, "1", folder, "a.csv")
		look := puller(t, newWatcher(t, options(folder)))
		until := func(name string) {
			t.Helper()
			for began := time.Now(); ; {
				l := look()
				if l.Missing != "" || time.Since(began) > time.Minute {
					t.Fatalf("after %v: got %q and missing %q, want %s", time.Since(began), names(l), l.Missing, name)
				}
				if names(l) == name {
					return
				}
			}
		}
		until("a.csv")
		if err := unix.Mount("tmpfs", folder, "tmpfs", 0, "size=1m"); err != nil {
			testkit.Lacks(t, "root is needed to mount a file system: %v", err)
		}
		mounted := true
		defer func() {
			if mounted {
				_ = unix.Unmount(folder, unix.MNT_DETACH) // the test has failed
			}
		}()
		write(t, "22", folder, "a.csv")
		until("a.csv") // the other one
		must(t, unix.Unmount(folder, 0))
		mounted = false
		write(t, "3", folder, "b.csv")
		until("a.csv b.csv") // the first one is here again, and a new one
	})
}

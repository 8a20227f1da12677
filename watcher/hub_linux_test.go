package watcher

import "testing"

// TestAFolderOfNoLocalDiskIsWatchedApart: what the system does not answer about must hold nobody else up. /proc stands for a share.
func TestAFolderOfNoLocalDiskIsWatchedApart(t *testing.T) {
	t.Parallel()
	h := new(Hub)
	s := share(t, h, "/proc/self/net", false)
	if h.instance() != nil || s.notify.own.instance() == nil {
		t.Error("it is watched by the hub that is shared")
	}
}

package cli

import (
	"runtime"
	"runtime/debug"
	"testing"
)

func TestTheGarbageCollectorIsTunedWhileAnAgentRuns(t *testing.T) {
	t.Setenv("GOGC", "")
	t.Setenv("GOMEMLIMIT", "")
	percent, limit := debug.SetGCPercent(100), debug.SetMemoryLimit(1<<40)
	defer func() { debug.SetGCPercent(percent); debug.SetMemoryLimit(limit) }()
	end := tuneMemory()
	if got := debug.SetGCPercent(gcPercent); got != gcPercent {
		t.Errorf("got %d %%, want %d", got, gcPercent)
	}
	held := make([]byte, 2*leastHeap)
	for i := 0; debug.SetMemoryLimit(-1) < int64(len(held)); i++ { // it follows what is in use, a collection or two later
		if i == 100 {
			t.Fatalf("the limit is %d bytes, less than what is in use", debug.SetMemoryLimit(-1))
		}
		runtime.GC()
	}
	runtime.KeepAlive(held)
	end()
	if p, l := debug.SetGCPercent(100), debug.SetMemoryLimit(-1); p != 100 || l != 1<<40 {
		t.Errorf("it left %d %% and %d bytes behind", p, l)
	}
}

func TestWhatTheEnvironmentSaysOfMemoryCounts(t *testing.T) {
	t.Setenv("GOGC", "70")
	percent := debug.SetGCPercent(70)
	defer debug.SetGCPercent(percent)
	defer tuneMemory()()
	if got := debug.SetGCPercent(70); got != 70 {
		t.Errorf("got %d %%, want what GOGC says", got)
	}
}

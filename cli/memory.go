package cli

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"sync/atomic"
	"time"
)

// How much memory the agent takes for speed. Measured, with blast at 38 us a request: a row costs 71 us of CPU with Go's own
// setting (100), 62 with 200 and 60 with 400 within 24 MiB, while 1,000,000 rows take 20 MB at the most instead of 23.
const (
	gcPercent = 400      // garbage may grow to four times what is in use, but
	leastHeap = 24 << 20 // within so many bytes, as long as there is
	spare     = 8 << 20  // room in it for that much garbage, or a quarter of what is in use
	limitStep = 4 << 20
	// restTime is how long nothing was collected until what is free is given back to the system, if it is more than keptFree.
	restTime = 10 * time.Second
	keptFree = 1 << 20 // bytes
)

// memory watches over what the garbage collector does.
type memory struct {
	rest    *time.Timer
	freeing atomic.Bool // the next collection is its own

	mu    sync.Mutex // guards what follows
	limit int64
	over  bool
}

// tuneMemory lets the garbage collector work for an agent that runs in this process, until what it answers is called: seldom
// while there is much to do, within a limit that follows what is in use, and giving back what a burst has taken. GOGC and
// GOMEMLIMIT have the last word.
func tuneMemory() (end func()) {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return func() {}
	}
	percent, limit := debug.SetGCPercent(gcPercent), debug.SetMemoryLimit(-1)
	m := &memory{}
	m.rest = time.AfterFunc(restTime, m.giveBack)
	m.collected(0)
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.over = true
		m.rest.Stop()
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	}
}

// collected is called after each collection, for each lets the mark go that the one before has made.
func (m *memory) collected(int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.over {
		return
	}
	m.setLimitLocked(figure("/gc/heap/live:bytes"))
	if !m.freeing.Swap(false) {
		m.rest.Reset(restTime)
	}
	runtime.AddCleanup(&struct{ _ *memory }{m}, m.collected, 0)
}

// setLimitLocked lets the limit be what fits so many bytes in use.
func (m *memory) setLimitLocked(live int64) {
	limit := max(leastHeap, (live+max(spare, live/4)+limitStep-1)/limitStep*limitStep)
	if limit != m.limit {
		m.limit = limit
		debug.SetMemoryLimit(limit)
	}
}

// giveBack gives back to the system what is free, where that is worth it.
func (m *memory) giveBack() {
	if figure("/memory/classes/heap/free:bytes")+figure("/memory/classes/heap/unused:bytes") > keptFree {
		m.freeing.Store(true)
		debug.FreeOSMemory()
	}
}

// figure reads one of the runtime's metrics.
func figure(name string) int64 {
	sample := []metrics.Sample{{Name: name}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return int64(sample[0].Value.Uint64())
}

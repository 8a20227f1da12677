package main

import (
	"sync"
	"time"
)

// watch follows what a process uses, until it is stopped.
type watch struct {
	pid       int
	began     usage
	anonymous float64 // MB, at the most
	err       error
	done      chan struct{}
	wait      sync.WaitGroup
}

// often is how often memory is looked at: a look costs some 50 us.
const often = 10 * time.Millisecond

func watchProcess(pid int) (*watch, error) {
	w := &watch{pid: pid, done: make(chan struct{})}
	if w.began, w.err = usageOf(pid); w.err != nil {
		return nil, w.err
	}
	w.wait.Go(func() {
		tick := time.NewTicker(often)
		defer tick.Stop()
		for w.err == nil {
			select {
			case <-w.done:
				return
			case <-tick.C:
				var u usage
				u, w.err = usageOf(pid)
				w.anonymous = max(w.anonymous, u.anonymous)
			}
		}
	})
	return w, nil
}

// stop ends the watch. It returns the CPU since it began, the greatest anonymous memory in MB, and what the process uses
// now.
func (w *watch) stop() (cpu time.Duration, anonymous float64, now usage, err error) {
	close(w.done)
	w.wait.Wait()
	if w.err != nil {
		return 0, 0, now, w.err
	}
	now, err = usageOf(w.pid)
	return now.cpu - w.began.cpu, max(w.anonymous, now.anonymous), now, err
}

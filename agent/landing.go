package agent

import "sync"

// landing is where workers leave their answers, and the drain collects them: several at once where it may, for to be woken
// costs it more time than to deal with one.
type landing struct {
	mu   sync.Mutex
	list []answered
	call chan struct{} // the drain is to collect
}

func newLanding() *landing { return &landing{call: make(chan struct{}, 1)} }

// put adds an answer, and says how many lie there now.
func (l *landing) put(a answered) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, a)
	return len(l.list)
}

// collect takes all that lie there; the slice of the last time is used again.
func (l *landing) collect(last []answered) []answered {
	clear(last)
	l.mu.Lock()
	defer l.mu.Unlock()
	got := l.list
	l.list = last[:0]
	return got
}

package agent

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// Notes are what is wrong in the process outside of an agent's own work, such as a config that cannot be taken up. They outlive
// the agents of the process, whose statuses tell them. The zero value has none, and nil never does; it may be used by several goroutines.
type Notes struct {
	mu    sync.Mutex // guards what follows
	wrong map[string]fault
}

// Note notes what is wrong, by the code of a kind of problems; with words empty it is over. The log is for whoever notes it.
func (n *Notes) Note(code, words string) {
	if n == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	f, there := n.wrong[code]
	switch {
	case words == "":
		delete(n.wrong, code)
		return
	case n.wrong == nil:
		n.wrong = map[string]fault{}
	}
	if !there {
		f.since = time.Now()
	}
	f.words = words
	n.wrong[code] = f
}

// Problems are what is noted.
func (n *Notes) Problems() (list []Problem) {
	if n == nil {
		return nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, code := range slices.Sorted(maps.Keys(n.wrong)) {
		f := n.wrong[code]
		list = append(list, problem(code, f.figure, f.words, f.since))
	}
	return list
}

// Kinds of problems that others note, or tell in lines of their own.
const (
	ConfigRefused    = badConfig
	PageNotServed    = badPage
	LogNotWritten    = badLog
	OutboxUnusable   = badOutbox
	TokenUnreadable  = badTokenFile
	HeartbeatFailing = badHeartbeat
	PushFailing      = badPush
	Stuck            = badLoop
	Overdue          = badOverdue
	NoNotifications  = badNotify
	FutureExport     = badClock
	RejectsNotListed = badListing
)

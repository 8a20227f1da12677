package agent

import (
	"sync/atomic"
	"time"

	"tillpost/api"
	"tillpost/dashboard"
)

// outcomes are what can come of a request, as metrics name it, in the order of tally.outcomes.
var outcomes = [...]string{"acknowledged", "refused", "token", "not_our_api", "later", "no_connection"}

// tallyBounds are the upper bounds of the histogram, in seconds.
var tallyBounds = [...]float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30}

// tally counts requests by what came of them, and how long they took. The drain counts; anybody may read. The zero value is
// empty.
type tally struct {
	outcomes [len(outcomes)]atomic.Uint64
	took     [len(tallyBounds) + 1]atomic.Uint64 // by the first bound that is not exceeded; the last: by none
	sum      atomic.Int64                        // of those, in nanoseconds
}

// count counts a request. One that never left for want of a token is none; one that found no connection took no time that says
// anything of the API.
func (t *tally) count(a api.Answer) {
	i := 4
	switch {
	case a.Verdict == api.TokenBad && a.Status == 0:
		return
	case a.Verdict == api.Acknowledged:
		i = 0
	case a.Verdict == api.Refused:
		i = 1
	case a.Verdict == api.TokenBad:
		i = 2
	case a.Verdict == api.NotOurAPI:
		i = 3
	case a.NoConnection:
		i = 5
	}
	t.outcomes[i].Add(1)
	if a.NoConnection {
		return
	}
	slot := 0
	for slot < len(tallyBounds) && a.Took.Seconds() > tallyBounds[slot] {
		slot++
	}
	t.took[slot].Add(1)
	t.sum.Add(int64(a.Took))
}

// counts are the requests by what came of them: every outcome, also where there was none.
func (t *tally) counts() []dashboard.Count {
	list := make([]dashboard.Count, len(outcomes))
	for i, name := range outcomes {
		list[i] = dashboard.Count{Name: name, N: t.outcomes[i].Load()}
	}
	return list
}

// latency is how long they took. Its count is that of its buckets, also while the drain counts on.
func (t *tally) latency() dashboard.Histogram {
	h := dashboard.Histogram{Bounds: tallyBounds[:], Counts: make([]uint64, len(tallyBounds)), Sum: time.Duration(t.sum.Load()).Seconds()}
	for i := range t.took {
		h.Count += t.took[i].Load()
		if i < len(h.Counts) {
			h.Counts[i] = h.Count
		}
	}
	return h
}

package agent

import (
	"math"
	"time"
)

const (
	// sure is how many updates must have been taken since the last step down until a throttle climbs faster; or surely
	// how much time must have passed.
	sure   = 25
	surely = time.Minute
	// slack is how late a request may be without those after it being later too: timers are coarse.
	slack = 50 * time.Millisecond
)

// throttle is how fast requests may leave, as far as the API tells: it steps down where they were too many and climbs as
// updates are taken. Steps are shares of the rate, so that it finds any limit. The zero rate is no limit.
type throttle struct {
	down, up, fast float64 // factors of a step: down, up, and up once it is sure
	share          float64 // of full that is left at the least
	floor          float64 // requests a second that are, if full is more
	rate           float64 // requests a second
	full           float64 // where it ends
	stepped        time.Time
	taken          int // updates since
}

// slow steps down. What left before the last step says nothing new; flow is how many requests a second there were.
func (t *throttle) slow(sent, now time.Time, full, flow float64) {
	if sent.Before(t.stepped) {
		return
	}
	if t.rate == 0 {
		t.full = full
		if math.IsInf(full, 1) {
			t.full = max(1, flow)
		}
		t.rate = t.full
	}
	t.rate = max(t.rate*t.down, t.full*t.share, min(t.full, t.floor))
	t.stepped, t.taken = now, 0
}

// ease climbs: an update was taken.
func (t *throttle) ease(now time.Time) {
	if t.rate == 0 {
		return
	}
	up := t.up
	if t.taken++; t.taken > sure || now.Sub(t.stepped) > surely {
		up = t.fast
	}
	if t.rate *= up; t.rate >= t.full {
		t.rate = 0
	}
}

// flow counts requests by the second.
type flow struct {
	second time.Time
	n, was int
}

func (f *flow) count(now time.Time) {
	if s := now.Truncate(time.Second); !s.Equal(f.second) {
		if f.was = f.n; s.Sub(f.second) > time.Second {
			f.was = 0
		}
		f.second, f.n = s, 0
	}
	f.n++
}

// gap is what the drain waits between two requests at the least; 0 = nothing.
func (p *pace) gap() time.Duration {
	gap := 0.0
	for _, t := range []*throttle{&p.crowd, &p.strain} {
		if t.rate > 0 {
			gap = max(gap, 1/t.rate)
		}
	}
	return time.Duration(gap * float64(time.Second))
}

// space says when the next request may leave where the drain is slowed down; zero = now.
func (p *pace) space(now time.Time) time.Time {
	gap := p.gap()
	if gap == 0 || !now.Before(p.next) {
		return time.Time{}
	}
	return earliest(p.next, now.Add(gap)) // it may have climbed meanwhile
}

// left notes that a request leaves.
func (p *pace) left(now time.Time) {
	p.flow.count(now)
	if gap := p.gap(); gap > 0 {
		p.next = latest(p.next, now.Add(-slack)).Add(gap)
	}
}

// slowed reports whether the drain is noticeably slower than it could be.
func (p *pace) slowed() bool {
	return p.crowd.rate > 0 && p.crowd.rate < 0.75*p.crowd.full || p.strain.rate > 0 && p.strain.rate < 0.75*p.strain.full
}

package agent

import (
	"slices"
	"testing"
	"time"

	"tillpost/api"
	"tillpost/dashboard"
)

func TestRequestsAreCountedByWhatCameOfThem(t *testing.T) {
	t.Parallel()
	var counted tally
	for _, a := range []api.Answer{
		{Verdict: api.Acknowledged, Status: 200, Took: 5 * time.Millisecond},
		{Verdict: api.Acknowledged, Status: 200, Took: 6 * time.Millisecond},
		{Verdict: api.Refused, Status: 404, Took: time.Second},
		{Verdict: api.TokenBad, Status: 401, Took: time.Second},
		{Verdict: api.TokenBad}, // there was none to send
		{Verdict: api.NotOurAPI, Status: 302, Took: 2 * time.Second},
		{Verdict: api.Later, Status: 503, Took: time.Minute},
		{Verdict: api.Later, NoConnection: true, Took: 5 * time.Second},
	} {
		counted.count(a)
	}
	want := []dashboard.Count{{Name: "acknowledged", N: 2}, {Name: "refused", N: 1}, {Name: "token", N: 1}, {Name: "not_our_api", N: 1}, {Name: "later", N: 1}, {Name: "no_connection", N: 1}}
	if got := counted.counts(); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	h := counted.latency()
	if want := []uint64{1, 2, 2, 2, 2, 2, 2, 4, 5, 5, 5, 5}; !slices.Equal(h.Counts, want) || h.Count != 6 || h.Sum != 64.011 {
		t.Errorf("got %+v, want %v, 6 and 64.011", h, want)
	}
}

func BenchmarkTally(b *testing.B) {
	var counted tally
	a := api.Answer{Verdict: api.Acknowledged, Status: 200, Took: 80 * time.Millisecond}
	for b.Loop() {
		counted.count(a)
	}
}

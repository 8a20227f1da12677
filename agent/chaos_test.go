package agent_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// TestWhateverGoesWrongTheAPIEndsAtTheTruth: exports and faults by chance, restarts in between; once the faults are over,
// the API holds what was said last of each product, and was never told an older quantity after a newer one.
func TestWhateverGoesWrongTheAPIEndsAtTheTruth(t *testing.T) { // I1, I3, I4, promise 2
	faults := []string{"404", "404=50%", "401", "403", "403=10%", "500=50%", "503=70%", "429=50%", "429,retry-after=20,next=3", "hang=30%,apply=now",
		"hang=30%,apply=40s", "late=20%,apply=60s", "close=30%,apply=now", "reset=30%", "portal", "302", "422=30%", "truncated=20%", "slow=30%,delay=9s"}
	seeds := uint64(5)
	if detectsRaces {
		seeds = 2
	}
	for seed := range seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			chance := rand.New(rand.NewPCG(seed, 1))
			rate := []string{"unlimited", "5/s", "30/s"}[chance.IntN(3)]
			api := fmt.Sprintf("  rate: %s\n  concurrency: %d\n  dead_retry: 2h\n", rate, 1+chance.IntN(8))
			inBubble(t, api, "    rescan: 30m\n    settle: 1s\n    guard: off\n", func(s *store) {
				s.api.SetLatency(20*time.Millisecond, 200*time.Millisecond)
				final := map[string]int64{}
				products := manyRows(120)
				s.start()
				for step := range 40 {
					for range chance.IntN(3) {
						inject(t, s.api, faults[chance.IntN(len(faults))])
					}
					s.line.cut.Store(chance.IntN(8) == 0)
					var rows []string
					for _, i := range chance.Perm(len(products))[:1+chance.IntN(len(products))] {
						q := int64(max(0, chance.IntN(8)-3))
						rows = append(rows, fmt.Sprintf("%s,%d", products[i][:12], q))
						final[products[i][:12]] = q
					}
					s.drop(fmt.Sprintf("stock-%d.csv", step), rows...)
					pass(time.Duration(1+chance.IntN(2400)) * time.Second)
					if chance.IntN(2) == 0 {
						s.api.ClearFaults()
					}
					if chance.IntN(6) == 0 {
						s.end()
						s.start()
					}
				}
				s.api.ClearFaults()
				s.line.cut.Store(false)
				pass(16 * 24 * time.Hour) // what was refused again and again waits for up to a week
				s.want(final)
				if st := s.status(); st.Pending != 0 || st.Dead != 0 || st.State != "running" || st.API.State != "ok" {
					t.Errorf("got %+v", st)
				}
				s.end()
			})
		})
	}
}

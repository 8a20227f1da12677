package main_test

import (
	"flag"
	"math/rand/v2"
	"testing"
)

var (
	howManyClocks = flag.Uint64("clockweeks", 2, "how many weeks TestStoresWhoseClockIsSet lives through")
	clockWeek     = flag.Uint64("clockweek", 1, "the seed of the first; 0 = one that it draws")
)

// TestAClockThatIsSet runs what is to be shown with one.
func TestAClockThatIsSet(t *testing.T) { // C1, promise 4
	t.Parallel()
	for _, h := range []harness{clock, clockAgent} {
		t.Run(h.name, func(t *testing.T) {
			t.Parallel()
			if out, err := (judge{harness: h}).run(t, 0, nil); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// TestStoresWhoseClockIsSet lives through the weeks of agent.TestWeeks with a clock that is set forward and back, by seconds and by
// months, while the agent runs. To a process on Linux a computer that slept for hours is such a clock.
func TestStoresWhoseClockIsSet(t *testing.T) { // C1, C3
	t.Parallel()
	first, n := *clockWeek, *howManyClocks
	if first == 0 {
		first = 1 + rand.Uint64N(1<<40)
	}
	t.Logf("seeds from %d", first)
	half := (n + 1) / 2 // a clock is a whole process's, which lives through one week at a time
	for _, part := range []struct{ first, n uint64 }{{first, half}, {first + half, n - half}} {
		if part.n == 0 {
			continue
		}
		t.Run("", func(t *testing.T) {
			t.Parallel()
			if out, err := (judge{clockWeeks, part.first}).run(t, part.n, nil); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

package main_test

import (
	"flag"
	"math/rand/v2"
	"testing"
)

var (
	clockWeeks = flag.Uint64("clockweeks", 0, "how many weeks TestStoresWhoseClockIsSet lives through; 0 = it does nothing")
	clockWeek  = flag.Uint64("clockweek", 0, "the seed of the first; 0 = one that it draws")
)

// TestAClockThatIsSet runs what is to be shown with one.
func TestAClockThatIsSet(t *testing.T) { // C1, promise 4
	t.Parallel()
	if out, err := (judge{harness: clock}).run(t, 0, nil); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestStoresWhoseClockIsSet lives through the weeks of agent.TestWeeks with a clock that is set forward and back, by seconds and by
// months, while the agent runs.
func TestStoresWhoseClockIsSet(t *testing.T) { // C1
	t.Parallel()
	if *clockWeeks == 0 {
		return
	}
	first := *clockWeek
	if first == 0 {
		first = 1 + rand.Uint64N(1<<40)
	}
	t.Logf("seeds from %d", first)
	set := weeks
	set.clock = true
	half := (*clockWeeks + 1) / 2 // a clock is a whole process's, which lives through one week at a time
	for _, from := range []uint64{first, first + half} {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			if out, err := (judge{set, from}).run(t, half, nil); err != nil {
				t.Errorf("%v\n%s\nwith go test . -run TestStoresWhoseClockIsSet -clockweeks 1 -clockweek SEED", err, out)
			}
		})
	}
}

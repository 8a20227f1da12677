//go:build clock

package outbox_test

import (
	"testing"
	"time"

	"tillpost/outbox"
	"tillpost/outbox/outboxtest"
	"tillpost/testkit"
)

// TestAClockThatIsSetLeavesConfirmationsTheirQuietTime: what may land late knows of no clock. TestAClockThatIsSet of the whole
// program runs it.
func TestAClockThatIsSetLeavesConfirmationsTheirQuietTime(t *testing.T) { // C1, promise 4
	for name, steps := range map[string][]time.Duration{
		"forward":           {24 * time.Hour, 24 * time.Hour},
		"back":              {-24 * time.Hour},
		"back by a little":  {-20 * time.Second, -20 * time.Second},
		"forward and back":  {24 * time.Hour, -20 * time.Minute, -24 * time.Hour},
		"forward by a step": {900 * time.Millisecond, 900 * time.Millisecond, 900 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			box := outboxtest.Open(t, t.TempDir(), outbox.Options{Confirm: time.Hour})
			outboxtest.Take(t, box, reading("a"), time.Now(), row("1", 5))
			hung := lease(t, box, 1, time.Now())
			box.Take(hung[0])
			resolve(t, box, time.Now(), outbox.Result{Outcome: outbox.Failed, Doubt: true, Due: time.Now()}, hung[0])
			outboxtest.Take(t, box, reading("b"), time.Now(), row("1", 7))
			newer := lease(t, box, 1, time.Now())
			box.Take(newer[0])
			resolve(t, box, time.Now(), outbox.Result{Outcome: outbox.Acknowledged}, newer[0])
			later := time.Duration(0) // by so much of the hour
			for _, d := range steps {
				later += 10 * time.Minute
				testkit.SetClock(d)
				none(t, box, time.Now().Add(later))
			}
			none(t, box, time.Now().Add(time.Hour-10*time.Second))
			lease(t, box, 1, time.Now().Add(time.Hour+10*time.Second))
		})
	}
}

func TestAClockThatIsSetLetsWhatFailedWaitNoLonger(t *testing.T) { // C1
	box := outboxtest.Open(t, t.TempDir(), outbox.Options{})
	outboxtest.Take(t, box, reading("a"), time.Now(), row("1", 5))
	failed := lease(t, box, 1, time.Now())
	due := time.Now().Add(time.Hour)
	testkit.SetClock(-24 * time.Hour) // between the answer and the transaction
	resolve(t, box, time.Now(), outbox.Result{Outcome: outbox.Failed, Due: due}, failed[0])
	none(t, box, time.Now().Add(time.Hour-10*time.Second))
	lease(t, box, 1, time.Now().Add(time.Hour+10*time.Second))
}

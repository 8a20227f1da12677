//go:build clock

package outbox_test

import (
	"testing"
	"time"

	"tillpost/outbox"
	"tillpost/outbox/outboxtest"
	"tillpost/testkit"
)

// TestAClockSetForwardHastensNoConfirmation: what may land late knows of no clock. TestAClockThatIsSet of the whole program runs it.
func TestAClockSetForwardHastensNoConfirmation(t *testing.T) { // C1, promise 4
	box := outboxtest.Open(t, t.TempDir(), outbox.Options{Confirm: time.Hour})
	outboxtest.Take(t, box, reading("a"), time.Now(), row("1", 5))
	hung := lease(t, box, 1, time.Now())
	box.Take(hung[0])
	resolve(t, box, time.Now(), outbox.Result{Outcome: outbox.Failed, Doubt: true, Due: time.Now()}, hung[0])
	outboxtest.Take(t, box, reading("b"), time.Now(), row("1", 7))
	newer := lease(t, box, 1, time.Now())
	box.Take(newer[0])
	resolve(t, box, time.Now(), outbox.Result{Outcome: outbox.Acknowledged}, newer[0])
	for _, d := range []time.Duration{24 * time.Hour, 24 * time.Hour, -48 * time.Hour} {
		testkit.SetClock(d)
		none(t, box, time.Now())
	}
	none(t, box, time.Now().Add(59*time.Minute))
	lease(t, box, 1, time.Now().Add(time.Hour+time.Minute))
}

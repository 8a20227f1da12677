package outbox_test

import (
	"fmt"
	"testing"
	"time"

	"tillpost/outbox"
	"tillpost/outbox/outboxtest"
)

var canaryOptions = outbox.Options{Confirm: time.Minute, DeadRetry: time.Hour}

// deliver lets the keys 1 to n have the quantity 5 acknowledged.
func deliver(t *testing.T, box *outbox.Outbox, n int) {
	t.Helper()
	var rows []outboxtest.Row
	for i := range n {
		rows = append(rows, row(fmt.Sprint(i+1), 5))
	}
	outboxtest.Take(t, box, reading("a"), noon, rows...)
	resolve(t, box, noon, outbox.Result{Outcome: outbox.Acknowledged}, lease(t, box, n, noon)...)
}

func canary(t *testing.T, box *outbox.Outbox, now time.Time) *outbox.Lease {
	t.Helper()
	l, ok, err := box.Canary(now)
	if err != nil || !ok || l == nil || !l.Canary {
		t.Fatalf("got the canary %+v, %t, %v", l, ok, err)
	}
	return l
}

func TestACanaryIsTheLedgersQuantityAndStandsWhateverComesOfIt(t *testing.T) { // the contract's row of the canary
	t.Parallel()
	box := outboxtest.Open(t, t.TempDir(), canaryOptions)
	deliver(t, box, 3)
	seen := map[string]bool{}
	for range 100 {
		l := canary(t, box, noon)
		if q := box.Take(l); q != 5 {
			t.Fatalf("got %d, want the ledger's quantity", q)
		}
		seen[upcOf(t, l)] = true
		resolve(t, box, noon, outbox.Result{Outcome: outbox.Refused, Status: 404}, l)
		if s := stats(t, box); s.Pending != 0 || s.Dead != 0 || s.Doubtful != 0 {
			t.Fatalf("got %+v, want what was acknowledged to stand", s.Counters)
		}
	}
	if len(seen) != 3 {
		t.Errorf("the canaries were %v, want another one each time", seen)
	}
}

func TestANewerQuantityGoesAfterTheCanaryOnItsWay(t *testing.T) { // promise 3
	t.Parallel()
	box := outboxtest.Open(t, t.TempDir(), canaryOptions)
	deliver(t, box, 1)
	l := canary(t, box, noon)
	box.Take(l)
	outboxtest.Take(t, box, reading("b"), noon, row("1", 3))
	none(t, box, noon)
	resolve(t, box, noon, outbox.Result{Outcome: outbox.Refused, Status: 404}, l)
	next := lease(t, box, 1, noon)
	if q := box.Take(next[0]); q != 3 || next[0].Canary {
		t.Errorf("got %d, want the newer quantity", q)
	}
	resolve(t, box, noon, outbox.Result{Outcome: outbox.Acknowledged}, next...)
	if s := stats(t, box); s.Pending != 0 {
		t.Errorf("got %+v", s.Counters)
	}
}

func TestACanaryWithoutAnAnswerMayLandLate(t *testing.T) { // I5, promise 4
	t.Parallel()
	for _, crash := range []bool{false, true} {
		dir := t.TempDir()
		box, err := outbox.Open(dir, canaryOptions)
		if err != nil {
			t.Fatal(err)
		}
		deliver(t, box, 1)
		l := canary(t, box, noon)
		box.Take(l)
		if !crash {
			resolve(t, box, noon, outbox.Result{Outcome: outbox.Failed, Due: noon, Doubt: true}, l)
		}
		outboxtest.Close(t, box)
		box = outboxtest.Open(t, dir, canaryOptions)
		outboxtest.Take(t, box, reading("b"), noon, row("1", 3))
		resolve(t, box, noon, outbox.Result{Outcome: outbox.Acknowledged}, lease(t, box, 1, noon)...)
		if s := stats(t, box); s.Doubtful != 1 {
			t.Errorf("crash %t: got %+v, want the newer quantity sent once more", crash, s.Counters)
		}
		resolve(t, box, noon.Add(time.Minute), outbox.Result{Outcome: outbox.Acknowledged}, lease(t, box, 1, noon.Add(time.Minute))...)
	}
}

func TestWhatWasRefusedInTheRowWaitsAgain(t *testing.T) { // the contract's row of the canary
	t.Parallel()
	box := outboxtest.Open(t, t.TempDir(), canaryOptions)
	deliver(t, box, 4)
	refused := outbox.Result{Outcome: outbox.Refused, Status: 404, Unknown: true}
	now := noon
	for i, name := range []string{"b", "c", "d"} { // 1 is refused twice, 2 before the row, 3 in it
		outboxtest.Take(t, box, reading(name), now, row(fmt.Sprint(i+1), 4))
		resolve(t, box, now, refused, lease(t, box, 1, now)...)
		now = now.Add(20 * time.Minute)
	}
	now = noon.Add(time.Hour)
	resolve(t, box, now, refused, lease(t, box, 1, now)...)
	n, err := box.WaitAgain(noon.Add(30*time.Minute), now)
	if err != nil || n != 1 {
		t.Fatalf("got %d, %v, want one", n, err)
	}
	if s := stats(t, box); s.Pending != 1 || s.Dead != 2 || s.Unknown != 2 {
		t.Errorf("got %+v", s.Counters)
	}
	if l := lease(t, box, 1, now); upcOf(t, l[0]) != "3" {
		t.Errorf("got %s", upcOf(t, l[0]))
	}
}

func TestStockAlternatesWithZerosUntilTheFirstAcknowledgement(t *testing.T) { // promise 9, the contract's row of the canary
	t.Parallel()
	box := outboxtest.Open(t, t.TempDir(), canaryOptions)
	var rows []outboxtest.Row
	for i := range 10 {
		rows = append(rows, row(fmt.Sprint(100+i), 0), row(fmt.Sprint(200+i), 5))
	}
	outboxtest.Take(t, box, reading("a"), noon, rows...)
	order := func(leases []*outbox.Lease) (text string) {
		for _, l := range leases {
			text += upcOf(t, l)[:1]
		}
		return text
	}
	leases := lease(t, box, 8, noon)
	if got := order(leases); got != "21212121" {
		t.Errorf("got %s, want stock and zeros by turns", got)
	}
	resolve(t, box, noon, outbox.Result{Outcome: outbox.Acknowledged}, leases[0])
	if got := order(lease(t, box, 6, noon)); got != "111111" && got != "111211" {
		t.Errorf("got %s, want the zeros first", got)
	}
	if _, err := box.Resend(t.Context()); err != nil { // the ledger is forgotten: it may be another API
		t.Fatal(err)
	}
	if !box.Unproven() {
		t.Error("the API counts as proven, though the ledger was forgotten")
	}
}

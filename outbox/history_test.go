package outbox_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"tillpost/outbox"
	"tillpost/outbox/outboxtest"
)

// spans are the spans of a history, as `hours:minutes delivered+errors waiting`.
func spans(list []outbox.Span, since time.Time) (out []string) {
	for _, s := range list {
		out = append(out, fmt.Sprintf("%v %d+%d %d", s.At.Sub(since), s.Delivered, s.Errors, s.Waiting))
	}
	return out
}

func history(t *testing.T, box *outbox.Outbox) outbox.History {
	t.Helper()
	h, err := box.History()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestTheHistoryTellsWhatWasDeliveredWaitedAndFailed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		box := outboxtest.Open(t, t.TempDir(), outbox.Options{NoSync: true})
		begun := time.Now() // a full hour
		outboxtest.Take(t, box, reading("a.csv"), begun, row("a", 1), row("b", 2), row("c", 3))
		answer := func(outcome outbox.Outcome, n int) {
			leases, err := box.Turn(nil, n, time.Now())
			if err != nil || len(leases) != n {
				t.Fatalf("got %d leases, %v; want %d", len(leases), err, n)
			}
			var results []outbox.Result
			for _, l := range leases {
				box.Take(l)
				results = append(results, outbox.Result{Lease: l, Outcome: outcome, Due: time.Now().Add(time.Minute)})
			}
			if _, err := box.Turn(results, 0, time.Now()); err != nil {
				t.Fatal(err)
			}
		}
		answer(outbox.Acknowledged, 1)
		time.Sleep(4 * time.Minute)
		answer(outbox.Failed, 2)
		time.Sleep(10 * time.Minute) // the span from 5 to 10 minutes has nothing
		answer(outbox.Acknowledged, 2)
		day := []string{"0s 1+2 3", "10m0s 2+0 2"}
		h := history(t, box)
		if got := spans(h.Day, begun); fmt.Sprint(got) != fmt.Sprint(day) {
			t.Errorf("the day: got %q, want %q", got, day)
		}
		if got := spans(h.Month, begun); fmt.Sprint(got) != "[0s 3+2 3]" {
			t.Errorf("the month: got %q, want one hour of it all", got)
		}

		time.Sleep(23*time.Hour + 50*time.Minute) // a day after the first span
		outboxtest.Take(t, box, reading("b.csv"), time.Now(), row("a", 5))
		h = history(t, box)
		if got := spans(h.Day, begun); fmt.Sprint(got) != fmt.Sprint([]string{day[1], "24h0m0s 0+0 1"}) {
			t.Errorf("the next day: got %q", got)
		}
		if len(h.Month) != 2 {
			t.Errorf("got %d hours, want 2", len(h.Month))
		}
		time.Sleep(31 * 24 * time.Hour)
		answer(outbox.Acknowledged, 1)
		if h = history(t, box); len(h.Day) != 1 || len(h.Month) != 1 {
			t.Errorf("after a month: got %d and %d spans, want one each", len(h.Day), len(h.Month))
		}
	})
}

func TestAWholeHistoryMakesNoTransactionLonger(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		box := outboxtest.Open(t, t.TempDir(), outbox.Options{NoSync: true})
		write := func(paused bool) {
			t.Helper()
			if err := box.Pause(paused); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 30*24 + 24*12 { // each hour of a month, then every 5 minutes of a day
			write(i%2 == 0)
			if i < 30*24 {
				time.Sleep(time.Hour)
			} else {
				time.Sleep(5 * time.Minute)
			}
		}
		write(true) // lays the last span aside
		if h := history(t, box); len(h.Day) < 280 || len(h.Month) < 700 {
			t.Fatalf("got %d and %d spans, want a whole history", len(h.Day), len(h.Month))
		}
		before := box.Allocated()
		write(false)
		if got := box.Allocated() - before; got > 40<<10 {
			t.Errorf("a transaction wrote %d bytes, want no more than a few pages", got)
		}
	})
}

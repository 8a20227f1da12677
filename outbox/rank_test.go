package outbox_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"tillpost/inventory"
	"tillpost/outbox"
	"tillpost/outbox/outboxtest"
)

func TestAnExportThatCouldNotBeReadAtOnceStaysOlderThanThoseAfterIt(t *testing.T) { // promise 8
	t.Parallel()
	box := outboxtest.Open(t, t.TempDir(), outbox.Options{})
	later := noon.Add(10 * time.Second)
	first := outbox.Reading{Name: "first", ModTime: noon, Arrived: noon}
	first.Rank = box.Rank(first.ModTime, first.Arrived, noon)
	second := outbox.Reading{Name: "second", ModTime: later, Arrived: later}
	second.Rank = box.Rank(second.ModTime, second.Arrived, later)
	outboxtest.Take(t, box, second, later, row("1", 0))
	now := noon.Add(time.Minute) // now the first can be read
	if e := outboxtest.Take(t, box, first, now, row("1", 7), row("2", 3)); e.Older != 1 || e.New != 1 {
		t.Errorf("got %+v, want one older and one new", e.Counts)
	}
	if k, err := box.Lookup(inventory.Key{Store: "3", UPC: "1"}.Encode()); err != nil || *k.Wanted != 0 {
		t.Errorf("got %+v, %v; want the later export's 0", k, err)
	}
}

func TestFreshExportsAreNewerThanAllBeforeThemWhateverTheClockSays(t *testing.T) { // C1, I7
	t.Parallel()
	box := outboxtest.Open(t, t.TempDir(), outbox.Options{})
	ahead := box.Rank(noon.Add(24*time.Hour), noon.Add(24*time.Hour), noon.Add(24*time.Hour))
	if back := box.Rank(noon, noon, noon); back <= ahead {
		t.Errorf("got %d for an export after the clock was set back, want more than %d", back, ahead)
	}
	if copied := box.Rank(noon.Add(-time.Hour), noon, noon); copied >= ahead {
		t.Errorf("got %d for one that is an hour old, want less than %d", copied, ahead)
	}
}

func TestASumWithARowThatCannotBeReadIsNone(t *testing.T) { // W16
	t.Parallel()
	for name, voidFirst := range map[string]bool{"the bad row is first": true, "the bad row is last": false} {
		box := outboxtest.Open(t, t.TempDir(), outbox.Options{})
		in := box.NewIntake()
		x := outboxtest.Add(t, in, outbox.Reading{Name: "a", Settle: inventory.DuplicatesSum}, noon)
		bad, good := inventory.Key{Store: "3", UPC: "1"}.Encode(), inventory.Key{Store: "3", UPC: "2"}.Encode()
		add := func(line uint64, key []byte, figure int64) {
			if err := in.Add(line, key, figure, false); err != nil {
				t.Fatal(err)
			}
		}
		if voidFirst {
			if err := in.Void(2, bad, nil); err != nil {
				t.Fatal(err)
			}
		}
		add(3, bad, 5)
		add(4, good, 5)
		add(5, good, 6)
		if !voidFirst {
			if err := in.Void(6, bad, nil); err != nil {
				t.Fatal(err)
			}
		}
		var told []uint64
		counts, err := in.Settle(func(f outbox.Fallen) { told = append(told, f.Line) })
		if err != nil {
			t.Fatal(err)
		}
		if counts[x].New != 1 || len(told) != 1 || told[0] != 3 {
			t.Errorf("%s: got %+v, told %v; want one new key, and line 3 told", name, counts[x], told)
		}
		if _, err := in.Commit(t.Context(), noon); err != nil {
			t.Fatal(err)
		}
		if _, err := box.Lookup(bad); !errors.Is(err, outbox.ErrUnknown) {
			t.Errorf("%s: got %v, want nothing known", name, err)
		}
		if k, err := box.Lookup(good); err != nil || *k.Wanted != 11 {
			t.Errorf("%s: got %+v, %v; want 11", name, k, err)
		}
		if err := in.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestWhatIsAcceptedAndNotAppliedCountsAsPending(t *testing.T) {
	t.Parallel()
	box := outboxtest.Open(t, t.TempDir(), outbox.Options{})
	in := box.NewIntake()
	defer in.Close()
	outboxtest.Add(t, in, outbox.Reading{Name: "a"}, noon, large(20_000, 5)...)
	if _, err := in.Settle(nil); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // the export is accepted, and then nothing is applied
	if _, err := in.Commit(ctx, noon); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want the cancellation", err)
	}
	if s := stats(t, box); s.Pending != 20_000 {
		t.Errorf("got %d pending before it is applied, want 20000", s.Pending)
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := box.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := stats(t, box); s.Pending != 20_000 {
		t.Errorf("got %d pending after it was applied, want 20000", s.Pending)
	}
}

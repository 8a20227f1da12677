package outbox_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"tillpost/inventory"
	"tillpost/outbox"
	"tillpost/outbox/outboxtest"
)

func TestALeaseGivenBackInTheTurnThatAsksForMoreIsHandedOutAgain(t *testing.T) {
	t.Parallel()
	for _, outcome := range []outbox.Outcome{outbox.Unsent, outbox.Failed} {
		box := outboxtest.Open(t, t.TempDir(), outbox.Options{})
		outboxtest.Take(t, box, reading("a"), noon, row("1", 5))
		l := lease(t, box, 1, noon)[0]
		again, err := box.Turn([]outbox.Result{{Lease: l, Outcome: outcome, Due: noon}}, 5, noon)
		if err != nil || len(again) != 1 {
			t.Errorf("outcome %d: got %d leases, %v; want 1", outcome, len(again), err)
		}
	}
}

func TestALeaseIsResolvedOnce(t *testing.T) {
	t.Parallel()
	box := outboxtest.Open(t, t.TempDir(), outbox.Options{})
	outboxtest.Take(t, box, reading("a"), noon, row("1", 5), row("2", 6))
	l := lease(t, box, 2, noon)
	ack := outbox.Result{Outcome: outbox.Acknowledged}
	resolve(t, box, noon, ack, l[0], l[0])
	resolve(t, box, noon, ack, l[0])
	if s := stats(t, box); s.Delivered != 1 || s.Pending != 1 {
		t.Errorf("got %+v", s)
	}
	resolve(t, box, noon, ack, l[1])
}

func TestATurnThatHasNothingToDoWritesNothing(t *testing.T) {
	t.Parallel()
	box := outboxtest.Open(t, t.TempDir(), outbox.Options{})
	before := box.Writes()
	none(t, box, noon)
	if got := box.Writes(); got != before {
		t.Errorf("got %d transactions, want %d", got, before)
	}
}

func TestAConfirmationInDoubtMayLandLateToo(t *testing.T) { // I5, promise 4
	t.Parallel()
	for _, crash := range []bool{false, true} {
		dir := t.TempDir()
		opts := outbox.Options{Confirm: time.Minute}
		box, err := outbox.Open(dir, opts)
		if err != nil {
			t.Fatal(err)
		}
		ack := outbox.Result{Outcome: outbox.Acknowledged}
		lost := outbox.Result{Outcome: outbox.Unsent, Doubt: true}
		outboxtest.Take(t, box, reading("a"), noon, row("1", 3))
		resolve(t, box, noon, lost, lease(t, box, 1, noon)...)
		outboxtest.Take(t, box, reading("b"), noon, row("1", 5))
		resolve(t, box, noon, ack, lease(t, box, 1, noon)...)
		now := noon.Add(time.Minute)
		confirming := lease(t, box, 1, now)
		box.Take(confirming[0])
		if crash {
			outboxtest.Close(t, box)
			if box, err = outbox.Open(dir, opts); err != nil {
				t.Fatal(err)
			}
		} else {
			resolve(t, box, now, lost, confirming...)
		}
		resolve(t, box, now, ack, lease(t, box, 1, now)...)
		if s := stats(t, box); s.Pending != 0 {
			t.Errorf("crash %t: got %+v: what may land late is what was acknowledged", crash, s)
		}
		outboxtest.Take(t, box, reading("c"), now, row("1", 7))
		resolve(t, box, now, ack, lease(t, box, 1, now)...)
		if s := stats(t, box); s.Doubtful != 1 {
			t.Errorf("crash %t: got %+v: the confirmation with 5 may land after the 7", crash, s)
		}
		outboxtest.Close(t, box)
	}
}

func TestALastRowThatNamesNoOtherKeyKeepsTheNamedSet(t *testing.T) { // settle_last and promise 8
	t.Parallel()
	dir := t.TempDir()
	box := outboxtest.Open(t, dir, outbox.Options{})
	rows := large(3000, 5)
	outboxtest.Take(t, box, reading("a"), noon, rows...)
	later := noon.Add(time.Hour)
	first := outboxtest.Take(t, box, reading("b"), later, rows...)
	in := box.NewIntake()
	r := reading("b")
	r.Completes = &first
	x := outboxtest.Add(t, in, r, later)
	for i, row := range append(rows, row("100000", 5)) {
		if err := in.Add(uint64(i+2), inventory.Key{Store: "3", UPC: row.UPC}.Encode(), row.Figure, i < len(rows)); err != nil {
			t.Fatal(err)
		}
	}
	counts, err := in.Settle(nil)
	if err != nil || counts[x] != (outbox.Counts{Unchanged: 1}) {
		t.Errorf("got %+v, %v; want one row, unchanged", counts, err)
	}
	if _, err := in.Commit(t.Context(), later); err != nil {
		t.Fatal(err)
	}
	if err := in.Close(); err != nil {
		t.Error(err)
	}
	if sets, err := filepath.Glob(filepath.Join(dir, "named", "*.set")); err != nil || len(sets) != 1 {
		t.Errorf("got sets %v, %v; want one", sets, err)
	}
	old := outbox.Reading{Name: "old", ModTime: noon.Add(time.Minute), Arrived: later.Add(time.Hour)}
	if e := outboxtest.Take(t, box, old, later.Add(time.Hour), row("100001", 9)); e.Older != 1 {
		t.Errorf("got %+v, want the older export to lose", e.Counts)
	}
}

func TestASourceOfManyFamiliesKeepsABoundedNumberOfNamedSets(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	box := outboxtest.Open(t, dir, outbox.Options{})
	box.SetSizes(1, outbox.DeltaChunk, 1000, 1000)
	const n = outbox.MaxSets + 8
	for _, hours := range []int{0, 2} {
		for i := range n {
			at := noon.Add(time.Duration(hours)*time.Hour + time.Duration(i)*time.Second)
			outboxtest.Take(t, box, outbox.Reading{Name: fmt.Sprint(i), Family: fmt.Sprint(i), ModTime: at, Arrived: at}, at, row(fmt.Sprint(i+1), 5))
		}
	}
	if sets, err := filepath.Glob(filepath.Join(dir, "named", "*.set")); err != nil || len(sets) != outbox.MaxSets {
		t.Errorf("got %d sets, %v; want %d", len(sets), err, outbox.MaxSets)
	}
	late := noon.Add(5 * time.Hour)
	old := outbox.Reading{Name: "old", Family: "old", ModTime: noon.Add(time.Hour), Arrived: late}
	var rows []outboxtest.Row
	for i := range n {
		rows = append(rows, row(fmt.Sprint(i+1), 9))
	}
	if e := outboxtest.Take(t, box, old, late, rows...); e.Older != n {
		t.Errorf("got %+v, want all %d older: whether their set is kept or not", e.Counts, n)
	}
}

func TestTimesThatNoClockShowsStopNothing(t *testing.T) { // I7
	t.Parallel()
	box := outboxtest.Open(t, t.TempDir(), outbox.Options{})
	for i, modTime := range []time.Time{
		time.Date(2400, 1, 1, 0, 0, 0, 0, time.UTC), time.Unix(1<<60, 0), time.Unix(-1<<40, 0), {},
		time.Date(1601, 1, 1, 0, 0, 0, 0, time.UTC),
	} {
		now := noon.Add(time.Duration(i) * time.Hour)
		outboxtest.Take(t, box, outbox.Reading{Name: "odd", ModTime: modTime, Arrived: now.Add(time.Second)}, now, row(fmt.Sprint(i+10), 1), row("1", 1))
		if e := outboxtest.Take(t, box, reading("new"), now.Add(time.Minute), row("1", int64(i+2))); e.Older != 0 || e.New+e.Changed != 1 {
			t.Errorf("%v: got %+v, want the export after it to count", modTime, e.Counts)
		}
		if err := box.Seen("main", map[string]outbox.File{"odd": {ModTime: modTime}}, now); err != nil {
			t.Error(err)
		}
	}
}

func TestAnIntakeThatChangedSinceItWasSettledIsNotCommitted(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*outbox.Intake) error{
		"never settled": nil,
		"dropped":       func(in *outbox.Intake) error { in.Drop(0); return nil },
		"another row": func(in *outbox.Intake) error {
			return in.Add(9, inventory.Key{Store: "3", UPC: "2"}.Encode(), 1, false)
		},
		"another one": func(in *outbox.Intake) error { in.Begin(outbox.Reading{Source: "main"}, noon); return nil },
		"committed":   func(in *outbox.Intake) error { _, err := in.Commit(t.Context(), noon); return err },
	} {
		box := outboxtest.Open(t, t.TempDir(), outbox.Options{})
		in := box.NewIntake()
		outboxtest.Add(t, in, outbox.Reading{Name: "a"}, noon, row("1", 5))
		if change != nil {
			if _, err := in.Settle(nil); err != nil {
				t.Fatal(err)
			}
			if err := change(in); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := in.Commit(t.Context(), noon); err == nil {
			t.Errorf("%s: committed", name)
		}
		if err := in.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestOfTwoRowsInOneLineTheLaterCounts(t *testing.T) { // two columns of a wide export can be one store
	t.Parallel()
	box := outboxtest.Open(t, t.TempDir(), outbox.Options{})
	in := box.NewIntake()
	defer in.Close()
	outboxtest.Add(t, in, outbox.Reading{Name: "a"}, noon)
	for i := range 2000 {
		for _, figure := range []int64{1, 2, 3} {
			if err := in.Add(7, inventory.Key{Store: "3", UPC: fmt.Sprint(i % 500)}.Encode(), figure+int64(i/500), false); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := in.Settle(nil); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Commit(t.Context(), noon); err != nil {
		t.Fatal(err)
	}
	for k, err := range box.All() {
		if err != nil || *k.Wanted != 6 {
			t.Fatalf("got %+v (%d), %v; want 6", k, *k.Wanted, err)
		}
	}
}

func TestWhatIsNoKeyIsNotTakenIn(t *testing.T) {
	t.Parallel()
	box := outboxtest.Open(t, t.TempDir(), outbox.Options{})
	in := box.NewIntake()
	defer in.Close()
	outboxtest.Add(t, in, outbox.Reading{Name: "a"}, noon)
	good := inventory.Key{Store: "3", SKU: "ZOOT", Size: "34", Width: "D"}.Encode()
	for _, key := range [][]byte{nil, []byte("x"), good[:len(good)-1], append(good, 0), inventory.Key{Store: "3"}.Encode()[:2],
		inventory.AppendUPC(nil, "3", "")} {
		if err := in.Add(2, key, 1, false); err == nil {
			t.Errorf("%q is taken", key)
		}
	}
	if err := in.Add(2, good, 1, false); err != nil {
		t.Error(err)
	}
}

func TestTheLastExportOfASourceIsNotMixedWithAnothers(t *testing.T) {
	t.Parallel()
	box := outboxtest.Open(t, t.TempDir(), outbox.Options{})
	outboxtest.Take(t, box, outbox.Reading{Source: "a", Name: "good"}, noon, row("1", 5))
	in := box.NewIntake()
	defer in.Close()
	x := outboxtest.Add(t, in, outbox.Reading{Source: "b", Name: "bad"}, noon)
	in.Drop(x)
	in.Finish(x, outbox.Taken{Refused: "no header"})
	if _, err := in.Settle(nil); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Commit(t.Context(), noon); err != nil {
		t.Fatal(err)
	}
	if e, err := box.LastExport("a"); err != nil || e.Name != "good" || e.Refused != "" {
		t.Errorf("got %+v, %v", e, err)
	}
	if e, err := box.LastExport("b"); err != nil || e.Refused == "" {
		t.Errorf("got %+v, %v", e, err)
	}
	if e, err := box.LastExport("c"); err == nil || e.ID != 0 {
		t.Errorf("got %+v, %v; want nothing", e, err)
	}
}

func TestAnExportsLastRowDoesNotMakeItTheNewestAgain(t *testing.T) { // promise 6: 5, 7, 5 again
	t.Parallel()
	box := outboxtest.Open(t, t.TempDir(), outbox.Options{})
	a := outboxtest.Take(t, box, reading("a"), noon, row("1", 5))
	b := outboxtest.Take(t, box, reading("b"), noon.Add(time.Second), row("1", 7))
	r := reading("a")
	r.Completes = &a
	if e := outboxtest.Take(t, box, r, noon.Add(10*time.Second), row("2", 5)); e.ID != a.ID {
		t.Errorf("got export %d, want %d", e.ID, a.ID)
	}
	if s, err := box.Source("main"); err != nil || s.Newest != b.ID || s.Hash != "b" {
		t.Errorf("got %+v, %v; want b to be the newest", s, err)
	}
}

func TestAClockThatGoesBackMakesNothingWaitLonger(t *testing.T) { // C1, R6
	t.Parallel()
	box := outboxtest.Open(t, t.TempDir(), outbox.Options{DeadRetry: time.Hour})
	wrong := noon.AddDate(4, 0, 0)
	outboxtest.Take(t, box, reading("a"), wrong, row("1", 5), row("2", 6))
	leases := lease(t, box, 2, wrong)
	resolve(t, box, wrong, outbox.Result{Outcome: outbox.Failed, Due: wrong.Add(time.Minute)}, leases[0])
	resolve(t, box, wrong, outbox.Result{Outcome: outbox.Refused}, leases[1])
	none(t, box, noon)
	none(t, box, noon.Add(time.Minute-time.Second))
	lease(t, box, 1, noon.Add(time.Minute))
	if at, ok, err := box.NextDue(); err != nil || !ok || !at.Equal(noon.Add(time.Hour)) {
		t.Errorf("got %v, %t, %v; want the dead letter to be due in an hour", at, ok, err)
	}
	outboxtest.Take(t, box, reading("b"), noon.Add(2*time.Minute), row("1", 7))
	if k, err := box.Lookup(inventory.Key{Store: "3", UPC: "1"}.Encode()); err != nil || *k.Wanted != 7 {
		t.Errorf("got %+v, %v; want the newest export's 7", k, err)
	}
}

func TestAClockThatGoesBackLeavesTheQuietTimeOfWhatIsAcknowledgedThen(t *testing.T) { // C1, promise 4
	t.Parallel()
	box := outboxtest.Open(t, t.TempDir(), outbox.Options{Confirm: 2 * time.Minute})
	outboxtest.Take(t, box, reading("a"), noon, row("1", 5))
	hung := lease(t, box, 1, noon)
	resolve(t, box, noon, outbox.Result{Outcome: outbox.Failed, Doubt: true, Due: noon}, hung[0])
	outboxtest.Take(t, box, reading("b"), noon, row("1", 7))
	newer := lease(t, box, 1, noon)
	earlier := noon.Add(-time.Hour)
	resolve(t, box, earlier, outbox.Result{Outcome: outbox.Acknowledged}, newer[0])
	none(t, box, earlier.Add(2*time.Minute-time.Second))
	lease(t, box, 1, earlier.Add(2*time.Minute))
}

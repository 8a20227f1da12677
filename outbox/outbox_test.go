package outbox_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"tillpost/inventory"
	"tillpost/outbox"
	"tillpost/outbox/outboxtest"
)

// noon is when every test of this file begins.
var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func row(upc string, figure int64) outboxtest.Row { return outboxtest.Row{UPC: upc, Figure: figure} }

func reading(name string) outbox.Reading { return outbox.Reading{Name: name} }

// lease takes n leases, which must be there.
func lease(t testing.TB, box *outbox.Outbox, n int, now time.Time) []*outbox.Lease {
	t.Helper()
	leases, err := box.Turn(nil, n, now)
	if err != nil {
		t.Fatal(err)
	}
	if len(leases) != n {
		t.Fatalf("got %d leases, want %d", len(leases), n)
	}
	return leases
}

// resolve resolves leases, all with the same outcome.
func resolve(t testing.TB, box *outbox.Outbox, now time.Time, result outbox.Result, leases ...*outbox.Lease) {
	t.Helper()
	var results []outbox.Result
	for _, l := range leases {
		result.Lease = l
		results = append(results, result)
	}
	if _, err := box.Turn(results, 0, now); err != nil {
		t.Fatal(err)
	}
}

func none(t *testing.T, box *outbox.Outbox, now time.Time) {
	t.Helper()
	leases, err := box.Turn(nil, 10, now)
	if err != nil || len(leases) != 0 {
		t.Fatalf("got %d leases, %v; want none", len(leases), err)
	}
}

func stats(t testing.TB, box *outbox.Outbox) outbox.Stats {
	t.Helper()
	s, err := box.Stats()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func upcOf(t *testing.T, l *outbox.Lease) string {
	t.Helper()
	k, err := inventory.DecodeKey(l.Key)
	if err != nil {
		t.Fatal(err)
	}
	return k.UPC
}

func TestOnlyChangesTravel(t *testing.T) {
	t.Parallel()
	box := outboxtest.Open(t, t.TempDir(), outbox.Options{})
	e := outboxtest.Take(t, box, reading("a"), noon, row("1", 5), row("2", 6), row("3", 0))
	if e.New != 3 || e.Changed != 0 || e.Unchanged != 0 {
		t.Errorf("first export: got %+v", e.Counts)
	}
	for _, l := range lease(t, box, 3, noon) {
		box.Take(l)
		resolve(t, box, noon, outbox.Result{Outcome: outbox.Acknowledged}, l)
	}
	e = outboxtest.Take(t, box, reading("b"), noon.Add(time.Second), row("1", 5), row("2", 0), row("3", 4))
	if e.New != 0 || e.Changed != 2 || e.Zero != 1 || e.Unchanged != 1 {
		t.Errorf("second export: got %+v", e.Counts)
	}
	if s := stats(t, box); s.Pending != 2 || s.Delivered != 3 || s.Unchanged != 1 {
		t.Errorf("got %+v", s)
	}
	l := lease(t, box, 2, noon)
	if got := upcOf(t, l[0]); got != "2" {
		t.Errorf("the update to zero goes first: got %s", got)
	}
}

func TestAQuantityInDoubtIsReplacedByTheOneLastAcknowledged(t *testing.T) { // I2
	t.Parallel()
	box := outboxtest.Open(t, t.TempDir(), outbox.Options{Confirm: 2 * time.Minute})
	outboxtest.Take(t, box, reading("a"), noon, row("1", 5))
	resolve(t, box, noon, outbox.Result{Outcome: outbox.Acknowledged}, lease(t, box, 1, noon)...)
	outboxtest.Take(t, box, reading("b"), noon, row("1", 3))
	l := lease(t, box, 1, noon)[0]
	box.Take(l)
	resolve(t, box, noon, outbox.Result{Outcome: outbox.Failed, Doubt: true, Due: noon.Add(time.Second)}, l)
	if e := outboxtest.Take(t, box, reading("c"), noon, row("1", 5)); e.Changed != 1 {
		t.Errorf("got %+v, want one change", e.Counts)
	}
	none(t, box, noon)
	now := noon.Add(time.Second)
	l = lease(t, box, 1, now)[0]
	if got := box.Take(l); got != 5 {
		t.Errorf("got %d, want 5", got)
	}
	resolve(t, box, now, outbox.Result{Outcome: outbox.Acknowledged}, l)
	// The request with 3 may still land: 5 is sent once more, and counts as pending until then.
	if s := stats(t, box); s.Pending != 1 || s.Doubtful != 1 {
		t.Errorf("got %+v, want one pending, to be confirmed", s)
	}
	none(t, box, now.Add(2*time.Minute-time.Second))
	now = now.Add(2 * time.Minute)
	resolve(t, box, now, outbox.Result{Outcome: outbox.Acknowledged}, lease(t, box, 1, now)...)
	if s := stats(t, box); s.Pending != 0 || s.Doubtful != 0 || s.Delivered != 3 {
		t.Errorf("got %+v, want nothing pending", s)
	}
}

func TestDoubtOutlivesAnEqualAcknowledgement(t *testing.T) { // I5, promise 4
	t.Parallel()
	box := outboxtest.Open(t, t.TempDir(), outbox.Options{Confirm: time.Minute})
	outboxtest.Take(t, box, reading("a"), noon, row("1", 3))
	resolve(t, box, noon, outbox.Result{Outcome: outbox.Failed, Doubt: true, Due: noon}, lease(t, box, 1, noon)...)
	resolve(t, box, noon, outbox.Result{Outcome: outbox.Acknowledged}, lease(t, box, 1, noon)...)
	if s := stats(t, box); s.Pending != 0 {
		t.Fatalf("got %+v: the same quantity again needs no confirmation", s)
	}
	outboxtest.Take(t, box, reading("b"), noon, row("1", 5))
	resolve(t, box, noon, outbox.Result{Outcome: outbox.Acknowledged}, lease(t, box, 1, noon)...)
	if s := stats(t, box); s.Doubtful != 1 {
		t.Errorf("got %+v: the first 3 may still land, so 5 must be sent once more", s)
	}
}

func TestANewerQuantityWhileTheOlderIsInFlight(t *testing.T) { // I3, I4
	t.Parallel()
	box := outboxtest.Open(t, t.TempDir(), outbox.Options{})
	outboxtest.Take(t, box, reading("a"), noon, row("1", 5))
	l := lease(t, box, 1, noon)[0]
	if q := box.Take(l); q != 5 {
		t.Fatalf("got %d", q)
	}
	outboxtest.Take(t, box, reading("b"), noon, row("1", 7))
	none(t, box, noon) // never two requests for one key
	resolve(t, box, noon, outbox.Result{Outcome: outbox.Acknowledged}, l)
	l = lease(t, box, 1, noon)[0]
	if q := box.Take(l); q != 7 {
		t.Errorf("got %d, want 7", q)
	}
	resolve(t, box, noon, outbox.Result{Outcome: outbox.Acknowledged}, l)
	if s := stats(t, box); s.Pending != 0 || s.Delivered != 2 {
		t.Errorf("got %+v", s)
	}
}

func TestALeaseThatWasNotSentTakesTheNewerQuantity(t *testing.T) {
	t.Parallel()
	box := outboxtest.Open(t, t.TempDir(), outbox.Options{})
	outboxtest.Take(t, box, reading("a"), noon, row("1", 5))
	l := lease(t, box, 1, noon)[0]
	outboxtest.Take(t, box, reading("b"), noon, row("1", 7))
	if q := box.Take(l); q != 7 {
		t.Errorf("got %d, want 7", q)
	}
	resolve(t, box, noon, outbox.Result{Outcome: outbox.Acknowledged}, l)
	if s := stats(t, box); s.Pending != 0 || s.Delivered != 1 {
		t.Errorf("got %+v, want one request in all", s)
	}
}

func TestWhatWasLeasedWhenTheProcessDiedIsInDoubt(t *testing.T) { // I4, I5, promise 4
	t.Parallel()
	dir := t.TempDir()
	box, err := outbox.Open(dir, outbox.Options{Confirm: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	outboxtest.Take(t, box, reading("a"), noon, row("1", 5), row("2", 6))
	lease(t, box, 1, noon)
	outboxtest.Close(t, box) // nothing more was written than a crash would leave
	box = outboxtest.Open(t, dir, outbox.Options{Confirm: time.Minute})
	doubtful := 0
	for k, err := range box.All() {
		if err != nil {
			t.Fatal(err)
		}
		if k.Doubt {
			doubtful++
		}
	}
	if doubtful != 1 {
		t.Errorf("got %d keys in doubt, want the leased one", doubtful)
	}
	lease(t, box, 2, noon)
}

func TestDeadLettersWaitTwiceAsLongEachTime(t *testing.T) {
	t.Parallel()
	box := outboxtest.Open(t, t.TempDir(), outbox.Options{DeadRetry: 24 * time.Hour})
	outboxtest.Take(t, box, reading("a"), noon, row("1", 5))
	now := noon
	refused := outbox.Result{Outcome: outbox.Refused, Status: 404, Unknown: true, Words: "unknown product"}
	for _, days := range []int{1, 2, 4, 7, 7} {
		resolve(t, box, now, refused, lease(t, box, 1, now)...)
		if s := stats(t, box); s.Pending != 0 || s.Dead != 1 || s.Unknown != 1 {
			t.Fatalf("got %+v", s)
		}
		wait := time.Duration(days) * 24 * time.Hour
		none(t, box, now.Add(wait-time.Second))
		now = now.Add(wait)
	}
	if e := outboxtest.Take(t, box, reading("b"), now, row("1", 5)); e.Unchanged != 1 {
		t.Errorf("the same quantity again: got %+v", e.Counts)
	}
	outboxtest.Take(t, box, reading("c"), now, row("1", 6))
	if s := stats(t, box); s.Pending != 1 || s.Dead != 0 || s.Unknown != 0 {
		t.Errorf("another quantity is sent at once: got %+v", s)
	}
	resolve(t, box, now, outbox.Result{Outcome: outbox.Acknowledged}, lease(t, box, 1, now)...)
}

func TestEveryFourthRequestGoesToTheOldest(t *testing.T) { // promise 9
	t.Parallel()
	box := outboxtest.Open(t, t.TempDir(), outbox.Options{})
	outboxtest.Take(t, box, reading("first"), noon, row("91", 5), row("92", 5), row("93", 5), row("94", 5))
	resolve(t, box, noon, outbox.Result{Outcome: outbox.Acknowledged}, lease(t, box, 4, noon)...)
	outboxtest.Take(t, box, reading("old"), noon, row("1", 5), row("2", 5))
	var zeros []outboxtest.Row
	for i := range 20 {
		zeros = append(zeros, row(fmt.Sprint(100+i), 0))
	}
	outboxtest.Take(t, box, reading("zeros"), noon.Add(time.Second), zeros...)
	var at []int
	for i, l := range lease(t, box, 8, noon) {
		if upc := upcOf(t, l); upc == "1" || upc == "2" {
			at = append(at, i)
		}
	}
	if fmt.Sprint(at) != "[3 7]" {
		t.Errorf("the old ones came at %v, want [3 7]", at)
	}
}

func TestALateOlderExportAddsButNeverOverwrites(t *testing.T) { // W9, promise 8, I6
	t.Parallel()
	box := outboxtest.Open(t, t.TempDir(), outbox.Options{})
	newest := outbox.Reading{Name: "new", ModTime: noon, Arrived: noon}
	outboxtest.Take(t, box, newest, noon, row("1", 5), row("2", 6))
	old := outbox.Reading{Name: "old", ModTime: noon.Add(-time.Hour), Arrived: noon.Add(time.Minute)}
	e := outboxtest.Take(t, box, old, noon.Add(time.Minute), row("1", 9), row("3", 7))
	if e.Older != 1 || e.New != 1 {
		t.Errorf("got %+v, want one older and one new", e.Counts)
	}
	for upc, want := range map[string]int64{"1": 5, "2": 6, "3": 7} {
		k, err := box.Lookup(inventory.Key{Store: "3", UPC: upc}.Encode())
		if err != nil || *k.Wanted != want {
			t.Errorf("upc %s: got %+v, %v; want %d", upc, k, err, want)
		}
	}
}

func TestWhatALookFindsIsDecidedByRankNotByOrder(t *testing.T) {
	t.Parallel()
	box := outboxtest.Open(t, t.TempDir(), outbox.Options{})
	in := box.NewIntake()
	defer in.Close()
	late := noon.Add(time.Hour)
	a := outboxtest.Add(t, in, outbox.Reading{Name: "a", ModTime: noon.Add(2 * time.Minute), Arrived: late}, late, row("1", 9), row("2", 2))
	b := outboxtest.Add(t, in, outbox.Reading{Name: "b", ModTime: noon.Add(time.Minute), Arrived: late}, late, row("1", 3), row("3", 3))
	counts, err := in.Settle(nil)
	if err != nil {
		t.Fatal(err)
	}
	if counts[a].New != 1 || counts[a].Changed != 1 || counts[b].New != 2 {
		t.Errorf("got %+v", counts)
	}
	if _, err := in.Commit(t.Context(), late); err != nil {
		t.Fatal(err)
	}
	if s := stats(t, box); s.Pending != 3 {
		t.Errorf("got %+v", s)
	}
	if k, _ := box.Lookup(inventory.Key{Store: "3", UPC: "1"}.Encode()); *k.Wanted != 9 {
		t.Errorf("got %d, want the newer export's 9", *k.Wanted)
	}
}

// large gives n rows of which every figure is the same.
func large(n int, figure int64) []outboxtest.Row {
	rows := make([]outboxtest.Row, n)
	for i := range rows {
		rows[i] = row(fmt.Sprint(100_000+i), figure)
	}
	return rows
}

func TestANamedSetKeepsALateOlderExportFromOverwritingWhatDidNotChange(t *testing.T) { // promise 8 without a write per row
	t.Parallel()
	dir := t.TempDir()
	box := outboxtest.Open(t, dir, outbox.Options{})
	at := func(minutes int) outbox.Reading {
		return outbox.Reading{Family: "f", Name: fmt.Sprint(minutes), ModTime: noon.Add(time.Duration(minutes) * time.Minute), Arrived: noon.Add(48 * time.Hour)}
	}
	now := noon.Add(48 * time.Hour)
	outboxtest.Take(t, box, at(0), now, large(3000, 5)...)
	rows := large(3001, 5)
	rows[7].Figure = 6
	if e := outboxtest.Take(t, box, at(20), now, rows...); e.Unchanged != 2999 || e.Changed != 1 || e.New != 1 {
		t.Fatalf("got %+v", e.Counts)
	}
	old := large(3002, 9)
	if e := outboxtest.Take(t, box, at(10), now, old...); e.Older != 3001 || e.New != 1 {
		t.Errorf("late older export: got %+v", e.Counts)
	}
	// A newer large export that leaves keys out: what was said of those counts on.
	if e := outboxtest.Take(t, box, at(30), now, large(2500, 4)...); e.Changed != 2500 {
		t.Errorf("got %+v", e.Counts)
	}
	if e := outboxtest.Take(t, box, at(15), now, large(3002, 8)...); e.Older != 3001 || e.Changed != 1 {
		t.Errorf("second late older export: got %+v", e.Counts)
	}
	sets, err := filepath.Glob(filepath.Join(dir, "named", "*.set"))
	if err != nil || len(sets) != 1 {
		t.Errorf("got sets %v, want one", sets)
	}
}

func TestAnExportThatNamesTheSameKeysKeepsTheNamedSetsFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	box := outboxtest.Open(t, dir, outbox.Options{})
	outboxtest.Take(t, box, reading("a"), noon, large(3000, 5)...)
	before, _ := filepath.Glob(filepath.Join(dir, "named", "*.set"))
	outboxtest.Take(t, box, reading("b"), noon.Add(time.Minute), large(3000, 6)...)
	after, _ := filepath.Glob(filepath.Join(dir, "named", "*.set"))
	if len(before) != 1 || fmt.Sprint(before) != fmt.Sprint(after) {
		t.Errorf("got %v, then %v", before, after)
	}
}

func TestDuplicatesAreSettledHoweverFarApart(t *testing.T) { // W16
	t.Parallel()
	for _, c := range []struct {
		name string
		rule inventory.Duplicates
		want *int64
		told int
	}{
		{"last", inventory.DuplicatesLast, new(int64(3)), 0},
		{"sum", inventory.DuplicatesSum, new(int64(6)), 0},
		{"reject", inventory.DuplicatesReject, nil, 3},
	} {
		box := outboxtest.Open(t, t.TempDir(), outbox.Options{})
		in := box.NewIntake()
		rows := append([]outboxtest.Row{row("1", 1)}, large(3000, 5)...)
		rows = append(rows, row("1", 2))
		rows = append(rows, large(3000, 5)...)
		rows = append(rows, row("1", 3))
		outboxtest.Add(t, in, outbox.Reading{Name: "a", Settle: c.rule}, noon, rows...)
		told := 0
		counts, err := in.Settle(func(f outbox.Fallen) {
			line := f.Line
			if line == 2 || line == 3003 || line == 6004 {
				told++
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		if counts[0].Duplicates != 3002 || told != c.told {
			t.Errorf("%s: got %+v, %d rows told; want 3002 duplicates, %d told", c.name, counts[0], told, c.told)
		}
		if _, err := in.Commit(t.Context(), noon); err != nil {
			t.Fatal(err)
		}
		k, err := box.Lookup(inventory.Key{Store: "3", UPC: "1"}.Encode())
		switch {
		case c.want == nil && !errors.Is(err, outbox.ErrUnknown):
			t.Errorf("%s: got %+v, %v; want nothing known", c.name, k, err)
		case c.want != nil && (err != nil || *k.Wanted != *c.want):
			t.Errorf("%s: got %+v, %v; want %d", c.name, k, err, *c.want)
		}
		if err := in.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestOneProductMillionsOfTimesStaysSmall(t *testing.T) {
	t.Parallel()
	box := outboxtest.Open(t, t.TempDir(), outbox.Options{})
	in := box.NewIntake()
	defer in.Close()
	outboxtest.Add(t, in, outbox.Reading{Name: "a"}, noon)
	key := inventory.Key{Store: "3", UPC: "849632048260"}.Encode()
	const n = 300_000
	for i := range n {
		if err := in.Add(uint64(i+2), key, int64(i), false); err != nil {
			t.Fatal(err)
		}
	}
	counts, err := in.Settle(nil)
	if err != nil || counts[0].Duplicates != n-1 || counts[0].New != 1 {
		t.Fatalf("got %+v, %v", counts, err)
	}
	if _, err := in.Commit(t.Context(), noon); err != nil {
		t.Fatal(err)
	}
	if k, err := box.Lookup(key); err != nil || *k.Wanted != n-1 {
		t.Errorf("got %+v, %v", k, err)
	}
}

func TestADroppedExportChangesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	box := outboxtest.Open(t, dir, outbox.Options{})
	in := box.NewIntake()
	a := outboxtest.Add(t, in, outbox.Reading{Name: "a", Family: "f"}, noon, large(20_000, 5)...)
	b := outboxtest.Add(t, in, outbox.Reading{Name: "b", Family: "f"}, noon, row("1", 5))
	if _, err := in.Settle(nil); err != nil {
		t.Fatal(err)
	}
	in.Drop(a)
	counts, err := in.Settle(nil)
	if err != nil || counts[a] != (outbox.Counts{}) || counts[b].New != 1 {
		t.Fatalf("got %+v, %v", counts, err)
	}
	exports, err := in.Commit(t.Context(), noon)
	if err != nil || exports[a].ID != 0 || exports[b].ID == 0 {
		t.Fatalf("got %+v, %v", exports, err)
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{"spill", "named"} {
		if left, _ := os.ReadDir(filepath.Join(dir, folder)); len(left) != 0 {
			t.Errorf("%s still holds %v", folder, left)
		}
	}
	if s := stats(t, box); s.Pending != 1 {
		t.Errorf("got %+v", s)
	}
}

func TestAnotherDestinationGetsEveryLastWantedQuantity(t *testing.T) { // A18, I9
	t.Parallel()
	dir := t.TempDir()
	box, err := outbox.Open(dir, outbox.Options{Destination: "https://a"})
	if err != nil {
		t.Fatal(err)
	}
	outboxtest.Take(t, box, reading("a"), noon, large(100, 5)...)
	resolve(t, box, noon, outbox.Result{Outcome: outbox.Acknowledged}, lease(t, box, 40, noon)...)
	resolve(t, box, noon, outbox.Result{Outcome: outbox.Refused}, lease(t, box, 20, noon)...)
	outboxtest.Close(t, box)
	box = outboxtest.Open(t, dir, outbox.Options{Destination: "https://b"})
	if s := stats(t, box); s.Pending != 100 || s.Dead != 0 {
		t.Errorf("got %+v, want all pending", s)
	}
	lease(t, box, 100, noon)
}

func TestASecondOpenerIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	outboxtest.Open(t, dir, outbox.Options{})
	if _, err := outbox.Open(dir, outbox.Options{}); !errors.Is(err, outbox.ErrInUse) {
		t.Errorf("got %v, want ErrInUse", err)
	}
}

func TestThereIsNoOutboxWhereOneMustBe(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := outbox.Open(dir, outbox.Options{MustExist: true}); !errors.Is(err, outbox.ErrNoOutbox) {
		t.Errorf("got %v, want ErrNoOutbox", err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("it made %v", left)
	}
}

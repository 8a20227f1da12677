package outbox_test

import (
	"fmt"
	"testing"
	"time"

	"tillpost/inventory"
	"tillpost/outbox"
	"tillpost/outbox/outboxtest"
)

var (
	bySKU = inventory.Key{Store: "3", SKU: "ZOOT", Size: "34", Width: "D"}
	byUPC = inventory.Key{Store: "3", UPC: "849632048260"}
)

// takeRow takes an export of one row, which could be identified by another key too.
func takeRow(t *testing.T, box *outbox.Outbox, name string, now time.Time, key inventory.Key, other *inventory.Key, figure int64) outbox.Export {
	t.Helper()
	in := box.NewIntake()
	defer in.Close()
	x := in.Begin(outbox.Reading{Source: "main", Name: name, Family: "f", ModTime: now, Arrived: now}, now)
	var also []byte
	if other != nil {
		also = other.Encode()
	}
	if err := in.AddAs(2, key.Encode(), also, figure, false); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Settle(nil); err != nil {
		t.Fatal(err)
	}
	in.Finish(x, outbox.Taken{Hash: name, Complete: true, Rows: 1})
	exports, err := in.Commit(t.Context(), now)
	if err != nil {
		t.Fatal(err)
	}
	return exports[x]
}

// lease hands out all that is due, as "key=quantity".
func leaseAll(t *testing.T, box *outbox.Outbox, now time.Time) (leases []*outbox.Lease, told string) {
	t.Helper()
	leases, err := box.Turn(nil, outbox.MaxLease, now)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range leases {
		key, err := inventory.DecodeKey(l.Key)
		if err != nil {
			t.Fatal(err)
		}
		told += fmt.Sprintf("%s%s=%d ", key.UPC, key.SKU, box.Take(l))
	}
	return leases, told
}

func resolveAll(t *testing.T, box *outbox.Outbox, leases []*outbox.Lease, outcome outbox.Outcome, now time.Time) {
	t.Helper()
	var results []outbox.Result
	for _, l := range leases {
		results = append(results, outbox.Result{Lease: l, Outcome: outcome, Doubt: outcome == outbox.Failed, Due: now.Add(time.Hour)})
	}
	if _, err := box.Turn(results, 0, now); err != nil {
		t.Fatal(err)
	}
}

func TestAUPCTakesOverWhatWaitsUnderTheSKU(t *testing.T) {
	dir := t.TempDir()
	first, err := outbox.Open(dir, outbox.Options{Confirm: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	takeRow(t, first, "a", noon, bySKU, nil, 5)
	outboxtest.Close(t, first)
	box := outboxtest.Open(t, dir, outbox.Options{Confirm: time.Minute})
	e := takeRow(t, box, "b", noon.Add(time.Hour), byUPC, &bySKU, 3)
	if e.New != 1 {
		t.Errorf("got %+v, want one new key", e.Counts)
	}
	leases, told := leaseAll(t, box, noon.Add(time.Hour))
	if told != "849632048260=3 " {
		t.Errorf("got %q, want the UPC alone", told)
	}
	resolveAll(t, box, leases, outbox.Acknowledged, noon.Add(time.Hour))
	k, err := box.Lookup(byUPC.Encode())
	if err != nil || k.Pending || k.Confirm {
		t.Errorf("got %+v, %v, want it acknowledged and nothing to confirm", k, err)
	}
	if s, err := box.Stats(); err != nil || s.Pending != 0 {
		t.Errorf("got %+v, %v", s, err)
	}
}

// TestAUPCTakesOverWhatIsInDoubtUnderTheSKU: a late request for the SKU lands on the same product.
func TestAUPCTakesOverWhatIsInDoubtUnderTheSKU(t *testing.T) { // I5
	for name, outcome := range map[string]outbox.Outcome{"failed": outbox.Failed, "on its way": outbox.Unsent, "acknowledged meanwhile": outbox.Acknowledged} {
		t.Run(name, func(t *testing.T) {
			box := outboxtest.Open(t, t.TempDir(), outbox.Options{Confirm: time.Minute})
			takeRow(t, box, "a", noon, bySKU, nil, 5)
			sent, _ := leaseAll(t, box, noon)
			if outcome == outbox.Failed {
				resolveAll(t, box, sent, outcome, noon)
			}
			takeRow(t, box, "b", noon.Add(time.Second), byUPC, &bySKU, 3)
			if outcome == outbox.Acknowledged {
				resolveAll(t, box, sent, outcome, noon.Add(time.Second))
			}
			leases, told := leaseAll(t, box, noon.Add(2*time.Second))
			if told != "849632048260=3 " {
				t.Fatalf("got %q, want the UPC alone", told)
			}
			resolveAll(t, box, leases, outbox.Acknowledged, noon.Add(2*time.Second))
			if k, err := box.Lookup(byUPC.Encode()); err != nil || !k.Confirm {
				t.Errorf("got %+v, %v, want it to be sent once more", k, err)
			}
			if _, told := leaseAll(t, box, noon.Add(2*time.Minute)); told != "849632048260=3 " {
				t.Errorf("got %q, want it sent once more", told)
			}
			// Whatever the ledger said of the SKU is not true any more: the same quantity is news.
			if e := takeRow(t, box, "c", noon.Add(time.Hour), bySKU, nil, 5); e.New != 1 {
				t.Errorf("got %+v, want the SKU to be news", e.Counts)
			}
		})
	}
}

// TestAProductThatChangesItsKeyIsSentWheneverItDoes: to the SKU, to the UPC, back, and back again, at one quantity.
func TestAProductThatChangesItsKeyIsSentWheneverItDoes(t *testing.T) {
	box := outboxtest.Open(t, t.TempDir(), outbox.Options{Confirm: time.Minute})
	now := noon
	for i, c := range []struct {
		upc  bool
		want string
	}{{false, "ZOOT=5 "}, {true, "849632048260=5 "}, {true, ""}, {false, "ZOOT=5 "}, {true, "849632048260=5 "}, {true, ""}} {
		now = now.Add(time.Hour)
		key, other := bySKU, (*inventory.Key)(nil)
		if c.upc {
			key, other = byUPC, &bySKU
		}
		takeRow(t, box, fmt.Sprint(i), now, key, other, 5)
		leases, told := leaseAll(t, box, now)
		if told != c.want {
			t.Errorf("export %d: got %q, want %q", i, told, c.want)
		}
		resolveAll(t, box, leases, outbox.Acknowledged, now)
	}
}

func TestAnOlderExportTakesNothingOver(t *testing.T) { // I6
	box := outboxtest.Open(t, t.TempDir(), outbox.Options{})
	takeRow(t, box, "new", noon, bySKU, nil, 5)
	in := box.NewIntake()
	defer in.Close()
	in.Begin(outbox.Reading{Source: "main", Name: "old", Family: "f", ModTime: noon.Add(-time.Hour), Arrived: noon}, noon)
	if err := in.AddAs(2, byUPC.Encode(), bySKU.Encode(), 3, false); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Settle(nil); err != nil {
		t.Fatal(err)
	}
	in.Finish(0, outbox.Taken{Hash: "old", Complete: true, Rows: 1})
	if _, err := in.Commit(t.Context(), noon); err != nil {
		t.Fatal(err)
	}
	if k, err := box.Lookup(bySKU.Encode()); err != nil || !k.Pending || *k.Wanted != 5 {
		t.Errorf("got %+v, %v, want the SKU's 5 to wait", k, err)
	}
}

// TestALeaseThatWasNotSentIsNotSentOnceTheUPCHasTakenOver: the drain has it, and no worker has begun with it.
func TestALeaseThatWasNotSentIsNotSentOnceTheUPCHasTakenOver(t *testing.T) {
	box := outboxtest.Open(t, t.TempDir(), outbox.Options{})
	takeRow(t, box, "a", noon, bySKU, nil, 5)
	leases, err := box.Turn(nil, 1, noon)
	if err != nil || len(leases) != 1 {
		t.Fatal(leases, err)
	}
	takeRow(t, box, "b", noon.Add(time.Second), byUPC, &bySKU, 3)
	if box.Take(leases[0]); !box.Withdrawn(leases[0]) {
		t.Error("it would be sent")
	}
	resolveAll(t, box, leases, outbox.Unsent, noon)
	if _, told := leaseAll(t, box, noon); told != "849632048260=3 " {
		t.Errorf("got %q, want the UPC alone", told)
	}
}

// TestTheSKUFilterForgetsNone: whatever is known under a SKU is found, also where there are more than the filter was made for.
func TestTheSKUFilterForgetsNone(t *testing.T) {
	box := outboxtest.Open(t, t.TempDir(), outbox.Options{NoSync: true})
	if knows, err := box.KnowsSKUs(); err != nil || knows {
		t.Fatal(knows, err)
	}
	const n = 20_000
	sku := func(i int) inventory.Key { return inventory.Key{Store: "3", SKU: fmt.Sprint("S", i)} }
	upc := func(i int) inventory.Key { return inventory.Key{Store: "3", UPC: fmt.Sprint(1000 + i)} }
	take := func(name string, now time.Time, add func(in *outbox.Intake, i int) error) outbox.Export {
		in := box.NewIntake()
		defer in.Close()
		in.Begin(outbox.Reading{Source: "main", Name: name, ModTime: now, Arrived: now}, now)
		for i := range n {
			if err := add(in, i); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := in.Settle(nil); err != nil {
			t.Fatal(err)
		}
		in.Finish(0, outbox.Taken{Hash: name, Complete: true, Rows: n})
		exports, err := in.Commit(t.Context(), now)
		if err != nil {
			t.Fatal(err)
		}
		return exports[0]
	}
	take("a", noon, func(in *outbox.Intake, i int) error { return in.Add(2, sku(i).Encode(), 5, false) })
	take("b", noon.Add(time.Hour), func(in *outbox.Intake, i int) error {
		return in.AddAs(2, upc(i).Encode(), sku(i).Encode(), 5, false)
	})
	if s, err := box.Stats(); err != nil || s.Pending != n {
		t.Errorf("got %+v, %v, want the %d UPCs to wait alone", s.Pending, err, n)
	}
}

// TestWhatTheExportSaysOfASKUIsNotTakenOver: products that share a style and size, of which one has a UPC and the other has
// none, are two. Eight pairs, for it must not matter which of a pair comes first on disk.
func TestWhatTheExportSaysOfASKUIsNotTakenOver(t *testing.T) { // promises 1 and 5
	box := outboxtest.Open(t, t.TempDir(), outbox.Options{})
	const pairs = 8
	now := noon
	for i, c := range []struct {
		upcs      bool
		upc, sku  int64
		requests  int
		unchanged int64
	}{{false, 0, 7, pairs, 0}, {true, 3, 7, pairs, pairs}, {true, 3, 8, pairs, pairs}, {true, 4, 9, 2 * pairs, 0}, {true, 4, 9, 0, 2 * pairs}} {
		now = now.Add(time.Hour)
		in := box.NewIntake()
		in.Begin(outbox.Reading{Source: "main", Name: fmt.Sprint(i), Family: "f", ModTime: now, Arrived: now}, now)
		for n := range pairs {
			sku := inventory.Key{Store: "3", SKU: "ZOOT", Size: fmt.Sprint(30 + n), Width: "D"}.Encode()
			if err := in.AddAs(2, sku, nil, c.sku, false); err != nil {
				t.Fatal(err)
			}
			if !c.upcs {
				continue
			}
			if err := in.AddAs(3, inventory.Key{Store: "3", UPC: fmt.Sprint(1000 + n)}.Encode(), sku, c.upc, false); err != nil {
				t.Fatal(err)
			}
		}
		counts, err := in.Settle(nil)
		if err != nil {
			t.Fatal(err)
		}
		in.Finish(0, outbox.Taken{Hash: fmt.Sprint(i), Complete: true})
		if _, err := in.Commit(t.Context(), now); err != nil {
			t.Fatal(err)
		}
		if err := in.Close(); err != nil {
			t.Fatal(err)
		}
		leases, told := leaseAll(t, box, now)
		if len(leases) != c.requests || counts[0].Unchanged != c.unchanged {
			t.Errorf("export %d: got %+v and %q, want %d unchanged and %d requests", i, counts[0], told, c.unchanged, c.requests)
		}
		resolveAll(t, box, leases, outbox.Acknowledged, now)
	}
}

// TestAnOlderExportOfTheLookDoesNotUndoATakeover: the last export with SKUs and the first with UPCs are found together. Eight
// products, for it must not matter which of a product's keys comes first on disk.
func TestAnOlderExportOfTheLookDoesNotUndoATakeover(t *testing.T) { // promise 3, I6
	box := outboxtest.Open(t, t.TempDir(), outbox.Options{})
	const products = 8
	sku := func(n int) []byte {
		return inventory.Key{Store: "3", SKU: "ZOOT", Size: fmt.Sprint(30 + n), Width: "D"}.Encode()
	}
	take := func(now time.Time, exports ...func(in *outbox.Intake, n int) error) {
		t.Helper()
		in := box.NewIntake()
		defer in.Close()
		for i, add := range exports {
			at := now.Add(time.Duration(i) * time.Second)
			in.Begin(outbox.Reading{Source: "main", Name: at.String(), Family: "f", ModTime: at, Arrived: at}, at)
			for n := range products {
				if err := add(in, n); err != nil {
					t.Fatal(err)
				}
			}
			in.Finish(i, outbox.Taken{Hash: at.String(), Complete: true})
		}
		if _, err := in.Settle(nil); err != nil {
			t.Fatal(err)
		}
		if _, err := in.Commit(t.Context(), now); err != nil {
			t.Fatal(err)
		}
	}
	take(noon, func(in *outbox.Intake, n int) error { return in.AddAs(2, sku(n), nil, 5, false) })
	leases, _ := leaseAll(t, box, noon)
	resolveAll(t, box, leases, outbox.Acknowledged, noon)
	take(noon.Add(time.Hour),
		func(in *outbox.Intake, n int) error { return in.AddAs(2, sku(n), nil, 7, false) },
		func(in *outbox.Intake, n int) error {
			return in.AddAs(2, inventory.Key{Store: "3", UPC: fmt.Sprint(1000 + n)}.Encode(), sku(n), 3, false)
		})
	leases, told := leaseAll(t, box, noon.Add(time.Hour))
	for _, l := range leases {
		if l.Key[0] != 'u' {
			t.Errorf("%q would be sent, want the UPCs alone", l.Key)
		}
	}
	if len(leases) != products {
		t.Errorf("got %q, want %d requests", told, products)
	}
}

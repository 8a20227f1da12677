package outbox_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"tillpost/inventory"
	"tillpost/outbox"
	"tillpost/outbox/outboxtest"
)

const aDay = 24 * time.Hour

func TestKeysAtNothingThatNoExportNamesAreForgottenAfter400Days(t *testing.T) { // I18
	t.Parallel()
	box := outboxtest.Open(t, t.TempDir(), outbox.Options{Confirm: time.Hour})
	box.SetSizes(5, 2, 100, 100)
	family := func(name, family string) outbox.Reading { return outbox.Reading{Name: name, Family: family} }
	outboxtest.Take(t, box, family("first", "a"), noon, row("gone", 0), row("named", 0), row("stocked", 2), row("dead", 0), row("waits", 0), row("sold", 3))
	for _, l := range lease(t, box, 6, noon) {
		box.Take(l)
		outcome := outbox.Result{Outcome: outbox.Acknowledged}
		switch upcOf(t, l) {
		case "dead":
			outcome = outbox.Result{Outcome: outbox.Refused, Status: 404}
		case "waits":
			outcome = outbox.Result{Outcome: outbox.Failed, Due: noon.Add(time.Hour)}
		}
		resolve(t, box, noon, outcome, l)
	}
	later := noon.Add(401 * aDay)
	forget := func(now time.Time, want int64) {
		t.Helper()
		if n, err := box.ForgetKeys(t.Context(), now); err != nil || n != want {
			t.Errorf("got %d keys forgotten, %v; want %d", n, err, want)
		}
	}
	forget(later, 0) // the clock may be wrong: no export has come by it
	rows := []outboxtest.Row{row("named", 0), row("new", 1), row("sold", 0)}
	for i := range 5 {
		rows = append(rows, row(fmt.Sprint("more", i), 1))
	}
	outboxtest.Take(t, box, family("second", "b"), noon.Add(399*aDay), rows...)
	forget(noon.Add(399*aDay), 0)
	outboxtest.Take(t, box, family("third", "c"), later, row("new", 1))
	forget(later, 1)
	for upc, want := range map[string]bool{"gone": false, "named": true, "stocked": true, "dead": true, "waits": true, "sold": true} {
		if _, err := box.Lookup(inventory.Key{Store: "3", UPC: upc}.Encode()); errors.Is(err, outbox.ErrUnknown) == want {
			t.Errorf("%s: got %v, want it known: %t", upc, err, want)
		}
	}
	if e := outboxtest.Take(t, box, family("fourth", "c"), later.Add(aDay), row("gone", 0)); e.New != 1 {
		t.Errorf("got %+v, want a new key", e.Counts)
	}
}

func TestRecordsOfExportsAndFilesAreForgottenAfter30Days(t *testing.T) { // I18
	t.Parallel()
	box := outboxtest.Open(t, t.TempDir(), outbox.Options{})
	first := outboxtest.Take(t, box, reading("first"), noon, row("1", 5))
	outboxtest.Take(t, box, reading("second"), noon.Add(29*aDay), row("1", 5))
	gone := func(string) bool { return false }
	check := func(now time.Time, want bool) {
		t.Helper()
		if err := box.Forget("main", gone, now); err != nil {
			t.Fatal(err)
		}
		_, err := box.Export(first.ID)
		_, ferr := box.File("main", "first")
		if errors.Is(err, outbox.ErrUnknown) == want || errors.Is(ferr, outbox.ErrUnknown) == want {
			t.Errorf("the export: got %v, its file: %v; want them known: %t", err, ferr, want)
		}
	}
	check(noon.Add(29*aDay), true)
	outboxtest.Take(t, box, reading("third"), noon.Add(31*aDay), row("1", 5))
	check(noon.Add(31*aDay), false)
	if _, err := box.File("main", "second"); err != nil {
		t.Errorf("the newer one: got %v", err)
	}
}

func TestTheNewestExportOfASourceIsNeverForgotten(t *testing.T) { // I18
	t.Parallel()
	box := outboxtest.Open(t, t.TempDir(), outbox.Options{})
	take := func(source, name string, now time.Time) uint64 {
		t.Helper()
		return outboxtest.Take(t, box, outbox.Reading{Source: source, Name: name}, now, row("1", 5)).ID
	}
	refuse := func(source string, now time.Time) uint64 {
		t.Helper()
		in := box.NewIntake()
		defer in.Close()
		x := outboxtest.Add(t, in, outbox.Reading{Source: source, Name: "refused"}, now)
		_, err := in.Settle(nil)
		in.Finish(x, outbox.Taken{Hash: "refused", Refused: "no columns"})
		exports, cerr := in.Commit(t.Context(), now)
		if err := errors.Join(err, cerr); err != nil {
			t.Fatal(err)
		}
		return exports[0].ID
	}
	check := func(when string, want bool, ids ...uint64) {
		t.Helper()
		for _, id := range ids {
			if _, err := box.Export(id); err != nil != !want || err != nil && !errors.Is(err, outbox.ErrUnknown) {
				t.Errorf("%s, export %d: got %v, want it known: %t", when, id, err, want)
			}
		}
	}
	older, newest := take("closed", "older", noon), take("closed", "newest", noon)
	last, between := refuse("closed", noon), take("main", "between", noon)
	other := take("sleeps", "other", noon)
	var many []uint64
	for i := range 150 {
		many = append(many, take("main", fmt.Sprint(i), noon))
	}
	for n := range 5 {
		take("main", fmt.Sprint("later", n), noon.Add(31*aDay))
		check("31 days later", true, newest, last, other)
		check("31 days later", false, older, between)
		check("31 days later", false, many[:98]...)
		check("31 days later", n == 0, many[98:]...)
	}
	take("closed", "again", noon.Add(32*aDay))
	check("when closed is open again", false, newest, last)
	take("main", "the last", noon.Add(33*aDay))
	check("after that", true, other)
	take("sleeps", "awake", noon.Add(33*aDay))
	check("when sleeps is awake", false, other)
}

package outbox_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"tillpost/inventory"
	"tillpost/outbox"
	"tillpost/outbox/outboxtest"
)

// bad is an export of one good row and some rejects, each `line:text`.
type bad struct {
	name    string
	source  string
	modTime time.Time
	rejects []string
}

// takeBad takes exports in one look, and returns what each one's report lists.
func takeBad(t *testing.T, box *outbox.Outbox, now time.Time, list ...bad) (reports [][]string, exports []outbox.Export) {
	t.Helper()
	in := box.NewIntake()
	defer func() {
		if err := in.Close(); err != nil {
			t.Error(err)
		}
	}()
	for _, b := range list {
		r := outbox.Reading{Name: b.name, Source: b.source, Family: strings.Trim(b.name, "0123456789"), ModTime: b.modTime, Arrived: now}
		if r.ModTime.IsZero() {
			r.ModTime = now
		}
		x := outboxtest.Add(t, in, r, now, row("good", 1))
		for _, text := range b.rejects {
			line, row, _ := strings.Cut(text, ":")
			var n uint64
			if _, err := fmt.Sscan(line, &n); err != nil {
				t.Fatal(err)
			}
			if err := in.Reject(x, outbox.Reject{Line: n, Code: "number", Reason: "no number", Record: []string{row, "x"}, Key: []byte(row)}); err != nil {
				t.Fatal(err)
			}
		}
		in.Listed(x, []string{"Code", "Qty"}, ",")
	}
	if _, err := in.Settle(nil); err != nil {
		t.Fatal(err)
	}
	for x, b := range list {
		in.Finish(x, outbox.Taken{Hash: fmt.Sprint(b.name, now), Complete: true, Rows: int64(1 + len(b.rejects)), Reasons: outbox.Reasons{"number": int64(len(b.rejects))}})
	}
	exports, err := in.Commit(t.Context(), now)
	if err != nil {
		t.Fatal(err)
	}
	for x := range list {
		report, ok := in.Report(x)
		if !ok {
			t.Fatalf("%s has no report", list[x].name)
		}
		reports = append(reports, told(t, report))
	}
	return reports, exports
}

func told(t *testing.T, report outbox.Report) (lines []string) {
	t.Helper()
	for r, err := range report.All() {
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, fmt.Sprintf("%d:%s", r.Line, r.Record[0]))
	}
	return lines
}

// listed is everything that is listed, `source export line:text`.
func listed(t *testing.T, box *outbox.Outbox, page int) (lines []string) {
	t.Helper()
	for after := ""; ; {
		list, next, err := box.Rejects(after, page)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range list {
			lines = append(lines, fmt.Sprintf("%s %s %d:%s", r.Source, r.Export, r.Line, r.Record[0]))
		}
		if after = next; after == "" {
			return lines
		}
	}
}

func want(t *testing.T, what string, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func TestTheSameRowIsListedOnceUntilAnExportComesWithoutIt(t *testing.T) { // the contract's rejects, I17
	t.Parallel()
	dir := t.TempDir()
	box := outboxtest.Open(t, dir, outbox.Options{})
	at := func(hours int) time.Time { return noon.Add(time.Duration(hours) * time.Hour) }

	got, exports := takeBad(t, box, at(0), bad{name: "stock1", source: "main", rejects: []string{"2:a", "3:b", "4:a"}})
	want(t, "the first export, in which a row stands twice", got, "[[2:a 3:b]]")
	want(t, "its count of new ones", exports[0].Listed, 2)
	want(t, "its rejects", exports[0].Rejects, 3)
	got, exports = takeBad(t, box, at(1), bad{name: "stock2", source: "main", rejects: []string{"7:a", "8:c"}})
	want(t, "the next of its family, without b", got, "[[8:c]]")
	want(t, "its count of new ones", exports[0].Listed, 1)
	want(t, "what is listed now", listed(t, box, 1), "[main stock1 2:a main stock2 8:c]")
	got, _ = takeBad(t, box, at(2), bad{name: "stock3", source: "main", rejects: []string{"2:b", "3:a"}})
	want(t, "b is back, c is gone", got, "[[2:b]]")
	want(t, "what is listed now", listed(t, box, 100), "[main stock3 2:b main stock1 2:a]")

	got, _ = takeBad(t, box, at(3), bad{name: "stock3", source: "main", rejects: []string{"5:b", "6:a"}})
	want(t, "the same name once more: it keeps its own, where they stand now", got, "[[5:b]]")
	got, _ = takeBad(t, box, at(4), bad{name: "other", source: "main", rejects: []string{"2:a"}})
	want(t, "another family", got, "[[2:a]]")
	got, _ = takeBad(t, box, at(5), bad{name: "stock1", source: "second", rejects: []string{"2:a"}})
	want(t, "another source", got, "[[2:a]]")
	want(t, "what is listed now", listed(t, box, 2), "[main other 2:a main stock3 5:b main stock1 2:a second stock1 2:a]")
	got, _ = takeBad(t, box, at(6), bad{name: "stock4", source: "main"})
	want(t, "none any more", got, "[[]]")
	want(t, "what is listed now", listed(t, box, 2), "[main other 2:a second stock1 2:a]")

	if s := stats(t, box); s.Listed != 2 || s.Reasons["number"] != 11 || s.Rejects != 11 {
		t.Errorf("got %d listed and %v of %d; want 2, and 11 in all", s.Listed, s.Reasons, s.Rejects)
	}
	files, err := filepath.Glob(filepath.Join(dir, "listed", "*"))
	if err != nil || len(files) != 2 {
		t.Errorf("the folder holds %v, %v; want the two lists", files, err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "spill", "*")); err != nil || len(left) != 0 {
		t.Errorf("temporary files stay behind: %v, %v", left, err)
	}
}

func TestSeveralExportsOfAFamilyInOneLookEachHaveTheirReport(t *testing.T) {
	t.Parallel()
	box := outboxtest.Open(t, t.TempDir(), outbox.Options{})
	got, _ := takeBad(t, box, noon,
		bad{name: "stock2", source: "main", rejects: []string{"2:a", "3:c"}},
		bad{name: "stock1", source: "main", modTime: noon.Add(-time.Hour), rejects: []string{"2:a", "3:b"}})
	want(t, "by rank, not by order", got, "[[3:c] [2:a 3:b]]")
	want(t, "what is listed at the end", listed(t, box, 100), "[main stock1 2:a main stock2 3:c]")
}

func TestTheSameRejectsAgainWriteNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	box := outboxtest.Open(t, dir, outbox.Options{})
	takeBad(t, box, noon, bad{name: "stock", source: "main", rejects: []string{"2:a", "3:b"}})
	before, err := filepath.Glob(filepath.Join(dir, "listed", "*"))
	if err != nil || len(before) != 1 {
		t.Fatal(before, err)
	}
	takeBad(t, box, noon.Add(time.Hour), bad{name: "stock", source: "main", rejects: []string{"2:a", "3:b"}})
	after, err := filepath.Glob(filepath.Join(dir, "listed", "*"))
	if err != nil || !reflect.DeepEqual(before, after) {
		t.Errorf("got %v, %v; want the file before, %v", after, err, before)
	}
}

func TestADamagedListIsMadeAnew(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"a flipped bit", "gone", "cut"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			box := opened(t, dir)
			takeBad(t, box, noon, bad{name: "stock1", source: "main", rejects: []string{"2:a", "3:b"}})
			files, err := filepath.Glob(filepath.Join(dir, "listed", "*"))
			if err != nil || len(files) != 1 {
				t.Fatal(files, err)
			}
			data, err := os.ReadFile(files[0])
			if err != nil {
				t.Fatal(err)
			}
			switch how {
			case "a flipped bit":
				data[len(data)-3] ^= 4
				err = os.WriteFile(files[0], data, 0o600)
			case "gone":
				err = os.Remove(files[0])
			case "cut":
				err = os.Truncate(files[0], int64(len(data)-5))
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := box.Check(); err == nil || !strings.Contains(err.Error(), "the rejects of main") {
				t.Errorf("check: got %v, want the damaged list", err)
			}
			got, _ := takeBad(t, box, noon.Add(time.Hour), bad{name: "stock2", source: "main", rejects: []string{"2:a"}})
			want(t, "the next export", got, "[[2:a]]")
			outboxtest.Close(t, box)
		})
	}
}

func TestAListIsBounded(t *testing.T) { // I17, X8
	t.Parallel()
	box := outboxtest.Open(t, t.TempDir(), outbox.Options{NoSync: true})
	in := box.NewIntake()
	defer in.Close()
	x := outboxtest.Add(t, in, reading("huge"), noon, row("good", 1))
	for i := range outbox.MaxListed + 10 {
		if err := in.Reject(x, outbox.Reject{Line: uint64(i + 2), Reason: "r", Record: []string{fmt.Sprint(i)}}); err != nil {
			t.Fatal(err)
		}
	}
	in.Listed(x, nil, ",")
	if _, err := in.Settle(nil); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Commit(t.Context(), noon); err != nil {
		t.Fatal(err)
	}
	report, _ := in.Report(x)
	if n := len(told(t, report)); n != outbox.MaxListed || report.More() != 10 {
		t.Errorf("got %d listed and %d more; want %d and 10", n, report.More(), outbox.MaxListed)
	}
}

func TestDeadLettersAreListedTriedAgainAndDiscarded(t *testing.T) { // O6
	t.Parallel()
	box := outboxtest.Open(t, t.TempDir(), outbox.Options{DeadRetry: 24 * time.Hour})
	outboxtest.Take(t, box, reading("a.csv"), noon, row("one", 1), row("two", 2), row("three", 3))
	for _, l := range lease(t, box, 3, noon) {
		box.Take(l)
		resolve(t, box, noon, outbox.Result{Outcome: outbox.Refused, Status: 422, Words: "no"}, l)
	}
	var ids []string
	for after := ""; ; {
		page, next, err := box.DeadLetters(after, 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range page {
			ids = append(ids, d.ID)
			if d.Letter.Words != "no" || d.Named.Name != "a.csv" || d.ID != outbox.IDOf(d.Key) {
				t.Errorf("got %+v", d)
			}
		}
		if after = next; after == "" {
			break
		}
	}
	if len(ids) != 3 {
		t.Fatalf("got the ids %v, want three", ids)
	}
	none(t, box, noon.Add(time.Hour))
	for range 100 { // as often as somebody presses it
		if n, unknown, err := box.RetryDead([]string{ids[0], ids[0], "none"}, noon.Add(time.Hour)); n != 1 || fmt.Sprint(unknown) != "[none]" || err != nil {
			t.Fatalf("got %d, %v, %v; want one, and what is not known", n, unknown, err)
		}
	}
	again := lease(t, box, 1, noon.Add(time.Hour))
	if !again[0].Again {
		t.Error("it is handed out as if it had not been refused before")
	}
	none(t, box, noon.Add(time.Hour))
	if n, _, err := box.DiscardDead(nil); n != 3 || err != nil {
		t.Fatalf("got %d, %v; want all three", n, err)
	}
	if s := stats(t, box); s.Dead != 0 || s.Pending != 0 {
		t.Errorf("got %+v, want nothing left", s.Counters)
	}
	// One was on its way, and is acknowledged after all: the ledger has it, and its key is news to every export.
	box.Take(again[0])
	resolve(t, box, noon.Add(time.Hour), outbox.Result{Outcome: outbox.Acknowledged}, again[0])
	e := outboxtest.Take(t, box, reading("b.csv"), noon.Add(2*time.Hour), row("one", 1), row("two", 2), row("three", 3))
	if e.New != 3 {
		t.Errorf("the next export: got %+v, want three new keys", e.Counts)
	}
}

func TestAfterADiscardTheLedgerIsWhatExportsAreComparedWith(t *testing.T) { // promise 5
	t.Parallel()
	box := outboxtest.Open(t, t.TempDir(), outbox.Options{})
	outboxtest.Take(t, box, reading("a.csv"), noon, row("one", 5))
	resolve(t, box, noon, outbox.Result{Outcome: outbox.Acknowledged}, lease(t, box, 1, noon)...)
	outboxtest.Take(t, box, reading("b.csv"), noon.Add(time.Hour), row("one", 3))
	l := lease(t, box, 1, noon.Add(time.Hour))[0]
	box.Take(l)
	resolve(t, box, noon.Add(time.Hour), outbox.Result{Outcome: outbox.Refused}, l)
	if n, _, err := box.DiscardDead(nil); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	old := outbox.Reading{Name: "old.csv", ModTime: noon.Add(-time.Hour), Arrived: noon.Add(2 * time.Hour)}
	if e := outboxtest.Take(t, box, old, noon.Add(2*time.Hour), row("one", 9)); e.Older != 1 {
		t.Errorf("a late older export: got %+v, want it to say nothing", e.Counts)
	}
	if e := outboxtest.Take(t, box, reading("c.csv"), noon.Add(3*time.Hour), row("one", 5)); e.Unchanged != 1 {
		t.Errorf("what the API holds: got %+v, want it unchanged", e.Counts)
	}
	none(t, box, noon.Add(3*time.Hour))
	if e := outboxtest.Take(t, box, reading("d.csv"), noon.Add(4*time.Hour), row("one", 3)); e.Changed != 1 {
		t.Errorf("what was refused: got %+v, want it sent again", e.Counts)
	}
}

func TestEverythingKnownOfAKeyIsFound(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	box := outboxtest.Open(t, dir, outbox.Options{Confirm: time.Minute})
	box.SetSizes(2, outbox.DeltaChunk, 1000, 1000)
	outboxtest.Take(t, box, outbox.Reading{Name: "a.csv", Family: ".csv"}, noon, row("one", 1), row("two", 2))
	leases := lease(t, box, 2, noon)
	for _, l := range leases {
		box.Take(l)
	}
	find := func(upc string) outbox.Found {
		t.Helper()
		list, more, err := box.Find(func(k inventory.Key) bool { return k.UPC == upc }, 10)
		if err != nil || more || len(list) != 1 {
			t.Fatalf("got %v, %t, %v; want one", list, more, err)
		}
		return list[0]
	}
	if f := find("one"); !f.InFlight || !f.Pending || f.Set.Name != "a.csv" || f.Named.Name != "a.csv" || f.Line == 0 {
		t.Errorf("in flight: got %+v", f)
	}
	for _, l := range leases {
		if upcOf(t, l) == "one" {
			resolve(t, box, noon, outbox.Result{Outcome: outbox.Failed, Status: 500, Words: "oops", Due: noon.Add(time.Hour)}, l)
		} else {
			resolve(t, box, noon, outbox.Result{Outcome: outbox.Acknowledged}, l)
		}
	}
	if f := find("one"); f.Failure == nil || f.Failure.Words != "oops" || f.Failure.Status != 500 || f.Attempts != 1 {
		t.Errorf("failed: got %+v", f)
	}
	if f := find("two"); f.Failure != nil || !f.AckedAt.Equal(noon.Truncate(time.Second)) || *f.Acked != 2 {
		t.Errorf("acknowledged: got %+v", f)
	}
	// The next export changes nothing and costs no record, but it named the keys last.
	outboxtest.Take(t, box, outbox.Reading{Name: "b.csv", Family: ".csv"}, noon.Add(time.Minute), row("one", 1), row("two", 2))
	if f := find("two"); f.Set.Name != "a.csv" || f.Named.Name != "b.csv" {
		t.Errorf("named again: got set by %q, named by %q", f.Set.Name, f.Named.Name)
	}
	for _, l := range lease(t, box, 1, noon.Add(2*time.Hour)) {
		box.Take(l)
		resolve(t, box, noon.Add(2*time.Hour), outbox.Result{Outcome: outbox.Acknowledged}, l)
	}
	if f := find("one"); f.Failure != nil {
		t.Errorf("acknowledged: the last failure is still told: %+v", f.Failure)
	}
	by, err := box.NamedBy("main")
	if err != nil || !by(find("one").Known) {
		t.Errorf("named by its source: got %v", err)
	}
	if _, err := box.NamedBy("other"); !errors.Is(err, outbox.ErrUnknown) {
		t.Errorf("another source: got %v", err)
	}
}

func TestAPageOfRejectsHasAFewMegabytes(t *testing.T) { // else a running agent's answer is cut
	t.Parallel()
	box := outboxtest.Open(t, t.TempDir(), outbox.Options{NoSync: true})
	one := bad{name: "stock.csv", source: "main"}
	for n := range 600 {
		one.rejects = append(one.rejects, fmt.Sprintf("%d:%d%s", n+2, n, strings.Repeat("\x01", 16<<10)))
	}
	takeBad(t, box, time.Now(), one)
	all := 0
	for after := ""; ; {
		page, next, err := box.Rejects(after, 1000)
		if err != nil {
			t.Fatal(err)
		}
		if all += len(page); len(page) > 300 {
			t.Errorf("a page has %d rejects of 16 KiB", len(page))
		}
		if after = next; after == "" {
			break
		}
	}
	if all != 600 {
		t.Errorf("got %d rejects, want 600", all)
	}
}

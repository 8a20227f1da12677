package outbox_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tillpost/inventory"
	"tillpost/outbox"
	"tillpost/outbox/outboxtest"
)

// trailRow is a row of an export that may be followed along a trail.
type trailRow struct {
	product int // known by its UPC, or, where that is blank, by its SKU
	figure  int64
	blank   bool // has no UPC
	void    bool // has no number
}

func (r trailRow) keys() (key, other []byte) {
	sku := inventory.Key{Store: "3", SKU: fmt.Sprint("S", r.product), Size: "9", Width: "D"}.Encode()
	if r.blank {
		return sku, nil
	}
	return inventory.Key{Store: "3", UPC: fmt.Sprint(r.product)}.Encode(), sku
}

type trailExport struct {
	outbox.Reading
	rows    []trailRow
	dropped bool
	again   int // completes (1) or rereads (2) the newest one of its source and family; 0 = neither
}

// trailLook is one look and what happens around it.
type trailLook struct {
	exports             []trailExport
	before, between     int // commands, see command
	withdraw, abandoned bool
}

// TestATrailChangesNothingButTheSpeed takes the same looks into two outboxes, one of which finds no trail.
func TestATrailChangesNothingButTheSpeed(t *testing.T) { // I2, I6, promises 5 and 8
	t.Parallel()
	began := time.Now()
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty")
	box, err := outbox.Open(empty, outbox.Options{Destination: "0"})
	if err == nil {
		err = box.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		own, err := os.MkdirTemp(dir, "")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(own)
		var boxes [2]*outbox.Outbox
		for i := range boxes {
			of := filepath.Join(own, fmt.Sprint(i))
			if err := os.CopyFS(of, os.DirFS(empty)); err != nil {
				t.Fatal(err)
			}
			if boxes[i], err = outbox.Open(of, outbox.Options{Destination: "0", NoSync: true}); err != nil {
				t.Fatal(err)
			}
			defer boxes[i].Close()
			boxes[i].SetSizes(3, 2, 40, 4)
		}
		last, now := map[string][]trailRow{}, noon
		newest := [2]map[string]*outbox.Export{{}, {}}
		for range rapid.IntRange(3, 5).Draw(t, "looks") {
			now = now.Add(time.Hour)
			if rapid.IntRange(0, 19).Draw(t, "long after") == 0 {
				now = now.Add(401 * 24 * time.Hour)
			}
			look := drawLook(t, last, now)
			var told [2]string
			for i, box := range boxes {
				if i == 1 {
					removeTrails(t, box)
				}
				told[i] = takeTrails(t, box, look, newest[i], now, began)
				if err := box.Check(); err != nil {
					t.Fatal(i, err)
				}
			}
			if told[0] != told[1] {
				t.Fatalf("with a trail\n%s\nwithout\n%s", told[0], told[1])
			}
		}
	})
}

func removeTrails(t *rapid.T, box *outbox.Outbox) {
	list, err := filepath.Glob(filepath.Join(box.Dir(), "named", "*.trail"))
	for _, path := range list {
		err = errors.Join(err, os.Remove(path))
	}
	if err != nil {
		t.Fatal(err)
	}
}

func drawLook(t *rapid.T, last map[string][]trailRow, now time.Time) (look trailLook) {
	draw := func(label string, least, most int) int { return rapid.IntRange(least, most).Draw(t, label) }
	one := func() trailRow {
		return trailRow{product: draw("product", 1, 9), figure: int64(draw("figure", 0, 2)), blank: draw("blank", 0, 3) == 0, void: draw("void", 0, 20) == 0}
	}
	for x := range draw("exports", 1, 5)/4 + 1 {
		source, family := fmt.Sprint(draw("source", 0, 1)), fmt.Sprint(draw("family", 0, 4)/4)
		e := trailExport{Reading: outbox.Reading{Source: source, Family: family, Name: fmt.Sprint(now.Unix(), x), ModTime: now, Arrived: now,
			Settle: inventory.Duplicates(source[0]+2*family[0]) % 3}}
		if draw("older", 0, 6) == 0 {
			e.ModTime = now.Add(-time.Duration(draw("minutes", 2, 200)) * time.Minute)
		}
		rows := slices.Clone(last[source+family])
		if len(rows) == 0 || draw("others", 0, 9) == 0 {
			rows = nil
			for _, product := range rapid.Permutation([]int{1, 2, 3, 4, 5, 6, 7, 8, 9}).Draw(t, "products")[:draw("rows", 3, 9)] {
				rows = append(rows, trailRow{product: product, figure: int64(draw("figure", 0, 2)), blank: draw("blank", 0, 3) == 0})
			}
		}
		for range draw("changes", 0, 2) {
			at := draw("at", 0, len(rows)-1)
			switch draw("change", 0, 5) {
			case 5:
				rows = slices.Insert(rows, at, trailRow{product: rows[draw("of", 0, len(rows)-1)].product, void: true})
			case 0:
				rows[at].figure = int64(draw("figure", 0, 2))
			case 1:
				rows = slices.Insert(rows, at, one())
			case 2:
				rows[at], rows[0] = rows[0], rows[at]
			case 3:
				rows[at].blank = !rows[at].blank
			case 4:
				if len(rows) > 1 {
					rows = slices.Delete(rows, at, at+1)
				}
			}
		}
		last[source+family] = slices.Clone(rows)
		e.rows, e.dropped = rows, draw("dropped", 0, 9) == 0
		e.again = draw("again", 0, 9)
		e.Digest = fmt.Sprint(draw("config", 0, 9) / 9)
		e.Stock.Reserve = int64(draw("reserve", 0, 9) / 9)
		look.exports = append(look.exports, e)
	}
	slices.SortStableFunc(look.exports, func(a, b trailExport) int { return a.ModTime.Compare(b.ModTime) })
	look.before, look.between = draw("before", 0, 14), draw("between", 0, 14)
	look.withdraw, look.abandoned = draw("discard", 0, 4) == 0, draw("abandoned", 0, 9) == 0
	return look
}

// command lets a person, or what the agent does by itself, speak of the records.
func command(t *rapid.T, box *outbox.Outbox, n int, now time.Time) {
	var err error
	switch n {
	case 1:
		_, err = box.Resend(t.Context())
	case 2:
		_, _, err = box.RetryDead(nil, now)
	case 3:
		_, err = box.WaitAgain(now.Add(-2*time.Hour), now)
	case 4:
		_, err = box.Repeat(time.Minute, 3, now)
	case 5:
		_, err = box.ForgetKeys(t.Context(), now)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// takeTrails takes a look in, in pieces where it can be, and tells all that came of it.
func takeTrails(t *rapid.T, box *outbox.Outbox, look trailLook, newest map[string]*outbox.Export, now, began time.Time) string {
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	command(t, box, look.before, now)
	in := box.NewIntake()
	for _, e := range look.exports {
		was := newest[e.Source+e.Family]
		switch {
		case was == nil || len(look.exports) > 1: // each export is completed or reread once
		case e.again == 1:
			e.Completes = was
		case e.again == 2:
			e.Rereads, e.Rank = was, was.Rank
		}
		x := in.Begin(e.Reading, now)
		for i, r := range e.rows {
			key, other := r.keys()
			line := uint64(2 + 3*i)
			if r.void {
				must(in.Void(line, key, other))
			} else {
				must(in.AddAs(line, key, other, r.figure, false))
			}
		}
		in.Finish(x, outbox.Taken{Hash: e.Name, Complete: true, Rows: int64(len(e.rows))})
	}
	command(t, box, look.between, now) // from the settling on they wait
	for x, e := range look.exports {
		if e.dropped {
			_, err := in.Settle(nil)
			must(err)
			in.Drop(x)
			in.Finish(x, outbox.Taken{})
		}
	}
	var fallen []string
	counts, err := in.Settle(func(f outbox.Fallen) { fallen = append(fallen, fmt.Sprint(f.Export, f.Line, f.Sum)) })
	must(err)
	slices.Sort(fallen)
	told := fmt.Sprintf("%+v %v\n", counts, fallen)
	for x := range look.exports {
		stores, stocked := in.StoreCounts(x)
		told += fmt.Sprint(len(stores), stocked, " ")
	}
	if look.abandoned {
		must(in.Close())
	} else {
		taken, err := in.Commit(t.Context(), now)
		must(errors.Join(err, in.Close()))
		for x, e := range taken {
			if !look.exports[x].dropped {
				newest[e.Source+e.Family] = &e
			}
		}
	}
	leases, err := box.Turn(nil, 4, now)
	must(err)
	var results []outbox.Result
	for i, l := range leases {
		box.Take(l)
		results = append(results, outbox.Result{Lease: l, Outcome: outbox.Outcome(1 + i%2), Words: "no"})
	}
	_, err = box.Turn(results, 0, now)
	must(err)
	if look.withdraw {
		_, _, err := box.DiscardDead(nil)
		must(err)
	}
	for k, err := range box.All() {
		must(err)
		told += fmt.Sprintf("%+v wanted %v acked %v\n", k.Key, text(k.Wanted), text(k.Acked))
		if k.Since.After(began) { // a command goes by the clock
			k.Since = began
		}
		told += fmt.Sprintln(k.Pending, k.Dead, k.Since, k.Export, k.Source) // not the rank: a set may know it as well as the record
	}
	return told
}

// TestWhatSpeaksOfARowThatWasMet takes exports of 3,000 rows, in which one key has other rows too, into two outboxes, one of which
// finds no trail.
func TestWhatSpeaksOfARowThatWasMet(t *testing.T) {
	t.Parallel()
	type row struct {
		line   uint64
		figure int64
		void   bool
	}
	const key = 7 // the product that is spoken of
	for name, test := range map[string]struct {
		settle        inventory.Duplicates
		first, behind []row // of it, before all others and behind them
	}{
		"a row without a number behind it": {inventory.DuplicatesSum, nil, []row{{9000, 0, true}}},
		"a row without a number before it": {inventory.DuplicatesSum, []row{{2, 0, true}}, nil},
		"another row of the same line":     {inventory.DuplicatesLast, []row{{10, 5, false}, {10, 7, false}}, nil},
		"another row behind it":            {inventory.DuplicatesLast, nil, []row{{9000, 7, false}}},
		"another row before it":            {inventory.DuplicatesLast, []row{{2, 7, false}}, nil},
		"two rows that are refused":        {inventory.DuplicatesReject, nil, []row{{9000, 7, false}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var told [2]string
			for i := range told {
				box := outboxtest.Open(t, t.TempDir(), outbox.Options{})
				take := func(name string, written, arrived time.Time, extra bool, n int, figure int64) {
					if i == 1 {
						for _, path := range trails(t, box.Dir()) {
							if err := os.Remove(path); err != nil {
								t.Fatal(err)
							}
						}
					}
					in := box.NewIntake()
					defer in.Close()
					x := in.Begin(outbox.Reading{Source: "main", Family: "f", Name: name, ModTime: written, Arrived: arrived, Settle: test.settle}, arrived)
					put := func(line uint64, product int, figure int64, void bool) {
						k := inventory.Key{Store: "3", UPC: fmt.Sprint(product)}.Encode()
						var err error
						if void {
							err = in.Void(line, k, nil)
						} else {
							err = in.Add(line, k, figure, false)
						}
						if err != nil {
							t.Fatal(err)
						}
					}
					own := 0
					if extra {
						for _, r := range test.first {
							put(r.line, key, r.figure, r.void)
							own += int(r.line) / 10 // the one of line 10 is in the place of its own row
						}
					}
					for p := key; p < key+n; p++ {
						if !(p == key && own > 0) {
							put(uint64(10+p-key), p, figure, false)
						}
					}
					if extra {
						for _, r := range test.behind {
							put(r.line, key, r.figure, r.void)
						}
					}
					counts, err := in.Settle(func(f outbox.Fallen) { told[i] += fmt.Sprintln("fell", f.Line, f.Rows) })
					if err != nil {
						t.Fatal(err)
					}
					told[i] += fmt.Sprintf("%s: %+v\n", name, counts[x])
					in.Finish(x, outbox.Taken{Hash: name, Complete: true})
					if _, err := in.Commit(t.Context(), arrived); err != nil {
						t.Fatal(err)
					}
				}
				take("1", noon, noon, false, 3000, 5)
				take("2", noon.Add(time.Hour), noon.Add(time.Hour), true, 3000, 5)
				take("late", noon.Add(30*time.Minute), noon.Add(2*time.Hour), false, 1, 77)
				take("3", noon.Add(3*time.Hour), noon.Add(3*time.Hour), false, 3000, 5)
				take("late", noon.Add(150*time.Minute), noon.Add(4*time.Hour), false, 1, 77)
				k, err := box.Lookup(inventory.Key{Store: "3", UPC: fmt.Sprint(key)}.Encode())
				if err != nil || *k.Wanted != 5 {
					t.Errorf("got %v wanted in the end, %v", text(k.Wanted), err)
				}
			}
			if told[0] != told[1] {
				t.Errorf("with a trail\n%s\nwithout\n%s", told[0], told[1])
			}
		})
	}
}

// largeWith is an export of 3,000 rows, in which one has another figure.
func largeWith(row int, figure int64) []outboxtest.Row {
	rows := large(3000, 5)
	rows[row].Figure = figure
	return rows
}

// trails are the files of trails.
func trails(t *testing.T, dir string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, "named", "*.trail"))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestADamagedTrailIsNotFollowed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	box := outboxtest.Open(t, dir, outbox.Options{})
	outboxtest.Take(t, box, reading("a"), noon, large(3000, 5)...)
	files := trails(t, dir)
	if len(files) != 1 {
		t.Fatalf("got the trails %v, want one", files)
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	// The bit that makes of a figure 5 the figure 4, and of the export's row one that is in the trail.
	at := bytes.IndexByte(data[8:], 10) + 8
	data[at] = 8
	if err := os.WriteFile(files[0], data, 0o600); err != nil {
		t.Fatal(err)
	}
	if e := outboxtest.Take(t, box, reading("b"), noon.Add(time.Minute), largeWith(0, 4)...); e.Changed != 1 || e.Unchanged != 2999 {
		t.Errorf("got %+v", e.Counts)
	}
	if now := trails(t, dir); len(now) != 1 || now[0] == files[0] {
		t.Errorf("got the trails %v, want another than %s", now, files[0])
	}
}

func TestRowsThatTheExportBeforeHadAreNotSpilled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	box := outboxtest.Open(t, dir, outbox.Options{})
	outboxtest.Take(t, box, reading("a"), noon, large(50_000, 5)...)
	before := trails(t, dir)
	in := box.NewIntake()
	defer in.Close()
	outboxtest.Add(t, in, reading("b"), noon.Add(time.Minute), large(50_000, 5)...)
	if spilled := in.Spilled(); spilled != 0 {
		t.Errorf("got %d bytes spilled", spilled)
	}
	counts, err := in.Settle(nil)
	if err != nil || counts[0].Unchanged != 50_000 {
		t.Fatalf("got %+v, %v", counts, err)
	}
	if _, err := in.Commit(t.Context(), noon.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if after := trails(t, dir); !slices.Equal(before, after) {
		t.Errorf("got %v, then %v; want the same", before, after)
	}
}

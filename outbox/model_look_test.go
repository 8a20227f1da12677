package outbox_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"tillpost/inventory"
	"tillpost/outbox"
)

// modelExport is an export of a look.
type modelExport struct {
	outbox.Reading
	rank    uint64
	rows    []modelRow
	dropped bool
	unnamed int64     // keys that the API has and that it does not name any more
	last    *modelRow // a last row without a line end, which is not taken yet
}

// tracked reports whether what the export lacks counts.
func (x *modelExport) tracked() bool { return x.Missing && x.last == nil && !x.dropped }

// modelTrack is what is known of what a family's exports lack.
type modelTrack struct {
	rank   uint64         // of the newest of them
	misses map[string]int // by key
}

type modelRow struct {
	key    string
	figure int64
}

// unfinished is an export whose last row is to be taken yet.
type unfinished struct {
	export modelExport
	record outbox.Export
}

// look takes what one look at the folders finds.
func (w *world) look() {
	list := make([]modelExport, w.draw("exports", 1, 3))
	for i := range list {
		list[i] = w.drawExport()
	}
	slices.SortStableFunc(list, func(a, b modelExport) int { return a.ModTime.Compare(b.ModTime) })
	for i := range list {
		w.rankIt(&list[i])
	}
	w.takeIn(list)
}

// lookAgain has exports read again, at times beside new ones.
func (w *world) lookAgain() {
	list := w.drawAgain()
	if len(list) == 0 || w.after > 0 { // what exports lack is begun anew then, which agent's tests show
		return
	}
	if w.chance("a new one too", 3) {
		x := w.drawExport()
		w.rankIt(&x)
		list = append(list, x)
	}
	w.takeIn(list)
}

// takeIn takes exports in together.
func (w *world) takeIn(list []modelExport) {
	if len(list) > 1 && w.chance("drop one", 5) {
		list[w.draw("which", 0, len(list)-1)].dropped = true
	}
	in := w.box.NewIntake()
	defer func() { w.must(in.Close()) }()
	for i := range list {
		x := &list[i]
		in.Begin(x.Reading, w.now)
		for line, r := range x.rows {
			w.must(in.Add(uint64(line+2), modelBytes(r.key), r.figure, false))
		}
		if x.tracked() {
			in.Track(i, w.after, 0)
		}
	}
	for i := range list {
		if list[i].dropped {
			_, err := in.Settle(nil)
			w.must(err)
			in.Drop(i)
		}
	}
	got, err := in.Settle(nil)
	w.must(err)
	w.half = false // what was interrupted is finished first
	unnamed := make([]int64, len(list))
	for i := range list {
		_, unnamed[i] = in.Unnamed(i)
	}
	exports, err := in.Commit(w.context(), w.now)
	w.half = errors.Is(err, context.Canceled)
	if !w.half {
		w.must(err)
	}
	for i, want := range w.say(list, exports) {
		if list[i].unnamed != unnamed[i] {
			w.Fatalf("export %s: got %d keys that it does not name any more, want %d", list[i].Name, unnamed[i], list[i].unnamed)
		}
		if got[i] != want {
			w.Fatalf("export %s: got %+v, want %+v", list[i].Name, got[i], want)
		}
		if list[i].last != nil && !list[i].dropped {
			w.late = append(w.late, &unfinished{list[i], exports[i]})
		}
	}
	w.keep(list, exports)
}

// context is one that may end while a look is applied.
func (w *world) context() context.Context {
	if w.chance("interrupted", 3) {
		return &fuse{w.Context(), w.draw("after", 0, 3)}
	}
	return w.Context()
}

func (w *world) drawExport() modelExport {
	w.exports++
	x := modelExport{Reading: outbox.Reading{
		Source: string(rune('a' + w.draw("source", 0, 1))), Family: string(rune('f' + w.draw("family", 0, 1))),
		Name: fmt.Sprint(w.exports), ModTime: w.now, Arrived: w.now, Settle: inventory.Duplicates(w.draw("duplicates", 0, 2)),
		Stock: inventory.Stock{Reserve: int64(w.draw("reserve", 0, 1))}, Missing: w.after > 0,
	}}
	switch w.draw("written", 0, 3) {
	case 0: // earlier than it arrived
		x.ModTime = w.now.Add(-time.Duration(w.draw("minutes", 2, 8)) * time.Minute)
	case 1:
		if w.chance("in the future", 4) {
			x.ModTime = w.now.Add(time.Hour)
		}
	}
	for range w.draw("rows", 1, 6) {
		x.rows = append(x.rows, modelRow{fmt.Sprint(w.draw("key", 1, 6)), int64(w.draw("figure", -1, 3))})
	}
	if len(x.rows) > 1 && w.chance("unfinished", 5) {
		n := len(x.rows) - 1
		x.last, x.rows = &x.rows[n], x.rows[:n:n]
	}
	return x
}

// rankIt ranks an export as promise 8 says.
func (w *world) rankIt(x *modelExport) {
	x.rank = uint64(min(x.ModTime.UnixNano(), w.now.UnixNano()))
	if x.Arrived.Sub(x.ModTime).Abs() <= time.Minute {
		x.rank = max(x.rank, w.rank+1)
	}
	w.rank = max(w.rank, x.rank)
	w.ranks[x.rank]++
}

// say lets a look's exports speak in the order of their ranks, and returns the counts of each in the order given.
func (w *world) say(list []modelExport, records []outbox.Export) []outbox.Counts {
	w.moment++
	order := make([]int, len(list))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(list[a].rank, list[b].rank) })
	counts := make([]outbox.Counts, len(list))
	before := map[string]*int64{}
	changed := map[string]uint64{}
	gone := map[string]bool{} // keys whose dead letter was discarded
	fell, named, said := w.fell(list), map[string]uint64{}, map[string]bool{}
	for key := range fell {
		named[key], w.keys[key].named = w.keys[key].named, 0
	}
	for _, i := range order {
		x, c := &list[i], &counts[i]
		if x.dropped {
			continue
		}
		for _, key := range keysOf(x.rows) {
			figure, rows, void := settled(x, key)
			c.Duplicates += int64(rows - 1)
			if void {
				continue
			}
			k := w.key(key)
			said[key] = true
			if _, seen := before[key]; !seen {
				before[key], gone[key] = k.last(), k.discarded
			}
			if w.one(k, x, figure, c) {
				changed[key] = records[i].ID
			}
		}
		for _, key := range w.missing(x) {
			k := w.key(key)
			if _, seen := before[key]; !seen {
				before[key], gone[key] = k.last(), k.discarded
			}
			if w.empty(k, x, c) {
				changed[key] = records[i].ID
			}
		}
		w.unchanged += c.Unchanged
		w.duplicates += c.Duplicates
	}
	for key, x := range fell {
		k := w.keys[key]
		k.named = max(k.named, named[key])
		if said[key] {
			continue
		}
		if k.acked != nil {
			x.unnamed++
		}
		k.withdrawn()
	}
	for key, export := range changed {
		switch k := w.keys[key]; {
		case !same(k.last(), before[key]):
			k.export = export
			w.wait(k)
		case gone[key]: // one export said something else, and a newer one of the look what the ledger says
			k.wanted, k.discarded = nil, true
		}
	}
	return counts
}

// one lets an export say one figure of a key, counts it, and reports whether that is another quantity.
func (w *world) one(k *modelKey, x *modelExport, figure int64, c *outbox.Counts) bool {
	q := max(0, figure-x.Stock.Reserve)
	older := x.rank < k.named
	k.named = max(k.named, x.rank)
	switch {
	case k.last() != nil && *k.last() == q:
		c.Unchanged++
		return false
	case older:
		c.Older++
		return false
	case k.last() == nil:
		c.New++
	default:
		c.Changed++
		if q == 0 && *k.last() > 0 {
			c.Zero++
		}
	}
	k.wanted, k.discarded = &q, false
	return true
}

// missing lets an export count for what it lacks, and returns the keys that it lacks once too often.
func (w *world) missing(x *modelExport) (gone []string) {
	f := [2]string{x.Source, x.Family}
	t := w.tracks[f]
	if !x.tracked() || t != nil && x.rank < t.rank {
		return nil
	}
	next := &modelTrack{rank: x.rank, misses: map[string]int{}}
	w.tracks[f] = next
	named := keysOf(x.rows)
	for _, key := range named {
		next.misses[key] = 0
	}
	if t == nil {
		return nil
	}
	for key, misses := range t.misses {
		k := w.keys[key]
		switch {
		case slices.Contains(named, key):
		case k == nil || k.last() == nil: // it was only in rows that fell, or nothing is wanted of it any more
		case k.named > t.rank: // another export has named it since
			next.misses[key] = 0
		case misses+1 >= w.after:
			gone = append(gone, key)
		default:
			next.misses[key] = misses + 1
		}
	}
	return gone
}

// empty lets an export want a key that it lacks at 0, and reports whether that is another quantity.
func (w *world) empty(k *modelKey, x *modelExport, c *outbox.Counts) bool {
	if k.last() == nil || *k.last() == 0 {
		return false
	}
	c.Changed++
	c.Zero++
	c.Missing++
	k.named = x.rank
	k.wanted, k.discarded = new(int64), false
	return true
}

// settled settles the rows of a key in an export.
func settled(x *modelExport, key string) (figure int64, rows int, void bool) {
	for _, r := range x.rows {
		if r.key != key {
			continue
		}
		rows++
		if x.Settle == inventory.DuplicatesSum {
			figure += r.figure
		} else {
			figure = r.figure
		}
	}
	return figure, rows, rows > 1 && x.Settle == inventory.DuplicatesReject
}

func keysOf(rows []modelRow) (keys []string) {
	for _, r := range rows {
		if !slices.Contains(keys, r.key) {
			keys = append(keys, r.key)
		}
	}
	return keys
}

// complete reads an export once more, with its last row.
func (w *world) complete() {
	if len(w.late) == 0 {
		return
	}
	u := w.late[0]
	w.late = w.late[1:]
	x := u.export
	again := slices.Contains(keysOf(x.rows), x.last.key)
	if w.ranks[x.rank] > 1 || again && x.Settle == inventory.DuplicatesReject {
		return // what was delivered cannot be taken back
	}
	in := w.box.NewIntake()
	defer func() { w.must(in.Close()) }()
	r := x.Reading
	r.Completes = &u.record
	in.Begin(r, w.now)
	last := *x.last
	x.rows = append(slices.Clone(x.rows), last)
	for line, row := range x.rows {
		w.must(in.Add(uint64(line+2), modelBytes(row.key), row.figure, line < len(x.rows)-1))
	}
	x.last = nil
	if x.tracked() {
		in.Track(0, w.after, 0)
	}
	counts, err := in.Settle(nil)
	w.must(err)
	exports, err := in.Commit(w.Context(), w.now)
	w.must(err)
	w.half = false
	if exports[0].ID != u.record.ID {
		w.Fatalf("got export %d, want %d", exports[0].ID, u.record.ID)
	}
	w.moment++
	var want outbox.Counts
	k := w.key(last.key)
	figure, _, _ := settled(&x, last.key)
	if w.one(k, &x, figure, &want) {
		k.export = u.record.ID
		w.wait(k)
	}
	for _, key := range w.missing(&x) {
		if k := w.key(key); w.empty(k, &x, &want) {
			k.export = u.record.ID
			w.wait(k)
		}
	}
	w.unchanged += want.Unchanged
	if counts[0] != want {
		w.Fatalf("completed export %s: got %+v, want %+v", x.Name, counts[0], want)
	}
}

package outbox_test

import (
	"maps"
	"slices"
	"time"

	"tillpost/outbox"
)

// modelTaken is the newest export of a source's file family, as it was taken last.
type modelTaken struct {
	modelExport
	record outbox.Export
	ids    map[uint64]bool // of all its readings
}

// keep notes what was taken of a look.
func (w *world) keep(list []modelExport, records []outbox.Export) {
	for i := range list {
		x := list[i]
		f := [2]string{x.Source, x.Family}
		old := w.taken[f]
		if x.dropped || old != nil && x.rank < old.rank {
			continue
		}
		ids := map[uint64]bool{}
		if x.Rereads != nil {
			ids = old.ids
		}
		ids[records[i].ID] = true
		w.taken[f] = &modelTaken{x, records[i], ids}
	}
}

// drawAgain reads the newest exports of families again, in another way: some of their rows are for other keys, or say
// something else. Keys of which nobody knows whether they are in doubt stay named, for what then falls cannot be told, and
// so do those whose export is forgotten: see TestWhatOlderExportsOfTheFamilySaidFallsToo.
func (w *world) drawAgain() (list []modelExport) {
	for _, f := range [][2]string{{"a", "f"}, {"a", "g"}, {"b", "f"}, {"b", "g"}} {
		old := w.taken[f]
		if old == nil || old.last != nil || w.ranks[old.rank] > 1 || !w.chance("again", 2) {
			continue
		}
		x := old.modelExport
		x.rows, x.unnamed, x.Rereads, x.Rank = nil, 0, new(old.record), old.rank
		add := func(r modelRow) {
			if !slices.Contains(keysOf(x.rows), r.key) {
				x.rows = append(x.rows, r)
			}
		}
		for _, r := range old.rows {
			switch w.draw("what becomes of the row", 0, 3) {
			case 0:
			case 1:
				add(modelRow{r.key, int64(w.draw("figure", 0, 3))})
			default:
				add(r)
			}
		}
		if w.chance("another key", 2) {
			add(modelRow{string(rune('0' + w.draw("key", 1, 6))), 2})
		}
		for _, key := range slices.Sorted(maps.Keys(w.keys)) {
			k := w.keys[key]
			_, unknown := w.box.Export(k.export)
			if unknown != nil || k.perhaps || len(k.doubts) > 0 || slices.ContainsFunc(w.flights, func(f *flight) bool { return f.key == key }) {
				add(modelRow{key, 1})
			}
		}
		if len(x.rows) > 0 {
			list = append(list, x)
		}
	}
	return list
}

// fell finds the keys of which the exports that are read again say nothing any more: one of them named each last, one of
// them has set its quantity. From here on the look's exports may all speak of them.
func (w *world) fell(list []modelExport) map[string]*modelExport {
	ids := map[uint64]bool{}
	for i := range list {
		if list[i].Rereads != nil && !list[i].dropped {
			maps.Copy(ids, w.taken[[2]string{list[i].Source, list[i].Family}].ids)
		}
	}
	fell := map[string]*modelExport{}
	for key, k := range w.keys {
		for i := range list {
			if x := &list[i]; x.Rereads != nil && !x.dropped && ids[k.export] && k.named == x.rank && !slices.Contains(keysOf(x.rows), key) {
				fell[key] = x
			}
		}
	}
	return fell
}

// withdrawn is what becomes of a key of which nobody says anything any more.
func (k *modelKey) withdrawn() {
	if k.confirm || !k.pending && !k.dead {
		return
	}
	k.wanted, k.pending, k.dead, k.due, k.tries, k.export, k.discarded = nil, false, false, time.Time{}, 0, 0, true
	k.rev++
}

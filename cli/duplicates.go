package cli

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/cespare/xxhash/v2"

	"tillpost/export"
	"tillpost/inventory"
)

// duplicates finds the rows of one export that are for the same key, and says what becomes of each. It takes 24 bytes a
// row, and knows keys by their 64-bit hash alone: in ten million rows, two different ones are taken for one with a
// chance of 1 to 300,000. The outbox compares the keys themselves.
type duplicates struct {
	rule    inventory.Duplicates
	entries []entry // of all rows; once settled, of those whose fate is not their own figure
	row     uint32  // updates counted: by add, then by next
	at      int     // in entries: where next is
}

// entry is one row.
type entry struct {
	hash   uint64 // of its key; once settled, with DuplicatesReject, the line of another row for it
	figure int64  // units; once settled the sum, or lost
	row    uint32 // its number among the updates, from 0
	line   uint32
}

// lost marks a row whose figure does not count, or counts in another row's sum.
const lost = math.MinInt64

// maxCompared is how many rows are compared: as many as a chain's export has, in 240 MB.
const maxCompared = 10_000_000

// fate is what becomes of a row.
type fate struct {
	figure      int64 // what counts: its own, or the sum
	lost        bool
	rejectedFor int // the line of another row for its key; 0 = it is not rejected
}

func newDuplicates(rule inventory.Duplicates) *duplicates { return &duplicates{rule: rule} }

// add takes one row, in the export's order.
func (d *duplicates) add(row export.Row) error {
	if len(d.entries) == maxCompared {
		return fmt.Errorf("the export has more than %s rows, which preview cannot compare", number(maxCompared))
	}
	d.entries = append(d.entries, entry{hash: xxhash.Sum64(row.Key), figure: row.Figure, row: d.row, line: uint32(min(row.Line, math.MaxUint32))})
	d.row++
	return nil
}

// settle decides, once all rows are added. What is left are the rows whose fate is not their own figure.
func (d *duplicates) settle() {
	slices.SortFunc(d.entries, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.row, b.row))
	})
	left := 0
	for from := 0; from < len(d.entries); {
		to := from + 1
		for to < len(d.entries) && d.entries[to].hash == d.entries[from].hash {
			to++
		}
		if group := d.entries[from:to]; len(group) > 1 {
			d.decide(group)
			left += copy(d.entries[left:], group)
		}
		from = to
	}
	d.entries = d.entries[:left]
	slices.SortFunc(d.entries, func(a, b entry) int { return cmp.Compare(a.row, b.row) })
	d.row = 0
}

// decide settles the rows for one key, at least two.
func (d *duplicates) decide(group []entry) {
	last := len(group) - 1
	switch d.rule {
	case inventory.DuplicatesReject:
		first, second := group[0].line, group[1].line
		for i := range group {
			group[i].hash = uint64(first)
		}
		group[0].hash = uint64(second)
		return
	case inventory.DuplicatesSum:
		for _, e := range group[:last] {
			group[last].figure += e.figure
		}
	}
	for i := range group[:last] {
		group[i].figure = lost
	}
}

// next is the fate of the next row, in the export's order.
func (d *duplicates) next(row export.Row) fate {
	n := d.row
	d.row++
	if d.at == len(d.entries) || d.entries[d.at].row != n {
		return fate{figure: row.Figure}
	}
	e := d.entries[d.at]
	d.at++
	if d.rule == inventory.DuplicatesReject {
		return fate{rejectedFor: int(e.hash)}
	}
	return fate{figure: e.figure, lost: e.figure == lost}
}

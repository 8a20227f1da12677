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
	parts   [256][]entry // of all rows, by the first byte of the hash, so that none of them grows large; nil once settled
	count   int          // of those
	entries []entry      // once settled, of the rows whose fate is not their own figure
	row     uint32       // updates counted: by add, then by next
	at      int          // in entries: where next is
}

// entry is one row.
type entry struct {
	hash   uint64 // of its key; once settled, where the row is lost or rejected, the line of the other row that is to blame
	figure int64  // units; once settled the sum, or one of the marks below
	row    uint32 // its number among the updates, from 0; of a void one, that of the next update
	line   uint32
}

// What stands for a figure that is none. No figure is as small.
const (
	lost     = math.MinInt64 + iota // does not count, or counts in another row's sum
	void                            // of a reject that names its key: not known
	rejected                        // falls, for another row is for the same key
)

// maxCompared is how many rows are compared: as many as a chain's export has, in 240 MB.
const maxCompared = 10_000_000

// fate is what becomes of a row.
type fate struct {
	figure   int64 // what counts: its own, or the sum
	lost     bool
	rejected string // the class of the reject that it is; "" = it is none
	other    int    // of a lost or rejected one: the line of the row for the same key that is to blame
}

func newDuplicates(rule inventory.Duplicates) *duplicates { return &duplicates{rule: rule} }

// add takes one row, in the export's order.
func (d *duplicates) add(row export.Row) error {
	err := d.push(row.Key, row.Line, row.Figure)
	d.row++
	return err
}

// void takes a reject that names its key, in the export's order. No sum without it is true, so the key's other rows fall
// where they are added up.
func (d *duplicates) void(reject *export.Reject) error {
	if d.rule != inventory.DuplicatesSum || reject.Key == nil {
		return nil
	}
	return d.push(reject.Key, reject.Line, void)
}

func (d *duplicates) push(key []byte, line int, figure int64) error {
	if d.count == maxCompared {
		return fmt.Errorf("the export has more than %s rows, which preview cannot compare", number(maxCompared))
	}
	e := entry{hash: xxhash.Sum64(key), figure: figure, row: d.row, line: uint32(min(line, math.MaxUint32))}
	part := &d.parts[e.hash>>56]
	*part = append(*part, e)
	d.count++
	return nil
}

// settle decides, once all rows are added. What is left are the rows whose fate is not their own figure.
func (d *duplicates) settle() {
	for i, part := range d.parts {
		d.parts[i] = nil
		slices.SortFunc(part, func(a, b entry) int {
			return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.row, b.row), cmp.Compare(a.line, b.line))
		})
		for from := 0; from < len(part); {
			to := from + 1
			for to < len(part) && part[to].hash == part[from].hash {
				to++
			}
			if group := part[from:to]; len(group) > 1 {
				d.entries = append(d.entries, d.decide(group)...)
			}
			from = to
		}
	}
	slices.SortFunc(d.entries, func(a, b entry) int { return cmp.Compare(a.row, b.row) })
	d.row = 0
}

// decide settles the rows for one key, at least two, and answers those that are updates by themselves.
func (d *duplicates) decide(group []entry) []entry {
	unread := slices.IndexFunc(group, func(e entry) bool { return e.figure == void })
	last := len(group) - 1
	switch {
	case unread >= 0:
		line := group[unread].line
		group = slices.DeleteFunc(group, func(e entry) bool { return e.figure == void })
		for i := range group {
			group[i].hash, group[i].figure = uint64(line), rejected
		}
		return group
	case d.rule == inventory.DuplicatesReject:
		first, second := group[0].line, group[1].line
		for i := range group {
			group[i].hash, group[i].figure = uint64(first), rejected
		}
		group[0].hash = uint64(second)
		return group
	case d.rule == inventory.DuplicatesSum:
		for _, e := range group[:last] {
			group[last].figure += e.figure
		}
	}
	for i := range group[:last] {
		group[i].hash, group[i].figure = uint64(group[last].line), lost
	}
	return group
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
	switch {
	case e.figure != rejected:
		f := fate{figure: e.figure, lost: e.figure == lost}
		if f.lost {
			f.other = int(e.hash)
		}
		return f
	case d.rule == inventory.DuplicatesSum:
		return fate{rejected: export.RejectSum, other: int(e.hash)}
	}
	return fate{rejected: export.RejectDuplicate, other: int(e.hash)}
}

package outbox

import (
	"bytes"

	"tillpost/inventory"
)

// settle puts a later row for the same key of the same export into the first. It is called by the loader.
func (m *merge) settle(part *partitionRows, first, later *row) {
	switch {
	case later.names:
		return
	case first.names:
		*first = *later
		return
	}
	x := m.in.exports[first.export]
	if !later.counted && !first.counted { // else the first was counted as what it was, and the later one will be
		part.settled[first.export]++
	}
	counted := first.counted && later.counted
	first.also = later.also
	if later.other != nil {
		first.other = later.other
	}
	switch x.Reading.Settle {
	case inventory.DuplicatesLast:
		first.line, first.figure = later.line, later.figure
	case inventory.DuplicatesSum:
		if !first.void && !later.void {
			first.line = later.line
			first.figure += later.figure
			break
		}
		fallthrough
	case inventory.DuplicatesReject:
		if !first.void && !first.counted {
			part.fell(first, x.Reading.Settle)
		}
		if !later.void && !later.counted {
			part.fell(later, x.Reading.Settle)
		}
		first.void = true
	}
	first.counted = counted
}

// fell notes that a row falls.
func (p *partitionRows) fell(r *row, rule inventory.Duplicates) {
	if len(p.fallen) >= maxListed {
		p.more[r.export]++
		return
	}
	p.fallen = append(p.fallen, Fallen{Export: r.export, Line: r.line, Key: bytes.Clone(r.key), Sum: rule == inventory.DuplicatesSum, Rows: 1})
}

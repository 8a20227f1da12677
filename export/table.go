package export

import "slices"

// settle looks once more at what evaluate found to be no update. It may head another table, which ends the first: the
// columns are others, and nothing is read by those of the first until its header comes again. Or it is a report's furniture.
func (p *pipeline) settle(rec *record, res result) result {
	if !p.named && res != isRefused {
		p.findSection(rec)
	}
	if p.table == 0 && (res == isReject || res == isSkipped && rec.isWords()) && p.heads(rec) {
		p.table = rec.line
		return p.elsewhere(rec)
	}
	if res == isReject && p.isFurniture(rec) {
		return isFurniture
	}
	return res
}

// elsewhere settles a record of another table, or the header that ends it.
func (p *pipeline) elsewhere(rec *record) result {
	switch {
	case rec.fault != noFault:
	case rec.isBlank():
		return isSkipped
	case p.isRepeat(rec):
		p.table = 0
		return isSkipped
	case p.heads(rec):
		p.table = rec.line
	}
	return p.fail(rec, RejectTable, "line %d begins another table, whose columns are others; no row counts from there to a repeat of the header in line %d", p.table, p.layout.line)
}

// heads says that a record is a header, and not the first one: no number stands where the first one's rows have numbers, and
// it has the first one's heading of a product in its place, or a heading for what names a product and one for a quantity,
// ambiguous and vetoed ones too.
func (p *pipeline) heads(rec *record) bool {
	if p.layout.line == 0 || rec.fault != noFault {
		return false
	}
	for _, f := range []Field{UPC, Store, Quantity} {
		if c := p.layout.column[f]; c >= 0 && c < len(rec.fields) && isDigits(clean(rec.fields[c])) {
			return false
		}
	}
	for _, f := range []Field{UPC, SKU} {
		c := p.layout.column[f]
		if cell := clean(cellOf(rec, c)); c >= 0 && len(cell) > 0 && p.layout.headings[c].folded != "" && newHeading(string(cell)).folded == p.layout.headings[c].folded {
			return !p.isRepeat(rec)
		}
	}
	product, quantity := false, false
	for _, text := range p.strings(rec.all()) {
		h := newHeading(string(clean([]byte(text))))
		if h.folded == "" {
			continue
		}
		product = product || p.mayHead(UPC, h) || p.mayHead(SKU, h)
		quantity = quantity || p.mayHead(Quantity, h) || h.vetoed(Quantity)
	}
	return product && quantity && !p.isRepeat(rec)
}

// mayHead says that a heading can be the field's, by the config or by what is known.
func (r *rules) mayHead(f Field, h heading) bool {
	if h.rank(f) >= 0 || h.mayBe(f) {
		return true
	}
	stated := r.columns[f].Heading
	return stated != "" && newHeading(stated).folded == h.folded
}

// isRepeat says that a record is the header once more, as at the top of a report's page.
func (p *pipeline) isRepeat(rec *record) bool {
	l := &p.layout
	if l.line == 0 {
		return false
	}
	if c := l.column[Quantity]; rec.fault == noFault && c < len(rec.fields) { // tells almost every row apart, quickly
		if text := p.strings(rec.fields[c : c+1])[0]; newHeading(string(clean([]byte(text)))).folded != l.headings[c].folded {
			return false
		}
	}
	return l.isRepeat(p.strings(rec.all()))
}

// isRepeat says that the fields are the header's. Blank ones at the end do not count; those after the last column that
// is of use may be missing.
func (l *layout) isRepeat(fields []string) bool {
	cells := make([]heading, len(fields))
	for i, field := range fields {
		cells[i] = newHeading(string(clean([]byte(field))))
	}
	named := func(h heading) bool { return h.text != "" }
	last := func(cells []heading) int {
		for n := len(cells); n > 0; n-- {
			if named(cells[n-1]) {
				return n
			}
		}
		return 0
	}
	cells = cells[:last(cells)]
	return len(cells) >= min(l.want(), last(l.headings)) && len(cells) <= len(l.headings) &&
		slices.EqualFunc(cells, l.headings[:len(cells)], func(a, b heading) bool { return a.folded == b.folded })
}

package export

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// headerFound looks for the header: the first of the rows that has a quantity and a name for the product.
func (d *detector) headerFound(commas []byte) (guess, error) {
	best, near := guess{score: -1}, guess{score: -1}
	for _, comma := range commas {
		for _, row := range d.headRows(comma) {
			m := d.match(row.cells, len(row.cells))
			m.line = row.line
			if m.isHeader() {
				if g := (guess{comma, m, m.fields()}); g.score > best.score {
					best = g
				}
				break
			}
			score := 100*familiar(row.cells) + 10*m.fields()
			if len(row.cells) > 1 {
				score += min(9, len(row.cells))
			}
			if score > near.score {
				near = guess{comma, m, score}
			}
		}
	}
	if best.score >= 0 {
		return best, d.check(&best.match)
	}
	if near.score < 0 {
		return near, d.unreadable(commas)
	}
	if line := d.headerBelow(commas); line > 0 {
		return near, &Refused{
			Code:   RefusedHeader,
			Reason: fmt.Sprintf("no header was recognised in the first %d rows, where it is looked for, but line %d may be it", headerRows, line),
			Write:  fmt.Sprintf("header: %d", line),
		}
	}
	if refused := d.unparted(); refused != nil && familiar(near.match.headings) == 0 {
		return near, refused
	}
	err := d.check(&near.match)
	if refused, ok := errors.AsType[*Refused](err); ok && refused.Code == RefusedHeader {
		refused.Reason = fmt.Sprintf("no header was recognised in the first %d rows: %s", headerRows, refused.Reason)
	}
	return near, err
}

// headerBelow is the line of a header that stands below the rows where one is looked for; 0 = there is none.
func (d *detector) headerBelow(commas []byte) (line int) {
	for _, comma := range commas {
		rows := 0
		d.headRecords(comma, MaxColumns, func(rec *record) bool {
			if rec.fault == noFault && rec.isWords() {
				r := d.row(rec)
				if m := d.match(r.cells, len(r.cells)); m.isHeader() {
					line = rec.line
				}
			}
			rows++
			return line == 0 && rows < 10*headerRows
		})
		if line > 0 {
			break
		}
	}
	return line
}

// unreadable says why there is no row in the head that could be looked at.
func (d *detector) unreadable(commas []byte) *Refused {
	if d.table != nil {
		return &Refused{Code: RefusedEmpty, Reason: "the export has nothing but blank rows"}
	}
	rest, n := d.head, 0
	for len(rest) > 0 {
		line, after, ended := bytes.Cut(rest, []byte{d.newline})
		rest, n = after, n+1
		if n < d.first || isBlankLine(line, commas[0]) && (ended || d.whole) {
			continue
		}
		for _, comma := range commas {
			if bytes.Count(line, []byte{comma}) >= MaxColumns {
				return &Refused{Code: RefusedHeader, Reason: fmt.Sprintf("line %d has more than %d columns, the most that are read", n, MaxColumns)}
			}
		}
		if !ended && !d.whole {
			return &Refused{Code: RefusedHeader, Reason: fmt.Sprintf("line %d is longer than %d bytes, within which the header must end", n, headSize)}
		}
		break
	}
	refused := &Refused{Code: RefusedEmpty, Reason: "the export has nothing but blank rows"}
	d.headRecords(commas[0], 1, func(rec *record) bool {
		if rec.fault != noFault {
			p := pipeline{comma: commas[0]}
			refused = &Refused{Code: RefusedHeader, Reason: fmt.Sprintf("line %d cannot be the header: %s", rec.line, p.faultText(rec))}
		}
		return rec.fault == noFault
	})
	return refused
}

// fields is how many fields have a column.
func (m *match) fields() int {
	n := 0
	for _, c := range m.column {
		if c >= 0 {
			n++
		}
	}
	return n
}

// headerAt takes the header at the stated line.
func (d *detector) headerAt(commas []byte) (guess, error) {
	best := guess{score: -1}
	for _, comma := range commas {
		d.headRecords(comma, MaxColumns, func(rec *record) bool {
			if rec.line == d.header && rec.fault == noFault {
				row := d.row(rec)
				m := d.match(row.cells, len(row.cells))
				m.line = rec.line
				if score := 100*m.fields() + min(99, len(row.cells)); score > best.score {
					best = guess{comma, m, score}
				}
			}
			return rec.line < d.header
		})
	}
	if best.score < 0 {
		if refused := d.unreadable(commas); refused.Code != RefusedEmpty {
			return best, refused
		}
		return best, &Refused{
			Code:   RefusedHeader,
			Reason: fmt.Sprintf("the config says that line %d is the header, but no row starts there", d.header),
			Write:  "header: auto",
		}
	}
	return best, d.check(&best.match)
}

// numbered is for a config that gives the columns' numbers and does not say whether there is a header. There is one
// where the first row that has all those columns has words in them instead of a quantity and a UPC.
func (d *detector) numbered(commas []byte) (guess, error) {
	g, err := d.headerless(commas)
	if err != nil {
		return g, err
	}
	for _, row := range d.headRows(g.comma) {
		if row.count < g.match.want() {
			continue
		}
		m := d.match(row.cells, len(row.cells))
		m.line = row.line
		if !d.words(&m) {
			break
		}
		g.match = m
		return g, d.check(&g.match)
	}
	return g, d.check(&g.match)
}

// words says that the row has no number where the quantity should be, nor a UPC where that should be.
func (d *detector) words(m *match) bool {
	quantity := m.headings[m.column[Quantity]].text
	if isNoQuantity([]byte(quantity)) || strings.ContainsAny(quantity, "0123456789") || strings.HasPrefix(quantity, "#") {
		return false
	}
	if m.column[UPC] < 0 {
		return true
	}
	_, fault := checkUPC(nil, []byte(m.headings[m.column[UPC]].text), d.checkDigitMissing)
	return fault == upcNotDigits
}

// headerless finds the delimiter of an export without a header: the one by which most rows are updates, else have
// equally many fields, at least as many as are needed.
func (d *detector) headerless(commas []byte) (guess, error) {
	best := guess{score: -1}
	need, widest := d.needed(), 0
	for _, comma := range commas {
		rows, width := 0, 0
		counts := make(map[int]int)
		d.headRecords(comma, 1, func(rec *record) bool {
			if !rec.isBlank() {
				rows++
				counts[rec.count]++
			}
			return rows < sampleRows
		})
		for count, n := range counts {
			if n > counts[width] || n == counts[width] && count > width {
				width = count
			}
		}
		if rows == 0 {
			return best, d.unreadable(commas)
		}
		widest = max(widest, width)
		if width < need {
			continue
		}
		g := guess{comma: comma, match: d.match(nil, width)}
		if g.score = 1000*d.updates(g) + min(999, counts[width]); g.score > best.score {
			best = g
		}
	}
	if best.score < 0 {
		return best, d.beyond(need, widest)
	}
	return best, nil
}

// beyond refuses an export for the column that the config names and that it lacks.
func (d *detector) beyond(column, width int) *Refused {
	refused := &Refused{
		Code:   RefusedDelimiter,
		Reason: fmt.Sprintf("the config names column %d, but the export has %s", column, columns(width)),
		Write:  `delimiter: "..."`,
	}
	if width > 1 {
		for _, f := range []Field{Quantity, Store, UPC, SKU} {
			if d.columns[f].Number == column {
				refused.Code, refused.Write = RefusedColumn, fmt.Sprintf("columns: {%s: ...}", f)
				break
			}
		}
	}
	return refused
}

// needed is the last of the numbered columns that every row must have.
func (d *detector) needed() int {
	product := 0
	for _, f := range []Field{UPC, SKU} {
		if n := d.columns[f].Number; d.wants(f) && n > 0 && (product == 0 || n < product) {
			product = n
		}
	}
	return max(product, d.columns[Quantity].Number, d.columns[Store].Number)
}

// updates counts the updates among the first rows.
func (d *detector) updates(g guess) int {
	p := d.pipeline(g)
	rows, updates := 0, 0
	d.headRecords(g.comma, p.layout.want(), func(rec *record) bool {
		if _, res := p.evaluate(rec); res == isUpdate {
			updates++
		}
		rows++
		return rows < headerRows
	})
	return updates
}

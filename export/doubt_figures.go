package export

import (
	"fmt"
	"slices"
	"strings"
)

// A doubt of this file is one of figures: what stands in the other columns of the first rows says that the quantity is something
// else. A quantity that the config states is believed.

const maxLooked = 40 // columns

// figures are the whole numbers of the first rows, in all columns.
type figures struct {
	rows  [][]int64
	whole []bool // by column: nothing but whole numbers and blanks was seen in it, and at least one number
}

// figuresOf reads the first rows that are updates.
func (d *detector) figuresOf(p *pipeline) (f figures) {
	trial, width := *p, min(p.layout.width, maxLooked)
	f.whole = make([]bool, width)
	seen, other := make([]bool, width), make([]bool, width)
	d.headRecords(p.comma, MaxColumns, func(rec *record) bool {
		if rec.line <= p.layout.line || rec.fault != noFault {
			return true
		}
		if _, res := trial.evaluate(rec); res != isUpdate {
			return true
		}
		row := make([]int64, width)
		for column := range row {
			cell := clean(cellOf(rec, column))
			n, plain := plainNumber(cell)
			row[column] = n
			seen[column] = seen[column] || plain
			other[column] = other[column] || !plain && len(cell) > 0
		}
		f.rows = append(f.rows, row)
		return len(f.rows) < firstRows
	})
	for column := range f.whole {
		f.whole[column] = seen[column] && !other[column]
	}
	return f
}

// fewSums is how many rows must be seen to judge by what their figures come to.
const fewSums = 2

// otherFigures refuses a quantity by the figures beside it.
func (d *detector) otherFigures(p *pipeline) *Refused {
	l := &p.layout
	q := l.column[Quantity]
	if _, stated := d.columns[Quantity]; stated || len(l.spread.each) > 0 || q < 0 || q >= maxLooked || q >= len(l.headings) {
		return nil
	}
	f := d.figuresOf(p)
	for _, look := range []func(*pipeline, figures) *Refused{d.sumOfOthers, d.anotherQuantity, d.suggested} {
		if refused := look(p, f); refused != nil {
			return refused
		}
	}
	return d.changes(p)
}

// sumOfOthers refuses a quantity that is the sum of columns beside it of which nothing is known: they are stores, sizes or
// widths, and it is all of them.
func (d *detector) sumOfOthers(p *pipeline, f figures) *Refused {
	l := &p.layout
	q := l.column[Quantity]
	free := func(column int) bool {
		return column != q && f.whole[column] && !l.serves(column) && l.headings[column].uses == nil && l.headings[column].text != ""
	}
	for from := range f.whole {
		if !free(from) {
			continue
		}
		sums := make([]int64, len(f.rows))
		for to := from; to < len(f.whole) && free(to); to++ {
			rows, parted := 0, 0
			for i, row := range f.rows {
				sums[i] += row[to]
				if sums[i] == row[q] && row[q] > 0 {
					rows++
					if row[to] != 0 && row[to] != row[q] {
						parted++
					}
				} else if sums[i] != row[q] {
					rows = -len(f.rows)
				}
			}
			if to == from || rows < fewSums || parted == 0 {
				continue
			}
			return refuseSum(l, q, from, to, len(f.rows))
		}
	}
	return nil
}

// refuseSum refuses a quantity that is the sum of columns: most likely they are stores.
func refuseSum(l *layout, q, from, to, rows int) *Refused {
	var columns []int
	var stores []string
	for column := from; column <= to; column++ {
		columns = append(columns, column)
		stores = append(stores, fmt.Sprintf("%q: \"...\"", l.headings[column].text))
	}
	m := match{layout: *l}
	refused := &Refused{
		Code: RefusedWide,
		Reason: fmt.Sprintf("%s is in each of the first %d rows the sum of %s, which may be stores, sizes or widths: only where the sum is what is in stock, `columns: {quantity: %q}`; where they are stores",
			l.name(q), rows, m.quoted(columns), l.headings[q].text),
		Write: "stores: {" + strings.Join(stores, ", ") + "}",
	}
	if l.hasStore() {
		refused.Reason = strings.TrimSuffix(refused.Reason, "; where they are stores")
		refused.Write = "columns: {quantity: ...}"
	}
	return refused
}

// The headings, bare, of which two can be in one export and only one of them is what is in stock.
var (
	inStockHeadings = []string{"in stock", "instock", "en stock", "op voorraad", "stk", "stk bal", "stk qty"}
	countedHeadings = []string{"inventory quantity", "inventory qty", "counted quantity", "counted qty"} // what was counted, of Odoo
	pieceHeadings   = []string{"units", "pairs", "pieces", "pcs", "qty units", "qty pairs"}
	endingHeadings  = []string{"balance", "ending", "closing", "qty after", "quantity after", "new balance", "running balance"}
	worthHeadings   = []string{"inventory", "stock", "balance", "book inventory"}
)

// anotherQuantity refuses a quantity beside a column that is as good, where their figures differ.
func (d *detector) anotherQuantity(p *pipeline, f figures) *Refused {
	l := &p.layout
	q := l.column[Quantity]
	bare := l.headings[q].bare
	generic := slices.Contains(genericQuantities, bare)
	for column := range f.whole {
		other := l.headings[column].bare
		as := generic && (slices.Contains(genericQuantities, other) || slices.Contains(inStockHeadings, other)) ||
			slices.Contains(endingHeadings, other) && !slices.Contains(endingHeadings, bare) && (generic || slices.ContainsFunc(l.headings, heading.isFlow)) ||
			slices.Contains(genericQuantities, other) && slices.Contains(countedHeadings, bare) ||
			l.column[Store] >= 0 && l.headings[column].isOfStore() ||
			slices.Contains(pieceHeadings, other) && slices.Contains(worthHeadings, bare)
		if column == q || !as || l.serves(column) || parentOf(l.headings[column].text) != parentOf(l.headings[q].text) {
			continue
		}
		differ, more := 0, false
		for _, row := range f.rows {
			if row[column] != row[q] {
				differ++
			}
			more = more || row[column] > 1
		}
		if differ == 0 || !f.whole[column] || !more && !l.headings[column].isOfStore() {
			continue
		}
		return &Refused{
			Code:   RefusedAmbiguous,
			Reason: fmt.Sprintf("two columns could be the quantity, %s and %s, and they differ", l.name(q), l.name(column)),
			Write:  "columns: {quantity: ...}",
		}
	}
	return nil
}

// parentOf is the path to what a field is in; "" = the row itself.
func parentOf(path string) string { return path[:max(0, strings.LastIndexByte(path, '/'))] }

// isOfStore says that a heading is what is in stock at one store, beside what all stores have: `Location On Hand`.
func (h heading) isOfStore() bool {
	var rest []string
	store := false
	for _, word := range strings.Fields(h.folded) {
		switch w := newHeading(word); {
		case w.rank(Store) >= 0 || w.mayBe(Store) || word == "lieu":
			store = true
		case !slices.Contains([]string{"by", "on", "at", "this", "per", "in"}, word):
			rest = append(rest, word)
		}
	}
	quantity := newHeading(strings.Join(rest, " "))
	return store && len(rest) > 0 && (quantity.rank(Quantity) >= 0 || quantity.folded == "hand")
}

// isFlow says that a heading is what was sold, received or the like since another figure.
func (h heading) isFlow() bool {
	return slices.Contains([]string{"sold", "sales", "received", "rcvd", "receipts", "in", "out", "returns", "qty sold", "units sold", "qty received"}, h.bare)
}

// suggested refuses a generic quantity that is what lacks to the greatest stock: what is to be ordered.
func (d *detector) suggested(p *pipeline, f figures) *Refused {
	l := &p.layout
	q := l.column[Quantity]
	most := slices.IndexFunc(l.headings, func(h heading) bool {
		return slices.Contains([]string{"max", "max qty", "max stock", "maximum", "model", "model stock", "target"}, h.bare)
	})
	if !d.isGeneric(l) || most < 0 || most >= len(f.whole) || !f.whole[most] {
		return nil
	}
	for column := range f.whole {
		if column == q || column == most || !f.whole[column] {
			continue
		}
		rows, lacking := 0, 0
		for _, row := range f.rows {
			if lack := max(0, row[most]-row[column]); lack != row[q] {
				rows = -len(f.rows)
			} else if rows++; lack > 0 && row[column] > 0 {
				lacking++
			}
		}
		if rows >= fewSums && lacking >= fewSums {
			return d.anotherList(l, fmt.Sprintf("it is what %s lacks to %s", l.name(column), l.name(most)))
		}
	}
	return nil
}

// changes refuses a generic quantity whose figures all have a sign, some of them a plus: they are what changed.
func (d *detector) changes(p *pipeline) *Refused {
	l := &p.layout
	if !d.isGeneric(l) {
		return nil
	}
	signed, plus, plain := 0, "", 0
	d.sample(p, func(rec *record) {
		switch cell := string(clean(cellOf(rec, l.column[Quantity]))); {
		case strings.Trim(cell, "0.,") == "":
		case cell[0] == '+':
			signed, plus = signed+1, cell
		case cell[0] == '-':
			signed++
		default:
			plain++
		}
	})
	if plain > 0 || plus == "" || signed < fewSums {
		return nil
	}
	return d.anotherList(l, fmt.Sprintf("each figure has a sign, such as %q, as changes have", clip(plus)))
}

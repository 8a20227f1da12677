package export

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"

	"tillpost/inventory"
)

const (
	maxSampled  = 512 // keys that are looked at
	maxTogether = 4   // rows of each
	maxTellers  = 40  // columns
	fewTogether = 2   // keys with several figures, from which on a column of words tells their rows apart; one more for one of numbers
)

// apart looks, over the whole export, at the rows that are for one key: where a column that is not read differs between them,
// such as a warehouse whose heading is not known, or a colour, the last of them is not what is in stock. It knows a sample of
// the keys, all rows of each: those with the least hashes, whatever the order of the rows, in a megabyte or two.
type apart struct {
	columns []int // that may tell rows apart
	most    uint64
	keys    map[uint64][]together
}

// together is one row of a key.
type together struct {
	line   int
	figure int64
	cells  []string // of the columns, clipped
}

// apartOf finds the columns that may tell rows apart. A column that is another quantity is none of them.
func (p *pipeline) apartOf() *apart {
	l := &p.layout
	if p.addUp() {
		return nil
	}
	a := &apart{most: 1<<64 - 1, keys: map[uint64][]together{}}
	for column := range max(l.width, len(l.headings)) {
		var h heading
		if column < len(l.headings) {
			h = l.headings[column]
		}
		switch {
		case h.unseen, column == l.column[Store], slices.Contains(l.quantities(), column), h.rank(Quantity) >= 0, h.mayBe(Quantity), h.vetoed(Quantity):
		case len(a.columns) < maxTellers:
			a.columns = append(a.columns, column)
		}
	}
	return a
}

// see takes an update.
func (a *apart) see(p *pipeline, rec *record, figure int64) {
	hash := xxhash.Sum64(p.key)
	if hash > a.most {
		return
	}
	rows := a.keys[hash]
	if len(rows) == maxTogether {
		return
	}
	fields, of := rec.all(), p.keyColumns()
	row := together{line: rec.line, figure: figure, cells: make([]string, len(a.columns))}
	var all strings.Builder
	ends := make([]int, len(a.columns))
	for i, column := range a.columns {
		if column < len(fields) && !slices.Contains(of, column) {
			text, _ := p.decode(fields[column])
			all.WriteString(clip(strings.ToValidUTF8(string(clean(text)), "\ufffd")))
		}
		ends[i] = all.Len()
	}
	from := 0
	for i, end := range ends {
		row.cells[i], from = all.String()[from:end], end
	}
	a.keys[hash] = append(rows, row)
	for len(a.keys) > maxSampled {
		a.most /= 2
		for hash := range a.keys {
			if hash > a.most {
				delete(a.keys, hash)
			}
		}
	}
}

// keyColumns are the columns that the last update's key is from: what they differ in makes two keys, or says the same.
func (p *pipeline) keyColumns() []int {
	l := &p.layout
	if key, err := inventory.DecodeKey(p.key); err == nil && key.UPC != "" {
		return []int{l.column[UPC], l.elseUPC}
	}
	return []int{l.column[SKU], l.column[Size], l.column[Width]}
}

// teller is a column that differs between the rows of keys.
type teller struct {
	column     int
	one, other string // such as
	line       int    // of the other
	keys       int    // in which it differs
	words      int    // that it has in them, different ones
	number     bool   // those are all numbers
	amount     bool   // one of them has decimals
}

// tell looks at one of the columns, i, in the rows of some keys.
func (a *apart) tell(i int, keys [][]together) teller {
	t := teller{column: a.columns[i], number: true}
	words := map[string]bool{}
	for _, rows := range keys {
		first, differs := rows[0].cells[i], false
		for _, row := range rows {
			cell := row.cells[i]
			if !words[cell] {
				words[cell] = true
				_, whole := plainNumber([]byte(cell))
				t.number = t.number && (whole || cell == "")
				t.amount = t.amount || evidence([]byte(cell)) != 0
			}
			if cell != first && !differs {
				differs = true
				if t.keys++; t.keys == 1 {
					t.one, t.other, t.line = first, cell, row.line
				}
			}
		}
	}
	t.words = len(words)
	return t
}

// refused is why the export does not count, once all of it was seen; nil where nothing tells the rows of a key apart.
func (a *apart) refused(p *pipeline) *Refused {
	var several, contrary [][]together // keys with several rows, and with several figures
	for _, rows := range a.keys {
		if len(rows) < 2 {
			continue
		}
		several = append(several, rows)
		if slices.ContainsFunc(rows, func(r together) bool { return r.figure != rows[0].figure }) {
			contrary = append(contrary, rows)
		}
	}
	byLine := func(x, y []together) int { return x[1].line - y[1].line } // so that the same is said of the same export
	slices.SortFunc(several, byLine)
	slices.SortFunc(contrary, byLine)
	l := &p.layout
	if !l.hasStore() {
		for i, column := range a.columns {
			if column >= len(l.headings) || !l.headings[column].mayBe(Store) {
				continue
			}
			if t := a.tell(i, several); t.keys > 0 && t.one != "" && t.other != "" {
				return p.severalStores(t)
			}
		}
	}
	if p.duplicates != "" || len(contrary) < fewTogether || len(contrary)*50 < len(a.keys) {
		return nil
	}
	best := teller{column: -1}
	rows := 0
	for _, r := range contrary {
		rows += len(r)
	}
	for i, column := range a.columns {
		t := a.tell(i, contrary)
		switch names := l.serves(column); {
		case t.keys*10 < len(contrary)*9:
		case names && len(contrary)*5 < len(a.keys): // two products have the same code, as happens
		case !names && (t.words*2 > rows || t.amount || t.number && len(contrary) <= fewTogether): // each of the rows has its own, or a price
		case best.column < 0 || t.words < best.words:
			best = t
		}
	}
	if best.column < 0 {
		return nil
	}
	return p.toldApart(best, len(contrary))
}

// severalStores refuses an export that is to be one store's, and in which the rows for one product differ in a column that
// may be the store.
func (p *pipeline) severalStores(t teller) *Refused {
	return &Refused{
		Code: RefusedStore,
		Reason: fmt.Sprintf("the config says one store for all rows, but there are several rows for one product, with %q and %q in %s: it is the store, or `duplicates: sum` must add them up",
			t.one, t.other, p.layout.name(t.column)),
		Write: fmt.Sprintf("columns: {store: %q}", p.layout.label(t.column)),
	}
}

// toldApart refuses an export in which rows for one product and store have different figures, and differ in a column.
func (p *pipeline) toldApart(t teller, keys int) *Refused {
	l, store := &p.layout, ""
	if !l.hasStore() {
		store = fmt.Sprintf("where that is the store, it needs `columns: {store: %q}`; ", l.label(t.column))
	}
	return &Refused{
		Code: RefusedDuplicates,
		Reason: fmt.Sprintf("products have several rows with different quantities, which differ in %s (%q, and in line %d %q): %swhere they are parts of one stock, `duplicates: sum` adds them up; "+
			"where they are products of their own, let the POS export what tells them apart in the UPC or the SKU; only where the last row is what is in stock, `duplicates: last`",
			l.name(t.column), t.one, t.line, t.other, store),
		Write: "duplicates: ...",
	}
}

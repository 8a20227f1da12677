package export

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"

	"tillpost/inventory"
)

const (
	maxSampled  = 256     // keys that are looked at
	maxTogether = 4       // rows of each: the first ones, and the last
	maxTellers  = 40      // columns
	maxKeptRow  = 4 << 10 // bytes of a row that is kept as it is
	fewTogether = 2       // keys with several figures, from which on a column of words tells their rows apart; one more for one of numbers
)

// apart looks, over the whole export, at the rows that are for one key: where a column that is not read differs between them,
// such as a warehouse whose heading is not known, or a colour, the last of them is not what is in stock; nor where they stand
// below different titles. It knows a sample of the keys, those with the least hashes, whatever the order of the rows; of each the
// first rows and the last one; in a megabyte or two.
type apart struct {
	columns []int  // that may tell rows apart; titled, the last of them, stands for the title above
	title   string // that was seen last
	most    uint64
	keys    map[uint64][]together
}

// titled is no column: the title above a row.
const titled = -1

// together is one row of a key.
type together struct {
	line   int
	figure int64
	title  string   // above it
	cells  []string // see apart.cells; of a key's only row of CSV, or its last one, they are made later, from
	raw    []byte   // its bytes, of
	count  int      // so many fields
	of     []int    // of the first row: the columns that the key is from
}

// apartOf finds the columns that may tell rows apart; nil where the config says what is to become of the rows. A column that is
// another quantity is none of them.
func (p *pipeline) apartOf() *apart {
	l := &p.layout
	if p.duplicates != "" {
		return nil
	}
	a := &apart{most: 1<<64 - 1, keys: map[uint64][]together{}}
	taken := append(l.quantities(), l.column[Store])
	for column := 0; column < max(l.width, len(l.headings)) && len(a.columns) < maxTellers; column++ {
		var h heading
		if column < len(l.headings) {
			h = l.headings[column]
		}
		if !h.unseen && h.rank(Quantity) < 0 && !h.mayBe(Quantity) && !h.vetoed(Quantity) && !slices.Contains(taken, column) {
			a.columns = append(a.columns, column)
		}
	}
	a.columns = append(a.columns, titled)
	return a
}

// pass takes a record that is no update: it may be a title. What names a product is none, though it may have no quantity.
func (a *apart) pass(p *pipeline, rec *record, res result) {
	if rec.fault != noFault && rec.fault != shortLine && rec.fault != crossedColumns || p.named || !rec.isBrief() {
		return
	}
	if res == isReject && p.reject.Key != nil || res != isReject && p.names(rec) {
		return
	}
	cells := p.cells(rec)
	if title := titleOf(cells); title != "" && !p.above[title] && !p.isRepeat(rec) && !(len(cells) == 1 && isFooter(cells[0])) {
		a.title = clip(strings.Join(cells, " "))
	}
}

// see takes an update.
func (a *apart) see(p *pipeline, rec *record, figure int64) {
	hash := xxhash.Sum64(p.key)
	if hash > a.most {
		return
	}
	row := together{line: rec.line, figure: figure, title: a.title}
	rows := a.keys[hash]
	switch {
	case len(rows) == 0 && rec.comma != 0 && len(rec.raw) <= maxKeptRow: // almost every key has one row, whose cells are not needed
		row.raw, row.count = bytes.Clone(rec.raw), rec.count
	case len(rows) == maxTogether: // the last one is what counts
		last := &rows[maxTogether-1]
		if rec.comma != 0 && len(rec.raw) <= maxKeptRow { // there may be many of them
			row.raw, row.count = append(last.raw[:0], rec.raw...), rec.count
		} else {
			row.cells = a.cells(p, rec, row.title, rows[0].of)
		}
		*last = row
		return
	case len(rows) == 0:
		row.of = p.keyColumns()
		row.cells = a.cells(p, rec, row.title, row.of)
	default:
		if rows[0].of == nil {
			rows[0].of = p.keyColumns()
			a.settle(p, &rows[0], rows[0].of)
		}
		row.cells = a.cells(p, rec, row.title, rows[0].of)
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

// settle makes the cells of a row of CSV of which the bytes were kept.
func (a *apart) settle(p *pipeline, row *together, of []int) {
	if row.cells == nil {
		row.cells = a.cells(p, &record{raw: row.raw, comma: p.comma, count: row.count}, row.title, of)
		row.raw = nil
	}
}

// cells are those of a row in the columns, clipped; of those that its key is from they are blank.
func (a *apart) cells(p *pipeline, rec *record, title string, of []int) []string {
	fields := rec.all()
	var all strings.Builder
	ends := make([]int, len(a.columns))
	for i, column := range a.columns {
		if column == titled {
			all.WriteString(title)
		} else if column < len(fields) && !slices.Contains(of, column) {
			text, _ := p.decode(fields[column])
			all.WriteString(clip(strings.ToValidUTF8(string(clean(text)), "\ufffd")))
		}
		ends[i] = all.Len()
	}
	cells := make([]string, len(a.columns))
	from := 0
	for i, end := range ends {
		cells[i], from = all.String()[from:end], end
	}
	return cells
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
	dates      bool   // those are all dates
}

// tell looks at one of the columns, i, in the rows of some keys.
func (a *apart) tell(i int, keys [][]together) teller {
	t := teller{column: a.columns[i], number: true, dates: true}
	words := map[string]bool{}
	for _, rows := range keys {
		first, differs := rows[0].cells[i], false
		for _, row := range rows {
			cell := row.cells[i]
			if !words[cell] {
				words[cell] = true
				_, whole := plainNumber([]byte(cell))
				t.number = t.number && (whole || cell == "")
				t.dates = t.dates && beginsWithDate(cell)
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

// beginsWithDate knows 2026-11-28, 11/28/2026 and 28.11.26, perhaps with a time behind.
func beginsWithDate(cell string) bool {
	date, _, _ := strings.Cut(strings.Replace(cell, "T", " ", 1), " ")
	parts := strings.FieldsFunc(date, func(r rune) bool { return r == '-' || r == '/' || r == '.' })
	return len(parts) == 3 && !slices.ContainsFunc(parts, func(part string) bool { return !isDigits([]byte(part)) || len(part) > 4 })
}

// refused is why the export does not count, once all of it was seen; nil where nothing tells the rows of a key apart.
func (a *apart) refused(p *pipeline) *Refused {
	var contrary [][]together // keys with several figures
	several, pieces := 0, true
	for _, rows := range a.keys {
		if len(rows) > 1 {
			several++
		}
		pieces = pieces && !slices.ContainsFunc(rows, func(r together) bool { return r.figure != 1 })
		if slices.ContainsFunc(rows, func(r together) bool { return r.figure != rows[0].figure }) {
			contrary = append(contrary, rows)
		}
	}
	slices.SortFunc(contrary, func(x, y []together) int { // so that the same is said of the same export
		return cmp.Or(cmp.Compare(x[1].line, y[1].line), cmp.Compare(x[0].line, y[0].line))
	})
	l := &p.layout
	switch {
	case pieces && several > fewTogether && several*5 >= len(a.keys):
		return &Refused{
			Code:   RefusedDuplicates,
			Reason: fmt.Sprintf("%s is 1 in each row, and products have several rows: each of them seems to be a piece", l.name(l.column[Quantity])),
			Write:  "duplicates: sum",
		}
	case len(contrary) < fewTogether || len(contrary)*50 < len(a.keys):
		return nil
	}
	best, found := teller{}, false
	all := 0 // rows
	for _, rows := range contrary {
		a.settle(p, &rows[len(rows)-1], rows[0].of)
		all += len(rows)
	}
	for i, column := range a.columns {
		t := a.tell(i, contrary)
		switch names := column != titled && l.serves(column); {
		case t.keys*10 < len(contrary)*9:
		case names && len(contrary)*5 < len(a.keys): // two products have the same code, as happens
		case !names && !(t.dates && len(contrary)*5 >= len(a.keys)) && // a history has a time for each row
			(t.words*2 > all || t.amount || t.number && len(contrary) <= fewTogether): // each of the rows has its own, or a price
		case !found || t.words < best.words:
			best, found = t, true
		}
	}
	if !found {
		return nil
	}
	return p.toldApart(best)
}

// toldApart refuses an export in which rows for one product and store have different figures, and differ in a column.
func (p *pipeline) toldApart(t teller) *Refused {
	l, store := &p.layout, ""
	if t.column == titled {
		where := "below no such line"
		if t.one != "" {
			where = fmt.Sprintf("below %q", t.one)
		}
		return &Refused{
			Code: RefusedDuplicates,
			Reason: fmt.Sprintf("products come again with other quantities below another line: they stand %s, and in line %d below %q; let the POS export one store at a time, or a column with the store, "+
				"and nothing but what is on hand; only where they are parts of one stock, `duplicates: sum` adds them up; only where the last row is what is in stock, `duplicates: last`", where, t.line, t.other),
			Write: "duplicates: ...",
		}
	}
	if !l.hasStore() {
		store = fmt.Sprintf("where that is the store, it needs `columns: {store: %s}`; ", l.stated(t.column))
	}
	return &Refused{
		Code: RefusedDuplicates,
		Reason: fmt.Sprintf("products have several rows with different quantities, which differ in %s (%q, and in line %d %q): %swhere they are parts of one stock, `duplicates: sum` adds them up; "+
			"where they are products of their own, let the POS export what tells them apart in the UPC or the SKU; only where the last row is what is in stock, `duplicates: last`",
			l.name(t.column), t.one, t.line, t.other, store),
		Write: "duplicates: ...",
	}
}

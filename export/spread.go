package export

import (
	"fmt"
	"slices"
	"strings"
)

// each is a column that is the quantity of one store, or of one size.
type each struct {
	column int
	name   string // the POS's word for it
	code   []byte // the store's code, or the size
	width  []byte // of a size that `split_size` parts
}

// spread is a layout with a column for each store, or for each size.
type spread struct {
	by      Field  // Store or Size
	each    []each // empty = the quantity is one column
	pattern string // the headings of them, as the config would state them
	leftOut []int  // columns of the same kind of no known store or size
	found   bool   // sizes that the config does not speak of: their sum must be the total, where there is one
	total   int    // the column of that; -1 = there is none
}

// store, size are what stands in the config for the part of a heading that is the name.
const (
	storeMark = "{store}"
	sizeMark  = "{size}"
)

// isPattern says that a stated column is one for each store or size.
func (c Column) isPattern() bool {
	return strings.Contains(c.Heading, storeMark) || strings.Contains(c.Heading, sizeMark)
}

// checkPattern says what is wrong with a stated column that is one for each store or size.
func (c Column) checkPattern(f Field) error {
	switch {
	case !c.isPattern():
		return nil
	case f != Quantity:
		return fmt.Errorf("columns: %s is %s, but only the quantity can have a column for each store or size", f, c)
	case strings.Count(c.Heading, storeMark)+strings.Count(c.Heading, sizeMark) > 1:
		return fmt.Errorf("columns: %s is %s, but a heading has one name in it", f, c)
	}
	return nil
}

// mark is what stands for the name in a pattern, and whose name it is.
func markOf(pattern string) (mark string, by Field) {
	if strings.Contains(pattern, sizeMark) {
		return sizeMark, Size
	}
	return storeMark, Store
}

// nameIn is the name in a heading, by a pattern; "" where the heading is another one.
func nameIn(pattern, mark string, h heading) string {
	before, after, _ := strings.Cut(pattern, mark)
	text := h.text
	if len(text) <= len(before)+len(after) || !strings.EqualFold(text[:len(before)], before) || !strings.EqualFold(text[len(text)-len(after):], after) {
		return ""
	}
	return strings.TrimSpace(text[len(before) : len(text)-len(after)])
}

// spreadBy makes the columns of a pattern the quantities: those whose name is of a known store, or of a size. Whatever is
// a field's column already is none.
func (m *match) spreadBy(r *rules, pattern string) {
	mark, by := markOf(pattern)
	bare := pattern == mark
	s := spread{by: by, pattern: pattern}
	for i, h := range m.headings {
		name := nameIn(pattern, mark, h)
		if name == "" || slices.Contains(m.column[:Quantity], i) {
			continue
		}
		named := by == Size || r.stores != nil || isStoreName(fold(name)) && !h.vetoed(Quantity)
		if one, ok := r.one(by, i, name, bare); ok && named {
			s.each = append(s.each, one)
		} else {
			s.leftOut = append(s.leftOut, i)
		}
	}
	if bare {
		s.leftOut = m.likely(&s)
	}
	m.takeSpread(s)
}

// likely are the columns left out that may be one more store, or size: of a pattern that is nothing but the name, those from
// the first one that is read on that mean nothing else.
func (m *match) likely(s *spread) (columns []int) {
	if len(s.each) == 0 {
		return nil
	}
	for _, i := range s.leftOut {
		h := m.headings[i]
		store := s.by == Store && isStoreName(h.folded) && (h.uses == nil || h.mayBe(Store) || h.rank(Store) >= 0)
		size := s.by == Size && h.uses == nil && (strings.ContainsAny(h.text, "0123456789½") || len(h.text) < len("size"))
		if i > s.each[0].column && h.text != "" && (store || size) {
			columns = append(columns, i)
		}
	}
	return columns
}

func (m *match) takeSpread(s spread) {
	m.spread = s
	m.column[Quantity], m.twice[Quantity] = -1, [2]int{-1, -1}
	if len(s.each) == 0 {
		return
	}
	m.column[Quantity] = s.each[0].column
	m.column[s.by], m.twice[s.by] = -1, [2]int{-1, -1}
	if s.by == Size { // a bar code beside a row of sizes is of none of them
		m.column[UPC], m.elseUPC, m.twice[UPC] = -1, -1, [2]int{-1, -1}
	}
}

// one is a column for one store or size; ok is false where that is not known. A name that stands alone as the heading must
// be known.
func (r *rules) one(by Field, column int, name string, bare bool) (_ each, ok bool) {
	e := each{column: column, name: name, code: []byte(name)}
	if by == Size {
		if r.splitSize {
			if size, width, ok := splitSize([]byte(name)); ok {
				e.code, e.width = size, width
			}
		}
		return e, isSizeLike(string(e.code))
	}
	if r.stores == nil {
		return e, !bare
	}
	e.code, ok = r.storeNamed(name)
	return e, ok
}

// storeNamed is the code of a store by its name in a heading: just that word, else one that reads the same.
func (r *rules) storeNamed(name string) ([]byte, bool) {
	if code, ok := r.stores[name]; ok {
		return code, true
	}
	code := r.byHeading[fold(name)]
	return code, code != nil
}

// findSpread finds columns that are the quantity of one store, or of one size, each, where the config does not say which
// column is the quantity.
func (m *match) findSpread(r *rules, w wide) {
	q := m.column[Quantity]
	words := 0 // of the config's stores that are headings
	if m.column[Store] < 0 {
		for i, h := range m.headings {
			if r.isStore(h.folded) && !slices.Contains(m.column[:Quantity], i) {
				words++
			}
		}
	}
	switch {
	case q >= 0 && !w.hides() && words == 0:
		return
	case words > 0 && len(w.stores) <= words:
		m.spreadBy(r, storeMark)
	case len(w.sizes) >= fewSizes && m.column[SKU] >= 0 && r.wants(SKU) && (w.surelySizes(m.headings) || m.totalOf(q) >= 0 && !w.countUp(m.headings)):
		m.spreadSizes(r)
	case m.column[Store] < 0 && len(w.stores) > 0 && (len(w.stores) > 1 || q < 0):
		m.spreadStores(r, w)
	case q >= 0:
		m.column[Quantity], m.twice[Quantity] = -1, [2]int{-1, -1} // it may be the total of the others
	}
}

func (m *match) spreadSizes(r *rules) {
	s := spread{by: Size, pattern: sizeMark, found: true, total: m.totalOf(m.column[Quantity])}
	for i, h := range m.headings {
		switch one, ok := r.one(Size, i, h.text, true); {
		case slices.Contains(m.column[:], i) || i == s.total:
		case ok:
			s.each = append(s.each, one)
		default:
			s.leftOut = append(s.leftOut, i)
		}
	}
	s.leftOut = m.likely(&s)
	m.takeSpread(s)
}

// totalOf is the column that may be the total of a row of sizes: the quantity, else one that is called so; -1 = there is none.
func (m *match) totalOf(quantity int) int {
	if quantity >= 0 {
		return quantity
	}
	return slices.IndexFunc(m.headings, func(h heading) bool {
		return isTotalWord(h.folded) || isTotal([]byte(h.folded)) || h.folded == "total qty"
	})
}

func (m *match) spreadStores(r *rules, w wide) {
	s := spread{by: Store, pattern: w.pattern(m.headings)}
	for _, i := range w.stores {
		name := m.headings[i].storeName(w)
		switch one, ok := r.one(Store, i, name, true); {
		case ok:
			s.each = append(s.each, one)
		case r.stores != nil:
			s.leftOut = append(s.leftOut, i)
		}
	}
	if r.stores == nil && len(w.stores) == 1 && (w.bare || m.preset.pattern(m.headings) != "") && r.given[Store] { // the one store that the config names
		m.column[Quantity], m.twice[Quantity] = w.stores[0], [2]int{-1, -1}
		return
	}
	m.takeSpread(s)
}

// sameTwice are two columns of the spread that are of one store, or of one size: of two measures, or of two groups whose names
// stand in another line. Two names that mean one store may be added up.
func (s *spread) sameTwice(addUp bool) (twice [2]int, ok bool) {
	for i, a := range s.each {
		for _, b := range s.each[:i] {
			if string(a.code) == string(b.code) && string(a.width) == string(b.width) && !(addUp && fold(a.name) != fold(b.name)) {
				return [2]int{b.column, a.column}, true
			}
		}
	}
	return twice, false
}

// headsAgain says that a record is a header, of the same columns or of others: where numbers are headings, its cells could be
// taken for quantities. Its product is the heading of products, or it has sizes where quantities should be, as the scale that a
// report has above the rows of each style.
func (p *pipeline) headsAgain(rec *record) bool {
	if rec.fault != noFault || p.layout.line == 0 {
		return false
	}
	product, word := false, false
	for _, f := range []Field{UPC, SKU} {
		c := p.layout.column[f]
		cell := clean(cellOf(rec, c))
		if c >= 0 && len(cell) > 0 && strings.EqualFold(string(cell), p.layout.headings[c].text) {
			return true
		}
		product = product || len(cell) > 0
		word = word || len(cell) >= len("siz") && isSizeWord(cell)
	}
	return p.layout.spread.by == Size && (!product || word || p.mayHaveHalves(rec)) && p.isScale(rec, product && !word)
}

// isSizeWord knows the heading of sizes.
func isSizeWord(cell []byte) bool {
	h := newHeading(strings.TrimRight(string(cell), ": "))
	return h.rank(Size) >= 0 || h.folded == "sizes" || h.folded == "size scale" || h.folded == "size run"
}

// mayHaveHalves says, quickly, that one of the figures is no whole number.
func (p *pipeline) mayHaveHalves(rec *record) bool {
	return slices.ContainsFunc(p.layout.spread.each, func(e each) bool {
		cell := cellOf(rec, e.column)
		return len(cell) > 1 && !isDigits(cell)
	})
}

// isScale says that sizes stand where quantities should be, in a row with nothing else: half ones or letters among them, or whole
// ones that rise in equal steps, as sums would hardly do. In a row with a product they rise, and there are half ones.
func (p *pipeline) isScale(rec *record, product bool) bool {
	for f := Width; f <= Store; f++ {
		if len(clean(cellOf(rec, p.layout.column[f]))) > 0 && !product {
			return false // of a row that goes on with the product above
		}
	}
	sizes, halves, rises, steps, last, step := 0, false, true, true, -1.0, 0.0
	for _, e := range p.layout.spread.each {
		cell := string(clean(cellOf(rec, e.column)))
		if cell == "" {
			continue
		}
		if !isSizeLike(cell) {
			return false
		}
		whole, _ := cutFraction(cell)
		n, plain := plainNumber([]byte(whole))
		value := float64(n)
		if rest := cell[len(whole):]; rest != "" && rest != ".0" {
			halves, value = true, value+0.5
		}
		steps = steps && (sizes < 2 || value-last == step)
		sizes, step = sizes+1, value-last
		rises, last = rises && plain && value > last, value
	}
	if sizes < fewSizes {
		return false
	}
	if halves {
		return rises || !product
	}
	return !product && rises && steps
}

// hasStore says that the columns tell the store of each figure.
func (l *layout) hasStore() bool {
	return l.column[Store] >= 0 || len(l.spread.each) > 0 && l.spread.by == Store
}

// quantities are the columns that hold quantities.
func (l *layout) quantities() []int {
	if len(l.spread.each) == 0 {
		return []int{l.column[Quantity]}
	}
	var columns []int
	for _, e := range l.spread.each {
		columns = append(columns, e.column)
	}
	return columns
}

// tellSpread tells of a column for each store, or for each size.
func (d *Detected) tellSpread(l *layout) {
	if l.preset != nil {
		d.Preset = l.preset.name
	}
	for _, i := range l.spread.leftOut {
		d.LeftOut = append(d.LeftOut, clip(l.label(i)))
	}
	if len(l.spread.each) == 0 {
		return
	}
	d.Columns[Quantity] = l.spread.pattern
	delete(d.Places, Quantity)
	for _, e := range l.spread.each {
		one := Each{Column: l.label(e.column)}
		if l.spread.by == Store {
			one.Store = string(e.code)
		} else {
			one.Size = string(e.code)
		}
		d.Each = append(d.Each, one)
	}
}

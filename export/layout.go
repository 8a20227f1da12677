package export

import (
	"fmt"
	"slices"
	"strings"
)

// layout is which column serves which field, 0-based; -1 = none.
type layout struct {
	column   [fieldCount]int
	elseUPC  int       // a second column of bar codes, for rows whose first one has no valid one
	width    int       // how many columns there are
	headings []heading // of all columns; nil without a header
	line     int       // of the header; 0 = none
	spread   spread
	variants variants
	skips    []skip
	watched  int     // a column that is looked at and not read, from 1; 0 = none
	preset   *preset // nil = none fits
}

// used are the columns that are of use; -1 among them is none.
func (l *layout) used() []int {
	list := append([]int{l.elseUPC, l.variants.group}, l.column[:]...)
	for _, p := range l.variants.pairs {
		list = append(list, p.name, p.value)
	}
	for _, e := range l.spread.each {
		list = append(list, e.column)
	}
	for _, s := range l.skips {
		list = append(list, s.column)
	}
	return list
}

// want is how many fields of a record are of use.
func (l *layout) want() int { return max(1+slices.Max(l.used()), l.watched) }

// serves says that a column is of use.
func (l *layout) serves(column int) bool { return slices.Contains(l.used(), column) }

// name is how a person finds a column.
func (l *layout) name(column int) string {
	if column < len(l.headings) && l.headings[column].text != "" {
		return fmt.Sprintf("column %q", clip(l.headings[column].text))
	}
	return fmt.Sprintf("column %d", column+1)
}

// label is the heading of a column, else its number.
func (l *layout) label(column int) string {
	if column < len(l.headings) && l.headings[column].text != "" {
		return l.headings[column].text
	}
	return fmt.Sprint(column + 1)
}

// stated is a column as the config would state it.
func (l *layout) stated(column int) string {
	if column < len(l.headings) && l.headings[column].text != "" {
		return fmt.Sprintf("%q", l.headings[column].text)
	}
	return fmt.Sprint(column + 1)
}

// match is what a row would be as a header.
type match struct {
	layout
	twice [fieldCount][2]int // two columns with equally good headings; {-1, -1} = none
	wide  wide               // empty where the config says which column is the quantity
}

// match maps the columns of a row of headings: what the config states, what the preset knows, and what is recognised. A
// nil row is an export without a header, of width columns.
func (r *rules) match(cells []heading, width int) match {
	m := match{layout: layout{width: width, headings: cells, elseUPC: -1, variants: variants{group: -1}}}
	m.preset = r.presetOf(cells)
	taken := make([]bool, width)
	settled := func(f Field) bool { // by the config or by the preset
		_, stated := r.columns[f]
		return stated || m.column[f] >= 0
	}
	for f := range fieldCount {
		m.column[f], m.twice[f] = -1, [2]int{-1, -1}
		c, stated := r.columns[f]
		switch {
		case !r.wants(f):
			continue
		case stated && !c.isPattern():
			m.column[f], m.twice[f] = c.find(cells, width)
		case !stated:
			m.column[f] = m.preset.find(f, cells)
			if all := m.preset.findAll(UPC, cells); f == UPC && len(all) > 1 {
				m.elseUPC = all[1]
			}
		}
		if m.column[f] >= 0 {
			taken[m.column[f]] = true
		}
	}
	w := r.findWide(cells)
	for _, i := range r.storeHeadings(cells) { // a store may be called Outlet
		taken[i] = true
	}
	if w.bare { // a location may be called Shop, or Stock
		for _, i := range w.stores {
			taken[i] = true
		}
	}
	for f := range fieldCount {
		if !settled(f) && r.wants(f) && !(f == Width && isParcel(cells)) {
			m.recognise(f, cells, taken)
		}
	}
	m.findQuantities(r, w)
	m.findVariants(cells)
	m.skips = m.preset.skipsIn(cells)
	m.dropUnseen()
	if m.column[SKU] < 0 {
		m.column[Size], m.column[Width] = -1, -1
		m.twice[Size], m.twice[Width] = [2]int{-1, -1}, [2]int{-1, -1}
	}
	return m
}

// storeHeadings are the headings that are stores' words in the config, where there are several.
func (r *rules) storeHeadings(cells []heading) (columns []int) {
	for i, h := range cells {
		if r.isStore(h.folded) {
			columns = append(columns, i)
		}
	}
	if len(columns) < 2 {
		return nil
	}
	return columns
}

// findQuantities finds columns that are the quantity of one store or size each.
func (m *match) findQuantities(r *rules, w wide) {
	c, stated := r.columns[Quantity]
	pattern := c.Heading
	if !stated {
		pattern = m.preset.pattern(m.headings)
	}
	switch {
	case Column{Heading: pattern}.isPattern() && (stated || r.stores != nil):
		m.spreadBy(r, pattern)
		if m.wide = w; stated {
			m.wide = wide{}
		}
	case stated || m.preset.find(Quantity, m.headings) >= 0:
	default:
		if m.column[Size] >= 0 {
			w.sizes = nil
		}
		m.wide = w
		m.findSpread(r, w)
	}
}

// dropUnseen leaves out stated columns that no record has had so far, where nothing else makes up for them: the quantity, and
// what names the product.
func (m *match) dropUnseen() {
	seen := func(f Field) bool { return m.column[f] >= 0 && !m.unseen(f) }
	if m.unseen(Quantity) {
		m.column[Quantity] = -1
	}
	if !seen(UPC) && !seen(SKU) {
		for _, f := range []Field{UPC, SKU} {
			if m.unseen(f) {
				m.column[f] = -1
			}
		}
	}
}

// unseen says that a field's column is one that no record has had so far.
func (m *match) unseen(f Field) bool {
	c := m.column[f]
	return c >= 0 && c < len(m.headings) && m.headings[c].unseen
}

// find finds a stated column: the one with just that heading, else the one whose folded heading is the same.
func (c Column) find(cells []heading, width int) (column int, twice [2]int) {
	twice = [2]int{-1, -1}
	if c.Number > 0 {
		if c.Number > width {
			return -1, twice
		}
		return c.Number - 1, twice
	}
	stated := newHeading(c.Heading)
	for _, same := range []func(heading) bool{
		func(h heading) bool { return strings.EqualFold(h.text, stated.text) },
		func(h heading) bool { return h.folded == stated.folded && h.folded != "" },
	} {
		i := slices.IndexFunc(cells, same)
		if i < 0 {
			continue
		}
		if j := slices.IndexFunc(cells[i+1:], same); j >= 0 {
			twice = [2]int{i, i + 1 + j}
		}
		return i, twice
	}
	return -1, twice
}

// recognise finds the column with the best heading for a field.
func (m *match) recognise(f Field, cells []heading, taken []bool) {
	best, second := -1, -1
	for i, cell := range cells {
		k := cell.rank(f)
		if k < 0 || taken[i] {
			continue
		}
		switch at := m.column[f]; {
		case at < 0:
			m.column[f], best = i, k
		case k == best:
			if m.twice[f][0] < 0 {
				m.twice[f] = [2]int{at, i}
			}
		case k < best:
			m.elseUPC, second = m.better(f, at), best
			m.column[f], best, m.twice[f] = i, k, [2]int{-1, -1}
		case second < 0 || k < second:
			m.elseUPC, second = m.better(f, i), k
		}
	}
}

// isParcel says that headings are those of a parcel's measures, so that its width is not the product's.
func isParcel(cells []heading) bool { return parcelMeasures(cells) > 0 }

// parcelMeasures counts the measures of a parcel that are not its width. With one alone the width may be the product's.
func parcelMeasures(cells []heading) (n int) {
	for _, h := range cells {
		if slices.Contains([]string{"length", "height", "longueur", "hauteur", "depth"}, h.bare) {
			n++
		}
	}
	return n
}

// better is the second column of bar codes, where f has one.
func (m *match) better(f Field, column int) int {
	if f == UPC {
		return column
	}
	return m.elseUPC
}

// named says that the columns can name a product.
func (m *match) named() bool { return m.column[UPC] >= 0 || m.column[SKU] >= 0 }

// isHeader says that a row can be the header: it has a quantity, and something that names the product.
func (m *match) isHeader() bool { return m.column[Quantity] >= 0 && m.named() }

// positional says that the config gives numbers for the quantity and for all that names the product, so that no heading
// is left to tell the header by.
func (r *rules) positional() bool {
	if r.columns[Quantity].Number == 0 {
		return false
	}
	upc, sku := r.columns[UPC], r.columns[SKU]
	return upc.Heading == "" && sku.Heading == "" && (r.wants(UPC) && upc.Number > 0 || r.wants(SKU) && sku.Number > 0)
}

// check says why a row cannot be used as the header.
func (r *rules) check(m *match) error {
	for f := range fieldCount {
		if t := m.twice[f]; t[0] >= 0 {
			refused := &Refused{
				Code:   RefusedAmbiguous,
				Reason: fmt.Sprintf("two columns could be the %s: %s (column %d) and %s (column %d)", f, m.name(t[0]), t[0]+1, m.name(t[1]), t[1]+1),
				Write:  fmt.Sprintf("columns: {%s: ...}", f),
			}
			if strings.EqualFold(m.headings[t[0]].text, m.headings[t[1]].text) {
				refused.Reason += "; only their numbers tell them apart"
			}
			return refused
		}
	}
	if !m.isHeader() {
		return r.unrecognised(m)
	}
	if t, twice := m.spread.sameTwice(r.addUp()); twice {
		return &Refused{
			Code: RefusedAmbiguous,
			Reason: fmt.Sprintf("%s (column %d) and %s (column %d) are both of one %s: they may be two measures, or have another heading above them",
				m.name(t[0]), t[0]+1, m.name(t[1]), t[1]+1, m.spread.by),
			Write: "columns: {quantity: ...}",
		}
	}
	if refused := r.movements(m); refused != nil {
		return refused
	}
	if c, stated := r.columns[Store]; !m.hasStore() && (stated || !r.given[Store]) {
		refused := &Refused{Code: RefusedStore, Reason: "no store column was recognised", Write: `defaults: {store: "..."}`, headed: true}
		if column := m.candidate(Store); column != "..." {
			refused.Reason += ", but " + m.quoted(m.ambiguous(Store)) + " may be it (where that is a shelf or a bin: `defaults: {store: \"...\"}`)"
			refused.Write = "columns: {store: " + column + "}"
		}
		if stated {
			refused.Reason = fmt.Sprintf("the store's column %s is not in the export%s", c, m.found())
			if c.Number > 0 {
				refused.Reason = fmt.Sprintf("the config says that the store is in column %d, but the export has %s%s", c.Number, columns(m.width), m.found())
			}
			refused.Code, refused.Write = RefusedColumn, "columns: {store: ...}"
		}
		return refused
	}
	return nil
}

// unrecognised explains a header that lacks what every row needs.
func (r *rules) unrecognised(m *match) error {
	missing := func(f Field) string {
		if c, stated := r.columns[f]; stated {
			if c.Number > 0 {
				return fmt.Sprintf("the config says that the %s is in column %d, but the export has %s", f, c.Number, columns(m.width))
			}
			switch out := m.spread.leftOut; {
			case c.isPattern() && len(out) > 0 && m.spread.by == Store:
				return fmt.Sprintf("%s are there for the quantity column %s, but none of their stores is one of the words under `stores` in the config", m.quoted(out), c)
			case c.isPattern():
				return fmt.Sprintf("no heading is one of the quantity columns %s", c)
			}
			return fmt.Sprintf("the %s column %s is not in the export", f, c)
		}
		return fmt.Sprintf("no %s column was recognised%s", f, m.maybe(f))
	}
	if len(r.columns) == 0 {
		if refused := m.headless(); refused != nil {
			return refused
		}
	}
	refused := &Refused{Code: RefusedHeader}
	var reasons, write []string
	if m.column[Quantity] < 0 {
		if refused := m.wide.refuse(r, m); refused != nil {
			return refused
		}
		reasons = append(reasons, missing(Quantity))
		write = append(write, "quantity: "+m.candidate(Quantity))
		if _, stated := r.columns[Quantity]; stated {
			refused.Code = RefusedColumn
		}
	}
	if !m.named() {
		by := UPC
		for _, f := range []Field{UPC, SKU} {
			if !r.wants(f) {
				continue
			}
			reasons = append(reasons, missing(f))
			if _, stated := r.columns[f]; stated {
				refused.Code = RefusedColumn
			}
			if !r.wants(UPC) || m.candidate(by) == "..." && m.candidate(f) != "..." {
				by = f
			}
		}
		write = append(write, by.String()+": "+m.candidate(by))
	}
	refused.Reason = strings.Join(reasons, "; ") + m.found()
	refused.Write = "columns: {" + strings.Join(write, ", ") + "}"
	return refused
}

// columns is a number of columns in words.
func columns(n int) string {
	if n == 1 {
		return "1 column"
	}
	return fmt.Sprintf("%d columns", n)
}

// ambiguous are the columns whose headings can mean the field, or something else.
func (m *match) ambiguous(f Field) (columns []int) {
	for i, h := range m.headings {
		if h.mayBe(f) || f == Quantity && slices.Contains(m.wide.stores, i) {
			columns = append(columns, i)
		}
	}
	return columns
}

// candidate is the first ambiguous heading for a field, as the config would state it; else "...".
func (m *match) candidate(f Field) string {
	if columns := m.ambiguous(f); len(columns) > 0 {
		return fmt.Sprintf("%q", m.headings[columns[0]].text)
	}
	return "..."
}

// maybe names the ambiguous headings for a field.
func (m *match) maybe(f Field) string {
	columns := m.ambiguous(f)
	if len(columns) == 0 {
		return ""
	}
	return " (" + m.quoted(columns) + " may be it, but can mean something else)"
}

// found names the headings, for a message.
func (m *match) found() string {
	if len(m.headings) == 0 {
		return ""
	}
	const most = 30
	headings := slices.DeleteFunc(slices.Clone(m.headings), func(h heading) bool { return h.unseen })
	names := make([]string, 0, most)
	for _, h := range headings[:min(most, len(headings))] {
		names = append(names, fmt.Sprintf("%q", clip(h.text)))
	}
	more := ""
	if n := len(headings) - most; n > 0 {
		more = fmt.Sprintf(" and %d more", n)
	}
	if m.line == 0 {
		return fmt.Sprintf("; its records have the fields %s%s", strings.Join(names, ", "), more)
	}
	return fmt.Sprintf("; line %d has the headings %s%s", m.line, strings.Join(names, ", "), more)
}

// familiar is how many headings of a row are known for anything: how much it looks like a header.
func familiar(cells []heading) int {
	n := 0
	for _, cell := range cells {
		for f := range fieldCount {
			if cell.rank(f) >= 0 || cell.mayBe(f) || cell.vetoed(f) {
				n++
				break
			}
		}
	}
	return n
}

// passedOver are the headings that look like a field and are not read: those that a veto kept from it, and of quantities all
// that might be one.
func (r *rules) passedOver(l *layout) []string {
	var names []string
	read := map[int]bool{}
	for _, i := range slices.Concat(l.column[:], l.quantities(), l.spread.leftOut) {
		read[i] = true
	}
	for i, h := range l.headings {
		if read[i] || slices.Contains(names, clip(h.text)) {
			continue
		}
		over := h.mayBe(Quantity) || h.rank(Quantity) >= 0 || h.rank(Width) >= 0 && isParcel(l.headings)
		for f := range fieldCount {
			over = over || h.vetoed(f)
		}
		if over {
			names = append(names, clip(h.text))
		}
	}
	return names
}

// clip cuts what is shown of a strange text.
func clip(s string) string {
	const most = 60 // bytes
	if len(s) <= most {
		return s
	}
	cut := most
	for cut > 0 && s[cut]&0xC0 == 0x80 {
		cut--
	}
	return s[:cut] + "…"
}

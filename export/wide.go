package export

import (
	"fmt"
	"slices"
	"strings"
)

// wide is what a header tells of columns that are the quantity of one store, or of one size, each. They must not be read as
// one store's, or as one size's.
type wide struct {
	stores []int  // columns whose headings name a store, such as `In stock [Main]`, of one family
	stem   string // what those headings share, folded
	sure   bool   // nothing else is named so
	bare   bool   // the headings are the stores' names alone
	sizes  []int  // columns whose headings are sizes
}

// findWide looks for the widest family of such columns.
func findWide(cells []heading) (w wide) {
	if w.stores = shopifyLocations(cells); len(w.stores) > 0 {
		w.sure, w.bare = true, true
		return w
	}
	families := map[string]*wide{}
	for i, cell := range cells {
		stem, _, sure := cell.perStore()
		if stem == "" {
			continue
		}
		if families[stem] == nil {
			families[stem] = &wide{stem: strings.Trim(stem, "[]*"), sure: true}
		}
		f := families[stem]
		f.stores, f.sure = append(f.stores, i), f.sure && sure
	}
	for _, f := range families {
		alone := len(f.stores) == 1 && cells[f.stores[0]].unit // `In stock [pcs]` names no store
		better := len(f.stores) > len(w.stores) || len(f.stores) == len(w.stores) && f.stores[0] < w.stores[0]
		if !alone && (f.sure && !w.sure || f.sure == w.sure && better) {
			w = *f
		}
	}
	for i, cell := range cells {
		if isSizeHeading(cell.folded) {
			w.sizes = append(w.sizes, i)
		}
	}
	return w
}

// surelySizes says that the columns are sizes by their headings alone: half sizes or letters are among them. Whole numbers may
// be weeks, months or days.
func (w *wide) surelySizes(cells []heading) bool {
	return slices.ContainsFunc(w.sizes, func(i int) bool { return !isDigits([]byte(cells[i].folded)) })
}

// hides says that the column of the quantity is one of several, or perhaps the total of them.
func (w *wide) hides(quantity int, cells []heading) bool {
	several := len(w.stores) > 1 && (w.sure || w.stem == cells[quantity].folded || slices.Contains(w.stores, quantity))
	return several || len(w.sizes) >= fewSizes
}

// fewSizes is how many columns must be named for sizes to be taken for that: a number may be the heading of anything.
const fewSizes = 3

// shopifyLocations are the columns that an old inventory export of Shopify has for its locations: those after the SKU.
// They are known by nothing else.
func shopifyLocations(cells []heading) (columns []int) {
	at := func(folded string) int {
		return slices.IndexFunc(cells, func(h heading) bool { return h.folded == folded })
	}
	sku := at("sku")
	if sku < 0 || at("handle") < 0 || at("option1 value") < 0 || at("on hand") >= 0 || at("on hand current") >= 0 || at("available") >= 0 || at("available not editable") >= 0 {
		return nil
	}
	for i := sku + 1; i < len(cells); i++ {
		if f := cells[i].folded; f != "" && !slices.Contains([]string{"hs code", "coo", "barcode", "location", "bin name"}, f) {
			columns = append(columns, i)
		}
	}
	return columns
}

// perStore parts a heading such as `inventory_Main_Outlet` into the name of the store and what it says besides, folded; ""
// where it names none. Those before the name, behind it and around it are told apart. It is sure where nothing else is
// named so.
func (h heading) perStore() (stem, name string, sure bool) {
	if open, after, ok := strings.Cut(h.text, "["); ok {
		if name, rest, ok := strings.Cut(after, "]"); ok && fold(name) != "" {
			if stem := fold(open + " " + rest); isQuantity(stem) {
				return "[" + stem + "]", strings.TrimSpace(name), true
			}
		}
	}
	if h.rank(Quantity) >= 0 || h.mayBe(Quantity) || h.vetoed(Quantity) || h.folded == "" {
		return "", "", false
	}
	for _, known := range headings[Quantity].best {
		if rest, ok := strings.CutPrefix(h.folded, known+" "); ok && len(known) > len(stem) && isStoreName(rest) {
			stem, name = known, h.unfolded(rest, false)
			sure = known == "current quantity" || isDigits([]byte(rest)) || known == "inventory" && strings.HasPrefix(strings.ToLower(h.text), "inventory_")
		}
	}
	if stem != "" {
		return stem, name, sure
	}
	for _, known := range headings[Quantity].best {
		if rest, ok := strings.CutSuffix(h.folded, " "+known); ok && len(known) >= len(stem) && isStoreName(rest) {
			stem, name = "*"+known, h.unfolded(rest, true)
		}
	}
	return stem, name, false
}

// unfolded is the part of the heading that folded reads as, at its beginning or at its end, with blanks where the POS may
// have none.
func (h heading) unfolded(folded string, first bool) string {
	for i := range h.text {
		part := h.text[i:]
		if first {
			part = h.text[:len(h.text)-i]
		}
		if fold(part) == folded {
			part = strings.Trim(part, " -_/.:")
			if strings.HasPrefix(h.text, "inventory_") { // as X-Series writes `Main Outlet`
				part = strings.ReplaceAll(part, "_", " ")
			}
			return part
		}
	}
	return folded
}

// storeName is the store that a heading of the family names.
func (h heading) storeName(w wide) string {
	if w.bare {
		return h.text
	}
	_, name, _ := h.perStore()
	return name
}

// pattern is what the family's headings have in common, as the config would state it.
func (w *wide) pattern(cells []heading) string {
	if len(w.stores) == 0 || w.bare {
		return storeMark
	}
	text := cells[w.stores[0]].text
	_, name, _ := cells[w.stores[0]].perStore()
	for _, written := range []string{name, strings.ReplaceAll(name, " ", "_")} {
		if i := strings.LastIndex(text, written); i >= 0 {
			return text[:i] + storeMark + text[i+len(written):]
		}
	}
	return storeMark
}

// isQuantity says that a folded heading is known as one of a quantity.
func isQuantity(folded string) bool {
	return slices.Contains(headings[Quantity].best, folded) || slices.Contains(headings[Quantity].maybe, folded)
}

// isStoreName says that what a heading has besides a quantity's may name a store: it is none of the words that say which
// quantity it is.
func isStoreName(name string) bool {
	for _, word := range strings.Fields(name) {
		if slices.Contains(noStoreNames, strings.Trim(word, ":")) {
			return false
		}
	}
	return true
}

var noStoreNames = strings.Fields("value cost price retail amount sold sale sales order ordered orders committed commit allocated reserved available avail unavailable " +
	"total all transit incoming backorder backordered unit units uom measure type status state date min max minimum maximum alert level tracking track tracked tracker policy " +
	"per pack packs case box inner adjust adjustment adjusted number no code id control on of in to from by for new old last first low safety reorder restock count counted " +
	"received returned purchased damaged display weight variance change day days week month year ytd mtd average avg turn turns account asset item items po bo hand hnd book " +
	"physical point planned expected forecast free future is has name discount break limit adjusting composite included bin shelf room manage managed " +
	"qty quantity policy management group category department dept class description desc title brand supplier vendor season colour color size width style image url link")

// isSizeHeading says that a folded heading is the size of a shoe or a garment.
func isSizeHeading(folded string) bool {
	if slices.Contains([]string{"xxs", "xs", "s", "m", "l", "xl", "xxl", "2xl", "3xl", "xxxl"}, folded) {
		return true
	}
	whole, half, _ := strings.Cut(folded, " ") // fold makes a blank of the point
	return len(whole) <= 2 && isDigits([]byte(whole)) && (half == "" || half == "5")
}

// refuse asks for what the config must say of such columns. It is nil where the quantity is missing for another reason.
func (w *wide) refuse(r *rules, m *match) *Refused {
	switch {
	case len(w.sizes) >= fewSizes && m.column[SKU] >= 0:
		return &Refused{
			Code: RefusedWide,
			Reason: fmt.Sprintf("%s has a column for each of %s: those may be sizes, or months, weeks or days; only where they are sizes, and the figures are what is in stock",
				m.where(), m.quoted(w.sizes)),
			Write: fmt.Sprintf("columns: {quantity: %q}", sizeMark),
		}
	case len(w.sizes) >= fewSizes && m.named():
		return &Refused{
			Code: RefusedWide,
			Reason: fmt.Sprintf("%s has a column for each size (%s), but none with the SKU that the sizes are of: one UPC cannot be that of every size",
				m.where(), m.quoted(w.sizes)),
			Write: "columns: {sku: " + m.candidate(SKU) + "}",
		}
	case len(w.stores) == 0 || len(w.stores) == 1 && !w.sure:
		return nil
	}
	var names, lacking []string
	for _, i := range w.stores {
		name := m.headings[i].storeName(*w)
		names = append(names, fmt.Sprintf("%q: \"...\"", name))
		lacking = append(lacking, fmt.Sprintf("%q", clip(name)))
	}
	refused := &Refused{Code: RefusedWide, Write: "stores: {" + strings.Join(names, ", ") + "}"}
	if r.stores != nil {
		refused.Reason = fmt.Sprintf("%s has a quantity for each store, in a column each (%s), but none of their names (%s) is one of the words under `stores` in the config",
			m.where(), m.quoted(w.stores), strings.Join(lacking, ", "))
	} else {
		refused.Reason = fmt.Sprintf("%s has a quantity for each store, in a column each (%s); the config must give each store's code, and may leave out stores that the API does not have",
			m.where(), m.quoted(w.stores))
	}
	return refused
}

// where says what has the headings.
func (m *match) where() string {
	if m.line == 0 {
		return "the export"
	}
	return fmt.Sprintf("line %d", m.line)
}

// quoted names columns by their headings, the first few of them.
func (m *match) quoted(columns []int) string {
	const most = 4
	var names []string
	for _, c := range columns[:min(most, len(columns))] {
		names = append(names, fmt.Sprintf("%q", clip(m.headings[c].text)))
	}
	text := strings.Join(names, ", ")
	if more := len(columns) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

package export

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
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

// findWide looks for the widest family of such columns. What the config has under `stores` is a store's name, whatever else it
// might mean.
func (r *rules) findWide(cells []heading) (w wide) {
	if w.stores = shopifyLocations(cells); len(w.stores) > 0 {
		w.sure, w.bare = true, true
		return w
	}
	families := map[string]*wide{}
	for i, cell := range cells {
		stem, _, sure := cell.perStore(r.isStore)
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
		if isSizeHeading(cell.text) && !r.isStore(cell.folded) {
			w.sizes = append(w.sizes, i)
		}
	}
	return w
}

// isStore says that a folded name may be a store's: it is one of the config's, or none of the words that say which quantity
// a heading means.
func (r *rules) isStore(name string) bool { return r.byHeading[name] != nil }

// surelySizes says that the columns are sizes by their headings alone: half sizes are among them, or the letters of garments.
// Whole numbers may be weeks, months or days, single letters days of the week; and where there is a 7 and a 75, the point of
// 7.5 is lost.
func (w *wide) surelySizes(cells []heading) bool {
	sure := false
	for _, i := range w.sizes {
		text := strings.ToLower(cells[i].text)
		sure = sure || len(text) > 1 && !isDigits([]byte(text)) || text == "l"
		if isDigits([]byte(text)) && slices.ContainsFunc(w.sizes, func(j int) bool { return cells[j].text == text+"5" }) {
			return false
		}
	}
	return sure
}

// countUp says that the columns are 1, 2, 3 and so on: stores or months as well as sizes.
func (w *wide) countUp(cells []heading) bool {
	for i, column := range w.sizes {
		if strings.TrimLeft(cells[column].text, "0") != fmt.Sprint(i+1) {
			return false
		}
	}
	return true
}

// hides says that the column of the quantity is one of several, or perhaps the total of them.
func (w *wide) hides() bool {
	return len(w.stores) > 1 || len(w.sizes) >= fewSizes
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
	if at("barcode") > sku || at("price") >= 0 || at("variant price") >= 0 {
		return nil // another list of Shopify's
	}
	for i := sku + 1; i < len(cells); i++ {
		if f := cells[i].folded; f != "" && !slices.Contains([]string{"hs code", "coo", "location", "bin name", "cost", "price", "barcode", "vendor", "weight"}, f) && !cells[i].vetoed(Quantity) {
			columns = append(columns, i)
		}
	}
	return columns
}

// perStore parts a heading such as `inventory_Main_Outlet` into the name of the store and what it says besides, folded; ""
// where it names none. Those before the name, behind it and around it are told apart. It is sure where nothing else is
// named so.
func (h heading) perStore(isStore func(folded string) bool) (stem, name string, sure bool) {
	is := func(name string) bool { return isStore(name) || isStoreName(name) }
	if open, after, ok := strings.Cut(h.text, "["); ok {
		if name, rest, ok := strings.Cut(after, "]"); ok && is(fold(name)) {
			if stem := fold(open + " " + rest); isQuantity(stem) {
				return "[" + stem + "]", strings.TrimSpace(name), true
			}
		}
	}
	if h.rank(Quantity) >= 0 || h.mayBe(Quantity) || h.vetoed(Quantity) || h.folded == "" {
		return "", "", false
	}
	for _, known := range headings[Quantity].best {
		if rest, ok := strings.CutPrefix(h.folded, known+" "); ok && len(known) > len(stem) && is(rest) {
			stem, name = known, h.unfolded(rest, false)
			sure = known == "current quantity" || isDigits([]byte(rest)) || known == "inventory" && strings.HasPrefix(strings.ToLower(h.text), "inventory_")
		}
	}
	if stem != "" {
		return stem, name, sure
	}
	for _, known := range headings[Quantity].best {
		if rest, ok := strings.CutSuffix(h.folded, " "+known); ok && len(known) >= len(stem) && is(rest) {
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
	_, name, _ := h.perStore(func(string) bool { return true })
	return name
}

// pattern is what the family's headings have in common, as the config would state it.
func (w *wide) pattern(cells []heading) string {
	if len(w.stores) == 0 || w.bare {
		return storeMark
	}
	text := cells[w.stores[0]].text
	_, name, _ := cells[w.stores[0]].perStore(func(string) bool { return true })
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

// isStoreName says that what a heading has besides a quantity's may name a store: it has a letter or a digit, and is none of
// the words that say which quantity it is. Some of those are in the names of towns, which have another word.
func isStoreName(name string) bool {
	words := strings.Fields(name)
	townLike := 0
	for _, word := range words {
		switch word = strings.Trim(word, ":"); {
		case slices.Contains(townWords, word):
			townLike++
		case slices.Contains(noStoreNames, word):
			return false
		}
	}
	if len(words) > 1 && !slices.ContainsFunc(words, func(word string) bool { return !isDigits([]byte(word)) }) {
		return false // a date
	}
	return len(words) > townLike && strings.ContainsFunc(name, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) })
}

var noStoreNames = strings.Fields("minimale maximale minimal maximal minima massima massimo minimo maxima maximo securite alerte seguridad sicurezza vendue vendu vendus recue recu vrije technische soll vorjahr " +
	"actual indented projected planned op cl ly ty py par need needed target ideal suggested gewenst besteld verkocht gereserveerd libre livre bloqueado value cost price retail amount sold sale sales order ordered orders committed commit allocated reserved available avail unavailable " +
	"total transit incoming backorder backordered unit units uom measure type status state date min minimum maximum alert level tracking track tracked tracker policy " +
	"per pack packs case cases inner adjust adjustment adjusted number no code id control on of in to from by for low safety reorder restock count counted " +
	"received returned purchased damaged display weight variance change day days week month year ytd mtd average avg turn turns turnover account asset item items po bo hand hnd book " +
	"physical planned expected forecast future is has name discount break limit adjusting composite included bin shelf manage managed " +
	"qty quantity management group category department dept class description desc title brand supplier vendor season colour color size width style image url link " +
	"threshold eur usd gbp cad aud chf wholesale source ref reference flag enabled mode ts timestamp time age margin reserve hold layaway layby lead due sku target opening closing percent beginning ending avl oo oh physique disponible reel gesamt bestellt reserviert verfugbar disponibile reservado difference")

// townWords are words that say which quantity a heading means, and are in names: New York, Old Town, Point Loma, Back Bay.
var townWords = strings.Fields("new old point first last free max box all back room change")

// isSizeHeading says that a heading is the size of a shoe or a garment, and hardly anything else.
func isSizeHeading(text string) bool {
	if isLetterSize(text) {
		return true
	}
	whole, fraction := cutFraction(text)
	return len(whole) <= 2 && isDigits([]byte(whole)) && fraction
}

// isSizeLike says that a heading among sizes is one too: also those of children, and those that have a range.
func isSizeLike(text string) bool {
	text = strings.ToLower(strings.TrimSpace(text))
	if isSizeHeading(text) || slices.Contains([]string{"os", "one size", "onesize"}, text) {
		return true
	}
	parts := strings.FieldsFunc(text, func(r rune) bool { return r == '/' || r == '-' })
	if len(parts) == 2 && isSizeHeading(parts[0]) && isSizeHeading(parts[1]) && !strings.ContainsAny(text, " ") {
		return true
	}
	number := strings.TrimRight(text, "cykt")
	if len(text)-len(number) == 1 && isSizeHeading(number) && !isLetterSize(number) {
		return true
	}
	return len(text) == 3 && isDigits([]byte(text)) && text >= "100" && text <= "200" // heights of children
}

func isLetterSize(text string) bool {
	return slices.Contains([]string{"xxs", "xs", "s", "m", "l", "xl", "xxl", "xxxl", "2xl", "3xl", "4xl", "5xl", "6xl"}, strings.ToLower(text))
}

// cutFraction cuts a half, or a third, off a size; ok is false where something else follows the whole.
func cutFraction(text string) (whole string, ok bool) {
	whole = strings.TrimLeft(text, "0123456789")
	whole, rest := text[:len(text)-len(whole)], whole
	return whole, slices.Contains([]string{"", ".5", ",5", "½", " ½", " 1/2", "-1/2", " 1/3", " 2/3", "⅓", "⅔", " ⅓", " ⅔", ".0"}, rest)
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
	switch {
	case m.column[Store] >= 0:
		refused.Reason = fmt.Sprintf("%s has a quantity for each store, in a column each (%s), and %s for the store as well: which of them tells the store is not certain",
			m.where(), m.quoted(w.stores), m.name(m.column[Store]))
		refused.Write = fmt.Sprintf("columns: {quantity: %q}", w.pattern(m.headings))
		if q := m.plainQuantity(w.stores); q >= 0 {
			refused.Reason = fmt.Sprintf("%s has %s, and beside it %s, which may be other figures or other stores'; only where it is what is in stock at the %s",
				m.where(), m.name(q), m.quoted(w.stores), m.name(m.column[Store]))
			refused.Write = fmt.Sprintf("columns: {quantity: %q}", m.headings[q].text)
		}
	case r.stores != nil:
		refused.Reason = fmt.Sprintf("%s has a quantity for each store, in a column each (%s), but none of their names (%s) is one of the words under `stores` in the config",
			m.where(), m.quoted(w.stores), strings.Join(lacking, ", "))
	default:
		refused.Reason = fmt.Sprintf("%s has a quantity for each store, in a column each (%s); the config must give each store's code, and may leave out stores that the API does not have",
			m.where(), m.quoted(w.stores))
	}
	return refused
}

// plainQuantity is the best heading of a quantity that names no store; -1 = there is none.
func (m *match) plainQuantity(stores []int) int {
	best := -1
	for i, h := range m.headings {
		if k := h.rank(Quantity); k >= 0 && !slices.Contains(stores, i) && (best < 0 || k < m.headings[best].rank(Quantity)) {
			best = i
		}
	}
	return best
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

package export

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// preset is what is known of the exports of one POS: which of its headings serves which field, where the headings alone do
// not say it. It is data; what is the same for all systems is in headings.
type preset struct {
	name    string // in the config
	system  string
	grade   byte                // of FORMATS: S = from a real sample, D = from the vendor's documentation
	needs   []string            // headings, folded, all of which an export has that it is recognised by; nil = by its name alone
	orElse  []string            // other headings that it is recognised by as well
	columns map[Field][]string  // headings, the best first; with a pattern for a column for each store
	skip    map[string][]string // by heading: what it says in rows that say nothing of the stock; "" = it is blank
	options Options             // what the config may leave out; of it the words and the columns
	places  bool                // the stores are named as people name them, not by codes
	says    string              // what a person must know
}

// presets are in the order in which they are tried: what needs more headings stands before what needs less.
var presets = []preset{
	{
		name: "lightspeed-r", system: "Lightspeed Retail (R-Series)", grade: 'S',
		needs:   []string{"system id", "custom sku", "manufact sku", "qty"},
		columns: map[Field][]string{UPC: {"UPC", "EAN"}, SKU: {"Custom SKU"}, Quantity: {"Qty."}},
		says:    "one file for each shop, without a column for it: the config says which; sizes are in the item's text only, so that products go by their UPC",
	},
	{
		name: "lightspeed-x", system: "Lightspeed Retail (X-Series, Vend)", grade: 'S',
		needs:   []string{"handle", "sku", "variant option one name", "variant option one value", "track inventory"},
		columns: map[Field][]string{UPC: {"sku"}, SKU: {"sku"}, Quantity: {"inventory_" + storeMark}},
		skip:    map[string][]string{"track inventory": {"0", "false", "no"}},
		says:    "it has no column of bar codes; its SKU is one where it is a valid UPC",
	},
	{
		name: "shopify-inventory", system: "Shopify, inventory export", grade: 'S',
		needs:   []string{"handle", "option1 name", "sku", "location"},
		columns: map[Field][]string{SKU: {"SKU"}, Store: {"Location"}, Quantity: {"On hand (current)", "On hand"}},
		places:  true,
		says:    "a row for each variant and location; it has no bar codes",
	},
	{
		name: "shopify-products", system: "Shopify, product export", grade: 'S',
		needs:   []string{"handle", "variant sku", "variant inventory qty", "variant inventory tracker"},
		columns: map[Field][]string{UPC: {"Variant Barcode"}, SKU: {"Variant SKU"}, Quantity: {"Variant Inventory Qty"}},
		skip:    map[string][]string{"variant inventory tracker": {""}},
		says:    "its quantity is the sum of all locations",
	},
	{
		name: "shopify-products-new", system: "Shopify, products with the newer headings", grade: 'D',
		needs:   []string{"url handle", "option1 name", "inventory tracker", "inventory quantity"},
		columns: map[Field][]string{UPC: {"Barcode"}, SKU: {"SKU"}, Quantity: {"Inventory quantity"}},
		skip:    map[string][]string{"inventory tracker": {""}},
		says:    "its quantity is the sum of all locations",
	},
	{
		name: "shopify-inventory-old", system: "Shopify, inventory export with a column for each location", grade: 'S',
		needs:   []string{"handle", "option1 name", "option1 value", "sku"},
		columns: map[Field][]string{SKU: {"SKU"}},
		says:    "its locations are the columns after the SKU",
	},
	{
		name: "square", system: "Square, item library", grade: 'S',
		needs:   []string{"token", "item name", "variation name", "sku"},
		columns: map[Field][]string{UPC: {"GTIN"}, SKU: {"SKU"}, Quantity: {"Current Quantity " + storeMark, "Current Quantity"}},
	},
	{
		name: "clover", system: "Clover", grade: 'S',
		needs:   []string{"clover id", "product code", "quantity"},
		columns: map[Field][]string{UPC: {"Product Code"}, SKU: {"SKU"}, Quantity: {"Quantity"}},
	},
	{
		name: "loyverse", system: "Loyverse", grade: 'S',
		needs:   []string{"handle", "sku of included item", "barcode"},
		columns: map[Field][]string{UPC: {"Barcode"}, SKU: {"SKU"}, Quantity: {"In stock [" + storeMark + "]", "In stock"}},
		skip:    map[string][]string{"track stock": {"n", "no"}},
	},
	{
		name: "woocommerce", system: "WooCommerce, product export", grade: 'S',
		needs:   []string{"id", "type", "sku", "in stock?", "stock", "parent"},
		columns: map[Field][]string{UPC: {"GTIN, UPC, EAN, or ISBN"}, SKU: {"SKU"}, Quantity: {"Stock"}},
		skip:    map[string][]string{"type": {"variable", "grouped", "external"}},
	},
	{
		name: "quickbooks-pos", system: "QuickBooks POS", grade: 'S',
		needs:   []string{"item number", "item name", "qty 1"},
		columns: map[Field][]string{UPC: {"UPC"}, SKU: {"Item Number"}, Size: {"Size"}, Quantity: {"Qty " + storeMark}},
		says:    "`Attribute` may be the width or the colour: where it is the width, `columns: {width: Attribute}`",
	},
	{
		name: "counterpoint", system: "NCR Counterpoint", grade: 'S',
		needs:   []string{"item no", "loc id", "qty on hnd"},
		columns: map[Field][]string{SKU: {"ITEM_NO"}, Store: {"LOC_ID"}, Quantity: {"QTY_ON_HND"}},
	},
	{
		name: "dynamics-rms", system: "Microsoft Dynamics RMS and RMH", grade: 'S',
		needs:   []string{"itemlookupcode", "quantity", "quantitycommitted"},
		columns: map[Field][]string{UPC: {"ItemLookupCode"}, SKU: {"ItemLookupCode"}, Store: {"StoreID"}, Quantity: {"Quantity"}},
		says:    "its lookup code is a UPC or a code of the house",
	},
	{
		name: "retail-pro", system: "Retail Pro", grade: 'D',
		needs:   []string{"alu", "dcs", "siz", "attr", "qty"},
		columns: map[Field][]string{UPC: {"UPC"}, SKU: {"ALU"}, Size: {"SIZ"}, Width: {"ATTR"}, Store: {"STORE_NO"}, Quantity: {"QTY"}},
	},
	{
		name: "nearst", system: "NearSt stock file", grade: 'D',
		needs:   []string{"barcode", "price", "quantity", "currency"},
		columns: map[Field][]string{UPC: {"barcode"}, Store: {"location_id"}, Quantity: {"quantity"}},
	},
	{
		name: "google-local", system: "Google and Microsoft local inventory feeds", grade: 'D',
		needs:   []string{"store code", "itemid", "quantity"},
		orElse:  []string{"store code", "id", "quantity"},
		columns: map[Field][]string{UPC: {"itemid", "id"}, SKU: {"itemid", "id"}, Store: {"store code", "store_code"}, Quantity: {"quantity"}},
		says:    "its quantity may be a placeholder, such as 10 for `in stock`",
	},
	{
		name: "rics", system: "RICS, stock status as CSV with a column for each size", grade: 'D',
		columns: map[Field][]string{Width: {"Row"}, Quantity: {sizeMark}},
	},
	{
		name: "hand-held", system: "Counters by hand-held scanner (RGIS, Washington Inventory)", grade: 'D',
		options: Options{
			Format: "fixed", CheckDigitMissing: true,
			Columns: map[Field]Column{UPC: {From: 1, To: 11}, Quantity: {From: 46, To: 51}},
		},
	},
}

// PresetNames are the words that Options.Preset can be.
func PresetNames() (names []string) {
	for _, p := range presets {
		names = append(names, p.name)
	}
	return names
}

// presetNamed finds a preset by its name.
func presetNamed(name string) (*preset, error) {
	for i := range presets {
		if presets[i].name == name {
			return &presets[i], nil
		}
	}
	return nil, fmt.Errorf("preset: %q is not one of %s", name, strings.Join(PresetNames(), ", "))
}

// presetOf is the preset that the config names, else the one whose headings these are. One that has other headings is none.
func (r *rules) presetOf(cells []heading) *preset {
	switch {
	case len(cells) == 0:
		return nil
	case r.preset != nil && (len(r.preset.needs) == 0 || r.preset.fits(cells)):
		return r.preset
	case r.preset != nil:
		return nil
	}
	for i := range presets {
		if presets[i].fits(cells) {
			return &presets[i]
		}
	}
	return nil
}

func (p *preset) fits(cells []heading) bool {
	all := func(needs []string) bool {
		return len(needs) > 0 && !slices.ContainsFunc(needs, func(needed string) bool {
			return !slices.ContainsFunc(cells, func(h heading) bool { return h.folded == needed })
		})
	}
	return all(p.needs) || all(p.orElse)
}

// find is the column that the preset has for a field; -1 = none.
func (p *preset) find(f Field, cells []heading) int {
	if found := p.findAll(f, cells); len(found) > 0 {
		return found[0]
	}
	return -1
}

// findAll are the columns that the preset has for a field, the best first.
func (p *preset) findAll(f Field, cells []heading) (found []int) {
	if p == nil {
		return nil
	}
	for _, text := range p.columns[f] {
		if c := (Column{Heading: text}); !c.isPattern() {
			if i, twice := c.find(cells, len(cells)); i >= 0 && twice[0] < 0 {
				found = append(found, i)
			}
		}
	}
	return found
}

// pattern is the preset's heading of a column for each store or size, where there are such columns; else "".
func (p *preset) pattern(cells []heading) string {
	if p == nil {
		return ""
	}
	for _, text := range p.columns[Quantity] {
		if !(Column{Heading: text}).isPattern() {
			continue
		}
		mark, by := markOf(text)
		for _, h := range cells {
			if name := nameIn(text, mark, h); name != "" && (by == Store || isSizeLike(name)) {
				return text
			}
		}
	}
	return ""
}

// skip is a column that says in some rows that they say nothing of the stock.
type skip struct {
	column int
	words  []string
}

func (p *preset) skipsIn(cells []heading) (skips []skip) {
	if p == nil {
		return nil
	}
	for i, h := range cells {
		if words := p.skip[h.folded]; words != nil {
			skips = append(skips, skip{i, words})
		}
	}
	return skips
}

// skipped says that the row is one that says nothing of the stock: of a product that is not counted, or of one that only
// its sizes are sold of.
func (p *pipeline) skipped(rec *record) bool {
	for _, s := range p.layout.skips {
		if s.column >= len(rec.fields) {
			continue
		}
		cell := clean(rec.fields[s.column])
		if s.says(cell) {
			return true
		}
		for part := range bytes.SplitSeq(cell, []byte{','}) { // `variable, virtual` is variable too
			if part = clean(part); len(part) > 0 && s.says(part) {
				return true
			}
		}
	}
	return false
}

// says that a text is one of the words.
func (s *skip) says(text []byte) bool {
	return slices.ContainsFunc(s.words, func(word string) bool { return strings.EqualFold(word, string(text)) })
}

// fillIn completes options by what the preset says.
func (p *preset) fillIn(o Options) Options {
	if o.Format == "" || o.Format == "auto" {
		o.Format = p.options.Format
	}
	o.CheckDigitMissing = o.CheckDigitMissing || p.options.CheckDigitMissing
	columns := maps.Clone(p.options.Columns)
	if columns == nil {
		columns = map[Field]Column{}
	}
	maps.Copy(columns, o.Columns)
	o.Columns = columns
	return o
}

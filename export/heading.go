package export

import (
	"slices"
	"strings"
	"sync"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// fold is the form in which headings are compared: lower case, without accents, with one blank for each run of blanks
// and of _ - . / ( ) [ ] :. A # is the word "no": `Item #` is a number, `Item` is a name.
func fold(heading string) string {
	var b strings.Builder
	b.Grow(len(heading))
	blank := false
	for _, r := range norm.NFKD.String(heading) {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9': // almost all are
		case unicode.Is(unicode.Mn, r) || unicode.Is(unicode.Cf, r):
			continue
		case unicode.IsSpace(r) || strings.ContainsRune("_-./()[]:", r):
			blank = true
			continue
		case r == '#':
			if b.Len() > 0 {
				b.WriteByte(' ')
			}
			b.WriteString("no")
			blank = true
			continue
		}
		if blank && b.Len() > 0 {
			b.WriteByte(' ')
		}
		blank = false
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// units are what stands in brackets behind a heading without changing what it means.
var units = []string{"pcs", "pc", "pieces", "units", "unit", "ea", "each", "pairs", "pair", "kg", "g", "lb", "lbs", "oz", "cm", "mm", "m", "in", "inch", "inches", "ft"}

// heading is the heading of a column, in the forms in which it is compared.
type heading struct {
	text   string // without the blanks around it
	folded string
	bare   string // folded, without a unit in brackets at its end
	unit   bool   // that there was one
	unseen bool   // of a format that names its fields: stated, and in none of the first records
	uses   *uses  // what bare is known for; nil = nothing
}

// maxHeading is how many bytes a heading has at most: a longer one is nobody's, and is not worth the work.
const maxHeading = 200

// newHeading folds a heading.
func newHeading(cell string) heading {
	h := heading{text: strings.TrimSpace(cell)}
	if len(h.text) > maxHeading {
		return h
	}
	h.folded = fold(h.text)
	h.bare = h.folded
	for _, pair := range []string{"()", "[]"} {
		if !strings.HasSuffix(h.text, pair[1:]) {
			continue
		}
		if i := strings.LastIndexByte(h.text, pair[0]); i > 0 && slices.Contains(units, fold(h.text[i:])) {
			h.bare, h.unit = fold(h.text[:i]), true
		}
	}
	if h.uses = headingUses()[h.bare]; h.uses == nil && h.isValue() {
		h.uses = valueUses
	}
	return h
}

// isValue says that a quantity's heading has a sign in it by which it is what that is worth, or a share of it: `Stock ($)`,
// `Inventory @ cost`, `Stock %`. What follows an @ may be a store.
func (h heading) isValue() bool {
	i := strings.IndexAny(h.text, "$€£¥%@")
	if i < 0 || h.text[i] == '@' && isStoreName(fold(h.text[i+1:])) {
		return false
	}
	without := strings.Map(func(r rune) rune {
		if strings.ContainsRune("$€£¥%", r) {
			return ' '
		}
		return r
	}, h.text)
	return isQuantity(fold(without)) || isQuantity(fold(h.text[:i]))
}

var valueUses = &uses{veto: [fieldCount]bool{Quantity: true}}

// known is what is known of a field's headings, folded, the best first; those of English systems before others. From
// FORMATS part 3.
type known struct {
	best   []string // taken
	maybe  []string // ambiguous: never taken by themselves, but named when nothing better is there
	veto   []string // looks like it and is not
	noUnit bool     // a unit in brackets makes it something else: `Width (in)` is the parcel's
}

var headings = [fieldCount]known{
	UPC: {
		best: []string{"upc", "upc code", "upccode", "upc full", "upc ean", "ean upc", "upc a", "upc no", "upc number", "gtin", "gtin, upc, ean, or isbn", "gtin, upc, ean ou isbn", "gtin, upc, ean oder isbn", "gtin, upc, ean o isbn", "gtin, upc, ean of isbn", "ean",
			"ean13", "ean 13", "ean code", "ean upc code", "upc ean code", "code bars", "codebars", "barcode", "bar code", "barcod", "variant barcode", "barcode number", "barcode no", "barcode nr", "item barcode", "product barcode", "main barcode", "upc barcode", "barcode ean", "item upc", "itemupc", "primary upc", "local upc", "universal product code",
			"gtin 12", "gtin 13", "gtin 14", "gtin upc", "code ean", "code ean13", "ean nr", "ean nummer", "cod barras", "codes barres", "codice ean", "jan", "isbn",
			"strichcode", "code barres", "code barre", "code a barres", "gencode", "gencod", "codigo de barras", "codigo ean", "codice a barre", "streepjescode"},
		maybe: []string{"product code", "itemid", "item id", "id", "itemlookupcode", "item lookup code", "lookup code", "alternate lookup", "scan code", "alias",
			"interne ean", "codigo", "codice", "cod"},
		veto: []string{"system id", "clover id", "token", "handle"},
	},
	SKU: {
		best: []string{"sku", "custom sku", "variant sku", "item number", "item no", "itemno", "stock code", "item code", "itemcode", "article no", "article number",
			"part no", "part number", "sku no", "sku number", "item sku", "style code", "stock no", "stock number", "code article", "artikelcode", "style", "style no", "style number", "ugs", "alu", "material code",
			"artikelnummer", "art nr", "artikel nr", "artikelnr", "reference", "ref", "ref codeart", "codeart", "referencia", "articolo", "codice articolo"},
		maybe: []string{"product code", "manufact sku", "manufacturer sku", "vendor id", "vendor sku", "supplier code", "mpn", "handle", "id", "item lookup code", "itemlookupcode",
			"artikel", "codigo", "codice"},
		veto: []string{"composite sku", "sku of included item", "system id", "clover id", "token"},
	},
	Size: {
		best: []string{"size", "siz", "sz", "shoe size", "us size", "size us", "item size",
			"große", "grosse", "groesse", "taille", "pointure", "talla", "taglia", "maat", "tamanho"},
		maybe: []string{"option1 value", "option 1 value", "variant option one value", "variation name", "package size", "pack size", "subdescription", "subdescription1",
			"dim 1", "dim 1 upr", "gr"},
		noUnit: true,
	},
	Width: {
		best: []string{"width", "wid", "wd", "shoe width",
			"weite", "horma", "calzata", "wijdte"},
		maybe:  []string{"option2 value", "option 2 value", "variant option two value", "attr", "attribute", "row", "dim 2", "dim 2 upr", "largeur", "ancho", "larghezza", "breedte"},
		veto:   []string{"shipping width", "package width", "parcel width"},
		noUnit: true,
	},
	Store: {
		best: []string{"store", "store no", "store number", "store code", "storecode", "store id", "storeid", "shop", "outlet", "branch", "site", "plant", "loc id",
			"location id", "locationid", "location code", "location name", "store nbr", "store num", "store branch", "branch name", "branch no", "branch code", "branch id", "outlet name", "outlet id", "outlet no", "outlet code", "outlet number", "shop code", "shop number", "branch number", "site code", "site no", "site number", "store ref", "store key", "store location", "boutique", "shop name", "shopid", "shop id", "shop no", "site id",
			"filial", "filialnr", "filial nr", "verkaufsstelle", "code magasin", "point de vente", "punto vendita", "punto de venta", "vestiging", "winkelnaam", "loja",
			"filiale", "filialnummer", "magasin", "tienda", "sucursal", "negozio", "winkel", "filiaal"},
		maybe: []string{"location", "location no", "location number", "loc", "loc no", "locn", "str", "str no", "stock location", "inventory location", "warehouse", "warehouse no", "warehouse code",
			"warehouse id", "warehouse name", "whscode", "whs code", "warehousecode", "whse", "whse no", "whs", "wh", "wh no", "bodega", "entrepot", "place", "depot", "store name", "standort", "lager", "almacen", "magazzino"},
		veto: []string{"bin name", "bin location"},
	},
	Quantity: {
		best: []string{"on hand", "on hand current", "qty on hand", "quantity on hand", "qoh", "qty oh", "oh", "o h", "quantityonhand", "qtyonhand", "qty on hnd", "on hand qty",
			"on hand quantity", "onhand", "qty onhand", "qty in stock", "quantity in stock", "on hand units", "units on hand", "oh qty", "oh units", "current on hand", "current inventory on hand",
			"aktueller bestand", "ist bestand", "quantite en stock", "qte en stock", "stock actuel", "stock reel", "stock actual", "cantidad en stock", "giacenza attuale",
			"actuele voorraad", "huidige voorraad", "estoque atual", "closing stock", "closing inventory", "closing qty", "ending qty", "ending inventory", "ending stock", "ending quantity", "ending on hand", "end stock", "physical qty", "stock level", "inventory level", "stock units", "current inventory", "current qty", "soh", "stock on hand", "stock", "stock qty", "stock quantity", "current stock", "current quantity",
			"variant inventory qty", "inventory on hand", "inventory", "inventory qty", "inventory quantity", "qty", "quantity", "book inventory", "balance",
			"bestand", "lagerbestand", "lagersaldo", "quantite", "qte", "en stock", "existencias", "existencia", "esistenza", "op voorraad", "giacenza", "quantita", "aantal op voorraad", "voorraad", "estoque", "qtd", "остаток",
			"in stock", "instock"}, // after all others: beside one of them it is a yes or no
		maybe: []string{"available", "available not editable", "available to sell", "actual qty", "actual quantity", "actual level", "balance qty", "bal qty", "cl qty", "closing", "stk", "stk bal", "stk qty", "ats", "avl", "avail", "qty available", "qty avail", "quantity available", "total qty on hand", "total quantity on hand", "count", "units", "pairs", "pieces", "pcs", "qty units", "qty pairs", "ending",
			"menge", "cantidad", "aantal"},
		veto: []string{"on order", "qty on order", "quantity on order", "qty on po", "on po", "qty on bo", "on backorder", "qty commit", "committed", "committed not editable", "qty committed", "quantitycommitted",
			"quantity committed", "unavailable", "unavailable not editable", "incoming", "incoming not editable", "reserved", "qty reserved", "on hand new", "new quantity",
			"reorder point", "reorder level", "reorder qty", "restock level", "low stock", "low stock amount", "stock alert count", "stock alert enabled", "min", "max", "min qty", "max qty",
			"min stock", "max stock", "minimum stock", "maximum stock", "qty sold", "quantity sold", "units sold", "sold", "quantity of included item", "min order quantity", "min order qty",
			"pack qty", "case qty", "composite quantity", "in stock?", "stock value", "value of stock", "cost of stock", "price of stock", "inventory value", "track stock",
			"track inventory", "variant inventory tracker", "variant inventory policy",
			"oo", "o o", "ordered", "qty ordered", "quantity ordered", "bo", "b o", "back order", "backorder", "backordered", "qty backordered", "rsv", "rsvd", "alloc",
			"allocated", "qty allocated", "quantity allocated", "transit", "in transit", "qty in transit", "sold qty", "sold quantity", "sold ytd", "sold mtd", "ytd sold", "mtd sold",
			"received", "qty received", "quantity received", "damaged", "qty damaged", "damaged goods", "defective",
			"mindestbestand", "meldebestand", "bestellt", "reserviert", "verkauft", "stock minimal", "stock mini", "stock maxi", "vendu", "commande", "stock minimo", "stock maximo",
			"vendido", "scorta minima", "soglia", "da ordinare", "venduto", "verkocht"},
	},
}

// uses are what a heading is known for.
type uses struct {
	best        [fieldCount]int // its place among the best ones, from 1; 0 = it is none
	maybe, veto [fieldCount]bool
}

// headingUses has every heading that is known, by its folded form. It is made for the first export: 100 KB that other commands
// do not need.
var headingUses = sync.OnceValue(func() map[string]*uses {
	all := map[string]*uses{}
	of := func(heading string) *uses {
		if all[heading] == nil {
			all[heading] = &uses{}
		}
		return all[heading]
	}
	for f, known := range headings {
		for i, h := range known.best {
			of(h).best[f] = i + 1
		}
		for _, h := range known.maybe {
			of(h).maybe[f] = true
		}
		for _, h := range known.veto {
			of(h).veto[f] = true
		}
	}
	return all
})

// rank is how good a heading is for a field: 0 is best; -1 it is not one.
func (h heading) rank(f Field) int {
	if h.uses == nil || h.unit && headings[f].noUnit {
		return -1
	}
	return h.uses.best[f] - 1
}

// mayBe says that a heading can mean the field, or something else.
func (h heading) mayBe(f Field) bool { return h.uses != nil && h.uses.maybe[f] }

// vetoed says that a heading looks like the field's and is known not to be it.
func (h heading) vetoed(f Field) bool {
	return h.uses != nil && (h.uses.veto[f] || h.unit && headings[f].noUnit && h.uses.best[f] > 0)
}

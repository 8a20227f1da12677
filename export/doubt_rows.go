package export

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// measures refuses rows of which a column says what their quantity is: `On Hand` in one, and `On Order` in another one for the
// same product, of which the last would count. A column that says of each product whether it is in stock is none of those.
func (d *detector) measures(p *pipeline) *Refused {
	l := &p.layout
	c, stated := d.columns[Quantity]
	if stated && (!c.isPattern() || d.addUp()) {
		return nil
	}
	for _, column := range d.measureColumns(p) {
		trial, said := *p, map[string]string{}
		var one, other string
		d.sample(p, func(rec *record) {
			if _, res := trial.evaluate(rec); one != "" || res != isUpdate && !trial.names(rec) {
				return
			}
			h := d.cellHeading(rec, column)
			if before, known := said[string(trial.key)]; known && h.isMeasure() && newHeading(before).folded != h.folded {
				one, other = before, h.text
			} else if h.isMeasure() {
				said[string(trial.key)] = h.text
			}
		})
		if one == "" {
			continue
		}
		refused := &Refused{
			Code: RefusedAmbiguous,
			Reason: fmt.Sprintf("%s says what the figures of a row are, such as %q and %q in two rows for one product: let the POS export what is on hand alone",
				l.name(column), clip(one), clip(other)),
		}
		if len(l.spread.each) == 0 {
			refused.Reason += fmt.Sprintf("; only where each of them is what is in stock, the config may state %s", l.name(l.column[Quantity]))
			refused.Write = "columns: {quantity: ...}"
		}
		return refused
	}
	return nil
}

// isMeasure says that what stands in a cell is known as the heading of a quantity, of what is in stock or of something else.
func (h heading) isMeasure() bool {
	return h.rank(Quantity) >= 0 || h.mayBe(Quantity) || h.vetoed(Quantity) || slices.Contains([]string{"sales", "sls", "net sales", "model", "ly", "ty", "rcvd"}, h.folded)
}

// measureColumns are the columns of no other use whose cells are such headings, at least two different ones.
func (d *detector) measureColumns(p *pipeline) (columns []int) {
	const few = 4 // cells of another kind, at the beginning
	type cells struct {
		others   int // more than of measures
		measures []string
	}
	seen := make([]cells, p.layout.width)
	left, used := 0, p.layout.used()
	for column := range seen {
		if seen[column].others = few + 1; !slices.Contains(used, column) {
			seen[column].others = 0
			left++
		}
	}
	rows := 0
	d.headRecords(p.comma, MaxColumns, func(rec *record) bool {
		if rec.line <= p.layout.line || rec.fault != noFault || rec.isBlank() {
			return true
		}
		for column := range seen {
			c := &seen[column]
			if c.others > few || len(cellOf(rec, column)) == 0 {
				continue
			}
			switch h := d.cellHeading(rec, column); {
			case h.text == "":
			case !h.isMeasure():
				if c.others++; c.others > few {
					left--
				}
			default:
				if c.others--; len(c.measures) < few && !slices.Contains(c.measures, h.folded) {
					c.measures = append(c.measures, h.folded)
				}
			}
		}
		rows++
		return left > 0 && rows < firstRows
	})
	for column, c := range seen {
		if c.others <= few && len(c.measures) > 1 {
			columns = append(columns, column)
		}
	}
	return columns
}

// cellHeading is a cell as if it were a heading.
func (d *detector) cellHeading(rec *record, column int) heading {
	text, _ := d.charset.append(nil, clean(cellOf(rec, column)))
	return newHeading(strings.ToValidUTF8(string(text), "\ufffd"))
}

// attributesOfQuantity refuses a quantity of which an attribute says what, or where, it is: `<qty type="onorder">`.
func (d *detector) attributesOfQuantity(p *pipeline) *Refused {
	l := &p.layout
	q := l.column[Quantity]
	if _, stated := d.columns[Quantity]; stated || !p.named || q < 0 || q >= len(l.headings) {
		return nil
	}
	for column, h := range l.headings {
		name, isAttribute := strings.CutPrefix(h.text, l.headings[q].text+"/@")
		if !isAttribute || l.serves(column) || !isStoreWord(name) && !slices.Contains(kindWords, fold(name)) {
			continue
		}
		one, other := "", ""
		d.headRecords(p.comma, MaxColumns, func(rec *record) bool {
			cell := d.cellHeading(rec, column)
			switch {
			case cell.text == "":
			case cell.vetoed(Quantity):
				one, other = cell.text, cell.text
			case one == "":
				one = cell.text
			case one != cell.text:
				other = cell.text
			}
			return other == ""
		})
		if other == "" {
			continue
		}
		said := fmt.Sprintf("%q", clip(other))
		if one != other {
			said = fmt.Sprintf("%q or %q", clip(one), clip(other))
		}
		return &Refused{
			Code:   RefusedAmbiguous,
			Reason: fmt.Sprintf("%s says of each figure in %s what it is, such as %s; where that is the store, write `columns: {store: %q}`; only where all of them are what is in stock", l.name(column), l.name(q), said, h.text),
			Write:  fmt.Sprintf("columns: {quantity: %q}", l.headings[q].text),
		}
	}
	return nil
}

// kindWords are attributes that say what a figure is, or where.
var kindWords = strings.Fields("type kind measure what state status class category code loc where place")

// fewSigns is how many rows must say so.
const fewSigns = 3

// movementRows refuses a generic quantity beside a column whose cells say in each row what moved the stock: Sale, Receive.
func (d *detector) movementRows(p *pipeline) *Refused {
	l := &p.layout
	if !d.isGeneric(l) {
		return nil
	}
	seen := make([]map[string]bool, min(l.width, maxLooked))
	others, left := make([]bool, len(seen)), len(seen)
	rows := 0
	d.headRecords(p.comma, MaxColumns, func(rec *record) bool {
		if rec.line <= l.line || rec.fault != noFault || rec.isBlank() {
			return true
		}
		for column := range seen {
			if others[column] {
				continue
			}
			word := d.cellHeading(rec, column).folded
			switch {
			case !movementWords[strings.ReplaceAll(word, " ", "")]:
				others[column] = true
				left--
			case seen[column] == nil:
				seen[column] = map[string]bool{word: true}
			default:
				seen[column][word] = true
			}
		}
		rows++
		return rows < firstRows && left > 0
	})
	for column, words := range seen {
		if column < len(l.headings) && strings.Contains(l.headings[column].folded, "price") {
			continue
		}
		typed := column < len(l.headings) && slices.ContainsFunc(strings.Fields(l.headings[column].folded), func(word string) bool {
			return slices.Contains([]string{"type", "movement", "transaction", "action", "event", "direction", "document"}, word)
		})
		if rows >= fewSigns && !others[column] && (len(words) > 1 || len(words) == 1 && typed) && !l.serves(column) {
			return d.anotherList(l, fmt.Sprintf("%s says of each row what it is, such as %q", l.name(column), slices.Min(slices.Collect(maps.Keys(words)))))
		}
	}
	return nil
}

var movementWords = setOf("sale sales sold sell return returns returned refund receive received receiving receipt receipts adjust adjustment adjusted transfer transferin transferout transferred " +
	"purchase purchased shipment shipped issue issued invoice order ordered exchange void damage damaged vente achat verkauf wareneingang")

// The least rows by which a quantity of nothing but 0 and 1 is taken for a yes or no: where another column may be the quantity,
// and where the heading alone can mean that.
const (
	fewFlags     = 5
	fewFlagsOnly = 20
)

// yesOrNo refuses a quantity that is 0 or 1 in all rows, where its heading can mean yes or no.
func (d *detector) yesOrNo(p *pipeline) *Refused {
	l := &p.layout
	q := l.column[Quantity]
	_, stated := d.columns[Quantity]
	if stated || len(l.spread.each) > 0 || q >= len(l.headings) || l.preset.find(Quantity, l.headings) == q || !slices.Contains(flagHeadings, l.headings[q].bare) {
		return nil
	}
	var others []int
	for column, h := range l.headings {
		if column != q && (h.rank(Quantity) >= 0 || h.mayBe(Quantity)) {
			others = append(others, column)
		}
	}
	rows, ones, flag, other := 0, 0, true, -1
	trial := *p
	d.headRecords(p.comma, 1+max(l.want()-1, q, slices.Max(append(others, 0))), func(rec *record) bool {
		if rec.line <= l.line {
			return true
		}
		figure, res := trial.evaluate(rec)
		if res != isUpdate {
			return true
		}
		for _, column := range others {
			if n, plain := plainNumber(cellOf(rec, column)); plain && n > 1 {
				other = column
			}
		}
		rows++
		ones += int(figure & 1)
		flag = figure == 0 || figure == 1
		return flag && rows < sampleRows
	})
	refused := &Refused{Code: RefusedAmbiguous, Write: "columns: {quantity: ...}"}
	switch {
	case !flag:
		return nil
	case other >= 0 && rows >= fewFlags:
		refused.Reason = fmt.Sprintf("two columns could be the quantity: %s is 0 or 1 in each of the first %d rows, as a yes or no is, and %s is not", l.name(q), rows, l.name(other))
	case len(others) == 0 && rows >= fewFlagsOnly && ones > 0 && isInStock(l.headings[q]):
		refused.Reason = fmt.Sprintf("%s is 0 or 1 in each of the first %d rows, so that it may be a yes or no; only where it is a number of pieces", l.name(q), rows)
		refused.Write = fmt.Sprintf("columns: {quantity: %q}", l.headings[q].text)
	default:
		return nil
	}
	return refused
}

func isInStock(h heading) bool { return h.bare == "in stock" || h.bare == "en stock" }

var flagHeadings = []string{"in stock", "en stock", "stock", "current stock", "inventory", "balance", "bestand", "lagerbestand", "voorraad", "existencias", "giacenza", "estoque"}

// storeFlags looks at a store's column, known by its heading, of which the cells are a yes or no, such as whether the web shop has
// the product, or web addresses.
func (d *detector) storeFlags(p *pipeline) *Refused {
	column := p.layout.column[Store]
	if _, stated := d.columns[Store]; stated || column < 0 || d.stores != nil || p.layout.preset.find(Store, p.layout.headings) == column {
		return nil
	}
	seen, others, both := map[string]bool{}, false, false
	trial, flagOf := *p, map[string]string{} // what a product has: with both it is no flag
	d.sample(p, func(rec *record) {
		if others {
			return
		}
		text, _ := d.charset.append(nil, clean(cellOf(rec, column)))
		switch word := fold(string(text)); {
		case word == "":
		case strings.HasPrefix(word, "www ") || strings.HasPrefix(word, "http"):
			seen["www"] = true
		case slices.Contains(flagWords, word):
			seen[word] = true
			if trial.product(rec, nil) == isUpdate {
				before, known := flagOf[string(trial.key)]
				both = both || known && before != word
				flagOf[string(trial.key)] = word
			}
		default:
			others = true
		}
	})
	web := slices.Contains(webHeadings, p.layout.headings[column].bare)
	flags := seen["www"] || web && seen["0"] && seen["1"] && !both
	for _, pair := range [][2]string{{"y", "n"}, {"j", "n"}, {"yes", "no"}, {"true", "false"}, {"ja", "nein"}, {"ja", "nee"}, {"oui", "non"}, {"si", "no"}, {"sim", "nao"}} {
		flags = flags || !both && (seen[pair[0]] && seen[pair[1]] || web && len(pair[0]) > 1 && (seen[pair[0]] || seen[pair[1]]))
	}
	if others || !flags {
		return nil
	}
	return p.noStores(column, "its cells seem to be a yes or no, or a web address")
}

// webHeadings are those under which a system may say whether the web shop has the product. A store may have the number 0.
var webHeadings = []string{"shop", "outlet", "site", "magasin", "winkel", "tienda", "negozio", "loja"}

// shelves looks at a store's column, known by a heading such as `Location Code`, of which the cells are called as shelves are.
func (d *detector) shelves(p *pipeline) *Refused {
	column := p.layout.column[Store]
	if _, stated := d.columns[Store]; stated || column < 0 || column >= len(p.layout.headings) || d.stores != nil || !strings.HasPrefix(p.layout.headings[column].folded, "loc") {
		return nil
	}
	rows, shelves, shown := 0, 0, ""
	d.sample(p, func(rec *record) {
		cell := clean(cellOf(rec, column))
		if len(cell) == 0 {
			return
		}
		if rows++; isShelf(cell) {
			shelves, shown = shelves+1, string(cell)
		}
	})
	if shelves < fewFlags || shelves*5 < rows*4 {
		return nil
	}
	return p.noStores(column, fmt.Sprintf("its cells, such as %q, seem to be shelves", shown))
}

// noStores is what becomes of a column that has the heading of a store's and is none: where the config says one store for all
// rows it is not read, else it refuses the export.
func (p *pipeline) noStores(column int, why string) *Refused {
	if p.given[Store] {
		p.layout.column[Store] = -1
		return nil
	}
	return &Refused{
		Code:   RefusedStore,
		Reason: fmt.Sprintf("%s: %s, and no stores; where they are stores all the same, `columns: {store: %q}`; where all rows are of one store", p.layout.name(column), why, p.layout.label(column)),
		Write:  `defaults: {store: "..."}`,
	}
}

// isShelf knows A-01-03 and 12-04-1.
func isShelf(cell []byte) bool {
	parts := bytes.Split(cell, []byte("-"))
	return len(parts) >= 3 && len(cell) <= len("AA-000-000-00") && !slices.ContainsFunc(parts, func(part []byte) bool {
		return len(part) == 0 || len(part) > 3 || !isDigits(part) && len(part) > 2
	})
}

var flagWords = strings.Fields("0 1 y j n yes no true false ja nein oui non si ja nee sim nao")

// ohio refuses a heading OH beside those of other states of the USA, where no column is the store: it may be a store's.
func (d *detector) ohio(p *pipeline) *Refused {
	l := &p.layout
	q := l.column[Quantity]
	if _, stated := d.columns[Quantity]; stated || l.hasStore() || q >= len(l.headings) || l.headings[q].folded != "oh" {
		return nil
	}
	i, n := -1, 0
	for column, h := range l.headings {
		if slices.Contains(states, h.folded) || slices.Contains(perhapsStates, h.folded) {
			if i < 0 {
				i = column
			}
			if n++; slices.Contains(states, h.folded) {
				n = 2
			}
		}
	}
	if n < 2 {
		return nil
	}
	return &Refused{
		Code:   RefusedAmbiguous,
		Reason: fmt.Sprintf("%s may be what is on hand, or in Ohio, for there is a %s; only where it is what is on hand", l.name(q), l.name(i)),
		Write:  fmt.Sprintf("columns: {quantity: %q}", l.headings[q].text),
	}
}

// states are abbreviated; two of those that mean something else as well are needed.
var (
	states        = strings.Fields("pa ny nj ky mi wv fl il ga nc wa az tn nv ks nm nh ri vt")
	perhapsStates = strings.Fields("ca tx va ma md wi mn sc la ut ne")
)

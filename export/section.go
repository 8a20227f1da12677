package export

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// A report may have the rows of one store after those of another, each under a line such as `Store: 2`. Such a line is not
// read; where the config says one store for all rows, the second store's would be taken for the first one's. Nor may rows that
// are below a line such as `ON ORDER` be taken for what is in stock.

// findSection notes that a record is such a line: a word for a store, what it is called, and nothing else; or a store's word
// alone, where the config has it; or the heading of another quantity.
func (p *pipeline) findSection(rec *record) {
	if rec.fault != noFault && rec.fault != shortLine && rec.fault != crossedColumns || !rec.isShort() {
		return
	}
	cells := p.cells(rec)
	line := strings.Join(cells, " ")
	if isOtherQuantity(line) || len(cells) <= 2 && (p.isGeneric(&p.layout) && isOtherTitle(line) || isAside(line)) {
		if p.isTitle(rec) && !p.above[titleOf(cells)] {
			p.begun, p.begins = rec.line, line
		}
		return
	}
	if p.layout.hasStore() {
		return
	}
	code, known := p.stores[line]
	switch name := sectionOf(line); {
	case known && bytes.Equal(code, p.defaults[Store]):
		p.begun, p.section = 0, strings.Join(strings.Fields(fold(line)), " ")
	case known:
		p.begun = rec.line
	case name == "":
	case p.section == "":
		p.section = name
	case p.section != name:
		p.begun = rec.line
	}
}

// isAside says that a title is one of goods that nobody can buy.
func isAside(line string) bool {
	return slices.Contains([]string{"layaway", "layaways", "open transfers", "open orders", "purchase orders", "customer orders", "on order items", "transfers out", "transfers in"}, fold(line))
}

// isTitle says that the only text of a record stands where titles do, so that it is no note, and no second row of headings. The
// config may say that the quantity is the stock all the same.
func (p *pipeline) isTitle(rec *record) bool {
	if _, stated := p.columns[Quantity]; stated {
		return false
	}
	return len(clean(cellOf(rec, 0))) > 0 || rec.comma == 0 && rec.raw != nil && rec.line > p.layout.line+1
}

// sectionOf is the name in a line such as `Store: Main Street` or `Store #2`; "" where it is another line. What is behind
// the name on each page, such as its number, is left out.
func sectionOf(line string) string {
	word, name, colon := strings.Cut(line, ":")
	if within := storeWithin(line); within != "" && !colon {
		return within
	}
	if !colon {
		word, name, _ = strings.Cut(line, " ")
		name = strings.TrimSpace(strings.TrimPrefix(name, "#"))
		if number, _, _ := strings.Cut(name, " "); !isDigits([]byte(number)) {
			return ""
		}
	}
	words := strings.Fields(fold(name))
	if h := newHeading(word); h.rank(Store) < 0 && (!h.mayBe(Store) || isBin(strings.Join(words, ""))) {
		return ""
	}
	if i := slices.IndexFunc(words, func(w string) bool { return slices.Contains([]string{"page", "seite", "printed", "date", "time"}, w) }); i >= 0 {
		words = words[:i]
	}
	if slices.ContainsFunc(words, isTotalWord) {
		return ""
	}
	return strings.Join(words, " ")
}

// isBin says that a word, without its signs, is rather what a shelf is called than a store: A1, B12.
func isBin(word string) bool {
	digits := strings.TrimLeftFunc(word, unicode.IsLetter)
	letters := len(word) - len(digits)
	return letters > 0 && letters <= 2 && len(digits) <= len("000000") && isDigits([]byte(digits))
}

// storeWithin is the number of a store in a title, such as `Stock status for store 3`, perhaps with a page behind it; "" where
// there is none. What is part of a date, an address or a telephone number is none.
func storeWithin(line string) string {
	words := strings.Fields(fold(line))
	for i, word := range words[:max(0, len(words)-1)] {
		number, behind := words[i+1], words[i+2:]
		if i == 0 || !isDigits([]byte(number)) || len(number) > 4 || len(number) == 4 && number >= "1900" && number < "2100" ||
			len(behind) > 0 && !slices.Contains(pageWords, behind[0]) {
			continue
		}
		if h := newHeading(word); h.rank(Store) >= 0 || word == "loc" || word == "location" || word == "no" && newHeading(words[i-1]).rank(Store) >= 0 {
			return number
		}
	}
	return ""
}

// sectionBefore notes the line of that kind before the header.
func (d *detector) sectionBefore(p *pipeline) {
	if p.layout.hasStore() {
		return
	}
	d.headRecords(p.comma, 1, func(rec *record) bool {
		if rec.line < p.layout.line {
			p.findSection(rec)
		}
		return rec.line < p.layout.line
	})
	p.begun, p.begins = 0, ""
}

// anotherStore refuses an export that says its store above its header, where that is a number and the config says another one for
// all rows.
func (d *detector) anotherStore(p *pipeline) *Refused {
	return p.isAnotherStore(p.section, "above its header", "Store: "+p.section)
}

// isAnotherStore refuses an export for the number of a store that it says outside its rows. word is what the config would call it.
func (p *pipeline) isAnotherStore(store, where, word string) *Refused {
	config := string(p.defaults[Store])
	if p.layout.hasStore() || !isDigits([]byte(store)) || !isDigits([]byte(config)) || strings.TrimLeft(store, "0") == strings.TrimLeft(config, "0") {
		return nil
	}
	for said, code := range p.stores {
		if (said == word || said == store || sectionOf(said) == store) && string(code) == config {
			return nil
		}
	}
	return &Refused{
		Code:   RefusedStore,
		Reason: fmt.Sprintf("%s the export says that it is store %s's, and the config that all its rows are store %s's; where that is the same one, the config must say so", where, store, config),
		Write:  fmt.Sprintf("stores: {%q: %q}", word, config),
	}
}

func (p *pipeline) refuseSections() result {
	if p.begins != "" {
		p.refused = &Refused{
			Code: RefusedAmbiguous,
			Reason: fmt.Sprintf("line %d says %q, so that the rows below it are not what is in stock; let the POS export what is on hand alone; only where they are, the config may state %s",
				p.begun, clip(p.begins), p.layout.name(p.layout.column[Quantity])),
			Write: "columns: {quantity: ...}",
		}
		return isRefused
	}
	p.refused = &Refused{
		Code: RefusedStore,
		Reason: fmt.Sprintf("line %d begins the rows of another store, which is not available yet; let the POS export one store at a time, or a column with the store; only where all of them are of one store, "+
			"`stores` in the config may have each such line as it stands, with that store's code", p.begun),
	}
	return isRefused
}

// isTotalOf says that a SKU is what stands before the sum over another one: `ZOOT Total` behind rows of ZOOT, or `Totals for ZOOT`.
func isTotalOf(sku, before []byte) bool {
	if len(before) > 0 && len(sku) > len(before)+1 && sku[len(before)] == ' ' && bytes.EqualFold(sku[:len(before)], before) {
		return isTotalWord(fold(string(sku[len(before):])))
	}
	first, rest, _ := bytes.Cut(sku, []byte(" "))
	if len(rest) == 0 || !isTotalWord(fold(string(first))) {
		return false
	}
	second, rest, _ := bytes.Cut(rest, []byte(" "))
	return len(rest) > 0 && slices.Contains([]string{"for", "of", "store", "shop", "page", "department", "dept", "category"}, fold(string(second)))
}

// endsInTotal says that a SKU of several words ends in the one for a sum: `MENS TOTAL`.
func endsInTotal(sku []byte) bool {
	i := bytes.LastIndexByte(sku, ' ')
	return i > 0 && mayTotal(sku[i:]) && isTotalWord(fold(string(sku[i:])))
}

// isTotal says that what should be a SKU, or a store, is what stands before a sum.
func isTotal(sku []byte) bool {
	if len(sku) > len("subtotals: grand total") || len(sku) < len("sum") || !mayTotal(sku) && sku[0]|0x20 != 'a' && sku[0]|0x20 != 's' || bytes.ContainsAny(sku, "0123456789") {
		return false
	}
	words := strings.Fields(fold(strings.TrimRight(string(sku), ": ")))
	if len(words) == 2 && words[0] == "all" && slices.Contains([]string{"stores", "shops", "locations", "outlets", "branches", "warehouses"}, words[1]) {
		return true
	}
	switch len(words) {
	case 1:
		return isTotalWord(words[0])
	case 2:
		return isTotalWord(words[1]) && slices.Contains([]string{"grand", "report", "store", "sub", "page", "overall", "department", "category"}, words[0]) ||
			isTotalWord(words[0]) && slices.Contains([]string{"general", "generale"}, words[1])
	}
	return false
}

// mayTotal says, quickly, that one of the words for a total can be in a text.
func mayTotal(text []byte) bool {
	for i := range len(text) - 2 {
		switch [3]byte{text[i] | 0x20, text[i+1] | 0x20, text[i+2] | 0x20} {
		case [3]byte{'t', 'o', 't'}, [3]byte{'s', 'u', 'm'}, [3]byte{'s', 'a', 'm'}:
			return true
		}
	}
	return false
}

func isTotalWord(word string) bool {
	return slices.Contains([]string{"total", "totals", "subtotal", "subtotals", "sum", "summe", "gesamt", "gesamtsumme", "zwischensumme", "totale", "totaal", "eindtotaal", "subtotaal", "totaux", "somme", "suma", "gesamtbestand", "totalt"}, word) // see mayTotal
}

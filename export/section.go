package export

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
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
	if isOtherQuantity(line) {
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
	if !colon {
		word, name, _ = strings.Cut(line, " ")
		name = strings.TrimSpace(strings.TrimPrefix(name, "#"))
		if number, _, _ := strings.Cut(name, " "); !isDigits([]byte(number)) {
			return ""
		}
	}
	if h := newHeading(word); h.rank(Store) < 0 && !h.mayBe(Store) {
		return ""
	}
	words := strings.Fields(fold(name))
	if i := slices.IndexFunc(words, func(w string) bool { return slices.Contains([]string{"page", "seite", "printed", "date", "time"}, w) }); i >= 0 {
		words = words[:i]
	}
	if slices.ContainsFunc(words, isTotalWord) {
		return ""
	}
	return strings.Join(words, " ")
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
		Code:   RefusedStore,
		Reason: fmt.Sprintf("line %d begins the rows of another store, which is not available yet; let the POS export one store at a time, or a column with the store", p.begun),
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

// isTotal says that what should be a SKU, or a store, is what stands before a sum.
func isTotal(sku []byte) bool {
	if len(sku) > len("subtotals: grand total") || !mayTotal(sku) || bytes.ContainsAny(sku, "0123456789") {
		return false
	}
	words := strings.Fields(fold(strings.TrimRight(string(sku), ": ")))
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
	return slices.Contains([]string{"total", "totals", "subtotal", "subtotals", "sum", "summe", "gesamt", "gesamtsumme", "zwischensumme", "totale", "totaal", "eindtotaal", "subtotaal"}, word) // see mayTotal
}

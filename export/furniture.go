package export

import (
	"slices"
	"strings"
	"unicode"
)

// A report has lines that are no rows: rules of dashes, sums, page numbers, what stood above its header once more. What is
// certainly one of those is skipped. What may be a product too stays a reject.

// isFurniture says that a record that is no update is certainly no row either.
func (p *pipeline) isFurniture(rec *record) bool {
	if p.named || rec.fault != noFault && rec.fault != shortLine && rec.fault != crossedColumns {
		return false
	}
	cells := p.cells(rec)
	switch {
	case len(cells) == 0:
		return false
	case isRule(cells), len(p.above) > 0 && p.above[titleOf(cells)]:
		return true
	case len(cells) == 1 && isFooter(cells[0]):
		return true
	}
	return p.isSum(rec, cells)
}

// cells are what a record has in it: its fields that are not blank, or, of a line in fixed width, what blanks part.
func (p *pipeline) cells(rec *record) []string {
	var cells []string
	if rec.comma == 0 && rec.raw != nil {
		for _, s := range blankParted(string(rec.raw)) {
			cells = append(cells, s.text)
		}
		return cells
	}
	for _, text := range p.strings(rec.all()) {
		if text = string(clean([]byte(text))); text != "" {
			cells = append(cells, text)
		}
	}
	return cells
}

// isRule knows the lines that are drawn below a header and above a sum.
func isRule(cells []string) bool {
	long := false
	for _, cell := range cells {
		if strings.Trim(cell, "-=_*+~| ") != "" {
			return false
		}
		long = long || len(cell) > 1
	}
	return long
}

// titleOf is a line by which a title is known again, whatever its numbers are; "" where it is none: a title has letters,
// and no code stands in it.
func titleOf(cells []string) string {
	line := strings.Join(cells, " ")
	if !strings.ContainsFunc(line, unicode.IsLetter) {
		return ""
	}
	store := sectionOf(line)
	for _, cell := range cells {
		if len(cell) > 6 && isDigits([]byte(cell)) {
			return ""
		}
	}
	var b strings.Builder
	number := false
	for _, r := range line {
		digit := r >= '0' && r <= '9'
		if !digit {
			b.WriteRune(r)
		} else if !number {
			b.WriteByte('0')
		}
		number = digit
	}
	if store != "" {
		return b.String() + " " + store
	}
	return b.String()
}

// titlesAbove notes the lines above the header, which a report may have on each page.
func (d *detector) titlesAbove(p *pipeline) {
	d.headRecords(p.comma, MaxColumns, func(rec *record) bool {
		if rec.line >= p.layout.line {
			return false
		}
		if cells := p.cells(rec); rec.fault == noFault && (len(cells) <= 2 || rec.comma == 0 && rec.raw != nil) { // else it may be a row
			p.addTitle(cells)
		}
		return true
	})
}

func (p *pipeline) addTitle(cells []string) {
	title := titleOf(cells)
	if title == "" || len(p.above) >= headerRows {
		return
	}
	if p.above == nil {
		p.above = make(map[string]bool)
	}
	p.above[title] = true
}

// The words of lines that end a page or a report, folded.
var (
	pageWords = []string{"page", "seite", "blatt", "pagina", "pag"}
	ofWords   = []string{"of", "von", "de", "sur", "di", "van"}
	rowWords  = []string{"row", "rows", "record", "records", "line", "lines", "item", "items", "zeilen", "datensatze", "lignes", "filas", "registros",
		"righe", "rijen"}
	countWords  = []string{"s", "affected", "selected", "returned", "found", "listed", "printed", "exported", "in", "set", "sec", "total"}
	stampWords  = []string{"printed", "generated", "gedruckt", "imprime", "impreso", "stampato", "afgedrukt"}
	reportWords = []string{"report", "file", "list", "listing", "export", "data", "berichts", "rapport", "informe", "rapporto", "rapportage"}
	endWords    = []string{"end", "ende", "fin", "fine", "einde"}
)

// isFooter knows a line that ends a page or a report, and says nothing of a product.
func isFooter(line string) bool {
	words := strings.FieldsFunc(fold(line), func(r rune) bool { return strings.ContainsRune(" :*=;", r) })
	if len(words) < 2 {
		return false
	}
	number := func(i int) bool { return i < len(words) && isDigits([]byte(words[i])) }
	switch first, last := words[0], words[len(words)-1]; {
	case slices.Contains(pageWords, first) && number(1):
		return len(words) == 2 || len(words) == 3 && number(2) || len(words) == 4 && slices.Contains(ofWords, words[2]) && number(3)
	case number(0) && slices.Contains(rowWords, words[1]):
		return !slices.ContainsFunc(words[2:], func(w string) bool { return !slices.Contains(countWords, w) && !isDigits([]byte(w)) })
	case slices.Contains(endWords, first):
		return len(words) <= 4 && slices.Contains(reportWords, last)
	default:
		return slices.Contains(stampWords, first) && strings.ContainsAny(line, "0123456789")
	}
}

// isSum knows a line with a sum: a word for it, and then nothing but numbers. One whose word stands alone where the SKU
// should be, and which names a store, may be a product of that name.
func (p *pipeline) isSum(rec *record, cells []string) bool {
	word := fold(strings.TrimRight(cells[0], ": "))
	if slices.ContainsFunc(cells[1:], func(cell string) bool { return !isAmount(cell) }) {
		return false
	}
	if c := p.layout.column[UPC]; c >= 0 && rec.fault == noFault && string(clean(cellOf(rec, c))) == cells[0] && isSumOfGroup(word) {
		return true // no text is a UPC
	}
	if !isTotal([]byte(word)) {
		return false
	}
	cell := func(f Field) string {
		c := p.layout.column[f]
		if c < 0 || c >= len(rec.fields) || rec.fault != noFault {
			return ""
		}
		return p.strings([][]byte{clean(rec.fields[c])})[0]
	}
	for _, f := range []Field{UPC, SKU} {
		if text := cell(f); text != "" && text != cells[0] {
			return false
		}
	}
	alone := !strings.Contains(word, " ") && isTotalWord(word) && !strings.HasPrefix(word, "sub") && !strings.HasSuffix(cells[0], ":")
	return !alone || cell(SKU) == "" || cell(Store) == ""
}

// isSumOfGroup says that a text begins or ends with a word for a sum: `Mens Running Total`, `Total Mens Running`.
func isSumOfGroup(text string) bool {
	words := strings.Fields(text)
	return len(words) > 1 && (isTotalWord(words[0]) || isTotalWord(words[len(words)-1]))
}

// isAmount says that a text is a number, perhaps of money or a percentage.
func isAmount(text string) bool {
	return strings.ContainsAny(text, "0123456789") && strings.Trim(text, "0123456789.,'-+()$€£% \u00a0\u202f") == ""
}

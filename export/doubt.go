package export

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// doubt refuses an export by what its first rows show: that they would be read as something else than they are.
func (d *detector) doubt(p *pipeline) *Refused {
	for _, look := range []func(*pipeline) *Refused{d.secondHeader, d.headingAbove, d.titleAbove, d.movementRows, d.attributesOfQuantity, d.storeFlags, d.shelves, d.measures, d.yesOrNo, d.ohio,
		d.sizesWithoutTheirSum, d.placesWithoutCodes, d.otherFigures, d.lacksCheckDigits, d.hasCheckDigits, d.looksLikeMoney} {
		if refused := look(p); refused != nil {
			return refused
		}
	}
	return nil
}

// secondHeader refuses a header of two rows, of which the second says what a heading over several columns is parted by, mostly
// the stores, or what a heading alone does not say: that it is what was sold.
func (d *detector) secondHeader(p *pipeline) (refused *Refused) {
	l, first := &p.layout, true
	if _, stated := d.columns[Quantity]; stated || l.line == 0 || len(l.spread.each) > 0 {
		return nil
	}
	d.sample(p, func(rec *record) {
		if !first || rec.isBlank() {
			return
		}
		first = false
		fields := p.strings(rec.all())
		word := func(column int) string {
			if column >= len(fields) || !strings.ContainsFunc(fields[column], unicode.IsLetter) {
				return ""
			}
			return string(clean([]byte(fields[column])))
		}
		for _, f := range []Field{UPC, SKU} {
			if c := l.column[f]; c >= 0 && c < len(fields) && len(clean([]byte(fields[c]))) > 0 {
				return
			}
		}
		quantity := l.column[Quantity]
		if next := quantity + 1; word(quantity) != "" && next < len(l.headings) && l.headings[next].text == "" && word(next) != "" {
			refused = &Refused{
				Code: RefusedWide,
				Reason: fmt.Sprintf("line %d parts %s into %q, %q and so on, a column each, which is not available yet; let the POS export one store, "+
					"or let a source of its own for each store read that store's column", rec.line, l.name(quantity), clip(word(quantity)), clip(word(next))),
				Write: fmt.Sprintf("columns: {quantity: %d}", quantity+1),
			}
			return
		}
		refused = l.notStockBelow(rec.line, word)
	})
	return refused
}

// notStockBelow refuses a quantity for the word that stands below its heading; nil where that says nothing against it.
func (l *layout) notStockBelow(line int, word func(column int) string) *Refused {
	quantity := l.column[Quantity]
	both := func(column int) heading { return newHeading(l.headings[column].text + " " + word(column)) }
	below := newHeading(word(quantity))
	if below.text == "" || !below.vetoed(Quantity) && !both(quantity).vetoed(Quantity) && !slices.Contains(otherMeasures, below.folded) {
		return nil
	}
	refused := &Refused{
		Code:   RefusedAmbiguous,
		Reason: fmt.Sprintf("line %d says %q below %s, so that it is not what is in stock; only where it is", line, clip(below.text), l.name(quantity)),
		Write:  fmt.Sprintf("columns: {quantity: %q}", l.headings[quantity].text),
	}
	for column := range l.headings {
		if word(column) != "" && both(column).rank(Quantity) >= 0 {
			refused.Reason = fmt.Sprintf("line %d says %q below %s, so that it is not what is in stock, but %q below %s, which may be it",
				line, clip(below.text), l.name(quantity), clip(word(column)), l.name(column))
			refused.Write = fmt.Sprintf("columns: {quantity: %d}", column+1)
			break
		}
	}
	return refused
}

// otherMeasures are words, folded, for what else than a stock a quantity's column may have, where one stands below its heading.
var otherMeasures = []string{"ly", "ty", "last year", "this year", "net", "cost", "price", "value", "retail", "amount", "sales", "order", "orders", "returned", "returns", "adjusted", "transferred", "shipped", "min", "max"}

// headingAbove refuses a header whose quantity is something else by what stands in the row above it, such as `On Order`.
func (d *detector) headingAbove(p *pipeline) (refused *Refused) {
	l, quantity := &p.layout, p.layout.column[Quantity]
	if _, stated := d.columns[Quantity]; stated || l.line == 0 {
		return nil
	}
	var above heading
	d.headRecords(p.comma, quantity+1, func(rec *record) bool {
		if rec.line < l.line && !rec.isBlank() {
			above = heading{}
			cells := p.strings(rec.all())
			for i := min(quantity, len(cells)-1); i >= 0 && rec.fault == noFault && above.text == ""; i-- { // a heading over several columns stands above the first
				if text := string(clean([]byte(cells[i]))); text != "" && (i == quantity || d.isGeneric(l) && len(p.cells(rec)) > 1) {
					above = newHeading(text)
				}
			}
		}
		return rec.line < l.line
	})
	return l.notStock(above)
}

// notStock refuses a quantity for the heading that stands above its own; nil where that says nothing against it.
func (l *layout) notStock(above heading) *Refused {
	quantity := l.column[Quantity]
	if above.text == "" {
		return nil
	}
	if !above.vetoed(Quantity) && !slices.Contains(otherMeasures, above.folded) && !newHeading(above.text+" "+l.headings[quantity].text).vetoed(Quantity) {
		return nil
	}
	return &Refused{
		Code:   RefusedAmbiguous,
		Reason: fmt.Sprintf("above %s stands %q, so that it is not what is in stock; only where it is", l.name(quantity), clip(above.text)),
		Write:  fmt.Sprintf("columns: {quantity: %q}", l.headings[quantity].text),
	}
}

// How many UPCs must be seen to judge by, alone and beside a SKU, which counts where the UPC is not valid.
const (
	fewUPCs       = 5
	fewUPCsBeside = 20
)

// lacksCheckDigits refuses UPCs of which one in ten holds: as many as do by chance where the check digit is left out, or in
// numbers of the house. Codes that end in zeros are what a spreadsheet leaves of them.
func (d *detector) lacksCheckDigits(p *pipeline) *Refused {
	column := p.layout.column[UPC]
	few := fewUPCs
	if p.layout.column[SKU] >= 0 {
		few = fewUPCsBeside
	}
	if column < 0 || d.upcAsIs || d.checkDigitMissing {
		return nil
	}
	seen, wrong, rounded, shown := 0, 0, 0, ""
	d.sample(p, func(rec *record) {
		if column >= len(rec.fields) {
			return
		}
		cell := clean(rec.fields[column])
		if n := len(cell); !isDigits(cell) || n != 7 && n != 11 && n != 12 && n != 13 {
			return
		}
		seen++
		if bytes.HasSuffix(cell, []byte("00000")) && len(cell) >= 11 {
			rounded++
		}
		if plainUPC(cell) {
			return
		}
		if _, fault := checkUPC(nil, cell, false); fault != codeOK {
			wrong, shown = wrong+1, string(cell)
		}
	})
	if rounded >= fewUPCs && rounded*2 > seen {
		return &Refused{
			Code: RefusedCheck,
			Reason: fmt.Sprintf("%s: of the first %d UPCs %d end in five zeros or more: a spreadsheet has destroyed their last digits; export the bar code as text, and do not save the file in a spreadsheet",
				p.layout.name(column), seen, rounded),
		}
	}
	switch {
	case seen < few || wrong*5 < seen*4:
		return nil
	case few == fewUPCsBeside && wrong == seen: // then all rows go by their SKU
		return nil
	case few == fewUPCsBeside:
		return &Refused{
			Code: RefusedCheck,
			Reason: fmt.Sprintf("%s: of the first %d UPCs %d have a wrong check digit, such as %q, so that the others may be right by chance: where the POS leaves it out, `upc_check_digit: missing`; where they are no UPCs",
				p.layout.name(column), seen, wrong, shown),
			Write: "identify_by: sku",
		}
	}
	return &Refused{
		Code:   RefusedCheck,
		Reason: fmt.Sprintf("%s: of the first %d UPCs %d have a wrong check digit, such as %q: the POS seems to leave it out, or they are no UPCs", p.layout.name(column), seen, wrong, shown),
		Write:  "upc_check_digit: missing",
	}
}

// hasCheckDigits refuses UPCs that the config says to lack their check digit, where four in five of them end in one.
func (d *detector) hasCheckDigits(p *pipeline) *Refused {
	column := p.layout.column[UPC]
	if column < 0 || !d.checkDigitMissing {
		return nil
	}
	codes, valid, shown := 0, 0, ""
	d.sample(p, func(rec *record) {
		cell := clean(cellOf(rec, column))
		if !isDigits(cell) || isPlaceholder(cell) {
			return
		}
		codes++
		if n := len(cell); n != 8 && n != 12 && n != 13 && n != 14 {
			return
		}
		if _, fault := checkUPC(nil, cell, false); fault == codeOK {
			valid, shown = valid+1, string(cell)
		}
	})
	if valid < fewUPCs || valid*5 < codes*4 {
		return nil
	}
	return &Refused{
		Code:   RefusedCheck,
		Reason: fmt.Sprintf("%s: the config says that the check digits are missing, but of the first %d UPCs %d end in the right one, such as %q", p.layout.name(column), codes, valid, shown),
		Write:  "upc_check_digit: present",
	}
}

// sizesWithoutTheirSum refuses columns that were taken for sizes, where a column beside them says another total than theirs: then
// they are the weeks, or the prices, of something. Whole numbers are sizes only where there is such a total at all.
func (d *detector) sizesWithoutTheirSum(p *pipeline) *Refused {
	s := &p.layout.spread
	if !s.found || s.total < 0 {
		return nil
	}
	sums, others, line := 0, 0, 0
	figure := func(rec *record, column int) (int64, bool) {
		field, _ := d.charset.append(nil, cellOf(rec, column))
		numbers := p.decimals
		n, _, v := numbers.parse(field)
		return n, v == isNumber || v == isNone
	}
	d.headRecords(p.comma, 1+max(s.total, p.layout.want()-1), func(rec *record) bool {
		if rec.line <= p.layout.line || rec.fault != noFault || p.headsAgain(rec) {
			return true
		}
		total, ok := figure(rec, s.total)
		sum := int64(0)
		for i := range s.each {
			n, good := figure(rec, s.each[i].column)
			sum, ok = sum+n, ok && good
		}
		switch {
		case !ok || sum == 0 && total == 0:
		case sum == total:
			sums++
		default:
			if others++; line == 0 {
				line = rec.line
			}
		}
		return sums+others < sampleRows
	})
	if others*10 <= sums && sums > 0 {
		return nil
	}
	var columns []int
	for _, e := range s.each {
		columns = append(columns, e.column)
	}
	m := match{layout: p.layout}
	refused := &Refused{
		Code:   RefusedWide,
		Reason: fmt.Sprintf("%s may be sizes with a quantity each, and %s their total, but in no row is there anything to tell it by", m.quoted(columns), p.layout.name(s.total)),
		Write:  fmt.Sprintf("columns: {quantity: %q}", sizeMark),
	}
	if others > 0 {
		refused.Reason = fmt.Sprintf("%s may be sizes with a quantity each, but in line %d their sum is not %s: only where they are sizes, the quantity is \"{size}\" in the config; where that column is it, its heading",
			m.quoted(columns), line, p.layout.name(s.total))
		refused.Write = "columns: {quantity: ...}"
	}
	return refused
}

// placesWithoutCodes asks for the codes of stores that the POS names as people do: the API knows them by others.
func (d *detector) placesWithoutCodes(p *pipeline) *Refused {
	const most = 50
	column := p.layout.column[Store]
	if p.layout.preset == nil || !p.layout.preset.places || d.stores != nil || column < 0 {
		return nil
	}
	var names []string
	d.sample(p, func(rec *record) {
		text, _ := d.charset.append(nil, clean(cellOf(rec, column)))
		if name := strings.ToValidUTF8(string(text), "\ufffd"); strings.ContainsFunc(name, unicode.IsLetter) && !slices.Contains(names, name) && len(names) < most {
			names = append(names, name)
		}
	})
	if len(names) == 0 {
		return nil
	}
	var write []string
	for _, name := range names {
		write = append(write, fmt.Sprintf("%q: \"...\"", clip(name)))
	}
	return &Refused{
		Code:   RefusedStore,
		Reason: fmt.Sprintf("%s names the stores as people do; the config must give each one's code at the API, and may leave out stores that the API does not have", p.layout.name(column)),
		Write:  "stores: {" + strings.Join(write, ", ") + "}",
	}
}

// sample yields the rows of the head, after the header.
func (d *detector) sample(p *pipeline, yield func(*record)) {
	rows := 0
	d.headRecords(p.comma, p.layout.want(), func(rec *record) bool {
		if rec.line > p.layout.line && rec.fault == noFault {
			yield(rec)
		}
		rows++
		return rows < sampleRows
	})
}

// headless explains an export that seems to begin with a row where its header should be: a bar code is in it. It is nil for
// any other.
func (m *match) headless() *Refused {
	upc := slices.IndexFunc(m.headings, func(h heading) bool { return len(h.text) >= 8 && len(h.text) <= 14 && isDigits([]byte(h.text)) })
	if upc < 0 || m.line == 0 || familiar(m.headings) > 0 {
		return nil
	}
	const most = 10
	var cells []string
	for i, h := range m.headings[:min(most, len(m.headings))] {
		cells = append(cells, fmt.Sprintf("column %d is %q", i+1, clip(h.text)))
	}
	return &Refused{
		Code:   RefusedHeader,
		Reason: fmt.Sprintf("line %d is a row already: %s; the config must say which column is which (without `store` where none is)", m.line, strings.Join(cells, ", ")),
		Write:  fmt.Sprintf("columns: {quantity: ..., store: ..., upc: %d}", upc+1),
	}
}

// unparted refuses lines in which nothing parts the fields, where it is known why: they stand in quotes as a whole, or are in
// fixed width.
func (d *detector) unparted() *Refused {
	const few, short = 3, 20 // lines; characters of one
	lines, parted, quoted, length, same := 0, 0, 0, 0, true
	var first []byte
	for rest := d.head; len(rest) > 0; {
		line, after, ended := bytes.Cut(rest, []byte{d.newline})
		line, rest = chomp(line), after
		if !ended && !d.whole || len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		if lines == 0 {
			first, length = line, len(line)
		}
		same = same && len(line) == length
		if bytes.ContainsAny(line, string(delimiters)) {
			parted++
			if len(line) > 2 && line[0] == '"' && bytes.IndexByte(line[1:], '"') == len(line)-2 {
				quoted++
			}
		}
		if lines++; lines == headerRows {
			break
		}
	}
	switch {
	case lines < few:
	case quoted == lines:
		return &Refused{
			Code:   RefusedDelimiter,
			Reason: "each line of the export stands in quotes as a whole, so that nothing parts its fields; let the POS put quotes around fields only, or none",
		}
	case length >= short && parted*2 <= lines && (same || beginsWithCode(first)):
		return d.fixedWidth(first, same)
	}
	return nil
}

// beginsWithCode says that a line begins with what may be a UPC, and a blank.
func beginsWithCode(line []byte) bool {
	n := len(line) - len(bytes.TrimLeft(line, "0123456789"))
	return n >= 8 && n <= 14 && n < len(line) && line[n] == ' '
}

// fixedWidth refuses lines in fixed width, with where the pieces of the first one are. same says that they are equally long.
func (d *detector) fixedWidth(first []byte, same bool) *Refused {
	text, _ := d.charset.append(nil, first)
	var pieces []string
	upc := "..."
	for _, p := range blankParted(strings.ToValidUTF8(string(text), "\ufffd")) {
		place := fmt.Sprintf("[%d, %d]", p.from+1, p.to)
		if pieces = append(pieces, fmt.Sprintf("%s %q", place, clip(p.text))); upc == "..." && len(p.text) >= 8 && len(p.text) <= 14 && isDigits([]byte(p.text)) {
			upc = place
		}
	}
	const most = 10
	shown, length := strings.Join(pieces[:min(most, len(pieces))], ", "), ""
	if same {
		length = fmt.Sprintf("the export's lines are all %d characters long, and ", utf8.RuneCount(text))
	}
	return &Refused{
		Code: RefusedContent,
		Reason: length + "nothing parts the fields of a line: the export is in fixed width, and the config must say which characters, counted from 1, are whose " +
			"(without `store` where none are); the first line has " + shown,
		Write: fmt.Sprintf("columns: {quantity: ..., store: ..., upc: %s}", upc),
	}
}

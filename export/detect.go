package export

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

const (
	headSize   = 256 << 10 // bytes of an export that decide how it is read
	headerRows = 30        // rows among which the header is looked for
	sampleRows = 4000      // rows that can show what points and commas mean
	firstRows  = 500       // rows that show what most rows, or the cells of a column, are like
)

// delimiters are those that are tried, the likeliest first.
var delimiters = []byte{',', ';', '\t', '|'}

// passHeader reads up to the first row: past the header, or past the lines before the first.
func (d *csvDecoder) passHeader(first int, l *layout) error {
	for d.line < first || d.line <= l.line {
		var rec record
		if err := d.next(&rec); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
	d.under(l.width)
	return nil
}

// detector settles how an export is read, by its head.
type detector struct {
	*rules
	format  string
	charset charset
	head    []byte // of text, in ASCII-compatible bytes
	whole   bool   // that head is all of the export
	newline byte   // of text: what ends its lines
	first   int    // of text, the line where the table can begin: 2 after a line `sep=;`
	table   *table // of other formats; nil = text
	layout  layout // once it is settled
	comma   byte   // as well
}

// row is a row of the head.
type row struct {
	line  int
	count int
	cells []heading
}

// guess is one way to read the export.
type guess struct {
	comma byte
	match match
	score int
}

func (d *detector) rows() (*Rows, error) {
	g, err := d.guess()
	if err != nil {
		return nil, err
	}
	d.layout, d.comma = g.match.layout, g.comma
	rows := &Rows{pipeline: d.pipeline(g)}
	if refused := d.doubt(&rows.pipeline); refused != nil {
		return nil, refused
	}
	d.sectionBefore(&rows.pipeline)
	d.titlesAbove(&rows.pipeline)
	rows.apart = rows.apartOf()
	l := &rows.layout
	rows.detected = Detected{
		Format:     d.format,
		Encoding:   d.charset.name,
		Delimiter:  delimiterName(g.comma),
		Decimal:    rows.decimals.String(),
		Header:     l.line,
		Columns:    make(map[Field]string),
		Places:     make(map[Field]int),
		PassedOver: d.passedOver(l),
	}
	for f, column := range l.column {
		if column >= 0 {
			rows.detected.Columns[Field(f)] = l.label(column)
			rows.detected.Places[Field(f)] = column
		}
	}
	for _, h := range l.headings {
		rows.detected.Headings = append(rows.detected.Headings, h.text)
	}
	rows.detected.tellSpread(l)
	return rows, nil
}

func delimiterName(comma byte) string {
	switch comma {
	case 0:
		return ""
	case '\t':
		return "tab"
	}
	return string(rune(comma))
}

// guess finds the delimiter and the header.
func (d *detector) guess() (guess, error) {
	d.first = 1
	if d.table != nil {
		if cells, ok := d.table.named(); ok {
			m := d.match(cells, len(cells))
			return guess{match: m}, d.check(&m)
		}
		return d.guessBy([]byte{0})
	}
	commas := delimiters
	if comma, ok := separatorLine(d.head); ok {
		d.first, commas = 2, []byte{comma}
	}
	if d.delimiter == 0 {
		return d.guessBy(commas)
	}
	g, err := d.guessBy([]byte{d.delimiter})
	if _, refused := errors.AsType[*Refused](err); refused {
		for _, comma := range delimiters {
			if _, other := d.guessBy([]byte{comma}); comma != d.delimiter && other == nil {
				return g, &Refused{
					Code:   RefusedDelimiter,
					Reason: fmt.Sprintf("the config says `delimiter: %q`, but %q is what parts the export's columns", delimiterName(d.delimiter), delimiterName(comma)),
					Write:  "delimiter: auto",
				}
			}
		}
	}
	return g, err
}

// guessBy finds the header, and which of a few delimiters it is.
func (d *detector) guessBy(commas []byte) (guess, error) {
	switch {
	case d.header == HeaderNone:
		return d.headerless(commas)
	case d.header > 0:
		return d.headerAt(commas)
	case d.positional():
		return d.numbered(commas)
	}
	return d.headerFound(commas)
}

// separatorLine knows the line `sep=;`, by which spreadsheets are told the delimiter.
func separatorLine(head []byte) (byte, bool) {
	line := head[:min(len(head), 16)]
	if i := bytes.IndexAny(line, "\r\n"); i >= 0 {
		line = line[:i]
	}
	line = bytes.Trim(line, `"`)
	if len(line) == 5 && bytes.EqualFold(line[:4], []byte("sep=")) {
		return line[4], true
	}
	return 0, false
}

// headRecords yields the records of the head, and leaves out what the head cuts.
func (d *detector) headRecords(comma byte, want int, yield func(*record) bool) {
	if d.table != nil {
		for i := range d.table.kept {
			if !yield(d.table.whole(&d.table.kept[i])) {
				return
			}
		}
		return
	}
	end := io.EOF
	if !d.whole {
		end = io.ErrUnexpectedEOF
	}
	csv := csvOf(d.head, end, comma, want)
	csv.newline = d.newline
	var rec record
	for {
		if csv.width == 0 && csv.line > d.layout.line {
			csv.under(d.layout.width)
		}
		if csv.next(&rec) != nil {
			return
		}
		if rec.line >= d.first && !yield(&rec) {
			return
		}
	}
}

// isWider says that rows have more fields than the header has. If they do, the first ones show it.
func (d *detector) isWider() (wider bool) {
	d.headRecords(d.comma, 1, func(rec *record) bool {
		wider = rec.line > d.layout.line && rec.fault == noFault && rec.count > d.layout.width
		return !wider && rec.line < d.layout.line+headerRows
	})
	return wider
}

// headRows are the first rows of the head that are not blank.
func (d *detector) headRows(comma byte) []row {
	var rows []row
	d.headRecords(comma, MaxColumns, func(rec *record) bool {
		if rec.fault == noFault && !rec.isBlank() {
			rows = append(rows, d.row(rec))
		}
		return len(rows) < headerRows
	})
	return rows
}

func (d *detector) row(rec *record) row {
	r := row{line: rec.line, count: rec.count, cells: make([]heading, len(rec.fields))}
	for i, field := range rec.fields {
		if len(field) == 0 {
			continue
		}
		text, _ := d.charset.append(nil, clean(field))
		r.cells[i] = newHeading(strings.ToValidUTF8(string(text), "\ufffd"))
		if d.table != nil && d.table.hides(i) {
			r.cells[i].uses = r.cells[i].uses.hidden()
		}
	}
	return r
}

// headerFound looks for the header: the first of the rows that has a quantity and a name for the product.
func (d *detector) headerFound(commas []byte) (guess, error) {
	best, near := guess{score: -1}, guess{score: -1}
	for _, comma := range commas {
		for _, row := range d.headRows(comma) {
			m := d.match(row.cells, len(row.cells))
			m.line = row.line
			if m.isHeader() {
				if g := (guess{comma, m, m.fields()}); g.score > best.score {
					best = g
				}
				break
			}
			score := 100*familiar(row.cells) + 10*m.fields()
			if len(row.cells) > 1 {
				score += min(9, len(row.cells))
			}
			if score > near.score {
				near = guess{comma, m, score}
			}
		}
	}
	if best.score >= 0 {
		return best, d.check(&best.match)
	}
	if near.score < 0 {
		return near, d.unreadable(commas)
	}
	if line := d.headerBelow(commas); line > 0 {
		return near, &Refused{
			Code:   RefusedHeader,
			Reason: fmt.Sprintf("no header was recognised in the first %d rows, where it is looked for, but line %d may be it", headerRows, line),
			Write:  fmt.Sprintf("header: %d", line),
		}
	}
	if refused := d.unparted(); refused != nil && familiar(near.match.headings) == 0 {
		return near, refused
	}
	err := d.check(&near.match)
	if refused, ok := errors.AsType[*Refused](err); ok && refused.Code == RefusedHeader {
		refused.Reason = fmt.Sprintf("no header was recognised in the first %d rows: %s", headerRows, refused.Reason)
	}
	return near, err
}

// headerBelow is the line of a header that stands below the rows where one is looked for; 0 = there is none.
func (d *detector) headerBelow(commas []byte) (line int) {
	for _, comma := range commas {
		rows := 0
		d.headRecords(comma, MaxColumns, func(rec *record) bool {
			if rec.fault == noFault && rec.isWords() {
				r := d.row(rec)
				if m := d.match(r.cells, len(r.cells)); m.isHeader() {
					line = rec.line
				}
			}
			rows++
			return line == 0 && rows < 10*headerRows
		})
		if line > 0 {
			break
		}
	}
	return line
}

// unreadable says why there is no row in the head that could be looked at.
func (d *detector) unreadable(commas []byte) *Refused {
	if d.table != nil {
		return &Refused{Code: RefusedEmpty, Reason: "the export has nothing but blank rows"}
	}
	rest, n := d.head, 0
	for len(rest) > 0 {
		line, after, ended := bytes.Cut(rest, []byte{d.newline})
		rest, n = after, n+1
		if n < d.first || isBlankLine(line, commas[0]) && (ended || d.whole) {
			continue
		}
		for _, comma := range commas {
			if bytes.Count(line, []byte{comma}) >= MaxColumns {
				return &Refused{Code: RefusedHeader, Reason: fmt.Sprintf("line %d has more than %d columns, the most that are read", n, MaxColumns)}
			}
		}
		if !ended && !d.whole {
			return &Refused{Code: RefusedHeader, Reason: fmt.Sprintf("line %d is longer than %d bytes, within which the header must end", n, headSize)}
		}
		break
	}
	refused := &Refused{Code: RefusedEmpty, Reason: "the export has nothing but blank rows"}
	d.headRecords(commas[0], 1, func(rec *record) bool {
		if rec.fault != noFault {
			p := pipeline{comma: commas[0]}
			refused = &Refused{Code: RefusedHeader, Reason: fmt.Sprintf("line %d cannot be the header: %s", rec.line, p.faultText(rec))}
		}
		return rec.fault == noFault
	})
	return refused
}

// fields is how many fields have a column.
func (m *match) fields() int {
	n := 0
	for _, c := range m.column {
		if c >= 0 {
			n++
		}
	}
	return n
}

// headerAt takes the header at the stated line.
func (d *detector) headerAt(commas []byte) (guess, error) {
	best := guess{score: -1}
	for _, comma := range commas {
		d.headRecords(comma, MaxColumns, func(rec *record) bool {
			if rec.line == d.header && rec.fault == noFault {
				row := d.row(rec)
				m := d.match(row.cells, len(row.cells))
				m.line = rec.line
				if score := 100*m.fields() + min(99, len(row.cells)); score > best.score {
					best = guess{comma, m, score}
				}
			}
			return rec.line < d.header
		})
	}
	if best.score < 0 {
		if refused := d.unreadable(commas); refused.Code != RefusedEmpty {
			return best, refused
		}
		return best, &Refused{
			Code:   RefusedHeader,
			Reason: fmt.Sprintf("the config says that line %d is the header, but no row starts there", d.header),
			Write:  "header: auto",
		}
	}
	return best, d.check(&best.match)
}

// numbered is for a config that gives the columns' numbers and does not say whether there is a header. There is one
// where the first row that has all those columns has words in them instead of a quantity and a UPC.
func (d *detector) numbered(commas []byte) (guess, error) {
	g, err := d.headerless(commas)
	if err != nil {
		return g, err
	}
	for _, row := range d.headRows(g.comma) {
		if row.count < g.match.want() {
			continue
		}
		m := d.match(row.cells, len(row.cells))
		m.line = row.line
		if !d.words(&m) {
			break
		}
		g.match = m
		return g, d.check(&g.match)
	}
	return g, d.check(&g.match)
}

// words says that the row has no number where the quantity should be, nor a UPC where that should be.
func (d *detector) words(m *match) bool {
	quantity := m.headings[m.column[Quantity]].text
	if isNoQuantity([]byte(quantity)) || strings.ContainsAny(quantity, "0123456789") || strings.HasPrefix(quantity, "#") {
		return false
	}
	if m.column[UPC] < 0 {
		return true
	}
	_, fault := checkUPC(nil, []byte(m.headings[m.column[UPC]].text), d.checkDigitMissing)
	return fault == upcNotDigits
}

// headerless finds the delimiter of an export without a header: the one by which most rows are updates, else have
// equally many fields, at least as many as are needed.
func (d *detector) headerless(commas []byte) (guess, error) {
	best := guess{score: -1}
	need, widest := d.needed(), 0
	for _, comma := range commas {
		rows, width := 0, 0
		counts := make(map[int]int)
		d.headRecords(comma, 1, func(rec *record) bool {
			if !rec.isBlank() {
				rows++
				counts[rec.count]++
			}
			return rows < sampleRows
		})
		for count, n := range counts {
			if n > counts[width] || n == counts[width] && count > width {
				width = count
			}
		}
		if rows == 0 {
			return best, d.unreadable(commas)
		}
		widest = max(widest, width)
		if width < need {
			continue
		}
		g := guess{comma: comma, match: d.match(nil, width)}
		if g.score = 1000*d.updates(g) + min(999, counts[width]); g.score > best.score {
			best = g
		}
	}
	if best.score < 0 {
		return best, d.beyond(need, widest)
	}
	return best, nil
}

// beyond refuses an export for the column that the config names and that it lacks.
func (d *detector) beyond(column, width int) *Refused {
	refused := &Refused{
		Code:   RefusedDelimiter,
		Reason: fmt.Sprintf("the config names column %d, but the export has %s", column, columns(width)),
		Write:  `delimiter: "..."`,
	}
	if width > 1 {
		for _, f := range []Field{Quantity, Store, UPC, SKU} {
			if d.columns[f].Number == column {
				refused.Code, refused.Write = RefusedColumn, fmt.Sprintf("columns: {%s: ...}", f)
				break
			}
		}
	}
	return refused
}

// needed is the last of the numbered columns that every row must have.
func (d *detector) needed() int {
	product := 0
	for _, f := range []Field{UPC, SKU} {
		if n := d.columns[f].Number; d.wants(f) && n > 0 && (product == 0 || n < product) {
			product = n
		}
	}
	return max(product, d.columns[Quantity].Number, d.columns[Store].Number)
}

// updates counts the updates among the first rows.
func (d *detector) updates(g guess) int {
	p := d.pipeline(g)
	rows, updates := 0, 0
	d.headRecords(g.comma, p.layout.want(), func(rec *record) bool {
		if _, res := p.evaluate(rec); res == isUpdate {
			updates++
		}
		rows++
		return rows < headerRows
	})
	return updates
}

// pipeline is what turns the export's records into updates.
func (d *detector) pipeline(g guess) pipeline {
	p := pipeline{rules: *d.rules, layout: g.match.layout, charset: d.charset, comma: g.comma, named: d.table != nil && d.table.isNamed()}
	p.layout.headings = slices.Clone(g.match.headings)
	if each := p.layout.spread.each; len(each) > 0 {
		p.use(&each[0])
	}
	if d.table != nil && p.layout.headings == nil {
		p.layout.headings = d.table.labels()
	}
	p.decimals = decimals{convention: d.convention(&p), stated: d.decimal != 0}
	p.trailing = d.trailing(&p)
	return p
}

// trailing is how many blank fields after the last column are nothing but trailing delimiters: as many as most rows have, at
// least two of them, or one where the quantity is the last column. Any number are, where no column of texts stands before
// those of use: a delimiter that is not in quotes is in a text.
func (d *detector) trailing(p *pipeline) int {
	l := &p.layout
	texts, used := false, l.used()
	for column := range l.want() {
		texts = texts || !slices.Contains(used, column)
	}
	if !texts || d.table != nil {
		return MaxColumns
	}
	rows, surplus := 0, map[int]int{}
	d.headRecords(p.comma, 1, func(rec *record) bool {
		if rec.line > l.line && rec.fault == noFault && !rec.isBlank() {
			rows++
			surplus[max(0, rec.count-l.width)]++
		}
		return rows < firstRows
	})
	most, n := 0, 0
	for fields, count := range surplus {
		if fields > 0 && count > n {
			most, n = fields, count
		}
	}
	if n*2 <= rows || n == 1 && l.column[Quantity] < l.width-1 {
		return 0
	}
	return most
}

// convention settles what points and commas in the quantities mean. Where decimal commas are as likely, as they are but
// between commas, nothing is assumed.
func (d *detector) convention(p *pipeline) convention {
	switch d.decimal {
	case '.':
		return point
	case ',':
		return comma
	}
	points, commas, rows := 0, 0, 0
	quantities := p.layout.quantities()
	d.headRecords(p.comma, 1+slices.Max(quantities), func(rec *record) bool {
		if rec.line > p.layout.line && rec.fault == noFault && rec.count <= p.layout.width {
			for _, column := range quantities {
				if _, plain := plainNumber(cellOf(rec, column)); plain || rec.isExact(column) || column >= len(rec.fields) {
					continue
				}
				field, _ := d.charset.append(nil, rec.fields[column])
				switch evidence(field) {
				case 1:
					points++
				case -1:
					commas++
				default:
					if rec.isWords() && p.heads(rec) { // what follows is another table's
						return false
					}
				}
			}
		}
		rows++
		return rows < sampleRows
	})
	switch {
	case points > 0 && points >= commas:
		return point
	case p.comma != ',' && commas > 0:
		return comma
	case p.comma != ',' || commas > 0 || d.hasDecimalCommas(p):
		return unsure
	}
	return assumePoint
}

// hasDecimalCommas says that other columns than the quantity show decimal commas, such as prices: then so may the quantity.
func (d *detector) hasDecimalCommas(p *pipeline) (found bool) {
	rows := 0
	d.headRecords(p.comma, MaxColumns, func(rec *record) bool {
		if rec.line > p.layout.line && rec.fault == noFault && bytes.IndexByte(rec.raw, '"') >= 0 { // else no comma is in a field
			for _, field := range rec.fields {
				amount := bytes.Trim(field, " \x80€") // of windows-1252, where the euro is 0x80, or of UTF-8
				decimals := len(amount) - 1 - bytes.IndexByte(amount, ',')
				found = found || len(amount) < 12 && decimals <= 2 && evidence(amount) == -1
			}
		}
		rows++
		return !found && rows < headerRows
	})
	return found
}

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
		return nil, withHeadings(err, g.match.headings)
	}
	d.layout, d.comma = g.match.layout, g.comma
	rows := &Rows{pipeline: d.pipeline(g)}
	if refused := d.doubt(&rows.pipeline); refused != nil {
		return nil, withHeadings(refused, g.match.headings)
	}
	d.sectionBefore(&rows.pipeline)
	if refused := d.anotherStore(&rows.pipeline); refused != nil {
		return nil, refused
	}
	d.titlesAbove(&rows.pipeline)
	rows.apart, rows.places = rows.apartOf(), rows.placesOf()
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

// withHeadings is a refusal with the headings that were found.
func withHeadings(err error, headings []heading) error {
	if refused, ok := errors.AsType[*Refused](err); ok {
		for _, h := range headings {
			if !h.unseen {
				refused.Headings = append(refused.Headings, h.text)
			}
		}
	}
	return err
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

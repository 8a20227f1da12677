package export

import (
	"bytes"
	"encoding/xml"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// noValue is what a cell holds whose formula was written without its value, as programs do that cannot calculate. It is
// an error like those of a spreadsheet: neither taken for a code nor passed over as a blank quantity.
const noValue = "#FORMULA!"

// maxSheetRows is how many rows a sheet can have.
const maxSheetRows = 1 << 20

// sheetDecoder reads the cells of a sheet, row by row. A field is what a person sees in its cell, but for numbers: they have
// all their digits. A row in which no cell has a value is no record. Rows that are hidden are read: a filter that somebody left
// on says nothing of the stock.
type sheetDecoder struct {
	*bookPart
	hidden  [][2]int // ranges of columns, 1-based
	line    int      // of the last row
	column  int      // of the last cell, 0-based
	cells   []sheetCell
	text    []byte // of the row's cells
	value   []byte // of a cell, as it is in the XML
	fields  [][]byte
	exact   []bool
	dressed []int
	parted  []int
	fault   fault
	at      int
}

// sheetCell is a field of a row: a range of text.
type sheetCell struct {
	from, to int
	there    bool
	exact    bool
	dressed  bool // see record.dressed
	parted   bool // see record.parted
}

func (b *workbook) openSheet(s sheet) (*sheetDecoder, error) {
	p, err := b.part(s.part, "worksheet")
	if err != nil {
		return nil, err
	}
	return &sheetDecoder{bookPart: p}, nil
}

func (d *sheetDecoder) next(rec *record) (err error) {
	defer refusePanic(&err)
	for {
		token, err := d.token()
		if err != nil {
			return err
		}
		start, ok := token.(xml.StartElement)
		if ok && start.Name.Local == "col" && len(d.open) == 3 && d.open[1].Local == "cols" {
			d.hide(start)
		}
		if !ok || start.Name.Local != "row" || len(d.open) != 3 || d.open[1].Local != "sheetData" {
			continue
		}
		if err := d.row(start); err != nil {
			return err
		}
		if len(d.cells) > 0 || d.fault != noFault {
			d.yield(rec)
			return nil
		}
	}
}

// hide notes columns that are hidden.
func (d *sheetDecoder) hide(col xml.StartElement) {
	const most = 1000 // ranges
	first, bad := strconv.Atoi(attributeOf(col, "min"))
	last, err := strconv.Atoi(attributeOf(col, "max"))
	if bad == nil && err == nil && isOn(attributeOf(col, "hidden")) && len(d.hidden) < most {
		d.hidden = append(d.hidden, [2]int{first, last})
	}
}

func (d *sheetDecoder) hides(column int) bool {
	return slices.ContainsFunc(d.hidden, func(r [2]int) bool { return r[0] <= column+1 && column+1 <= r[1] })
}

// row reads the row that was begun.
func (d *sheetDecoder) row(start xml.StartElement) error {
	line := d.line + 1
	if number := attributeOf(start, "r"); number != "" {
		n, err := strconv.Atoi(number)
		if err != nil || n <= d.line || n > maxSheetRows {
			return damagedBook("in its part %q row %q follows row %d", d.name, clip(number), d.line)
		}
		line = n
	}
	d.line, d.column, d.cells, d.text, d.fault, d.at = line, -1, d.cells[:0], d.text[:0], noFault, 0
	return d.children(func(start xml.StartElement) error {
		if start.Name.Local != "c" {
			return nil
		}
		return d.cell(start)
	})
}

// yield fills a record with the row.
func (d *sheetDecoder) yield(rec *record) {
	d.fields, d.exact, d.dressed, d.parted = d.fields[:0], d.exact[:0], d.dressed[:0], d.parted[:0]
	for i, c := range d.cells {
		if d.fields, d.exact = append(d.fields, d.text[c.from:c.to]), append(d.exact, c.exact); c.dressed {
			d.dressed = append(d.dressed, i)
		}
		if c.parted {
			d.parted = append(d.parted, i)
		}
	}
	*rec = record{line: d.line, lines: 1, fields: d.fields, count: len(d.fields), exact: d.exact, dressed: d.dressed, parted: d.parted, sparse: true, fault: d.fault, at: d.at}
}

// cell reads the cell that was begun.
func (d *sheetDecoder) cell(start xml.StartElement) error {
	if err := d.place(attributeOf(start, "r")); err != nil {
		return err
	}
	d.value = d.value[:0]
	formula, valued := false, false
	err := d.children(func(e xml.StartElement) (err error) {
		switch e.Name.Local {
		case "f":
			formula = true
		case "v":
			valued = true
			d.value, err = d.bookPart.text(d.value[:0])
		case "is":
			d.value, err = d.richText(d.value[:0])
		}
		return err
	})
	if err != nil {
		return err
	}
	kind, from := attributeOf(start, "t"), len(d.text)
	if formula && (d.book.stale || !valued || len(d.value) == 0 && kind != "str") {
		d.text = append(d.text, noValue...)
		d.take(sheetCell{from: from})
		return nil
	}
	if len(d.value) == 0 {
		return nil
	}
	c := sheetCell{from: from}
	c.exact, c.dressed, c.parted, err = d.shown(kind, attributeOf(start, "s"))
	d.take(c)
	return err
}

// place settles which column a cell is in, from its reference, such as AA7; one without is the next.
func (d *sheetDecoder) place(reference string) error {
	if reference == "" {
		d.column++
		return nil
	}
	letters := strings.TrimRight(reference, "0123456789")
	row, err := strconv.Atoi(reference[len(letters):])
	column := 0
	for _, c := range []byte(letters) {
		if c |= 0x20; c < 'a' || c > 'z' || len(letters) > 3 {
			column = 0
			break
		}
		column = column*26 + int(c-'a') + 1
	}
	if column == 0 || err != nil || row != d.line {
		return damagedBook("in its part %q a cell of row %d says that it is %q", d.name, d.line, clip(reference))
	}
	d.column = column - 1
	return nil
}

// take makes a field of what was appended to text since the cell began.
func (d *sheetDecoder) take(c sheetCell) {
	c.to, c.there = len(d.text), true
	fault := noFault
	switch {
	case d.column >= MaxColumns:
		fault = manyFields
	case c.to-c.from > MaxField:
		fault = longField
	case c.to > MaxRecord:
		fault = longRecord
	case d.column < len(d.cells) && d.cells[d.column].there:
		fault = twoValues
	}
	if fault != noFault {
		d.text = d.text[:c.from]
		if d.fault == noFault {
			d.fault, d.at = fault, d.column+1
		}
		return
	}
	if c.from == c.to {
		return
	}
	for len(d.cells) <= d.column {
		d.cells = append(d.cells, sheetCell{})
	}
	d.cells[d.column] = c
}

// shown appends what a person sees in a cell with the value, by its type and style. exact says that it is a number, dressed and
// parted are record's.
func (d *sheetDecoder) shown(kind, style string) (exact, dressed, parted bool, err error) {
	value := d.value
	switch kind {
	case "s":
		text, long, err := d.book.texts.get(value)
		if long {
			text = make([]byte, MaxField+1)
		}
		d.text = append(d.text, text...)
		return false, false, false, err
	case "", "n":
		return d.number(bytes.TrimSpace(value), style)
	case "b":
		switch string(value) {
		case "0", "false":
			value = []byte("FALSE")
		case "1", "true":
			value = []byte("TRUE")
		}
	case "d":
		value = isoDate(value)
	case "e":
	default: // str, inlineStr
		value = unescape(value)
	}
	d.text = append(d.text, value...)
	return false, false, false, nil
}

// number appends a number as its style shows it.
func (d *sheetDecoder) number(value []byte, style string) (exact, dressed, parted bool, err error) {
	format, err := d.book.style(style)
	if err != nil {
		return false, false, false, err
	}
	from := len(d.text)
	if format.date != "" {
		d.text = appendDate(d.text, value, format.date, d.book.from1904)
		return false, false, false, nil
	}
	if d.text, exact = appendNumber(d.text, value); exact && format.code != "" {
		d.text, exact = format.show(d.text[:from], slices.Clone(d.text[from:]))
		dressed = !exact
	}
	if exact && format.zeros > 0 {
		d.text = appendPadded(d.text[:from], d.text[from:], format.zeros)
	}
	return exact, dressed || exact && format.parts, exact && format.signs, nil
}

// unescape undoes, in place, how a workbook writes characters that XML cannot have: `_x000D_`.
func unescape(text []byte) []byte {
	i := bytes.Index(text, []byte("_x"))
	if i < 0 {
		return text
	}
	kept := text[:i]
	for text = text[i:]; len(text) > 0; {
		if len(text) >= 7 && text[0] == '_' && text[1] == 'x' && text[6] == '_' {
			if n, err := strconv.ParseUint(string(text[2:6]), 16, 16); err == nil {
				kept = utf8.AppendRune(kept, rune(n))
				text = text[7:]
				continue
			}
		}
		kept, text = append(kept, text[0]), text[1:]
	}
	return kept
}

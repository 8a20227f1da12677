package export

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// span is a range of the characters of a line, 0-based, without the one at to.
type span struct{ from, to int }

// lineRest is where a span ends that ends with the line.
const lineRest = MaxRecord

// fixedDecoder cuts each line into fields at characters, of which a tab is one. Quotes mean nothing to it. The fields are
// in UTF-8.
type fixedDecoder struct {
	lines
	charset charset
	spans   []span              // the fields, in order
	labels  []heading           // what they are called
	need    int                 // so many characters a row must have; a line in which the other kind of line end parts such rows is those
	reach   int                 // so many it must have, or it is short: to the end of the quantity
	edges   []edge              // of a report: where the values of columns stand
	guards  []span              // of a report: blanks between columns
	above   []record            // of a report: the lines up to its header, and that
	repeats map[string][][]byte // of a report: the fields of a line that is the header once more
	inner   int                 // so many unread bytes are known to be rows that the other kind of line end parts
	text    []byte              // the line, where it had to be decoded
}

func (d *fixedDecoder) next(rec *record) error {
	if len(d.above) > 0 {
		*rec, d.above = d.above[0], d.above[1:]
		return nil
	}
	*rec = record{line: d.line, lines: 1, fields: rec.fields[:0], count: len(d.spans)}
	eol, ended, err := d.rowEnd()
	if err != nil {
		return err
	}
	if rec.unterminated = !ended; eol > MaxRecord {
		rec.fault, rec.fields = longRecord, append(rec.fields, bytes.Clone(d.buf[d.start:d.start+MaxField]))
		if eol, ended, err = d.toLineEnd(eol, ended); err != nil {
			return err
		}
		rec.unterminated = !ended
		d.pass(1, eol)
		return nil
	}
	line := chomp(d.buf[d.start : d.start+eol])
	if d.inner == 0 && bytes.IndexByte(line, d.other()) >= 0 {
		if d.inner = d.rowsIn(line); d.inner > 0 {
			return d.next(rec)
		}
		rec.fault = loneEnd
	}
	d.inner = max(0, d.inner-eol-1)
	d.pass(1, eol)
	d.cut(rec, line)
	return nil
}

// rowEnd finds the end of the line, or, of one that the other kind of line end parts, of the first row in it.
func (d *fixedDecoder) rowEnd() (eol int, ended bool, err error) {
	if d.inner > 0 {
		if i := bytes.IndexByte(d.buf[d.start:d.start+d.inner], d.other()); i >= 0 {
			return i, true, nil
		}
	}
	return d.nextLine()
}

// rowsIn is how many bytes the rows have that the other kind of line end parts in a line, but for the last; 0 where not
// every part has all that a row needs.
func (d *fixedDecoder) rowsIn(line []byte) int {
	for part := range bytes.SplitSeq(line, []byte{d.other()}) {
		if len(bytes.TrimSpace(part)) > 0 && utf8.RuneCount(part) < d.need {
			return 0
		}
	}
	return bytes.LastIndexByte(line, d.other()) + 1
}

// cut cuts a line into its fields.
func (d *fixedDecoder) cut(rec *record, line []byte) {
	line = bytes.TrimLeft(line, "\f") // the end of a page
	if ascii := bytes.IndexFunc(line, func(r rune) bool { return r >= utf8.RuneSelf }) < 0; !ascii {
		text, ok := d.charset.append(d.text[:0], line)
		if !ok || d.charset.guessed && utf8.Valid(line) {
			rec.fault = notText
		}
		line, d.text = text, text
	}
	rec.raw = line
	if header := d.repeats[string(bytes.TrimRight(line, " "))]; header != nil {
		rec.fields = append(rec.fields, header...)
		return
	}
	at := characters{text: line}
	for _, s := range d.spans {
		from := at.offset(s.from)
		rec.fields = append(rec.fields, line[from:at.offset(s.to)])
	}
	if rec.fault != noFault || len(bytes.TrimSpace(line)) == 0 {
		return
	}
	if n := utf8.RuneCount(line); n < d.reach {
		rec.fault, rec.at = shortLine, n
		return
	}
	at = characters{text: line}
	for _, s := range d.guards {
		from := at.offset(s.from)
		if len(bytes.Trim(line[from:at.offset(s.to)], " ")) > 0 {
			rec.fault, rec.at = crossedColumns, s.from
			return
		}
	}
	at = characters{text: line}
	for _, e := range d.edges {
		from := at.offset(e.from)
		if !e.fits(string(line[from:at.offset(e.to)])) {
			rec.fault, rec.at = crossedColumns, e.from
			return
		}
	}
}

// characters finds the characters of a text one after another.
type characters struct {
	text  []byte
	n, at int // the character that is at the offset at
}

// offset is where a character begins, at most the text's length. It is not before the one that was asked for last.
func (c *characters) offset(n int) int {
	if n < c.n {
		c.n, c.at = 0, 0
	}
	for ; c.n < n && c.at < len(c.text); c.n++ {
		size := 1
		if c.text[c.at] >= utf8.RuneSelf {
			_, size = utf8.DecodeRune(c.text[c.at:])
		}
		c.at += size
	}
	return c.at
}

// labels are what the columns are called where the decoder says it; else nil.
func (t *table) labels() []heading {
	if d, ok := t.decoder.(*fixedDecoder); ok {
		return d.labels
	}
	return nil
}

// openFixed settles how text in fixed width is read, by the ranges of characters in the config. It has no header; with
// `header` the lines up to that one are passed over.
func (r *rules) openFixed(text io.Reader, set charset) (*Rows, error) {
	if refused := r.lacksRange(); refused != nil {
		return nil, refused
	}
	head, _, err := peek(text, headSize)
	if err != nil {
		return nil, err
	}
	d := fixedDecoder{lines: linesFrom(replay(head, text), newlineOf(head)), charset: set}
	fixed := d.take(r)
	var titles pipeline
	for d.line <= r.header {
		var rec record
		if err := d.next(&rec); err == io.EOF {
			break
		} else if err != nil {
			return nil, err
		}
		titles.addTitle(titles.cells(&rec))
	}
	rows, err := fixed.openTable("fixed", &d)
	if err != nil {
		return nil, err
	}
	rows.above = titles.above
	rows.detected.Encoding, rows.detected.Header = set.name, max(0, r.header)
	return rows, nil
}

// take takes the ranges of the config. It answers rules in which each is the number of a field.
func (d *fixedDecoder) take(r *rules) *rules {
	fields := slices.SortedFunc(maps.Keys(r.columns), func(a, b Field) int {
		return 4*(r.columns[a].From-r.columns[b].From) + 2*(r.columns[a].To-r.columns[b].To) + int(a) - int(b)
	})
	fixed := *r
	fixed.columns, fixed.header = make(map[Field]Column, len(fields)), HeaderNone
	for i, f := range fields {
		c := r.columns[f]
		d.spans = append(d.spans, span{c.From - 1, c.To})
		d.labels = append(d.labels, heading{text: c.String()})
		fixed.columns[f] = Column{Number: i + 1}
	}
	d.reach = r.columns[Quantity].To
	d.need = d.reach
	return &fixed
}

// lacksRange refuses a config whose ranges do not say all that a row needs.
func (r *rules) lacksRange() *Refused {
	has := func(f Field) bool { _, ok := r.columns[f]; return ok }
	var missing []string
	if !(r.wants(UPC) && has(UPC) || r.wants(SKU) && has(SKU)) {
		f := UPC
		if !r.wants(UPC) {
			f = SKU
		}
		missing = append(missing, f.String())
	}
	if !has(Quantity) {
		missing = append(missing, Quantity.String())
	}
	if len(missing) > 0 {
		return &Refused{
			Code:   RefusedColumn,
			Reason: fmt.Sprintf("the export is read by ranges of characters, and the config has none for the %s", strings.Join(missing, " and the ")),
			Write:  fmt.Sprintf("columns: {%s: [FROM, TO]}", strings.Join(missing, ": [FROM, TO], ")),
		}
	}
	if !has(Store) && !r.given[Store] {
		return &Refused{
			Code:   RefusedStore,
			Reason: "the export is read by ranges of characters, and the config has none for the store",
			Write:  `defaults: {store: "..."}`,
		}
	}
	return nil
}

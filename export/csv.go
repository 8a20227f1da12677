package export

import (
	"bytes"
	"io"
)

// maxWaste bounds what is read twice because of quotes that did not close. Past it no quoted field spans lines any
// more, so that a file made of such quotes is still read in linear time.
const maxWaste = 16 << 20 // bytes

// csvDecoder splits CSV as in RFC 4180 into records, of ASCII-compatible bytes. Beyond the RFC: a line may end in LF or in
// CR alone, see lines; a quote within an unquoted field is a character like any other; and a quoted field that does not
// end, or does not end at a delimiter, is the fault of the record that it is in, after which reading goes on at the very
// next line. But for a quoted word that begins a field, see pastQuotes.
type csvDecoder struct {
	lines

	comma byte
	want  int  // how many fields of a record to yield
	width int  // how many columns there are; 0 = not known yet, see under
	wider bool // that rows end in a delimiter more than the header has
	inner int  // so many unread bytes are known to be rows that the other kind of line end parts, see mixed

	past    int    // the offset in buf of the line after the current record's first
	quote   int    // of all that is read: no quote stands between the unread bytes' beginning and here
	scratch []byte // quoted fields with their doubled quotes undone
	wasted  int    // bytes read in vain, see maxWaste
	openEnd bool   // a quote was open when the export ended
}

func newCSV(src io.Reader, comma byte, want int) *csvDecoder {
	return &csvDecoder{lines: linesFrom(src, '\n'), comma: comma, want: want}
}

// csvOf reads CSV that is in memory, after which err comes. It does not change b.
func csvOf(b []byte, err error, comma byte, want int) *csvDecoder {
	return &csvDecoder{lines: linesOf(b, err, '\n'), comma: comma, want: want}
}

// under says that the header has been read, and how many columns it has.
func (d *csvDecoder) under(width int) { d.width, d.inner = width, 0 }

// next reads the next record. The error is io.EOF after the last one, else that of src; what src gave of a record
// before it failed is not yielded.
func (d *csvDecoder) next(rec *record) error {
	if d.fromIndex(rec) {
		return nil
	}
	*rec = record{line: d.line, lines: 1, fields: rec.fields[:0], comma: d.comma, newline: d.newline}
	eol, ended := -1, true
	if d.newline == '\n' && d.inner == 0 { // else it would be looked for in all that is read
		eol = bytes.IndexByte(d.buf[d.start:d.end], '\n')
	}
	if eol < 0 {
		var err error
		if eol, ended, err = d.rowEnd(); err != nil {
			return err
		}
	}
	if eol > MaxRecord {
		return d.passLong(rec, eol, ended)
	}
	line := d.buf[d.start : d.start+eol]
	if i := bytes.IndexByte(line, d.other()); i >= 0 {
		if line = chomp(line); i < len(line) && d.inner == 0 {
			rec.ends = true
			if d.inner, rec.lone = d.mixed(line); d.inner > 0 {
				return d.next(rec)
			}
		}
	}
	if quoted := len(line) > 0 && line[0] == '"' || d.hasQuote(eol); !quoted {
		d.split(rec, line)
	} else if len(line) >= MaxColumns || !d.splitQuoted(rec, line) {
		return d.quoted(rec)
	}
	rec.raw = line
	d.advance(rec, eol, ended)
	return nil
}

// hasQuote says that there is a quote in the line that ends at eol. It looks ahead, once for many lines without one.
func (d *csvDecoder) hasQuote(eol int) bool {
	end := d.passed + d.start + eol
	if d.quote < end {
		from := max(d.quote-d.passed, d.start)
		i := bytes.IndexByte(d.buf[from:d.end], '"')
		if i < 0 {
			i = d.end - from
		}
		d.quote = d.passed + from + i
	}
	return d.quote < end
}

// rowEnd finds the end of the line, or, of one that the other kind of line end parts, of the first row in it.
func (d *csvDecoder) rowEnd() (eol int, ended bool, err error) {
	if d.inner > 0 {
		if eol, _ := d.part(d.buf[d.start : d.start+d.inner]); eol >= 0 {
			return eol, true, nil
		}
		d.inner = 0
	}
	return d.nextLine()
}

// advance goes to what follows the line that ends at eol.
func (d *csvDecoder) advance(rec *record, eol int, ended bool) {
	if rec.lone && rec.fault == noFault && (rec.count != d.width || d.newline == '\r') {
		rec.fault = loneEnd
	}
	rec.unterminated = !ended || d.openEnd
	if d.inner > 0 {
		d.inner = max(0, d.inner-eol-1)
	}
	d.pass(rec.lines, eol)
}

// split splits a line without quotes.
func (d *csvDecoder) split(rec *record, line []byte) {
	rec.count = 1 + bytes.Count(line, []byte{d.comma})
	if len(line) >= MaxColumns {
		d.checkLong(rec, line)
	}
	for len(rec.fields) < d.want {
		i := bytes.IndexByte(line, d.comma)
		if i < 0 {
			rec.fields = append(rec.fields, line)
			return
		}
		rec.fields = append(rec.fields, line[:i])
		line = line[i+1:]
	}
}

// splitQuoted splits a line with quotes as almost all are: closed in the same line, and none doubled. It answers false
// to any other.
func (d *csvDecoder) splitQuoted(rec *record, line []byte) bool {
	fields := rec.fields[:0]
	for count := 1; ; count++ {
		var end int
		var field []byte
		if len(line) > 0 && line[0] == '"' {
			i := bytes.IndexByte(line[1:], '"')
			if end = i + 2; i < 0 || end < len(line) && line[end] != d.comma {
				return false
			}
			field = line[1 : i+1]
		} else {
			if end = bytes.IndexByte(line, d.comma); end < 0 {
				end = len(line)
			}
			field = line[:end]
		}
		if len(fields) < d.want {
			fields = append(fields, field)
		}
		if end == len(line) {
			rec.fields, rec.count = fields, count
			return true
		}
		line = line[end+1:]
	}
}

// pastQuotes splits a line in which text follows the quoted word that begins a field: `"KELMATT" POLYESTER`. Its quotes
// are characters then. It answers false where that is not certain: where there is another quote that is not around a whole
// field, so that a delimiter may be part of a text, or where the fields are not as many as the columns.
func (d *csvDecoder) pastQuotes(rec *record, line []byte) bool {
	fields := rec.fields[:0]
	for count := 1; ; count++ {
		field, quotes := line, 0
		if len(line) > 0 && line[0] == '"' {
			past := bytes.IndexByte(line[1:], '"') + 2
			if past < 2 {
				return false
			}
			quotes = 2
			if i := bytes.IndexByte(line[past:], d.comma); i >= 0 {
				field = line[:past+i]
			}
		} else if i := bytes.IndexByte(line, d.comma); i >= 0 {
			field = line[:i]
		}
		rest := line[len(field):]
		if bytes.Count(field, []byte{'"'}) != quotes || len(field) > MaxField {
			return false
		}
		if quotes > 0 && field[len(field)-1] == '"' {
			field = field[1 : len(field)-1]
		}
		if len(fields) < d.want {
			fields = append(fields, field)
		}
		if len(rest) == 0 {
			if count != d.width {
				return false
			}
			rec.fields, rec.count, rec.fault, rec.at = fields, count, noFault, 0
			return true
		}
		line = rest[1:]
	}
}

// checkLong looks for what only a long line can have.
func (d *csvDecoder) checkLong(rec *record, line []byte) {
	if rec.count > MaxColumns {
		rec.fault = manyFields
		return
	}
	for i := 1; len(line) > MaxField; i++ {
		end := bytes.IndexByte(line, d.comma)
		if end > MaxField || end < 0 {
			rec.fault, rec.at = longField, i
			return
		}
		line = line[end+1:]
	}
}

// passLong passes over a line that is longer than memory for it.
func (d *csvDecoder) passLong(rec *record, eol int, ended bool) error {
	rec.fault = longRecord
	rec.raw = bytes.Clone(d.buf[d.start : d.start+MaxField]) // the buffer is about to be used again
	eol, ended, err := d.toLineEnd(eol, ended)
	if err != nil {
		return err
	}
	d.advance(rec, eol, ended)
	return nil
}

// rewind makes a record whose quoted field has swallowed other rows a fault of its first line, and goes on after that.
// rec is the record that next has just yielded.
func (d *csvDecoder) rewind(rec *record) {
	d.line = rec.line + 1
	d.wasted += len(rec.raw)
	d.start = d.past
	rec.fault, rec.lines = swallowedRow, 1
	rec.raw = chomp(rec.raw[:bytes.IndexByte(rec.raw, d.newline)])
	rec.unterminated = d.openEnd
}

// quoted reads a record whose first line has a quote in it.
func (d *csvDecoder) quoted(rec *record) error {
	for {
		eol, ended, err := d.rowEnd()
		if err != nil {
			return err
		}
		d.past = min(d.start+eol+1, d.end)
		q := quotedRecord{csvDecoder: d, rec: rec, b: d.buf[d.start:d.end], eol: eol, ended: ended}
		rec.fields, d.scratch = rec.fields[:0], d.scratch[:0]
		rec.lines, rec.count, rec.fault = 1, 0, noFault
		switch q.parse() {
		case parsed:
			if !q.ended && d.err != nil && d.err != io.EOF {
				return d.err
			}
			rec.raw = chomp(q.b[:q.eol])
			d.advance(rec, q.eol, q.ended)
			return nil
		case needsMore:
			if d.fill() { // moves everything: begin again; the buffer doubles, so that is done a few times at most
				continue
			}
			if d.err != nil && d.err != io.EOF {
				return d.err
			}
			rec.fault, d.openEnd = openQuote, d.openEnd || d.err == io.EOF
		case faulty:
			if line := chomp(q.b[:eol]); rec.fault == textPastQuote && rec.lines == 1 && d.pastQuotes(rec, line) {
				rec.raw = line
				d.advance(rec, eol, ended)
				return nil
			}
		}
		// The record is not to be trusted beyond its first line.
		if rec.lines > 1 || rec.fault == openQuote {
			d.wasted += q.pos
		}
		rec.lines, rec.raw = 1, chomp(d.buf[d.start:d.start+eol])
		d.advance(rec, eol, ended)
		return nil
	}
}

// quotedRecord is the reading of one record with quotes.
//
// `"6"",8"` is a text with a delimiter in it, 6",8, or, of a program that does not double quotes, two fields, 6" and 8". Where
// such a row has fewer fields than the others have, it may be the latter, and is not read.
type quotedRecord struct {
	*csvDecoder
	rec   *record
	b     []byte // all that is unread
	pos   int    // in b: where the next field starts, or how far the reading came
	eol   int    // in b: the end of the line that pos is in
	ended bool   // that a line end is there
	joins int    // the field in which a doubled quote stands before a delimiter, 1-based; 0 = there is none
}

type parseResult uint8

const (
	parsed parseResult = iota
	needsMore
	faulty // rec.fault and rec.at say how
)

func (q *quotedRecord) parse() parseResult {
	for {
		q.rec.count++
		if q.rec.count > MaxColumns {
			return q.fail(manyFields)
		}
		var field []byte
		line := q.b[q.pos:q.eol]
		if len(line) > 0 && line[0] == '"' {
			var result parseResult
			if field, result = q.field(); result != parsed {
				return result
			}
		} else {
			if i := bytes.IndexByte(line, q.comma); i >= 0 {
				field = line[:i]
			} else {
				field = chomp(line)
			}
			q.pos += len(field)
		}
		if len(field) > MaxField {
			return q.fail(longField)
		}
		if len(q.rec.fields) < q.want {
			q.rec.fields = append(q.rec.fields, field)
		}
		if len(chomp(q.b[q.pos:q.eol])) == 0 {
			if q.joins > 0 && (q.rec.count < q.width || q.wider && q.rec.count == q.width && len(field) == 0) {
				return q.failAt(textPastQuote, q.joins)
			}
			return parsed
		}
		if q.b[q.pos] != q.comma {
			return q.fail(textPastQuote)
		}
		q.pos++
	}
}

func (q *quotedRecord) fail(f fault) parseResult { return q.failAt(f, q.rec.count) }

func (q *quotedRecord) failAt(f fault, field int) parseResult {
	q.rec.fault, q.rec.at = f, field
	return faulty
}

// field reads the quoted field at pos and goes past its closing quote.
func (q *quotedRecord) field() ([]byte, parseResult) {
	from := q.pos + 1
	kept, copied := from, len(q.scratch) // of a field with doubled quotes: what is not in scratch yet; where it starts there
	doubled := false
	for at := from; ; {
		limit := min(len(q.b), from+MaxField+1)
		if q.wasted > maxWaste {
			limit = q.eol
		}
		i := bytes.IndexByte(q.b[at:limit], '"')
		if i < 0 {
			q.rec.at, q.pos = q.rec.count, limit
			if limit == len(q.b) && (q.wasted <= maxWaste || !q.ended) {
				return nil, needsMore
			}
			return nil, q.fail(openQuote)
		}
		at += i
		if at+1 < len(q.b) && q.b[at+1] == '"' {
			q.scratch = append(q.scratch, q.b[kept:at+1]...)
			doubled = true
			if at += 2; at < len(q.b) && q.b[at] == q.comma {
				q.joins = q.rec.count
			}
			kept = at
			if at > limit {
				q.pos = at
				return nil, q.fail(openQuote)
			}
			continue
		}
		if at+1 == len(q.b) && q.err == nil {
			q.rec.at = q.rec.count
			return nil, needsMore // the quote may be a doubled one
		}
		field := q.b[from:at]
		if doubled {
			q.scratch = append(q.scratch, q.b[kept:at]...)
			field = q.scratch[copied:]
		}
		q.pos = at + 1
		return field, q.nextLines(from, at)
	}
}

// nextLines follows a quoted field over the ends of lines.
func (q *quotedRecord) nextLines(from, to int) parseResult {
	if to < q.eol {
		return parsed
	}
	q.rec.lines += bytes.Count(q.b[from:to], []byte{q.newline})
	if q.rec.lines > MaxRecordLines {
		return q.fail(openQuote)
	}
	i := bytes.IndexByte(q.b[to:], q.newline)
	if q.eol, q.ended = to+i, i >= 0; !q.ended {
		q.eol = len(q.b)
		if q.err == nil && q.eol <= MaxRecord {
			return needsMore
		}
	}
	if q.eol > MaxRecord {
		return q.fail(longRecord)
	}
	return parsed
}

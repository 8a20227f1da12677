package export

import (
	"bytes"
	"io"
	"slices"
)

// lines reads text line by line, with a bound on what it keeps.
//
// Lines end in LF, and what stands before it of CR is the line end's too; or, where most of an export's lines do, in CR
// alone, as on old Macintoshes, and an LF after it is the line end's too. A line that has the other kind of line end in
// it may be several rows, or one with a text of several lines: whoever reads the line decides that.
type lines struct {
	src   io.Reader
	err   error // of src, kept
	buf   []byte
	start int // the unread bytes are buf[start:end]
	end   int

	ahead   *ahead // nil = src is read when it is needed
	own     []byte // then: what buf is where it is no block
	indexed *block // that buf is, where it is read from its beginning, and
	nth     int    // the number of its line that is next

	passed  int  // how many bytes are no longer in buf
	newline byte // LF, or CR
	line    int  // the number of the next one, 1-based
}

func linesFrom(src io.Reader, newline byte) lines {
	return lines{src: src, newline: newline, line: 1, buf: make([]byte, 128<<10)}
}

// linesOf reads what is in memory, after which err comes. It does not change b.
func linesOf(b []byte, err error, newline byte) lines {
	return lines{buf: b, end: len(b), err: err, newline: newline, line: 1}
}

// other is the line end that does not end a line.
func (d *lines) other() byte { return '\n' ^ '\r' ^ d.newline }

// fill reads more behind the unread bytes, which it may move. It answers false when there was nothing to try: src has
// ended, or more than a record is in memory already.
func (d *lines) fill() bool {
	if d.err != nil {
		return false
	}
	if d.ahead != nil {
		ok := d.fillAhead()
		d.indexed = nil // the reading is in the middle of a record
		return ok
	}
	d.passed += d.start
	copy(d.buf, d.buf[d.start:d.end])
	d.start, d.end = 0, d.end-d.start
	if d.end == len(d.buf) {
		if len(d.buf) >= 2*MaxRecord {
			return false
		}
		d.buf = append(d.buf, make([]byte, len(d.buf))...)
	}
	var n int
	n, d.err = readFull(d.src, d.buf[d.end:])
	d.end += n
	return true
}

// lineEnd finds the end of the line, from an offset in it on; both count from d.start. It answers false where the
// export, or memory, ends first.
func (d *lines) lineEnd(from int) (int, bool) {
	for {
		if i := bytes.IndexByte(d.buf[d.start+from:d.end], d.newline); i >= 0 {
			return from + i, true
		}
		from = d.end - d.start
		if from > MaxRecord || !d.fill() {
			return from, false
		}
	}
}

// nextLine finds the end of the next line. The error is io.EOF after the last one, else that of src.
func (d *lines) nextLine() (eol int, ended bool, err error) {
	eol, ended = d.lineEnd(0)
	for d.newline == '\r' && eol > 0 && d.buf[d.start] == '\n' {
		d.start, eol = d.start+1, eol-1
	}
	if !ended && d.err != nil && d.err != io.EOF {
		return 0, false, d.err
	}
	if !ended && eol == 0 {
		return 0, false, io.EOF
	}
	return eol, ended, nil
}

// toLineEnd passes over the rest of a line that is longer than memory for it.
func (d *lines) toLineEnd(eol int, ended bool) (int, bool, error) {
	for !ended {
		d.start, eol = d.end, 0
		if !d.fill() {
			break
		}
		eol = bytes.IndexByte(d.buf[:d.end], d.newline)
		ended = eol >= 0
	}
	if !ended && d.err != io.EOF {
		return 0, false, d.err
	}
	return max(eol, 0), ended, nil
}

// pass goes to what follows the line that ends at eol, the last of some lines.
func (d *lines) pass(lines, eol int) {
	d.line += lines
	d.start = min(d.start+eol+1, d.end)
}

// chomp cuts the CR of a line's CRLF, or those that a program has put before it.
func chomp(line []byte) []byte {
	for n := len(line); n > 0 && line[n-1] == '\r'; n-- {
		line = line[:n-1]
	}
	return line
}

// cutLine cuts off a line that ends in any way.
func cutLine(text []byte) (line, after []byte, found bool) {
	i := bytes.IndexAny(text, "\r\n")
	if i < 0 {
		return text, nil, false
	}
	return text[:i], text[i+1:], true
}

// newlineOf tells by the head of an export what its lines end in. Line ends in quoted fields do not count.
func newlineOf(head []byte) byte {
	if bytes.Count(head, []byte("\r")) == bytes.Count(head, []byte("\r\n")) {
		return '\n'
	}
	ends := map[byte]int{}
	quoted, edge := false, true // edge: the beginning of a field
	for i, c := range head {
		switch {
		case c == '"' && edge && !quoted:
			quoted = true
		case c == '"' && quoted && (i+1 == len(head) || isEdge(head[i+1])):
			quoted = false
		case !quoted && c == '\n', !quoted && c == '\r' && (i+1 == len(head) || head[i+1] != '\n'):
			ends[c]++
		}
		edge = isEdge(c)
	}
	if ends['\r'] > ends['\n'] {
		return '\r'
	}
	return '\n'
}

// isEdge says that a field may end or begin at a byte.
func isEdge(c byte) bool { return c == '\r' || c == '\n' || bytes.IndexByte(delimiters, c) >= 0 }

// mixed looks at a line that has the other kind of line end in it. Outside quotes it parts rows, but only where each part
// has all the columns: inner is how many bytes those rows have, but for the last, which ends with the line. Else the line is
// one row, and lone says that such a line end stands in it outside quotes.
func (d *csvDecoder) mixed(line []byte) (inner int, lone bool) {
	rows := true
	for at := 0; ; {
		end, fields := d.part(line[at:])
		part := line[at:]
		if end >= 0 {
			part = part[:end]
		}
		rows = rows && (fields >= d.width || isBlankLine(part, d.comma))
		if end < 0 {
			break
		}
		at += end + 1
		inner, lone = at, true
	}
	if !rows {
		inner = 0
	}
	return inner, lone && !rows
}

// part finds where the first part of a line ends: at the other kind of line end, outside quotes. -1 = it is the last one.
func (d *csvDecoder) part(line []byte) (end, fields int) {
	other, begins := d.other(), true
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '"' && begins:
			for i++; i < len(line) && (line[i] != '"' || i+1 < len(line) && line[i+1] == '"'); i++ {
				if line[i] == '"' {
					i++
				}
			}
			begins = false
		case c == d.comma:
			fields++
			begins = true
		case c == other:
			return i, fields + 1
		default:
			begins = false
		}
	}
	return -1, fields + 1
}

// joined says that a row in which the other kind of line end stands may be parts of two: it stands before the last column
// that is of use, or a part is an update by itself.
func (p *pipeline) joined(rec *record) bool {
	hasCR := func(field []byte) bool { return bytes.IndexByte(field, '\r') >= 0 }
	if slices.ContainsFunc(rec.fields, hasCR) || bytes.Count(rec.raw, []byte{'\r'}) > MaxRecordLines {
		return true
	}
	trial := p.trial()
	for i, part := range bytes.Split(rec.raw, []byte{'\r'}) {
		if i == 0 {
			continue
		}
		one := record{line: rec.line}
		if csvOf(part, io.EOF, p.comma, MaxColumns).next(&one) != nil {
			continue
		}
		if _, res := trial.evaluate(&one); res == isUpdate {
			return true
		}
	}
	return false
}

package export

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A report that is meant for a printer has its values below their headings, and nothing but blanks between the columns.
// Where a column ends is known where all rows have a blank: in the line of dashes below the header where there is one, else
// between two headings. A row in which a text stands there is a reject. Where no such place is found beside a column that is
// needed, the export is refused: the config can say which characters are whose.

// piece is a part of a line between blanks.
type piece struct {
	span
	text string
}

// blankParted are the parts of a line that two blanks or more are between.
func blankParted(line string) []piece {
	var pieces []piece
	from, to, n := -1, 0, 0 // of the piece: characters
	begin, end := 0, 0      // and bytes
	closed := func() {
		if from >= 0 {
			pieces = append(pieces, piece{span{from, to}, line[begin:end]})
		}
		from = -1
	}
	for i, r := range line {
		switch {
		case r == ' ' || r == '\f':
			if n > to {
				closed()
			}
		case from < 0:
			from, begin = n, i
			fallthrough
		default:
			_, size := utf8.DecodeRuneInString(line[i:]) // of a byte that is no text, 1
			to, end = n+1, i+size
		}
		n++
	}
	closed()
	return pieces
}

// report is what the head of one shows.
type report struct {
	*detector
	lines    []string // in UTF-8
	heads    []piece  // the headings
	first    int      // the header's first line, 0-based
	rows     int      // the first line below it
	rule     bool     // that the line of dashes says where the columns are
	match    match
	body     [][]rune // the rows among the lines
	few      int      // in so many rows a text may cross from one column into another
	occupied []int    // by character: in how many of them something stands
	words    []int    // by character: in how many of them that is no part of a number
}

// maxReportLine is how many characters the lines of a report have at most.
const maxReportLine = 4096

// openReport settles how a report in columns is read. It answers nil where the export is none.
func (d *detector) openReport(text io.Reader) (*Rows, error) {
	if d.format != "csv" || d.rules.format != "" || d.delimiter != 0 || d.positional() || d.header == HeaderNone || d.layout.width > 0 {
		return nil, nil
	}
	r := d.findReport()
	if r == nil {
		return nil, nil
	}
	if refused := r.headingAbove(); refused != nil {
		return nil, refused
	}
	fixed := fixedDecoder{lines: linesFrom(replay(d.head, text), d.newline), charset: d.charset}
	var refused *Refused
	if fixed.spans, refused = r.columns(); refused != nil {
		if r.few = max(min(1, len(r.body)/8), len(r.body)/20); r.few > 0 {
			fixed.spans, _ = r.columns()
		}
		if fixed.spans == nil {
			return nil, refused
		}
	}
	fixed.guards = r.guards(fixed.spans)
	if fixed.edges, refused = r.edges(fixed.spans); refused != nil {
		return nil, refused
	}
	fixed.above, fixed.repeats = r.above()
	fixed.need = r.heads[r.match.column[Quantity]].from + 1
	for fixed.line <= r.rows { // they are in the head
		eol, _, err := fixed.nextLine()
		if err == io.EOF {
			break
		} else if err != nil {
			return nil, err
		}
		fixed.pass(1, eol)
	}
	rows, err := d.openTable("fixed", &fixed)
	if err != nil {
		return nil, err
	}
	rows.detected.Encoding = d.charset.name
	return rows, nil
}

// findReport looks for the header of a report; nil = there is none.
func (d *detector) findReport() *report {
	r := &report{detector: d}
	for rest := d.head; len(rest) > 0 && len(r.lines) < sampleRows; {
		line, after, ended := bytes.Cut(rest, []byte{d.newline})
		if rest = after; !ended && !d.whole {
			break
		}
		text, ok := d.charset.append(nil, chomp(line))
		if !ok || len(text) > maxReportLine || bytes.IndexByte(text, '\t') >= 0 {
			return nil
		}
		r.lines = append(r.lines, strings.TrimLeft(string(text), "\f"))
	}
	for _, find := range []func(int) bool{r.header, r.headerOfTwo} {
		looked := 0
		for i, line := range r.lines {
			if strings.TrimSpace(line) == "" || d.header > 0 && i+1 != d.header {
				continue
			}
			if looked++; looked > headerRows {
				break
			}
			if find(i) {
				r.sample()
				return r
			}
		}
	}
	return nil
}

// header says that a line is the header, with a second one below it that goes on with its headings.
func (r *report) header(i int) bool {
	if r.ruled(i) {
		return true
	}
	pieces := blankParted(r.lines[i])
	if !r.take(pieces, i, i+1) {
		return false
	}
	if r.continues(i+1, pieces) {
		return r.take(r.merged(i, i+1), i, i+2)
	}
	return true
}

// headerOfTwo says that a line and the one below it are the header, and neither by itself.
func (r *report) headerOfTwo(i int) bool {
	return i+1 < len(r.lines) && r.continues(i+1, blankParted(r.lines[i])) && r.take(r.merged(i, i+1), i, i+2)
}

// take takes pieces for the headings, where they can be.
func (r *report) take(pieces []piece, first, rows int) bool {
	if len(pieces) < 2 {
		return false
	}
	cells := make([]heading, len(pieces))
	for i, p := range pieces {
		cells[i] = newHeading(p.text)
	}
	m := r.detector.match(cells, len(cells))
	if !m.isHeader() {
		return false
	}
	r.heads, r.first, r.rows, r.match, r.rule = pieces, first, rows, m, false
	return true
}

// ruled says that a line is the header by the dashes below it, a run for each column, which all rows keep to.
func (r *report) ruled(i int) bool {
	if i+1 >= len(r.lines) {
		return false
	}
	runs := strings.FieldsFunc(r.lines[i+1], func(c rune) bool { return c == ' ' })
	if len(runs) < 2 || strings.Trim(r.lines[i+1], "-= ") != "" {
		return false
	}
	var pieces []piece
	line, at := []rune(r.lines[i]), 0
	for _, run := range runs {
		from := at + strings.Index(r.lines[i+1][at:], run)
		at = from + len(run)
		text := ""
		if from < len(line) {
			text = strings.TrimSpace(string(line[from:min(at, len(line))]))
		}
		pieces = append(pieces, piece{span{from, at}, text})
	}
	if !r.take(pieces, i, i+2) {
		return false
	}
	r.rule = true
	r.sample()
	r.few = len(r.body) / 20
	for _, guard := range r.gaps() {
		for c := guard.from; c < guard.to; c++ {
			if r.isOccupied(c) || c < len(line) && line[c] != ' ' {
				r.few = 0
				return false
			}
		}
	}
	return true
}

// continues says that a line goes on with the headings above it: it has no number in it, and each of its pieces stands
// below a heading.
func (r *report) continues(i int, heads []piece) bool {
	if i >= len(r.lines) || strings.ContainsAny(r.lines[i], "0123456789") {
		return false
	}
	pieces := blankParted(r.lines[i])
	if len(pieces) == 0 || len(pieces) == 1 && pieces[0].from == 0 || isRule([]string{r.lines[i]}) {
		return false
	}
	return !slices.ContainsFunc(pieces, func(p piece) bool {
		return !slices.ContainsFunc(heads, func(h piece) bool { return p.from < h.to && h.from < p.to })
	})
}

// merged are the headings of two lines.
func (r *report) merged(i, j int) []piece {
	over, under := []rune(r.lines[i]), []rune(r.lines[j])
	both := slices.Repeat([]rune{' '}, max(len(over), len(under)))
	for _, line := range [][]rune{over, under} {
		for c, x := range line {
			if x != ' ' {
				both[c] = 'x'
			}
		}
	}
	part := func(line []rune, s span) string {
		return strings.TrimSpace(string(line[min(s.from, len(line)):min(s.to, len(line))]))
	}
	var pieces []piece
	for _, p := range blankParted(string(both)) {
		pieces = append(pieces, piece{p.span, strings.TrimSpace(part(over, p.span) + " " + part(under, p.span))})
	}
	return pieces
}

// headingAbove refuses a report whose quantity is something else by what stands above its heading.
func (r *report) headingAbove() *Refused {
	if _, stated := r.rules.columns[Quantity]; stated || r.first == 0 {
		return nil
	}
	quantity := r.heads[r.match.column[Quantity]]
	for _, p := range blankParted(r.lines[r.first-1]) {
		if p.from < quantity.to && quantity.from < p.to {
			return r.match.notStock(newHeading(p.text))
		}
	}
	return nil
}

// sample looks where the rows of the head have something. Lines that cannot be updates do not count.
func (r *report) sample() {
	r.body, r.occupied, r.words = nil, make([]int, maxReportLine), make([]int, maxReportLine)
	quantity := r.heads[r.match.column[Quantity]]
	known := make(map[string]bool)
	for _, line := range r.lines[:r.rows] {
		known[titleOf([]string{strings.TrimSpace(line)})] = true
	}
	delete(known, "")
	for _, line := range r.lines[r.rows:] {
		runes := []rune(strings.TrimRight(line, " "))
		text := strings.TrimSpace(line)
		first, _, _ := strings.Cut(text, "  ")
		if len(runes) <= quantity.from && !r.rule || !strings.ContainsAny(text, "0123456789") {
			continue
		}
		if known[titleOf([]string{text})] || isFooter(text) || isTotal([]byte(first)) {
			continue
		}
		r.body = append(r.body, runes)
		for c, x := range runes {
			if x != ' ' {
				r.occupied[c]++
				if unicode.IsLetter(x) {
					r.words[c]++
				}
			}
		}
	}
}

// above are the records of the lines up to the header and of that; repeats are the header's lines, as they come again on
// each page.
func (r *report) above() (above []record, repeats map[string][][]byte) {
	for i, line := range r.lines[:r.first] {
		above = append(above, record{line: i + 1, lines: 1, fields: [][]byte{[]byte(line)}, count: 1, raw: []byte(line)})
	}
	header := record{line: r.first + 1, lines: 1, count: len(r.heads)}
	for _, h := range r.heads {
		header.fields = append(header.fields, []byte(h.text))
	}
	repeats = make(map[string][][]byte)
	for _, line := range r.lines[r.first:r.rows] {
		repeats[strings.TrimRight(line, " ")] = header.fields
	}
	return append(above, header), repeats
}

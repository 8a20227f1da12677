package export

import (
	"bytes"
	"fmt"
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
	fixed := fixedDecoder{lines: linesFrom(io.MultiReader(bytes.NewReader(d.head), text), d.newline), charset: d.charset}
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
	for fixed.line <= r.rows {
		eol, ended, err := fixed.nextLine()
		if err == io.EOF {
			break
		} else if err != nil {
			return nil, err
		}
		if eol, _, err = fixed.toLineEnd(eol, ended); err != nil {
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
		if len(runes) <= quantity.from && !r.rule || !strings.ContainsAny(text, "0123456789") || known[titleOf([]string{text})] || isFooter(text) || isTotal([]byte(first)) {
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

// isOccupied says that something stands at a character in more than a few of the rows.
func (r *report) isOccupied(c int) bool { return r.occupied[c] > r.few }

// gaps are what is between the headings.
func (r *report) gaps() []span {
	var gaps []span
	for i := 1; i < len(r.heads); i++ {
		gaps = append(gaps, span{r.heads[i-1].to, r.heads[i].from})
	}
	return gaps
}

// isUsed says that a column is of use.
func (r *report) isUsed(column int) bool {
	return column >= 0 && (slices.Contains(r.match.column[:], column) || column == r.match.elseUPC)
}

// columns are the columns below the headings, without the blanks between them.
func (r *report) columns() ([]span, *Refused) {
	spans := make([]span, len(r.heads))
	if r.rule {
		for i, h := range r.heads {
			spans[i] = h.span
		}
		spans[len(spans)-1].to = lineRest
		return spans, nil
	}
	for i := range spans {
		spans[i] = span{-1, -1}
	}
	blocks := r.blocks()
	for b, block := range blocks {
		if block.from == block.to { // it was joined with another
			continue
		}
		owner := r.below(block)
		if owner == nil {
			column, refused := r.stray(blocks, b)
			if refused != nil {
				return nil, refused
			}
			if column < 0 {
				continue
			}
			owner = []int{column}
		}
		if len(owner) > 1 && slices.ContainsFunc(owner, r.isUsed) {
			return nil, r.unsure(owner[0], owner[1])
		}
		s := &spans[owner[0]]
		if s.from < 0 {
			*s = block
		}
		s.from, s.to = min(s.from, block.from), max(s.to, block.to)
	}
	for i := range spans {
		if spans[i].from < 0 { // within the block of another one, and of no use
			spans[i] = span{r.heads[i].from, r.heads[i].from}
		}
	}
	last := &spans[len(spans)-1]
	if last.to > last.from {
		last.to = lineRest
	}
	return spans, nil
}

// blocks are where something stands, in the header or in more than a few rows, between characters where nothing does.
func (r *report) blocks() (blocks []span) {
	taken := make([]bool, maxReportLine+1)
	for c := range maxReportLine {
		taken[c] = r.isOccupied(c)
	}
	for _, h := range r.heads {
		for c := h.from; c < h.to; c++ {
			taken[c] = true
		}
	}
	from := -1
	for c, t := range taken {
		switch {
		case t && from < 0:
			from = c
		case !t && from >= 0:
			blocks = append(blocks, span{from, c})
			from = -1
		}
	}
	return blocks
}

// below are the headings that stand over a block.
func (r *report) below(block span) (heads []int) {
	for i, h := range r.heads {
		if h.from < block.to && block.from < h.to {
			heads = append(heads, i)
		}
	}
	return heads
}

// stray settles whose a block is that stands below no heading; -1 = nobody's. It is that of the one beside it which has
// nothing else below its heading. Beside a column that is needed nothing is guessed, but that a word is no quantity.
func (r *report) stray(blocks []span, b int) (column int, _ *Refused) {
	left, right := -1, -1
	for i, h := range r.heads {
		if h.to <= blocks[b].from {
			left = i
		} else if right < 0 {
			right = i
		}
	}
	empty := func(column int) bool {
		if column < 0 {
			return false
		}
		for _, block := range blocks {
			if slices.Contains(r.below(block), column) {
				return !slices.ContainsFunc(r.occupied[block.from:block.to], func(n int) bool { return n > 0 })
			}
		}
		return false
	}
	switch {
	case empty(left) && !empty(right):
		return left, nil
	case empty(right) && !empty(left):
		return right, nil
	}
	for _, beside := range []int{left, right} {
		word := slices.Max(r.words[blocks[b].from:blocks[b].to]) > 0
		if r.isUsed(beside) && !(word && beside == r.match.column[Quantity]) {
			return -1, r.unsure(left, right)
		}
	}
	if r.isUsed(left) || r.isUsed(right) {
		return -1, nil
	}
	return left, nil
}

// unsure refuses a report for two columns of which nobody can say where one ends. left or right can be -1: the line's end.
func (r *report) unsure(left, right int) *Refused {
	name := func(column int) string {
		if column < 0 {
			return "the end of the line"
		}
		return r.match.name(column)
	}
	if left < 0 {
		left, right = right, left
	}
	var ranges []string
	for f := range fieldCount {
		if c := r.match.column[f]; c >= 0 {
			ranges = append(ranges, fmt.Sprintf("%s: [%d, %d]", f, r.guess(f, c).from+1, r.guess(f, c).to))
		}
	}
	return &Refused{
		Code: RefusedDelimiter,
		Reason: fmt.Sprintf("the export is a report in columns, and it is not certain which texts belong to %s and which to %s; "+
			"the config must say which characters, counted from 1, are whose, and `header: %d`; this is a guess", name(left), name(right), r.rows),
		Write: "columns: {" + strings.Join(ranges, ", ") + "}",
	}
}

// guess is where a field most likely stands: a quantity ends below its heading's end, anything else begins below its beginning.
func (r *report) guess(f Field, column int) span {
	s := r.heads[column].span
	if f == Quantity && column > 0 {
		s.from = r.heads[column-1].to + 1
	} else if f != Quantity && column+1 < len(r.heads) {
		s.to = r.heads[column+1].from - 1
	}
	return span{s.from, max(s.to, s.from+1)}
}

// edge is where the values of a column begin or end, one below the other.
type edge struct {
	span
	left, right int  // characters; -1 = they do not
	number      bool // that they are quantities
}

// edges are those of the columns that are of use. A quantity must have one, for nothing else tells it from a number that
// runs into its column.
func (r *report) edges(spans []span) (edges []edge, _ *Refused) {
	if r.rule {
		return nil, nil
	}
	for c, s := range spans {
		if !r.isUsed(c) {
			continue
		}
		e := edge{span: s, left: -1, right: -1, number: c == r.match.column[Quantity]}
		begins, ends, values := map[int]int{}, map[int]int{}, 0
		for _, row := range r.body {
			if left, right := e.around(string(row[min(s.from, len(row)):min(s.to, len(row))])); left < right {
				begins[left]++
				ends[right]++
				values++
			}
		}
		for at, n := range begins {
			if values-n <= values/10 {
				e.left = at
			}
		}
		for at, n := range ends {
			if values-n <= values/10 {
				e.right = at
			}
		}
		if e.number && e.left < 0 && e.right < 0 && len(r.body) > 0 {
			return nil, r.unsure(c-1, c)
		}
		edges = append(edges, e)
	}
	return edges, nil
}

// around is where a cell's value begins and ends. A sign behind a number does not count.
func (e edge) around(cell string) (left, right int) {
	value := strings.TrimLeft(cell, " ")
	left = e.from + len(cell) - len(value)
	if value = strings.TrimRight(value, " "); e.number {
		value = strings.TrimRight(value, "-)")
	}
	return left, left + utf8.RuneCountInString(value)
}

// fits says that a cell's value stands where the column's values do, so that it is one of them and not a part of another
// column's text. A quantity has no blank in it.
func (e edge) fits(cell string) bool {
	left, right := e.around(cell)
	begins, whole := e.left < 0 || left == e.left, !strings.Contains(strings.Trim(cell, " "), " ")
	if left >= right {
		return true
	}
	if e.number || e.left < 0 {
		return whole && (e.right >= 0 && right == e.right || e.right < 0 && begins)
	}
	return begins
}

// guards are the blanks beside the columns that are of use.
func (r *report) guards(spans []span) (guards []span) {
	used := func(s span) bool {
		return slices.ContainsFunc(spans, func(other span) bool { return other == s && r.isUsed(slices.Index(spans, other)) })
	}
	blocks := r.blocks()
	if r.rule {
		blocks = spans
	}
	for i := 1; i < len(blocks); i++ {
		gap := span{blocks[i-1].to, blocks[i].from}
		for _, s := range spans {
			if used(s) && (s.to == gap.from || s.from == gap.to || s.to == lineRest && s.from == gap.to) {
				guards = append(guards, gap)
				break
			}
		}
	}
	return guards
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

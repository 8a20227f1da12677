package export

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

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

// isUsedAfter says that a column after another is of use: a text before it that is too long may have moved it.
func (r *report) isUsedAfter(column int) bool {
	for c := column + 1; c < len(r.heads); c++ {
		if r.isUsed(c) {
			return true
		}
	}
	return false
}

// fewRows are too few to show by where their values stand that none was moved.
const fewRows = 8

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
		if len(owner) > 1 && (slices.ContainsFunc(owner, r.isUsed) || len(r.body) < fewRows && r.isUsedAfter(owner[0])) {
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
// nothing else below its heading, if that is certain. Beside a column that is needed nothing is guessed, but that a word is
// no quantity.
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
	case empty(left) && !empty(right) && (!r.isUsed(left) || r.beginsAt(right)):
		return left, nil
	case empty(right) && !empty(left) && !r.isUsed(right):
		return right, nil
	case empty(left) || empty(right):
		return -1, r.unsure(left, right)
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

// beginsAt says that the values of a column begin below its heading's beginning, so that nothing before them is theirs. A few
// rows do not show it. -1 = there is no column.
func (r *report) beginsAt(column int) bool {
	const few = 4
	if column < 0 {
		return len(r.body) >= few
	}
	begin := 0
	for _, row := range r.body {
		if at := r.heads[column].from; at < len(row) && row[at] != ' ' && (at == 0 || row[at-1] == ' ') {
			begin++
		}
	}
	return len(r.body) >= few && begin*10 >= len(r.body)*9
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
			place := "..."
			if s, ok := r.guess(f, c); ok {
				place = fmt.Sprintf("[%d, %d]", s.from+1, s.to)
			}
			ranges = append(ranges, fmt.Sprintf("%s: %s", f, place))
		}
	}
	return &Refused{
		Code: RefusedDelimiter,
		Reason: fmt.Sprintf("the export is a report in columns, and it is not certain which texts belong to %s and which to %s; "+
			"the config must say which characters, counted from 1, are whose, and `header: %d`; this is a guess", name(left), name(right), r.rows),
		Write: "columns: {" + strings.Join(ranges, ", ") + "}",
	}
}

// guess is where a field's column most likely stands: from blank to blank in all rows, below its heading and no other one, or,
// where nothing is below that, just beside it; with the blanks that a longer value would take.
func (r *report) guess(f Field, column int) (s span, ok bool) {
	const near = 4 // characters
	var blocks []span
	for c, n := range r.occupied[:maxReportLine] {
		switch last := len(blocks) - 1; {
		case n == 0:
		case last >= 0 && blocks[last].to == c:
			blocks[last].to++
		default:
			blocks = append(blocks, span{c, c + 1})
		}
	}
	h, first, last := r.heads[column].span, -1, -1
	for i, block := range blocks {
		heads := r.below(block)
		switch below := slices.Contains(heads, column); {
		case below && len(heads) > 1:
			return s, false
		case below && (first < 0 || len(r.below(blocks[first])) == 0):
			first, last = i, i
		case below:
			last = i
		case len(heads) == 0 && first < 0 && block.from < h.to+near && block.to > h.from-near:
			first, last = i, i
		}
	}
	if first < 0 {
		return s, false
	}
	s = span{blocks[first].from, blocks[last].to}
	if f == Quantity && first > 0 {
		s.from = blocks[first-1].to
	} else if f != Quantity && last+1 < len(blocks) {
		s.to = blocks[last+1].from
	}
	return s, true
}

// edge is where the values of a column begin or end, one below the other.
type edge struct {
	span
	left, right int  // characters; -1 = they do not
	number      bool // that they are quantities
	heading     span
}

// edges are those of the columns that are of use. A quantity must have one, and stand below its heading or just behind it,
// for nothing else tells it from a number that runs into its column. Of few rows it must be that of the heading.
func (r *report) edges(spans []span) (edges []edge, _ *Refused) {
	if r.rule {
		return nil, nil
	}
	for c, s := range spans {
		if !r.isUsed(c) {
			continue
		}
		e := edge{span: s, left: -1, right: -1, number: c == r.match.column[Quantity], heading: r.heads[c].span}
		begins, ends, values, below := map[int]int{}, map[int]int{}, 0, 0
		for _, row := range r.body {
			if left, right := e.around(string(row[min(s.from, len(row)):min(s.to, len(row))])); left < right {
				begins[left]++
				ends[right]++
				values++
				if left < e.heading.to && right > e.heading.from {
					below++
				}
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
		next := c + 1
		if next == len(spans) {
			next = -1
		}
		aligned := e.left == e.heading.from || e.right == e.heading.to || len(r.body) >= fewRows && e.left+e.right > -2
		if e.number && len(r.body) > 0 && !(aligned && below*10 >= values*9) && !r.beginsAt(next) {
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
	if e.number && right <= e.heading.from {
		return false
	}
	if e.number || e.left < 0 {
		return whole && (e.right >= 0 && right == e.right || e.right < 0 && begins)
	}
	return begins
}

// guards are the blanks between columns, up to those behind the last one that is of use: a text that is too long for its
// column may move all that is behind it.
func (r *report) guards(spans []span) (guards []span) {
	last := 0
	for c, s := range spans {
		if r.isUsed(c) {
			last = s.to
		}
	}
	blocks := r.blocks()
	if r.rule {
		blocks = spans
	}
	for i := 1; i < len(blocks); i++ {
		if gap := (span{blocks[i-1].to, blocks[i].from}); gap.from <= last {
			guards = append(guards, gap)
		}
	}
	return guards
}

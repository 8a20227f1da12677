package export

import (
	"bytes"

	"tillpost/inventory"
)

// maxNumber is the longest number, in bytes, that is looked at; real ones have under 20.
const maxNumber = 64

// verdict is what a quantity's cell turned out to be.
type verdict uint8

const (
	isNumber    verdict = iota
	isNone              // blank, or a word for "not counted": no update
	isGarbage           // not a number; never 0
	isHuge              // greater than inventory.MaxQuantity
	isDoubtful          // one of two numbers, 1000 times apart
	isCommaOnly         // a number only if its comma is a decimal one, which the column does not show
	isConflict          // as isCommaOnly, where a cell before it was read as if commas were for thousands
)

// plainNumber reads what almost every cell is: one to seven digits. That is never greater than inventory.MaxQuantity.
func plainNumber(b []byte) (int64, bool) {
	if len(b) == 0 || len(b) > 7 {
		return 0, false
	}
	n := int64(0)
	for _, c := range b {
		c -= '0'
		if c > 9 {
			return 0, false
		}
		n = n*10 + int64(c)
	}
	return n, true
}

// convention is what a column's points and commas are taken for.
type convention uint8

const (
	// assumePoint: a decimal point and commas for thousands, as nothing has shown otherwise. A cell with one comma and
	// three digits, or a point and three zeros, is taken at that; should the column then show that its comma is the
	// decimal one, the export is refused, because the cells before may have been read 1000 times too large or too
	// small. Three decimals that are not zeros are doubtful, for stock is hardly ever counted in thousandths.
	assumePoint convention = iota
	unsure                 // nothing is assumed: what could be two numbers is a reject
	point                  // stated, or shown by the column
	comma                  // stated, or shown by the column
)

// decimals reads quantities, and learns from them what the column's points and commas mean. A cell shows it when it is
// a number under one convention only: `12.5`, `1,234.5`, `0.000`, `12,34`. `1,234` shows nothing, for it is one under both.
type decimals struct {
	convention convention
	stated     bool // by the config
	taken      bool // that a cell was read by assumePoint alone
}

// String is Detected's word.
func (d decimals) String() string {
	switch d.convention {
	case unsure:
		return "auto"
	case comma:
		return ","
	default:
		return "."
	}
}

// parse reads a quantity: an optional sign before, behind or as brackets, digits that may be in groups of three, and
// decimals. It answers the floor, and whether that cut a fraction. The cell is in UTF-8.
func (d *decimals) parse(cell []byte) (figure int64, fraction bool, v verdict) {
	cell = clean(cell)
	if isNoQuantity(cell) {
		return 0, false, isNone
	}
	var space [maxNumber]byte
	body, negative, ok := sign(asciiNumber(space[:0], cell))
	if !ok {
		return 0, false, isGarbage
	}
	n, v := d.body(body)
	if v != isNumber {
		return 0, false, v
	}
	if n.whole > inventory.MaxQuantity {
		return 0, false, isHuge
	}
	figure = n.whole
	if negative {
		figure = -figure
		if n.fraction {
			figure--
		}
		if figure < -inventory.MaxQuantity {
			return 0, false, isHuge
		}
	}
	return figure, n.fraction, isNumber
}

// exactNumber reads a quantity of a cell that its format says is a number: it has a decimal point, whatever the config says of
// texts, and shows nothing of what their points and commas mean.
func exactNumber(cell []byte) (figure int64, fraction bool, v verdict) {
	d := decimals{convention: point, stated: true}
	return d.parse(cell)
}

// magnitude is a number without its sign.
type magnitude struct {
	whole    int64 // at most inventory.MaxQuantity + 1, which stands for all above
	fraction bool  // that something other than zero follows
}

// body reads digits by the column's convention.
func (d *decimals) body(b []byte) (magnitude, verdict) {
	byPoint, pointOK := parseMagnitude(b, '.', ',')
	byComma, commaOK := parseMagnitude(b, ',', '.')
	if d.convention == comma {
		byPoint, pointOK, byComma, commaOK = byComma, commaOK, byPoint, pointOK
	}
	switch {
	case !pointOK && !commaOK:
		return magnitude{}, isGarbage
	case d.convention == point || d.convention == comma:
		switch {
		case pointOK:
			return byPoint, isNumber
		case d.convention == point && !d.stated:
			return magnitude{}, isCommaOnly
		}
		return magnitude{}, isGarbage
	case pointOK && commaOK:
		if byPoint == byComma {
			return byPoint, isNumber
		}
		if d.convention == unsure || byPoint.fraction {
			return magnitude{}, isDoubtful
		}
		d.taken = true
		return byPoint, isNumber
	case pointOK:
		if d.convention == assumePoint {
			d.convention = point
		}
		return byPoint, isNumber
	case d.convention == assumePoint && d.taken:
		return magnitude{}, isConflict
	default:
		d.convention = unsure
		return magnitude{}, isCommaOnly
	}
}

// evidence is what a cell shows of the column's convention: 1 for a decimal point, -1 for a decimal comma, 0 for neither.
func evidence(cell []byte) int {
	var space [maxNumber]byte
	body, _, ok := sign(asciiNumber(space[:0], clean(cell)))
	if !ok {
		return 0
	}
	_, pointOK := parseMagnitude(body, '.', ',')
	_, commaOK := parseMagnitude(body, ',', '.')
	switch {
	case pointOK && !commaOK:
		return 1
	case commaOK && !pointOK:
		return -1
	}
	return 0
}

// isNoQuantity knows the words that systems write where they do not count, or not in this row. Words that may mean a zero,
// such as `none` or `out of stock`, are not among them, nor errors such as `#N/A`.
func isNoQuantity(cell []byte) bool {
	if len(cell) > len("not stocked") {
		return false
	}
	for _, word := range []string{"", "-", "--", "–", "—", "n/a", "na", "null", "not stocked", "not tracked", "untracked", "parent"} {
		if bytes.EqualFold(cell, []byte(word)) {
			return true
		}
	}
	return false
}

// asciiNumber appends a cell to dst with a plain blank for each kind of blank, a plain minus and a plain apostrophe; nil
// where it cannot be a number.
func asciiNumber(dst, cell []byte) []byte {
	for i := 0; i < len(cell); i++ {
		switch c := cell[i]; {
		case len(dst) == maxNumber:
			return nil
		case c < 0x80:
			dst = append(dst, c)
		case bytes.HasPrefix(cell[i:], []byte("\u00a0")):
			dst = append(dst, ' ')
			i++
		case bytes.HasPrefix(cell[i:], []byte("\u202f")), bytes.HasPrefix(cell[i:], []byte("\u2009")):
			dst = append(dst, ' ')
			i += 2
		case bytes.HasPrefix(cell[i:], []byte("\u2212")):
			dst = append(dst, '-')
			i += 2
		case bytes.HasPrefix(cell[i:], []byte("\u2019")):
			dst = append(dst, '\'')
			i += 2
		default:
			return nil
		}
	}
	return dst
}

// sign takes the sign off: `-5`, `+5`, `5-` or `(5)`.
func sign(b []byte) (body []byte, negative, ok bool) {
	if len(b) == 0 {
		return nil, false, false
	}
	switch last := len(b) - 1; {
	case b[0] == '(' && b[last] == ')':
		b, negative = b[1:last], true
	case b[0] == '-':
		b, negative = b[1:], true
	case b[0] == '+':
		b = b[1:]
	case b[last] == '-':
		b, negative = b[:last], true
	}
	b = bytes.Trim(b, " ")
	return b, negative, len(b) > 0
}

// residue is how many decimals tell a fraction from what floating point leaves of a whole number: 11.999999999999998 is what
// a program made of 12, and what a person saw there was 12.
const residue = 9

// parseMagnitude reads digits. Before the decimal sign they may stand in groups of three, all of them parted by the
// group's sign, by a blank, or, as in Switzerland, by an apostrophe; the first group has one to three digits and does not begin
// with a zero. After it they may not. Within 1e-9 of a whole number it is that number.
func parseMagnitude(b []byte, decimal, group byte) (n magnitude, ok bool) {
	i, run := 0, 0 // run: digits since the last separator
	separator := byte(0)
	for ; i < len(b) && b[i] != decimal; i++ {
		switch c := b[i]; {
		case c >= '0' && c <= '9':
			run++
			n.whole = min(n.whole*10+int64(c-'0'), inventory.MaxQuantity+1)
		case c != group && c != ' ' && c != '\'':
			return n, false
		case separator == 0 && run >= 1 && run <= 3 && b[0] != '0', separator == c && run == 3:
			separator, run = c, 0
		default:
			return n, false
		}
	}
	if separator != 0 && run != 3 {
		return n, false
	}
	if i == len(b) {
		return n, i > 0
	}
	cut := b[i+1:]
	if !isDigits(cut) {
		return n, false
	}
	near := cut[:min(len(cut), residue)]
	if len(cut) >= residue && len(bytes.Trim(near, "9")) == 0 {
		n.whole = min(n.whole+1, inventory.MaxQuantity+1)
	} else {
		n.fraction = len(bytes.Trim(near, "0")) > 0
	}
	return n, true
}

package export

import (
	"bytes"
	"iter"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"tillpost/inventory"
)

// clean takes off what is around a value and no part of it: blanks of every kind, a spreadsheet's ="..." and its
// leading apostrophe, and quotes that stand around all of it after a blank. The value is in UTF-8.
func clean(b []byte) []byte {
	if n := len(b); n > 0 {
		first, last := b[0], b[n-1]
		if first > '\'' && first != '=' && first < 0x7f && last > ' ' && last < 0x7f {
			return b // nothing that could be taken off begins or ends so; ' is the greatest of those but for =
		}
	}
	b = bytes.TrimFunc(b, isBlank)
	if n := len(b); n >= 3 && b[0] == '=' && b[1] == '"' && b[n-1] == '"' {
		b = bytes.TrimFunc(b[2:n-1], isBlank)
	} else if n >= 2 && b[0] == '"' && b[n-1] == '"' {
		b = bytes.TrimFunc(b[1:n-1], isBlank)
	}
	if len(b) > 1 && b[0] == '\'' {
		b = bytes.TrimFunc(b[1:], isBlank)
	}
	return b
}

// isBlank knows what nobody sees at the edge of a value.
func isBlank(r rune) bool {
	return unicode.IsSpace(r) || r == '\ufeff' || r >= '\u200b' && r <= '\u200f' || r == '\u2060'
}

// isDamage knows what no code has in it.
func isDamage(r rune) bool {
	return unicode.IsControl(r) || r == utf8.RuneError || r == '\u2028' || r == '\u2029' || unicode.Is(unicode.Cf, r)
}

// codeFault is what is wrong with a code.
type codeFault uint8

const (
	codeOK codeFault = iota
	codeBlank
	codeTooLong
	codeControl    // a control or format character in it
	codeEncoding   // not text in the export's encoding
	codeMixed      // text in two encodings
	codeScientific // 8.49632E+11
	codeDate       // a size that became 10-Dec
	codeFormat     // a number whose format shows something else
	codeError      // an error of a spreadsheet: #REF!
	codeTwoWidths  // a width beside a size that has another one in it
	upcNotDigits
	upcLength
	upcPlaceholder // zeros, or a word such as N/A
	upcCheck       // the check digit does not hold
	upcISBN        // of 10 digits
)

var codeFaultText = [...]string{
	codeBlank:      "is blank",
	codeTooLong:    "is too long for a code",
	codeControl:    "has a control character or an invisible one in it",
	codeEncoding:   "is not text in the export's encoding",
	codeMixed:      "is text both in Windows-1252, like other rows, and in UTF-8; the export mixes them, unless the config's `encoding` says which it is",
	codeScientific: "is a code that a spreadsheet has destroyed: its last digits are lost; export it as text",
	codeDate:       "is a size that a spreadsheet has made a date of; export it as text",
	codeFormat:     "is a number whose format in the spreadsheet shows something else; export it as text",
	codeError:      "is an error of the spreadsheet that the export comes from, and no code",
	codeTwoWidths:  "is another width than the one that the size has in it",
	upcNotDigits:   "is not a UPC: it has more than digits in it",
	upcLength:      "is not a UPC: those have 8, 12, 13 or 14 digits with their check digit",
	upcPlaceholder: "is a placeholder, which names no product",
	upcCheck:       "is not a UPC: its check digit does not hold",
	upcISBN:        "is an ISBN of 10 digits, which is not a UPC; export the one of 13 digits, which begins with 978 or 979",
}

// checkText says what is wrong with any code. It is in UTF-8 and clean.
func checkText(b []byte) codeFault {
	if len(b) == 0 {
		return codeBlank
	}
	if len(b) > inventory.MaxCode {
		return codeTooLong
	}
	if b[0] == '#' && isSheetError(b) {
		return codeError
	}
	for _, c := range b {
		if c < 0x20 || c >= 0x7f {
			return checkRunes(b)
		}
	}
	return codeOK
}

func checkRunes(b []byte) codeFault {
	switch i := bytes.IndexFunc(b, isDamage); {
	case i < 0:
		return codeOK
	case b[i] < 0x80, !bytes.HasPrefix(b[i:], []byte("\ufffd")) && utf8.FullRune(b[i:]) && utf8.Valid(b):
		return codeControl
	default:
		return codeEncoding
	}
}

// isScientific knows what spreadsheets make of long numbers: 8.49632E+11, 8,49632E+11, 1E+12. A style such as 12E5
// has no sign after its E.
func isScientific(b []byte) bool {
	e := bytes.LastIndexAny(b, "eE")
	if e < 1 || e+2 >= len(b) || b[e+1] != '+' && b[e+1] != '-' || b[0] < '0' || b[0] > '9' {
		return false
	}
	points := 0
	for _, c := range b[:e] {
		if c == '.' || c == ',' {
			points++
		} else if c < '0' || c > '9' {
			return false
		}
	}
	for _, c := range b[e+2:] {
		if c < '0' || c > '9' {
			return false
		}
	}
	return points <= 1
}

// isScientificUPC knows a bar code in scientific notation also without a sign: 8.49632E11. That a style could be, but not
// with a point and an exponent as great as a code is long.
func isScientificUPC(b []byte) bool {
	e := bytes.LastIndexAny(b, "eE")
	if e < 3 || b[1] != '.' && b[1] != ',' {
		return isScientific(b)
	}
	exponent := b[e+1:]
	unsigned := isDigits(b[:1]) && isDigits(b[2:e]) && isDigits(exponent) && (len(exponent) == 2 || string(exponent) >= "7" && len(exponent) == 1)
	return unsigned || isScientific(b)
}

// isPlaceholder knows what stands in a UPC's place where there is none: a word, or signs without a letter or a digit.
func isPlaceholder(b []byte) bool {
	if len(b) <= len("does not apply") && slices.ContainsFunc(placeholders, func(word string) bool { return strings.EqualFold(word, string(b)) }) {
		return true
	}
	return !bytes.ContainsFunc(b, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) || isDamage(r) })
}

var placeholders = []string{"n/a", "#n/a", "na", "n.a.", "none", "null", "nil", "nan", "tbd", "tba", "unknown", "missing", "no upc", "noupc", "no ean", "no gtin",
	"no barcode", "no bar code", "no code", "not available", "does not apply"}

// isSheetError knows what a spreadsheet writes where it cannot say what a cell is, or has no room for it.
func isSheetError(b []byte) bool {
	return len(bytes.Trim(b, "#")) == 0 && len(b) > 1 ||
		slices.ContainsFunc(sheetErrors, func(text string) bool { return strings.EqualFold(text, string(b)) })
}

var sheetErrors = []string{"#n/a", "#ref!", "#name?", "#value!", "#div/0!", "#num!", "#null!", "#spill!", "#calc!", "#getting_data", strings.ToLower(noValue)}

// isNoSKU knows what stands in a SKU's place where there is none. A word could be a style's.
func isNoSKU(b []byte) bool {
	return len(b) <= len("null") && slices.ContainsFunc([]string{"-", "--", "–", "—", "n/a", "null"}, func(word string) bool { return strings.EqualFold(word, string(b)) })
}

// isDate knows what spreadsheets make of sizes such as 10-12: 10-Dec, Dec-10, `09. Mai`, 12.10., and with a year or a time.
// 10-12-14 may be three sizes.
func isDate(b []byte) bool {
	if day, clock, ok := bytes.Cut(b, []byte(" ")); ok && bytes.IndexByte(clock, ':') > 0 { // 2024-12-10 00:00:00
		b = day
	} else if day, clock, ok := bytes.Cut(b, []byte("T")); ok && len(day) > 0 && isDigits(day[len(day)-1:]) && bytes.IndexByte(clock, ':') > 0 {
		b = day
	}
	if len(b) < 5 || len(b) > 12 {
		return false
	}
	month, year := 0, 0
	var numbers []int64
	for p := range bytes.FieldsFuncSeq(b, func(r rune) bool { return r == '-' || r == '/' || r == '.' || r == ' ' }) {
		switch n, _ := plainNumber(p); {
		case len(p) == 4 && isDigits(p):
			year++
		case len(p) <= 2 && isDigits(p) && len(numbers) < 3:
			numbers = append(numbers, n)
		case len(p) >= 3 && isMonth(p):
			month++
		default:
			return false
		}
	}
	switch {
	case month == 1:
		return len(numbers)+year >= 1 && len(numbers)+year <= 2
	case month > 1 || bytes.IndexByte(b, ' ') >= 0:
		return false
	case len(numbers) == 3:
		return year == 0 && numbers[2] >= 20 && numbers[2] <= 50 && min(numbers[0], numbers[1]) <= 12 && max(numbers[0], numbers[1]) <= 31
	}
	return len(numbers) == 2 && (year == 1 || b[len(b)-1] == '.' && bytes.Count(b, []byte{'.'}) == 2)
}

func isMonth(b []byte) bool {
	var lower [4]byte
	if len(b) > len(lower)+1 {
		return false
	}
	for i, c := range b {
		if c >= 0x80 {
			return slices.Contains(months, fold(string(b)))
		}
		if i == len(lower) {
			return false
		}
		lower[i] = c | 0x20
	}
	return slices.ContainsFunc(months, func(month string) bool { return month == string(lower[:len(b)]) })
}

// months are what spreadsheets call the months where they show a day and a month, folded; without those of Italian and Portuguese
// that are words of sizes, such as `set`.
var months = strings.Fields("jan feb mar apr may jun jul aug sep oct nov dec sept mrz marz mai juni juli okt dez " +
	"janv fevr mars avr juin juil aout ene abr ago dic mag giu lug ott mrt mei fev")

func isDigits(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(b) > 0
}

// plainUPC says that a cell is what almost every one is: 12 digits with their check digit.
func plainUPC(b []byte) bool {
	if len(b) != 12 {
		return false
	}
	var odd, even, zeros uint
	for i := 0; i < 12; i += 2 {
		a, c := uint(b[i]-'0'), uint(b[i+1]-'0')
		if a > 9 || c > 9 {
			return false
		}
		odd, even, zeros = odd+a, even+c, zeros|a|c
	}
	return (odd*3+even)%10 == 0 && zeros != 0
}

// checkUPC appends to dst the UPC that a clean cell holds, as the contract's `upc: checked` says. A word before it that says
// what it is goes: `UPC: 849632048260`.
//
// Of several codes in one cell, parted by blanks or by , ; | or /, it is the first that is valid. They are all one product's,
// and systems put the code that they know it by first; and the same one each time is one key. With none valid, the fault is the
// first one's. Each of them must look like a code, so that one with blanks in it, `8 49632 04826 0`, is not parted.
//
// With checkDigitMissing the digits lack their last one: 7, 11, 12 or 13 of them, or 8 to 10 with leading zeros lost.
func checkUPC(dst, cell []byte, checkDigitMissing bool) ([]byte, codeFault) {
	switch {
	case len(cell) == 0:
		return dst, codeBlank
	case isScientificUPC(cell):
		return dst, codeScientific
	case isPlaceholder(cell):
		return dst, upcPlaceholder
	}
	cell = withoutLabel(cell)
	upc, fault := oneUPC(dst, cell, checkDigitMissing)
	if fault == upcNotDigits || fault == upcLength {
		return firstUPC(dst, cell, checkDigitMissing, fault)
	}
	return upc, fault
}

// withoutLabel takes off a word before digits.
func withoutLabel(cell []byte) []byte {
	for _, label := range []string{"upc", "ean", "gtin", "isbn", "jan", "barcode"} {
		if n := len(label); n < len(cell) && strings.EqualFold(string(cell[:n]), label) {
			rest := bytes.TrimLeftFunc(cell[n:], func(r rune) bool { return isBlank(r) || r == ':' || r == '#' })
			if len(rest) > 0 && rest[0] >= '0' && rest[0] <= '9' {
				return rest
			}
		}
	}
	return cell
}

// firstUPC appends the first valid one of several codes; fault is that of a cell that does not hold such.
func firstUPC(dst, cell []byte, checkDigitMissing bool, fault codeFault) ([]byte, codeFault) {
	parts := func() iter.Seq[[]byte] {
		return bytes.FieldsFuncSeq(cell, func(r rune) bool { return isBlank(r) || strings.ContainsRune(",;|/", r) })
	}
	for part := range parts() {
		if digits := len(part) - bytes.Count(part, []byte{'-'}); digits < 8 || digits > 14 || len(bytes.Trim(part, "0123456789-")) > 0 {
			return dst, fault
		}
	}
	first := codeOK
	for part := range parts() {
		upc, f := oneUPC(dst, part, checkDigitMissing)
		if f == codeOK {
			return upc, codeOK
		}
		if first == codeOK {
			first = f
		}
	}
	return dst, first
}

// oneUPC appends the UPC of a cell that holds one: 8, 12, 13 or 14 digits. Blanks and hyphens between them go, and a
// spreadsheet's .0 or ,00 behind them. Lost leading zeros come back, where the check digit then proves it, and leading zeros
// beyond 12 digits go.
func oneUPC(dst, cell []byte, checkDigitMissing bool) ([]byte, codeFault) {
	if isISBN10(cell, checkDigitMissing) {
		return dst, upcISBN
	}
	if i := bytes.IndexAny(cell, ".,"); i > 0 && i+1 < len(cell) && len(bytes.Trim(cell[i+1:], "0")) == 0 {
		cell = cell[:i]
	}
	var space [15]byte
	digits, ok := appendDigits(space[:0], cell)
	switch {
	case !ok:
		return dst, upcNotDigits
	case len(digits) > 14:
		return dst, upcLength
	case len(bytes.Trim(digits, "0")) == 0:
		return dst, upcPlaceholder
	}
	digits, fault := complete(digits, checkDigitMissing)
	if fault != codeOK {
		return dst, fault
	}
	for len(digits) > 12 && digits[0] == '0' {
		digits = digits[1:]
	}
	return append(dst, digits...), codeOK
}

// appendDigits appends the digits of a code, without the blanks and hyphens between them. It is done once there are more than
// any UPC has. Digits of other scripts are none: nobody's scanner writes them.
func appendDigits(dst, cell []byte) (_ []byte, ok bool) {
	for len(cell) > 0 && len(dst) <= 14 {
		r, n := utf8.DecodeRune(cell)
		switch {
		case r >= '0' && r <= '9':
			dst = append(dst, byte(r))
		case isBlank(r), unicode.Is(unicode.Pd, r):
		default:
			return dst, false
		}
		cell = cell[n:]
	}
	return dst, len(dst) > 0
}

// isISBN10 knows a book's number of 10 digits, which would be a UPC with two zeros lost if its last digit happened to hold as
// that. It is certain where hyphens or blanks part it, where it ends in X, or where it begins with a zero, which would be lost too.
func isISBN10(cell []byte, checkDigitMissing bool) bool {
	if isDigits(cell) && (checkDigitMissing || cell[0] != '0') {
		return false
	}
	sum, n := 0, 0
	for i, c := range cell {
		switch {
		case c >= '0' && c <= '9':
			sum += int(c-'0') * (10 - n)
		case c|0x20 == 'x' && n == 9 && i == len(cell)-1:
			sum += 10
		case c == '-' || c == ' ':
			continue
		default:
			return false
		}
		n++
	}
	return n == 10 && sum%11 == 0
}

// complete brings back lost leading zeros and a missing check digit; the check digit then holds. digits have room for 14.
func complete(digits []byte, checkDigitMissing bool) ([]byte, codeFault) {
	whole := len(digits) // with the check digit
	if checkDigitMissing {
		whole++
	}
	lost := 0
	switch {
	case whole == 8 || whole >= 12 && whole <= 14:
	case whole >= 9 && whole <= 11:
		lost = 12 - whole
	default:
		return digits, upcLength
	}
	var filled [14]byte
	n := copy(filled[:], "000"[:lost])
	n += copy(filled[n:], digits)
	digits = append(digits[:0], filled[:n]...)
	if checkDigitMissing {
		return append(digits, '0'+checkDigit(digits)), codeOK
	}
	if last := len(digits) - 1; digits[last]-'0' != checkDigit(digits[:last]) {
		return digits, upcCheck
	}
	return digits, codeOK
}

// checkDigit is the last digit of a GTIN, from those before it: weights 3 and 1 alternate, the rightmost is 3.
func checkDigit(digits []byte) byte {
	sum := 0
	for i, weight := len(digits)-1, 3; i >= 0; i, weight = i-1, 4-weight {
		sum += int(digits[i]-'0') * weight
	}
	return byte((10 - sum%10) % 10)
}

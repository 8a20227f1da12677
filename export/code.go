package export

import (
	"bytes"
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
	codeError      // #REF!
	upcNotDigits
	upcLength
	upcZeros
	upcCheck // the check digit does not hold
)

var codeFaultText = [...]string{
	codeBlank:      "is blank",
	codeTooLong:    "is too long for a code",
	codeControl:    "has a control character or an invisible one in it",
	codeEncoding:   "is not text in the export's encoding",
	codeMixed:      "is text both in Windows-1252, like other rows, and in UTF-8; the export mixes them, unless the config's `encoding` says which it is",
	codeScientific: "is a code that a spreadsheet has destroyed: its last digits are lost; export it as text",
	codeDate:       "is a size that a spreadsheet has made a date of; export it as text",
	codeError:      "is a spreadsheet's error and no code",
	upcNotDigits:   "is not a UPC: it has more than digits in it",
	upcLength:      "is not a UPC: those have 8, 12, 13 or 14 digits with their check digit",
	upcZeros:       "is not a UPC but a placeholder",
	upcCheck:       "is not a UPC: its check digit does not hold",
}

// checkText says what is wrong with any code. It is in UTF-8 and clean.
func checkText(b []byte) codeFault {
	if len(b) == 0 {
		return codeBlank
	}
	if len(b) > inventory.MaxCode {
		return codeTooLong
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

// isDate knows what spreadsheets make of sizes such as 10-12: 10-Dec, Dec-10, and with a year.
func isDate(b []byte) bool {
	if len(b) < 5 || len(b) > 11 {
		return false
	}
	parts := bytes.FieldsFunc(b, func(r rune) bool { return r == '-' || r == '/' || r == '.' })
	month, numbers, year := 0, 0, 0
	for _, p := range parts {
		switch {
		case isMonth(p):
			month++
		case len(p) == 4 && isDigits(p):
			year++
		case len(p) <= 2 && isDigits(p):
			numbers++
		default:
			return false
		}
	}
	if month == 1 {
		return bytes.IndexByte(b, '-') > 0 && numbers+year >= 1 && numbers+year <= 2
	}
	return month == 0 && numbers == 2 && year == 1
}

// isErrorValue knows what spreadsheets show instead of a value.
func isErrorValue(b []byte) bool {
	if len(b) == 0 || b[0] != '#' {
		return false
	}
	switch string(b) {
	case "#REF!", "#N/A", "#VALUE!", "#NAME?", "#DIV/0!", "#NUM!", "#NULL!", "#SPILL!", "#CALC!", noValue:
		return true
	}
	return len(b) > 1 && len(bytes.Trim(b, "#")) == 0 // a column that is too narrow for its number
}

func isMonth(b []byte) bool {
	if len(b) != 3 {
		return false
	}
	const months = "jan feb mar apr may jun jul aug sep oct nov dec"
	var lower [3]byte
	for i, c := range b {
		lower[i] = c | 0x20
	}
	return bytes.Contains([]byte(months), lower[:]) && !bytes.ContainsRune(lower[:], ' ')
}

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

// checkUPC appends to dst the UPC that a clean cell holds, as the contract's `upc: checked` says: 8, 12, 13 or 14
// digits. Blanks and hyphens between them go, and a spreadsheet's .0 behind them. Lost leading zeros come back, where
// the check digit then proves it, and leading zeros beyond 12 digits go.
//
// With checkDigitMissing the digits lack their last one: 7, 11, 12 or 13 of them, or 8 to 10 with leading zeros lost.
func checkUPC(dst, cell []byte, checkDigitMissing bool) ([]byte, codeFault) {
	if len(cell) == 0 {
		return dst, codeBlank
	}
	if isScientific(cell) {
		return dst, codeScientific
	}
	if i := bytes.IndexByte(cell, '.'); i > 0 && i+1 < len(cell) && len(bytes.Trim(cell[i+1:], "0")) == 0 {
		cell = cell[:i]
	}
	var space [14]byte
	digits := space[:0]
	for i := 0; i < len(cell); i++ {
		switch c := cell[i]; {
		case c >= '0' && c <= '9':
			if len(digits) == len(space) {
				return dst, upcLength
			}
			digits = append(digits, c)
		case c == ' ', c == '-':
		case bytes.HasPrefix(cell[i:], []byte("\u00a0")):
			i++
		default:
			return dst, upcNotDigits
		}
	}
	if len(digits) == 0 {
		return dst, upcNotDigits
	}
	if len(bytes.Trim(digits, "0")) == 0 {
		return dst, upcZeros
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

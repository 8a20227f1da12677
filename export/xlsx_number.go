package export

import (
	"bytes"
	"strconv"
	"strings"
	"time"
)

// numberFormat is what the format of a cell's number makes of it, as far as that is of use.
type numberFormat struct {
	zeros int    // it is filled up with leading zeros to so many digits
	date  string // it is a date, shown in this layout of package time, or a time of day; "" = it is a number
	code  string // it may show something else than its number; "" = it shows any number as it is
	signs bool   // it shows signs or blanks before, within or behind it: 000-000
	parts bool   // what it shows before or behind the number is a part of it, where that is a code: "ZT-"0000
}

// builtinFormat is one of those that every workbook has, by its number.
func builtinFormat(id string) numberFormat {
	n, _ := strconv.Atoi(id)
	switch {
	case n >= 5 && n <= 8, n == 42, n == 44:
		return newNumberFormat("$#,##0.00")
	case n == 9, n == 10:
		return newNumberFormat("0%")
	case n == 14, n == 22:
		return newNumberFormat("m/d/yyyy")
	case n == 15:
		return newNumberFormat("d-mmm-yy")
	case n == 16:
		return newNumberFormat("d-mmm")
	case n == 17:
		return newNumberFormat("mmm-yy")
	case n >= 18 && n <= 21, n >= 45 && n <= 47:
		return newNumberFormat("h:mm:ss")
	case n >= 27 && n <= 36, n >= 50 && n <= 58, n >= 71 && n <= 81: // of Chinese, Japanese, Korean and Thai
		return newNumberFormat("yyyy/m/d")
	}
	return numberFormat{}
}

// newNumberFormat reads a number format, such as `000000`, `0.00;[Red]-0.00` or `d-mmm`.
func newNumberFormat(code string) numberFormat {
	positive, _, _ := strings.Cut(code, ";")
	f := numberFormat{code: unlessPlain(code), parts: hasParts(code), signs: hasSigns(code)}
	if positive != "" && strings.Trim(positive, "0") == "" {
		f.zeros = min(len(positive), maxNumber) // a longer one is none
		return f
	}
	if date := dateLayout(formatLetters(code)); date != "" {
		return numberFormat{date: date}
	}
	return f
}

// formatLetters are the first section of a number format in lower case, without what is shown as it is.
func formatLetters(code string) string {
	var letters []byte
	for i := 0; i < len(code); i++ {
		switch c := code[i]; c {
		case ';':
			return string(letters)
		case '"':
			if end := strings.IndexByte(code[i+1:], '"'); end >= 0 {
				i += 1 + end
			}
		case '[': // a colour, a condition, a language; [h] is a time
			if end := strings.IndexByte(code[i:], ']'); end >= 0 {
				if within := strings.ToLower(code[i+1 : i+end]); strings.Trim(within, "hms") == "" {
					letters = append(letters, within...)
				}
				i += end
			}
		case '\\', '_', '*':
			i++
		default:
			letters = append(letters, c)
		}
	}
	return strings.ToLower(string(letters))
}

// dateLayout is the layout of a date, in the order of its format, or of a time of day; "" where it is a format of numbers.
// A date without the name of its month has a year, for only so 12/10 is known for a date, and no hyphens, with which it
// could pass for a bar code.
func dateLayout(letters string) string {
	if letters == "general" || letters == "standard" {
		return ""
	}
	year, month, day := strings.IndexByte(letters, 'y'), strings.IndexByte(letters, 'm'), strings.IndexByte(letters, 'd')
	switch named := strings.Contains(letters, "mmm"); {
	case year < 0 && day < 0 && strings.ContainsAny(letters, "hs"):
		return "15:04:05"
	case year < 0 && day < 0 && month < 0:
		return ""
	case named && year < 0 && month < day:
		return "Jan-2"
	case named && year < 0:
		return "2-Jan"
	case named:
		return "2-Jan-2006"
	case year >= 0 && year < max(month, day):
		return "2006/1/2"
	case day >= 0 && day < month:
		return "2/1/2006"
	}
	return "1/2/2006"
}

// appendDate appends the date, or time of day, of a number of days.
func appendDate(dst, days []byte, layout string, from1904 bool) []byte {
	const last = 2_958_465 // the 31 December 9999
	n, err := strconv.ParseFloat(string(days), 64)
	switch {
	case err != nil:
		return append(dst, days...)
	case !(n >= 0 && n < last+1):
		return append(dst, "########"...) // as a spreadsheet shows it
	case from1904:
		n += 1462
	case n < 60: // before the 29 February 1900, which spreadsheets have and the calendar lacks
		n++
	}
	whole := int(n)
	date := time.Date(1899, 12, 30+whole, 0, 0, int((n-float64(whole))*24*60*60+0.5), 0, time.UTC)
	return date.AppendFormat(dst, layout)
}

// isoDate is a date such as 2026-12-10T00:00:00 as appendDate writes one.
func isoDate(value []byte) []byte {
	date, _, _ := bytes.Cut(value, []byte("T"))
	return bytes.ReplaceAll(date, []byte("-"), []byte("/"))
}

// excelDigits is how many digits a spreadsheet calculates with. What follows in a fraction is an error of its calculation:
// it writes 11.999999999999998 where it shows 12.
const excelDigits = 15

// appendNumber appends a number in plain notation: 8.4963204826E11 is 849632048260, and 12.0 is 12. It answers false to
// what is none, or has lost digits: that is appended as it is.
func appendNumber(dst, value []byte) ([]byte, bool) {
	n, ok := parseDecimal(value)
	switch {
	case !ok, n.scientific && n.point > excelDigits:
		return append(dst, value...), false
	case n.point < -8: // less than a billionth is what a calculation leaves of zero
		return append(dst, '0'), true
	case n.point < len(n.digits):
		n.round(max(excelDigits, n.point))
	}
	if n.negative && len(n.digits) > 0 {
		dst = append(dst, '-')
	}
	if n.point <= 0 {
		dst = append(dst, '0')
	}
	for i := 0; i < max(n.point, len(n.digits)); i++ {
		if i == max(n.point, 0) && i < len(n.digits) {
			dst = append(dst, '.')
		}
		if i == 0 && n.point < 0 {
			dst = append(dst, bytes.Repeat([]byte("0"), -n.point)...)
		}
		if i < len(n.digits) {
			dst = append(dst, n.digits[i])
		} else {
			dst = append(dst, '0')
		}
	}
	return dst, true
}

// decimal is a number without leading and trailing zeros.
type decimal struct {
	digits     []byte
	point      int // after so many of them
	negative   bool
	scientific bool
}

// parseDecimal reads a number as XML has it: -12, .5, 8.4963204826E11.
func parseDecimal(value []byte) (n decimal, ok bool) {
	mantissa, exponent := value, 0
	if i := bytes.IndexAny(value, "eE"); i >= 0 {
		var err error
		if exponent, err = strconv.Atoi(string(value[i+1:])); err != nil || exponent > 1000 || exponent < -1000 {
			return n, false
		}
		mantissa, n.scientific = value[:i], true
	}
	if len(mantissa) > 0 && (mantissa[0] == '-' || mantissa[0] == '+') {
		n.negative = mantissa[0] == '-'
		mantissa = mantissa[1:]
	}
	if len(mantissa) > maxNumber {
		return n, false
	}
	whole, fraction, _ := bytes.Cut(mantissa, []byte("."))
	n.digits = append(bytes.Clone(whole), fraction...)
	if !isDigits(n.digits) {
		return n, false
	}
	n.point = len(whole) + exponent
	significant := bytes.TrimLeft(n.digits, "0")
	n.point -= len(n.digits) - len(significant)
	if n.digits = bytes.TrimRight(significant, "0"); len(n.digits) == 0 {
		n.point = 0
	}
	return n, true
}

// round leaves so many digits.
func (n *decimal) round(digits int) {
	if len(n.digits) <= digits {
		return
	}
	up := n.digits[digits] >= '5'
	n.digits = n.digits[:digits]
	for i := digits - 1; up && i >= 0; i-- {
		if up = n.digits[i] == '9'; !up {
			n.digits[i]++
		} else {
			n.digits[i] = '0'
		}
	}
	if up {
		n.digits, n.point = []byte("1"), n.point+1
	}
	n.digits = bytes.TrimRight(n.digits, "0")
}

// appendPadded appends a whole number with leading zeros. The two may share their bytes.
func appendPadded(dst, number []byte, digits int) []byte {
	unsigned, negative := bytes.CutPrefix(number, []byte("-"))
	if !isDigits(unsigned) || len(unsigned) >= digits {
		return append(dst, number...)
	}
	unsigned = append(bytes.Repeat([]byte("0"), digits-len(unsigned)), unsigned...)
	if negative {
		dst = append(dst, '-')
	}
	return append(dst, unsigned...)
}

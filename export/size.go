package export

import (
	"bytes"
	"slices"
	"strings"
)

// separation is what stands between a size and its width.
type separation uint8

const (
	glued      separation = iota // 10.5D
	bySign                       // 10.5 D, 10.5-D, 10.5/D, 10.5, D
	inBrackets                   // 10.5 (D)
)

// longestSize is the longest size that is looked at, in bytes; real ones have under 16, such as `EUR 42 2/3`.
const longestSize = 32

// splitSize parts a size that has its width in it, `10.5 D`, as `split_size: true` asks for. Both are as they are written.
// The cell is in UTF-8 and clean. ok says that there is one reading, and that it is certain; else the size is the cell.
//
// A size is a number, with a half or a third, and may begin with the land that counts so: `US 10.5`. Ranges (`10-12`), words
// (`XL`) and two sizes in one (`9.5M / 11W`, `42/44 D`) have no width. What can be parted in two ways has none either:
// `12E` is 12 E or 1 2E, and `2E` may be a width alone.
func splitSize(cell []byte) (size, width []byte, ok bool) {
	if isWidth(cell) {
		return cell, nil, false
	}
	for i := 1; i < len(cell) && i <= longestSize; i++ {
		number, isSize := sizeNumber(cell[:i])
		if !isSize {
			continue
		}
		w, by := separated(cell[i:])
		if !isWidth(w) || !isCertainWidth(w, by, number, len(number) < i) {
			continue
		}
		if ok {
			return cell, nil, false
		}
		size, width, ok = cell[:i], w, true
	}
	if !ok {
		return cell, nil, false
	}
	return size, width, true
}

// hasWidthWord says that something like a width stands behind the number of a size, though it cannot be parted with certainty:
// 12E, `10.5 4E US`, `11 H`, 10.5WD. Sizes of children, and those of men and women, have none: 3Y, 10.5M, `9.5M / 11W`.
func hasWidthWord(size []byte) bool {
	text := strings.ToUpper(string(size))
	if strings.Contains(text, "WIDE") || strings.Contains(text, "NARROW") {
		return true
	}
	i := strings.IndexAny(text, "0123456789")
	if i < 0 {
		return false
	}
	for _, word := range strings.FieldsFunc(text[i:], func(r rune) bool { return strings.ContainsRune(" \u00a0-/,.()", r) }) {
		letters := strings.TrimLeft(word, "0123456789½⅓⅔¼¾")
		if letters == "" || len(letters) > len("EEEE") {
			continue
		}
		if strings.Trim(letters, "ABDEFGH") == "" && strings.Count(letters, letters[:1]) == len(letters) || letters == "WD" || letters == "XW" || letters == "WW" {
			return true
		}
	}
	return false
}

// isCertainWidth tells widths from the groups of people that sizes are for.
//
// M and W are men and women too, as in `9.5M / 11W`: they are widths after a number and a sign or a blank, `10 M`, but not
// glued to it, in brackets, or where a land stands before: `10M`, `10 (W)`, `US 10 W`. C is for children up to 13.5, however
// it is written, and a width from 14 on. (Y and K are never widths.)
func isCertainWidth(width []byte, by separation, number []byte, land bool) bool {
	if len(width) > 1 {
		return true
	}
	switch width[0] | 0x20 {
	case 'm', 'w':
		return by == bySign && !land
	case 'c':
		whole := number[:len(number)-len(bytes.TrimLeft(number, "0123456789"))]
		return len(whole) > 2 || string(whole) >= "14" && len(whole) == 2
	}
	return true
}

// separated takes off what stands before a width, and the brackets around it.
func separated(rest []byte) (width []byte, by separation) {
	width = bytes.TrimLeftFunc(rest, isBlank)
	if len(width) < len(rest) {
		by = bySign
	}
	switch n := len(width); {
	case n > 2 && width[0] == '(' && width[n-1] == ')':
		return bytes.TrimFunc(width[1:n-1], isBlank), inBrackets
	case n > 1 && bytes.IndexByte([]byte("-/,"), width[0]) >= 0:
		return bytes.TrimLeftFunc(width[1:], isBlank), bySign
	}
	return width, by
}

// widths are the widths that are known: letters, counted letters, words.
var widths = []string{
	"A", "B", "C", "D", "E", "M", "N", "W", "R",
	"AA", "AAA", "AAAA", "EE", "EEE", "EEEE", "SS", "WW", "XW", "XN",
	"2A", "3A", "4A", "2E", "3E", "4E", "5E", "6E",
	"Narrow", "Medium", "Regular", "Wide", "X-Wide", "Extra Wide", "Extra-Wide", "X-Narrow", "Extra Narrow", "Extra-Narrow",
}

// isWidth knows a width in any case.
func isWidth(b []byte) bool {
	return slices.ContainsFunc(widths, func(w string) bool { return len(w) == len(b) && strings.EqualFold(w, string(b)) })
}

// lands are the words for the way in which a size is counted.
var lands = []string{"US", "UK", "EUR", "EU", "FR", "IT", "JP"}

// sizeNumber answers a size without its land: 10, 10.5, 10,5, 10½, 10 1/2, 42 2/3.
func sizeNumber(size []byte) (number []byte, ok bool) {
	number = size
	for _, land := range lands {
		if n := len(land); n < len(size) && strings.EqualFold(string(size[:n]), land) {
			number = bytes.TrimLeftFunc(size[n:], isBlank)
			break
		}
	}
	rest := bytes.TrimLeft(number, "0123456789")
	if whole := len(number) - len(rest); whole < 1 || whole > 3 {
		return nil, false
	}
	return number, len(rest) == 0 || isSizeFraction(rest)
}

// isSizeFraction knows what follows the whole number of a size. Two decimals are those of quarters and thirds, so that
// `10.52E` has one reading.
func isSizeFraction(b []byte) bool {
	if b[0] == '.' || b[0] == ',' {
		digits := b[1:]
		return isDigits(digits) && (len(digits) == 1 || slices.Contains([]string{"00", "25", "33", "50", "66", "67", "75"}, string(digits)))
	}
	fraction := bytes.TrimLeftFunc(b, isBlank)
	if slices.Contains([]string{"½", "⅓", "⅔", "¼", "¾"}, string(fraction)) {
		return true
	}
	if len(fraction) == len(b) { // a fraction of digits needs something before it
		if fraction[0] != '-' {
			return false
		}
		fraction = fraction[1:]
	}
	return slices.Contains([]string{"1/2", "1/3", "2/3", "1/4", "3/4"}, string(fraction))
}

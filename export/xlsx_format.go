package export

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// formatSection is one of the parts of a number format, which semicolons part: for numbers above zero, below it, and zero, or
// for those that hold a condition.
type formatSection struct {
	before, within, after string // what is shown as it is: before the first digit, between digits, after the last one
	digits                bool   // the number's digits are shown
	percent               int    // it is shown times a hundred so often
	scaled                bool   // it is shown in thousands
	colour                bool
	money                 bool   // a currency is given as such
	condition             string // such as =, with its bound; "" = none
	bound                 float64
}

// The bounds of a number format, in bytes and sections. Those of Excel are 255 characters and 4; a longer one is nobody's.
const (
	maxFormat         = 512
	maxFormatSections = 4
)

// unlessPlain is a number format, or "" where it shows any number as it is, perhaps with words, rounded or in colour.
func unlessPlain(code string) string {
	if len(code) > maxFormat {
		return ""
	}
	for i, s := range formatSections(code) {
		if !s.isPlain(i) {
			return code
		}
	}
	return ""
}

// formatSections parts a number format; the section of texts is left out, unless it is the only one.
func formatSections(code string) (sections []formatSection) {
	for rest, more := code, true; more && len(sections) < maxFormatSections; {
		var s formatSection
		var text bool
		if s, text, rest, more = newFormatSection(rest); !text || len(sections) == 0 {
			sections = append(sections, s)
		}
	}
	return sections
}

// newFormatSection reads a section, and answers what is behind it, and whether it is the one of texts.
func newFormatSection(code string) (s formatSection, text bool, rest string, more bool) {
	comma, fraction := false, false // a comma behind digits; a denominator
	show := func(shown string) {
		s.scaled, comma = s.scaled || comma, false
		if s.digits {
			s.after += shown
		} else {
			s.before += shown
		}
	}
	digit := func() {
		s.within, s.after = s.within+s.after, ""
		s.digits, comma = true, false
	}
	for i := 0; i < len(code); i++ {
		switch c := code[i]; {
		case c == ';':
			s.scaled = s.scaled || comma
			return s, text, code[i+1:], true
		case c == '"':
			end := strings.IndexByte(code[i+1:], '"')
			if end < 0 {
				end = len(code) - i - 1
			}
			show(code[i+1 : i+1+end])
			i += 1 + end
		case c == '[' && strings.IndexByte(code[i:], ']') > 0:
			end := strings.IndexByte(code[i:], ']')
			show(s.bracket(code[i+1 : i+end]))
			i += end
		case c == '\\' && i+1 < len(code):
			show(code[i+1 : i+2])
			i++
		case c == '_' || c == '*': // the next character is room
			i++
		case c == '0' || c == '#' || c == '?' || fraction && c >= '1' && c <= '9':
			digit()
		case c == '@':
			digit()
			text = true
		case c == ',' && s.digits && s.after == "":
			comma = true
		case c == '.' || c == '/' && s.digits:
			show("")
			fraction = c == '/'
		case c == '%':
			show("")
			s.percent++
		case (c == 'E' || c == 'e') && s.digits && i+1 < len(code) && (code[i+1] == '+' || code[i+1] == '-'):
			i++
		case hasPrefixFold(code[i:], "general"), hasPrefixFold(code[i:], "standard"):
			digit()
			i += len("general") - 1
			if c|0x20 == 's' {
				i++
			}
		default:
			show(code[i : i+1])
		}
	}
	s.scaled = s.scaled || comma
	return s, text, "", false
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// bracket takes what stands in square brackets, and answers what of it is shown: the sign of a currency.
func (s *formatSection) bracket(within string) (shown string) {
	switch {
	case strings.HasPrefix(within, "$"):
		shown, _, _ = strings.Cut(within[1:], "-") // without the language
		s.money = s.money || shown != ""
		return shown
	case strings.IndexAny(within, "<>=") == 0:
		bound := strings.TrimLeft(within, "<>=")
		s.condition = within[:len(within)-len(bound)]
		s.bound, _ = strconv.ParseFloat(bound, 64)
	case slices.Contains([]string{"black", "blue", "cyan", "green", "magenta", "red", "white", "yellow", "rot", "rouge", "rojo", "rosso", "rood"}, strings.ToLower(within)),
		hasPrefixFold(within, "color"):
		s.colour = true
	}
	return ""
}

// currencies are those that formats write out.
var currencies = []string{"eur", "euro", "euros", "usd", "gbp", "chf", "cad", "aud", "nzd", "kr", "sek", "nok", "dkk", "pln", "zł", "czk"}

// isOfGoods says that what is shown around a number lets it be a count: no currency and no share.
func (s *formatSection) isOfGoods() bool {
	around := s.before + " " + s.within + " " + s.after
	return !s.money && s.percent == 0 && !strings.ContainsFunc(around, func(r rune) bool { return unicode.Is(unicode.Sc, r) || r == '%' || r == '‰' }) &&
		!slices.ContainsFunc(strings.Fields(fold(around)), func(word string) bool { return slices.Contains(currencies, word) })
}

// hasParts says that letters or digits stand right beside the number that a format shows, with no blank between.
func hasParts(code string) bool {
	if len(code) > maxFormat {
		return false
	}
	isPart := func(text string) bool {
		return strings.ContainsFunc(text, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) })
	}
	s := formatSections(code)[0]
	return s.digits && (!strings.HasSuffix(s.before, " ") && isPart(s.before) || !strings.HasPrefix(s.after, " ") && isPart(s.after))
}

// hasSigns says that something that is no letter and no digit stands before a number, behind it or within.
func hasSigns(code string) bool {
	if len(code) > maxFormat {
		return false
	}
	s := formatSections(code)[0]
	return s.digits && (s.within != "" || strings.TrimSpace(s.before) != "" || strings.TrimSpace(s.after) != "")
}

// isOfOthers says that what is shown around a number makes it another quantity: one on order, or one of dozens.
func (s *formatSection) isOfOthers() bool {
	around := newHeading(s.before + " " + s.after)
	return around.vetoed(Quantity) || strings.ContainsAny(around.text, "+<>") ||
		slices.ContainsFunc(strings.Fields(around.folded), func(word string) bool { return slices.Contains(otherUnits, word) })
}

var otherUnits = strings.Fields("dz dozen dozens cs case cases box boxes pack packs carton cartons ctn short sold ordered reserved")

// isOther says that the digits which are shown are those of another number.
func (s *formatSection) isOther() bool {
	return s.scaled || s.isOfOthers() || strings.ContainsAny(s.before+s.after, "0123456789") || strings.ContainsAny(s.within, "0123456789.,")
}

// isSigned says that what is shown is a number below zero.
func (s *formatSection) isSigned() bool {
	before, after := strings.TrimRight(s.before, " "), strings.TrimLeft(s.after, " ")
	return strings.HasSuffix(before, "-") || strings.HasSuffix(before, "−") || strings.HasSuffix(before, "(") || strings.HasPrefix(after, "-")
}

// isPlain says that the section at a place shows any number as it is.
func (s *formatSection) isPlain(place int) bool {
	plain := s.digits && s.condition == "" && s.isOfGoods() && !s.isOther()
	switch place {
	case 0:
		return plain && !s.isSigned()
	case 1:
		return plain && (s.isSigned() || s.colour)
	}
	return plain
}

// sectionFor is the place of the section by which a number is shown: the first whose condition it holds, else that of its sign,
// or the first one beside those with conditions; -1 = there is none.
func sectionFor(sections []formatSection, n float64) int {
	if i := slices.IndexFunc(sections, func(s formatSection) bool { return s.condition != "" && s.holds(n) }); i >= 0 {
		return i
	}
	without := func(s formatSection) bool { return s.condition == "" }
	switch i := slices.IndexFunc(sections, without); {
	case i < 0 || slices.ContainsFunc(sections, func(s formatSection) bool { return !without(s) }):
		return i
	case n < 0 && len(sections) > 1:
		return 1
	case n == 0 && len(sections) > 2:
		return 2
	}
	return 0
}

// holds says that a number holds the section's condition.
func (s *formatSection) holds(n float64) bool {
	switch s.condition {
	case "=":
		return n == s.bound
	case "<>":
		return n != s.bound
	case "<":
		return n < s.bound
	case "<=":
		return n <= s.bound
	case ">":
		return n > s.bound
	case ">=":
		return n >= s.bound
	}
	return false
}

// show appends what a person sees in a cell with a number, and says whether that is this number: the format may make a word of
// it, a share, an amount of money or another number. A zero or a number below it that shows as nothing, or as a dash, is itself.
// What shows as another number is none.
func (f *numberFormat) show(dst, number []byte) (_ []byte, exact bool) {
	n, err := strconv.ParseFloat(string(number), 64)
	sections := formatSections(f.code)
	place := sectionFor(sections, n)
	if err != nil || place < 0 {
		return append(dst, "########"...), false // as a spreadsheet shows it
	}
	s := &sections[place]
	switch {
	case !s.digits:
		shown := strings.TrimSpace(s.before)
		hidden := n <= 0 && !strings.ContainsFunc(shown, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) })
		if hidden && slices.ContainsFunc(sections, func(s formatSection) bool { return s.digits }) {
			return append(dst, number...), true
		}
		return append(dst, shown...), false
	case s.percent > 0:
		for range s.percent {
			n *= 100
		}
		dst, _ = appendNumber(dst, strconv.AppendFloat(nil, n, 'f', -1, 64))
		return append(dst, strings.Repeat("%", s.percent)...), false
	case !s.isOfGoods():
		return append(dst, strings.TrimSpace(s.before+string(number)+s.after)...), false
	case s.isOther(), s.condition == "" && (n > 0 && s.isSigned() || n < 0 && place == 1 && !s.isSigned() && !s.colour):
		return append(append(append(dst, number...), " shown as "...), f.code...), false
	}
	return append(dst, number...), true
}

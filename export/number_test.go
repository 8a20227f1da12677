package export

import (
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tillpost/inventory"
)

func TestAColumnsPointsAndCommasAreSettledByWhatItShows(t *testing.T) { // W15
	t.Parallel()
	type cell struct {
		text   string
		figure int64
		verdict
	}
	tests := map[string]struct {
		start convention
		cells []cell
	}{
		"a comma before three digits is for thousands when nothing shows otherwise": {assumePoint, []cell{{"1,234", 1234, isNumber}, {"12.000", 12, isNumber}}},
		"a point before other than three digits is a decimal one":                   {assumePoint, []cell{{"12.50", 12, isNumber}, {"12,5", 0, isCommaOnly}, {"1,234", 1234, isNumber}}},
		"a decimal comma makes what could be thousands doubtful":                    {assumePoint, []cell{{"12,5", 0, isCommaOnly}, {"1,234", 0, isDoubtful}, {"1.234", 0, isDoubtful}, {"7", 7, isNumber}}},
		"three decimals that are not zeros are doubtful until a point is shown":     {assumePoint, []cell{{"1.234", 0, isDoubtful}, {"12.000", 12, isNumber}, {"1.5", 1, isNumber}, {"1.234", 1, isNumber}}},
		"a decimal comma after a taken group is a contradiction":                    {assumePoint, []cell{{"1,234", 1234, isNumber}, {"12,5", 0, isConflict}}},
		"a zero is zero whatever its point means":                                   {unsure, []cell{{"0.00", 0, isNumber}, {".0000", 0, isNumber}}},
		"a stated comma turns points into thousands":                                {comma, []cell{{"1.234", 1234, isNumber}, {"1,234", 1, isNumber}, {"1.5", 0, isGarbage}}},
		"groups parted by blanks are not doubtful":                                  {unsure, []cell{{"1 234", 1234, isNumber}, {"1\u00a0234", 1234, isNumber}, {"1\u202f234", 1234, isNumber}}},
		"groups that are none are garbage": {point, []cell{
			{"1,23", 0, isCommaOnly}, {"12,34,567", 0, isGarbage}, {"0,123", 0, isCommaOnly}, {"1,234 567", 0, isGarbage}, {",123", 0, isCommaOnly}, {"1,,234", 0, isGarbage},
		}},
		"negative fractions are floored": {point, []cell{{"-2.5", -3, isNumber}, {"(2.5)", -3, isNumber}, {"2.5-", -3, isNumber}, {"-0.1", -1, isNumber}, {"-0", 0, isNumber}, {"−4", -4, isNumber}}},
		"two signs are garbage":          {point, []cell{{"(-5)", 0, isGarbage}, {"-5-", 0, isGarbage}, {"+-5", 0, isGarbage}, {"(5", 0, isGarbage}, {"()", 0, isGarbage}, {"+", 0, isGarbage}}},
		"the largest quantity is the last": {point, []cell{
			{"9999999.9", 9999999, isNumber}, {"10000000", 0, isHuge}, {"-9999999", -9999999, isNumber}, {"-9999999.5", 0, isHuge}, {"99999999999999999999999999", 0, isHuge},
		}},
		"words for not counted are no quantity": {point, []cell{{"", 0, isNone}, {"  ", 0, isNone}, {"n/a", 0, isNone}, {"NULL", 0, isNone}, {"Not Stocked", 0, isNone}, {"-", 0, isNone}, {"—", 0, isNone}}},
		"a point without digits is garbage":     {point, []cell{{".", 0, isGarbage}, {"5.", 0, isGarbage}, {"-.", 0, isGarbage}}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := decimals{convention: test.start, stated: test.start == comma}
			for _, c := range test.cells {
				if figure, _, v := d.parse([]byte(c.text)); figure != c.figure || v != c.verdict {
					t.Errorf("%q: got %d, verdict %d; want %d, verdict %d", c.text, figure, v, c.figure, c.verdict)
				}
			}
		})
	}
}

// quantityWord says what became of a quantity's cell.
func quantityWord(figure int64, v verdict) string {
	return [...]string{isNumber: fmt.Sprint(figure), isNone: "none", isGarbage: "no", isHuge: "huge", isDoubtful: "two", isCommaOnly: "comma?", isConflict: "conflict"}[v]
}

func TestEveryFormOfAQuantityIsReadByEveryConvention(t *testing.T) { // W15
	t.Parallel()
	conventions := []decimals{{convention: assumePoint}, {convention: unsure}, {convention: point}, {convention: point, stated: true}, {convention: comma, stated: true}}
	for form, want := range map[string][]string{ // one word: the same by all
		"12.0000": {"12", "12", "12", "12", "no"}, ".0000": {"0", "0", "0", "0", "no"}, ".5": {"0", "0", "0", "0", "no"}, "12.50": {"12", "12", "12", "12", "no"},
		"1,234": {"1234", "two", "1234", "1234", "1"}, "1.234": {"two", "two", "1", "1", "1234"}, "12.000": {"12", "two", "12", "12", "12000"},
		"1.234,00": {"comma?", "comma?", "comma?", "no", "1234"}, "12,5": {"comma?", "comma?", "comma?", "no", "12"}, "1,234.50": {"1234", "1234", "1234", "1234", "no"},
		"1'234.50": {"1234", "1234", "1234", "1234", "no"}, "1'234,50": {"comma?", "comma?", "comma?", "no", "1234"},

		"0": {"0"}, "007": {"7"}, "(3)": {"-3"}, "3-": {"-3"}, "+5": {"5"}, "-5": {"-5"}, "\u22125": {"-5"}, "- 5": {"-5"}, "( 3 )": {"-3"}, "0-": {"0"}, `="7"`: {"7"}, "'7": {"7"},
		"1 234": {"1234"}, "1\u00a0234": {"1234"}, "1'234": {"1234"}, "1\u2019234\u2019567": {"1234567"}, "(1'234)": {"-1234"},
		"1'23": {"no"}, "1'234 567": {"no"}, "5'11": {"no"}, "12'": {"no"}, "12 34": {"no"},

		"": {"none"}, "\u00a0": {"none"}, "-": {"none"}, "--": {"none"}, "\u2014": {"none"}, "not stocked": {"none"}, "N/A": {"none"}, "NA": {"none"}, "NULL": {"none"}, "parent": {"none"},
		"Not tracked": {"none"}, "untracked": {"none"},

		// Errors and words: not 0, and never 1.
		"#REF!": {"no"}, "#N/A": {"no"}, "####": {"no"}, "TRUE": {"no"}, "FALSE": {"no"}, "Yes": {"no"}, "In stock": {"no"}, "Out of stock": {"no"}, "none": {"no"}, "nil": {"no"}, "x": {"no"},
		"unlimited": {"no"}, "\u221e": {"no"}, "NaN": {"no"}, "Inf": {"no"}, "?": {"no"}, "*": {"no"}, ".": {"no"}, "+": {"no"}, "()": {"no"},
		// What is counted is not certain: a piece or a pack, that many or more.
		"5 pcs": {"no"}, "12 ea": {"no"}, "12x": {"no"}, ">10": {"no"}, "10+": {"no"}, "~5": {"no"}, "<1": {"no"}, "5%": {"no"}, "5/6": {"no"}, "5-6": {"no"}, "5:00": {"no"}, "5 6": {"no"},
		// Money is no stock.
		"$5.00": {"no"}, "19.90 EUR": {"no"}, "\u20ac19.90": {"no"}, "($5)": {"no"}, "5 \u20ac": {"no"},
		// Forms of programs, and digits that POS systems do not write.
		"1e3": {"no"}, "1E+3": {"no"}, "0x10": {"no"}, "\u00bd": {"no"}, "5\u00bd": {"no"}, "\uff15": {"no"}, "\u0663": {"no"}, "1O": {"no"}, "1_000": {"no"}, "5.": {"no"}, "--5": {"no"}, "1.2.3": {"no"},
	} {
		if len(want) == 1 {
			want = slices.Repeat(want, len(conventions))
		}
		for i, d := range conventions {
			start := d
			figure, _, v := d.parse([]byte(form))
			if got := quantityWord(figure, v); got != want[i] {
				t.Errorf("%q by %+v: got %s, want %s", form, start, got, want[i])
			}
		}
	}
}

func TestWhatFloatingPointLeavesIsTheWholeNumber(t *testing.T) {
	t.Parallel()
	for form, want := range map[string]string{
		"11.999999999999998": "12", "12.000000000000002": "12", "-11.999999999999998": "-12", "-12.000000000000002": "-12", "0.9999999999": "1", "-0.0000000001": "0",
		"11.99999999": "11 and more", "12.00000001": "12 and more", "-0.00000001": "-1 and more", "11.9999999985": "11 and more", "9999999.0000000001": "9999999", "9999999.9999999999": "huge",
	} {
		d := decimals{convention: point}
		figure, fraction, v := d.parse([]byte(form))
		got := quantityWord(figure, v)
		if fraction {
			got += " and more"
		}
		if got != want {
			t.Errorf("%q: got %s, want %s", form, got, want)
		}
	}
}

// oracle is what a cell says under one convention, by regular expressions and exact fractions.
func oracle(cell, decimal, group string) (*big.Rat, bool) {
	shape := regexp.MustCompile(`^(\d+|[1-9]\d{0,2}(` + regexp.QuoteMeta(group) + `\d{3})+|[1-9]\d{0,2}( \d{3})+|[1-9]\d{0,2}('\d{3})+)?(` + regexp.QuoteMeta(decimal) + `\d+)?$`)
	cell = string(clean([]byte(cell)))
	s, negative := cell, false
	if m := regexp.MustCompile(`(?s)^(?:\((.*)\)|-(.*)|(.*)-)$`).FindStringSubmatch(s); m != nil && !strings.HasPrefix(s, "+") {
		s, negative = m[1]+m[2]+m[3], true
		if strings.HasPrefix(cell, "-") && strings.HasSuffix(s, "-") {
			return nil, false
		}
	} else {
		s = strings.TrimPrefix(s, "+")
	}
	s = strings.Trim(s, " ")
	if s == "" || !shape.MatchString(s) {
		return nil, false
	}
	s = strings.NewReplacer(group, "", " ", "", "'", "", decimal, ".").Replace(s)
	if s[0] == '.' {
		s = "0" + s
	}
	n, ok := new(big.Rat).SetString(s)
	if ok {
		half := new(big.Rat).Add(n, big.NewRat(1, 2))
		whole := new(big.Rat).SetInt(floor(half))
		if off := new(big.Rat).Sub(n, whole); off.Cmp(big.NewRat(1, 1e9)) < 0 && off.Cmp(big.NewRat(-1, 1e9)) >= 0 {
			n = whole
		}
	}
	if ok && negative {
		n.Neg(n)
	}
	return n, ok
}

func floor(n *big.Rat) *big.Int {
	q, _ := new(big.Int).DivMod(n.Num(), n.Denom(), new(big.Int)) // Euclidean; the denominator is positive
	return q
}

func FuzzNumber(f *testing.F) {
	for _, seed := range []string{"12", "1,234", "1.234", "12.000", ".0000", "(3)", "-5", "+5", "3-", "0,123", "1 234", "9999999.9", "-2.5", "1e3", "( 5 )", "- 5", "12,34,567.8", "1.234.567,8", "1'234", "11.999999999999998"} {
		for convention := range byte(4) {
			f.Add(seed, convention)
		}
	}
	f.Fuzz(func(t *testing.T, cell string, start byte) {
		if len(cell) > maxNumber || strings.Trim(cell, "0123456789.,'+-() abcdefgxyz\t") != "" || isNoQuantity(clean([]byte(cell))) {
			return
		}
		d := decimals{convention: convention(start % 4)}
		figure, fraction, v := d.parse([]byte(cell))
		byPoint, pointOK := oracle(cell, ".", ",")
		byComma, commaOK := oracle(cell, ",", ".")
		want, ok := byPoint, pointOK
		if convention(start%4) == comma {
			want, ok = byComma, commaOK
		}
		doubtful := pointOK && commaOK && byPoint.Cmp(byComma) != 0
		switch v {
		case isNumber:
			if !ok || floor(want).Cmp(big.NewInt(figure)) != 0 || fraction == want.IsInt() {
				t.Fatalf("%q: got %d (fraction: %v), want %v", cell, figure, fraction, want)
			}
			if doubtful && convention(start%4) == unsure {
				t.Fatalf("%q: got %d, but it can be %v or %v", cell, figure, byPoint, byComma)
			}
		case isHuge:
			if !ok || new(big.Int).Abs(floor(want)).Cmp(big.NewInt(inventory.MaxQuantity)) <= 0 {
				t.Fatalf("%q: got too large, want %v", cell, want)
			}
		case isDoubtful:
			if !doubtful {
				t.Fatalf("%q: got doubtful, want %v", cell, want)
			}
		default:
			if ok {
				t.Fatalf("%q: got verdict %d, want %v", cell, v, want)
			}
		}
		if n, ok := plainNumber([]byte(cell)); ok && (v != isNumber || n != figure) {
			t.Fatalf("%q: got %d the short way, %d the long way", cell, n, figure)
		}
	})
}

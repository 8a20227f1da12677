package export

import (
	"strconv"
	"testing"
)

func TestANumberIsWhatItsFormatShowsOrNone(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		code, number, want string
		exact              bool
	}{
		{"General", "12", "12", true},
		{"0", "12.5", "12.5", true},
		{"#,##0.00", "1234", "1234", true},
		{"#,##0_);(#,##0)", "-12", "-12", true},
		{"#,##0_);[Red](#,##0)", "-12", "-12", true},
		{"0;[Red]0", "-12", "-12", true},
		{"General;[Red]-General;General;@", "0", "0", true},
		{"0;@", "0", "0", true},
		{`0" pcs"`, "12", "12", true},
		{`"size "0.0`, "10.5", "10.5", true},
		{"# ?/?", "10.5", "10.5", true},
		{"# ??/16", "10.5", "10.5", true},
		{"0.00E+00", "849632048260", "849632048260", true},
		{"# ##0", "1234", "1234", true},
		{"0-00000-00000-0", "36000291452", "36000291452", true},
		{`[>=100]0;[<100]0.0`, "12.5", "12.5", true},
		{`_(* #,##0_);_(* (#,##0);_(* "-"??_);_(@_)`, "0", "0", true},
		{`#,##0;-#,##0;`, "0", "0", true},
		{`0;-0;"-";@`, "0", "0", true},
		{"0;;0", "-3", "-3", true},

		{"0%", "0.5", "50%", false},
		{"0.00%", "0.07", "7%", false},
		{`0"%"`, "50", "50%", false},
		{"$#,##0.00", "12", "$12", false},
		{"#,##0.00 [$€-407]", "12", "12 €", false},
		{"[$CHF-807] #,##0.00", "12", "CHF 12", false},
		{`0.00" EUR"`, "12", "12 EUR", false},
		{`_("$"* #,##0.00_);_("$"* (#,##0.00);_("$"* "-"??_);_(@_)`, "0", "$-0", false},
		{"0,", "12000", "12000 shown as 0,", false},
		{"#,##0.0,,", "1500000", "1500000 shown as #,##0.0,,", false},
		{`0,"k"`, "12000", `12000 shown as 0,"k"`, false},
		{`0"."00`, "100", `100 shown as 0"."00`, false},
		{`"1"0`, "5", `5 shown as "1"0`, false},
		{`0" x 12"`, "5", `5 shown as 0" x 12"`, false},
		{"0;0", "-5", "-5 shown as 0;0", false},
		{"-0", "5", "5 shown as -0", false},
		{"(0)", "5", "5 shown as (0)", false},
		{";;;", "12", "", false},
		{";;;", "0", "", false},
		{`"yes";"no"`, "1", "yes", false},
		{`"yes";"";"no"`, "0", "no", false},
		{`0;-0;"n/a"`, "0", "n/a", false},
		{`0;"out"`, "-1", "out", false},
		{`[=1]"yes";[=0]"no"`, "0", "no", false},
		{`[=1]"yes";[=0]"no"`, "7", "########", false},
		{`[=0]"none";0`, "0", "none", false},
		{`[=0]"none";0`, "7", "7", true},
		{`[>1000]"many";0`, "2000", "many", false},
	} {
		f := newNumberFormat(test.code)
		if f.date != "" {
			t.Errorf("%s: got the date %s, want a number", test.code, f.date)
		}
		got, exact := test.number, true
		if f.code != "" {
			text, is := f.show(nil, []byte(test.number))
			got, exact = string(text), is
		}
		if got != test.want || exact != test.exact {
			t.Errorf("%s as %s: got %q, exact %v; want %q, %v", test.number, test.code, got, exact, test.want, test.exact)
		}
	}
}

// FuzzNumberFormat: whatever a format is, what is a number is the cell's.
func FuzzNumberFormat(f *testing.F) {
	for _, seed := range []string{"0%", `_("$"* #,##0.00_);_("$"* (#,##0.00);_("$"* "-"??_);_(@_)`, "[=1]0,;[h];", `\`, `"`, "[", "[$", "[<", "*", "_", "stand", "0;;;;;;"} {
		f.Add(seed, int64(-12))
	}
	f.Fuzz(func(t *testing.T, code string, number int64) {
		was, ok := appendNumber(nil, []byte(strconv.FormatInt(number, 10)))
		format := newNumberFormat(code)
		if !ok || format.code == "" {
			return
		}
		if got, exact := format.show(nil, was); exact && string(got) != string(was) {
			t.Fatalf("%s as %q: got %q", was, code, got)
		}
	})
}

package export

import (
	"errors"
	"io"
	"slices"
	"testing"
)

// knownNumbers is a decoder of a format that knows numbers from texts.
type knownNumbers struct {
	rows [][]string // a cell that begins with # is a number
	line int
}

func (s *knownNumbers) next(rec *record) error {
	if s.line == len(s.rows) {
		return io.EOF
	}
	cells := s.rows[s.line]
	s.line++
	*rec = record{line: s.line, lines: 1, count: len(cells), exact: make([]bool, len(cells))}
	for i, cell := range cells {
		if rec.exact[i] = cell != "" && cell[0] == '#'; rec.exact[i] {
			cell = cell[1:]
		}
		rec.fields = append(rec.fields, []byte(cell))
	}
	return nil
}

// figuresOf reads a sheet whose quantities those are: a figure, or a class of rejects.
func figuresOf(t *testing.T, o Options, quantities ...string) []string {
	t.Helper()
	o.Defaults = map[Field]string{Store: "3"}
	reader, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	rows := [][]string{{"UPC", "On Hand"}}
	for _, q := range quantities {
		rows = append(rows, []string{"849632048260", q})
	}
	opened, err := reader.openTable("xlsx", &knownNumbers{rows: rows})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for row, err := range opened.All() {
		reject, ok := errors.AsType[*Reject](err)
		switch {
		case ok:
			got = append(got, reject.Code)
		case err != nil:
			t.Fatal(err)
		default:
			got = append(got, quantityWord(row.Figure, isNumber))
		}
	}
	return got
}

func TestANumberOfTheFormatHasAPointWhateverTheConfigSaysOfTexts(t *testing.T) {
	t.Parallel()
	for _, decimal := range []string{"auto", ".", ","} {
		got := figuresOf(t, Options{Decimal: decimal},
			"#12.5", "#1.234", "#12.000", "#-2.5", "#0", "#11.999999999999998", "#12.000000000000002", "#-0.0000000000000001", "#10000000", "#-10000000", "#9999999", "#", "#1e3")
		want := []string{"12", "1", "12", "-3", "0", "12", "12", "0", RejectTooLarge, RejectTooLarge, "9999999", RejectNumber}
		if !slices.Equal(got, want) { // the blank one is skipped
			t.Errorf("decimal %s: got %q, want %q", decimal, got, want)
		}
	}
}

func TestANumberOfTheFormatShowsNothingOfItsTexts(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ decimal, before, text, want string }{
		"by a stated comma a point in a text is for thousands":  {",", "#12.5", "1.234", "1234"},
		"a number's decimals do not settle what a text's are":   {"auto", "#12.5", "1.234", RejectDecimal},
		"a number's thousandths do not contradict a text later": {"auto", "#1.234", "12,5", "12"},
	} {
		if got := figuresOf(t, Options{Decimal: test.decimal}, test.before, test.text); got[1] != test.want {
			t.Errorf("%s: got %q, want %s", name, got, test.want)
		}
	}
}

func TestWhatIsLeftOfANumberByFloatingPointIsNoFraction(t *testing.T) {
	t.Parallel()
	got := figuresOf(t, Options{RejectFractions: true, RejectNegative: true}, "#11.999999999999998", "#11.5", "#-1")
	if want := []string{"12", RejectFraction, RejectNegative}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestANumberThatIsNotDigitsOnlyCostsNoAllocation(t *testing.T) {
	p := pipeline{layout: layout{column: [fieldCount]int{Quantity: 0}}, decimals: decimals{convention: point}}
	for _, exact := range []bool{false, true} {
		rec := record{fields: [][]byte{[]byte("12.0000")}, exact: []bool{exact}, count: 1}
		if n := testing.AllocsPerRun(100, func() {
			if figure, res := p.quantity(&rec); figure != 12 || res != isUpdate {
				t.Fatalf("got %d, %d", figure, res)
			}
		}); n != 0 {
			t.Errorf("exact %v: got %v allocations, want none", exact, n)
		}
	}
}

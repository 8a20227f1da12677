package export

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestFiguresThatArePricesAreNoQuantities(t *testing.T) {
	t.Parallel()
	times := func(n int, figures ...string) []string { return slices.Repeat(figures, n) }
	byNumber, byHeading := map[Field]Column{Quantity: {Number: 3}}, map[Field]Column{Quantity: {Heading: "On Hand"}}
	for name, test := range map[string]struct {
		figures []string
		columns map[Field]Column
		strict  bool
		want    bool // that it is refused
	}{
		"prices under a heading of stock":             {figures: times(5, "19.99", "24.95", "100.00", "7.49", "3.50"), want: true},
		"prices in a column by its number":            {figures: times(5, "19.99", "24.95", "99.90", "7.49", "3.50"), columns: byNumber, want: true},
		"prices with decimal commas":                  {figures: times(5, `"19,99"`, `"1.024,95"`, `"0,99"`, `"7,49"`), want: true},
		"prices that floating point has touched":      {figures: times(10, "19.989999999999998", "24.949999999999999"), want: true},
		"a heading that the config names is believed": {figures: times(10, "19.99", "24.95"), columns: byHeading},
		"where fractions are rejects, prices are":     {figures: times(10, "19.99", "24.95"), strict: true},
		"too few to tell":                             {figures: times(9, "19.99", "24.95")},
		"goods by weight":                             {figures: times(5, "12.5", "3.25", "0.75", "11.08", "4.30", "17.19", "2.61", "8.00")},
		"goods by weight in thousandths":              {figures: times(10, "12.509", "3.259", "0.799", "1.999")},
		"stock with two decimals that are zeros":      {figures: times(20, "12.00", "0.00")},
		"stock":                                       {figures: times(10, "99", "1299", "0", "N/A", "95")},
		"mostly stock":                                {figures: append(times(10, "19.99"), times(10, "3")...)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reader, err := New(Options{Columns: test.columns, RejectFractions: test.strict})
			if err != nil {
				t.Fatal(err)
			}
			var in strings.Builder
			in.WriteString("UPC,Store,On Hand\n")
			for _, figure := range test.figures {
				fmt.Fprintf(&in, "849632048260,3,%s\n", figure)
			}
			_, err = reader.Read(strings.NewReader(in.String()))
			refused, ok := errors.AsType[*Refused](err)
			if ok != test.want || ok && !strings.Contains(refused.Reason, "prices") {
				t.Errorf("got %v, want a refusal: %v", err, test.want)
			}
		})
	}
}

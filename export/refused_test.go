package export_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"tillpost/export"
)

func TestARefusalTellsTheHeadingsToChooseFrom(t *testing.T) { // W17
	t.Parallel()
	for text, want := range map[string][]string{
		"Store,UPC,Pcs Avail, Price \n3,849632048260,1,2\n":     {"Store", "UPC", "Pcs Avail", "Price"},
		"UPC,Store,Stock,Stock\n849632048260,3,4,5\n":           {"UPC", "Store", "Stock", "Stock"},
		"UPC,Style,On Hand\n849632048260,ZOOT,4\n":              {"UPC", "Style", "On Hand"},
		"<items><item upc=\"849632048260\" qty=\"1\"/></items>": {"@upc", "@qty"},
		"":                     nil,
		"{\\rtf1 no export}\n": nil,
	} {
		r, err := export.New(export.Options{})
		if err != nil {
			t.Fatal(err)
		}
		_, err = r.Read(strings.NewReader(text))
		refused, ok := errors.AsType[*export.Refused](err)
		if !ok {
			t.Errorf("%q: got %v, want it refused", text, err)
			continue
		}
		if got := refused.Headings; !slices.Equal(got, want) {
			t.Errorf("%q: got the headings %q, want %q (%v)", text, got, want, err)
		}
	}
}

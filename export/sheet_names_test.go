package export_test

import (
	"strings"
	"testing"

	"tillpost/export"
)

const sheetHeader = `<row><c t="str"><v>UPC</v></c><c t="str"><v>Qty</v></c></row>`

// named is a workbook with sheets of the names, each with one product of as many pieces as its number.
func named(names ...string) book {
	var sheets []string
	for i := range names {
		sheets = append(sheets, sheetHeader+`<row><c t="str"><v>849632048260</v></c><c><v>`+string(rune('1'+i))+`</v></c></row>`)
	}
	b := newBook(sheets...)
	for i, name := range names {
		b = b.with("xl/workbook.xml", `name="Sheet`+string(rune('1'+i))+`"`, `name="`+name+`"`)
	}
	return b
}

func TestTheNameOfASheetMaySayThatItIsAnotherOne(t *testing.T) {
	t.Parallel()
	two := export.Options{Defaults: map[export.Field]string{export.Store: "2"}}
	for name, test := range map[string]struct {
		sheets  []string
		stores  map[string]string
		want    int64  // the quantity
		refused string // what the refusal says; "" = there is none
	}{
		"the second is the config's store":   {sheets: []string{"Store 1", "Store 2"}, want: 2},
		"the store has leading zeros":        {sheets: []string{"Store 01", "Store 002"}, want: 2},
		"none is the config's store":         {sheets: []string{"Store 1", "Store 3"}, refused: `by the name of its sheet the export says that it is store 1's`},
		"the config says that it is":         {sheets: []string{"Store 1", "Store 3"}, stores: map[string]string{"Store 3": "2"}, want: 2},
		"the first are the sales":            {sheets: []string{"Sales", "Stock"}, want: 2},
		"all of them are other lists":        {sheets: []string{"Sales", "Purchase Orders"}, refused: `the sheet is called "Sales"`},
		"the name of a sheet of no meaning":  {sheets: []string{"Sheet7", "Store 2"}, want: 1},
		"a name with a store and without it": {sheets: []string{"Store 2", "Store 1"}, want: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := two
			o.Stores = test.stores
			lines := preview(t, o, named(test.sheets...).bytes(t))
			switch last := lines[len(lines)-1]; {
			case test.refused != "":
				if !strings.Contains(last.Error, test.refused) {
					t.Errorf("got %s, want a refusal that says %s", ndjson(t, lines), test.refused)
				}
			case len(lines) != 3 || lines[1].Update == nil || lines[1].Update.Quantity != test.want:
				t.Errorf("got %s, want %d", ndjson(t, lines), test.want)
			}
		})
	}
}

func TestANumberWithMoreThanItsDigitsIsNoCode(t *testing.T) {
	t.Parallel()
	const rows = `<row><c t="str"><v>SKU</v></c><c t="str"><v>UPC</v></c><c t="str"><v>Size</v></c><c t="str"><v>Width</v></c><c t="str"><v>Store</v></c><c t="str"><v>On Hand</v></c></row>`
	row := func(sku, upc string) string {
		return rows + `<row><c s="18"><v>` + sku + `</v></c><c s="18"><v>` + upc + `</v></c><c t="str"><v>9</v></c><c t="str"><v>D</v></c><c t="str"><v>3</v></c><c><v>4</v></c></row>`
	}
	for format, test := range map[string]struct {
		sku, upc string
		want     string // in the line of the row
	}{
		`&quot;ZT-&quot;0000`: {"1234", "", "a number whose format in the spreadsheet shows something else"},
		`000-000`:             {"1234", "", "a number whose format in the spreadsheet shows something else"},
		`0000\ 00`:            {"1234", "", "a number whose format in the spreadsheet shows something else"},
		`0&quot;-A&quot;`:     {"1234", "", "a number whose format in the spreadsheet shows something else"},
		`0&quot; pcs&quot;`:   {"1234", "", "a number whose format in the spreadsheet shows something else"},
		`0-00000-00000-0`:     {"", "849632048260", `"upc":"849632048260"`},
		`&quot;A&quot;000000`: {"", "849632048260", "a number whose format in the spreadsheet shows something else"},
		`0_);\(0\)`:           {"1234", "", `"sku":"1234"`},
		`[$-409]0`:            {"1234", "", `"sku":"1234"`},
	} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			b := newBook(row(test.sku, test.upc)).with("xl/styles.xml", `</numFmts>`, `<numFmt numFmtId="200" formatCode="`+format+`"/></numFmts>`).
				with("xl/styles.xml", `<xf numFmtId="44"/></cellXfs>`, `<xf numFmtId="44"/><xf numFmtId="200"/></cellXfs>`)
			if got := ndjson(t, preview(t, export.Options{}, b.bytes(t))[1:2]); !strings.Contains(got, test.want) && !strings.Contains(strings.ReplaceAll(got, " ", ""), test.want) {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

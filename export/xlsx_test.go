package export_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tillpost/export"
)

func TestACellIsReadAsAPersonSeesIt(t *testing.T) {
	t.Parallel()
	styled := func(style int, value string) string { return fmt.Sprintf(`<c s="%d"><v>%s</v></c>`, style, value) }
	for name, test := range map[string]struct{ cell, want string }{
		"shared text":                       {`<c t="s"><v>1</v></c>`, "blue"},
		"shared text in runs":               {`<c t="s"><v>2</v></c>`, "dark blue & green"},
		"shared text with its sound":        {`<c t="s"><v>3</v></c>`, "東京"},
		"shared text with edges":            {`<c t="s"><v>4</v></c>`, "  x "},
		"shared text with escapes":          {`<c t="s"><v>5</v></c>`, "a\rb_x000D_c_xyz"},
		"text in its place":                 {`<c t="inlineStr"><is><t>zoot</t></is></c>`, "zoot"},
		"text in its place, in runs":        {`<c t="inlineStr"><is><r><rPr><b/></rPr><t>zo</t></r><r><t>ot</t></r></is></c>`, "zoot"},
		"text in pieces":                    {`<c t="str"><v>a<![CDATA[<b>]]>c<!-- no -->d&#x65;</v></c>`, "a<b>cde"},
		"text that looks like a number":     {`<c t="str"><v>0012.50</v></c>`, "0012.50"},
		"a number":                          {styled(asGeneral, "12"), "12"},
		"a number with a prefix":            {`<x:c xmlns:x="m"><x:v>12</x:v></x:c>`, "12"},
		"a long number":                     {styled(asGeneral, "8.4963204826E11"), "849632048260"},
		"a long number, of .NET":            {styled(asGeneral, "8.4963204826E+011"), "849632048260"},
		"a long number, of Java":            {styled(asGeneral, "849632048260.0"), "849632048260"},
		"a small fraction":                  {styled(asGeneral, "1.25E-3"), "0.00125"},
		"half":                              {styled(asGeneral, ".5"), "0.5"},
		"less than half":                    {styled(asGeneral, "-0.45"), "-0.45"},
		"a fraction with zeros":             {styled(asGeneral, "12.500"), "12.5"},
		"no zeros of the whole part go":     {styled(asGeneral, "1200"), "1200"},
		"nor of a power":                    {styled(asGeneral, "1.2E3"), "1200"},
		"minus zero":                        {styled(asGeneral, "-0.0"), "0"},
		"an error of calculation":           {styled(asGeneral, "11.999999999999998"), "12"},
		"another, below a power of ten":     {styled(asGeneral, "99.99999999999999"), "100"},
		"another, in a long number":         {styled(asGeneral, "849632048260.00012"), "849632048260"},
		"another, of nothing":               {styled(asGeneral, "-2.8421709430404007E-14"), "0"},
		"a number that has lost its digits": {styled(asGeneral, "1.23456789012345E+17"), "1.23456789012345E+17"},
		"a number that kept all of them":    {styled(asGeneral, "12345678901234567"), "12345678901234567"},
		"a fraction of a long number":       {styled(asGeneral, "1234567890123456.7"), "1234567890123457"},
		"a number beyond all":               {styled(asGeneral, "1E308"), "1E308"},
		"what is no number":                 {styled(asGeneral, "1O"), "1O"},
		"an exponent alone":                 {styled(asGeneral, "E5"), "E5"},
		"zeros before it":                   {styled(asSixDigits, "1234"), "001234"},
		"zeros before it, below zero":       {styled(asSixDigits, "-1234"), "-001234"},
		"more digits than zeros":            {styled(asSixDigits, "1234567"), "1234567"},
		"no zeros before a fraction":        {styled(asSixDigits, "12.5"), "12.5"},
		"money":                             {styled(asMoney, "1234.5"), "1234.5 €"},
		"words in its format":               {styled(asQuoted, "12"), "12"},
		"a colour in its format":            {styled(asColoured, "-3"), "-3"},
		"a size that became a date":         {styled(asDayMonth, "46001"), "10-Dec"},
		"a date":                            {styled(asDate, "46001"), "12/10/2025"},
		"a date with a time":                {styled(asDate, "46001.75"), "12/10/2025"},
		"an ISO date":                       {styled(asISODate, "46001"), "2025/12/10"},
		"a German date":                     {styled(asGermanDate, "46001"), "10/12/2025"},
		"a month":                           {styled(asMonthYear, "46001"), "10-Dec-2025"},
		"the first day":                     {styled(asDate, "1"), "1/1/1900"},
		"before the day that never was":     {styled(asDate, "59"), "2/28/1900"},
		"after the day that never was":      {styled(asDate, "61"), "3/1/1900"},
		"a time":                            {styled(asTime, "0.4375"), "10:30:00"},
		"a date beyond all":                 {styled(asDate, "849632048260"), "########"},
		"a date before all":                 {styled(asDate, "-1"), "########"},
		"no date":                           {styled(asDate, "NaN"), "########"},
		"a date by its type":                {`<c t="d"><v>2025-12-10T00:00:00</v></c>`, "2025/12/10"},
		"true":                              {`<c t="b"><v>1</v></c>`, "TRUE"},
		"false":                             {`<c t="b"><v>0</v></c>`, "FALSE"},
		"an error":                          {`<c t="e"><v>#REF!</v></c>`, "#REF!"},
		"a formula":                         {`<c><f>1+1</f><v>2</v></c>`, "2"},
		"a formula of text":                 {`<c t="str"><f>"0"&amp;"7"</f><v>07</v></c>`, "07"},
		"a formula of no text":              {`<c t="str"><f>""</f><v></v></c>`, ""},
		"a formula without its value":       {`<c><f>B2-C2</f></c>`, "#FORMULA!"},
		"a formula with an empty value":     {`<c><f>B2-C2</f><v/></c>`, "#FORMULA!"},
		"a formula of text without it":      {`<c t="str"><f>B2</f></c>`, "#FORMULA!"},
		"a shared formula without its own":  {`<c><f t="shared" si="0"/></c>`, "#FORMULA!"},
		"nothing but a style":               {`<c s="3"/>`, ""},
		"an empty value":                    {`<c s="3"><v></v></c>`, ""},
		"an unknown type":                   {`<c t="new"><v>x</v></c>`, "x"},
		"what later versions add":           {`<c><v>7</v><extLst><ext><v>8</v></ext></extLst></c>`, "7"},
		"a text just short enough":          {`<c t="str"><v>` + strings.Repeat("ä", 2000) + `</v></c>`, strings.Repeat("ä", 2000)},
		"a shared text that is long":        {`<c t="s"><v>6</v></c>`, strings.Repeat("ä", 512) + "…"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBook(bookHeader+`<row><c t="str"><v>849632048260</v></c><c><v>3</v></c><c t="str"><v>x</v></c>`+test.cell+`<c t="str"><v>end</v></c></row>`).
				share(`<t>red</t>`, `<t>blue</t>`, `<r><rPr><b/><rFont val="x"/></rPr><t xml:space="preserve">dark </t></r><r><t>blue &amp; green</t></r>`,
					`<t>東京</t><rPh sb="0" eb="2"><t>トウキョウ</t></rPh>`, `<t xml:space="preserve">  x </t>`, `<t>a_x000D_b_x005F_x000D_c_xyz</t>`, `<t>`+strings.Repeat("ä", 3000)+`</t>`)
			rows, err := mustReader(t, export.Options{}).Read(bytes.NewReader(b.bytes(t)))
			if err != nil {
				t.Fatal(err)
			}
			for _, err := range rows.All() {
				reject, ok := errors.AsType[*export.Reject](err)
				if !ok {
					t.Fatalf("got %v, want a reject", err)
				}
				if got := reject.Record[3]; got != test.want || len(reject.Record) != 5 {
					t.Errorf("got %q, want %q", got, test.want)
				}
			}
			if got := rows.Summary(); got.Rejects != 1 {
				t.Errorf("got %+v, want one reject", got)
			}
		})
	}
}

// TestNumbersKeepTheirValueInPlainNotation: a spreadsheet calculates with 15 digits.
func TestNumbersKeepTheirValueInPlainNotation(t *testing.T) {
	t.Parallel()
	reader := mustReader(t, export.Options{})
	rapid.Check(t, func(t *rapid.T) {
		var rows strings.Builder
		var values []string
		for range rapid.IntRange(1, 20).Draw(t, "numbers") {
			digits := rapid.StringMatching(`[0-9]{1,15}`).Draw(t, "digits")
			point := rapid.IntRange(0, len(digits)).Draw(t, "point")
			value := rapid.SampledFrom([]string{"", "-", "+"}).Draw(t, "sign") + digits[:point] + "." + digits[point:]
			if rapid.Bool().Draw(t, "scientific") {
				value += fmt.Sprintf("E%+d", rapid.IntRange(-8, 15-point).Draw(t, "exponent"))
			}
			values = append(values, value)
			rows.WriteString(`<row><c t="str"><v>849632048260</v></c><c><v>3</v></c><c t="str"><v>x</v></c><c><v>` + value + `</v></c></row>`)
		}
		all, err := reader.Read(bytes.NewReader(newBook(bookHeader + rows.String()).bytes(t)))
		if err != nil {
			t.Fatal(err)
		}
		i := 0
		for _, err := range all.All() {
			reject, ok := errors.AsType[*export.Reject](err)
			if !ok {
				t.Fatal(err)
			}
			want, _ := new(big.Rat).SetString(values[i])
			got, ok := new(big.Rat).SetString(reject.Record[3])
			small := new(big.Rat).Abs(want).Cmp(big.NewRat(1, 1_000_000_000)) < 0
			if small {
				want = new(big.Rat)
			}
			if !ok || got.Cmp(want) != 0 || strings.ContainsAny(reject.Record[3], "eE+") {
				t.Fatalf("%s: got %q", values[i], reject.Record[3])
			}
			i++
		}
		if i != len(values) {
			t.Fatalf("got %d rows, want %d", i, len(values))
		}
	})
}

func mustReader(t testing.TB, o export.Options) *export.Reader {
	t.Helper()
	r, err := export.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestAQuantityOfAWorkbookIsItsOwnOrNone: what is a number there needs no convention, and what is none is no number.
func TestAQuantityOfAWorkbookIsItsOwnOrNone(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		cell, decimal string
		want          any // the figure, the class of the reject, or nil for a row that is skipped
	}{
		"a number":                              {`<c><v>12</v></c>`, "", 12},
		"a fraction":                            {`<c><v>12.5</v></c>`, "", 12},
		"thousandths":                           {`<c><v>1.234</v></c>`, "", 1},
		"thousandths beside decimal commas":     {`<c><v>1.234</v></c>`, ",", 1},
		"a fraction beside decimal commas":      {`<c><v>12.5</v></c>`, ",", 12},
		"text with a decimal comma":             {`<c t="str"><v>12,5</v></c>`, ",", 12},
		"text that can be two numbers":          {`<c t="str"><v>1,234</v></c>`, "", export.RejectDecimal},
		"a number in E notation":                {`<c><v>1.2E1</v></c>`, "", 12},
		"a small error of calculation":          {`<c><v>11.999999999999998</v></c>`, "", 12},
		"a negative number":                     {`<c><v>-4</v></c>`, "", -4},
		"true":                                  {`<c t="b"><v>1</v></c>`, "", export.RejectNumber},
		"a date":                                {`<c s="2"><v>46001</v></c>`, "", export.RejectNumber},
		"a date of the type d":                  {`<c t="d"><v>2025-12-10</v></c>`, "", export.RejectNumber},
		"a time":                                {`<c s="5"><v>0.5</v></c>`, "", export.RejectNumber},
		"an error":                              {`<c t="e"><v>#REF!</v></c>`, "", export.RejectNumber},
		"an error for what is not there":        {`<c t="e"><v>#N/A</v></c>`, "", export.RejectNumber},
		"a formula":                             {`<c><f>6+6</f><v>12</v></c>`, "", 12},
		"a formula without its value":           {`<c><f>6+6</f></c>`, "", export.RejectNumber},
		"a formula of nothing":                  {`<c t="str"><f>IF(TRUE,"")</f><v></v></c>`, "", nil},
		"no cell":                               {``, "", nil},
		"a styled one that is blank":            {`<c s="1"/>`, "", nil},
		"a number with zeros before it":         {`<c s="1"><v>12</v></c>`, "", 12},
		"an amount of money":                    {`<c s="7"><v>12</v></c>`, "", export.RejectNumber},
		"a share":                               {`<c s="12"><v>0.5</v></c>`, "", export.RejectNumber},
		"a share of a built-in format":          {`<c s="13"><v>0.5</v></c>`, "", export.RejectNumber},
		"thousands of it":                       {`<c s="14"><v>12000</v></c>`, "", export.RejectNumber},
		"a zero that shows as a dash":           {`<c s="15"><v>0</v></c>`, "", 0},
		"a zero that shows as a word":           {`<c s="16"><v>0</v></c>`, "", nil},
		"money of a built-in format":            {`<c s="17"><v>12</v></c>`, "", export.RejectNumber},
		"a number that is too large":            {`<c><v>1E7</v></c>`, "", export.RejectTooLarge},
		"a number that has lost its digits":     {`<c><v>1E+20</v></c>`, "", export.RejectNumber},
		"a note beyond the last column":         {`<c><v>12</v></c><c/><c t="str"><v>count again</v></c>`, "", 12},
		"a text of more than MaxField bytes":    {`<c><v>12</v></c><c t="str"><v>` + strings.Repeat("x", export.MaxField+1) + `</v></c>`, "", export.RejectTooLong},
		"a row of more than MaxRecord bytes":    {`<c><v>12</v></c>` + strings.Repeat(`<c t="str"><v>`+strings.Repeat("x", 60_000)+`</v></c>`, 20), "", export.RejectTooLong},
		"a cell beyond MaxColumns":              {`<c><v>12</v></c><c r="OMI2"><v>1</v></c>`, "", export.RejectTooLong},
		"a blank one beyond MaxColumns":         {`<c><v>12</v></c><c r="OMI2" s="1"/>`, "", 12},
		"a cell that is there twice":            {`<c><v>12</v></c><c r="C2"><v>13</v></c>`, "", export.RejectTwice},
		"cells in another order":                {`<c r="D2"><v>13</v></c><c r="C2"><v>12</v></c>`, "", 12},
		"a shared text of more than a MaxField": {`<c><v>12</v></c><c t="s"><v>0</v></c>`, "", export.RejectTooLong},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBook(bookHeader + `<row><c t="str"><v>849632048260</v></c><c><v>3</v></c>` + test.cell + `</row>`).share(`<t>` + strings.Repeat("x", export.MaxField+1) + `</t>`)
			lines := preview(t, export.Options{Decimal: test.decimal}, b.bytes(t))
			var got any
			if len(lines) == 3 && lines[1].Update != nil {
				got = int(lines[1].Update.Quantity)
			} else if len(lines) == 3 {
				got = lines[1].Code
			}
			if got != test.want || len(lines) < 2 {
				t.Errorf("got %v, want %v:\n%.500s", got, test.want, ndjson(t, lines))
			}
		})
	}
}

// TestAQuantityThatNobodySeesIsNotChosen: somebody has hidden its column, for another one is what the export is for.
func TestAQuantityThatNobodySeesIsNotChosen(t *testing.T) {
	t.Parallel()
	const last = `"quantity":7}}`
	hidden := func(cols, rows string) book {
		return newBook(rows).with("xl/worksheets/sheet1.xml", "<sheetData>", "<cols>"+cols+"</cols><sheetData>")
	}
	rows := texts("UPC", "Store", "On Hand", "Qty") + `<row hidden="1"><c t="str"><v>849632048260</v></c><c><v>3</v></c><c><v>5</v></c><c><v>7</v></c></row>`
	for name, test := range map[string]struct {
		options    export.Options
		cols, want string
	}{
		"beside one that is seen":  {cols: `<col min="3" max="3" hidden="1"/>`, want: last},
		"within a range":           {cols: `<col min="1" max="1" width="9"/><col min="2" max="3" hidden="true"/>`, want: last},
		"none is hidden":           {cols: `<col min="3" max="3" hidden="0"/>`, want: `"quantity":5}}`},
		"the config names it":      {options: export.Options{Columns: map[export.Field]export.Column{export.Quantity: {Heading: "On Hand"}}}, cols: `<col min="3" max="3" hidden="1"/>`, want: `"quantity":5}}`},
		"all of them":              {cols: `<col min="3" max="16384" hidden="1"/>`, want: "write `columns: {quantity: \\\"On Hand\\\"}`"},
		"the codes are hidden too": {cols: `<col min="1" max="2" hidden="1"/>`, want: `"quantity":5}}`},
		"what is no range":         {cols: `<col min="x" hidden="1"/><col hidden="1" max="3"/>`, want: `"quantity":5}}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := ndjson(t, preview(t, test.options, hidden(test.cols, rows).bytes(t))); !strings.Contains(got, test.want) {
				t.Errorf("got %s, want %s in it", got, test.want)
			}
		})
	}
}

func TestACodeThatASpreadsheetHasDestroyedIsNone(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ upc, sku, size, want string }{
		"whole codes":                     {`<c s="11"><v>36000291452</v></c>`, ``, ``, "036000291452"},
		"a SKU that is a number":          {``, `<c s="1"><v>712</v></c>`, `<c><v>10.5</v></c>`, "000712 10.5"},
		"a size that became a date":       {``, `<c t="str"><v>Z</v></c>`, `<c s="2"><v>46001</v></c>`, export.RejectCode},
		"of another format":               {``, `<c t="str"><v>Z</v></c>`, `<c s="4"><v>46001</v></c>`, export.RejectCode},
		"a date of the type d":            {``, `<c t="str"><v>Z</v></c>`, `<c t="d"><v>2025-12-10T00:00:00Z</v></c>`, export.RejectCode},
		"a month":                         {``, `<c t="str"><v>Z</v></c>`, `<c s="8"><v>46001</v></c>`, export.RejectCode},
		"a size that is an error":         {``, `<c t="str"><v>Z</v></c>`, `<c t="e"><v>#REF!</v></c>`, export.RejectCode},
		"a SKU without a value":           {``, `<c><f>A1</f></c>`, `<c><v>10.5</v></c>`, export.RejectCode},
		"a SKU that has lost digits":      {``, `<c><v>1.23456789012345E+17</v></c>`, `<c><v>10.5</v></c>`, export.RejectCode},
		"a bar code in a column of dates": {`<c s="4"><v>46000</v></c>`, ``, ``, export.RejectUPC}, // 2025-12-09 would be a valid EAN-8
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			place := func(column, c string) string { return strings.Replace(c, "<c", `<c r="`+column+`2"`, 1) }
			b := newBook(texts("UPC", "SKU", "Size", "On Hand") + `<row>` + place("A", test.upc) + place("B", test.sku) + place("C", test.size) + `<c r="D2"><v>5</v></c></row>`)
			lines := preview(t, export.Options{Defaults: map[export.Field]string{export.Store: "3"}, SKUNeeds: []export.Field{export.Size}}, b.bytes(t))
			got := lines[1].Code
			if u := lines[1].Update; u != nil {
				got = strings.TrimSpace(u.UPC + u.SKU + " " + u.Size)
			}
			if got != test.want {
				t.Errorf("got %q, want %q:\n%s", got, test.want, ndjson(t, lines))
			}
		})
	}
}

func TestRowsAndColumnsOfASheetAreWhereTheySayTheyAre(t *testing.T) {
	t.Parallel()
	b := newBook(`<row r="3"><c r="B3" t="str"><v>Stock of today</v></c></row><row r="4" ht="9"/>` +
		`<row r="5"><c r="C5" t="str"><v>UPC</v></c><c r="AB5" t="str"><v>Store</v></c><c t="str"><v>Qty</v></c></row>` +
		`<row r="9"><c r="C9" t="str"><v>849632048260</v></c><c r="D9" s="1"/><c r="AB9"><v>3</v></c><c><v>12</v></c></row>` +
		`<row><c r="C10" t="str"><v>036000291452</v></c><c r="ab10"><v>3</v></c><c r="AC10"><v>7</v></c></row>` +
		`<row r="1048576"><c r="C1048576" t="str"><v>849632048260</v></c><c r="AB1048576"><v>4</v></c><c><v>1</v></c></row>`)
	lines := preview(t, export.Options{}, b.bytes(t))
	var got []string
	for _, l := range lines[1:] {
		if l.Update != nil {
			got = append(got, fmt.Sprint(l.Line, " ", l.Update.Key, " ", l.Update.Quantity))
		}
	}
	if want := []string{"9 upc 849632048260, store 3 12", "10 upc 036000291452, store 3 7", "1048576 upc 849632048260, store 4 1"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if d := lines[0].Detected; d == nil || d.Header != 5 || d.Format != "xlsx" || d.Encoding != "utf-8" || d.Delimiter != "" || d.Sheet != "Sheet1" {
		t.Errorf("got %s", ndjson(t, lines[:1]))
	}
}

func TestASheetIsChosenByItsNameOrItsHeader(t *testing.T) {
	t.Parallel()
	stock := func(quantity int) string {
		return bookHeader + fmt.Sprintf(`<row><c t="str"><v>849632048260</v></c><c><v>3</v></c><c><v>%d</v></c></row>`, quantity)
	}
	notes, blank := texts("Notes")+texts("count", "on Monday"), ""
	const storeStated = "instead of a sheet, the store's column is stated"
	noStore := texts("UPC", "On Hand") + texts("849632048260", "9")
	hidden := func(state string, b book) book {
		return b.with("xl/workbook.xml", `name="Sheet1"`, `name="Sheet1" state="`+state+`"`)
	}
	for name, test := range map[string]struct {
		b     book
		sheet string
		want  string // the sheet and its quantity, and others with a header; else what is said
	}{
		"the only one":               {newBook(stock(1)), "", "Sheet1 1 []"},
		"the first of two":           {newBook(stock(1), stock(2)), "", "Sheet1 1 [Sheet2]"},
		"the first with a header":    {newBook(notes, blank, stock(3), notes, stock(5)), "", "Sheet3 3 [Sheet5]"},
		"a hidden one is not":        {hidden("hidden", newBook(stock(1), stock(2))), "", "Sheet2 2 []"},
		"nor a very hidden one":      {hidden("veryHidden", newBook(stock(1), stock(2))), "", "Sheet2 2 []"},
		"but where it is named":      {hidden("hidden", newBook(stock(1), stock(2))), "Sheet1", "Sheet1 1 []"},
		"a chart is none":            {newBook(stock(1), stock(2)).with("xl/_rels/workbook.xml.rels", "relationships/worksheet", "relationships/chartsheet"), "", "Sheet2 2 []"},
		"by its name":                {newBook(stock(1), stock(2)), "Sheet2", "Sheet2 2 []"},
		"by its name in any case":    {newBook(stock(1), stock(2)), " sheet2", "Sheet2 2 []"},
		"by its very name":           {newBook(stock(1), stock(2)).with("xl/workbook.xml", "Sheet2", "SHEET1"), "SHEET1", "SHEET1 2 []"},
		"one that is not there":      {newBook(stock(1), stock(2)), "Stock", "the config says `sheet: \"Stock\"`, but the workbook has the sheets \"Sheet1\", \"Sheet2\"; write `sheet: \"...\"`"},
		"no header in the named one": {newBook(stock(1), notes), "Sheet2", "no header was recognised in the first 30 rows"},
		"no header in any":           {newBook(blank, notes, texts("x")), "", "sheet \"Sheet2\": no header was recognised"},
		"blank ones":                 {newBook(blank, blank), "", "nothing but blank rows"},
		"a header without a store":   {newBook(notes, noStore, stock(1)), "", "sheet \"Sheet2\": no store column was recognised"},
		"a header without its store": {newBook(notes, noStore, stock(1)), storeStated, "sheet \"Sheet2\": the store's column \"Store\" is not in the export"},
		"only hidden ones":           {hidden("hidden", newBook(stock(1))), "", "no sheet with cells that is not hidden, but the sheet \"Sheet1\""},
		"no sheets":                  {newBook(), "", "no sheet with cells that is not hidden, but none"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := export.Options{Sheet: test.sheet}
			if test.sheet == storeStated {
				o = export.Options{Columns: map[export.Field]export.Column{export.Store: {Heading: "Store"}}}
			}
			lines := preview(t, o, test.b.bytes(t))
			got := lines[0].Error
			if d := lines[0].Detected; d != nil {
				got = fmt.Sprint(d.Sheet, " ", lines[1].Update.Quantity, " ", d.OtherSheets)
			}
			if !strings.Contains(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// TestFormulasThatAreToBeCalculatedHaveNoValue: XlsxWriter writes 0 for each, and says that whoever opens the workbook must calculate.
func TestFormulasThatAreToBeCalculatedHaveNoValue(t *testing.T) {
	t.Parallel()
	b := newBook(bookHeader+`<row><c t="str"><v>849632048260</v></c><c><v>3</v></c><c><f>6+6</f><v>0</v></c></row>`+
		`<row><c t="str"><v>849632048260</v></c><c><v>4</v></c><c><v>12</v></c></row>`).
		with("xl/workbook.xml", "</workbook>", `<calcPr calcId="124519" fullCalcOnLoad="1"/></workbook>`)
	lines := preview(t, export.Options{}, b.bytes(t))
	if len(lines) != 4 || !strings.Contains(lines[1].Reject, "a formula without its value") || lines[2].Update == nil {
		t.Errorf("got %s", ndjson(t, lines))
	}
}

func TestAWorkbookOfMacrosOrWithDaysFrom1904IsRead(t *testing.T) {
	t.Parallel()
	b := newBook(bookHeader+`<row><c t="str"><v>849632048260</v></c><c><v>3</v></c><c><v>12</v></c></row><row><c t="str"><v>849632048260</v></c><c><v>3</v></c><c s="2"><v>44539</v></c></row>`).
		with("xl/workbook.xml", "<workbookPr/>", `<workbookPr date1904="1"/>`)
	b["xl/vbaProject.bin"] = "macros"
	lines := preview(t, export.Options{}, b.bytes(t))
	if len(lines) != 4 || lines[1].Update == nil || !strings.Contains(lines[2].Reject, `"10-Dec"`) {
		t.Errorf("got %s", ndjson(t, lines))
	}
}

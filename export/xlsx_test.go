package export_test

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/big"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"pgregory.net/rapid"

	"tillpost/export"
)

// book is a workbook: the XML of its parts, by their names.
type book map[string]string

const (
	xmlHead       = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>` + "\n"
	mainSpace     = `xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"`
	relationSpace = `xmlns="http://schemas.openxmlformats.org/package/2006/relationships"`
	relationType  = `http://schemas.openxmlformats.org/officeDocument/2006/relationships/`
)

// The styles of a book's cells, in their order.
const (
	asGeneral = iota
	asSixDigits
	asDayMonth
	asDate
	asISODate
	asTime
	asQuoted
	asMoney
	asMonthYear
	asGermanDate
	asColoured
	asTwelveDigits
)

var bookStyles = xmlHead + `<styleSheet ` + mainSpace + `><numFmts count="13">` +
	`<numFmt numFmtId="164" formatCode="000000"/><numFmt numFmtId="165" formatCode="yyyy\-mm\-dd"/>` +
	`<numFmt numFmtId="166" formatCode="0&quot; pairs, sized&quot;"/><numFmt numFmtId="167" formatCode="#,##0.00\ [$€-407]"/>` +
	`<numFmt numFmtId="168" formatCode="[$-409]mmmm\ yyyy;@"/><numFmt numFmtId="169" formatCode="dd\.mm\.yyyy"/>` +
	`<numFmt numFmtId="170" formatCode="General;[Red]\-General"/><numFmt numFmtId="171" formatCode="000000000000"/>` +
	`<numFmt numFmtId="172" formatCode="[h]:mm"/><numFmt numFmtId="173" formatCode="0.0%"/><numFmt numFmtId="174" formatCode="0,"/>` +
	`<numFmt numFmtId="175" formatCode="_(* #,##0_);_(* \(#,##0\);_(* &quot;-&quot;??_);_(@_)"/><numFmt numFmtId="176" formatCode="0;\-0;&quot;n/a&quot;"/>` +
	`</numFmts><cellStyleXfs count="1"><xf numFmtId="14"/></cellStyleXfs><cellXfs count="18">` +
	`<xf numFmtId="0"/><xf numFmtId="164"/><xf numFmtId="16"/><xf numFmtId="14"/><xf numFmtId="165"/><xf numFmtId="172"/>` +
	`<xf numFmtId="166"/><xf numFmtId="167"/><xf numFmtId="168"/><xf numFmtId="169"/><xf numFmtId="170"/><xf numFmtId="171"/>` +
	`<xf numFmtId="173"/><xf numFmtId="9"/><xf numFmtId="174"/><xf numFmtId="175"/><xf numFmtId="176"/><xf numFmtId="44"/></cellXfs></styleSheet>`

// newBook is a workbook with sheets called Sheet1 and so on, of the XML of their rows.
func newBook(sheets ...string) book {
	b := book{
		"[Content_Types].xml": xmlHead + `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="xml" ContentType="application/xml"/></Types>`,
		"_rels/.rels":         xmlHead + `<Relationships ` + relationSpace + `><Relationship Id="rId1" Type="` + relationType + `officeDocument" Target="xl/workbook.xml"/></Relationships>`,
		"xl/styles.xml":       bookStyles,
	}
	names := xmlHead + `<workbook ` + mainSpace + `><workbookPr/><sheets>`
	relations := xmlHead + `<Relationships ` + relationSpace + `><Relationship Id="rId100" Type="` + relationType + `styles" Target="styles.xml"/>`
	for i, rows := range sheets {
		names += fmt.Sprintf(`<sheet name="Sheet%d" sheetId="%d" r:id="rId%d"/>`, i+1, i+1, i+1)
		relations += fmt.Sprintf(`<Relationship Id="rId%d" Type="%sworksheet" Target="worksheets/sheet%d.xml"/>`, i+1, relationType, i+1)
		b[fmt.Sprintf("xl/worksheets/sheet%d.xml", i+1)] = sheetOf(rows)
	}
	b["xl/workbook.xml"] = names + `</sheets></workbook>`
	b["xl/_rels/workbook.xml.rels"] = relations + `</Relationships>`
	return b
}

func sheetOf(rows string) string {
	return xmlHead + `<worksheet ` + mainSpace + `><sheetData>` + rows + `</sheetData><pageMargins left="0.7"/></worksheet>`
}

// share gives the workbook texts that its cells share, as the XML of each.
func (b book) share(texts ...string) book {
	b["xl/sharedStrings.xml"] = xmlHead + `<sst ` + mainSpace + `><si>` + strings.Join(texts, "</si><si>") + `</si></sst>`
	return b.with("xl/_rels/workbook.xml.rels", `</Relationships>`, `<Relationship Id="rId101" Type="`+relationType+`sharedStrings" Target="/xl/sharedStrings.xml"/></Relationships>`)
}

// with replaces what stands in a part.
func (b book) with(part, old, new string) book {
	if !strings.Contains(b[part], old) {
		panic(fmt.Sprintf("%s has no %s", part, old))
	}
	b[part] = strings.Replace(b[part], old, new, 1)
	return b
}

// without takes a part away.
func (b book) without(part string) book {
	delete(b, part)
	return b
}

// bytes are those of the file.
func (b book) bytes(t interface{ Fatal(...any) }) []byte {
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, name := range slices.Sorted(maps.Keys(b)) { // [Content_Types].xml is the first
		header := &zip.FileHeader{Name: name, Method: zip.Deflate}
		if strings.HasPrefix(name, "xl/media/") { // pictures are packed already
			header.Method = zip.Store
		}
		part, err := w.CreateHeader(header)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(part, b[name]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// texts are cells of text, as the XML of a row without a number.
func texts(cells ...string) string {
	var b strings.Builder
	b.WriteString("<row>")
	for _, c := range cells {
		b.WriteString(`<c t="inlineStr"><is><t xml:space="preserve">`)
		b.WriteString(strings.NewReplacer("&", "&amp;", "<", "&lt;").Replace(c))
		b.WriteString(`</t></is></c>`)
	}
	b.WriteString("</row>")
	return b.String()
}

const bookHeader = "<row><c t=\"str\"><v>UPC</v></c><c t=\"str\"><v>Store</v></c><c t=\"str\"><v>On Hand</v></c><c t=\"str\"><v>Note</v></c></row>"

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

// TestADamagedWorkbookIsRefused: before the first row where that can be known, else at the end at the latest.
func TestADamagedWorkbookIsRefused(t *testing.T) {
	t.Parallel()
	row := `<row><c t="str"><v>849632048260</v></c><c><v>3</v></c><c><v>12</v></c></row>`
	stock := func() book { return newBook(bookHeader + row) }
	const sheet, main = "xl/worksheets/sheet1.xml", "xl/workbook.xml"
	whole := stock().bytes(t)
	flip := func(b []byte, of string, at int) []byte { // in the last place that has it
		i := bytes.LastIndex(b, []byte(of))
		b = bytes.Clone(b)
		b[i+at] ^= 0x55
		return b
	}
	for name, test := range map[string]struct {
		in   []byte
		want string
	}{
		"cut":                          {whole[:len(whole)/2], "its end is missing"},
		"cut before its end":           {whole[:len(whole)-1], "its end is missing"},
		"a part with a wrong sum":      {flip(whole, "PK\x01\x02", 16), "checksum error"},
		"no relations":                 {stock().without("_rels/.rels").bytes(t), `"_rels/.rels" is missing`},
		"no main part":                 {stock().without(main).bytes(t), `"xl/workbook.xml" is missing`},
		"no sheet":                     {stock().without(sheet).bytes(t), `"xl/worksheets/sheet1.xml" is missing`},
		"no styles":                    {stock().without("xl/styles.xml").bytes(t), `"xl/styles.xml" is missing`},
		"no relation of the sheet":     {stock().with(main, "rId1", "rId7").bytes(t), `nothing says where its sheet "Sheet1" is`},
		"no relation of the main part": {stock().with("_rels/.rels", "officeDocument\"", "other\"").bytes(t), "the main one"},
		"two files of styles":          {stock().with("xl/_rels/workbook.xml.rels", "</Rel", `<Relationship Id="x" Type="/styles" Target="x.xml"/></Rel`).bytes(t), "two parts of the kind styles"},
		"two relations of one id":      {stock().with("xl/_rels/workbook.xml.rels", "</Rel", `<Relationship Id="rId1" Type="/worksheet" Target="x.xml"/></Rel`).bytes(t), "called \"rId1\""},
		"a part that is there twice":   {with(stock(), "XL/Worksheets/sheet1.xml", "").bytes(t), "is there twice"},
		"XML that is cut":              {stock().with(sheet, "</sheetData>", "<row><c><!--").bytes(t), "is cut"},
		"XML that ends in a row":       {with(stock(), sheet, xmlHead+"<worksheet><sheetData>"+bookHeader+"<row><c><v>1").bytes(t), "is cut"},
		"an empty part":                {with(stock(), sheet, "").bytes(t), "is cut"},
		"XML that is none":             {stock().with(sheet, "<pageMargins", "<<<").bytes(t), "syntax error"},
		"elements that cross":          {stock().with(sheet, "</sheetData>", "</worksheet>").bytes(t), "an element that is not open"},
		"a document type":              {stock().with(sheet, "<worksheet", `<!DOCTYPE x [<!ENTITY a "aaaa">]><worksheet`).bytes(t), "a document type"},
		"an entity":                    {stock().with(sheet, "UPC", "&a;").bytes(t), "invalid character entity"},
		"deep elements":                {stock().with(sheet, "<pageMargins", strings.Repeat("<a>", 200)+"<pageMargins").bytes(t), "more than 100 elements"},
		"a piece of a megabyte":        {stock().with(sheet, "UPC", strings.Repeat("x", 1<<20)).bytes(t), "more than 256 KiB"},
		"another encoding":             {stock().with(sheet, "UTF-8", "UTF-16").bytes(t), "encoding"},
		"bytes that are no text":       {stock().with(sheet, "UPC", "\xff\xfe").bytes(t), "invalid UTF-8"},
		"a chart instead":              {stock().with(sheet, "<worksheet", "<chartsheet").with(sheet, "</worksheet", "</chartsheet").bytes(t), `is a "chartsheet"`},
		"a shared text that is none":   {stock().with(sheet, `t="str"><v>UPC`, `t="s"><v>0`).bytes(t), "the shared text"},
		"a style that is none":         {stock().with(sheet, `<c><v>3`, `<c s="99"><v>3`).bytes(t), "the style"},
		"rows that go back":            {stock().with(sheet, `<row><c t="str"><v>8496`, `<row r="1"><c t="str"><v>8496`).bytes(t), `row "1" follows row 1`},
		"a row of no number":           {stock().with(sheet, `<row>`, `<row r="x">`).bytes(t), `row "x"`},
		"a row beyond all":             {stock().with(sheet, `<row>`, `<row r="9999999">`).bytes(t), `row "9999999"`},
		"a cell of another row":        {stock().with(sheet, `<c t="str"><v>8496`, `<c r="A7" t="str"><v>8496`).bytes(t), `it is "A7"`},
		"a cell of no column":          {stock().with(sheet, `<c t="str"><v>8496`, `<c r="22" t="str"><v>8496`).bytes(t), `it is "22"`},
		"a cell of a strange column":   {stock().with(sheet, `<c t="str"><v>8496`, `<c r="ABCD2" t="str"><v>8496`).bytes(t), `it is "ABCD2"`},
		"a binary workbook":            {with(stock(), main, "").with("_rels/.rels", "workbook.xml", "workbook.bin").bytes(t), "(xlsb)"},
		"a text document":              {stock().with("_rels/.rels", "xl/workbook.xml", "word/document.xml").bytes(t), "no workbook"},
		"encrypted parts":              {flip(whole, "PK\x01\x02", 8), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lines := preview(t, export.Options{}, test.in)
			for _, l := range lines {
				if l.Error != "" && l.Code == export.RefusedContent && strings.Contains(l.Error, test.want) {
					return
				}
			}
			t.Errorf("got %s, want %q", ndjson(t, lines), test.want)
		})
	}
}

// with gives a workbook a part.
func with(b book, part, text string) book {
	b[part] = text
	return b
}

func TestAWorkbookThatIsDamagedLateEndsInARefusal(t *testing.T) {
	t.Parallel()
	var rows strings.Builder
	rows.WriteString(bookHeader)
	const updates = 20_000
	for range updates {
		rows.WriteString(`<row><c t="str"><v>849632048260</v></c><c><v>3</v></c><c><v>12</v></c></row>`)
	}
	for name, in := range map[string][]byte{
		"in its last row":   newBook(strings.TrimSuffix(rows.String(), "</v></c></row>")).bytes(t),
		"after its rows":    newBook(rows.String()).with("xl/worksheets/sheet1.xml", "<pageMargins", "<pageMargins <").bytes(t),
		"in its check sums": newBook(rows.String()).bytes(t),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name == "in its check sums" { // of the last part, which is the sheet's
				in[bytes.LastIndex(in, []byte("PK\x01\x02"))+16] ^= 1
			}
			rows, err := mustReader(t, export.Options{}).Read(bytes.NewReader(in))
			if err != nil {
				t.Fatal(err)
			}
			var last error
			for _, last = range rows.All() {
			}
			if refused, ok := errors.AsType[*export.Refused](last); !ok || refused.Code != export.RefusedContent {
				t.Errorf("got %v, want a refusal", last)
			}
			if got := rows.Summary().Updates; got < updates-1 {
				t.Errorf("got %d updates before it, want %d", got, updates)
			}
		})
	}
}

func TestAWorkbookWhoseSourceFailsEndsInThatError(t *testing.T) {
	t.Parallel()
	for _, torn := range failures {
		in := newBook(bookHeader + strings.Repeat(texts("849632048260", "3", "12"), 100)).bytes(t)
		for _, n := range []int{len(in) / 2, len(in)} {
			head := append(bytes.Clone(in[:n]), make([]byte, max(0, 400_000-n))...) // past what settles the format
			_, err := mustReader(t, export.Options{Format: "xlsx"}).Read(io.MultiReader(bytes.NewReader(head), iotest.ErrReader(torn)))
			if !errors.Is(err, torn) {
				t.Errorf("after %d bytes: got %v, want %v", n, err, torn)
			}
		}
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

// mostMemory is the most that live objects, and garbage between them, need while work is done, in bytes beyond what was there before.
// Garbage is collected often, so that what a busy machine does late is not what is measured.
func mostMemory(work func()) uint64 {
	defer debug.SetGCPercent(debug.SetGCPercent(20))
	read := func() uint64 {
		sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		metrics.Read(sample)
		return sample[0].Value.Uint64()
	}
	runtime.GC()
	before, most := read(), uint64(0)
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		often := time.NewTicker(time.Millisecond)
		defer often.Stop()
		for {
			select {
			case <-done:
				return
			case <-often.C:
				most = max(most, read())
			}
		}
	}()
	work()
	close(done)
	<-ended
	return most - min(most, before)
}

// This test is not parallel, for it measures what is in use meanwhile.
func TestAWorkbookNeedsLittleMemoryWhateverIsInIt(t *testing.T) {
	if detectsRaces {
		t.Skip("the race detector needs memory of its own")
	}
	row := `<row><c t="str"><v>849632048260</v></c><c><v>3</v></c><c><v>12</v></c></row>`
	bomb := func(text string, size int) string { return strings.Repeat(text, size/len(text)) }
	numbers := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "<t>%08x%080x</t></si><si>", i*2654435761, i*40503)
		}
		return b.String()
	}
	stock := func(more string) book { return newBook(bookHeader + row + more) }
	pictures := func(b book, count, size int) book {
		for i := range count {
			b[fmt.Sprintf("xl/media/image%d.png", i)] = string(noise(size))
		}
		return b
	}
	for name, test := range map[string]struct {
		in   func() []byte
		want string // of the refusal; "" = it is read
		rows int
	}{
		"40,000 rows":                     {func() []byte { return sampleBook(t, 40_000, true) }, "", 40_000},
		"10,000 rows with texts in place": {func() []byte { return sampleBook(t, 10_000, false) }, "", 10_000},
		"pictures and many texts":         {func() []byte { return pictures(stock("").share(numbers(100_000)+"<t>x</t>"), 1, 16<<20).bytes(t) }, "", 1},
		"more pictures":                   {func() []byte { return pictures(stock(""), 1, 32<<20).bytes(t) }, "larger than 24 MiB", 0},
		"more texts":                      {func() []byte { return stock("").share(numbers(350_000) + "<t>x</t>").bytes(t) }, "larger than 28 MiB", 0},
		"texts of nothing":                {func() []byte { return stock("").share(bomb("</si><si>", 24<<20)).bytes(t) }, "larger than 28 MiB", 0},
		"long texts": {func() []byte {
			return stock("").share(bomb("<t>"+strings.Repeat("x", 200_000)+"</t>", 6<<20)).bytes(t)
		}, "", 1},
		"a sheet of blanks":    {func() []byte { return stock(bomb(" ", 6<<20)).bytes(t) }, "256 KiB", 0},
		"a sheet of comments":  {func() []byte { return stock(bomb("<!--"+strings.Repeat("x", 200_000)+"-->", 70<<20)).bytes(t) }, "200 times larger", 0},
		"a row of blank cells": {func() []byte { return stock("<row>" + bomb("<c/>", 6<<20) + "</row>").bytes(t) }, "", 1},
		"a row of cells":       {func() []byte { return stock("<row>" + bomb("<c><v>1</v></c>", 6<<20) + "</row>").bytes(t) }, "", 1},
		"a text in pieces": {func() []byte {
			return stock(`<row><c t="str"><v>` + bomb(strings.Repeat("x", 25)+"<!---->", 6<<20) + "</v></c></row>").bytes(t)
		}, "", 1},
		"a tag of attributes":        {func() []byte { return stock("<row" + bomb(` a=""`, 6<<20) + "/>").bytes(t) }, "256 KiB", 0},
		"elements within each other": {func() []byte { return stock(bomb("<row>", 6<<20)).bytes(t) }, "more than 100 elements", 0},
		"styles without end": {func() []byte {
			return stock("").with("xl/styles.xml", "</cellXfs>", bomb("<xf/>", 6<<20)+"</cellXfs>").bytes(t)
		}, "more than 65536 styles", 0},
		"sheets without end": {func() []byte {
			return stock("").with("xl/workbook.xml", "<sheets>", "<sheets>"+bomb(`<sheet r:id="rId1"/>`, 6<<20)).bytes(t)
		}, "more than 10000 sheets", 0},
		"relations without end": {func() []byte {
			return with(stock(""), "xl/_rels/workbook.xml.rels", xmlHead+"<Relationships>"+relations(300_000)).bytes(t)
		}, "more than 10000 relations", 0},
		"names without end": {func() []byte {
			b := stock("")
			for i := range 80 {
				b[fmt.Sprintf("%s%d", strings.Repeat("x", 60_000), i)] = ""
			}
			return b.bytes(t)
		}, "names of more than 4 MiB", 0},
		"files without end": {func() []byte { return pictures(stock(""), 11_000, 0).bytes(t) }, "more than 10000 files", 0},
		"wide rows": {func() []byte {
			return stock("<row>" + bomb(`<c t="str"><v>`+strings.Repeat("x", 60_000)+"</v></c>", 10<<20) + "</row>").bytes(t)
		}, "", 1},
		"a sheet many times": {func() []byte {
			return with(newBook(""), "xl/workbook.xml", xmlHead+"<workbook><sheets>"+bomb(`<sheet r:id="rId1"/>`, 100_000)+"</sheets></workbook>").bytes(t)
		}, "nothing but blank rows", 0},
		"a large sheet many times": {func() []byte {
			return newBook(bomb("<!--"+strings.Repeat("x", 200_000)+"-->", 5<<20)).with("xl/workbook.xml", "<sheets>", "<sheets>"+bomb(`<sheet r:id="rId1"/>`, 100_000)).bytes(t)
		}, "200 times larger", 0},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "in.xlsx")
			if err := os.WriteFile(file, test.in(), 0o600); err != nil {
				t.Fatal(err)
			}
			var got error
			var summary export.Summary
			need := mostMemory(func() { summary, got = readFile(t, file) })
			refused, ok := errors.AsType[*export.Refused](got)
			if got != nil && !ok || ok != (test.want != "") || ok && !strings.Contains(refused.Error(), test.want) || summary.Updates != test.rows {
				t.Errorf("got %+v, %v; want %d updates and %q", summary, got, test.rows, test.want)
			}
			limit := uint64(64 << 20)
			if strings.Contains(name, "0,000 rows") { // their cells alone would need that much
				limit = 20 << 20
			}
			if need > limit {
				t.Errorf("got %d MiB in use, want at most %d", need>>20, limit>>20)
			}
		})
	}
}

// readFile reads an export from its file, to its end.
func readFile(t *testing.T, name string) (export.Summary, error) {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := mustReader(t, export.Options{}).Read(f)
	if err != nil {
		return export.Summary{}, err
	}
	var last error
	for _, err := range rows.All() {
		if _, ok := errors.AsType[*export.Reject](err); !ok {
			last = err
		}
	}
	return rows.Summary(), last
}

// noise are bytes that do not pack.
func noise(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{}).Read(b)
	return b
}

func relations(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `<Relationship Id="%x"/>`, i)
	}
	return b.String()
}

// sampleBook is sample as a workbook: as Excel writes it, with texts that cells share, or as programs do.
func sampleBook(t testing.TB, rows int, shared bool) []byte {
	t.Helper()
	texts, numbers := []string(nil), map[string]int{}
	var sheet strings.Builder
	line := 0
	for record := range strings.Lines(string(sample(rows, false))) {
		line++
		fmt.Fprintf(&sheet, `<row r="%d" spans="1:10">`, line)
		for column, text := range strings.Split(strings.TrimSpace(record), ",") {
			reference := fmt.Sprintf("%c%d", 'A'+column, line)
			switch {
			case line > 1 && slices.Contains([]int{3, 5, 6, 7, 8}, column):
				fmt.Fprintf(&sheet, `<c r="%s"><v>%s</v></c>`, reference, text)
			case shared:
				if _, ok := numbers[text]; !ok {
					numbers[text] = len(texts)
					texts = append(texts, "<t>"+text+"</t>")
				}
				fmt.Fprintf(&sheet, `<c r="%s" t="s"><v>%d</v></c>`, reference, numbers[text])
			default:
				fmt.Fprintf(&sheet, `<c r="%s" t="inlineStr"><is><t>%s</t></is></c>`, reference, text)
			}
		}
		sheet.WriteString("</row>")
	}
	b := newBook(sheet.String())
	if shared {
		b.share(texts...)
	}
	return b.bytes(t)
}

// BenchmarkWorkbook reads the same workbook in turn with this package and with a bare loop over the tokens of encoding/xml
// that only unpacks and parses the sheet. x-xml is how many times as long this package takes.
func BenchmarkWorkbook(b *testing.B) {
	for name, shared := range map[string]bool{"shared": true, "inline": false} {
		b.Run(name, func(b *testing.B) {
			const rows = 20_000
			in := sampleBook(b, rows, shared)
			b.SetBytes(int64(len(in)))
			b.ReportAllocs()
			var ours, bare time.Duration
			for b.Loop() {
				start := time.Now()
				if got := readAll(b, export.Options{}, in); got.Updates != rows {
					b.Fatalf("got %+v, want %d updates", got, rows)
				}
				ours += time.Since(start)
				b.StopTimer()
				start = time.Now()
				z, err := zip.NewReader(bytes.NewReader(in), int64(len(in)))
				if err != nil {
					b.Fatal(err)
				}
				sheet, err := z.Open("xl/worksheets/sheet1.xml")
				if err != nil {
					b.Fatal(err)
				}
				for d := xml.NewDecoder(sheet); err == nil; {
					_, err = d.Token()
				}
				if err != io.EOF {
					b.Fatal(err)
				}
				bare += time.Since(start)
				b.StartTimer()
			}
			b.ReportMetric(float64(ours)/float64(bare), "x-xml")
			b.ReportMetric(float64(b.N*rows)/ours.Seconds(), "rows/s")
		})
	}
}

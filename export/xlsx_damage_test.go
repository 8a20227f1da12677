package export_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"tillpost/export"
)

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

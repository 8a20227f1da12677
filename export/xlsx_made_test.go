package export_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
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

// with gives a workbook a part.
func with(b book, part, text string) book {
	b[part] = text
	return b
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

package export_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"

	"tillpost/export"
	"tillpost/inventory"
)

// options makes options of the bits of n, so that a fuzzer reaches them all.
func options(n uint64) export.Options {
	pick := func(words ...string) string {
		word := words[n%uint64(len(words))]
		n /= uint64(len(words))
		return word
	}
	bit := func() bool { return pick("", "x") != "" }
	o := export.Options{
		Encoding:        pick("auto", "utf-8", "utf-16", "windows-1252", "cp437"),
		Delimiter:       pick("auto", ",", ";", "tab", "|"),
		Decimal:         pick("auto", ".", ","),
		IdentifyBy:      pick("auto", "upc", "sku"),
		UPC:             pick("checked", "as_is"),
		RejectNegative:  bit(),
		RejectFractions: bit(),
	}
	o.CheckDigitMissing = bit() && o.UPC == "checked"
	if bit() {
		o.Defaults = map[export.Field]string{export.Store: "3", export.Size: ""}
	}
	if bit() {
		o.Stores = map[string]string{"Main": "3"}
	}
	if bit() {
		o.SKUNeeds = []export.Field{}
	}
	o.SplitSize = bit()
	o.Preset = pick(append([]string{""}, export.PresetNames()[:15]...)...)
	if bit() {
		o.Columns = map[export.Field]export.Column{
			export.UPC: {Number: 1}, export.SKU: {Number: 1}, export.Quantity: {Number: 3}, export.Store: {Number: 2},
		}
		if bit() {
			o.Header = export.HeaderNone
		}
	} else if bit() {
		o.Header = 2
	}
	if bit() {
		o.Columns = map[export.Field]export.Column{
			export.UPC: {From: 1, To: 12}, export.SKU: {From: 3, To: 9}, export.Store: {From: 14, To: 17}, export.Quantity: {From: 18, To: 22},
		}
	}
	o.Duplicates = pick("", "last", "sum", "reject")
	return o
}

// inRanges are bits by which the options have columns as ranges, and a store.
var inRanges = func() uint64 {
	for n := uint64(0); ; n++ {
		if o := options(n << 8); o.Columns[export.UPC].To > 0 && o.Header == 0 && o.UPC == "checked" && !o.CheckDigitMissing && len(o.Stores) == 0 {
			return n << 8
		}
	}
}()

func FuzzRead(f *testing.F) {
	var cases []string
	for _, ext := range []string{"csv", "txt", "prn"} {
		found, err := filepath.Glob("testdata/*/in." + ext)
		if err != nil {
			f.Fatal(err)
		}
		cases = append(cases, found...)
	}
	for i, name := range cases {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text, uint64(0))
		f.Add(text, uint64(i)*7919)
		f.Add(text, inRanges)
	}
	f.Fuzz(func(t *testing.T, in []byte, n uint64) {
		o := options(n)
		lines := preview(t, o, in)
		checkLines(t, o, lines)
		if len(in) < 4096 {
			if slow := previewFrom(t, o, iotest.OneByteReader(bytes.NewReader(in))); ndjson(t, slow) != ndjson(t, lines) {
				t.Fatalf("got\n%s\nbyte by byte, else\n%s", ndjson(t, slow), ndjson(t, lines))
			}
		}
	})
}

// checkLines looks for what holds of every export.
func checkLines(t *testing.T, o export.Options, lines []line) {
	last, each := 0, false
	for _, l := range lines {
		each = each || l.Detected != nil && len(l.Detected.Each) > 0
		if l.Line == 0 {
			continue
		}
		if l.Line < last || l.Line == last && !each {
			t.Fatalf("got line %d after line %d", l.Line, last)
		}
		last = l.Line
		if l.Update == nil {
			continue
		}
		if q := l.Update.Quantity; q > inventory.MaxQuantity || q < -inventory.MaxQuantity || q < 0 && o.RejectNegative {
			t.Fatalf("got %d in line %d", q, l.Line)
		}
		if u := l.Update; u.UPC == "" && u.SKU == "" || !utf8.ValidString(u.UPC+u.SKU+u.Size+u.Width+u.Store) {
			t.Fatalf("got %+q in line %d", u, l.Line)
		}
	}
}

// FuzzWorkbook reads workbooks of any bytes, and those that are whole but for what their sheet, texts and styles say.
func FuzzWorkbook(f *testing.F) {
	plain := newBook(bookHeader + `<row r="2"><c r="A2" t="s"><v>0</v></c><c s="1"><v>3</v></c><c><f>6+6</f><v>1.2E1</v></c></row>`).share("<r><t>8496</t></r><r><t>32048260</t></r>")
	f.Add(plain.bytes(f), "", "", "", uint64(0))
	f.Add([]byte(nil), plain["xl/worksheets/sheet1.xml"], plain["xl/sharedStrings.xml"], plain["xl/styles.xml"], uint64(0))
	dates := sheetOf(texts("UPC", "SKU", "Size", "Width", "Store", "Qty") + `<row><c r="B2" t="b"><v>1</v></c><c s="2"><v>46001</v></c><c t="d"><v>2025-12-10</v></c><c t="e"><v>#N/A</v></c><c><f/></c></row>`)
	f.Add(plain.without("xl/styles.xml").bytes(f), dates, "", bookStyles, uint64(7919))
	f.Fuzz(func(t *testing.T, whole []byte, sheet, shared, styles string, n uint64) {
		o := options(n)
		checkLines(t, o, preview(t, o, whole))
		b := newBook("").share()
		b["xl/worksheets/sheet1.xml"], b["xl/sharedStrings.xml"], b["xl/styles.xml"] = sheet, shared, styles
		in := b.bytes(t)
		lines := preview(t, o, in)
		checkLines(t, o, lines)
		if slow := previewFrom(t, o, iotest.HalfReader(bytes.NewReader(in))); ndjson(t, slow) != ndjson(t, lines) {
			t.Fatalf("got\n%s\nby halves, else\n%s", ndjson(t, slow), ndjson(t, lines))
		}
	})
}

func FuzzEncoding(f *testing.F) {
	f.Add("GRÖSSE ½", []byte("\xff\xfeU\x00P\x00C\x00"))
	f.Add("Čapka", []byte("U\x00P\x00C\x00,\x00"))
	f.Add("靴", []byte("\xef\xbb\xbfUPC,Store,Qty\n\xe9,3,1\n"))
	f.Add("é", []byte("UPC,Store,Qty\n\x00\x00\x00,3,1\n"))
	f.Fuzz(func(t *testing.T, store string, raw []byte) {
		for _, name := range []string{"auto", "utf-16", "windows-1252"} {
			preview(t, export.Options{Encoding: name}, raw)
		}
		if !utf8.ValidString(store) || strings.ContainsAny(store, "\r\n\"\x00") || len(store) > 100 {
			return
		}
		text := fmt.Sprintf("UPC,Store,On Hand\n849632048260,\"%s\",12\n036000291452,7,0\n", store)
		want := rowsOf(preview(t, export.Options{Encoding: "utf-8"}, []byte(text)))
		for name, in := range encodings(text) {
			stated, _, _ := strings.Cut(name, " ")
			if got := rowsOf(preview(t, export.Options{Encoding: stated}, in)); ndjson(t, got) != ndjson(t, want) {
				t.Fatalf("%s: got %s, want %s", name, ndjson(t, got), ndjson(t, want))
			}
		}
	})
}

// encodings writes a text in every encoding that can hold it. The first word of a name is the option.
func encodings(text string) map[string][]byte {
	all := map[string][]byte{"utf-8": []byte(text), "auto utf-8 with a mark": []byte("\xef\xbb\xbf" + text)}
	for name, e := range map[string]interface {
		String(string) (string, error)
	}{
		"auto utf-16le with a mark": unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder(),
		"auto utf-16be with a mark": unicode.UTF16(unicode.BigEndian, unicode.UseBOM).NewEncoder(),
		"utf-16le":                  unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM).NewEncoder(),
		"utf-16be":                  unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM).NewEncoder(),
		"windows-1252":              charmap.Windows1252.NewEncoder(),
		"cp437":                     charmap.CodePage437.NewEncoder(),
		"cp850":                     charmap.CodePage850.NewEncoder(),
	} {
		if encoded, err := e.String(text); err == nil {
			all[name] = []byte(encoded)
		}
	}
	return all
}

// rowsOf leaves out what was detected.
func rowsOf(lines []line) []line {
	var rows []line
	for _, l := range lines {
		if l.Detected == nil {
			rows = append(rows, l)
		}
	}
	return rows
}

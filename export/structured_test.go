package export_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"tillpost/export"
	"tillpost/inventory"
)

func TestATableGivesTheSameUpdatesAsJSONAndXML(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[A-Za-z0-9 ,;|"'éÄß½./<>&\[\]{}\\-]{0,12}`)
		table := [][]string{{"UPC", "SKU", "Size", "Width", "Store", "On Hand", "Description", "On Order"}}
		for range rapid.IntRange(1, 12).Draw(t, "rows") {
			table = append(table, []string{
				rapid.OneOf(rapid.Just(""), rapid.Map(rapid.StringMatching(`[1-9][0-9]{10}`), withCheckDigit), text).Draw(t, "upc"),
				text.Draw(t, "sku"),
				rapid.SampledFrom([]string{"34", "10½", "10-Dec", ""}).Draw(t, "size"),
				rapid.SampledFrom([]string{"D", "EE", ""}).Draw(t, "width"),
				rapid.SampledFrom([]string{"3", "Main Street, 5", "été", "<&>"}).Draw(t, "store"),
				rapid.SampledFrom([]string{"0", "12", "-3", "(4)", "12.50", "1O", "", "N/A", "true", "9999999", "10000000"}).Draw(t, "quantity"),
				text.Draw(t, "description"),
				"7",
			})
		}
		var b strings.Builder
		if err := csv.NewWriter(&b).WriteAll(table); err != nil {
			t.Fatal(err)
		}
		want := resultsOf(t, []byte(b.String()), 1)
		order := rapid.Permutation([]int{0, 1, 2, 3, 4, 5, 6, 7}).Draw(t, "order")
		numbers := rapid.Bool().Draw(t, "numbers")
		for _, format := range slices.Sorted(maps.Keys(writers)) {
			in := writers[format](table, order, numbers)
			header := 0
			if format == "json arrays" || format == "xml spreadsheet" {
				header = 1
			}
			if got := resultsOf(t, in, header); !slices.Equal(got, want) {
				t.Fatalf("%s: got\n%s\nwant\n%s\nof\n%s", format, strings.Join(got, "\n"), strings.Join(want, "\n"), in)
			}
		}
	})
}

// resultsOf reads an export, and answers a line for each update and each reject's class, by the number of its record.
func resultsOf(t *rapid.T, in []byte, header int) []string {
	reader, err := export.New(export.Options{Decimal: "."})
	if err != nil {
		t.Fatal(err)
	}
	rows, err := reader.Read(bytes.NewReader(in))
	if err != nil {
		t.Fatalf("%v\nof\n%s", err, in)
	}
	var lines []string
	for row, err := range rows.All() {
		reject, ok := errors.AsType[*export.Reject](err)
		switch {
		case ok:
			lines = append(lines, fmt.Sprint(reject.Line-header, " ", reject.Code))
		case err != nil:
			t.Fatal(err)
		default:
			lines = append(lines, fmt.Sprintf("%d %q %d", row.Line-header, row.Key, row.Figure))
		}
	}
	return append(lines, fmt.Sprintf("%+v", rows.Summary()))
}

// writers write a table, whose first row are its headings, with its columns in another order, and with numbers where the
// format has them.
var writers = map[string]func(table [][]string, order []int, numbers bool) []byte{
	"json": func(table [][]string, order []int, numbers bool) []byte {
		return jsonObjects(table, order, numbers, "{\"data\":{\"items\":[\n", ",\n", "]}}")
	},
	"json alone": func(table [][]string, order []int, numbers bool) []byte {
		return jsonObjects(table, order, numbers, "[", ",", "]")
	},
	"ndjson": func(table [][]string, order []int, numbers bool) []byte {
		return jsonObjects(table, order, numbers, "", "\n", "\n")
	},
	"json arrays": jsonArrays,
	"xml elements": func(table [][]string, order []int, _ bool) []byte {
		return xmlOf(table, order, "<r>", "</r>\n", func(b *bytes.Buffer, names, row []string) {
			b.WriteString("<item>")
			for i, name := range names {
				fmt.Fprintf(b, "<%s>%s</%s>", name, escaped(row[i]), name)
			}
			b.WriteString("</item>")
		})
	},
	"xml attributes": func(table [][]string, order []int, _ bool) []byte {
		return xmlOf(table, order, "<r>", "</r>\n", func(b *bytes.Buffer, names, row []string) {
			b.WriteString("<row")
			for i, name := range names {
				fmt.Fprintf(b, " %s=\"%s\"", name, escaped(row[i]))
			}
			b.WriteString("/>\n")
		})
	},
	"xml spreadsheet": func(table [][]string, order []int, numbers bool) []byte {
		const start = `<Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet" xmlns:ss="urn:schemas-microsoft-com:office:spreadsheet"><Worksheet ss:Name="A"><Table>`
		cells := func(b *bytes.Buffer, _, row []string) {
			b.WriteString("<Row>")
			for i, cell := range row {
				kind := "String"
				if numbers && isNumber(cell) {
					kind = "Number"
				}
				if cell != "" || i == len(row)-1 {
					fmt.Fprintf(b, `<Cell ss:Index="%d"><Data ss:Type="%s">%s</Data></Cell>`, i+1, kind, escaped(cell))
				}
			}
			b.WriteString("</Row>")
		}
		var head bytes.Buffer
		cells(&head, nil, permuted(table[0], order))
		return xmlOf(table, order, start+head.String(), "</Table></Worksheet></Workbook>", cells)
	},
}

func permuted(row []string, order []int) (cells []string) {
	for _, c := range order {
		cells = append(cells, row[c])
	}
	return cells
}

func isNumber(s string) bool {
	return s != "" && s != "true" && json.Valid([]byte(s)) && strings.Trim(s, "-.0123456789") == ""
}

func jsonValue(cell string, numbers bool) string {
	if numbers && isNumber(cell) {
		return cell
	}
	text, _ := json.Marshal(cell)
	return string(text)
}

func jsonObjects(table [][]string, order []int, numbers bool, start, between, end string) []byte {
	names := permuted(table[0], order)
	var objects []string
	for _, row := range table[1:] {
		var members []string
		for i, cell := range permuted(row, order) {
			members = append(members, jsonValue(names[i], false)+": "+jsonValue(cell, numbers))
		}
		objects = append(objects, "{"+strings.Join(members, ", ")+"}")
	}
	return []byte(start + strings.Join(objects, between) + end)
}

func jsonArrays(table [][]string, order []int, numbers bool) []byte {
	var rows []string
	for _, row := range table {
		var cells []string
		for _, cell := range permuted(row, order) {
			cells = append(cells, jsonValue(cell, numbers))
		}
		rows = append(rows, "["+strings.Join(cells, ",")+"]")
	}
	return []byte("[" + strings.Join(rows, ",\n") + "]")
}

func escaped(s string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(s))
	return b.String()
}

func xmlOf(table [][]string, order []int, start, end string, write func(b *bytes.Buffer, names, row []string)) []byte {
	var b bytes.Buffer
	b.WriteString(start)
	names := permuted(table[0], order)
	for i := range names {
		names[i] = strings.ReplaceAll(names[i], " ", "_")
	}
	for _, row := range table[1:] {
		write(&b, names, permuted(row, order))
	}
	b.WriteString(end)
	return b.Bytes()
}

// many are so many records that they are not all looked at before the first is yielded.
func many(record string) string { return strings.Repeat(record, 5000) }

func TestAStatedFieldThatComesLateIsRead(t *testing.T) {
	t.Parallel()
	columns := map[export.Field]export.Column{export.Size: {Heading: "variant/size"}, export.Width: {Heading: "width"}, export.UPC: {Heading: "Code"}}
	for name, in := range map[string]string{
		"ndjson": many(`{"sku": "A", "store": "3", "qty": 1}`+"\n") +
			`{"sku": "A", "store": "3", "qty": 2, "variant": {"size": "34", "width": "D"}}` + "\n" + `{"code": "849632048260", "store": "3", "qty": 3}` + "\n",
		"json": "[" + many(`{"sku": "A", "store": "3", "qty": 1},`) +
			`{"sku": "A", "store": "3", "qty": 2, "variant": {"size": "34", "width": "D"}},` + `{"code": "849632048260", "store": "3", "qty": 3}]`,
		"xml": "<r>" + many(`<i sku="A" store="3" qty="1"/>`) +
			`<i sku="A" store="3" qty="2"><variant><size>34</size><width>D</width></variant></i><i code="849632048260" store="3" qty="3"/></r>`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lines := preview(t, export.Options{Columns: columns}, []byte(in))
			got := ndjson(t, lines[max(0, len(lines)-3):])
			want := `{"line":5001,"update":{"store":"3","sku":"A","size":"34","width":"D","quantity":2}}
{"line":5002,"update":{"store":"3","upc":"849632048260","quantity":3}}
{"summary":{"rows":5002,"updates":2,"rejects":5000,"skipped":0}}
`
			if got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func TestACellOfASpreadsheetInXMLIsReadAsInAWorkbook(t *testing.T) {
	t.Parallel()
	cells := func(size, sku, qty string) string {
		return "<Row><Cell><Data>" + sku + "</Data></Cell><Cell><Data>" + size + "</Data></Cell><Cell><Data>" + qty + "</Data></Cell></Row>"
	}
	number := func(text string) string { return `<Data ss:Type="Number">` + text }
	for name, test := range map[string]struct{ size, sku, qty, want string }{
		"plain":                        {"34", "ZOOT", number("12"), `"quantity":12}`},
		"what a calculation leaves":    {"34", "ZOOT", number("11.999999999999998"), `"quantity":12}`},
		"a number with an exponent":    {"34", number("8.4963204826E11"), number("1.2E1"), `"sku":"849632048260","size":"34","quantity":12}`},
		"a code that has lost digits":  {"34", number("8.4963204826012301E+17"), number("12"), `spreadsheet has destroyed`},
		"a size that has become a day": {`<Data ss:Type="DateTime">2026-12-10T00:00:00.000`, "ZOOT", number("12"), `made a date of`},
		"no number":                    {"34", "ZOOT", number("12 pcs"), `is not a whole number`},
	} {
		in := `<Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet" xmlns:ss="urn:schemas-microsoft-com:office:spreadsheet"><Worksheet><Table>` +
			cells("Size", "SKU", "Qty") + strings.ReplaceAll(cells(test.size, test.sku, test.qty), "<Data><Data", "<Data") + "</Table></Worksheet></Workbook>"
		o := export.Options{Defaults: map[export.Field]string{export.Store: "3", export.Width: ""}}
		if got := ndjson(t, preview(t, o, []byte(in))); !strings.Contains(got, test.want) {
			t.Errorf("%s: got\n%s\nwant %s", name, got, test.want)
		}
	}
}

func TestAKnownOrStatedFieldIsReadBehindMoreNamesThanAreKept(t *testing.T) {
	t.Parallel()
	var others strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&others, `"x%d": %d, `, i, i)
	}
	in := "[{" + others.String() + `"upc": "849632048260", "store": "3", "count": 12}, {"count": 7, "upc": "036000291452", "store": "3"}]`
	lines := preview(t, export.Options{Columns: map[export.Field]export.Column{export.Quantity: {Heading: "count"}}}, []byte(in))
	if got := lines[len(lines)-1].Summary; got == nil || got.Updates != 2 {
		t.Errorf("got %.500s, want two updates", ndjson(t, lines))
	}
}

func TestAStatedFieldThatEveryRowNeedsMustBeInTheFirstRecords(t *testing.T) {
	t.Parallel()
	rows := "[" + many(`{"sku": "A", "upc": "849632048260", "store": "3", "qty": 1},`) + `{"code": "849632048260", "store": "3", "count": 3}]`
	for name, test := range map[string]struct {
		columns map[export.Field]export.Column
		want    string
	}{
		"the quantity": {map[export.Field]export.Column{export.Quantity: {Heading: "count"}}, `the quantity column "count" is not in the export; its records have the fields "sku", "upc", "store", "qty"`},
		"the product":  {map[export.Field]export.Column{export.UPC: {Heading: "code"}, export.SKU: {Heading: "style"}}, `the upc column "code" is not in the export`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lines := preview(t, export.Options{Columns: test.columns}, []byte(rows))
			if len(lines) != 1 || lines[0].Code != export.RefusedColumn || !strings.Contains(lines[0].Error, test.want) {
				t.Errorf("got %.300s, want a refusal with %q", ndjson(t, lines[:1]), test.want)
			}
		})
	}
}

// TestAnXMLExportIsReadWhereverItsHeadEnds: that is its first MiB, by which it is settled what the rows are.
func TestAnXMLExportIsReadWhereverItsHeadEnds(t *testing.T) {
	t.Parallel()
	const row = `<i upc="849632048260" store="3" qty="1"/>`
	for name, text := range map[string]struct{ before, after string }{
		"in a character":         {`<i upc="849632048260" store="3" qty="1"><n>z`, "ööt</n></i>"},
		"in a text":              {`<i upc="849632048260" store="3" qty="1"><n>zo`, "ot</n></i>"},
		"in a text as it is":     {`<i upc="849632048260" store="3" qty="1"><n><![CDATA[z`, "ööt]]></n></i>"},
		"in an escape":           {`<i upc="849632048260" store="3" qty="1"><n>&am`, "p;</n></i>"},
		"in an attribute":        {`<i upc="849632048260" store="3" qty="`, `1"/>`},
		"in a character of that": {`<i upc="849632048260" store="3" qty="1" n="z`, `ööt"/>`},
		"in a name":              {`<i upc="849632048260" st`, `ore="3" qty="1"/>`},
		"in a comment":           {`<!-- z`, "ööt -->" + row},
	} {
		blanks := strings.Repeat(" ", 1<<20-len("<r>"+row+text.before)-1)
		for shift := range 2 {
			in := "<r>" + row + blanks + strings.Repeat(" ", shift) + text.before + text.after + "</r>"
			lines := preview(t, export.Options{}, []byte(in))
			if got := lines[len(lines)-1].Summary; got == nil || got.Updates != 2 {
				t.Errorf("%s: got %.300s, want two updates", name, ndjson(t, lines))
			}
		}
	}
}

func TestWhatIsWrongLateRefusesTheExportAsAWhole(t *testing.T) {
	t.Parallel()
	const jsonRow, xmlRow = `{"upc": "849632048260", "store": "3", "qty": 1},`, `<i upc="849632048260" store="3" qty="1"/>`
	long := func(row, pad string) string { return strings.Repeat(row, 1+(1<<20)/len(row)) + pad }
	for name, test := range map[string]struct{ in, code, want string }{
		"json that is cut":             {"[" + many(jsonRow), export.RefusedContent, "the export is cut: its JSON ends after byte"},
		"json that is cut in a record": {"[" + many(jsonRow) + `{"upc": "8`, export.RefusedContent, "in record 5001 or after it"},
		"json that is not valid":       {"[" + many(jsonRow) + `{"upc" "8"}]`, export.RefusedContent, "in record 5001 or after it, invalid character"},
		"json with more behind it":     {"[" + many(jsonRow) + `{}] x`, export.RefusedContent, "invalid character"},
		"two documents":                {"[" + many(jsonRow) + `{}] []`, export.RefusedContent, "after the end of the export's JSON, more follows"},
		"another array that could be the rows": {`{"a": [` + long(jsonRow, "{}],") + `"b": [` + strings.TrimSuffix(jsonRow, ",") + `]}`, export.RefusedRow,
			`several arrays could be the rows: those at "a", "b"; write`},
		"json that is nested too deep": {"[" + many(jsonRow) + strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100) + "]", export.RefusedContent, "nested more than 64 deep"},
		"another store's array": {`{"stores": [{"items": [` + many(jsonRowWithoutStore) + `{}]}, {"items": [` + strings.TrimSuffix(jsonRowWithoutStore, ",") + `]}]}`, export.RefusedStore,
			`the rows stand in several groups, "stores"`},
		"another group's array": {`{"days": [{"date": "1 May", "items": [` + many(jsonRowWithoutStore) + `{}]}, {"items": [` + strings.TrimSuffix(jsonRowWithoutStore, ",") + `]}]}`, export.RefusedRow,
			`the rows stand in several groups, "days", which have fields of their own such as "date"`},
		"another group":               {`<r><g n="1">` + many(`<i upc="849632048260" qty="1"/>`) + "</g><g/></r>", export.RefusedRow, `"r/g"`},
		"xml that is cut":             {"<r>" + many(xmlRow), export.RefusedContent, "the export is cut: its XML ends in line 1"},
		"xml that is cut in a text":   {"<r>" + many(xmlRow) + "<i><![CDATA[zoot", export.RefusedContent, "the export is cut: its XML ends in line 1"},
		"xml cut in a character":      {"<r>" + many(xmlRow) + "<i>zo\xc3", export.RefusedContent, "the export is cut: its XML ends in line 1"},
		"xml that is not valid":       {"<r>" + many(xmlRow) + "</i>", export.RefusedContent, "closed by"},
		"xml with an unknown entity":  {"<r>" + many(xmlRow) + "<i>&zoot;</i></r>", export.RefusedContent, "invalid character entity"},
		"xml that is nested too deep": {"<r>" + many(xmlRow) + strings.Repeat("<i>", 100), export.RefusedContent, "nested more than 64 deep"},
		"xml with text behind it":     {"<r>" + many(xmlRow) + "</r>\nzoot", export.RefusedContent, "text is outside of its element"},
		"another element":             {"<r><a>" + long(xmlRow, "</a><b>") + strings.ReplaceAll(xmlRow, "<i", "<x") + "</b></r>", export.RefusedRow, `"r/a/i", "r/b/x"`},
		"another store":               {"<r><store>" + many(`<i upc="849632048260" qty="1"/>`) + "</store><store/></r>", export.RefusedStore, `"r/store"`},
		"a spreadsheet that is cut":   {workbook + many(`<Row><Cell><Data>849632048260</Data></Cell></Row>`), export.RefusedContent, "the export is cut"},
		"a store": {"[" + many(jsonRowWithoutStore) + strings.Trim(jsonRow, ",") + "]", export.RefusedColumn,
			`record 5001 has the field "store", which seems to be the store, and none of the first 4000 records has it`},
		"a stated array that is not there": {`{"a": [` + long(jsonRow, "{}]}"), export.RefusedRow, `where there is no array of objects; the export has those at "a"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := export.Options{}
			switch {
			case test.code == export.RefusedStore, test.code == export.RefusedColumn, strings.HasPrefix(name, "another group"):
				o.Defaults = map[export.Field]string{export.Store: "3"}
			case strings.HasPrefix(name, "a stated"):
				o.Row = "zoot"
			}
			lines := preview(t, o, []byte(test.in))
			last := lines[len(lines)-1]
			if last.Error == "" && len(lines) > 1 {
				last = lines[len(lines)-2]
			}
			if last.Code != test.code || !strings.Contains(last.Error, test.want) {
				t.Errorf("got %.400s, want a refusal with %q", ndjson(t, []line{last}), test.want)
			}
		})
	}
}

const (
	jsonRowWithoutStore = `{"upc": "849632048260", "qty": 1},`
	workbook            = `<Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet"><Worksheet><Table><Row><Cell><Data>UPC</Data></Cell><Cell><Data>Store</Data></Cell><Cell><Data>Qty</Data></Cell></Row>`
)

func TestAFieldThatIsThereTwiceCostsItsRowOnlyWhereItIsOfUse(t *testing.T) {
	t.Parallel()
	in := `[{"upc": "849632048260", "store": "3", "qty": 1, "note": "a", "note": "b"}, {"upc": "849632048260", "store": "3", "store": "5", "note": "a", "note": "b", "qty": 1}]`
	lines := preview(t, export.Options{}, []byte(in))
	if summary := lines[len(lines)-1].Summary; summary == nil || summary.Updates != 1 || summary.Rejects != 1 || lines[2].Code != export.RejectTwice {
		t.Errorf("got %s, want an update and a reject", ndjson(t, lines))
	}
}

func TestJSONAndXMLThatFailWhileTheyAreReadEndInThatError(t *testing.T) {
	t.Parallel()
	for name, in := range map[string]string{
		"json":        "[" + many(jsonRowWithoutStore),
		"ndjson":      many(strings.Trim(jsonRowWithoutStore, ",") + "\n"),
		"xml":         "<r>" + many(`<i upc="849632048260" qty="1"/>`),
		"spreadsheet": workbook + many("<Row/>"),
	} {
		for i, size := range []int{10, len(in) / 2, len(in), 10, len(in) / 2, len(in)} {
			torn := failures[i%2]
			reader, err := export.New(export.Options{Defaults: map[export.Field]string{export.Store: "3"}})
			if err != nil {
				t.Fatal(err)
			}
			rows, err := reader.Read(io.MultiReader(strings.NewReader(in[:size]), iotest.ErrReader(torn)))
			if err == nil {
				for _, rerr := range rows.All() {
					err = rerr
				}
			}
			if !errors.Is(err, torn) {
				t.Errorf("%s after %d bytes: got %v, want %v", name, size, err, torn)
			}
		}
	}
}

// gauge reads and notes the most memory that was in use meanwhile.
type gauge struct {
	src        io.Reader
	n, looked  int
	base, most uint64
}

func (g *gauge) Read(b []byte) (int, error) {
	n, err := g.src.Read(b)
	if g.n += n; g.n-g.looked > 1<<19 || err != nil {
		g.looked = g.n
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		g.most = max(g.most, m.HeapAlloc)
	}
	return n, err
}

// counting is a text n times over, each time with another number in it.
type counting struct {
	n, i   int
	format string
	text   bytes.Buffer
}

func counted(n int, format string) io.Reader { return &counting{n: n, format: format} }

func (c *counting) Read(b []byte) (int, error) {
	for c.i < c.n && c.text.Len() < len(b) {
		fmt.Fprintf(&c.text, c.format, c.i)
		c.i++
	}
	return c.text.Read(b)
}

// This test is not parallel, for it measures what is in use meanwhile.
func TestJSONAndXMLNeedLittleMemoryWhateverIsRead(t *testing.T) { // P6
	const (
		row    = `{"upc": "849632048260", "store": "3", "qty": 1}`
		xmlRow = `<i upc="849632048260" store="3" qty="1"/>`
	)
	text := func(s string) io.Reader { return strings.NewReader(s) }
	tests := map[string]struct {
		in      []io.Reader
		want    string // the refusal
		rejects int
		updates int
	}{
		"a string of 64 MiB":              {in: []io.Reader{text("[" + row + `, {"a": "`), &endless{64 << 20}, text(`"}, ` + row + "]")}, want: "a value of more than"},
		"a name of 64 MiB":                {in: []io.Reader{text("[" + row + `, {"`), &endless{64 << 20}, text(`": 1}, ` + row + "]")}, want: "a value of more than"},
		"a record of 4 MiB":               {in: []io.Reader{text("[" + row + ", {"), counted(200_000, `"a%d": "xxx", `), text(`"b": 1}, ` + row + "]")}, rejects: 1, updates: 2},
		"a list of 4 MiB":                 {in: []io.Reader{text("[" + row + `, {"qty": [`), counted(lots, "%d,"), text(`1]}, ` + row + "]")}, rejects: 1, updates: 2},
		"many records of other names":     {in: []io.Reader{text("[" + row), counted(lots, `, {"a%d": 1}`), text(", " + row + "]")}, updates: 2},
		"many arrays":                     {in: []io.Reader{text(`{"rows": [` + row + "]"), counted(lots, `, "a%d": [{"b": 1}]`), text("}")}, updates: 1},
		"a record of 20 MiB":              {in: []io.Reader{text("[" + row + ", {"), counted(1_000_000, `"a%d": "xxx", `), text(`"b": 1}]`)}, want: "a value of more than"},
		"a million brackets":              {in: []io.Reader{text(strings.Repeat("[", 1_000_000))}, want: "nested"},
		"an inner array of many":          {in: []io.Reader{text(`[["UPC", "Store", "Qty"], [`), counted(lots, `"a%d", `), text(`1], ["849632048260", 3, 1]]`)}, rejects: 1, updates: 1},
		"a line of 64 MiB":                {in: []io.Reader{text(row + "\n" + row + "\n" + `{"a": "`), &endless{64 << 20}, text("\"}\n" + row + "\n")}, rejects: 1, updates: 3},
		"a text of 64 MiB":                {in: []io.Reader{text("<r>" + xmlRow + "<i>"), &endless{64 << 20}, text("</i></r>")}, want: "a text or a tag of more than"},
		"an attribute of 64 MiB":          {in: []io.Reader{text("<r>" + xmlRow + `<i a="`), &endless{64 << 20}, text(`"/></r>`)}, want: "a text or a tag of more than"},
		"a million attributes":            {in: []io.Reader{text("<r>" + xmlRow + "<i"), counted(1_000_000, ` a%d=""`), text("/></r>")}, want: "a text or a tag of more than"},
		"many elements in a record":       {in: []io.Reader{text("<r>" + xmlRow + "<i>"), counted(lots, "<a%d/>"), text("</i>" + xmlRow + "</r>")}, rejects: 1, updates: 2},
		"many elements of a name":         {in: []io.Reader{text("<r>" + xmlRow), counted(lots, "<a%d/>"), text(xmlRow + "</r>")}, updates: 2},
		"many rows of other names":        {in: []io.Reader{text("<r>" + xmlRow), counted(lots, `<i a%d=""/>`), text(xmlRow + "</r>")}, updates: 2},
		"many elements within each other": {in: []io.Reader{text("<r>" + xmlRow), counted(lots, `<a%d>`)}, want: "nested"},
		"a comment of 64 MiB":             {in: []io.Reader{text("<r>" + xmlRow + "<!--"), &endless{64 << 20}, text("--></r>")}, want: "a text or a tag of more than"},
		"many cells":                      {in: []io.Reader{text(workbook + "<Row>"), counted(lots, "<Cell><Data>%d</Data></Cell>"), text("</Row></Table></Worksheet></Workbook>")}, rejects: 1},
	}
	for _, name := range slices.Sorted(maps.Keys(tests)) {
		test := tests[name]
		t.Run(name, func(t *testing.T) {
			reader, err := export.New(export.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer debug.SetGCPercent(debug.SetGCPercent(20)) // garbage that a busy machine collects late is not what is measured
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			g := &gauge{src: io.MultiReader(test.in...), base: m.HeapAlloc}
			rows, err := reader.Read(g)
			var got export.Summary
			if err == nil {
				for _, rerr := range rows.All() {
					if _, ok := errors.AsType[*export.Reject](rerr); rerr != nil && !ok {
						err = rerr
					}
				}
				got = rows.Summary()
			}
			limit := uint64(64 << 20)
			if strings.HasPrefix(name, "many ") { // their names alone would need that much
				limit = 40 << 20
			}
			if g.most > g.base+limit {
				t.Errorf("got %d MiB in use, want at most %d", (g.most-g.base)>>20, limit>>20)
			}
			if test.want != "" {
				if _, ok := errors.AsType[*export.Refused](err); !ok || !strings.Contains(err.Error(), test.want) {
					t.Errorf("got %v, want a refusal with %q", err, test.want)
				}
				return
			}
			if err != nil || got.Rejects != test.rejects || got.Updates != test.updates {
				t.Errorf("got %+v, %v; want %d updates and %d rejects", got, err, test.updates, test.rejects)
			}
		})
	}
}

func FuzzJSON(f *testing.F) { fuzzStructured(f, "json") }

func FuzzXML(f *testing.F) { fuzzStructured(f, "xml") }

// fuzzStructured reads exports of a format, by options of all kinds.
func fuzzStructured(f *testing.F, format string) {
	cases, err := filepath.Glob("testdata/*/in.*" + format)
	if err != nil || len(cases) == 0 {
		f.Fatal(len(cases), err)
	}
	for i, name := range cases {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text, uint64(0), "")
		f.Add(text, uint64(i)*7919, "data/items")
	}
	f.Fuzz(func(t *testing.T, in []byte, n uint64, row string) {
		o := options(n)
		o.Row = row
		if n%3 == 0 {
			o.Columns = map[export.Field]export.Column{export.Quantity: {Heading: "stock/quantity"}, export.Size: {Heading: "@size"}}
			o.Header = export.HeaderAuto
		}
		lines := preview(t, o, in)
		last := 0
		for _, l := range lines {
			if l.Line == 0 {
				continue
			}
			if l.Line <= last {
				t.Fatalf("got line %d after line %d", l.Line, last)
			}
			last = l.Line
			if l.Update != nil && (l.Update.Quantity > inventory.MaxQuantity || l.Update.Quantity < -inventory.MaxQuantity) {
				t.Fatalf("got %d in line %d", l.Update.Quantity, l.Line)
			}
		}
		if len(in) < 4096 {
			if slow := previewFrom(t, o, iotest.OneByteReader(bytes.NewReader(in))); ndjson(t, slow) != ndjson(t, lines) {
				t.Fatalf("got\n%s\nbyte by byte, else\n%s", ndjson(t, slow), ndjson(t, lines))
			}
		}
	})
}

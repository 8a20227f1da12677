package export_test

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"pgregory.net/rapid"

	"tillpost/export"
	"tillpost/inventory"
)

func TestATableGivesTheSameUpdatesHoweverItIsWritten(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[A-Za-z0-9 ,;|"'éÄß½./-]{0,12}`)
		columns := []string{"UPC", "SKU", "Size", "Width", "Store", "On Hand", "Description", "On Order"}
		table := [][]string{columns}
		for range rapid.IntRange(1, 12).Draw(t, "rows") {
			table = append(table, []string{
				rapid.OneOf(rapid.Just(""), rapid.Map(rapid.StringMatching(`[0-9]{11}`), withCheckDigit), text).Draw(t, "upc"),
				text.Draw(t, "sku"),
				rapid.SampledFrom([]string{"34", "10½", "10-Dec", ""}).Draw(t, "size"),
				rapid.SampledFrom([]string{"D", "EE", ""}).Draw(t, "width"),
				rapid.SampledFrom([]string{"3", "Main Street, 5", "été"}).Draw(t, "store"),
				rapid.SampledFrom([]string{"0", "12", "-3", "(4)", "12.50", "1O", "", "N/A"}).Draw(t, "quantity"),
				text.Draw(t, "description"),
				"7",
			})
		}
		o := export.Options{Decimal: "."}
		want := readTable(t, o, asCSV(t, table, ',', []string{"\n"}), "utf-8")

		order := rapid.Permutation([]int{0, 1, 2, 3, 4, 5, 6, 7}).Draw(t, "order")
		shuffled := make([][]string, len(table))
		for i, cells := range table {
			for _, c := range order {
				shuffled[i] = append(shuffled[i], cells[c])
			}
		}
		delimiter := rapid.SampledFrom([]rune{',', ';', '\t', '|'}).Draw(t, "delimiter")
		ends := rapid.SampledFrom([][]string{{"\n"}, {"\r\n"}, {"\r"}, {"\r\n", "\r\r\n"}, {"\n", "\r\n", "\r"}}).Draw(t, "line ends")
		encoding := rapid.SampledFrom([]string{"utf-8", "auto utf-8 with a mark", "auto utf-16le with a mark", "auto utf-16be with a mark", "utf-16le", "windows-1252"}).Draw(t, "encoding")
		if got := readTable(t, o, asCSV(t, shuffled, delimiter, ends), encoding); !slices.Equal(got, want) {
			t.Fatalf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		var sheet strings.Builder
		for _, cells := range shuffled {
			sheet.WriteString(texts(cells...))
		}
		if got := readLines(t, o, newBook(sheet.String()).bytes(t)); !slices.Equal(got, want) {
			t.Fatalf("got\n%s\nas a workbook, want\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		o.Header, o.Columns = 1, make(map[export.Field]export.Column)
		fixed, ranges := asFixed(t, shuffled, ends)
		for f := export.UPC; f <= export.Quantity; f++ {
			o.Columns[f] = ranges[slices.Index(order, slices.Index(columns, map[export.Field]string{
				export.UPC: "UPC", export.SKU: "SKU", export.Size: "Size", export.Width: "Width", export.Store: "Store", export.Quantity: "On Hand"}[f]))]
		}
		if got := readTable(t, o, fixed, encoding); !slices.Equal(got, want) {
			t.Fatalf("fixed width: got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}

// asCSV writes a table whose rows end in one of some ways each.
func asCSV(t *rapid.T, table [][]string, delimiter rune, ends []string) string {
	var b strings.Builder
	for _, cells := range table {
		var line strings.Builder
		w := csv.NewWriter(&line)
		w.Comma = delimiter
		if err := w.Write(cells); err != nil {
			t.Fatal(err)
		}
		w.Flush()
		b.WriteString(strings.TrimSuffix(line.String(), "\n") + rapid.SampledFrom(ends).Draw(t, "line end"))
	}
	return b.String()
}

// asFixed writes a table in fixed width, with the values to the left or to the right, and answers each column's range.
func asFixed(t *rapid.T, table [][]string, ends []string) (string, []export.Column) {
	lines, ranges, from := make([]string, len(table)), make([]export.Column, len(table[0])), 1
	for c := range table[0] {
		width, right := 0, rapid.Bool().Draw(t, "to the right")
		for _, cells := range table {
			width = max(width, utf8.RuneCountInString(cells[c]))
		}
		for i, cells := range table {
			pad := strings.Repeat(" ", width-utf8.RuneCountInString(cells[c]))
			if right {
				lines[i] += pad + cells[c]
			} else {
				lines[i] += cells[c] + pad
			}
		}
		ranges[c] = export.Column{From: from, To: from + width - 1}
		from += width
	}
	var b strings.Builder
	for _, line := range lines {
		b.WriteString(line + rapid.SampledFrom(ends).Draw(t, "line end"))
	}
	return b.String(), ranges
}

// TestAReportNeverGivesAFigureThatIsNotThere: texts may run into the next column, and move the rest of their row. Of most
// products there is a quantity.
func TestAReportNeverGivesAFigureThatIsNotThere(t *testing.T) {
	t.Parallel()
	read := 0
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringMatching(`[A-Za-z]{1,6}|[0-9]{1,3}`)
		columns := []string{"UPC", "Description", "Size", "On Hand", "Price"}
		order := rapid.Permutation([]int{0, 1, 2, 3, 4}).Draw(t, "order")
		gap := rapid.IntRange(1, 3).Draw(t, "gap")
		width, right, moves, long := make([]int, 5), make([]bool, 5), rapid.Bool().Draw(t, "moves"), rapid.IntRange(0, 30).Draw(t, "long")
		for c, head := range columns {
			width[c] = len(head) + rapid.IntRange(0, 10).Draw(t, "width")
			right[c] = rapid.Bool().Draw(t, "right")
		}
		width[0] = max(width[0], 12)
		var b strings.Builder
		write := func(cells []string) {
			line := ""
			for _, c := range order {
				cell, w := cells[c], width[c]
				if n := len(cell); n > w && !moves {
					cell = cell[:w]
				}
				if pad := strings.Repeat(" ", max(0, w-len(cell))); right[c] {
					cell = pad + cell
				} else {
					cell += pad
				}
				line += cell + strings.Repeat(" ", gap)
			}
			b.WriteString(strings.TrimRight(line, " ") + "\n")
		}
		write(columns)
		want := map[string]int64{}
		for i := range rapid.IntRange(3, 40).Draw(t, "rows") {
			upc := withCheckDigit(fmt.Sprintf("8496%07d", i))
			figure := rapid.OneOf(rapid.Int64Range(0, 30), rapid.Int64Range(0, 9999)).Draw(t, "figure")
			text := strings.Join(rapid.SliceOfN(word, 0, 4).Draw(t, "words"), " ")
			if len(text) > width[1] && rapid.IntRange(0, 30).Draw(t, "is long") > long {
				text = text[:width[1]]
			}
			quantity := fmt.Sprint(figure)
			if i%3 == 0 && rapid.Bool().Draw(t, "blank") { // a text that ends in a number just there would be it for anybody
				quantity, text = "", ""
			} else {
				want[string(inventory.AppendUPC(nil, []byte("3"), []byte(upc)))] = figure
			}
			write([]string{upc, text, word.Draw(t, "size"), quantity, fmt.Sprintf("%d.95", rapid.IntRange(0, 200).Draw(t, "price"))})
		}
		read += figuresIn(t, b.String(), want)
	})
	if read == 0 {
		t.Error("no row was read, so that nothing could be wrong")
	}
}

// figuresIn reads an export of store 3, of which no row may say another figure of a product than wanted, and answers how many
// rows do say one. It may be refused, and its rows may be rejects.
func figuresIn(t *rapid.T, text string, want map[string]int64) (read int) {
	reader, err := export.New(export.Options{Defaults: map[export.Field]string{export.Store: "3"}})
	if err != nil {
		t.Fatal(err)
	}
	rows, err := reader.Read(strings.NewReader(text))
	if err != nil {
		return 0
	}
	for row, err := range rows.All() {
		if err != nil {
			continue
		}
		if figure, ok := want[string(row.Key)]; !ok || figure != row.Figure {
			t.Fatalf("line %d: got %d, want %d (%v), in\n%q", row.Line, row.Figure, figure, ok, text)
		}
		read++
	}
	return read
}

// readTable reads a table, and answers a line for each update and each reject's class.
func readTable(t *rapid.T, o export.Options, text, encoding string) []string {
	o.Encoding, _, _ = strings.Cut(encoding, " ")
	return readLines(t, o, encodings(text)[encoding])
}

// readLines reads an export, and answers a line for each update and each reject's class.
func readLines(t *rapid.T, o export.Options, in []byte) []string {
	reader, err := export.New(o)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := reader.Read(bytes.NewReader(in))
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for row, err := range rows.All() {
		reject, ok := errors.AsType[*export.Reject](err)
		switch {
		case ok:
			lines = append(lines, fmt.Sprint(reject.Line, " ", reject.Code))
		case err != nil:
			t.Fatal(err)
		default:
			lines = append(lines, fmt.Sprintf("%d %q %d", row.Line, row.Key, row.Figure))
		}
	}
	return append(lines, fmt.Sprintf("%+v", rows.Summary()))
}

func TestAnExportThatFailsWhileItIsReadEndsInThatError(t *testing.T) {
	t.Parallel()
	in := sample(20_000, false)
	reader, err := export.New(export.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for name, size := range map[string]int{"in the head": 1000, "in a row": 1 << 20, "in the first byte": 0} {
		for _, torn := range failures {
			t.Run(fmt.Sprintf("%s, %v", name, torn), func(t *testing.T) {
				t.Parallel()
				var last error
				rows, err := reader.Read(io.MultiReader(bytes.NewReader(in[:size]), iotest.ErrReader(torn)))
				if err != nil {
					last = err
				} else {
					for row, err := range rows.All() {
						if row.Unterminated {
							t.Errorf("line %d: got a row that is only there in part", row.Line)
						}
						last = err
					}
				}
				if !errors.Is(last, torn) {
					t.Errorf("got %v, want %v", last, torn)
				}
			})
		}
	}
}

// failures are errors that a source may have; the last one is not its end.
var failures = []error{errors.New("the network share is gone"), io.ErrUnexpectedEOF}

// endless is n bytes of one letter.
type endless struct{ n int }

var endlessly = bytes.Repeat([]byte("x"), 1<<20)

func (e *endless) Read(b []byte) (int, error) {
	if e.n == 0 {
		return 0, io.EOF
	}
	n := copy(b[:min(len(b), e.n)], endlessly)
	e.n -= n
	return n, nil
}

// This test is not parallel, for it measures what is allocated meanwhile.
func TestReadingNeedsLittleMemoryWhateverIsRead(t *testing.T) { // P6, W14
	const header, row = "UPC,Store,Qty\n", "849632048260,3,12\n"
	plain := sample(20_000, false)
	long := func(before, after string, n int) io.Reader {
		return io.MultiReader(strings.NewReader(before), &endless{n}, strings.NewReader(after))
	}
	ranges := export.Options{Columns: map[export.Field]export.Column{export.UPC: {From: 1, To: 12}, export.Store: {From: 14, To: 14}, export.Quantity: {From: 16, To: 17}}}
	const printed = "UPC           Store  Qty\n849632048260      3   12\n"
	tests := map[string]struct {
		o       export.Options
		in      io.Reader
		limit   uint64 // bytes
		rejects int
	}{
		"a line of 1 GiB":                  {export.Options{}, long(header+row, "\n"+row, 1<<30), 8 << 20, 1},
		"a quote and 64 MiB":               {export.Options{}, long(header+row+`"`, "\n"+row, 64<<20), 8 << 20, 1},
		"a line of 64 MiB between CRs":     {export.Options{}, long("UPC,Store,Qty\r849632048260,3,12\r", "\r849632048260,3,12\r", 64<<20), 8 << 20, 1},
		"a line of 1 GiB in fixed width":   {ranges, long(row, "\n"+row, 1<<30), 8 << 20, 1},
		"lines of a megabyte, fixed width": {ranges, strings.NewReader(row + strings.Repeat(row[:17]+strings.Repeat("x", 1<<20-20)+"\n", 20)), 12 << 20, 0},
		"a line of 64 MiB of a report":     {export.Options{}, long(printed, "\n849632048260      3   12\n", 64<<20), 12 << 20, 1},
		"20,000 plain rows":                {export.Options{}, bytes.NewReader(plain), 4 << 20, 0},
		"many line ends in a text":         {export.Options{}, strings.NewReader(header + strings.Repeat(row, 20_000) + strings.Repeat(row[:16]+strings.Repeat(",\rx", 2000)+"\n", 100) + row), 64 << 20, 100},
		"rows that end in CR among LF":     {export.Options{}, strings.NewReader(header + row + strings.Repeat(strings.Repeat("849632048260,3,12\r", 50_000)+"\n", 4) + row), 8 << 20, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			reader, err := export.New(test.o)
			if err != nil {
				t.Fatal(err)
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			rows, err := reader.Read(test.in)
			if err != nil {
				t.Fatal(err)
			}
			for _, err := range rows.All() {
				if _, ok := errors.AsType[*export.Reject](err); err != nil && !ok {
					t.Fatal(err)
				}
			}
			runtime.ReadMemStats(&after)
			if got := after.TotalAlloc - before.TotalAlloc; got > test.limit {
				t.Errorf("got %d bytes allocated, want at most %d", got, test.limit)
			}
			if got := rows.Summary(); got.Rejects != test.rejects || got.Updates < 2 {
				t.Errorf("got %+v, want %d rejects", got, test.rejects)
			}
		})
	}
}

func TestALoopThatStoppedIsGoneOnWith(t *testing.T) {
	t.Parallel()
	reader, err := export.New(export.Options{})
	if err != nil {
		t.Fatal(err)
	}
	const in = "UPC,Store,Qty\n849632048260,3,1\n036000291452,3,2\n"
	for _, in := range []string{in, string(zipped(t, file{"a.csv", in})), string(zipped(t, file{"a.csv", in[:31]}, file{"b.csv", "UPC,Store,Qty\n036000291452,3,2\n"}))} {
		rows, err := reader.Read(strings.NewReader(in))
		if err != nil {
			t.Fatal(err)
		}
		for want := 1; want <= 2; want++ {
			for row, err := range rows.All() {
				if err != nil || row.Figure != int64(want) {
					t.Errorf("got %d, %v; want %d", row.Figure, err, want)
				}
				break
			}
			if got := rows.Summary(); got.Rows != want {
				t.Errorf("got %+v after %d rows", got, want)
			}
		}
	}
}

func TestAColumnThatContradictsItselfLateRefusesTheExport(t *testing.T) {
	t.Parallel()
	in := "UPC,Store,Qty\n849632048260,3,\"1,234\"\n" + strings.Repeat("036000291452,3,7\n", 20_000) + "849632048260,3,\"12,5\"\n"
	lines := preview(t, export.Options{}, []byte(in))
	if got := lines[len(lines)-2]; got.Code != export.RefusedDecimal || !strings.Contains(got.Error, "line 20003") {
		t.Errorf("got %+v, want a refusal for line 20003", got)
	}
}

func TestARejectKeepsItsFieldsWithinBounds(t *testing.T) {
	t.Parallel()
	reader, err := export.New(export.Options{})
	if err != nil {
		t.Fatal(err)
	}
	in := "UPC,Store,Qty,Name,More\n849632048260,3,1O,\"Zoot, \"\"blue\"\"\"," + strings.Repeat("x", 60<<10) + "\n"
	rows, err := reader.Read(strings.NewReader(in))
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range rows.All() {
		reject, ok := errors.AsType[*export.Reject](err)
		if !ok {
			t.Fatalf("got %v, want a reject", err)
		}
		if want := []string{"849632048260", "3", "1O", `Zoot, "blue"`}; !slices.Equal(reject.Record[:4], want) {
			t.Errorf("got %q, want %q", reject.Record[:4], want)
		}
		if got := len(strings.Join(reject.Record, "")); got > 16<<10 || got < 15<<10 {
			t.Errorf("got %d bytes kept, want about 16 KiB", got)
		}
	}
}

func TestWrongOptionsAreNamedAllAtOnce(t *testing.T) {
	t.Parallel()
	_, err := export.New(export.Options{
		Format: "excel", Encoding: "ebcdic", Delimiter: "ab", Decimal: "'", Header: -2, IdentifyBy: "name", UPC: "any",
		Columns:  map[export.Field]export.Column{export.UPC: {}, export.Size: {Number: 20_000}},
		Defaults: map[export.Field]string{export.UPC: "1", export.Size: "a\nb"},
		Stores:   map[string]string{"Main": "", " ": "3"},
		SKUNeeds: []export.Field{export.Quantity},
	})
	if err == nil {
		t.Fatal("got no error")
	}
	for _, want := range []string{"format", "encoding", "delimiter", "decimal", "header", "identify_by", "upc: \"any\"", "columns: upc", "columns: size", "defaults: upc", "defaults: size", "stores: \"Main\"", "stores: \" \"", "sku_needs"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %q, want %s in it", err, want)
		}
	}
	_, err = export.New(export.Options{Header: export.HeaderNone, Columns: map[export.Field]export.Column{export.Store: {Heading: "Shop"}}})
	for _, want := range []string{"quantity", "upc", `store is "Shop"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %q, want %s in it", err, want)
		}
	}
}

// TestWhatIsBrokenInATextNeverGivesAFigureThatIsNotThere: quotes and line ends stand in texts as nobody should write them.
func TestWhatIsBrokenInATextNeverGivesAFigureThatIsNotThere(t *testing.T) {
	t.Parallel()
	read := 0
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.OneOf(rapid.StringMatching(`[A-Za-z]{1,5}|[0-9]{1,3}`), rapid.SampledFrom([]string{`"`, "\r", "\n", ` "`, `" `, `""`, `"x"`, "\r\n", "\f"}))
		columns := []string{"UPC", "Description", "Note", "On Hand", "Price"}
		order := rapid.Permutation([]int{0, 1, 2, 3, 4}).Draw(t, "order")
		ends := rapid.SampledFrom([][]string{{"\n"}, {"\r\n"}, {"\r"}, {"\n", "\r\n", "\r"}}).Draw(t, "line ends")
		quoted := rapid.SampledFrom([]int{0, 1, 2}).Draw(t, "quoted") // never, some, all
		var b strings.Builder
		write := func(cells []string) {
			for i, c := range order {
				if i > 0 {
					b.WriteByte(',')
				}
				if cell := cells[c]; quoted == 2 || quoted == 1 && rapid.Bool().Draw(t, "in quotes") {
					b.WriteString(`"` + cell + `"`)
				} else {
					b.WriteString(cell)
				}
			}
			b.WriteString(rapid.SampledFrom(ends).Draw(t, "line end"))
		}
		write(columns)
		want := map[string]int64{}
		for i := range rapid.IntRange(1, 12).Draw(t, "rows") {
			upc := withCheckDigit(fmt.Sprintf("8496%07d", i))
			figure := rapid.Int64Range(0, 300).Draw(t, "figure")
			want[string(inventory.AppendUPC(nil, []byte("3"), []byte(upc)))] = figure
			text := func() string { // that does not begin with a quote: two such texts can be written as one, `"a` and `b"` as "a,b"
				return strings.TrimLeft(strings.Join(rapid.SliceOfN(word, 0, 3).Draw(t, "words"), ""), `"`)
			}
			write([]string{upc, text(), text(), fmt.Sprint(figure), "9.95"})
		}
		read += figuresIn(t, b.String(), want)
	})
	if read == 0 {
		t.Error("no row was read, so that nothing could be wrong")
	}
}

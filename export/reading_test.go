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

	"pgregory.net/rapid"

	"tillpost/export"
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
		want := readTable(t, o, table, ',', "\n", "utf-8")

		order := rapid.Permutation([]int{0, 1, 2, 3, 4, 5, 6, 7}).Draw(t, "order")
		shuffled := make([][]string, len(table))
		for i, cells := range table {
			for _, c := range order {
				shuffled[i] = append(shuffled[i], cells[c])
			}
		}
		delimiter := rapid.SampledFrom([]rune{',', ';', '\t', '|'}).Draw(t, "delimiter")
		end := rapid.SampledFrom([]string{"\n", "\r\n"}).Draw(t, "line end")
		encoding := rapid.SampledFrom([]string{"utf-8", "auto utf-8 with a mark", "auto utf-16le with a mark", "auto utf-16be with a mark", "utf-16le", "windows-1252"}).Draw(t, "encoding")
		if got := readTable(t, o, shuffled, delimiter, end, encoding); !slices.Equal(got, want) {
			t.Fatalf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		var sheet strings.Builder
		for _, cells := range shuffled {
			sheet.WriteString(texts(cells...))
		}
		if got := readLines(t, o, newBook(sheet.String()).bytes(t)); !slices.Equal(got, want) {
			t.Fatalf("got\n%s\nas a workbook, want\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}

// readTable writes a table as CSV and reads it.
func readTable(t *rapid.T, o export.Options, table [][]string, delimiter rune, end, encoding string) []string {
	var b strings.Builder
	w := csv.NewWriter(&b)
	w.Comma, w.UseCRLF = delimiter, end == "\r\n"
	if err := w.WriteAll(table); err != nil {
		t.Fatal(err)
	}
	o.Encoding, _, _ = strings.Cut(encoding, " ")
	return readLines(t, o, encodings(b.String())[encoding])
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
	torn := errors.New("the network share is gone")
	in := sample(20_000, false)
	reader, err := export.New(export.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for name, size := range map[string]int{"in the head": 1000, "in a row": 1 << 20, "in the first byte": 0} {
		t.Run(name, func(t *testing.T) {
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

// endless is n bytes of one letter.
type endless struct{ n int }

func (e *endless) Read(b []byte) (int, error) {
	if e.n == 0 {
		return 0, io.EOF
	}
	b = b[:min(len(b), e.n)]
	for i := range b {
		b[i] = 'x'
	}
	e.n -= len(b)
	return len(b), nil
}

// This test is not parallel, for it measures what is allocated meanwhile.
func TestReadingNeedsLittleMemoryWhateverIsRead(t *testing.T) {
	const header, row = "UPC,Store,Qty\n", "849632048260,3,12\n"
	plain := sample(20_000, false)
	tests := map[string]struct {
		in      io.Reader
		limit   uint64 // bytes
		rejects int
	}{
		"a line of 64 MiB":   {io.MultiReader(strings.NewReader(header+row), &endless{64 << 20}, strings.NewReader("\n"+row)), 8 << 20, 1},
		"a quote and 64 MiB": {io.MultiReader(strings.NewReader(header+row+`"`), &endless{64 << 20}, strings.NewReader("\n"+row)), 8 << 20, 1},
		"20,000 plain rows":  {bytes.NewReader(plain), 4 << 20, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			reader, err := export.New(export.Options{})
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
	rows, err := reader.Read(strings.NewReader("UPC,Store,Qty\n849632048260,3,1\n036000291452,3,2\n"))
	if err != nil {
		t.Fatal(err)
	}
	for want := int64(1); want <= 2; want++ {
		for row, err := range rows.All() {
			if err != nil || row.Figure != want {
				t.Errorf("got %d, %v; want %d", row.Figure, err, want)
			}
			break
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

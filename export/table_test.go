package export_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"tillpost/export"
	"tillpost/inventory"
)

func TestARejectHasItsKeyWhereOnlyTheQuantityIsBad(t *testing.T) {
	t.Parallel()
	const header = "UPC,SKU,Size,Width,Store,Qty,Note\n"
	sku := string(inventory.AppendSKU(nil, []byte("3"), []byte("A"), []byte("34"), []byte("D")))
	upc := string(inventory.AppendUPC(nil, []byte("3"), []byte("849632048260")))
	for name, test := range map[string]struct{ row, code, key string }{
		"no number":                           {"849632048260,A,34,D,3,#REF!\n", export.RejectNumber, upc},
		"no number for a SKU":                 {",A,34,D,3,1O\n", export.RejectNumber, sku},
		"one of two numbers":                  {"849632048260,A,34,D,3,1.234\n", export.RejectDecimal, upc},
		"too large":                           {"849632048260,,,,3,10000000\n", export.RejectTooLarge, upc},
		"a fraction":                          {"849632048260,,,,3,1.5\n", export.RejectFraction, upc},
		"negative":                            {"849632048260,,,,3,-5\n", export.RejectNegative, upc},
		"a quantity that is not text":         {"849632048260,,,,3,5\xff\n", export.RejectCode, upc},
		"no number in a last row":             {"849632048260,,,,3,1O", export.RejectNumber, upc},
		"a row that ends before its quantity": {"849632048260,,,,3\n", export.RejectShort, upc},
		"a row cut before its quantity":       {"849632048260,,,,3", export.RejectShort, ""},
		"a bad product too":                   {"849632048261,,,,3,1O\n", export.RejectNumber, ""},
		"no store too":                        {"849632048260,,,,,1O\n", export.RejectNumber, ""},
		"a bad product only":                  {"849632048261,,,,3,5\n", export.RejectUPC, ""},
		"a shifted row":                       {"849632048260,A,34,D,3,1O,x,y\n", export.RejectShifted, ""},
		"another table":                       {"UPC,SKU,Size,Width,Store,Sold,\n", export.RejectTable, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reader, err := export.New(export.Options{Encoding: "utf-8", RejectFractions: true, RejectNegative: true})
			if err != nil {
				t.Fatal(err)
			}
			rows, err := reader.Read(strings.NewReader(header + "036000291452,,,,7,5\n" + test.row))
			if err != nil {
				t.Fatal(err)
			}
			rejects := 0
			for _, err := range rows.All() {
				if reject, ok := errors.AsType[*export.Reject](err); ok {
					rejects++
					if reject.Code != test.code || string(reject.Key) != test.key || (reject.Key == nil) != (test.key == "") {
						t.Errorf("got %s with key %q, want %s with %q", reject.Code, reject.Key, test.code, test.key)
					}
				}
			}
			if rejects != 1 {
				t.Errorf("got %d rejects, want 1", rejects)
			}
		})
	}
}

func TestAnExportWithoutALineToReadSaysWhatItsFirstLineIs(t *testing.T) {
	t.Parallel()
	const row = "\n849632048260,3,1\n"
	numbered := export.Options{Columns: map[export.Field]export.Column{export.UPC: {Number: 1}, export.Store: {Number: 2}, export.Quantity: {Number: 3}}}
	for name, test := range map[string]struct {
		o        export.Options
		in, want string
	}{
		"a line of two megabytes":         {export.Options{}, strings.Repeat("x", 2<<20) + row, "line 1 is longer than 262144 bytes"},
		"such a line after a blank one":   {export.Options{}, "\n" + strings.Repeat("x", 2<<20) + row, "line 2 is longer than 262144 bytes"},
		"such a line as stated header":    {export.Options{Header: 1}, strings.Repeat("x", 2<<20) + row, "line 1 is longer than 262144 bytes"},
		"such a line in numbered columns": {numbered, strings.Repeat("x", 2<<20) + row, "line 1 is longer than 262144 bytes"},
		"a million columns":               {export.Options{}, strings.Repeat("UPC,", 1_000_000) + row, "line 1 has more than 10000 columns"},
		"a million blank columns":         {export.Options{}, strings.Repeat(",", 1_000_000) + row, "line 1 has more than 10000 columns"},
		"20,000 columns":                  {export.Options{}, strings.Repeat("UPC,", 20_000), "line 1 has more than 10000 columns"},
		"a field of 70,000 bytes":         {export.Options{}, strings.Repeat("x", 70_000), "column 1: the field is longer than 65536 bytes"},
		"blank rows":                      {export.Options{}, strings.Repeat(" \n", 2000), "nothing but blank rows"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lines := preview(t, test.o, []byte(test.in))
			if len(lines) != 1 || !strings.Contains(lines[0].Error, test.want) {
				t.Errorf("got %.300s, want %q", ndjson(t, lines[:1]), test.want)
			}
		})
	}
}

func TestMegabytesOfZerosAfterAnExportAreNoRow(t *testing.T) {
	t.Parallel()
	const in = "UPC,Store,Qty\n849632048260,3,1\n036000291452,3,2"
	want := rowsOf(preview(t, export.Options{}, []byte(in)))
	for name, tail := range map[string]string{
		"zeros":                  strings.Repeat("\x00", 5<<20),
		"marks":                  strings.Repeat("\x1a", 3<<20),
		"marks and then zeros":   strings.Repeat("\x1a", 128) + strings.Repeat("\x00", 1<<20),
		"one zero":               "\x00",
		"zeros of an odd number": strings.Repeat("\x00", 4097),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := rowsOf(preview(t, export.Options{}, []byte(in+tail))); ndjson(t, got) != ndjson(t, want) {
				t.Errorf("got\n%s\nwant\n%s", ndjson(t, got), ndjson(t, want))
			}
		})
	}
}

func TestAnExportOfWhichMostIsZerosIsRefused(t *testing.T) { // W21
	t.Parallel()
	r, err := export.New(export.Options{})
	if err != nil {
		t.Fatal(err)
	}
	const in, most = "UPC,Store,Qty\n849632048260,3,1\n036000291452,3,2\n", 16 << 20
	for name, x := range map[string]struct {
		tail string
		want string // the class of the refusal
	}{
		"as many as may be":         {strings.Repeat("\x00", most), ""},
		"one more":                  {strings.Repeat("\x00", most+1), export.RefusedContent},
		"marks of the end":          {strings.Repeat("\x1a", most+1), export.RefusedContent},
		"and a row after them":      {strings.Repeat("\x00", 2*most) + "\n849632040011,3,3\n", export.RefusedContent},
		"many, and much after them": {strings.Repeat(strings.Repeat("\x00", most/4)+"\n", 8), ""},
	} {
		got := ""
		rows, err := r.Read(strings.NewReader(in + x.tail))
		if err == nil {
			for _, rerr := range rows.All() {
				if _, bad := errors.AsType[*export.Reject](rerr); !bad {
					err = rerr
				}
			}
		}
		if refused, ok := errors.AsType[*export.Refused](err); ok {
			got, err = refused.Code, nil
		}
		if err != nil || got != x.want {
			t.Errorf("%s: got %q, %v; want %q", name, got, err, x.want)
		}
	}
}

func TestZerosBeforeOtherBytesStay(t *testing.T) {
	t.Parallel()
	in := []byte("UPC,Store,Qty,Note,More\n849632048260,3,1,,\n036000291452,3,2,running shoes; blue; of which there are two" + strings.Repeat("\x1a\x00\x00\x1a", 5) + "\n849632040011,3,3\x00,\n")
	want := preview(t, export.Options{}, in)
	if summary := want[len(want)-1].Summary; summary == nil || summary.Updates != 2 || summary.Rejects != 1 {
		t.Fatalf("got %s", ndjson(t, want))
	}
	for name, src := range map[string]io.Reader{"byte by byte": iotest.OneByteReader(bytes.NewReader(in)), "by halves": iotest.HalfReader(bytes.NewReader(in)), "with the error": iotest.DataErrReader(bytes.NewReader(in))} {
		if got := previewFrom(t, export.Options{}, src); ndjson(t, got) != ndjson(t, want) {
			t.Errorf("%s: got\n%s\nwant\n%s", name, ndjson(t, got), ndjson(t, want))
		}
	}
}

func TestColumnsAreNamedAsOrdinals(t *testing.T) {
	t.Parallel()
	in := "UPC,Store" + strings.Repeat(",x", 20) + ",Qty\n849632048260\n849632048260,3\n" + "849632048260,3" + strings.Repeat(",", 9) + "\n"
	var got []string
	for _, l := range preview(t, export.Options{}, []byte(in)) {
		if l.Reject != "" {
			got = append(got, l.Reject)
		}
	}
	var want []string
	for _, n := range []string{"1st", "2nd", "11th"} {
		want = append(want, fmt.Sprintf(`the row ends with its %s field, but the quantity is in column "Qty", the 23rd`, n))
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// BenchmarkNotCounted reads rows without a quantity, of which each might head another table.
func BenchmarkNotCounted(b *testing.B) {
	const rows = 50_000
	in := []byte("SKU,Description,Size,Width,Store,On Hand,On Order,Price,Vendor\n" + strings.Repeat("ZOOT-SUIT,Running shoe men blue,34,D,Main Street,,0,129.95,Some Vendor Inc\n", rows))
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		if got := readAll(b, export.Options{}, in); got.Skipped != rows {
			b.Fatalf("got %+v, want %d skipped", got, rows)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*rows), "ns/row")
}

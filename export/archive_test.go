package export_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"tillpost/export"
)

// file is a member of a zip file.
type file struct{ name, text string }

func zipped(t testing.TB, files ...file) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, f := range files {
		w, err := z.Create(f.name)
		if err == nil {
			_, err = io.WriteString(w, f.text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// storedIn is a zip file with a member that is not packed.
func storedIn(t testing.TB, name string, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
	if err == nil {
		_, err = w.Write(data)
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gzipped(t testing.TB, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.WriteString(z, text); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

const (
	stock  = "UPC,Store,Qty\n849632048260,3,12\n036000291452,3,0"
	others = "Qty;Store;UPC\r\n7;4;849632048260\r\nx;4;036000291452\r\n"
)

// linesOf is what becomes of an export, a line each.
func linesOf(t testing.TB, in []byte) []string {
	t.Helper()
	var lines []string
	for _, l := range strings.Split(strings.TrimSpace(ndjson(t, preview(t, export.Options{}, in))), "\n") {
		if !strings.HasPrefix(l, `{"detected"`) {
			lines = append(lines, l)
		}
	}
	return lines
}

func TestWhatIsPackedIsReadAsIfItWereNot(t *testing.T) {
	t.Parallel()
	plain := linesOf(t, []byte(stock+"\n")) // in an archive a last row needs no line end
	workbook := newBook(texts("UPC", "Store", "Qty") + texts("849632048260", "3", "12") + texts("036000291452", "3", "0")).bytes(t)
	for name, in := range map[string][]byte{
		"zip with a workbook as it is": storedIn(t, "stock.xlsx", workbook),
		"gzip":                         gzipped(t, stock),
		"zip":                          zipped(t, file{"stock.csv", stock}),
		"zip with litter":              zipped(t, file{"__MACOSX/._stock.csv", "x"}, file{"a/", ""}, file{"a/.hidden", stock}, file{"a/stock.csv", stock}),
		"zip beside no export":         zipped(t, file{"README.txt", "Have a nice day.\n"}, file{"stock.csv", stock}, file{"logo.png", "\x89PNG\r\n"}),
		"zip with a name to escape":    zipped(t, file{"../../etc/\x1b[31mstock.csv", stock}),
	} {
		if got := linesOf(t, in); !slices.Equal(got, plain) {
			t.Errorf("%s: got\n%s\nwant\n%s", name, strings.Join(got, "\n"), strings.Join(plain, "\n"))
		}
	}
}

func TestTheMembersOfAZipFileAreReadOneAfterTheOther(t *testing.T) {
	t.Parallel()
	got := linesOf(t, zipped(t, file{"a.csv", stock}, file{"b.csv", others}))
	want := []string{
		`{"line":2,"update":{"store":"3","upc":"849632048260","quantity":12}}`,
		`{"line":3,"update":{"store":"3","upc":"036000291452","quantity":0}}`,
		`{"line":2,"update":{"store":"4","upc":"849632048260","quantity":7}}`,
		`{"line":3,"reject":"b.csv: column \"Qty\": \"x\" is not a whole number","code":"number"}`,
		`{"summary":{"rows":4,"updates":3,"rejects":1,"skipped":0}}`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestAMemberOfAZipFileWithTheNameOfAnotherListIsLeftOut(t *testing.T) {
	t.Parallel()
	lines := preview(t, export.Options{}, zipped(t, file{"stock.csv", "UPC,Store,Qty\n036000291452,3,4\n"}, file{"2026/Sales.csv", "UPC,Store,Qty\n849632048260,3,2\n"}))
	if left := lines[0].Detected.LeftOut; len(lines) != 3 || len(left) != 1 || left[0] != "2026/Sales.csv" {
		t.Errorf("got %s, want the sales left out", ndjson(t, lines))
	}
	lines = preview(t, export.Options{}, zipped(t, file{"sales.csv", "UPC,Store,Qty\n849632048260,3,2\n"}))
	if len(lines) != 1 || !strings.Contains(lines[0].Error, `the file is called "sales"`) {
		t.Errorf("got %s, want a refusal", ndjson(t, lines))
	}
}

func TestMembersOfAZipFileThatContradictEachOtherAreRefused(t *testing.T) {
	t.Parallel()
	one := map[export.Field]string{export.Store: "3"}
	for name, test := range map[string]struct {
		options export.Options
		members []file
		want    string // what the refusal says; empty = there is none
	}{
		"last year's beside this year's": {members: []file{{"stock-2026-11-28.csv", "UPC,Store,Qty\n036000291452,3,4\n849632048260,3,1\n"}, {"stock-2025-11-28.csv", "UPC,Store,Qty\n036000291452,3,99\n"}},
			want: `"stock-2026-11-28.csv" says 4 and "stock-2025-11-28.csv" says 99`},
		"another list beside the stock": {members: []file{{"stock.csv", "UPC,Store,Qty\n036000291452,3,4\n"}, {"other.csv", "UPC,Store,Qty,Price\n036000291452,3,2,9.99\n"}},
			want: `"stock.csv" says 4 and "other.csv" says 2`},
		"two stores that the config calls one": {options: export.Options{Defaults: one}, members: []file{{"main.csv", "UPC,Qty\n036000291452,4\n"}, {"airport.csv", "UPC,Qty\n036000291452,0\n"}},
			want: `"main.csv" says 4 and "airport.csv" says 0`},
		"the third one": {members: []file{{"a.csv", stock}, {"b.csv", stock}, {"c.json", `[{"sku": "Z", "size": "8", "width": "D", "store": "3", "qty": 1}, {"upc": "849632048260", "store": "3", "qty": -1}]`}},
			want: `"a.csv" says 12 and "c.json" says -1`},
		"the same figures":                   {members: []file{{"a.csv", stock}, {"b.csv", stock}}},
		"a row that takes the other's place": {members: []file{{"a.csv", "UPC,Store,Qty\n036000291452,3,4\n036000291452,3,5\n"}, {"b.csv", "UPC,Store,Qty\n036000291452,3,5\n"}}},
		"figures that are added up":          {options: export.Options{Duplicates: "sum"}, members: []file{{"floor.csv", "UPC,Store,Qty\n036000291452,3,4\n"}, {"back.csv", "UPC,Store,Qty\n036000291452,3,9\n"}}},
		"another store":                      {members: []file{{"a.csv", "UPC,Store,Qty\n036000291452,3,4\n"}, {"b.csv", "UPC,Store,Qty\n036000291452,4,9\n"}}},
		"one that contradicts itself":        {members: []file{{"a.csv", "UPC,Store,Qty\n036000291452,3,4\n036000291452,3,5\n"}, {"b.csv", "UPC,Store,Qty\n849632048260,3,1\n"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lines := preview(t, test.options, zipped(t, test.members...))
			last := lines[len(lines)-1]
			if last.Summary != nil && len(lines) > 1 {
				last = lines[len(lines)-2]
			}
			if refused := last.Error != ""; refused != (test.want != "") || !strings.Contains(last.Error, test.want) {
				t.Errorf("got %+v, want a refusal with %q, or none", last, test.want)
			}
		})
	}
}

func TestAnArchiveThatIsNotWholeOrNoneIsRefusedWhole(t *testing.T) {
	t.Parallel()
	large := "UPC,Store,Qty\n" + strings.Repeat("849632048260,3,12\n", 100_000)
	packed, many, named := gzipped(t, large), []file{}, []file{}
	for i := range 300 {
		many = append(many, file{strings.Repeat("x", i+1) + ".csv", stock})
	}
	for i := range 80 {
		named = append(named, file{strings.Repeat("x", 60_000+i) + ".csv", stock})
	}
	damaged := zipped(t, file{"a.csv", large})
	damaged[len(damaged)/2] ^= 0x55
	late := zipped(t, file{"a.csv", stock}, file{"b.csv", stock})
	late[bytes.LastIndex(late, []byte("PK\x07\x08"))-3] ^= 0x55 // in the last bytes of b.csv
	locked := zipped(t, file{"a.csv", stock}, file{"b.csv", stock})
	locked[bytes.LastIndex(locked, []byte("PK\x01\x02"))+8] |= 1
	workbook := string(newBook(bookHeader + texts("849632048260", "3", "12")).bytes(t))
	for name, test := range map[string]struct {
		in   []byte
		want string
	}{
		"a gzip file that is cut":           {packed[:len(packed)-9], "cut"},
		"a gzip file cut in its first byte": {packed[:3], "cut"},
		"a gzip file that is damaged":       {append(slices.Clone(packed[:len(packed)-6]), 1, 2, 3, 4, 5, 6), "damaged"},
		"a zip file that is cut":            {damaged[:len(damaged)-9], "cut"},
		"a zip file with a flipped bit":     {damaged, "damaged"},
		"a zip file in a zip file":          {zipped(t, file{"a.zip", string(zipped(t, file{"a.csv", stock}))}), "more than once"},
		"a zip file in a gzip file":         {gzipped(t, string(zipped(t, file{"a.csv", stock}))), "more than once"},
		"a gzip file in a gzip file":        {gzipped(t, string(gzipped(t, stock))), "more than once"},
		"a zip file of 300 files":           {zipped(t, many...), "300 files"},
		"a zip file of long names":          {zipped(t, named...), "bytes of names"},
		"a zip file with no export":         {zipped(t, file{"README.txt", "Have a nice day.\n"}), "README.txt, in the zip file"},
		"a zip file with nothing":           {zipped(t), "empty zip file"},
		"a member that lacks its store":     {zipped(t, file{"a.csv", stock}, file{"b.csv", "UPC,Qty\n849632048260,3\n"}), "b.csv, in the zip file: no store"},
		"a member that is cut":              {zipped(t, file{"a.csv", stock}, file{"b.xlsx", workbook[:len(workbook)-20]}), "b.xlsx, in the zip file: the workbook is damaged"},
		"a member of JSON that is cut":      {zipped(t, file{"a.csv", stock}, file{"b.json", `[{"upc": "849632048260", "store": "3", "qty": 1},`}), "b.json, in the zip file: the export is cut"},
		"a member with a flipped bit":       {late, "damaged"},
		"a member with a password":          {locked, "password"},
		"a gzip file of zeros":              {gzipped(t, large+strings.Repeat("\x00", 20<<20)), "zero"},
		"a gzip file of one line":           {gzipped(t, large+strings.Repeat("x", 70<<20)), "more than 200 times larger"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lines := preview(t, export.Options{}, test.in)
			last := lines[len(lines)-1]
			if last.Summary != nil && len(lines) > 1 {
				last = lines[len(lines)-2]
			}
			if !strings.Contains(last.Error, test.want) {
				t.Errorf("got %+v, want a refusal with %q", last, test.want)
			}
		})
	}
}

func TestAnArchiveWhoseSourceFailsEndsInThatError(t *testing.T) {
	t.Parallel()
	reader, err := export.New(export.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for name, in := range map[string][]byte{"gzip": gzipped(t, string(sample(20_000, false))), "zip": zipped(t, file{"a.csv", string(sample(20_000, false))})} {
		for _, torn := range failures {
			rows, err := reader.Read(io.MultiReader(bytes.NewReader(in[:len(in)-10]), iotest.ErrReader(torn)))
			if err == nil {
				for _, err = range rows.All() {
				}
			}
			if !errors.Is(err, torn) {
				t.Errorf("%s: got %v, want %v", name, err, torn)
			}
		}
	}
}

func FuzzArchive(f *testing.F) {
	f.Add(zipped(f, file{"a.csv", stock}, file{"b.csv", others}))
	f.Add(gzipped(f, stock))
	f.Fuzz(func(t *testing.T, in []byte) { preview(t, export.Options{}, in) })
}

package cli

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"tillpost/inventory"
	"tillpost/outbox"
)

const benchRows = 100_000

// benchUPC is the UPC in a row of benchExport.
func benchUPC(row int) string { return upc(row / 2) }

// benchExport is an export of ten columns, about 90 bytes a row. Of every so many rows one has no number as quantity;
// 0 = none.
func benchExport(quoted bool, bad int) []byte {
	var b bytes.Buffer
	b.WriteString("UPC,Style,Description,Size,Width,Store,On Hand,On Order,Price,Vendor\r\n")
	format := "%s,ZOOT-%06d,Running shoe men blue,%d,D,%d,%s,0,129.95,Some Vendor Inc\r\n"
	if quoted {
		format = `"%s","ZOOT-%06d","Running shoe men blue","%d","D","%d","%s","0","129.95","Some Vendor"` + "\r\n"
	}
	for i := range benchRows {
		quantity := fmt.Sprint(i % 40)
		if bad > 0 && i%bad == 0 {
			quantity = "1O"
		}
		fmt.Fprintf(&b, format, benchUPC(i), i, 30+i%20, i%2, quantity)
	}
	return b.Bytes()
}

// BenchmarkPreview shows exports of 100,000 rows by the whole command. x-csv is how many times as long that takes as a
// bare encoding/csv loop over the same bytes, in the same run; a preview reads them twice.
func BenchmarkPreview(b *testing.B) {
	for _, test := range []struct {
		name   string
		quoted bool
		bad    int
		ledger bool
		args   []string
		code   int
	}{
		{"plain", false, 0, false, nil, statusDone},
		{"quoted", true, 0, false, nil, statusDone},
		{"half rejected", false, 2, false, nil, statusPartial},
		{"json", false, 0, false, []string{"--json"}, statusDone},
		{"ledger", false, 0, true, nil, statusDone},
	} {
		b.Run(test.name, func(b *testing.B) {
			dir := b.TempDir()
			in := benchExport(test.quoted, test.bad)
			benchFile(b, dir, "pos/stock.csv", in)
			args := append([]string{"preview"}, test.args...)
			if test.ledger {
				benchFile(b, dir, "tillpost.yaml", []byte("api: {url: \"http://127.0.0.1:1\"}\ndata_dir: data\nstatus: {listen: off}\nsources: [{folder: pos}]\n"))
				benchLedger(b, filepath.Join(dir, "data"))
				args = append(args, "--config", filepath.Join(dir, "tillpost.yaml"))
			}
			args = append(args, filepath.Join(dir, "pos", "stock.csv"))
			b.SetBytes(int64(len(in)))
			b.ReportAllocs()
			var ours, bare time.Duration
			for b.Loop() {
				start := time.Now()
				if code := execute(b.Context(), args, io.Discard, io.Discard); code != test.code {
					b.Fatalf("got the exit status %d, want %d", code, test.code)
				}
				ours += time.Since(start)
				b.StopTimer()
				bare += bareCSV(b, in)
				b.StartTimer()
			}
			b.ReportMetric(float64(ours)/float64(bare), "x-csv")
			b.ReportMetric(ours.Seconds()/float64(b.N), "s/preview")
		})
	}
}

func benchFile(b *testing.B, dir, name string, text []byte) {
	b.Helper()
	path := filepath.Join(dir, filepath.FromSlash(name))
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, text, 0o600)); err != nil {
		b.Fatal(err)
	}
}

// benchLedger makes an outbox that knows every key of benchExport.
func benchLedger(b *testing.B, dir string) {
	b.Helper()
	box, err := outbox.Open(dir, outbox.Options{})
	if err != nil {
		b.Fatal(err)
	}
	now := time.Now()
	in := box.NewIntake()
	in.Begin(outbox.Reading{Source: "pos", Name: "stock.csv", Family: "stock.csv", ModTime: now, Arrived: now}, now)
	for i := range benchRows {
		key := inventory.Key{Store: fmt.Sprint(i % 2), UPC: benchUPC(i)}
		if err := in.Add(uint64(i+2), key.Encode(), int64(i%40), false); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := in.Settle(nil); err != nil {
		b.Fatal(err)
	}
	if _, err := in.Commit(b.Context(), now); err != nil {
		b.Fatal(err)
	}
	if err := errors.Join(in.Close(), box.Close()); err != nil {
		b.Fatal(err)
	}
}

func bareCSV(b *testing.B, data []byte) time.Duration {
	b.Helper()
	start := time.Now()
	r := csv.NewReader(bytes.NewReader(data))
	r.ReuseRecord = true
	for {
		_, err := r.Read()
		if errors.Is(err, io.EOF) {
			return time.Since(start)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

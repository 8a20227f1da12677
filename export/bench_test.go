package export_test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"testing"
	"time"

	"tillpost/export"
)

// sample is an export as stores have them: ten columns, about 93 bytes a row.
func sample(rows int, quoted bool) []byte {
	var b bytes.Buffer
	b.WriteString("UPC,Style,Description,Size,Width,Store,On Hand,On Order,Price,Vendor\r\n")
	format := "%s,ZOOT-%06d,Running shoe men blue,%d,D,%d,%d,0,129.95,Some Vendor Inc\r\n"
	if quoted {
		format = `"%s","ZOOT-%06d","Running shoe men blue","%d","D","%d","%d","0","129.95","Some Vendor"` + "\r\n"
	}
	for i := range rows {
		fmt.Fprintf(&b, format, withCheckDigit(fmt.Sprintf("8496%07d", i)), i, 30+i%20, 1+i%5, i%40)
	}
	return b.Bytes()
}

// withCheckDigit completes a GTIN.
func withCheckDigit(digits string) string {
	sum := 0
	for i := range digits {
		weight := 1
		if (len(digits)-i)%2 == 1 {
			weight = 3
		}
		sum += weight * int(digits[i]-'0')
	}
	return fmt.Sprintf("%s%d", digits, (10-sum%10)%10)
}

func readAll(tb testing.TB, o export.Options, in []byte) export.Summary {
	reader, err := export.New(o)
	if err != nil {
		tb.Fatal(err)
	}
	rows, err := reader.Read(bytes.NewReader(in))
	if err != nil {
		tb.Fatal(err)
	}
	for _, err := range rows.All() {
		if err != nil {
			tb.Fatal(err)
		}
	}
	return rows.Summary()
}

// BenchmarkReading reads the same bytes in turn with this package and with a bare encoding/csv loop, so that both meet
// the same weather. x-csv is how many times as long this package takes; under 1 it is the faster one.
func BenchmarkReading(b *testing.B) {
	for name, quoted := range map[string]bool{"plain": false, "quoted": true} {
		b.Run(name, func(b *testing.B) {
			const rows = 50_000
			in := sample(rows, quoted)
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
				r := csv.NewReader(bytes.NewReader(in))
				r.ReuseRecord = true
				for {
					if _, err := r.Read(); err == io.EOF {
						break
					} else if err != nil {
						b.Fatal(err)
					}
				}
				bare += time.Since(start)
				b.StartTimer()
			}
			b.ReportMetric(float64(ours)/float64(bare), "x-csv")
			b.ReportMetric(float64(ours.Nanoseconds())/float64(b.N*rows), "ns/row")
		})
	}
}

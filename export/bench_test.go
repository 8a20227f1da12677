package export_test

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
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

// against reads the same bytes in turn with this package and by a bare loop, so that both meet the same weather, and answers
// how long this package took. The metric is how many times as long that is; under 1 it is the faster one.
func against(b *testing.B, in []byte, rows int, metric string, bare func() error) (ours time.Duration) {
	return againstWith(b, export.Options{}, in, rows, metric, bare)
}

func againstWith(b *testing.B, o export.Options, in []byte, rows int, metric string, bare func() error) (ours time.Duration) {
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	var other time.Duration
	for b.Loop() {
		start := time.Now()
		if got := readAll(b, o, in); got.Updates != rows {
			b.Fatalf("got %+v, want %d updates", got, rows)
		}
		ours += time.Since(start)
		b.StopTimer()
		start = time.Now()
		if err := bare(); err != io.EOF {
			b.Fatal(err)
		}
		other += time.Since(start)
		b.StartTimer()
	}
	b.ReportMetric(float64(ours)/float64(other), metric)
	return ours
}

// BenchmarkReading has a bare encoding/csv loop beside it.
func BenchmarkReading(b *testing.B) {
	for name, quoted := range map[string]bool{"plain": false, "quoted": true} {
		b.Run(name, func(b *testing.B) {
			const rows = 50_000
			in := sample(rows, quoted)
			ours := against(b, in, rows, "x-csv", func() (err error) {
				r := csv.NewReader(bytes.NewReader(in))
				for r.ReuseRecord = true; err == nil; {
					_, err = r.Read()
				}
				return err
			})
			b.ReportMetric(float64(ours.Nanoseconds())/float64(b.N*rows), "ns/row")
		})
	}
}

// BenchmarkWide has a column for each of 60 stores, of which most say nothing, and a bare encoding/csv loop beside it.
func BenchmarkWide(b *testing.B) {
	const rows, stores = 2_000, 60
	var in bytes.Buffer
	o := export.Options{Stores: map[string]string{}}
	in.WriteString("UPC,Item")
	for i := range stores {
		fmt.Fprintf(&in, ",On Hand [S%d]", i)
		o.Stores[fmt.Sprintf("S%d", i)] = fmt.Sprint(i)
	}
	for i := range rows {
		fmt.Fprintf(&in, "\r\n%s,", withCheckDigit(fmt.Sprintf("8496%07d", i)))
		in.WriteString(strings.Repeat(",", i%stores) + ",1" + strings.Repeat(",", stores-1-i%stores))
	}
	in.WriteString("\r\n")
	ours := againstWith(b, o, in.Bytes(), rows, "x-csv", func() (err error) {
		r := csv.NewReader(bytes.NewReader(in.Bytes()))
		for r.ReuseRecord = true; err == nil; {
			_, err = r.Read()
		}
		return err
	})
	b.ReportMetric(float64(ours.Nanoseconds())/float64(b.N*rows*stores), "ns/cell")
}

// BenchmarkWorkbook has a bare loop over the tokens of encoding/xml beside it, which only unpacks and parses the sheet.
func BenchmarkWorkbook(b *testing.B) {
	for name, shared := range map[string]bool{"shared": true, "inline": false} {
		b.Run(name, func(b *testing.B) {
			const rows = 20_000
			in := sampleBook(b, rows, shared)
			ours := against(b, in, rows, "x-xml", func() error {
				z, err := zip.NewReader(bytes.NewReader(in), int64(len(in)))
				if err != nil {
					return err
				}
				sheet, err := z.Open("xl/worksheets/sheet1.xml")
				if err != nil {
					return err
				}
				for d := xml.NewDecoder(sheet); err == nil; {
					_, err = d.Token()
				}
				return err
			})
			b.ReportMetric(float64(b.N*rows)/ours.Seconds(), "rows/s")
		})
	}
}

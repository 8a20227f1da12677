package export_test

import (
	"bytes"
	"encoding/csv"
	"maps"
	"slices"
	"testing"

	"tillpost/export"
)

// BenchmarkStructured reads the table of BenchmarkReading as JSON and as XML.
func BenchmarkStructured(b *testing.B) {
	const rows = 50_000
	table, err := csv.NewReader(bytes.NewReader(sample(rows, false))).ReadAll()
	if err != nil {
		b.Fatal(err)
	}
	for _, format := range slices.Sorted(maps.Keys(writers)) {
		b.Run(format, func(b *testing.B) {
			in := writers[format](table, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, true)
			b.SetBytes(int64(len(in)))
			b.ReportAllocs()
			for b.Loop() {
				if got := readAll(b, export.Options{}, in); got.Updates != rows {
					b.Fatalf("got %+v, want %d updates", got, rows)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*rows), "ns/row")
		})
	}
}

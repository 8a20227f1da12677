//go:build !race

// The race detector needs memory of its own, and minutes for what is done here.

package export_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"testing"
	"time"

	"tillpost/export"
)

// mostMemory is the most that live objects, and garbage between them, need while work is done, in bytes beyond what was there before.
// Garbage is collected often, so that what a busy machine does late is not what is measured.
func mostMemory(work func()) uint64 {
	defer debug.SetGCPercent(debug.SetGCPercent(20))
	read := func() uint64 {
		sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		metrics.Read(sample)
		return sample[0].Value.Uint64()
	}
	runtime.GC()
	before, most := read(), uint64(0)
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		often := time.NewTicker(time.Millisecond)
		defer often.Stop()
		for {
			select {
			case <-done:
				return
			case <-often.C:
				most = max(most, read())
			}
		}
	}()
	work()
	close(done)
	<-ended
	return most - min(most, before)
}

// This test is not parallel, for it measures what is in use meanwhile.
func TestAWorkbookNeedsLittleMemoryWhateverIsInIt(t *testing.T) { // P6
	row := `<row><c t="str"><v>849632048260</v></c><c><v>3</v></c><c><v>12</v></c></row>`
	bomb := func(text string, size int) string { return strings.Repeat(text, size/len(text)) }
	numbers := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "<t>%08x%080x</t></si><si>", i*2654435761, i*40503)
		}
		return b.String()
	}
	stock := func(more string) book { return newBook(bookHeader + row + more) }
	pictures := func(b book, count, size int) book {
		for i := range count {
			b[fmt.Sprintf("xl/media/image%d.png", i)] = string(noise(size))
		}
		return b
	}
	for name, test := range map[string]struct {
		in   func() []byte
		want string // of the refusal; "" = it is read
		rows int
	}{
		"40,000 rows":                     {func() []byte { return sampleBook(t, 40_000, true) }, "", 40_000},
		"10,000 rows with texts in place": {func() []byte { return sampleBook(t, 10_000, false) }, "", 10_000},
		"pictures and many texts":         {func() []byte { return pictures(stock("").share(numbers(100_000)+"<t>x</t>"), 1, 16<<20).bytes(t) }, "", 1},
		"more pictures":                   {func() []byte { return pictures(stock(""), 1, 32<<20).bytes(t) }, "larger than 24 MiB", 0},
		"more texts":                      {func() []byte { return stock("").share(numbers(350_000) + "<t>x</t>").bytes(t) }, "larger than 28 MiB", 0},
		"texts of nothing":                {func() []byte { return stock("").share(bomb("</si><si>", 24<<20)).bytes(t) }, "larger than 28 MiB", 0},
		"long texts": {func() []byte {
			return stock("").share(bomb("<t>"+strings.Repeat("x", 200_000)+"</t>", 6<<20)).bytes(t)
		}, "", 1},
		"a sheet of blanks":    {func() []byte { return stock(bomb(" ", 6<<20)).bytes(t) }, "256 KiB", 0},
		"a sheet of comments":  {func() []byte { return stock(bomb("<!--"+strings.Repeat("x", 200_000)+"-->", 70<<20)).bytes(t) }, "200 times larger", 0},
		"a row of blank cells": {func() []byte { return stock("<row>" + bomb("<c/>", 6<<20) + "</row>").bytes(t) }, "", 1},
		"a row of cells":       {func() []byte { return stock("<row>" + bomb("<c><v>1</v></c>", 6<<20) + "</row>").bytes(t) }, "", 1},
		"a text in pieces": {func() []byte {
			return stock(`<row><c t="str"><v>` + bomb(strings.Repeat("x", 25)+"<!---->", 6<<20) + "</v></c></row>").bytes(t)
		}, "", 1},
		"a tag of attributes":        {func() []byte { return stock("<row" + bomb(` a=""`, 6<<20) + "/>").bytes(t) }, "256 KiB", 0},
		"elements within each other": {func() []byte { return stock(bomb("<row>", 6<<20)).bytes(t) }, "more than 100 elements", 0},
		"styles without end": {func() []byte {
			return stock("").with("xl/styles.xml", "</cellXfs>", bomb("<xf/>", 6<<20)+"</cellXfs>").bytes(t)
		}, "more than 65536 styles", 0},
		"sheets without end": {func() []byte {
			return stock("").with("xl/workbook.xml", "<sheets>", "<sheets>"+bomb(`<sheet r:id="rId1"/>`, 6<<20)).bytes(t)
		}, "more than 10000 sheets", 0},
		"relations without end": {func() []byte {
			return with(stock(""), "xl/_rels/workbook.xml.rels", xmlHead+"<Relationships>"+relations(300_000)).bytes(t)
		}, "more than 10000 relations", 0},
		"names without end": {func() []byte {
			b := stock("")
			for i := range 80 {
				b[fmt.Sprintf("%s%d", strings.Repeat("x", 60_000), i)] = ""
			}
			return b.bytes(t)
		}, "names of more than 4 MiB", 0},
		"files without end": {func() []byte { return pictures(stock(""), 11_000, 0).bytes(t) }, "more than 10000 files", 0},
		"wide rows": {func() []byte {
			return stock("<row>" + bomb(`<c t="str"><v>`+strings.Repeat("x", 60_000)+"</v></c>", 10<<20) + "</row>").bytes(t)
		}, "", 1},
		"a sheet many times": {func() []byte {
			return with(newBook(""), "xl/workbook.xml", xmlHead+"<workbook><sheets>"+bomb(`<sheet r:id="rId1"/>`, 100_000)+"</sheets></workbook>").bytes(t)
		}, "nothing but blank rows", 0},
		"a large sheet many times": {func() []byte {
			return newBook(bomb("<!--"+strings.Repeat("x", 200_000)+"-->", 5<<20)).with("xl/workbook.xml", "<sheets>", "<sheets>"+bomb(`<sheet r:id="rId1"/>`, 100_000)).bytes(t)
		}, "200 times larger", 0},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "in.xlsx")
			if err := os.WriteFile(file, test.in(), 0o600); err != nil {
				t.Fatal(err)
			}
			var got error
			var summary export.Summary
			need := mostMemory(func() { summary, got = readFile(t, file) })
			refused, ok := errors.AsType[*export.Refused](got)
			if got != nil && !ok || ok != (test.want != "") || ok && !strings.Contains(refused.Error(), test.want) || summary.Updates != test.rows {
				t.Errorf("got %+v, %v; want %d updates and %q", summary, got, test.rows, test.want)
			}
			limit := uint64(64 << 20)
			if strings.Contains(name, "0,000 rows") { // their cells alone would need that much
				limit = 20 << 20
			}
			if need > limit {
				t.Errorf("got %d MiB in use, want at most %d", need>>20, limit>>20)
			}
		})
	}
}

// readFile reads an export from its file, to its end.
func readFile(t *testing.T, name string) (export.Summary, error) {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := mustReader(t, export.Options{}).Read(f)
	if err != nil {
		return export.Summary{}, err
	}
	var last error
	for _, err := range rows.All() {
		if _, ok := errors.AsType[*export.Reject](err); !ok {
			last = err
		}
	}
	return rows.Summary(), last
}

// noise are bytes that do not pack.
func noise(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{}).Read(b)
	return b
}

func relations(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `<Relationship Id="%x"/>`, i)
	}
	return b.String()
}

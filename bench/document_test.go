package main

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// everything is a result of every section.
func everything() *results {
	r := &results{byName: map[string]*sample{}, Rounds: 1}
	for _, g := range goals {
		r.add(g.of, "s", 1)
	}
	for _, name := range []string{"base csv", "latency p50", "old drain", "growth shuffled new"} {
		r.add(name, "s", 2)
	}
	for _, name := range []string{"rows", "keys", "waiting", "files", "sources", "latency"} {
		r.Tables = append(r.Tables, table{Name: name, Title: "A & B", Plot: "seconds", Lines: []int{1, 2},
			Columns: []column{{"rows", ""}, {"new", "s"}, {"same", "s"}}, Rows: [][]float64{{1000, 0.01, 0}, {1_000_000, 12, 3}}})
	}
	return r
}

func TestTheDocumentHasAPlaceForEverything(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	text, err := os.ReadFile("../docs/" + document)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(folder, document)
	if err := errors.Join(os.WriteFile(name, text, 0o600), os.Mkdir(filepath.Join(folder, "images"), 0o700)); err != nil {
		t.Fatal(err)
	}
	r := everything()
	for range 2 { // the second time over what the first has written
		if err := r.writeDocument(folder); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(got), "\n| 1,000,000 | 12 | 3 |\n"); n != len(r.Tables) {
		t.Errorf("got %d of %d tables in\n%s", n, len(r.Tables), got)
	}
	if a, b := strings.Count(string(text), "<!-- "), strings.Count(string(got), "<!-- "); a != b {
		t.Errorf("got %d comments, want %d", b, a)
	}
	for _, table := range r.Tables {
		picture, err := os.ReadFile(filepath.Join(folder, "images", "growth-"+table.Name+".svg"))
		if err != nil || !strings.Contains(string(text), "(images/growth-"+table.Name+".svg)") {
			t.Errorf("the plot of %s: %v, or the document does not show it", table.Name, err)
		}
		wellFormed(t, string(picture))
	}
}

func wellFormed(t *testing.T, text string) {
	t.Helper()
	for d := xml.NewDecoder(strings.NewReader(text)); ; {
		_, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil || strings.Contains(text, "NaN") {
			t.Fatalf("a plot is no picture: %v\n%s", err, text)
		}
	}
}

func TestAPartOfTheRunLeavesTheRestOfTheDocument(t *testing.T) {
	t.Parallel()
	r := &results{byName: map[string]*sample{}}
	r.add("drain 8", "req/s", 1)
	if blocks := r.blocks(); len(blocks) > 0 {
		t.Errorf("got blocks %v, want none", blocks)
	}
}

func TestOfWhatWasMeasuredTwiceTheLaterCounts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var names []string
	for i, value := range []float64{1, 2} {
		r := &results{byName: map[string]*sample{}, Rounds: i + 1}
		r.add("drain 8", "req/s", value)
		r.add([]string{"first", "second"}[i], "s", value)
		r.Tables = []table{{Name: "rows", Rows: [][]float64{{value}}}}
		name := filepath.Join(dir, []string{"a", "b"}[i])
		if err := r.save(name); err != nil {
			t.Fatal(err)
		}
		names = append(names, name+".json")
	}
	r, err := readResults(names)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Samples) != 3 || r.byName["drain 8"].Values[0] != 2 || len(r.Tables) != 1 || r.Tables[0].Rows[0][0] != 2 {
		t.Errorf("got %+v", r)
	}
}

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// document is the one that the figures are written into, each block of them between two comments.
const document = "performance.md"

// writeDocument writes into docs/performance.md and docs/images what was measured, and leaves the rest as it is.
func (r *results) writeDocument(folder string) error {
	name := filepath.Join(folder, document)
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	text := string(data)
	for block, content := range r.blocks() {
		if text, err = putBlock(text, block, content); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	for _, t := range r.Tables {
		picture := filepath.Join(folder, "images", "growth-"+t.Name+".svg")
		if err := os.WriteFile(picture, []byte(t.svg()), 0o644); err != nil {
			return err
		}
	}
	return os.WriteFile(name, []byte(text), 0o644)
}

// blocks are the parts of the document that were measured whole.
func (r *results) blocks() map[string]string {
	blocks := map[string]string{}
	whole := true // the table is one: of one run, or of several that are put together
	for _, name := range []string{"intake same", "drain 8", "whole cpu", "delta requests", "idle cpu", "latency p50", "kill repeated", "size binary"} {
		whole = whole && r.byName[name] != nil
	}
	if whole {
		blocks["figures"] = r.where() + "\n\n" + markdown(r.goalTable())
		blocks["rest"] = markdown(r.restTable(func(name string) bool { return !strings.HasPrefix(name, "old ") && !strings.HasPrefix(name, "growth ") }))
	}
	if r.byName["old drain"] != nil {
		blocks["old"] = markdown(r.restTable(func(name string) bool { return strings.HasPrefix(name, "old ") }))
	}
	if r.byName["growth shuffled new"] != nil {
		blocks["orders"] = markdown(r.restTable(func(name string) bool { return strings.HasPrefix(name, "growth ") }))
	}
	for _, t := range r.Tables {
		blocks[t.Name] = markdown(t.cells())
	}
	return blocks
}

// putBlock puts content between the two comments of a name.
func putBlock(text, name, content string) (string, error) {
	begin, end := "<!-- "+name+": `make bench BENCH=-write` writes them -->\n", "<!-- end of "+name+" -->\n"
	before, rest, ok := strings.Cut(text, begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		return "", fmt.Errorf("there is no place for the %s: %q and %q", name, begin, end)
	}
	return before + begin + "\n" + content + "\n" + end + after, nil
}

// readResults puts together what several runs have found. Of a figure that was measured twice the later one counts;
// what it was measured on is told of the first.
func readResults(names []string) (*results, error) {
	all := &results{byName: map[string]*sample{}}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		var r results
		if err := json.Unmarshal(text, &r); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all.merge(&r)
	}
	if len(all.Samples)+len(all.Tables) == 0 {
		return nil, errors.New("nothing was measured")
	}
	return all, nil
}

func (r *results) merge(later *results) {
	samples, byName, tables := r.Samples, r.byName, r.Tables
	for _, s := range later.Samples {
		if old := byName[s.Name]; old != nil {
			*old = *s
			continue
		}
		byName[s.Name], samples = s, append(samples, s)
	}
	for _, t := range later.Tables {
		tables = append(withoutTable(tables, t.Name), t)
	}
	skipped := append(r.Skipped, later.Skipped...)
	if r.Version == "" {
		*r = *later
	}
	r.Samples, r.byName, r.Tables, r.Skipped = samples, byName, tables, skipped
}

func withoutTable(tables []table, name string) (list []table) {
	for _, t := range tables {
		if t.Name != name {
			list = append(list, t)
		}
	}
	return list
}

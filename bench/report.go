package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// goal is a line of the table: a figure, what it is compared with, and what it should be.
type goal struct {
	what    string
	of      string // the sample
	to      string // the base of the ratio; "" = there is none
	want    string
	atLeast float64 // the ratio's, or the figure's without one; 0 = atMost counts
	atMost  float64
	stretch float64
}

// goals is the table: what tillpost is to reach on any machine, as ratios of one round where that says more.
var goals = []goal{
	{what: "same rows in other bytes, read and compared", of: "intake same", to: "base csv", want: "1.0x a bare encoding/csv loop", atMost: 1, stretch: 0.75},
	{what: "the same, after all was acknowledged", of: "whole same", to: "", want: ""},
	{what: "requests for them", of: "whole same requests", want: "0", atMost: 0.5},
	{what: "new rows, read and durably queued", of: "intake new", to: "base bbolt", want: "2.0x bbolt's ascending inserts", atMost: 2, stretch: 1.5},
	{what: "drain, concurrency 1", of: "drain 1", to: "blast 1", want: "0.85 of blast", atLeast: 0.85, stretch: 0.95},
	{what: "drain, concurrency 8", of: "drain 8", to: "blast 8", want: "0.80 of blast", atLeast: 0.80, stretch: 0.88},
	{what: "drain, concurrency 64", of: "drain 64", to: "blast 64", want: "0.75 of blast", atLeast: 0.75, stretch: 0.85},
	{what: "CPU a row, read, queued and sent, concurrency 8", of: "drain cpu 8", to: "blast cpu 8", want: "30 us", atMost: 30, stretch: 25},
	{what: "CPU a row of the large export", of: "whole cpu", want: "30 us", atMost: 30, stretch: 25},
	{what: "0.5 % of the rows changed: requests", of: "delta requests", to: "delta changed", want: "one a changed row", atMost: 1},
	{what: "anonymous memory at the peak, large export", of: "whole anonymous", want: "32 MB", atMost: 32, stretch: 24},
	{what: "anonymous memory 15 s after the burst", of: "whole anonymous after"},
	{what: "idle: anonymous memory", of: "idle anonymous", want: "10 MB", atMost: 10},
	{what: "idle: resident memory", of: "idle resident", want: "25 MB", atMost: 25},
	{what: "idle: CPU a minute", of: "idle cpu", want: "0.01 s", atMost: 0.01},
	{what: "file at rest to first request, p50, beyond flushes", of: "latency p50 net", want: "5 ms", atMost: 5},
	{what: "file at rest to first request, p99, beyond flushes", of: "latency p99 net", want: "20 ms", atMost: 20},
	{what: "repeated after kill -9 in the drain", of: "kill repeated", want: "in flight and one ack group"},
	{what: "binary, stripped", of: "size binary", want: "22 MB", atMost: 22},
}

// verdict says how a goal was met; "" = there is none.
func (g goal) verdict(s spread, ratio []float64) string {
	value := s.median
	if len(ratio) > 0 && g.want != "30 us" {
		value = spreadOf(ratio).median
	}
	switch {
	case g.atLeast > 0 && value >= g.stretch && g.stretch > 0, g.atMost > 0 && g.stretch > 0 && value <= g.stretch:
		return "met, and the stretch"
	case g.atLeast > 0 && value >= g.atLeast, g.atMost > 0 && value <= g.atMost:
		return "met"
	case g.atLeast > 0:
		return fmt.Sprintf("missed by %.0f %%", 100*(1-value/g.atLeast))
	case g.atMost > 0:
		return fmt.Sprintf("missed by %.0f %%", 100*(value/g.atMost-1))
	}
	return ""
}

var goalColumns = []string{"", "median", "min to max", "unit", "ratio", "min to max", "goal", ""}

// goalTable is the table of the goals, as far as they were measured.
func (r *results) goalTable() [][]string {
	table := [][]string{goalColumns}
	for _, g := range goals {
		s := r.byName[g.of]
		if s == nil {
			continue
		}
		all := spreadOf(s.Values)
		row := []string{g.what, figure(all.median), span(all), s.Unit, "", "", g.want, g.verdict(all, r.ratios(g.of, g.to))}
		if ratio := r.ratios(g.of, g.to); len(ratio) > 0 {
			of := spreadOf(ratio)
			row[4], row[5] = fmt.Sprintf("%.2f", of.median), fmt.Sprintf("%.2f to %.2f", of.min, of.max)
		}
		table = append(table, row)
	}
	return table
}

// restTable is every figure of some names that the table of goals does not show.
func (r *results) restTable(named func(string) bool) [][]string {
	table := [][]string{{"", "median", "min to max", "unit", "runs"}}
	for _, s := range r.Samples {
		if !named(s.Name) || slices.ContainsFunc(goals, func(g goal) bool { return g.of == s.Name }) {
			continue
		}
		all := spreadOf(s.Values)
		table = append(table, []string{s.Name, figure(all.median), span(all), s.Unit, fmt.Sprint(len(s.Values))})
	}
	return table
}

func span(s spread) string { return figure(s.min) + " to " + figure(s.max) }

// figure shows three digits that count, or all before the point.
func figure(v float64) string {
	switch {
	case v == float64(int64(v)) || v >= 1000:
		return thousands(int64(v + 0.5))
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	case v >= 1:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.3f", v)
}

func thousands(n int64) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", thousands(n/1000), n%1000)
}

// aligned is a table for a terminal.
func aligned(table [][]string) string {
	width := make([]int, len(table[0]))
	for _, row := range table {
		for i, cell := range row {
			width[i] = max(width[i], len(cell))
		}
	}
	var b strings.Builder
	for _, row := range table {
		var line strings.Builder
		for i, cell := range row {
			fmt.Fprintf(&line, "%-*s  ", width[i], cell)
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	return b.String()
}

// markdown is a table for a document.
func markdown(table [][]string) string {
	var b strings.Builder
	for i, row := range table {
		b.WriteString("| " + strings.Join(row, " | ") + " |\n")
		if i == 0 {
			b.WriteString("|" + strings.Repeat(" --- |", len(row)) + "\n")
		}
	}
	return b.String()
}

// where says on what the figures were measured.
func (r *results) where() string {
	return fmt.Sprintf("%s, %s/%s, %d cores of %s, %s; %d rounds; a large export of %s rows, the others of %s; blast with GOGC=%d.",
		r.Version, r.OS, r.Arch, r.Cores, r.CPU, r.Began.Format("2006-01-02"), r.Rounds, thousands(int64(r.Rows)), thousands(int64(r.Drain)), r.GOGC)
}

// tell prints what was found and writes the files that are asked for.
func (r *results) tell(o options, out io.Writer) error {
	fmt.Fprintf(out, "\n%s\n", r.where())
	for _, table := range [][][]string{r.goalTable(), r.restTable(func(string) bool { return true })} {
		if len(table) > 1 {
			fmt.Fprintf(out, "\n%s", aligned(table))
		}
	}
	for _, t := range r.Tables {
		fmt.Fprintf(out, "\n%s\n%s", t.Title, aligned(t.cells()))
	}
	for _, s := range r.Skipped {
		fmt.Fprintf(out, "\nnot measured: %s\n", s)
	}
	if o.results != "" {
		if err := r.save(o.results); err != nil {
			return err
		}
	}
	if o.write {
		return r.writeDocument("docs")
	}
	return nil
}

// cells are a table's as they are shown.
func (t table) cells() [][]string {
	head := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		head[i] = c.Name
		if c.Unit != "" {
			head[i] += ", " + c.Unit
		}
	}
	cells := [][]string{head}
	for _, row := range t.Rows {
		line := make([]string, len(row))
		for i, v := range row {
			line[i] = figure(v)
		}
		cells = append(cells, line)
	}
	return cells
}

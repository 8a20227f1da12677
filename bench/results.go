package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"
)

// results are what a run has found, and where.
type results struct {
	Version string    `json:"version"` // of tillpost, with its commit
	Go      string    `json:"go"`
	OS      string    `json:"os"`
	Arch    string    `json:"arch"`
	CPU     string    `json:"cpu"`
	Cores   int       `json:"cores"`
	Began   time.Time `json:"began"`
	Rounds  int       `json:"rounds"`
	Rows    int       `json:"rows"`
	Drain   int       `json:"drain_rows"`
	GOGC    int       `json:"blast_gogc"`
	Quick   bool      `json:"quick,omitempty"`
	Skipped []string  `json:"skipped,omitempty"` // what this machine does not allow, and why
	Samples []*sample `json:"samples"`
	Tables  []table   `json:"tables,omitempty"` // growth and old hardware
	byName  map[string]*sample
}

// sample is one figure, as often as it was measured.
type sample struct {
	Name   string    `json:"name"`
	Unit   string    `json:"unit"`
	Values []float64 `json:"values"`
}

// table is a figure for each of several sizes.
type table struct {
	Name    string      `json:"name"`
	Title   string      `json:"title"`
	Columns []column    `json:"columns"` // the first is what varies
	Plot    string      `json:"plot"`    // what the plot's height is
	Lines   []int       `json:"lines"`   // which columns are plotted
	Rows    [][]float64 `json:"rows"`
}

type column struct {
	Name string `json:"name"`
	Unit string `json:"unit,omitempty"`
}

func newResults(ctx context.Context, o options, binary string) (*results, error) {
	version, err := exec.CommandContext(ctx, binary, "version").Output()
	if err != nil {
		return nil, fmt.Errorf("%s version: %w", binary, err)
	}
	return &results{Version: strings.Join(strings.Fields(string(version)), " "), Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH,
		CPU: processor(), Cores: runtime.NumCPU(), Began: time.Now().UTC().Truncate(time.Second), Rounds: o.rounds, Rows: o.rows, Drain: o.drain,
		GOGC: o.gogc, Quick: o.quick, byName: map[string]*sample{}}, nil
}

// add notes a figure of one round.
func (r *results) add(name, unit string, value float64) {
	s := r.byName[name]
	if s == nil {
		s = &sample{Name: name, Unit: unit}
		r.byName[name] = s
		r.Samples = append(r.Samples, s)
	}
	s.Values = append(s.Values, value)
}

// seconds notes a time of one round.
func (r *results) seconds(name string, d time.Duration) { r.add(name, "s", d.Seconds()) }

// skip notes what is not measured.
func (r *results) skip(format string, args ...any) {
	r.Skipped = append(r.Skipped, fmt.Sprintf(format, args...))
}

// spread is minimum, median and maximum.
type spread struct{ min, median, max float64 }

// spreadOf is that of some values, of which there must be one.
func spreadOf(values []float64) spread {
	list := slices.Sorted(slices.Values(values))
	n := len(list)
	return spread{list[0], (list[(n-1)/2] + list[n/2]) / 2, list[n-1]}
}

// quantile is the value that a share q of all do not exceed.
func quantile(values []float64, q float64) float64 {
	list := slices.Sorted(slices.Values(values))
	return list[min(int(q*float64(len(list))), len(list)-1)]
}

// ratios are those of two samples, round by round: what else the machine did was the same for both.
func (r *results) ratios(of, to string) []float64 {
	a, b := r.byName[of], r.byName[to]
	if a == nil || b == nil {
		return nil
	}
	list := make([]float64, min(len(a.Values), len(b.Values)))
	for i := range list {
		list[i] = a.Values[i] / b.Values[i]
	}
	return list
}

// save writes the results as JSON, and one line a figure and round as Go's benchmarks print them, for benchstat.
func (r *results) save(name string) error {
	text, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	if err := os.WriteFile(name+".json", append(text, '\n'), 0o644); err != nil {
		return err
	}
	return os.WriteFile(name+".txt", []byte(r.benchmarks()), 0o644)
}

// benchmarks are the results in the format of Go's benchmarks.
func (r *results) benchmarks() string {
	var b strings.Builder
	fmt.Fprintf(&b, "goos: %s\ngoarch: %s\npkg: tillpost/bench\ncpu: %s\n", r.OS, r.Arch, r.CPU)
	for _, s := range r.Samples {
		for _, v := range s.Values {
			value, unit := v, s.Unit
			if unit == "s" { // what benchstat knows
				value, unit = v*1e9, "ns/op"
			}
			fmt.Fprintf(&b, "Benchmark/%s 1 %g %s\n", strings.ReplaceAll(s.Name, " ", "-"), value, strings.ReplaceAll(unit, " ", "-"))
		}
	}
	return b.String()
}

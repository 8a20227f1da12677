package main

import (
	"flag"
	"fmt"
	"slices"
	"strings"
)

// options are what a run measures, and how much of it.
type options struct {
	only    []string // sections; empty = all that are not far
	rounds  int
	rows    int      // of the large export
	drain   int      // rows of the exports that are drained, changed and killed
	gogc    int      // blast's: the agent's own
	quick   bool     // everything small, to see that it works
	binary  string   // "" = it is built
	folder  string   // in which the temporary folder is made
	results string   // the files' name, without .json and .txt; "" = none
	from    []string // results of earlier runs, to be told again; then nothing is measured
	write   bool     // into docs/performance.md and docs/images
}

// parseOptions reads the flags. Its errors name the flag that is wrong.
func parseOptions(args []string) (options, error) {
	var o options
	var only, from string
	f := flag.NewFlagSet("bench", flag.ExitOnError)
	f.StringVar(&only, "only", "", "sections, with commas: "+strings.Join(sectionNames(), ", ")+"; `all` = also growth and old")
	f.IntVar(&o.rounds, "rounds", 0, "how often each is measured (default 5)")
	f.IntVar(&o.rows, "rows", 0, "rows of the large export (default 1000000)")
	f.IntVar(&o.drain, "drain-rows", 0, "rows of the exports that are drained, changed and killed (default 100000)")
	f.IntVar(&o.gogc, "gogc", 400, "GOGC of blast: the one that the agent has, see cli/memory.go")
	f.BoolVar(&o.quick, "quick", false, "everything small: whether it works, no figures")
	f.StringVar(&o.binary, "binary", "", "the tillpost to measure (default: built as a release is)")
	f.StringVar(&o.folder, "dir", "", "where the temporary folder is made: its disk is measured (default: the system's)")
	f.StringVar(&o.results, "o", "", "write NAME.json, and NAME.txt for benchstat")
	f.StringVar(&from, "from", "", "measure nothing, and put together what earlier runs wrote with -o: NAME.json, with commas")
	f.BoolVar(&o.write, "write", false, "write the figures into docs/performance.md and docs/images")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("unknown argument %q", f.Arg(0))
	}
	if only != "" {
		o.only = strings.Split(only, ",")
	}
	if from != "" {
		o.from = strings.Split(from, ",")
	}
	for _, name := range o.only {
		if name != "all" && !slices.Contains(sectionNames(), name) {
			return o, fmt.Errorf("-only %s: there are %s, all", name, strings.Join(sectionNames(), ", "))
		}
	}
	return o.withDefaults(), nil
}

func (o options) withDefaults() options {
	rounds, rows, drain := 5, 1_000_000, 100_000
	if o.quick {
		rounds, rows, drain = 1, 5_000, 1_000
	}
	if o.rounds == 0 {
		o.rounds = rounds
	}
	if o.rows == 0 {
		o.rows = rows
	}
	if o.drain == 0 {
		o.drain = drain
	}
	return o
}

func (o options) wants(s section) bool {
	if len(o.only) == 0 {
		return !s.far
	}
	return slices.Contains(o.only, s.name) || slices.Contains(o.only, "all")
}

func sectionNames() []string {
	names := make([]string, len(sections))
	for i, s := range sections {
		names[i] = s.name
	}
	return names
}

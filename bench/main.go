// Bench measures tillpost as a store runs it, beside what the same machine can do at the best, in the same minutes.
//
//	go run ./bench [-quick] [-only intake,drain] [-rounds 5] [-rows 1000000] [-write]
//
// It imports nothing of tillpost. It builds the real binary as a release is built, starts it on a config in a temporary
// folder, and looks at it from outside: through files, its log, `tillpost status --json`, /proc, and a server that counts.
// Whatever else takes part is a process of its own, which is this program once more (see role.go):
//
//   - the sink, a bare net/http server in the API's place. It shares the cores with whoever posts to it.
//   - blast, a bare net/http client that posts the bodies that the agent would.
//   - the bases: encoding/csv, a line scan and bbolt, on the same rows.
//
// Runs take turns (base, agent, base, agent), so that what else the machine does is the same for all. What matters are the
// ratios of one round; of them minimum, median and maximum are told. docs/performance.md says what each figure means.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
)

func main() {
	if done, err := playRole(); done {
		exit(err)
	}
	o, err := parseOptions(os.Args[1:])
	if err != nil {
		exit(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err = measure(ctx, o, os.Stdout)
	stop()
	exit(err)
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// section measures one thing, in rounds.
type section struct {
	name string
	what string
	run  func(context.Context, *bench) error
	far  bool // it takes so long that it must be asked for
}

var sections = []section{
	{name: "intake", what: "a large export, new and once more in other bytes", run: intakeSection},
	{name: "drain", what: "requests a second, and CPU a row", run: drainSection},
	{name: "whole", what: "a large export to its last acknowledgement: memory, CPU a row, and the same rows again", run: wholeSection},
	{name: "delta", what: "an export of which little has changed", run: deltaSection},
	{name: "idle", what: "an agent that has nothing to do", run: idleSection},
	{name: "latency", what: "from a file at rest to the first request", run: latencySection},
	{name: "kill", what: "what is repeated after kill -9", run: killSection},
	{name: "size", what: "the binary", run: sizeSection},
	{name: "growth", what: "how cost grows with rows, keys, files, sources, what waits, and answer latency", run: growthSection, far: true},
	{name: "old", what: "the agent held to a fifth of a core and 64 MB, on a slow disk", run: oldSection, far: true},
}

// measure runs the sections that are asked for and tells what came of them.
func measure(ctx context.Context, o options, out io.Writer) (err error) {
	if len(o.from) > 0 {
		r, err := readResults(o.from)
		if err != nil {
			return err
		}
		return r.tell(o, out)
	}
	b, err := newBench(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	for _, s := range sections {
		if !o.wants(s) {
			continue
		}
		b.say("%s: %s", s.name, s.what)
		if err := s.run(ctx, b); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return b.results.tell(o, out)
}

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"time"
)

const (
	// latencySettle is how long the small exports must lie still, which does not count. It is longer than the least time
	// between two looks at a folder, 250 ms, as a store's is.
	latencySettle = 300 * time.Millisecond
	// latencyPause is between two exports, so that each comes into a folder at which nobody has just looked.
	latencyPause = 300 * time.Millisecond
)

// small is the export that a POS writes after a sale.
const small = 20 // rows

// latencySection drops small exports one by one, and measures from the moment in which a file is at rest, which is its
// renaming and `settle` later, to the first request at the sink. A second agent does the same under strace, which notes its
// flushes: how long they took between the two moments is known for each export, and taken off. Bare flushes on the same
// disk are measured beside.
func latencySection(ctx context.Context, b *bench) error {
	exports := 60
	if b.o.quick {
		exports = 3
	}
	var gross, net, flushes, counts []float64
	err := b.rounds(func(int) error {
		g, err := b.latencies(ctx, nil, exports)
		if err != nil {
			return err
		}
		for _, m := range g {
			gross = append(gross, milli(m.took))
		}
		f, err := bareFlushes(b.dir, exports)
		flushes = append(flushes, f...)
		if err != nil || !canTrace(ctx) {
			return err
		}
		traced, err := b.tracedLatencies(ctx, exports)
		for _, m := range traced {
			net, counts = append(net, milli(m.took-m.flushed)), append(counts, float64(m.flushes))
		}
		return err
	})
	if err != nil {
		return err
	}
	b.results.add("latency exports", "files", float64(len(gross)))
	for _, s := range []struct {
		name   string
		values []float64
	}{{"latency %s", gross}, {"latency %s net", net}, {"latency bare flush %s", flushes}} {
		if len(s.values) > 0 {
			b.results.add(fmt.Sprintf(s.name, "p50"), "ms", quantile(s.values, 0.5))
			b.results.add(fmt.Sprintf(s.name, "p99"), "ms", quantile(s.values, 0.99))
			b.results.add(fmt.Sprintf(s.name, "max"), "ms", slices.Max(s.values))
		}
	}
	if len(counts) == 0 {
		b.results.skip("what the agent's own flushes take of the latency: strace does not work here")
		return nil
	}
	b.results.add("latency flushes", "calls", quantile(counts, 0.5))
	return nil
}

// moment is one small export.
type moment struct {
	rest    time.Time     // when it was at rest
	first   time.Time     // when the first request came
	took    time.Duration // between the two
	flushed time.Duration // of that, what the agent waited for the disk
	flushes int
}

// latencies drops so many exports before an agent that may be started by something else.
func (b *bench) latencies(ctx context.Context, before []string, exports int) (list []moment, err error) {
	s, err := b.newStore(setup{source: fmt.Sprintf("    settle: %v\n", latencySettle)})
	if err != nil {
		return nil, err
	}
	s.before = before
	defer func() { err = errors.Join(err, s.remove()) }()
	if _, err := s.start(ctx); err != nil {
		return nil, err
	}
	for n := range exports {
		m, err := b.latencyOnce(ctx, s, n)
		if err != nil {
			return nil, err
		}
		if n > 0 { // before the first one nothing is known of the source
			list = append(list, m)
		}
	}
	return list, s.stop()
}

func (b *bench) latencyOnce(ctx context.Context, s *store, n int) (m moment, err error) {
	c := plain(small, "a").edited(1000, 1+n%8)
	file := s.path(fmt.Sprintf("export-%d", n))
	if err := errors.Join(b.sink.reset(sinkSpec{Catalogue: c}), c.write(file)); err != nil {
		return m, err
	}
	if err := os.Rename(file, s.path(fmt.Sprintf("in/stock-%d.csv", n))); err != nil {
		return m, err
	}
	m.rest = time.Now().Add(latencySettle)
	var seen sinkCount
	err = until(ctx, "a small export is delivered", 5*time.Millisecond, func() (bool, error) {
		seen, err = b.sink.count()
		return seen.Keys == small, errors.Join(err, s.alive())
	})
	if err != nil {
		return m, s.explain(err)
	}
	m.first = time.Unix(0, seen.First)
	m.took = m.first.Sub(m.rest)
	return m, pause(ctx, latencyPause+rand.N(50*time.Millisecond)) // no two moments are alike
}

// traceFlags make strace stand beside the agent, not above it, and stop it at flushes alone.
var traceFlags = []string{"strace", "-D", "-f", "--seccomp-bpf", "-ttt", "-T", "-e", "trace=fsync,fdatasync", "-o"}

func canTrace(ctx context.Context) bool {
	args := append(slices.Clone(traceFlags[1:]), os.DevNull, "true")
	return exec.CommandContext(ctx, traceFlags[0], args...).Run() == nil
}

// tracedLatencies is latencies of an agent whose flushes are noted.
func (b *bench) tracedLatencies(ctx context.Context, exports int) ([]moment, error) {
	trace := filepath.Join(b.dir, "flushes")
	list, err := b.latencies(ctx, append(slices.Clone(traceFlags), trace), exports)
	if err != nil {
		return nil, err
	}
	calls, err := readTrace(trace)
	if err != nil {
		return nil, err
	}
	for i := range list {
		m := &list[i]
		m.flushed, m.flushes = waited(calls, m.rest, m.first)
	}
	return list, os.Remove(trace)
}

// call is a flush as strace noted it.
type call struct{ begin, end time.Time }

// traceLine is a call that was noted in one piece, or its end where another thread's stood between; both tell how long it took.
var traceLine = regexp.MustCompile(`^\d+ +(\d+\.\d+) (?:(?:fsync|fdatasync)\(.*|<\.\.\. (?:fsync|fdatasync) resumed>.*)<(\d+\.\d+)>$`)

// readTrace reads what strace noted, which may still be writing its last line.
func readTrace(name string) (calls []call, err error) {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if c, ok := parseCall(lines.Text()); ok {
			calls = append(calls, c)
		}
	}
	return calls, lines.Err()
}

func parseCall(line string) (c call, ok bool) {
	m := traceLine.FindStringSubmatch(line)
	if m == nil {
		return c, false
	}
	at, err1 := strconv.ParseFloat(m[1], 64)
	took, err2 := strconv.ParseFloat(m[2], 64)
	moment, length := time.UnixMicro(int64(at*1e6)), time.Duration(took*float64(time.Second))
	if regexp.MustCompile(`resumed>`).MatchString(line) { // its time is that of the end
		return call{moment.Add(-length), moment}, errors.Join(err1, err2) == nil
	}
	return call{moment, moment.Add(length)}, errors.Join(err1, err2) == nil
}

// waited is the time between two moments in which at least one flush was on, and how many began or ended there.
func waited(calls []call, from, to time.Time) (sum time.Duration, n int) {
	slices.SortFunc(calls, func(a, b call) int { return a.begin.Compare(b.begin) })
	for _, c := range calls {
		if c.begin.Before(from) {
			c.begin = from
		}
		if c.end.After(to) {
			c.end = to
		}
		if c.end.After(c.begin) {
			sum += c.end.Sub(c.begin)
			from = c.end
			n++
		}
	}
	return sum, n
}

// bareFlushes writes a page and flushes it, so many times, in ms.
func bareFlushes(folder string, n int) (list []float64, err error) {
	f, err := os.CreateTemp(folder, "flush-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	page := make([]byte, 16<<10)
	for range n {
		if _, err := f.WriteAt(page, 0); err != nil {
			return nil, err
		}
		began := time.Now()
		if err := flush(f); err != nil {
			return nil, err
		}
		list = append(list, milli(time.Since(began)))
	}
	return list, nil
}

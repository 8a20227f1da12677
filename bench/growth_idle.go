package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// window is how long an idle agent is looked at where it is one of many sizes.
func (b *bench) window() time.Duration {
	if b.o.quick {
		return 300 * time.Millisecond
	}
	return 30 * time.Second
}

// growFiles lets more and more old exports lie in a folder that is looked at each second, or less often where a look takes long.
func (b *bench) growFiles(ctx context.Context) error {
	t := table{Name: "files", Title: "Exports in the folder", Plot: "milliseconds of CPU a second", Lines: []int{2},
		Columns: []column{{"files", ""}, {"start, until ready", "s"}, {"CPU of looks", "ms a second"}, {"anonymous memory", "MB"}, {"a new export, until it was taken", "ms"}}}
	return b.grow(ctx, t, b.sizes(b.o.rows/10, 100, 1000, 10_000, 100_000), b.growFilesOnce)
}

// grow measures a line of the table for each size.
func (b *bench) grow(ctx context.Context, t table, sizes []int, once func(context.Context, int) ([]float64, error)) error {
	for _, n := range sizes {
		b.say("growth: %s %s", thousands(int64(n)), t.Name)
		line, err := once(ctx, n)
		if err != nil {
			return fmt.Errorf("%d %s: %w", n, t.Name, err)
		}
		t.Rows = append(t.Rows, line)
	}
	b.results.Tables = append(b.results.Tables, t)
	return nil
}

func (b *bench) growFilesOnce(ctx context.Context, n int) (line []float64, err error) {
	s, err := b.newStore(setup{source: "    rescan: 1s\n"})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.remove()) }()
	if err := s.fill(n); err != nil {
		return nil, err
	}
	c := plain(small, "a")
	if err := b.sink.reset(sinkSpec{Catalogue: c}); err != nil {
		return nil, err
	}
	started, err := s.startReady(ctx)
	if err != nil {
		return nil, err
	}
	cpu, now, err := s.idle(ctx, b.window())
	if err != nil {
		return nil, err
	}
	_, wall, err := s.take(ctx, c, "stock-new.csv")
	if err != nil {
		return nil, err
	}
	return []float64{float64(n), started.Seconds(), milli(cpu) / b.window().Seconds(), now.anonymous, milli(wall)}, s.stop()
}

// fill lays so many exports of last year into the folder.
func (s *store) fill(n int) error {
	old := time.Now().Add(-365 * 24 * time.Hour)
	c := plain(small, "z")
	text := []byte(header)
	for i := range c.Rows {
		text = c.appendRow(text, i)
	}
	for i := range n {
		name := s.path(fmt.Sprintf("in/stock-%06d.csv", i))
		at := old.Add(time.Duration(i) * time.Second)
		if err := errors.Join(os.WriteFile(name, text, 0o600), os.Chtimes(name, at, at)); err != nil {
			return err
		}
	}
	flushAll()
	return nil
}

// startReady starts the agent, and tells how long it takes until that has dealt with all that its first looks found; then it
// waits until all is delivered.
func (s *store) startReady(ctx context.Context) (took time.Duration, err error) {
	began := time.Now()
	if _, err := s.start(ctx); err != nil {
		return 0, err
	}
	err = until(ctx, "the agent has dealt with what is there", 20*time.Millisecond, func() (bool, error) {
		st, err := s.status(ctx)
		return st.Ready, errors.Join(err, s.alive())
	})
	if err != nil {
		return 0, err
	}
	took = time.Since(began)
	return took, s.forgetTaken(ctx)
}

// forgetTaken waits until nothing more is delivered, and passes over what the log said of exports so far.
func (s *store) forgetTaken(ctx context.Context) error {
	err := until(ctx, "all is delivered", 50*time.Millisecond, func() (bool, error) {
		st, err := s.status(ctx)
		return st.Pending == 0, errors.Join(err, s.alive())
	})
	for len(s.taken) > 0 {
		<-s.taken
	}
	return err
}

// growSources gives an agent more and more sources.
func (b *bench) growSources(ctx context.Context) error {
	t := table{Name: "sources", Title: "Sources", Plot: "milliseconds of CPU a minute", Lines: []int{3},
		Columns: []column{{"sources", ""}, {"start, until ready", "s"}, {"anonymous memory", "MB"}, {"idle CPU", "ms/min"}}}
	return b.grow(ctx, t, b.sizes(200, 1, 10, 50, 200), b.growSourcesOnce)
}

func (b *bench) growSourcesOnce(ctx context.Context, n int) (line []float64, err error) {
	var sources strings.Builder
	for i := range n {
		fmt.Fprintf(&sources, "  - name: s%d\n    folder: in/s%d\n    settle: 0s\n    settle_last: 0s\n", i, i)
	}
	s, err := b.newStore(setup{sources: sources.String()})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.remove()) }()
	for i := range n {
		folder := s.path(fmt.Sprintf("in/s%d", i))
		c := catalogue{Rows: 100, Stores: 1, Salt: fmt.Sprint(i)}
		if err := errors.Join(os.Mkdir(folder, 0o700), c.write(folder+"/stock-1.csv")); err != nil {
			return nil, err
		}
	}
	if err := b.sink.reset(sinkSpec{Catalogue: plain(100, "")}); err != nil {
		return nil, err
	}
	started, err := s.startReady(ctx)
	if err == nil {
		err = pause(ctx, b.window()/6)
	}
	if err != nil {
		return nil, err
	}
	cpu, now, err := s.idle(ctx, b.window())
	if err != nil {
		return nil, err
	}
	return []float64{float64(n), started.Seconds(), now.anonymous, milli(cpu) * float64(time.Minute) / float64(b.window())}, s.stop()
}

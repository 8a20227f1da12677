package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// growthSection measures each cost at several sizes, once: what matters is the shape.
func growthSection(ctx context.Context, b *bench) error {
	return errors.Join(b.growRows(ctx), b.orders(ctx), b.growFiles(ctx), b.growSources(ctx), b.growLatency(ctx))
}

// sizes are those at which something is measured: of all of them, those up to the most.
func (b *bench) sizes(most int, all ...int) (list []int) {
	if b.o.quick {
		return []int{all[0], all[1]}
	}
	for _, n := range all {
		if n <= most {
			list = append(list, n)
		}
	}
	return list
}

// growRows takes exports of more and more rows. The same agents show what so many keys and so many waiting updates cost.
func (b *bench) growRows(ctx context.Context) error {
	rows := table{Name: "rows", Title: "Rows of an export", Plot: "seconds", Lines: []int{1, 2},
		Columns: []column{{"rows", ""}, {"new", "s"}, {"same rows again", "s"}, {"new", "us/row"}, {"same", "us/row"}, {"anonymous memory at the peak", "MB"}}}
	keys := table{Name: "keys", Title: "Keys that are known", Plot: "seconds", Lines: []int{1},
		Columns: []column{{"keys", ""}, {"an export of 1,000 changed rows", "s"}, {"outbox.db", "MB"}}}
	waiting := table{Name: "waiting", Title: "Updates that wait", Plot: "seconds", Lines: []int{1, 2},
		Columns: []column{{"waiting", ""}, {"start, until commands are served", "s"}, {"start, until the first request", "s"}, {"anonymous memory", "MB"}, {"drain", "req/s"}}}
	for _, n := range b.sizes(5*b.o.rows, 1000, 10_000, 100_000, 1_000_000, 5_000_000) {
		b.say("growth: %s rows", thousands(int64(n)))
		g, err := b.growRowsOnce(ctx, n)
		if err != nil {
			return fmt.Errorf("%d rows: %w", n, err)
		}
		size := float64(n)
		rows.Rows = append(rows.Rows, []float64{size, g.fresh.Seconds(), g.same.Seconds(), micro(g.fresh) / size, micro(g.same) / size, g.anonymous})
		keys.Rows = append(keys.Rows, []float64{size, g.changed.Seconds(), g.file})
		waiting.Rows = append(waiting.Rows, []float64{size, g.start.Seconds(), g.first.Seconds(), g.waiting, g.rate})
	}
	b.results.Tables = append(b.results.Tables, rows, keys, waiting)
	return nil
}

// grown is what an agent with so many rows cost.
type grown struct {
	fresh, same, changed time.Duration
	start, first         time.Duration
	anonymous, waiting   float64 // MB
	file                 float64 // MB
	rate                 float64
}

func (b *bench) growRowsOnce(ctx context.Context, n int) (g grown, err error) {
	fresh := plain(n, "a")
	s, err := b.paused(ctx, setup{})
	if err != nil {
		return g, err
	}
	defer func() { err = errors.Join(err, s.remove()) }()
	w, err := watchProcess(s.pid())
	if err != nil {
		return g, err
	}
	for _, step := range []struct {
		c    catalogue
		name string
		took *time.Duration
	}{{fresh, "stock-1.csv", &g.fresh}, {plain(n, "b"), "stock-2.csv", &g.same}, {plain(min(n, 1000), "c").edited(1000, 1), "sales-1.csv", &g.changed}} {
		t, _, err := s.take(ctx, step.c, step.name)
		if err != nil {
			return g, err
		}
		*step.took = t.took
	}
	if _, g.anonymous, _, err = w.stop(); err != nil {
		return g, err
	}
	about, err := os.Stat(s.path("data/outbox.db"))
	if err != nil {
		return g, err
	}
	g.file = float64(about.Size()) / 1e6
	if err := errors.Join(s.stop(), b.startWaiting(ctx, s, fresh, &g)); err != nil {
		return g, err
	}
	return g, errors.Join(os.Remove(b.path(fresh)), os.Remove(b.path(plain(n, "b"))))
}

// startWaiting starts an agent with so many waiting updates, and lets it send some of them.
func (b *bench) startWaiting(ctx context.Context, s *store, c catalogue, g *grown) (err error) {
	if g.start, err = s.start(ctx); err != nil { // still paused
		return err
	}
	now, err := usageOf(s.pid())
	if err != nil {
		return err
	}
	g.waiting = now.anonymous
	if err := s.stop(); err != nil {
		return err
	}
	if _, err := s.command(ctx, "resume"); err != nil {
		return err
	}
	if err := b.sink.reset(sinkSpec{Catalogue: c}); err != nil {
		return err
	}
	began := time.Now()
	if _, err := s.start(ctx); err != nil {
		return err
	}
	var seen sinkCount
	err = until(ctx, "some are sent", 10*time.Millisecond, func() (bool, error) {
		seen, err = b.sink.count()
		return seen.Requests >= int64(min(c.Rows, 50_000)), errors.Join(err, s.alive())
	})
	if err != nil {
		return s.explain(err)
	}
	g.first, g.rate = time.Unix(0, seen.First).Sub(began), seen.rate()
	return s.kill()
}

// orders takes the large export shuffled, and with each product in four stores.
func (b *bench) orders(ctx context.Context) error {
	for name, c := range map[string]catalogue{
		"shuffled":    {Rows: b.o.rows, Stores: 1, Salt: "a", Shuffled: true},
		"four stores": {Rows: b.o.rows, Stores: 4, Salt: "a"},
	} {
		if err := b.orderOnce(ctx, name, c); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func (b *bench) orderOnce(ctx context.Context, name string, c catalogue) (err error) {
	s, err := b.paused(ctx, setup{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.remove()) }()
	fresh, _, err := s.take(ctx, c, "stock-1.csv")
	if err != nil {
		return err
	}
	again := c
	again.Salt = "b"
	same, _, err := s.take(ctx, again, "stock-2.csv")
	b.results.seconds("growth "+name+" new", fresh.took)
	b.results.seconds("growth "+name+" same", same.took)
	return errors.Join(err, os.Remove(b.path(c)), os.Remove(b.path(again)))
}

// answerTimes are how long the API takes for an answer.
var answerTimes = []time.Duration{0, 20 * time.Millisecond, 100 * time.Millisecond}

// growLatency measures the drain by concurrency and by how long an answer takes.
func (b *bench) growLatency(ctx context.Context) error {
	t := table{Name: "latency", Title: "Requests a second, by concurrency and by how long an answer takes", Plot: "requests a second", Lines: []int{1, 2, 3},
		Columns: []column{{"concurrency", ""}}}
	for _, delay := range answerTimes {
		t.Columns = append(t.Columns, column{fmt.Sprintf("answers after %v", delay), "req/s"})
	}
	for _, n := range b.sizes(64, 1, 4, 8, 16, 64) {
		line := []float64{float64(n)}
		for _, delay := range answerTimes {
			b.say("growth: concurrency %d, answers after %v", n, delay)
			d, err := b.drain(ctx, plain(b.enough(n, delay), "a"), n, delay)
			if err != nil {
				return fmt.Errorf("concurrency %d, answers after %v: %w", n, delay, err)
			}
			line = append(line, d.rate)
		}
		t.Rows = append(t.Rows, line)
	}
	b.results.Tables = append(b.results.Tables, t)
	return nil
}

// enough is how many rows are drained in some seconds.
func (b *bench) enough(concurrency int, delay time.Duration) int {
	window := 5 * time.Second
	if b.o.quick {
		window = 200 * time.Millisecond
	}
	if delay == 0 {
		return b.o.drain / 4
	}
	return min(max(20, int(window/delay)*concurrency), b.o.drain/4)
}

package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// concurrencies are those of the table.
var concurrencies = []int{1, 8, 64}

// drainSection lets blast and the agent post the same updates in turns. The agent has read them before, and every
// acknowledgement is on disk when it counts as done.
func drainSection(ctx context.Context, b *bench) error {
	c := plain(b.o.drain, "a")
	return b.rounds(func(int) error {
		for _, n := range concurrencies {
			r, err := b.blast(ctx, sinkSpec{Catalogue: c}, n)
			if err != nil {
				return err
			}
			b.results.add(fmt.Sprintf("blast %d", n), "req/s", r.rate)
			b.results.add(fmt.Sprintf("blast cpu %d", n), "us/row", micro(r.cpu))
			d, err := b.drain(ctx, c, n, 0)
			if err != nil {
				return err
			}
			b.results.add(fmt.Sprintf("drain %d", n), "req/s", d.rate)
			b.results.add(fmt.Sprintf("drain cpu %d", n), "us/row", micro(d.cpu))
		}
		return nil
	})
}

// drained is what the delivery of a queue came to.
type drained struct {
	rate  float64       // requests a second, as the sink saw them
	cpu   time.Duration // of a row, from the file to its acknowledgement on disk
	stall time.Duration // from the last answer until nothing waited on disk, the question included
}

// drain lets a new agent read a catalogue, and then send it.
func (b *bench) drain(ctx context.Context, c catalogue, concurrency int, delay time.Duration) (d drained, err error) {
	s, err := b.paused(ctx, setup{api: fmt.Sprintf("  concurrency: %d\n", concurrency)})
	if err != nil {
		return d, err
	}
	defer func() { err = errors.Join(err, s.remove()) }()
	w, err := watchProcess(s.pid())
	if err != nil {
		return d, err
	}
	if _, _, err := s.take(ctx, c, "stock-1.csv"); err != nil {
		return d, err
	}
	if err := b.sink.reset(sinkSpec{c, delay}); err != nil {
		return d, err
	}
	if _, err := s.command(ctx, "resume"); err != nil {
		return d, err
	}
	seen, err := s.acknowledged(ctx, c, c.Rows)
	if err != nil {
		return d, err
	}
	d.stall = time.Since(time.Unix(0, seen.Last))
	cpu, _, _, err := w.stop()
	if err != nil {
		return d, err
	}
	st, err := s.status(ctx)
	if err != nil {
		return d, err
	}
	if seen, err = b.sink.count(); err != nil {
		return d, err
	}
	if n := int64(c.Rows); seen.Requests != n || st.Delivered != n {
		return d, fmt.Errorf("%d requests, %d delivered; want %d of both", seen.Requests, st.Delivered, n)
	}
	d.rate, d.cpu = seen.rate(), cpu/time.Duration(c.Rows)
	return d, s.stop()
}

func micro(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

func milli(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

package main

import (
	"context"
	"errors"
	"os"
	"time"
)

// idleSection measures an agent that has delivered everything and has nothing to do, with its status page served and nobody
// looking, as a store has it.
func idleSection(ctx context.Context, b *bench) (err error) {
	settling, window := 30*time.Second, time.Minute
	if b.o.quick {
		settling, window = 200*time.Millisecond, 300*time.Millisecond
	}
	s, err := b.delivered(ctx, setup{status: "127.0.0.1:0"}, plain(b.o.drain, "a"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.remove()) }()
	if err := pause(ctx, settling); err != nil {
		return err
	}
	return errors.Join(b.rounds(func(int) error { return b.idleOnce(ctx, s, window) }), s.stop())
}

func (b *bench) idleOnce(ctx context.Context, s *store, window time.Duration) error {
	cpu, now, err := s.idle(ctx, window)
	if err != nil {
		return err
	}
	b.results.add("idle cpu", "s/min", cpu.Seconds()*float64(time.Minute)/float64(window))
	b.results.add("idle anonymous", "MB", now.anonymous)
	b.results.add("idle resident", "MB", now.resident)
	return nil
}

// idle watches the agent for so long, and tells how much CPU that took, and what it holds in the end.
func (s *store) idle(ctx context.Context, window time.Duration) (cpu time.Duration, now usage, err error) {
	began, err := exactCPU(s.pid())
	if err != nil {
		return 0, now, err
	}
	if err := pause(ctx, window); err != nil {
		return 0, now, err
	}
	ended, err := exactCPU(s.pid())
	if err != nil {
		return 0, now, err
	}
	now, err = usageOf(s.pid())
	return ended - began, now, err
}

// delivered is a new store whose agent has read a catalogue and delivered it.
func (b *bench) delivered(ctx context.Context, how setup, c catalogue) (_ *store, err error) {
	s, err := b.newStore(how)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.remove())
		}
	}()
	if err := b.sink.reset(sinkSpec{Catalogue: c}); err != nil {
		return nil, err
	}
	if _, err := s.start(ctx); err != nil {
		return nil, err
	}
	if _, _, err := s.take(ctx, c, "stock-1.csv"); err != nil {
		return nil, err
	}
	_, err = s.acknowledged(ctx, c, c.Rows)
	return s, err
}

// sizeSection weighs the binary.
func sizeSection(_ context.Context, b *bench) error {
	about, err := os.Stat(b.binary)
	if err != nil {
		return err
	}
	b.results.add("size binary", "MB", float64(about.Size())/1e6)
	return nil
}

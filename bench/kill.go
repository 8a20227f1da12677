package main

import (
	"context"
	"errors"
	"time"
)

// killSection kills the agent in the middle of the drain and starts it again: what was on its way, or was answered and not
// yet written down, is sent a second time, and nothing else is.
func killSection(ctx context.Context, b *bench) error {
	c := plain(b.o.drain, "a")
	return b.rounds(func(round int) error {
		at := 1 + c.Rows*(1+round%8)/10 // at 10 % of the requests, 20 %...
		repeated, err := b.killOnce(ctx, setup{}, c, at)
		if err != nil {
			return err
		}
		b.results.add("kill repeated", "requests", float64(repeated))
		return nil
	})
}

// killOnce kills the agent once so many requests were made. It returns how many of all were repeated in the end.
func (b *bench) killOnce(ctx context.Context, how setup, c catalogue, at int) (repeated int64, err error) {
	s, err := b.paused(ctx, how)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.remove()) }()
	if _, _, err := s.take(ctx, c, "stock-1.csv"); err != nil {
		return 0, err
	}
	if err := b.sink.reset(sinkSpec{Catalogue: c}); err != nil {
		return 0, err
	}
	if _, err := s.command(ctx, "resume"); err != nil {
		return 0, err
	}
	if err := s.killAt(ctx, at); err != nil {
		return 0, err
	}
	if _, err := s.start(ctx); err != nil {
		return 0, err
	}
	seen, err := s.acknowledged(ctx, c, c.Rows)
	if err != nil {
		return 0, err
	}
	return seen.Requests - seen.Keys, s.stop()
}

// killAt kills the agent once the sink has seen so many requests.
func (s *store) killAt(ctx context.Context, requests int) error {
	err := until(ctx, "the drain is on its way", time.Millisecond, func() (bool, error) {
		seen, err := s.b.sink.count()
		return seen.Requests >= int64(requests), errors.Join(err, s.alive())
	})
	if err != nil {
		return s.explain(err)
	}
	return s.kill()
}

package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// wholeSection takes a large export all the way, with nothing held back: it is read while its first rows are sent. Then the
// same rows come in other bytes, and no request may follow. It takes as long as the drain of so many, so it is done twice
// at the most.
func wholeSection(ctx context.Context, b *bench) error {
	for range min(b.o.rounds, 2) {
		if err := b.wholeOnce(ctx, plain(b.o.rows, "a"), plain(b.o.rows, "b")); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) wholeOnce(ctx context.Context, fresh, same catalogue) (err error) {
	s, err := b.newStore(setup{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.remove()) }()
	if err := b.sink.reset(sinkSpec{Catalogue: fresh}); err != nil {
		return err
	}
	if _, err := s.start(ctx); err != nil {
		return err
	}
	w, err := watchProcess(s.pid())
	if err != nil {
		return err
	}
	began := time.Now()
	if _, _, err := s.take(ctx, fresh, "stock-1.csv"); err != nil {
		return err
	}
	seen, err := s.acknowledged(ctx, fresh, fresh.Rows)
	if err != nil {
		return err
	}
	b.results.add("whole rows", "rows", float64(fresh.Rows))
	b.results.seconds("whole took", time.Unix(0, seen.Last).Sub(began))
	sent, err := usageOf(s.pid())
	if err != nil {
		return err
	}
	b.results.add("whole cpu", "us/row", micro(sent.cpu-w.began.cpu)/float64(fresh.Rows))
	t, _, err := s.take(ctx, same, "stock-2.csv")
	if err != nil {
		return err
	}
	b.results.seconds("whole same", t.took)
	_, anonymous, now, err := w.stop()
	if err != nil {
		return err
	}
	b.results.add("whole anonymous", "MB", anonymous)
	b.results.add("whole resident", "MB", now.peak)
	return errors.Join(b.quietAfter(ctx, s, seen.Requests), s.stop())
}

// quietAfter looks at what is left some time after the burst: no request for rows that say nothing new, and memory.
func (b *bench) quietAfter(ctx context.Context, s *store, requests int64) error {
	wait := 15 * time.Second
	if b.o.quick {
		wait = 500 * time.Millisecond
	}
	if err := pause(ctx, wait); err != nil {
		return err
	}
	now, err := usageOf(s.pid())
	if err != nil {
		return err
	}
	b.results.add("whole anonymous after", "MB", now.anonymous)
	seen, err := b.sink.count()
	if err != nil {
		return err
	}
	b.results.add("whole same requests", "requests", float64(seen.Requests-requests))
	if seen.Requests != requests {
		return fmt.Errorf("%d requests for rows that said nothing new", seen.Requests-requests)
	}
	return nil
}

// deltaSection reads an export of which five rows in a thousand have another quantity.
func deltaSection(ctx context.Context, b *bench) error {
	return b.rounds(func(round int) error {
		c := plain(b.o.drain, "a")
		return b.deltaOnce(ctx, c, c.edited(5, 1+round%8))
	})
}

func (b *bench) deltaOnce(ctx context.Context, before, after catalogue) (err error) {
	s, err := b.newStore(setup{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.remove()) }()
	if err := b.sink.reset(sinkSpec{Catalogue: before}); err != nil {
		return err
	}
	if _, err := s.start(ctx); err != nil {
		return err
	}
	if _, _, err := s.take(ctx, before, "stock-1.csv"); err != nil {
		return err
	}
	was, err := s.acknowledged(ctx, before, before.Rows)
	if err != nil {
		return err
	}
	w, err := watchProcess(s.pid())
	if err != nil {
		return err
	}
	began := time.Now()
	if _, _, err := s.take(ctx, after, "stock-2.csv"); err != nil {
		return err
	}
	if err := s.settled(ctx, after); err != nil {
		return err
	}
	cpu, _, _, err := w.stop()
	if err != nil {
		return err
	}
	seen, err := b.sink.count()
	if err != nil {
		return err
	}
	b.results.add("delta changed", "rows", float64(after.changesIn()))
	b.results.add("delta requests", "requests", float64(seen.Requests-was.Requests))
	b.results.seconds("delta took", time.Unix(0, seen.Last).Sub(began))
	b.results.seconds("delta cpu", cpu)
	return s.stop()
}

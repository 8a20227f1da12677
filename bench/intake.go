package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// intakeSection reads a large export: all rows new, then the same rows in other bytes. The agent is paused, so that nothing
// else goes on; nothing may be queued twice.
func intakeSection(ctx context.Context, b *bench) error {
	fresh, same := plain(b.o.rows, "a"), plain(b.o.rows, "b")
	return b.rounds(func(int) error {
		return errors.Join(b.intakeBases(ctx, fresh), b.intakeOnce(ctx, fresh, same))
	})
}

// intakeBases measures what the work costs at the least.
func (b *bench) intakeBases(ctx context.Context, c catalogue) error {
	file, err := b.export(c)
	if err != nil {
		return err
	}
	for _, name := range []string{"scan", "split", "csv"} {
		took, err := b.base(ctx, baseSpec{name, file, c})
		if err != nil {
			return err
		}
		b.results.seconds("base "+name, took)
	}
	db := filepath.Join(b.dir, "base.db")
	for _, name := range []string{"bbolt", "bbolt-walk"} {
		took, err := b.base(ctx, baseSpec{name, db, c})
		if err != nil {
			return err
		}
		b.results.seconds("base "+name, took)
	}
	return os.Remove(db)
}

func (b *bench) intakeOnce(ctx context.Context, fresh, same catalogue) (err error) {
	s, err := b.paused(ctx, setup{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.remove()) }()
	t, wall, err := s.take(ctx, fresh, "stock-1.csv")
	if err != nil {
		return err
	}
	if t.new != fmt.Sprint(fresh.Rows) {
		return fmt.Errorf("%s rows are new, want %d", t.new, fresh.Rows)
	}
	b.results.seconds("intake new", t.took)
	b.results.seconds("intake new wall", wall)
	if t, wall, err = s.take(ctx, same, "stock-2.csv"); err != nil {
		return err
	}
	b.results.seconds("intake same", t.took)
	b.results.seconds("intake same wall", wall)
	st, err := s.status(ctx)
	if err != nil {
		return err
	}
	if n := int64(fresh.Rows); st.Pending != n || st.Unchanged != n {
		return fmt.Errorf("%d wait and %d are unchanged, want %d of both", st.Pending, st.Unchanged, n)
	}
	return s.stop()
}

// paused is a new store whose agent runs and sends nothing.
func (b *bench) paused(ctx context.Context, how setup) (*store, error) {
	s, err := b.newStore(how)
	if err != nil {
		return nil, err
	}
	if _, err = s.start(ctx); err == nil {
		_, err = s.command(ctx, "pause")
	}
	if err != nil {
		return nil, errors.Join(err, s.remove())
	}
	return s, nil
}

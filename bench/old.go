package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	oldPercent = 20                    // of one core
	oldMemory  = 64 << 20              // bytes, the page cache of what it reads and writes included
	oldFlush   = 15 * time.Millisecond // more for each flush: about a turn and a seek of an old disk
)

// slowDisk makes strace stand beside the agent and delay each of its flushes.
func slowDisk() []string {
	return []string{"strace", "-D", "-f", "--seccomp-bpf", "-o", "/dev/null", "-e", "trace=fsync,fdatasync",
		"-e", fmt.Sprintf("inject=fsync,fdatasync:delay_exit=%d", oldFlush.Microseconds())}
}

// oldSection lets an agent that is held to a part of the machine take a large export, the same rows again, and a few
// changes; then it is killed in the drain and started again. In the end the sink must hold the truth.
func oldSection(ctx context.Context, b *bench) (err error) {
	h, err := newHold(oldPercent, oldMemory)
	if err != nil {
		b.results.skip("old hardware: no control groups can be made here: %v", err)
		return nil
	}
	defer func() { err = errors.Join(err, h.close()) }()
	before := h.before()
	if canTrace(ctx) { // strace stays outside of the groups, for the agent alone goes into them
		before = append(slowDisk(), before...)
	} else {
		b.results.skip("a slow disk: strace does not work here")
	}
	return b.oldOnce(ctx, before)
}

func (b *bench) oldOnce(ctx context.Context, before []string) (err error) {
	s, err := b.newStore(setup{})
	if err != nil {
		return err
	}
	s.before = before
	defer func() { err = errors.Join(err, s.remove()) }()
	began, err := s.start(ctx)
	if err != nil {
		return err
	}
	b.results.add("old rows", "rows", float64(b.o.rows))
	b.results.seconds("old start", began)
	if _, err := s.command(ctx, "pause"); err != nil {
		return err
	}
	w, err := watchProcess(s.pid())
	if err != nil {
		return err
	}
	fresh := plain(b.o.rows, "a")
	last := fresh.edited(5, 1)
	for i, c := range []catalogue{fresh, plain(b.o.rows, "b"), last} {
		b.say("old: export %d of 3", i+1)
		t, _, err := s.take(ctx, c, fmt.Sprintf("stock-%d.csv", i+1))
		if err != nil {
			return err
		}
		b.results.seconds("old "+[]string{"new", "same", "changed"}[i], t.took)
	}
	_, anonymous, _, err := w.stop()
	if err != nil {
		return err
	}
	b.results.add("old anonymous intake", "MB", anonymous)
	return b.oldDrain(ctx, s, last)
}

// oldDrain sends everything, with a kill in between.
func (b *bench) oldDrain(ctx context.Context, s *store, c catalogue) error {
	if err := b.sink.reset(sinkSpec{Catalogue: c}); err != nil {
		return err
	}
	if _, err := s.command(ctx, "resume"); err != nil {
		return err
	}
	b.say("old: the drain, with a kill")
	if err := s.killAt(ctx, c.Rows/10); err != nil {
		return err
	}
	before, err := b.sink.count()
	if err != nil {
		return err
	}
	restarted := time.Now()
	if _, err := s.start(ctx); err != nil {
		return err
	}
	b.results.seconds("old start after kill", time.Since(restarted))
	w, err := watchProcess(s.pid())
	if err != nil {
		return err
	}
	seen, err := s.acknowledged(ctx, c, c.Rows)
	if err != nil {
		return err
	}
	_, anonymous, _, err := w.stop()
	if err != nil {
		return err
	}
	b.results.add("old drain", "req/s", before.rate())
	b.results.add("old anonymous drain", "MB", anonymous)
	b.results.add("old repeated", "requests", float64(seen.Requests-seen.Keys))
	return s.stop()
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// token is what requests carry; the sink does not look at it.
const token = "bench-token-of-nobody"

// patience is how long a thing may take that must happen.
const patience = 30 * time.Minute

// bench is a run: its folder, its sink, and what it has found.
type bench struct {
	o       options
	dir     string // temporary
	binary  string
	sink    *sinkClient
	results *results
	stores  int // made so far; each has a folder of its own
}

// newBench makes the folder, builds the binary and starts the sink.
func newBench(ctx context.Context, o options) (_ *bench, err error) {
	dir, err := os.MkdirTemp(o.folder, "tillpost-bench-")
	if err != nil {
		return nil, err
	}
	b := &bench{o: o, dir: dir, binary: o.binary}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.close())
		}
	}()
	if b.dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	if b.binary == "" {
		b.binary = filepath.Join(b.dir, "tillpost")
		if err := build(ctx, b.binary); err != nil {
			return nil, err
		}
	}
	if b.binary, err = filepath.Abs(b.binary); err != nil {
		return nil, err
	}
	if b.sink, err = startSink(ctx); err != nil {
		return nil, err
	}
	b.results, err = newResults(ctx, o, b.binary)
	return b, err
}

// build makes the binary of a release; the Makefile says how.
func build(ctx context.Context, path string) error {
	out, err := exec.CommandContext(ctx, "make", "--no-print-directory", "build", "OUT="+path).CombinedOutput()
	if err != nil {
		return fmt.Errorf("make build: %w\n%s", err, out)
	}
	return nil
}

func (b *bench) close() (err error) {
	if b.sink != nil {
		err = b.sink.close()
	}
	return errors.Join(err, os.RemoveAll(b.dir))
}

// say tells whoever waits how far it is.
func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%s "+format+"\n", append([]any{time.Now().Format(time.TimeOnly)}, args...)...)
}

// rounds calls f for each round.
func (b *bench) rounds(f func(round int) error) error {
	for round := range b.o.rounds {
		if err := f(round); err != nil {
			return fmt.Errorf("round %d: %w", round+1, err)
		}
	}
	return nil
}

// path is where the file of a catalogue lies.
func (b *bench) path(c catalogue) string { return filepath.Join(b.dir, c.name()) }

// export is the file of a catalogue, written once and flushed.
func (b *bench) export(c catalogue) (string, error) {
	path := b.path(c)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	return path, c.write(path)
}

// startSink starts the sink, which ends with this process.
func startSink(ctx context.Context) (*sinkClient, error) {
	cmd, err := roleCommand(ctx, "sink")
	if err != nil {
		return nil, err
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &sinkClient{close: func() error { return errors.Join(in.Close(), cmd.Wait()) }}
	if err := json.NewDecoder(out).Decode(&s.sinkHello); err != nil {
		return nil, errors.Join(fmt.Errorf("the sink did not say where it is: %w", err), s.close())
	}
	return s, nil
}

// until waits until a thing holds, which nothing else tells of.
func until(ctx context.Context, what string, every time.Duration, holds func() (bool, error)) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for end := time.Now().Add(patience); ; {
		ok, err := holds()
		if err != nil || ok {
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("not in %v: %s", patience, what)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// pause lets time go by in which nothing is done.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

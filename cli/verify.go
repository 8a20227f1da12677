package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"tillpost/outbox"
)

// The exit statuses of verify beside 0, in order. Any other says that it is not known how the outbox is.
const (
	statusDamaged = 10
	statusBusy    = 11 // another process uses it
	statusNewer   = 12 // a newer tillpost made it
)

const (
	verifyTime   = 10 * time.Minute // for reading the whole outbox
	verifyMemory = 1 << 30          // bytes, of which a million keys that all wait need a fifth
	verifyStack  = 16 << 20         // bytes of a goroutine
	verifyWords  = 1 << 20          // bytes of what it says that are kept
)

// verdictError ends verify with an exit status of its own.
type verdictError struct {
	error
	status int
}

func (e *verdictError) Unwrap() error { return e.error }

// verifyCommand is what an agent starts as a process of its own: some damage ends the process that meets it, or would let
// it run for ever.
func (con *console) verifyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify DIR",
		Short: "whether the outbox in a data folder is in order, for the agent",
		Long: "verify reads the whole outbox of the data folder DIR, which no agent may work on, and prints one JSON object: the\n" +
			"number of keys and what is wrong. The exit status is 0 when it is in order, 10 when it is damaged, and another where\n" +
			"that cannot be told. It changes nothing.",
		Example: "  tillpost verify /var/lib/tillpost",
		Hidden:  true, // `check` is for people
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return wrongUse(cmd, "which folder?")
			}
			return nil
		},
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		debug.SetMaxStack(verifyStack)
		debug.SetMemoryLimit(verifyMemory)
		v, err := boundedVerify(cmd.Context(), args[0])
		switch {
		case errors.Is(err, outbox.ErrInUse):
			return &verdictError{err, statusBusy}
		case errors.Is(err, outbox.ErrNewer):
			return &verdictError{err, statusNewer}
		case err != nil:
			return err
		}
		con.json(v)
		if len(v.Faults) > 0 {
			return &verdictError{errSaid, statusDamaged}
		}
		return nil
	}
	return cmd
}

// boundedVerify verifies, and gives up where it needs too much memory: that says nothing of the outbox, but would take it
// from the till.
func boundedVerify(ctx context.Context, dir string) (v outbox.Verdict, err error) {
	ctx, stop := context.WithCancelCause(ctx)
	var watch sync.WaitGroup
	watch.Go(func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		used := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
		for ctx.Err() == nil {
			if metrics.Read(used); used[0].Value.Uint64()-used[1].Value.Uint64() > verifyMemory {
				stop(fmt.Errorf("it needs more than %d MiB", verifyMemory>>20))
			}
			select {
			case <-ctx.Done():
			case <-tick.C:
			}
		}
	})
	v, err = outbox.VerifyFile(ctx, dir)
	stop(nil)
	watch.Wait()
	return v, err
}

// verifyOutside verifies the outbox in dir in a process of its own. Only what that process found, or what ended it from
// within, is damage: where it was killed, could not be started or took too long, the error says that nothing is known.
func verifyOutside(ctx context.Context, dir string) (v outbox.Verdict, err error) {
	program, err := os.Executable()
	if err == nil {
		v, err = verifyBy(ctx, program, dir, verifyTime)
	}
	if err != nil {
		err = fmt.Errorf("verify the outbox in %s in a process of its own: %w", dir, err)
	}
	return v, err
}

func verifyBy(ctx context.Context, program, dir string, limit time.Duration) (v outbox.Verdict, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("it has not ended within %v", limit))
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "verify", "--", dir)
	var out, words clipped
	cmd.Stdout, cmd.Stderr = &out, &words
	cmd.WaitDelay = 10 * time.Second
	shieldFromCtrlC(cmd)
	err = cmd.Run()
	if ctx.Err() != nil {
		return v, context.Cause(ctx)
	}
	ended, ok := errors.AsType[*exec.ExitError](err)
	if err != nil && !ok {
		return v, err
	}
	status, said := 0, words.String()
	if ended != nil {
		status = ended.ExitCode()
	}
	switch {
	case status == statusDone, status == statusDamaged:
		err = json.Unmarshal(out.Bytes(), &v)
		if err == nil && (len(v.Faults) > 0) != (status == statusDamaged) {
			err = errors.New("its exit status is not what it says")
		}
		return v, err
	case status == statusBusy:
		return v, outbox.ErrInUse
	case status == statusNewer:
		return v, outbox.ErrNewer
	case diedOfDamage(ended, said):
		return outbox.Verdict{Faults: []string{"damaged: the process that read it ended: " + firstLine(said)}}, nil
	}
	return v, fmt.Errorf("%v: %s", ended, firstLine(said))
}

// diedOfDamage reports whether Go's runtime ended the process because of what it read. Too little memory is none of that,
// nor is memory that the disk does not give back: what is read from the file was read in order, within bounds, before.
func diedOfDamage(ended *exec.ExitError, said string) bool {
	if ended.ExitCode() != 2 { // the runtime's
		return false
	}
	for _, word := range []string{"fatal error: stack overflow", "panic: "} {
		if strings.HasPrefix(said, word) || strings.Contains(said, "\n"+word) {
			return true
		}
	}
	return false
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return clip(line, 300)
}

// clipped keeps the beginning of what is written to it.
type clipped struct{ bytes.Buffer }

func (c *clipped) Write(p []byte) (int, error) {
	if room := verifyWords - c.Len(); room > 0 {
		_, _ = c.Buffer.Write(p[:min(len(p), room)]) // never fails
	}
	return len(p), nil
}

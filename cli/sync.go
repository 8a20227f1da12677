package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"tillpost/agent"
	"tillpost/config"
	"tillpost/outbox"
)

func (con *console) syncCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "sync [--config FILE] [--timeout DURATION] [--json]",
		Short: "once: read the exports that are there and send what changed",
		Long: "sync waits until the exports that are there have settled, reads them, and sends what changed until nothing waits.\n" +
			"The exit status is 1 when updates still wait or an agent runs already, and 3 when all is done but rows were\n" +
			"rejected, an export was refused, or there are dead letters.",
		Example: "  tillpost sync --timeout 10m",
		Args:    noArguments,
	}
	path := configFlag(cmd)
	timeout := flagOf(cmd, "timeout", "give up after a `DURATION` such as 10m (default: never)", parsePositive)
	asJSON := jsonFlag(cmd, "print the summary as one JSON object")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := loadConfig(*path)
		if err != nil {
			return err
		}
		defer tuneMemory()()
		ctx := cmd.Context()
		if *timeout > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeoutCause(ctx, *timeout, fmt.Errorf("the time-out of %s is over", *timeout))
			defer cancel()
		}
		return con.sync(ctx, c, *asJSON)
	}
	return cmd
}

// errPaused is why a sync could never end.
var errPaused = errors.New("sending is paused by command, so that nothing would be sent")

// synced is what came of a sync.
type synced struct {
	Delivered int64 `json:"delivered"` // acknowledged by the API
	Unchanged int64 `json:"unchanged"` // rows not sent, because nothing had changed
	Rejects   int64 `json:"rejects"`   // rows
	Refused   int   `json:"refused"`   // sources whose last export was refused as a whole
	Dead      int64 `json:"dead"`      // dead letters, whenever they died
	Unknown   int64 `json:"unknown"`   // of those, of that kind
	Held      int64 `json:"held"`      // exports
	Pending   int64 `json:"pending"`   // still wait
}

func (con *console) sync(ctx context.Context, c *config.Config, asJSON bool) error {
	a, err := con.newAgent(c, life{})
	if err != nil {
		return err
	}
	if err := a.Prove(ctx, nil); err != nil { // before anything is read from it
		return err
	}
	start := time.Now()
	before, err := statusNow(ctx, c)
	if errors.Is(err, outbox.ErrDamaged) {
		if err = a.Prove(ctx, err); err == nil {
			before, err = statusNow(ctx, c)
		}
	}
	if err != nil {
		return err
	}
	if before.State == "stopped" && before.Why != "" {
		return errPaused
	}
	last, err := a.Sync(ctx, func(s agent.Status) { con.showSync(before, s) })
	con.err.end()
	if last.State == "" { // it did not even start
		return err
	}
	hints := statusHints(c, last)
	// What was answered while the agent stopped counts too.
	if after, err := statusNow(context.WithoutCancel(ctx), c); err == nil && after.State == "stopped" {
		last = after
	}
	sum := summarise(before, last, start)
	if asJSON {
		con.json(sum)
	} else {
		con.printf("%s\n", sum)
	}
	switch {
	case err != nil && ctx.Err() != nil:
		return hinted(fmt.Errorf("%w: %w", context.Cause(ctx), err), hints)
	case err != nil:
		return hinted(err, hints)
	case sum.Rejects > 0 || sum.Refused > 0 || sum.Dead > 0 || sum.Held > 0:
		return errPartial
	}
	return nil
}

// statusNow is the status of a config's agent; the zero one where none has worked yet.
func statusNow(ctx context.Context, c *config.Config) (s agent.Status, err error) {
	err = withDesk(ctx, c, func(d agent.Desk) (err error) {
		s, err = d.Status(ctx)
		return err
	})
	if errors.Is(err, outbox.ErrNoOutbox) {
		return agent.Status{}, nil
	}
	return s, err
}

// showSync draws how far a sync is.
func (con *console) showSync(before, s agent.Status) {
	what := "sending"
	if s.API.State != "ok" {
		what = s.API.State
	}
	done := s.Delivered - before.Delivered
	if done == 0 && s.Pending == 0 {
		what = "reading"
	}
	con.err.progress(done, done+s.Pending, what)
}

func summarise(before, after agent.Status, start time.Time) synced {
	sum := synced{Delivered: after.Delivered - before.Delivered, Unchanged: after.Unchanged - before.Unchanged,
		Rejects: after.Rejects - before.Rejects, Dead: after.Dead, Unknown: after.Unknown, Held: after.Held, Pending: after.Pending}
	for _, src := range after.Sources {
		if e := src.LastExport; e != nil && e.Refused != "" && !e.Held && !e.At.Before(start) {
			sum.Refused++
		}
	}
	return sum
}

func (s synced) String() string {
	line := fmt.Sprintf("%s delivered, %s unchanged, %s rejected, %s", plural(s.Delivered, "update"), plural(s.Unchanged, "row"),
		plural(s.Rejects, "row"), plural(s.Dead, "dead letter"))
	if s.Unknown > 0 {
		line += fmt.Sprintf(" (%s of a product or store that the API does not know)", number(s.Unknown))
	}
	if s.Refused > 0 {
		line += ", " + plural(s.Refused, "export") + " refused"
	}
	if s.Held > 0 {
		line += ", " + plural(s.Held, "export") + " held"
	}
	if s.Pending > 0 {
		line += ", " + plural(s.Pending, "update") + " not sent yet"
	}
	return line + "."
}

package cli

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"tillpost/agent"
	"tillpost/config"
)

func (con *console) pauseCommand() *cobra.Command {
	return con.pausing(true, &cobra.Command{
		Use:   "pause [--config FILE] [--json]",
		Short: "stop sending, over restarts, until `resume`",
		Long: "pause stops the sending, of the running agent at once and of every later one, until `tillpost resume`. Exports are\n" +
			"still read; what they change waits.",
		Example: "  tillpost pause",
	})
}

func (con *console) resumeCommand() *cobra.Command {
	return con.pausing(false, &cobra.Command{
		Use:     "resume [--config FILE] [--json]",
		Short:   "send again after `pause`",
		Example: "  tillpost resume",
	})
}

// pausing makes cmd stop the drain, or let it go on.
func (con *console) pausing(pause bool, cmd *cobra.Command) *cobra.Command {
	cmd.Args = noArguments
	path := configFlag(cmd)
	asJSON := jsonFlag(cmd, "print one JSON object: state, why and pending, as in status --json")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := loadConfig(*path)
		if err != nil {
			return err
		}
		return withDesk(cmd.Context(), c, func(d agent.Desk) error { return con.pause(cmd.Context(), d, pause, *asJSON) })
	}
	return cmd
}

// afterPause is what pause and resume tell a program, with the names and values of agent.Status.
type afterPause struct {
	State   string `json:"state"`
	Why     string `json:"why,omitempty"`
	Pending int64  `json:"pending"`
}

func (con *console) pause(ctx context.Context, d agent.Desk, pause, asJSON bool) error {
	if err := d.Pause(ctx, pause); err != nil {
		return err
	}
	s, err := d.Status(ctx)
	if err != nil {
		return err
	}
	if asJSON {
		con.json(afterPause{State: s.State, Why: s.Why, Pending: s.Pending})
		return nil
	}
	waiting := plural(s.Pending, "update") + " wait"
	if s.Pending == 1 {
		waiting = "1 update waits"
	}
	running := s.State != "stopped"
	switch {
	case pause && running:
		con.printf("Paused: nothing is sent until `tillpost resume`. %s.\n", waiting)
	case pause:
		con.printf("Paused: nothing will be sent until `tillpost resume`. %s; no agent is running.\n", waiting)
	case running:
		con.printf("Resumed: updates are sent. %s.\n", waiting)
	default:
		con.printf("Resumed: updates will be sent once an agent runs. %s.\n", waiting)
	}
	return nil
}

// withDesk calls fn with the desk of the config's agent.
func withDesk(ctx context.Context, c *config.Config, fn func(agent.Desk) error) error {
	d, err := openDesk(ctx, c)
	if err != nil {
		return err
	}
	return errors.Join(fn(d), d.Close())
}

// deskTime is how long the agent is looked for, and a second more.
const deskTime = 6 * time.Second

// openDesk finds the agent of a config. The error is a *noAnswerError where one runs and does not answer.
func openDesk(ctx context.Context, c *config.Config) (agent.Desk, error) {
	ctx, cancel := context.WithTimeout(ctx, deskTime)
	defer cancel()
	if d, err := agent.DialDesk(ctx, c); err == nil {
		return d, nil
	}
	if err := beOwnerOf(c.DataDir, false); err != nil { // whatever it writes there is the agent's then
		return nil, err
	}
	d, err := agent.OpenDesk(ctx, c)
	if e, ok := errors.AsType[*agent.InUseError](err); ok {
		return nil, &noAnswerError{err: err, pid: e.PID}
	}
	return d, err
}

// noAnswerError says that an agent runs and does not answer.
type noAnswerError struct {
	err error
	pid int // 0 = not known
}

func (e *noAnswerError) Error() string { return e.err.Error() }
func (e *noAnswerError) Unwrap() error { return e.err }

package cli

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"

	"github.com/spf13/cobra"

	"tillpost/agent"
	"tillpost/config"
)

func (con *console) runCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "run [--config FILE]",
		Short: "the agent in the foreground",
		Long: "run watches the folders of the config and sends what changes, until it is told to stop (Ctrl-C, SIGTERM). Requests\n" +
			"that are on their way then have 10 s; all that is known is on disk when it ends. The log goes to standard error, or to\n" +
			"the file that the config names as log.file. A changed config is taken up while it runs; a bad one is named in the log,\n" +
			"and the one before goes on.",
		Example: "  tillpost run --config /etc/tillpost/tillpost.yaml",
		Args:    noArguments,
	}
	path := configFlag(cmd)
	leashed := cmd.Flags().Bool(leashFlag, false, "end when standard input ends")
	_ = cmd.Flags().MarkHidden(leashFlag) // there is such a flag
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		run := func(ctx context.Context) error { return con.runConfig(ctx, *path) }
		if *leashed {
			return onLeash(cmd.Context(), cmd.InOrStdin(), run)
		}
		return run(cmd.Context())
	}
	return cmd
}

// leashFlag is for the demo, whose agent must not outlive it, however the demo ends.
const leashFlag = "until-input-ends"

// errInputEnded is the cause of the end of an agent on a leash.
var errInputEnded = errors.New("standard input has ended")

// onLeash runs until ctx or the input ends.
func onLeash(ctx context.Context, input io.Reader, run func(context.Context) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var reader sync.WaitGroup // it is not waited for: its read may never return
	reader.Go(func() {
		_, _ = io.Copy(io.Discard, input) // an error is an end too
		stop(errInputEnded)
	})
	return run(ctx)
}

// newAgent makes the agent of a config. Its errors are the config's, or the token's.
func (con *console) newAgent(c *config.Config) (*agent.Agent, error) {
	return agentOf(c, con.logger(c.Log)) // the log first, so that whatever keeps the agent from its work is in it
}

func agentOf(c *config.Config, log *slog.Logger) (*agent.Agent, error) {
	tokens := c.TokenSource()
	if _, err := tokens.Token(); err != nil {
		return nil, &setupError{err: err, token: true}
	}
	a, err := agent.New(agent.Options{Config: c, Token: tokens.Token, Log: log, Version: programVersion()})
	if err != nil {
		return nil, &setupError{err: err}
	}
	return a, nil
}

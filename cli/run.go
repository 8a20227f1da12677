package cli

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/spf13/cobra"

	"tillpost/agent"
	"tillpost/config"
	"tillpost/installer"
	"tillpost/outbox"
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
	service := cmd.Flags().Bool(serviceFlag, false, "be the service that Windows starts")
	for _, name := range []string{leashFlag, serviceFlag} {
		_ = cmd.Flags().MarkHidden(name) // there is such a flag
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		defer tuneMemory()()
		v := newVitals()
		run := func(ctx context.Context) error { return con.runConfig(ctx, *path, v) }
		if *leashed {
			return onLeash(cmd.Context(), cmd.InOrStdin(), run)
		}
		con.service = *service
		return installer.Run(cmd.Context(), *service, run, installer.Life{Ready: v.ready, Pulse: v.pulse, Words: errorText})
	}
	return cmd
}

// serviceFlag is for Windows' service manager.
const serviceFlag = "service"

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

// life is what an agent is to know of those before it in this process.
type life struct {
	kept   *outbox.Kept // what it knew of the outbox
	mender *mender      // nil = nobody mends
	vitals *vitals      // nil = nobody asks
}

// vitals are how the service manager sees whether the work of `run` lives, whichever agent does it at the moment.
type vitals struct {
	ready chan struct{} // closed once an agent has dealt with what its first look found
	once  sync.Once
	agent atomic.Pointer[working] // nil = none works at the moment
	front *front                  // nil = not yet
	notes *agent.Notes
	tail  *logTail
	log   atomic.Pointer[slog.Logger] // the newest agent's; nil = not yet
}

// working is an agent that works, and its config.
type working struct {
	agent  *agent.Agent
	config *config.Config
}

func newVitals() *vitals {
	return &vitals{ready: make(chan struct{}), notes: &agent.Notes{}, tail: &logTail{}}
}

// logger is where the newest agent logs.
func (v *vitals) logger() *slog.Logger {
	if log := v.log.Load(); log != nil {
		return log
	}
	return slog.New(slog.DiscardHandler)
}

func (v *vitals) isReady() { v.once.Do(func() { close(v.ready) }) }

// pulse answers nil while the agent that works lives; between two agents there is none.
func (v *vitals) pulse(ctx context.Context) error {
	if w := v.agent.Load(); w != nil {
		return w.agent.Pulse(ctx)
	}
	return nil
}

// newAgent makes the agent of a config. Its errors are the config's, or the token's.
func (con *console) newAgent(c *config.Config, l life) (*agent.Agent, error) {
	if err := beOwnerOf(c.DataDir, true); err != nil {
		return nil, err
	}
	log := con.logger(con.logOf(c), l.vitals) // first, so that whatever keeps the agent from its work is in it
	if l.vitals != nil {
		l.vitals.log.Store(log)
	}
	return agentOf(c, log, l)
}

// logOf is where an agent logs: Windows keeps nothing of what a service writes to standard error.
func (con *console) logOf(c *config.Config) config.Log {
	log := c.Log
	if con.service && log.File == "" {
		log.File = filepath.Join(c.DataDir, "logs", "tillpost.log")
	}
	return log
}

func agentOf(c *config.Config, log *slog.Logger, l life) (*agent.Agent, error) {
	tokens := c.TokenSource()
	if _, err := tokens.Token(); err != nil {
		return nil, &setupError{err: err, token: true}
	}
	o := agent.Options{Config: c, Token: tokens.Token, Log: log, Version: programVersion(),
		Verify: verifyOutside, Kept: l.kept}
	if l.mender != nil {
		o.Opened = func() { l.mender.opened(log) }
	}
	if l.vitals != nil {
		o.Ready, o.Notes, o.LogTail = l.vitals.isReady, l.vitals.notes, l.vitals.tail.lines
		if f := l.vitals.front; f != nil {
			o.Page, o.Link, o.Metrics = f.URL, f.Link, f.metrics
		}
	}
	a, err := agent.New(o)
	if err != nil {
		return nil, &setupError{err: err}
	}
	return a, nil
}

// Package cli holds the commands, a file each: flags, printing, hints and the exit status.
//
// # Promises
//
//  1. What a command found out goes to stdout, what it has to say besides (errors, hints, warnings, the log, progress)
//     to stderr; the log goes to log.file where the config names one, and what a command failed from goes there too. With
//     --json every line of stdout is one JSON value.
//  2. The exit status is 0: done; 1: failed; 2: wrong usage or config, a missing token included; 3: done, but with
//     rejects, dead letters or held exports. Output that could not be written is a failure.
//  3. No control character of a file's name, an export or an answer reaches the terminal. (Promise 11.) No token does.
//  4. A progress bar is drawn on a terminal alone.
//  5. No command stands still or ends because nobody reads stderr, or because the log's file takes nothing; its last
//     words are waited for for a second.
//  6. Main uses no package variable that changes: several calls can run at once.
package cli

import (
	"context"
	"errors"
	"io"
	"log"
	"os"
	"os/signal"

	"github.com/spf13/cobra"

	"tillpost/config"
)

// The exit statuses.
const (
	statusDone    = 0
	statusFailed  = 1
	statusUsage   = 2
	statusPartial = 3
)

// errPartial ends a command that is done, but with rejects, dead letters or held exports, and has said so.
var errPartial = errors.New("done, but not with everything")

// errSaid ends a command that failed and has said so.
var errSaid = errors.New("failed")

func init() { cobra.MousetrapHelpText = "" } // cobra would refuse to run from a shortcut of Windows' desktop

// Main runs the command that args, without the program's name, ask for, and returns the exit status. The first SIGINT,
// SIGTERM or SIGHUP lets the command come to its end; the second ends the process at once.
func Main(args []string, stdout, stderr io.Writer) int {
	log.SetOutput(io.Discard) // net/http quotes strangers' bytes there
	outliveReaders()
	ctx, stop := signal.NotifyContext(context.Background(), stopSignals()...)
	defer stop()
	defer context.AfterFunc(ctx, stop)() // so that a second signal does what it does without us
	return execute(ctx, args, stdout, stderr)
}

// execute is Main without the signals: ctx ends the command.
func execute(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	con := newConsole(stdout, stderr)
	root := con.root()
	root.SetArgs(append([]string{}, args...)) // nil would be the process's own
	return con.exit(root.ExecuteContext(ctx))
}

// exit tells of the error and returns the exit status that it means.
func (con *console) exit(err error) int {
	con.err.end()
	defer con.behind.flush()
	told := err == nil || errors.Is(err, errPartial) || errors.Is(err, errSaid)
	if told && con.out.err != nil {
		told, err = false, con.out.err
	}
	if told || readerGone(err) { // who read the output and went away knows
		con.endLog(nil)
		return exitStatus(err)
	}
	con.fail(err)
	con.endLog(err)
	return exitStatus(err)
}

func exitStatus(err error) int {
	if e, ok := errors.AsType[*verdictError](err); ok {
		return e.status
	}
	_, usage := errors.AsType[*usageError](err)
	_, setup := errors.AsType[*setupError](err)
	switch {
	case err == nil:
		return statusDone
	case usage || setup:
		return statusUsage
	case errors.Is(err, errPartial):
		return statusPartial
	}
	return statusFailed
}

// setupError is what keeps a command from starting: no config, a wrong one, or no token.
type setupError struct {
	err     error
	missing bool // there is no config, and
	asked   bool // a person has said where it is
	token   bool // it is the token's
}

func (e *setupError) Error() string { return e.err.Error() }
func (e *setupError) Unwrap() error { return e.err }

// root makes the tree of commands.
func (con *console) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "tillpost COMMAND",
		Short: "tillpost brings a point of sale's stock exports to the Inventory Update API",
		Long: "tillpost watches the folders into which a point of sale drops its stock exports, and sends each quantity that\n" +
			"changed to the Inventory Update API.",
		Example:               "  tillpost demo                 the whole of it on this machine, without a config\n  tillpost preview stock.csv    what an export would send",
		SilenceErrors:         true,
		SilenceUsage:          true,
		DisableFlagsInUseLine: true,
		CompletionOptions:     cobra.CompletionOptions{DisableDefaultCmd: true},
		FParseErrWhitelist:    cobra.FParseErrWhitelist{UnknownFlags: true}, // a wrong command is worth more words than its flags
		Args:                  cobra.ArbitraryArgs,

		SuggestionsMinimumDistance: 2,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args[0])
			}
			cmd.SetOut(con.err)
			return errors.Join(cmd.Help(), &usageError{text: "no command was given", cmd: cmd})
		},
	}
	root.SetOut(con.out)
	root.SetErr(con.err)
	root.SetFlagErrorFunc(flagError)
	root.SetUsageTemplate(usageTemplate)
	root.CompletionOptions.SetDefaultShellCompDirective(cobra.ShellCompDirectiveNoFileComp) // but where a file is asked for
	root.AddCommand(con.demoCommand(), con.initCommand(installService), con.runCommand(), con.syncCommand(), con.previewCommand(), con.statusCommand(),
		con.heldCommand(), con.deadCommand(), con.rejectsCommand(), con.whyCommand(), con.resendCommand(), con.checkCommand(),
		con.installCommand(), con.uninstallCommand(), con.startCommand(), con.stopCommand(), con.restartCommand(),
		con.pauseCommand(), con.resumeCommand(), con.tokenCommand(), con.mockAPICommand(), con.openCommand(), con.supportCommand(),
		con.versionCommand(),
		con.completionCommand(), con.manCommand(), con.verifyCommand())
	root.AddCommand(con.packageCommands()...)
	root.AddCommand(con.replacesCommand())
	root.SetHelpCommand(helpCommand())
	for _, cmd := range root.Commands() {
		cmd.DisableFlagsInUseLine = true
	}
	return root
}

func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "help [COMMAND]",
		Short:   "what a command does",
		Example: "  tillpost help preview",

		ValidArgsFunction: commandChoices,
		RunE: func(cmd *cobra.Command, args []string) error {
			topic, rest, err := cmd.Root().Find(args)
			if err != nil || topic == cmd.Root() && len(rest) > 0 {
				return unknownCommand(cmd.Root(), args[0])
			}
			topic.InitDefaultHelpFlag()
			return topic.Help()
		},
	}
}

// configFlag gives a command its --config.
func configFlag(cmd *cobra.Command) *string {
	path := cmd.Flags().String("config", "", "the config, a `FILE` (default: $TILLPOST_CONFIG, then the platform's place)")
	complete(cmd, "config", fileChoices)
	return path
}

// jsonFlag gives a command its --json.
func jsonFlag(cmd *cobra.Command, what string) *bool {
	return cmd.Flags().Bool("json", false, what)
}

// loadConfig reads the config that flag, the environment or the platform names.
func loadConfig(flag string) (*config.Config, error) {
	c, err := config.Load(config.Find(flag))
	if err != nil {
		return nil, &setupError{err: err, missing: errors.Is(err, os.ErrNotExist), asked: flag != "" || os.Getenv("TILLPOST_CONFIG") != ""}
	}
	return c, nil
}

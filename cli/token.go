package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"tillpost/config"
	"tillpost/installer"
)

func (con *console) tokenCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "token COMMAND",
		Short: "the token that opens the API",
		Long: "token stores the API's token where only tillpost and this machine's administrators can read it. It is never shown, and\n" +
			"in no log, page or argument.",
		Example: "  tillpost token set",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args[0])
			}
			return wrongUse(cmd, "what is to be done with the token?")
		},
	}
	cmd.AddCommand(con.tokenSetCommand())
	return cmd
}

func (con *console) tokenSetCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "set [--config FILE]",
		Short: "store it, read from standard input",
		Long: "set asks for the token without showing it, or reads it from standard input where that is no terminal. It stores it in\n" +
			"the config's `token_file`, else in the platform's place: on Windows encrypted for this machine and readable by the\n" +
			"service, the system and administrators alone, on Linux with the mode 0600 for the service's user. An agent that runs\n" +
			"takes the new token up by itself.",
		Example: "  tillpost token set\n  tillpost token set < token.txt",
		Args:    noArguments,
	}
	path := configFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := loadConfig(*path)
		if e, ok := errors.AsType[*setupError](err); ok && e.missing && !e.asked {
			c, err = &config.Config{}, nil // the platform's place needs none
		}
		if err != nil {
			return err
		}
		return con.setToken(cmd.Context(), c, cmd.InOrStdin())
	}
	return cmd
}

// setToken stores the token that comes from in.
func (con *console) setToken(ctx context.Context, c *config.Config, in io.Reader) error {
	text, err := con.askToken(ctx, in)
	defer clear(text)
	if err != nil {
		return err
	}
	if err := makeHomeSafe(tokenHome(c)); err != nil {
		return err
	}
	tokens := c.TokenSource()
	path, err := tokens.Store(text)
	if err != nil {
		_, path := errors.AsType[*os.PathError](err)
		_, link := errors.AsType[*os.LinkError](err)
		if path || link {
			return err
		}
		return hinted(&setupError{err: err, token: true}, []string{"give it as the API's operator gave it: alone, in one line"})
	}
	con.printf("the token is stored in %s\n", plain(path))
	return nil
}

// tokenHome is the folder that a token is stored in.
func tokenHome(c *config.Config) string {
	return filepath.Dir(cmp.Or(c.API.TokenFile, config.TokenPlace()))
}

// makeHomeSafe makes the folder of config and token safe, where it is the platform's place and whoever does it may: nothing secret
// is written into a folder that somebody else could have made.
func makeHomeSafe(dir string) error {
	if dir != filepath.Dir(config.Place()) || !elevated() {
		return nil
	}
	return installer.MakeHome(dir)
}

// askToken reads the token: from a person, without echo, or to the end of anything else.
func (con *console) askToken(ctx context.Context, in io.Reader) ([]byte, error) {
	const most = 64 << 10 // what a token file may have, and one byte to see that it is more
	f, ok := in.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		text, err := io.ReadAll(io.LimitReader(in, most+1))
		if err != nil {
			return nil, fmt.Errorf("read the token from standard input: %w", err)
		}
		return text, nil
	}
	before, err := term.GetState(int(f.Fd()))
	if err != nil {
		return nil, fmt.Errorf("ask for the token: %w", err)
	}
	_, _ = io.WriteString(con.err, "token (it is not shown): ")
	con.behind.flush()
	var text []byte
	read := make(chan error, 1)
	var reader sync.WaitGroup // it is not waited for where ctx ends: its read may never return
	reader.Go(func() {
		var err error
		text, err = term.ReadPassword(int(f.Fd()))
		read <- err
	})
	defer func() { _, _ = io.WriteString(con.err, "\n") }()
	select {
	case err := <-read:
		if err != nil {
			return nil, fmt.Errorf("ask for the token: %w", err)
		}
		return text, nil
	case <-ctx.Done():
		_ = term.Restore(int(f.Fd()), before) // else the shell would show nothing that is typed
		return nil, context.Cause(ctx)
	}
}

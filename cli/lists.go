package cli

import (
	"context"
	"fmt"
	"iter"
	"strings"

	"github.com/spf13/cobra"

	"tillpost/agent"
	"tillpost/config"
)

// listedRows is how many entries of a list a person is shown; `--json` shows all.
const listedRows = 1000

// pages gives all entries of a list that comes in pages. Each page is asked for once its forerunner is used up.
func pages[Entry any](page func(after string) (list []Entry, next string, err error)) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for after := ""; ; {
			list, next, err := page(after)
			if err != nil {
				var none Entry
				yield(none, err)
				return
			}
			for _, e := range list {
				if !yield(e, nil) {
					return
				}
			}
			if after = next; after == "" {
				return
			}
		}
	}
}

// show prints a list: an object a line, or the first entries as a table with rows that end in a line end, under a head.
// It answers how many entries there are.
func show[Entry any](con *console, list iter.Seq2[Entry, error], asJSON bool, head string, row func(Entry) string) (n int64, err error) {
	table := newColumns(con)
	for e, err := range list {
		if err != nil {
			return n, err
		}
		if con.out.err != nil {
			return n, con.out.err
		}
		switch n++; {
		case asJSON:
			con.json(e)
		case n == 1:
			table.row(head)
			fallthrough
		case n <= listedRows:
			table.row(row(e))
		}
	}
	table.flush()
	if more := n - listedRows; more > 0 && !asJSON {
		con.printf("and %s more; --json lists all\n", number(more))
	}
	return n, nil
}

// whichFlags gives a command --all beside ids as arguments.
func whichFlags(cmd *cobra.Command) *bool {
	return cmd.Flags().Bool("all", false, "all of them")
}

// which is what a command that takes ids or --all is for.
func which(cmd *cobra.Command, all bool, ids []string) (agent.Which, error) {
	switch {
	case all && len(ids) > 0:
		return agent.Which{}, wrongUse(cmd, "either ids or --all")
	case !all && len(ids) == 0:
		return agent.Which{}, wrongUse(cmd, "which? Name ids, or --all")
	}
	return agent.Which{IDs: ids, All: all}, nil
}

// acting is a command that acts on entries of a list: on ids, or all.
func (con *console) acting(cmd *cobra.Command, act func(context.Context, agent.Desk, agent.Which) (agent.Acted, error), done func(n int64, running bool) string) *cobra.Command {
	path, asJSON, all := configFlag(cmd), jsonFlag(cmd, "print one JSON object"), whichFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, ids []string) error {
		w, err := which(cmd, *all, ids)
		if err != nil {
			return err
		}
		return con.act(cmd.Context(), *path, *asJSON, func(ctx context.Context, d agent.Desk) (agent.Acted, error) { return act(ctx, d, w) },
			done, func(id string) error {
				return &unknownError{what: "id", name: id, list: cmd.Parent().CommandPath() + " list"}
			})
	}
	return cmd
}

// act lets the desk act, and tells what came of it.
func (con *console) act(ctx context.Context, path string, asJSON bool, act func(context.Context, agent.Desk) (agent.Acted, error),
	done func(n int64, running bool) string, unknown func(name string) error) error {
	c, err := loadConfig(path)
	if err != nil {
		return err
	}
	var acted agent.Acted
	var s agent.Status
	err = withDesk(ctx, c, func(d agent.Desk) (err error) {
		if acted, err = act(ctx, d); err != nil {
			return err
		}
		s, err = d.Status(ctx)
		return err
	})
	if err != nil {
		return err
	}
	switch {
	case asJSON:
		con.json(acted)
	case acted.Done > 0 || len(acted.Unknown) == 0:
		con.printf("%s\n", done(acted.Done, s.State != "stopped"))
	}
	for _, name := range acted.Unknown {
		con.fail(unknown(name))
	}
	if len(acted.Unknown) > 0 {
		return errSaid
	}
	return nil
}

// unknownError says that something a command is for is not there.
type unknownError struct {
	what, name string
	list       string // the command that lists what is there
}

func (e *unknownError) Error() string { return fmt.Sprintf("there is no %s %q", e.what, e.name) }

// listing calls fn with the desk of the config at path.
func listing(ctx context.Context, path string, fn func(*config.Config, agent.Desk) error) error {
	c, err := loadConfig(path)
	if err != nil {
		return err
	}
	return withDesk(ctx, c, func(d agent.Desk) error { return fn(c, d) })
}

// exportAt names a line of an export: `stock.csv line 87`, or what of that is known.
func exportAt(source, export string, line uint64) string {
	switch {
	case export == "":
		return "an export of long ago"
	case line == 0:
		return plain(source + ": " + export)
	}
	return fmt.Sprintf("%s line %d", plain(source+": "+export), line)
}

// oneLine is a text without line ends, cut.
func oneLine(text string, most int) string {
	return clip(strings.Join(strings.Fields(text), " "), most)
}

package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"tillpost/agent"
	"tillpost/config"
)

func (con *console) deadCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dead",
		Short: "updates that the API refused for good: look at them, act on them",
		Long: "A dead letter is an update that the API refused for good. It is sent again when its quantity changes, by itself after\n" +
			"`api.dead_retry`, each time twice as late, and by `dead retry`. Its kind is `unknown` where the API does not know\n" +
			"the product or the store, else `refused`.",
		Example: "  tillpost dead list\n  tillpost dead retry --all",
	}
	list := &cobra.Command{
		Use:     "list [--config FILE] [--json]",
		Short:   "the dead letters, with what the API said",
		Example: "  tillpost dead list --json",
		Args:    noArguments,
	}
	path := configFlag(list)
	asJSON := jsonFlag(list, "print one JSON object a line")
	list.RunE = func(cmd *cobra.Command, _ []string) error { return con.listDead(cmd.Context(), *path, *asJSON) }
	retry := con.acting(&cobra.Command{
		Use:     "retry [--config FILE] [--json] {ID... | --all}",
		Short:   "send dead letters again, after everything else",
		Example: "  tillpost dead retry --all",
	}, func(ctx context.Context, d agent.Desk, w agent.Which) (agent.Acted, error) {
		return d.RetryDead(ctx, w)
	}, func(n int64, running bool) string {
		if running {
			return fmt.Sprintf("%s sent again, after everything else.", plural(n, "dead letter")+" "+isAre(n))
		}
		return plural(n, "dead letter") + " will be sent again, after everything else, once an agent runs."
	})
	discard := con.acting(&cobra.Command{
		Use:   "discard [--config FILE] [--json] {ID... | --all}",
		Short: "forget dead letters; what the API holds of them stays as it is",
		Long: "discard forgets dead letters. Nothing is sent for it: the API keeps what it holds. The next export that names such a\n" +
			"product with a quantity that the API has not acknowledged is sent again.",
		Example: "  tillpost dead discard 8f14e45fceea167a",
	}, func(ctx context.Context, d agent.Desk, w agent.Which) (agent.Acted, error) {
		return d.DiscardDead(ctx, w)
	}, func(n int64, _ bool) string {
		return plural(n, "dead letter") + " " + isAre(n) + " forgotten."
	})
	return group(cmd, list, retry, discard)
}

// isAre is the verb for a number of things.
func isAre(n int64) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// group makes a command that only holds others.
func group(cmd *cobra.Command, commands ...*cobra.Command) *cobra.Command {
	cmd.Use += " COMMAND"
	cmd.Args = cobra.ArbitraryArgs
	cmd.SuggestionsMinimumDistance = 2
	cmd.FParseErrWhitelist = cobra.FParseErrWhitelist{UnknownFlags: true}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		names := make([]string, len(commands))
		for i, c := range commands {
			names[i] = c.Name()
		}
		if len(args) > 0 {
			return unknownCommand(cmd, args[0])
		}
		return wrongUse(cmd, "which? There are %s", strings.Join(names, ", "))
	}
	cmd.AddCommand(commands...)
	for _, c := range commands {
		c.DisableFlagsInUseLine = true
	}
	return cmd
}

func (con *console) listDead(ctx context.Context, path string, asJSON bool) error {
	return listing(ctx, path, func(_ *config.Config, d agent.Desk) error {
		list := pages(func(after string) ([]agent.DeadLetter, string, error) {
			page, err := d.Dead(ctx, after)
			return page.List, page.Next, err
		})
		n, err := show(con, list, asJSON, "ID\tKIND\tPRODUCT\tQUANTITY\tSINCE\tEXPORT\tTHE API SAID", func(l agent.DeadLetter) string {
			return fmt.Sprintf("%s\t%s\t%s\t%d\t%s\t%s\t%d %s", l.ID, l.Kind, clip(l.Key.String(), 60), l.Quantity, clock(l.At),
				oneLine(exportAt(l.Source, l.Export, l.Line), 50), l.Status, oneLine(l.Error, 120))
		})
		if err == nil && n == 0 && !asJSON {
			con.printf("There are no dead letters.\n")
		}
		return err
	})
}

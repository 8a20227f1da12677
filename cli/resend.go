package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"tillpost/agent"
)

// resendCommand puts what the ledger holds back into the outbox.
func (con *console) resendCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "resend [--config FILE] [--json] {--all | --source NAME | --store S | CODE...}",
		Short: "send again what was delivered, though nothing has changed",
		Long: "resend lets quantities travel once more that the API has acknowledged: for when the API has lost or changed them. A\n" +
			"CODE is a UPC or a SKU, in every store.",
		Example: "  tillpost resend --store 3\n  tillpost resend 849632048260",
	}
	path, asJSON := configFlag(cmd), jsonFlag(cmd, "print one JSON object")
	all := cmd.Flags().Bool("all", false, "everything")
	source := flagOf(cmd, "source", "what the exports of the source `NAME` have named", parseText)
	store := flagOf(cmd, "store", "what is in the store `S`, as the API knows it", parseText)
	cmd.RunE = func(cmd *cobra.Command, codes []string) error {
		given := 0
		for _, is := range []bool{*all, *source != "", *store != "", len(codes) > 0} {
			if is {
				given++
			}
		}
		if given != 1 {
			return wrongUse(cmd, "say what is sent again, in one way: --all, --source, --store, or UPCs and SKUs")
		}
		c, err := loadConfig(*path)
		if err != nil {
			return err
		}
		if err := sourceFlag(cmd, c, *source); err != nil {
			return err
		}
		w := agent.Selection{All: *all, Source: *source, Store: *store, Codes: codes}
		return con.act(cmd.Context(), *path, *asJSON, func(ctx context.Context, d agent.Desk) (agent.Acted, error) { return d.Resend(ctx, w) },
			func(n int64, running bool) string {
				if running {
					return plural(n, "update") + " " + isAre(n) + " sent again."
				}
				return plural(n, "update") + " will be sent again once an agent runs."
			},
			func(name string) error { return &unsentError{name: name, selection: w} })
	}
	return cmd
}

// unsentError says that nothing was found to send again.
type unsentError struct {
	name      string
	selection agent.Selection
}

func (e *unsentError) Error() string {
	switch {
	case e.selection.Source != "":
		return fmt.Sprintf("no quantity of the source %q is known", e.name)
	case e.selection.Store != "":
		return fmt.Sprintf("no quantity of the store %q is known", e.name)
	}
	return fmt.Sprintf("nothing is known of the product %q", e.name)
}

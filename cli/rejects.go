package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"tillpost/agent"
	"tillpost/config"
)

func (con *console) rejectsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rejects [--config FILE] [--source NAME] [--json]",
		Short: "rows of the newest exports that could not become updates",
		Long: "rejects lists the rows of the newest export of each kind that could not become updates, with what is wrong. A row that\n" +
			"was rejected before for the same reason is listed for the export that had it first. The same rows, with all their\n" +
			"columns, are in <data_dir>/rejects/<export>.rejects.csv.",
		Example: "  tillpost rejects\n  tillpost rejects --json",
		Args:    noArguments,
	}
	path := configFlag(cmd)
	asJSON := jsonFlag(cmd, "print one JSON object a line")
	source := flagOf(cmd, "source", "only those of the source `NAME`", parseText)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return con.listRejects(cmd, *path, *source, *asJSON)
	}
	return cmd
}

func (con *console) listRejects(cmd *cobra.Command, path, source string, asJSON bool) error {
	ctx := cmd.Context()
	return listing(ctx, path, func(c *config.Config, d agent.Desk) error {
		if err := sourceFlag(cmd, c, source); err != nil {
			return err
		}
		counts := map[string]int64{}
		list := func(yield func(agent.Reject, error) bool) {
			for r, err := range pages(func(after string) ([]agent.Reject, string, error) {
				page, err := d.Rejects(ctx, after)
				return page.List, page.Next, err
			}) {
				if err == nil && source != "" && r.Source != source {
					continue
				}
				counts[r.Kind]++
				if !yield(r, err) {
					return
				}
			}
		}
		n, err := show(con, list, asJSON, "EXPORT\tLINE\tREASON", func(r agent.Reject) string {
			return fmt.Sprintf("%s\t%d\t%s", oneLine(r.Source+": "+r.Export, 60), r.Line, oneLine(r.Error, 200))
		})
		switch {
		case err != nil || asJSON:
		case n == 0:
			con.printf("There are no rejects.\n")
		default:
			con.printf("\n%s: %s\n", plural(n, "reject"), reasonsLine(counts, 10))
			con.printf("With all their columns: %s\n", plain(agent.ReportsFolder(c)))
		}
		return err
	})
}

// sourceFlag says that --source names none of the config's sources.
func sourceFlag(cmd *cobra.Command, c *config.Config, name string) error {
	if name == "" {
		return nil
	}
	for _, s := range c.Sources {
		if s.Name == name {
			return nil
		}
	}
	return wrongUse(cmd, "--source: there is no source %q; there are %s", name, sourceNames(c.Sources))
}

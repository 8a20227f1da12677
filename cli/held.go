package cli

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"tillpost/agent"
	"tillpost/config"
	"tillpost/outbox"
)

func (con *console) heldCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "held",
		Short: "exports that a guard stopped: look at them, let them through or forget them",
		Long: "A guard holds an export that would empty or change too much of a store (`guard` in the config). Nothing of it is taken;\n" +
			"its bytes are kept. The next good export of its kind that names at least half its products supersedes it;\n" +
			"a newer one that is held too is held in its place.",
		Example: "  tillpost held list\n  tillpost held release 17",
	}
	list := &cobra.Command{
		Use:     "list [--config FILE] [--json]",
		Short:   "the held exports, and why they are held",
		Example: "  tillpost held list --json",
		Args:    noArguments,
	}
	path := configFlag(list)
	asJSON := jsonFlag(list, "print one JSON object a line")
	list.RunE = func(cmd *cobra.Command, _ []string) error { return con.listHeld(cmd.Context(), *path, *asJSON) }
	release := con.acting(&cobra.Command{
		Use:   "release [--config FILE] [--json] {ID... | --all}",
		Short: "take held exports after all",
		Long: "release lets held exports be taken as if no guard had stopped them. What newer exports have said since counts more than\n" +
			"what they say.",
		Example: "  tillpost held release 17",
	}, func(ctx context.Context, d agent.Desk, w agent.Which) (agent.Acted, error) {
		return d.ReleaseHeld(ctx, w)
	}, func(n int64, running bool) string {
		if running {
			return plural(n, "export") + " " + isAre(n) + " taken after all."
		}
		return plural(n, "export") + " will be taken after all once an agent runs."
	})
	discard := con.acting(&cobra.Command{
		Use:     "discard [--config FILE] [--json] {ID... | --all}",
		Short:   "forget held exports",
		Example: "  tillpost held discard --all",
	}, func(ctx context.Context, d agent.Desk, w agent.Which) (agent.Acted, error) {
		return d.DiscardHeld(ctx, w)
	}, func(n int64, _ bool) string {
		return plural(n, "held export") + " " + isAre(n) + " forgotten."
	})
	return group(cmd, list, release, discard)
}

func (con *console) listHeld(ctx context.Context, path string, asJSON bool) error {
	return listing(ctx, path, func(_ *config.Config, d agent.Desk) error {
		held, err := d.Held(ctx, "")
		if err != nil {
			return err
		}
		if asJSON {
			for _, h := range held {
				con.json(h)
			}
			return nil
		}
		if len(held) == 0 {
			con.printf("No export is held.\n")
		}
		for i, h := range held {
			if i > 0 {
				con.printf("\n")
			}
			state := ""
			if h.Released {
				state = ", released and about to be taken"
			}
			con.printf("%s  %s: %s, %s, held %s%s\n  %s\n", h.ID, plain(h.Source), plain(h.Export), plural(h.Rows, "row"), clock(h.At), state, clip(h.Error, 600))
			con.showFigures(h)
		}
		return nil
	})
}

// showFigures prints what made a guard act, store by store.
func (con *console) showFigures(h agent.HeldExport) {
	const most = 20
	t := newColumns(con)
	defer t.flush()
	head, stores := "  STORE\tKNOWN\tIN STOCK\tTO ZERO\tNEW OR CHANGED", slices.Clone(h.Stores)
	lacks := slices.ContainsFunc(stores, func(f outbox.Figures) bool { return f.Missing > 0 })
	if lacks {
		head += "\tMISSING"
	}
	t.row(head)
	for i, f := range stores {
		if i == most {
			t.row(fmt.Sprintf("  and %d stores more", len(stores)-most))
			break
		}
		line := fmt.Sprintf("  %s\t%s\t%s\t%s\t%s", clip(f.Store, 20), number(f.Known), number(f.Stocked), number(f.Zero), number(f.Changed))
		if lacks {
			line += "\t" + number(f.Missing)
		}
		t.row(line)
	}
}

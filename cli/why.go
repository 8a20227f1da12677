package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tillpost/agent"
	"tillpost/config"
	"tillpost/dashboard"
)

func (con *console) whyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "why [--config FILE] [--json] CODE",
		Short: "everything that is known of one product",
		Long: "why tells everything that is known of a product, by its UPC or SKU, in each store: which export named it last, and the\n" +
			"line where that export still lies, the quantity, when it was sent and what the API answered, what the API has\n" +
			"acknowledged, and what waits. Rows that name it and could not become updates are shown too.",
		Example: "  tillpost why 849632048260\n  tillpost why --json ZOOT-SUIT",
		Args: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) == 0:
				return wrongUse(cmd, "which product? Name its UPC or SKU")
			case len(args) > 1:
				return wrongUse(cmd, "one product at a time; a SKU with a blank in it goes into quotes")
			case strings.TrimSpace(args[0]) == "":
				return wrongUse(cmd, "the UPC or SKU is blank")
			}
			return nil
		},
	}
	path := configFlag(cmd)
	asJSON := jsonFlag(cmd, "print one JSON object")
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return con.why(cmd.Context(), *path, args[0], *asJSON) }
	return cmd
}

func (con *console) why(ctx context.Context, path, code string, asJSON bool) error {
	var why agent.Why
	err := listing(ctx, path, func(c *config.Config, d agent.Desk) (err error) {
		if why, err = d.Why(ctx, code); err != nil {
			return err
		}
		return why.Locate(ctx, c)
	})
	if err != nil {
		return err
	}
	if len(why.Keys)+len(why.Rejects) == 0 {
		return &unknownProductError{code}
	}
	if asJSON {
		con.json(why)
		return nil
	}
	now := time.Now()
	for i, k := range why.Keys {
		if i > 0 {
			con.printf("\n")
		}
		con.showStory(k, now)
	}
	for i, r := range why.Rejects {
		if i == 0 && len(why.Keys) > 0 {
			con.printf("\n")
		}
		con.printf("rejected: %s line %d: %s\n", plain(r.Source+": "+r.Export), r.Line, oneLine(r.Error, 300))
	}
	if why.More {
		con.printf("and more, which are not shown\n")
	}
	return nil
}

// unknownProductError says that nothing is known of a product.
type unknownProductError struct{ code string }

func (e *unknownProductError) Error() string {
	return fmt.Sprintf("nothing is known of the product %q", e.code)
}

// showStory prints what is known of one key.
func (con *console) showStory(k agent.KeyStory, now time.Time) {
	con.printf("%s\n", plain(k.Key.String()))
	t := newColumns(con)
	defer t.flush()
	for _, f := range storyFacts(k, now) {
		t.row("  " + f.Name + "\t" + f.Text)
	}
}

// storyFacts is what is known of one key, a line each.
func storyFacts(k agent.KeyStory, now time.Time) (list []dashboard.Fact) {
	add := func(name, format string, args ...any) {
		list = append(list, dashboard.Fact{Name: name, Text: fmt.Sprintf(format, args...)})
	}
	add("state", "%s", stateLine(k, now))
	if k.Quantity != nil {
		add("quantity", "%d", *k.Quantity)
	}
	if e := k.Set; e != nil && (k.Named == nil || e.Export != k.Named.Export || !e.At.Equal(k.Named.At)) {
		add("set by", "%s, taken %s", oneLine(exportAt(e.Source, e.Export, e.Line), 100), clock(e.At))
	}
	if e := k.Named; e != nil {
		where := "it is not there any more"
		if e.Path != "" {
			where = "it lies in " + plain(e.Path)
		}
		what := "named last by"
		if e.Missing {
			what = "missing in"
		}
		add(what, "%s, taken %s; %s", oneLine(exportAt(e.Source, e.Export, e.Line), 100), clock(e.At), where)
	}
	switch {
	case k.Acknowledged == nil:
		add("the API", "has acknowledged nothing")
	case k.AcknowledgedAt == nil:
		add("the API", "has acknowledged %d", *k.Acknowledged)
	default:
		add("the API", "has acknowledged %d, %s", *k.Acknowledged, clock(*k.AcknowledgedAt))
	}
	if l := k.Last; l != nil {
		answer := "no answer"
		if l.Status != 0 {
			answer = fmt.Sprintf("answer %d", l.Status)
		}
		add("last try", "of %d, %s: %s: %s", l.Quantity, clock(l.At), answer, oneLine(l.Error, 200))
	}
	return list
}

// stateLine says in words how a key is.
func stateLine(k agent.KeyStory, now time.Time) string {
	line := ""
	switch k.State {
	case "delivered":
		line = "delivered; nothing waits"
	case "discarded":
		line = "nothing waits: its dead letter was discarded, or it is known under another key now"
	case "dead":
		line = "dead letter: the API refused it for good"
		if k.Last != nil {
			line += " (" + k.Last.ID + ")"
		}
	case "in flight":
		line = "being sent right now"
	case "confirming":
		line = "delivered, and sent once more to be sure, because an older request went without an answer"
	default:
		line = "waiting to be sent"
		if k.WaitsSince != nil {
			line += ", for " + span(now.Sub(*k.WaitsSince))
		}
	}
	if k.Failures > 0 && k.State != "dead" {
		line += ", " + number(k.Failures) + " failed so far"
	}
	if k.Next != nil && k.Next.After(now) {
		line += ", next try " + clock(*k.Next)
	}
	return line
}

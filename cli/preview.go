package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"tillpost/agent"
	"tillpost/config"
	"tillpost/export"
	"tillpost/outbox"
)

func (con *console) previewCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "preview [--store S] [--source NAME] [--config FILE] [--json] EXPORT...",
		Short: "what an export would send, without sending",
		Long: "preview reads exports as the agent would and shows what it would send: updates, rejects with line and reason, what\n" +
			"was detected, and, where there is an outbox, what would change. It works without a config; with one, exports are read\n" +
			"like those of --source, else of the source whose folder holds them, else of the only one. The exit status is 1 when a\n" +
			"whole file was refused, and 3 when rows were rejected.",
		Example: "  tillpost preview stock.csv\n" +
			"  tillpost preview --store 3 --json stock.csv",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return wrongUse(cmd, "which export?")
			}
			return nil
		},
	}
	path := configFlag(cmd)
	store := flagOf(cmd, "store", "the `STORE` of exports that do not say it", parseText)
	source := flagOf(cmd, "source", "read the exports as those of the source `NAME`", parseText)
	complete(cmd, "source", sourceChoices)
	cmd.ValidArgsFunction = fileChoices
	asJSON := jsonFlag(cmd, "print a JSON object a line: what was detected, updates, rejects, a summary")
	cmd.RunE = func(cmd *cobra.Command, files []string) error {
		p := &preview{con: con, several: len(files) > 1, asJSON: *asJSON, store: *store}
		defer p.close()
		if err := p.setUp(cmd, *path, *source, files); err != nil {
			return err
		}
		return p.files(cmd.Context(), files)
	}
	return cmd
}

// preview shows exports.
type preview struct {
	con     *console
	several bool
	asJSON  bool
	store   string // "" = not given

	readings []agent.Reading // how to read each of the exports
	desk     agent.Desk      // knows the ledger; nil = there is none
	dataDir  string          // where it is
}

// setUp finds how the exports are read, and the ledger to compare them with.
func (p *preview) setUp(cmd *cobra.Command, path, source string, files []string) error {
	c, err := previewConfig(path)
	if err != nil {
		return err
	}
	if c == nil && source != "" {
		return wrongUse(cmd, "--source: there is no config that could name a source %q", source)
	}
	for _, file := range files {
		s, err := plainSource()
		if c != nil {
			s, err = sourceOf(cmd, c, source, file)
		}
		if err != nil {
			return err
		}
		if c != nil && sameFile(file, c.API.TokenFile) { // promise 11: an export's headings are shown
			return wrongUse(cmd, "%s is the token's file, and no export", file)
		}
		if p.store != "" {
			s.Defaults = maps.Clone(s.Defaults)
			if s.Defaults == nil {
				s.Defaults = map[string]string{}
			}
			s.Defaults["store"] = p.store
		}
		p.readings = append(p.readings, agent.ReadingOf(s))
	}
	if c != nil {
		p.openLedger(cmd.Context(), c)
	}
	return nil
}

// sameFile reports whether two paths lead to one file.
func sameFile(a, b string) bool {
	x, errA := os.Stat(a)
	y, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(x, y)
}

// previewConfig is the config, or nil where nobody has named one and there is none.
func previewConfig(path string) (*config.Config, error) {
	c, err := loadConfig(path)
	if e, ok := errors.AsType[*setupError](err); ok && e.missing && !e.asked {
		return nil, nil
	}
	return c, err
}

// openLedger finds the ledger. Where it cannot be asked, the preview goes on without it, and says so.
func (p *preview) openLedger(ctx context.Context, c *config.Config) {
	d, err := openDesk(ctx, c)
	switch {
	case errors.Is(err, outbox.ErrNoOutbox):
	case err != nil:
		p.con.warn("what would change cannot be told: %s", errorText(err))
	default:
		p.desk, p.dataDir = d, c.DataDir
	}
	if err := beRoot(); err != nil { // again: the exports may be root's
		p.con.warn("%s", errorText(err))
	}
}

func (p *preview) close() {
	if p.desk != nil {
		if err := errors.Join(beOwnerOf(p.dataDir, false), p.desk.Close()); err != nil {
			p.con.warn("%s", errorText(err))
		}
	}
}

// files shows one export after the other.
func (p *preview) files(ctx context.Context, files []string) error {
	failed, rejects := false, false
	for i, name := range files {
		sum, err := p.file(ctx, name, p.readings[i])
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if p.con.out.err != nil {
			return p.con.out.err
		}
		failed = failed || err != nil
		rejects = rejects || sum.Rejects > 0
	}
	switch {
	case failed:
		return errSaid
	case rejects:
		return errPartial
	}
	return nil
}

// sink is where what is found in one export goes, in the order of its lines.
type sink interface {
	detected(export.Detected)
	update(found)
	reject(line int, reason string)
	// failed tells why nothing of the export would be taken. Unless it was read as a whole, the summary counts what was told.
	failed(err error, sum previewSum, whole bool)
	summary(previewSum)
}

// previewSum counts one export's rows: Rows = Updates + Rejects + Skipped.
type previewSum struct {
	export.Summary
	Unchanged *int             `json:"unchanged,omitempty"` // nil = there is no ledger
	Reasons   map[string]int64 `json:"reasons,omitempty"`   // the rejects by their class

	duplicates int // of the skipped: another row for the same key counts in their place, or their sum

	lost [][2]int // the first of those: their lines, and those of the rows that count
}

// rejected counts a reject of a class.
func (s *previewSum) rejected(code string) {
	s.Rows++
	s.Rejects++
	if s.Reasons == nil {
		s.Reasons = map[string]int64{}
	}
	s.Reasons[code]++
}

// file shows one export. The error has been told.
func (p *preview) file(ctx context.Context, name string, how agent.Reading) (sum previewSum, err error) {
	var s sink
	if p.asJSON {
		s = newLines(p.con.out, p.label(name))
	} else {
		s = newTable(p.con, name, p.desk != nil)
	}
	x := &examination{how: how, desk: p.desk, sink: s, shown: func() error { return p.con.out.err }, progress: func(done, total int64) {
		if total >= largeFile && !(p.asJSON && p.con.out.terminal) {
			p.con.err.progress(done>>10, total>>10, "reading (KB)")
		}
	}}
	err = x.run(ctx, name)
	p.con.err.end()
	switch {
	case ctx.Err() != nil || p.con.out.err != nil:
		return x.sum, err
	case err != nil:
		s.failed(err, x.sum, x.whole)
		return x.sum, err
	}
	s.summary(x.sum)
	p.doubt(name, x)
	return x.sum, nil
}

// doubt warns of what looks right and may not be what the API should be told.
func (p *preview) doubt(name string, x *examination) {
	if x.zeros > 1 && x.zeros == x.figures {
		p.con.warn("%s: none of its quantities is more than 0; sent like this, all of its products would be sold out", name)
	}
	if x.sum.Rows > manyRows && x.zeros == 0 {
		p.con.warn("%s: not one of its %s says 0. An export that leaves out what is sold out never brings it to 0 at the API; "+
			"let the POS export those products too", name, plural(x.sum.Rows, "row"))
	}
	if heading := x.detected.Columns[export.Quantity]; strings.EqualFold(heading, "Variant Inventory Qty") {
		p.con.warn("%s: %q is the sum over all locations of the shop. Where it has several, let Shopify export the inventory instead of the products", name, heading)
	}
}

const (
	shownLost = 3       // rows that lost to another one
	manyRows  = 50      // from which on an export without a zero is worth a warning
	largeFile = 4 << 20 // bytes from which on a progress bar is worth it
)

// label is what names the export in lines of JSON: nothing where there is only one.
func (p *preview) label(name string) string {
	if p.several {
		return name
	}
	return ""
}

// plainSource is a source of which the config says nothing.
func plainSource() (config.Source, error) {
	c, err := (&draft{folders: []drafted{{"preview", besideData("")}}}).config() // wherever this is called
	if err != nil {
		return config.Source{}, fmt.Errorf("make up a source: %w", err)
	}
	return c.Sources[0], nil
}

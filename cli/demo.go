package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"tillpost/agent"
	"tillpost/config"
	"tillpost/mockapi"
	"tillpost/outbox"
)

func (con *console) demoCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "demo [--once]",
		Short: "the whole agent on a stand-in API with sample exports",
		Long: "demo starts a stand-in API and an agent in a temporary folder, drops a sample export, watches it being delivered, drops\n" +
			"a second one with a few changes, and compares what the API holds with it. Then it waits for exports of your own. It\n" +
			"needs no config, speaks to this machine alone, and leaves nothing behind.",
		Example: "  tillpost demo\n" +
			"  tillpost demo --once",
		Args: noArguments,
	}
	once := cmd.Flags().Bool("once", false, "end when all is delivered and compared")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return con.demo(cmd.Context(), *once) }
	return cmd
}

// demoConfig is the demo's config, to be filled with the API's URL and the temporary folder.
const demoConfig = `api:
  url: %[1]s
  token_file: '%[2]s/token'
  rate: 800/s                  # the default, 5/s, is kinder to a real API
  concurrency: 8
data_dir: '%[2]s/data'
status: {listen: "off"}
log: {level: warn}
sources:
  - name: main
    folder: '%[2]s/exports'
    settle: 200ms              # the defaults wait longer, for tills write slowly
    settle_last: 1s
    rescan: 1s
    defaults: {store: "1"}     # for exports of your own that name no store
`

// demoToken is what the demo's agent shows the demo's API. It opens nothing else.
const demoToken = "demo"

// demo is one run of the demo.
type demo struct {
	con    *console
	dir    string
	api    *mockapi.Server
	config *config.Config
	agent  *agent.Agent
}

func (con *console) demo(ctx context.Context, once bool) error {
	dir, err := os.MkdirTemp("", "tillpost-demo-")
	if err != nil {
		return fmt.Errorf("make a folder for the demo: %w", err)
	}
	err = con.demoIn(ctx, dir, once)
	if rerr := os.RemoveAll(dir); rerr != nil {
		err = errors.Join(err, fmt.Errorf("remove the demo's folder: %w", rerr))
	}
	if err == nil && ctx.Err() != nil {
		con.printf("The demo was stopped; its folder is removed.\n")
	}
	return err
}

// demoIn runs the demo in an empty folder. It is no error when ctx ends it.
func (con *console) demoIn(ctx context.Context, dir string, once bool) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("start the stand-in API: %w", err)
	}
	d := &demo{con: con, dir: dir, api: mockapi.New(mockapi.Options{Token: demoToken, Latency: 5 * time.Millisecond, Jitter: 10 * time.Millisecond})}
	if err := d.setUp("http://" + l.Addr().String()); err != nil {
		return errors.Join(err, l.Close())
	}
	con.printf("The stand-in API listens on http://%s; http://%[1]s/state shows what it holds.\nThe agent watches %s with this config:\n\n",
		l.Addr(), plain(d.exports()))
	con.printf("%s\n", plainLines(d.yaml("http://"+l.Addr().String())))

	person := ctx
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	g, ctx := errgroup.WithContext(ctx)
	serving, stopServing := context.WithCancel(context.WithoutCancel(ctx)) // the API outlives the agent's last requests
	g.Go(func() error { return serve(serving, l, d.api) })
	g.Go(func() error {
		defer stopServing()
		return d.agent.Run(ctx)
	})
	g.Go(func() error {
		defer stop(errDemoDone)
		if err := d.show(ctx, once); person.Err() == nil {
			return err
		}
		return nil // whatever the end of ctx made of it
	})
	return g.Wait()
}

// errDemoDone is the cause of the end of the demo's parts.
var errDemoDone = errors.New("the demo is over")

func (d *demo) exports() string { return filepath.Join(d.dir, "exports") }

// yaml is the demo's config as a text.
func (d *demo) yaml(url string) string {
	return fmt.Sprintf(demoConfig, url, strings.ReplaceAll(filepath.ToSlash(d.dir), "'", "''"))
}

// setUp writes the config and what it names, and makes the agent.
func (d *demo) setUp(url string) error {
	if err := os.Mkdir(d.exports(), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(d.dir, "token"), []byte(demoToken+"\n"), 0o600); err != nil {
		return err
	}
	path := filepath.Join(d.dir, "tillpost.yaml")
	if err := os.WriteFile(path, []byte(d.yaml(url)), 0o600); err != nil {
		return err
	}
	var err error
	if d.config, err = config.Load(path); err != nil {
		return err
	}
	d.agent, err = agent.New(agent.Options{Config: d.config, Token: d.config.TokenSource().Token, Version: programVersion(),
		Log: d.con.logger(d.config.Log)})
	return err
}

// show drops the exports and tells what comes of them.
func (d *demo) show(ctx context.Context, once bool) error {
	desk, err := d.openDesk(ctx)
	if err != nil {
		return err
	}
	defer desk.Close() // it holds a connection at most
	stock := newDemoStock()
	d.con.printf("1. The POS drops a first export: %s rows, %s products in 2 stores.\n", number(len(stock)), number(len(stock)/2))
	if err := d.drop(ctx, desk, "stock-0900.csv", stock); err != nil {
		return err
	}
	was := d.api.Counters().Requests
	changed := changeDemoStock(stock)
	d.con.printf("2. An hour later it drops a second one: the same rows, %d of them with another quantity.\n", changed)
	if err := d.drop(ctx, desk, "stock-1000.csv", stock); err != nil {
		return err
	}
	travelled := d.api.Counters().Requests - was
	d.con.printf("   Only those travelled: %s; %s stayed.\n", plural(travelled, "request"), plural(len(stock)-changed, "unchanged row"))
	if err := d.compare(stock, travelled, uint64(changed)); err != nil {
		return err
	}
	d.con.printf("The API holds %s quantities, and each is the one in the newest export.\n", number(len(stock)))
	if once {
		return nil
	}
	before, err := d.status(ctx, desk)
	if err != nil {
		return err
	}
	d.con.printf("\nNow drop exports of your own into %s (store 1 where they name none). Ctrl-C ends the demo.\n", plain(d.exports()))
	return d.follow(ctx, desk, before)
}

// openDesk waits until the agent answers.
func (d *demo) openDesk(ctx context.Context) (agent.Desk, error) {
	for {
		desk, err := agent.OpenDesk(ctx, d.config)
		_, starting := errors.AsType[*agent.InUseError](err)
		if err == nil {
			s, serr := desk.Status(ctx)
			if serr == nil && s.State != "stopped" {
				return desk, nil
			}
			err = errors.Join(serr, desk.Close())
		} else if starting || errors.Is(err, outbox.ErrNoOutbox) {
			err = nil
		}
		if err == nil {
			err = pauseFor(ctx, 50*time.Millisecond)
		}
		if err != nil {
			return nil, err
		}
	}
}

// pauseFor waits; the error is the cause of ctx's end.
func pauseFor(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

// status asks the agent; the error is the cause of ctx's end where that ended it.
func (d *demo) status(ctx context.Context, desk agent.Desk) (agent.Status, error) {
	s, err := desk.Status(ctx)
	if ctx.Err() != nil {
		return s, context.Cause(ctx)
	}
	return s, err
}

// drop writes an export as a POS does that knows how to, and follows it until all of it is delivered.
func (d *demo) drop(ctx context.Context, desk agent.Desk, name string, stock []demoRow) error {
	path := filepath.Join(d.exports(), name)
	if err := os.WriteFile(path+".tmp", demoExport(stock), 0o600); err != nil {
		return err
	}
	before, err := d.status(ctx, desk)
	if err != nil {
		return err
	}
	start := time.Now()
	if err := os.Rename(path+".tmp", path); err != nil {
		return err
	}
	told := start
	for {
		s, err := d.status(ctx, desk)
		if err != nil {
			return err
		}
		done := s.Delivered - before.Delivered
		e := s.Sources[0].LastExport
		taken := e != nil && e.Name == name
		if taken && e.Refused != "" {
			return fmt.Errorf("the export %s was refused: %s", name, e.Refused)
		}
		if taken && s.Pending == 0 && done >= e.Changed { // what is taken is not pending yet for a moment
			d.con.printf("   %s delivered in %.1f s, settling included.\n", plural(done, "update"), time.Since(start).Seconds())
			return nil
		}
		if taken && time.Since(told) >= time.Second/2 {
			d.con.printf("   %s\n", demoProgress(done, e.Changed))
			told = time.Now()
		}
		if err := d.pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

// demoProgress tells how far the delivery of an export is.
func demoProgress(done, changed int64) string {
	return fmt.Sprintf("%s delivered, %s to go", number(done), number(max(0, changed-done)))
}

// pause waits. The error is the cause of ctx's end, or that nobody reads what the demo tells.
func (d *demo) pause(ctx context.Context, wait time.Duration) error {
	if err := d.con.out.err; err != nil {
		return err
	}
	return pauseFor(ctx, wait)
}

// compare says whether the API ends at the truth, by what the API itself holds.
func (d *demo) compare(stock []demoRow, travelled, changed uint64) error {
	held := d.api.Quantities()
	for _, row := range stock {
		if got, ok := held[row.key]; !ok || got != row.quantity {
			return fmt.Errorf("the API holds %d of %s, but the newest export says %d", got, row.key, row.quantity)
		}
	}
	if len(held) != len(stock) {
		return fmt.Errorf("the API holds %d quantities, but the newest export has %d rows", len(held), len(stock))
	}
	if travelled != changed {
		return fmt.Errorf("%d rows changed, but %d requests were sent", changed, travelled)
	}
	if wrong := d.api.Check(); len(wrong) > 0 {
		return fmt.Errorf("the API was not spoken to as documented: %s", wrong[0])
	}
	return nil
}

// follow tells of the person's own exports, from what was before them on, until ctx ends.
func (d *demo) follow(ctx context.Context, desk agent.Desk, before agent.Status) error {
	told, delivered := before.Sources[0].LastExport, before.Delivered
	for {
		if err := d.pause(ctx, 300*time.Millisecond); err != nil {
			return err
		}
		s, err := d.status(ctx, desk)
		if err != nil {
			return err
		}
		if e := s.Sources[0].LastExport; e.Name != told.Name || !e.At.Equal(told.At) {
			d.con.printf("%s\n", exportLine(e))
			told = e
		}
		if s.Pending == 0 && s.Delivered != delivered {
			d.con.printf("   %s delivered\n", plural(s.Delivered-delivered, "update"))
			delivered = s.Delivered
		}
	}
}

func exportLine(e *agent.ExportInfo) string {
	if e.Refused != "" {
		return plain(e.Name) + " was refused: " + plain(e.Refused)
	}
	return fmt.Sprintf("%s: %s, %s changed, %s", plain(e.Name), plural(e.Rows, "row"), number(e.Changed), plural(e.Rejects, "reject"))
}

// plainLines is plain for each line of a text, two blanks before it.
func plainLines(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString("  " + plain(strings.TrimRight(line, "\n")) + "\n")
	}
	return b.String()
}

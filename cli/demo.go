package cli

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
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
)

func (con *console) demoCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "demo [--once]",
		Short: "the whole agent on a stand-in API with sample exports",
		Long: "demo plays a store's day in about two minutes: exports, sales, files that are no good, an API that fails, limits and\n" +
			"takes the token away, and an agent that is killed and started again. It tells what happens and why it is safe, and\n" +
			"compares at the end what the API holds with the exports. Then it waits for exports of your own. It needs no config,\n" +
			"speaks to this machine alone, and leaves nothing behind.",
		Example: "  tillpost demo\n" +
			"  tillpost demo --once",
		Args: noArguments,
	}
	once := cmd.Flags().Bool("once", false, "play the day fast, and end with its summary")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return con.demo(cmd.Context(), tempoOf(*once), *once) }
	return cmd
}

// demoConfig is the demo's config, to be filled with the API's URL, the temporary folder, the tempo's rate and
// retries, and the status page's address.
const demoConfig = `api:
  url: %[1]s
  token_file: '%[2]s/token'
  rate: %[3]s/s                 # the default, 5/s, is kinder to a real API
  concurrency: 8
  confirm: 30s
  retry: {min: 200ms, max: %[4]s}
data_dir: '%[2]s/data'
status: {listen: %[5]q}
log: {level: warn}
sources:
  - name: main
    folder: '%[2]s/exports'
    settle: 200ms              # the defaults wait longer, for tills write slowly
    settle_last: 1s
    rescan: 1s
    defaults: {store: "1"}     # for exports of your own that name no store
`

// demoToken is what the demo's agent shows the demo's API in the morning, and demoToken2 in the evening. They open
// nothing else.
const (
	demoToken  = "morning-5309"
	demoToken2 = "evening-8675"
)

// demoTempo is how fast the day is played.
type demoTempo struct {
	rate  string        // requests a second
	retry string        // the longest wait between two tries
	look  time.Duration // between two looks at the agent
	tell  time.Duration // between two lines of live counts, where there is no terminal
	read  time.Duration // for a person to read what a step has told
	bound time.Duration // for a step: what has not come to be by then is an error
}

// tempoOf is the tempo for a person who reads along, or that of --once.
func tempoOf(once bool) demoTempo {
	if once {
		return demoTempo{rate: "800", retry: "500ms", look: 50 * time.Millisecond, tell: time.Second, bound: time.Minute}
	}
	return demoTempo{rate: "100", retry: "2s", look: 200 * time.Millisecond, tell: 2 * time.Second, read: 7 * time.Second, bound: time.Minute}
}

// demo is one run of the demo.
type demo struct {
	con    *console
	tempo  demoTempo
	dir    string
	api    *mockapi.Server
	config *config.Config
	page   string          // host:port of the status page
	group  *errgroup.Group // waits for the agent's processes
	agent  *demoAgent      // nil = none runs
	desk   agent.Desk      // the agent's

	rng   *rand.Rand            // of all chance; the same at every run
	stock []demoRow             // what the stores have now
	truth map[mockapi.Key]int64 // what the newest good row of each key says
	day   demoBook              // what has happened so far
	live  demoPulse             // what is shown of what happens now
}

// demo runs the demo in a temporary folder. With once it ends with the day.
func (con *console) demo(ctx context.Context, t demoTempo, once bool) error {
	dir, err := os.MkdirTemp("", "tillpost-demo-")
	if err != nil {
		return fmt.Errorf("make a folder for the demo: %w", err)
	}
	d := &demo{con: con, dir: dir, tempo: t, rng: rand.New(rand.NewPCG(1, 2)), truth: map[mockapi.Key]int64{}}
	d.stock = newDemoStock(d.rng)
	err = d.run(ctx, once)
	if rerr := removeFolder(dir); rerr != nil {
		err = errors.Join(err, fmt.Errorf("remove the demo's folder: %w", rerr))
	}
	if err == nil && ctx.Err() != nil {
		d.say("The demo was stopped; its folder is removed.\n")
	}
	return err
}

// removeFolder removes a folder that nothing of ours works in any more. On Windows a scanner may still look at a file.
func removeFolder(dir string) (err error) {
	for range 20 {
		if err = os.RemoveAll(dir); err == nil {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return err
}

// run runs the stand-in API, and beside it the day. It is no error when ctx ends it.
func (d *demo) run(ctx context.Context, once bool) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("start the stand-in API: %w", err)
	}
	url := "http://" + l.Addr().String()
	if err := d.setUp(url); err != nil {
		return errors.Join(err, l.Close())
	}
	d.api = mockapi.New(mockapi.Options{Token: demoToken, ClientTimeout: d.config.API.Timeout, Journal: 10_000})
	d.api.SetLatency(usualLatency, usualJitter)
	person := ctx
	group, ctx := errgroup.WithContext(ctx)
	d.group = group
	serving, stopServing := context.WithCancel(context.WithoutCancel(ctx)) // the API outlives the agent's last requests
	group.Go(func() error { return serve(serving, l, d.api) })
	group.Go(func() error {
		defer stopServing()
		err := d.show(ctx, url, once)
		if person.Err() != nil {
			err = nil // whatever the end of ctx made of it
		}
		return errors.Join(err, d.stopAgent())
	})
	return group.Wait()
}

// setUp writes the config and what it names.
func (d *demo) setUp(url string) error {
	if err := os.Mkdir(d.exports(), 0o700); err != nil {
		return err
	}
	if err := d.setToken(demoToken); err != nil {
		return err
	}
	var err error
	if d.page, err = freeAddress(); err != nil {
		return err
	}
	yaml := fmt.Sprintf(demoConfig, url, strings.ReplaceAll(filepath.ToSlash(d.dir), "'", "''"), d.tempo.rate, d.tempo.retry, d.page)
	if err := os.WriteFile(d.path("tillpost.yaml"), []byte(yaml), 0o600); err != nil {
		return err
	}
	d.config, err = config.Load(d.path("tillpost.yaml"))
	return err
}

// freeAddress is an address of this machine alone that was free a moment ago. The demo's agent is killed and started again, and
// its page is to stay where it is.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port for the status page: %w", err)
	}
	return l.Addr().String(), l.Close()
}

func (d *demo) path(name string) string { return filepath.Join(d.dir, name) }

func (d *demo) exports() string { return d.path("exports") }

func (d *demo) setToken(token string) error {
	return os.WriteFile(d.path("token"), []byte(token+"\n"), 0o600)
}

// show starts the agent, plays the day, and then follows what the person does.
func (d *demo) show(ctx context.Context, url string, once bool) error {
	long := ", in about two minutes"
	if once {
		long = ""
	}
	d.say("A store's day with tillpost%s. The till and the API are played, tillpost is real.\n"+
		"All of it happens on this computer; Ctrl-C ends it at any time, and nothing of it is left afterwards.\n\n", long)
	d.say("  the till's exports  %s\n", plain(d.exports()))
	d.say("  tillpost's config   %s\n", plain(d.path("tillpost.yaml")))
	d.say("  what the API holds  %s/state\n", url)
	d.say("  the status page     http://%s/ (`tillpost open --config` with that config lets you in)\n", d.page)
	d.day.begun = time.Now()
	if err := d.startAgent(ctx); err != nil {
		return err
	}
	for _, s := range demoDay() {
		if err := d.play(ctx, s); err != nil {
			return fmt.Errorf("the demo's step at %s: %w", s.clock, err)
		}
	}
	d.say("\n%s", d.summary())
	if once {
		return nil
	}
	d.say("\nNow drop exports of your own into %s (store 1 where they name none). Ctrl-C ends the demo.\n", plain(d.exports()))
	return d.follow(ctx)
}

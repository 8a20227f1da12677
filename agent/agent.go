// Package agent joins the parts of tillpost: exports that come to rest in the sources' folders are read, compared and
// queued (collect), and what is queued is posted (drain).
//
// # Promises
//
//  1. Every goroutine of the program is started by Run or Sync, and has ended when they return.
//  2. An export is read as it lies, hashed and parsed in one pass; nothing of it counts unless the file was the same
//     before and after (I10). What one look at a folder found is accepted together (promise 8 of the contract).
//  3. A request leaves only for a key that is leased on disk, one at a time for a key; an answer counts once it is
//     committed (I4, I12).
//  4. What is wrong with the API pauses or slows the drain, never the reading; what is wrong with a folder or the disk
//     never stops the drain, except that nothing is sent whose acknowledgement cannot be stored.
//  5. Where only refusals come, a canary tells whether the API takes anything; if not, the drain pauses and they wait again.
//  6. Each trouble that lasts is one line in the log when it begins and one when it ends.
package agent

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"tillpost/api"
	"tillpost/config"
	"tillpost/outbox"
	"tillpost/watcher"
)

// Options of an agent.
type Options struct {
	Config  *config.Config
	Token   func() (string, error) // the API's; called again and again while requests leave
	Log     *slog.Logger
	Version string

	// Verify verifies the outbox in a folder, in a process that may die of it; an error says that it is not known how the
	// outbox is. nil = a damaged one is used until it shows, and is never set aside.
	Verify  func(ctx context.Context, dir string) (outbox.Verdict, error)
	Kept    *outbox.Kept        // what an agent before it in this process knew of the outbox last; nil = there was none
	Metrics prometheus.Gatherer // what is pushed; nil = nothing is
	Notes   *Notes              // what is wrong in the process beside; nil = nothing ever is
	Page    func() string       // the status page's URL, empty = it is not served; nil = it never is
	Opened  func()              // called once the outbox is open; nil = nobody asks
	Ready   func()              // called once what the first look at each folder found was dealt with; nil = nobody asks

	// Link makes a link that opens the status page once, within a minute; an error says why there is none, such as that the port
	// is taken. nil = the page is not served.
	Link func() (string, error)
	// LogTail is the newest lines of the log; nil = nobody keeps them.
	LogTail func() []string

	NoNotify  bool              // find exports by looking alone: for simulation
	NoListen  bool              // no command listener: for simulation
	NoSync    bool              // no fsync: for simulation
	Transport http.RoundTripper // in place of the network: for simulation
	Random    rand.Source       // decides what chance does; nil = one of its own: for simulation
}

// Agent is the whole of tillpost but its commands.
type Agent struct {
	opts    Options
	log     *slog.Logger
	started time.Time

	box     *outbox.Outbox
	inUse   atomic.Pointer[outbox.Outbox] // box, for whoever asks from outside of the work
	foreign string                        // why the ledger was not trusted when the outbox was opened; empty = it was
	resent  atomic.Bool                   // nothing has waited since then
	proven  bool                          // the outbox is known to be in order, since it was closed last
	client  *api.Client
	limiter *rate.Limiter
	tokens  *tokenKeeper
	flaps   *flaps
	chance  *rand.Rand // the drain's
	sources []*source
	hub     watcher.Hub   // of the sources' notifications
	wake    chan struct{} // there may be something to send
	arrived chan struct{} // for watchOverdue: an export has come
	quiet   chan struct{} // for Sync: a source has become idle, or answers were stored

	unlooked  atomic.Int64      // sources whose first look is not dealt with yet
	pulses    chan chan<- error // for Pulse
	drains    atomic.Bool       // the drain's loop runs
	heartbeat *Heartbeat        // nil = it is off
	push      *Push             // nil = it is off
	tally     tally             // of requests
	life      atomic.Pointer[life]

	paused    atomic.Bool // by command
	unapplied atomic.Bool // the disk was too full to apply all that was accepted

	command sync.Mutex // held while a command changes the outbox
	mu      sync.Mutex // guards what follows
	drain   drainState
}

// New checks the config's parts against each other. It does no I/O but reading the CA file and the token once, so that
// an agent that could never send says so at once.
func New(opts Options) (*Agent, error) {
	c := opts.Config
	tokens := keepToken(opts.Token, opts.Log)
	opts.Token = tokens.token
	if opts.Random == nil {
		opts.Random = rand.NewPCG(rand.Uint64(), rand.Uint64())
	}
	speak := ClientOptions(c.API, tokens.forRequest, opts.Version)
	speak.Transport = opts.Transport
	client, err := api.New(speak)
	if err != nil {
		return nil, err
	}
	if _, err := opts.Token(); err != nil {
		return nil, err
	}
	a := &Agent{opts: opts, log: opts.Log, tokens: tokens, client: client, wake: make(chan struct{}, 1), arrived: make(chan struct{}, 1), quiet: make(chan struct{}, 1),
		pulses: make(chan chan<- error)}
	a.chance = rand.New(rand.NewPCG(opts.Random.Uint64(), opts.Random.Uint64())) // its own, for the outbox asks from elsewhere
	a.limiter = rate.NewLimiter(rate.Limit(c.API.Rate), c.API.Burst)
	if math.IsInf(c.API.Rate, 1) {
		a.limiter = rate.NewLimiter(rate.Inf, 1)
	}
	a.flaps = newFlaps(a)
	if err := a.caller(); err != nil {
		return nil, err
	}
	for _, s := range c.Sources {
		src, err := newSource(a, s)
		if err != nil {
			return nil, fmt.Errorf("source %s: %w", s.Name, err)
		}
		a.sources = append(a.sources, src)
	}
	return a, nil
}

// ClientOptions is how the agent speaks with the API: what tries the API out speaks so too.
func ClientOptions(c config.API, token func() (string, error), version string) api.Options {
	return api.Options{URL: c.URL, Token: token, Timeout: c.Timeout, Connections: c.Concurrency,
		Proxy: c.Proxy, CAFile: c.CAFile, UserAgent: "tillpost/" + version}
}

// Log is where the agent logs.
func (a *Agent) Log() *slog.Logger { return a.log }

// InUseError says that another agent works on the data folder.
type InUseError struct {
	Dir string
	PID int // 0 = not known
}

func (e *InUseError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("another tillpost works on %s", e.Dir)
	}
	return fmt.Sprintf("another tillpost works on %s, its process id is %d", e.Dir, e.PID)
}

func (e *InUseError) Unwrap() error { return outbox.ErrInUse }

// open opens the outbox for this agent.
func (a *Agent) open(ctx context.Context) error {
	c := a.opts.Config
	if err := a.Prove(ctx, nil); err != nil {
		return err
	}
	box, err := a.openBox(ctx)
	if errors.Is(err, outbox.ErrDamaged) {
		if err = a.Prove(ctx, err); err == nil {
			box, err = a.openBox(ctx)
		}
	}
	if err != nil {
		return err
	}
	a.box, a.started = box, time.Now()
	a.foreign = box.Opening().Foreign
	a.tellOpening(box.Opening())
	stats, err := box.Stats()
	if err != nil {
		return errors.Join(err, box.Close())
	}
	a.paused.Store(stats.Paused)
	changed, err := a.noteSetUp()
	if err == nil && changed {
		_, _, err = box.RetryDead(nil, a.started)
	}
	if err != nil {
		return errors.Join(err, box.Close())
	}
	if err := os.Remove(cardPath(c.DataDir)); err != nil && !errors.Is(err, fs.ErrNotExist) { // another life's
		a.log.Warn("what another run left cannot be removed", "err", err)
	}
	// The bucket starts empty, so that restarts cannot burst past the rate (R8).
	if a.limiter.Limit() != rate.Inf {
		a.limiter.AllowN(a.started, a.limiter.Burst())
	}
	a.inUse.Store(box)
	if a.opts.Opened != nil {
		a.opts.Opened()
	}
	return nil
}

// boxOptions is how this agent uses an outbox.
func (a *Agent) boxOptions() outbox.Options {
	c := a.opts.Config
	return outbox.Options{Destination: c.API.URL, Confirm: c.API.Confirm, DeadRetry: c.API.DeadRetry, NoSync: a.opts.NoSync, Random: a.opts.Random, Verified: a.proven}
}

// openBox opens the outbox, once nobody else uses it.
func (a *Agent) openBox(ctx context.Context) (*outbox.Outbox, error) {
	c, opts := a.opts.Config, a.boxOptions()
	box, err := outbox.Open(c.DataDir, opts)
	for range deskTries { // a command may hold the file for a moment, or another agent be about to end
		if !errors.Is(err, outbox.ErrInUse) || ctx.Err() != nil {
			break
		}
		card, _ := readCard(c.DataDir) // its process id is a help, not a must
		if d, derr := dial(ctx, c.DataDir); derr == nil {
			return nil, errors.Join(&InUseError{Dir: c.DataDir, PID: card.PID}, d.Close())
		}
		if box, err = outbox.Open(c.DataDir, opts); errors.Is(err, outbox.ErrInUse) {
			err = &InUseError{Dir: c.DataDir, PID: card.PID}
		}
	}
	return box, err
}

// noteSetUp tells the outbox with which config and token it is worked on, and reports whether those are others than
// before. It keeps 16 bits of them: enough to notice a change, and no help to whoever would like to know the token.
func (a *Agent) noteSetUp() (changed bool, err error) {
	token, err := a.tokens.token()
	if err != nil {
		return false, err
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%+v", token, *a.opts.Config))
	return a.box.SetUp(hex.EncodeToString(sum[:2]))
}

// ticket takes one request off the rate limit, or says when there will be one to take. Nothing is reserved meanwhile, so
// that a pause leaves nothing behind that could leave in addition to the burst after it.
func (a *Agent) ticket(now time.Time) (wait time.Time) {
	if a.limiter.Limit() == rate.Inf {
		return time.Time{}
	}
	r := a.limiter.ReserveN(now, 1)
	delay := r.DelayFrom(now)
	if delay <= 0 {
		return time.Time{}
	}
	r.CancelAt(now)
	return now.Add(delay)
}

// Run works until ctx ends (nil) or a part fails (its error). When it returns, every goroutine has ended, requests that
// were on their way had 10 seconds, and the outbox is closed with all that is known in it.
func (a *Agent) Run(ctx context.Context) (err error) {
	return a.work(ctx, nil)
}

// work runs the parts until ctx ends, a part fails, or done, if there is one, answers true.
func (a *Agent) work(ctx context.Context, done func() (bool, error)) (err error) {
	a.life.Store(&life{begun: time.Now()})
	defer a.life.Store(nil)
	if err := a.open(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.box.Close()) }()
	defer a.client.Close()
	a.log.Info("started", "version", a.opts.Version, "pid", os.Getpid(), "data_dir", a.box.Dir(), "url", a.opts.Config.API.URL)

	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	g, ctx := errgroup.WithContext(ctx)
	defer a.tellsItsEnd(ctx)()
	if !a.opts.NoListen {
		l, err := listen(a)
		if err != nil {
			return err
		}
		g.Go(func() error { return l.serve(ctx) })
	}
	err = a.resume(ctx)
	if _, full := errors.AsType[*outbox.FullError](err); err != nil && !full && ctx.Err() == nil { // else the sources, or the next start, make it good
		stop(err)
		return errors.Join(err, g.Wait())
	}
	a.unlooked.Store(int64(len(a.sources)))
	let, err := a.findStale()
	defer let()
	if err != nil {
		stop(err)
		return errors.Join(err, g.Wait())
	}
	for _, s := range a.sources {
		g.Go(func() error { return s.collect(ctx) })
	}
	g.Go(func() error { return a.watchOverdue(ctx) })
	d := newDrain(a)
	if a.opts.Config.ResendAll > 0 && done == nil {
		d.repeatAt = a.started
	}
	g.Go(func() error { return d.run(ctx) })
	switch {
	case done != nil:
		g.Go(func() error { return a.watchFor(ctx, done, stop) })
	default:
		a.callOut(ctx, g)
	}
	err = g.Wait()
	if cause := context.Cause(ctx); err == nil || errors.Is(err, context.Canceled) {
		a.log.Info("stopped", "cause", cause)
		return nil
	}
	return err
}

// resume applies what was accepted and not applied, in another life or because the disk was full. In the latter case the
// error is a *outbox.FullError, and it is to be called again.
func (a *Agent) resume(ctx context.Context) error {
	lost, err := a.box.Resume(ctx)
	for _, e := range lost {
		a.log.Error("what was accepted of an export could not be read again; it is read anew where it still lies", "source", e.Source, "export", e.Name)
	}
	_, full := errors.AsType[*outbox.FullError](err)
	a.unapplied.Store(full)
	return err
}

// errFinished is the cause of the stop when Sync is done.
var errFinished = errors.New("all is done")

// watchPause is how far apart two looks of watchFor are at the least: each costs about as much as sending some hundred updates.
const watchPause = 50 * time.Millisecond

// watchFor ends the work once done says so. It is woken whenever that may have become true, and asks once more where it was
// about to when ctx ends.
func (a *Agent) watchFor(ctx context.Context, done func() (bool, error), stop context.CancelCauseFunc) error {
	for {
		looked := time.Now()
		ok, err := done()
		if err != nil {
			return err
		}
		if ok {
			stop(errFinished)
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-a.quiet:
		}
		select { // of what is signalled many times a second, some is enough
		case <-ctx.Done():
			_, err := done()
			return err
		case <-time.After(watchPause - time.Since(looked)):
		}
	}
}

// Sync takes in the exports that are there, once they have settled, last rows too, and drains until the outbox is empty,
// ctx ends or something fails. A folder that is missing is an error, once all else is done.
func (a *Agent) Sync(ctx context.Context, progress func(Status)) (Status, error) {
	var last Status
	var missing []error
	delivered := false
	err := a.work(ctx, func() (bool, error) {
		idle := a.idle() // before the status: what was taken in is in it, and so is a folder that is missing
		s, err := a.Status()
		if err != nil {
			return false, err
		}
		last = s
		progress(s)
		missing = nil
		for _, src := range s.Sources {
			if src.State == sourceMissing {
				missing = append(missing, fmt.Errorf("source %s: the folder %s: %s", src.Name, src.Folder, src.Problem))
			}
		}
		delivered = idle && s.Pending == 0
		return delivered, nil
	})
	if err == nil && !delivered {
		err = &UnfinishedError{Pending: last.Pending, API: last.API}
	}
	return last, errors.Join(append(missing, err)...)
}

// UnfinishedError says that Sync ended while updates still waited or exports had not been read.
type UnfinishedError struct {
	Pending int64
	API     APIStatus // how it took updates last
}

func (e *UnfinishedError) Error() string {
	if e.Pending == 0 {
		return "it ended before all exports were read"
	}
	text := "1 update still waits"
	if e.Pending > 1 {
		text = fmt.Sprintf("%d updates still wait", e.Pending)
	}
	if e.API.State != "" && e.API.State != stateOK {
		text += fmt.Sprintf(" (%s: %s)", e.API.State, e.API.LastError)
	}
	return text
}

// idle reports whether every source has taken in what was there.
func (a *Agent) idle() bool {
	for _, s := range a.sources {
		if !s.isIdle() {
			return false
		}
	}
	return true
}

// signal puts a wake-up into a channel that holds one.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

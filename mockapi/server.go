package mockapi

import (
	"errors"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// Path is the documented endpoint.
const Path = "/api/product/inventory"

// Defaults of Options, where 0 stands for them.
const (
	DefaultHistory = 8
	DefaultMaxKeys = 5_000_000
)

// Options is how a Server begins. The zero value is an API without faults that knows every product and takes any token.
type Options struct {
	Token string // the bearer token; empty takes any, but there must be one

	Latency   time.Duration // how long every answer takes; an update is applied at its end
	Jitter    time.Duration // up to so much more, by chance
	RateLimit float64       // requests a second, then 429 with Retry-After; 0 is no limit
	Burst     int           // how many at once within RateLimit; 0 means 1
	ErrorRate float64       // the share of requests, 0 to 1, that get 500, 502, 503 or 504: the fault `5xx`
	Faults    []Fault       // the first that hits a request answers it
	Seed      uint64        // of all chance

	Now func() time.Time // the server's clock; nil means time.Now

	Known    func(Key) bool // whether the API knows the product; nil means every one; called by many goroutines at once
	Unknown  []string       // UPCs and SKUs that it does not know all the same
	Stores   []string       // the stores it knows; empty means every one
	Negative bool           // whether a quantity below 0 is taken

	ClientTimeout time.Duration // the client's time-out, where known: Check then counts on it, see there
	History       int           // how many requests of a key are kept: the newest; 0 means DefaultHistory, below 0 none
	Journal       int           // how many requests Journal keeps: the newest; 0 means none
	MaxKeys       int           // how many keys are held, then 507; 0 means DefaultMaxKeys
}

// Validate tells what is wrong with the options.
func (o Options) Validate() error {
	var errs []error
	bad := func(is bool, what string) {
		if is {
			errs = append(errs, errors.New(what))
		}
	}
	bad(o.Latency < 0, "a latency below 0")
	bad(o.Jitter < 0, "a jitter below 0")
	bad(o.ClientTimeout < 0, "a client time-out below 0")
	bad(!(o.RateLimit >= 0), "a rate limit below 0")
	bad(o.Burst < 0, "a burst below 0")
	bad(!(o.ErrorRate >= 0 && o.ErrorRate <= 1), "an error rate that is not from 0 to 1")
	bad(o.Journal < 0, "a journal below 0")
	bad(o.MaxKeys < 0, "a number of keys below 0")
	for _, f := range o.Faults {
		if err := f.check(); err != nil {
			errs = append(errs, fmt.Errorf("fault %q: %w", f, err))
		}
	}
	return errors.Join(errs...)
}

// Server is the stand-in API, an http.Handler. Its methods may be called at any time by any goroutine.
type Server struct {
	options Options // as they were at New; what can be switched is in conduct
	conduct atomic.Pointer[conduct]
	faults  faults
	books   counters
	journal journal

	seed   maphash.Seed
	shards [64]shard
	keys   atomic.Int64

	calls sync.Pool // of *call

	mu         sync.Mutex // guards what follows, and the change of conduct
	overlaps   []overlap  // not yet decided, at most maxOverlaps
	violations []string   // at most maxViolations
	violated   int        // all of them
}

// conduct is what can be switched. A value of it never changes.
type conduct struct {
	bearer          string // the right Authorization header; empty if any token is right
	down            int    // the status that answers everything; 0 if the API is up
	latency, jitter time.Duration
	limiter         *rate.Limiter // nil: no limit
	unknown         map[string]bool
}

// New returns a stand-in API. It panics if o.Validate would return an error: ask it first where o comes from outside.
func New(o Options) *Server {
	if err := o.Validate(); err != nil {
		panic(fmt.Errorf("mockapi: %w", err))
	}
	if o.History == 0 {
		o.History = DefaultHistory
	}
	if o.MaxKeys == 0 {
		o.MaxKeys = DefaultMaxKeys
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Server{options: o, seed: maphash.MakeSeed()}
	s.journal.limit = o.Journal
	s.calls.New = func() any { return new(call) }
	s.conduct.Store(&conduct{})
	for i := range s.shards {
		s.shards[i].entries = make(map[string]*entry)
	}
	s.faults.rng = rand.New(rand.NewPCG(o.Seed, 0))
	s.SetToken(o.Token)
	s.SetLatency(o.Latency, o.Jitter)
	s.SetRateLimit(o.RateLimit, o.Burst)
	s.SetUnknown(o.Unknown...)
	for _, f := range o.Faults {
		s.faults.add(f)
	}
	if o.ErrorRate > 0 {
		s.faults.add(Fault{Name: "5xx", Rate: o.ErrorRate})
	}
	return s
}

// set changes the conduct.
func (s *Server) set(change func(*conduct)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := *s.conduct.Load()
	change(&c)
	s.conduct.Store(&c)
}

// SetToken changes the right bearer token; empty takes any.
func (s *Server) SetToken(token string) {
	s.set(func(c *conduct) {
		c.bearer = ""
		if token != "" {
			c.bearer = "Bearer " + token
		}
	})
}

// SetDown lets every request be answered by status, and none applied, until SetDown(0). What is no status of a final
// answer means 503.
func (s *Server) SetDown(status int) {
	if status != 0 && (status < 200 || status > 599) {
		status = http.StatusServiceUnavailable
	}
	s.set(func(c *conduct) { c.down = status })
}

// SetLatency changes Options.Latency and Options.Jitter for the requests that come from now on.
func (s *Server) SetLatency(latency, jitter time.Duration) {
	s.set(func(c *conduct) { c.latency, c.jitter = max(0, latency), max(0, jitter) })
}

// SetRateLimit changes Options.RateLimit and Options.Burst. The burst is there at once.
func (s *Server) SetRateLimit(perSecond float64, burst int) {
	s.set(func(c *conduct) {
		c.limiter = nil
		if perSecond > 0 {
			c.limiter = rate.NewLimiter(rate.Limit(perSecond), max(1, burst))
		}
	})
}

// SetUnknown replaces Options.Unknown.
func (s *Server) SetUnknown(codes ...string) {
	unknown := make(map[string]bool, len(codes))
	for _, code := range codes {
		unknown[code] = true
	}
	s.set(func(c *conduct) { c.unknown = unknown })
}

// Inject puts a fault in force, after those that are. It returns an error if there is none of its name, or a number in
// it is out of range.
func (s *Server) Inject(f Fault) error {
	if err := f.check(); err != nil {
		return fmt.Errorf("fault %q: %w", f, err)
	}
	s.faults.add(f)
	return nil
}

// ClearFaults ends all faults, those of Options too.
func (s *Server) ClearFaults() { s.faults.clear() }

// ActiveFaults returns the faults in force.
func (s *Server) ActiveFaults() []Fault { return s.faults.active() }

// ServeHTTP serves the paths that the package names. It panics with http.ErrAbortHandler where the client must see the
// connection end, as net/http has it; Transport does without.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case Path:
		s.serveInventory(w, r)
	case "/state":
		s.serveState(w, r)
	case "/control":
		s.serveControl(w, r)
	default:
		if r.Method == http.MethodPost || r.Header.Get("Authorization") != "" {
			s.violation("a request for another path: %s %s", r.Method, quoteShort([]byte(r.URL.Path)))
		}
		writeJSON(w, http.StatusNotFound, "Not found")
	}
}

package mockapi

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Fault is one way that answers go wrong, and which requests it hits: those that Code and Store let through, of them
// the Nth, of what is left a share of Rate, and Count of them at most.
type Fault struct {
	Name string // which one: see Faults

	Rate  float64 // the share of requests it hits, over 0 to 1; 0 means 1
	Code  string  // hits only requests for this UPC or SKU
	Store string  // hits only requests for this store
	Nth   int     // hits only the n-th of those requests since Inject, from 1; 0 means any
	Count int     // hits so many times at most; 0 means without end

	Apply      Apply         // whether the update is applied all the same
	ApplyAfter time.Duration // how long after the request's arrival, with ApplyLate; 0 means 30 s
	Delay      time.Duration // how long the answer waits, or each byte of `drip`; 0 means as Faults says

	RetryAfter string // the Retry-After header, as it is; `date+30s` and `date-30s` are dates from now
	Location   string // the Location header of a redirect
	Words      string // the error's words in a JSON answer
}

// Apply says whether a request whose answer goes wrong is applied. Only what is a right request can be.
type Apply int

const (
	ApplyUsual Apply = iota // as Faults says of this fault
	ApplyNever
	ApplyNow
	ApplyLate // after ApplyAfter, over what was applied meanwhile
)

// defaultApplyAfter is how late an update is applied where the fault does not say.
const defaultApplyAfter = 30 * time.Second

// FaultKind tells of one name that a Fault can have.
type FaultKind struct {
	Name  string
	About string // one line, for people
}

// Faults lists every fault there is.
func Faults() []FaultKind {
	list := make([]FaultKind, len(kinds))
	for i, k := range kinds {
		list[i] = FaultKind{Name: k.name, About: k.about}
	}
	return list
}

// ParseFault reads `NAME[=RATE][,option=value]...`. RATE is `10%` or `0.1`. The options are `code`, `store`, `nth`,
// `next` (Count), `apply` (`never`, `now`, or a duration for late), `delay`, `retry-after`, `location` and `words`:
//
//	500=10%      429,retry-after=3600      403,code=849632048260      hang,next=3,apply=now      late,apply=90s
func ParseFault(text string) (Fault, error) {
	f, err := parseFault(text)
	if err != nil {
		return Fault{}, fmt.Errorf("fault %q: %w", text, err)
	}
	return f, nil
}

func parseFault(text string) (Fault, error) {
	head, options, more := strings.Cut(text, ",")
	name, rate, hasRate := strings.Cut(head, "=")
	f := Fault{Name: strings.TrimSpace(name)}
	if hasRate {
		var err error
		if f.Rate, err = parseRate(strings.TrimSpace(rate)); err != nil {
			return f, err
		}
	}
	for more {
		var option string
		option, options, more = strings.Cut(options, ",")
		name, value, ok := strings.Cut(option, "=")
		if !ok || value == "" {
			return f, fmt.Errorf("option %q: want name=value", option)
		}
		if err := f.set(strings.TrimSpace(name), value); err != nil {
			return f, fmt.Errorf("option %q: %w", option, err)
		}
	}
	return f, f.check()
}

func parseRate(text string) (float64, error) {
	number, percent := strings.CutSuffix(text, "%")
	rate, err := strconv.ParseFloat(number, 64)
	if percent {
		rate /= 100
	}
	if err != nil || !(rate > 0 && rate <= 1) {
		return 0, fmt.Errorf("%q is not a rate: want a share over 0%% up to 100%%, as 10%% or 0.1", text)
	}
	return rate, nil
}

// set sets one option by its name in ParseFault.
func (f *Fault) set(name, value string) (err error) {
	switch name {
	case "code":
		f.Code = value
	case "store":
		f.Store = value
	case "nth":
		f.Nth, err = parseCount(value)
	case "next":
		f.Count, err = parseCount(value)
	case "delay":
		f.Delay, err = time.ParseDuration(value)
	case "retry-after":
		f.RetryAfter = value
	case "location":
		f.Location = value
	case "words":
		f.Words = value
	case "apply":
		switch value {
		case "never":
			f.Apply = ApplyNever
		case "now":
			f.Apply = ApplyNow
		default:
			f.Apply = ApplyLate
			if f.ApplyAfter, err = time.ParseDuration(value); err != nil || f.ApplyAfter <= 0 {
				return errors.New("want never, now, or how late, as 30s")
			}
		}
	default:
		return errors.New("unknown; there are code, store, nth, next, apply, delay, retry-after, location and words")
	}
	return err
}

func parseCount(value string) (int, error) {
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 {
		return 0, errors.New("want a whole number from 1")
	}
	return n, nil
}

// String returns the fault as ParseFault reads it, if no text in it has a comma.
func (f Fault) String() string {
	var b strings.Builder
	b.WriteString(f.Name)
	if f.Rate != 0 {
		b.WriteString("=" + strconv.FormatFloat(f.Rate, 'g', -1, 64))
	}
	option := func(name, value string) { b.WriteString("," + name + "=" + value) }
	text := func(name, value string) {
		if value != "" {
			option(name, value)
		}
	}
	text("code", f.Code)
	text("store", f.Store)
	if f.Nth != 0 {
		option("nth", strconv.Itoa(f.Nth))
	}
	if f.Count != 0 {
		option("next", strconv.Itoa(f.Count))
	}
	switch f.Apply {
	case ApplyNever:
		option("apply", "never")
	case ApplyNow:
		option("apply", "now")
	case ApplyLate:
		option("apply", f.applyAfter().String())
	}
	if f.Delay != 0 {
		option("delay", f.Delay.String())
	}
	text("retry-after", f.RetryAfter)
	text("location", f.Location)
	text("words", f.Words)
	return b.String()
}

func (f Fault) applyAfter() time.Duration {
	if f.ApplyAfter == 0 {
		return defaultApplyAfter
	}
	return f.ApplyAfter
}

// check tells what is wrong with the fault.
func (f Fault) check() error {
	if findKind(f.Name) == 0 {
		return fmt.Errorf("there is no fault %q", f.Name)
	}
	switch {
	case !(f.Rate >= 0 && f.Rate <= 1):
		return fmt.Errorf("rate %v is not from 0 to 1", f.Rate)
	case f.Nth < 0 || f.Count < 0:
		return errors.New("a count below 0")
	case f.Delay < 0 || f.ApplyAfter < 0:
		return errors.New("a duration below 0")
	case f.Apply < ApplyUsual || f.Apply > ApplyLate:
		return fmt.Errorf("there is no Apply %d", f.Apply)
	}
	for _, header := range []string{f.RetryAfter, f.Location} {
		if strings.ContainsFunc(header, func(r rune) bool { return r < ' ' || r > '~' }) {
			return fmt.Errorf("header %q is not plain ASCII", header)
		}
	}
	if _, err := url.Parse(f.Location); err != nil {
		return fmt.Errorf("location: %w", err)
	}
	if rest, ok := strings.CutPrefix(f.RetryAfter, "date"); ok {
		if _, err := time.ParseDuration(rest); err != nil {
			return fmt.Errorf("retry-after %q: want date+30s or date-30s", f.RetryAfter)
		}
	}
	return nil
}

// faults are those in force. The zero value has none.
type faults struct {
	some atomic.Bool // whether there are any: a look at it costs the plain request nothing

	mu   sync.Mutex
	rng  *rand.Rand
	list []*injected
}

// injected is a fault in force.
type injected struct {
	Fault
	kind faultID
	seen int // requests that Code and Store let through
	hits int
}

func (fs *faults) add(f Fault) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.list = append(fs.list, &injected{Fault: f, kind: findKind(f.Name)})
	fs.some.Store(true)
}

func (fs *faults) clear() {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.list = nil
	fs.some.Store(false)
}

// active returns the faults in force, in the order in which they are tried.
func (fs *faults) active() []Fault {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	list := make([]Fault, len(fs.list))
	for i, f := range fs.list {
		list[i] = f.Fault
	}
	return list
}

// pick returns the first fault that hits a request for key, nil if none does. A request that could not be read is one
// for the zero Key.
func (fs *faults) pick(key Key) (hit *injected) {
	if !fs.some.Load() {
		return nil
	}
	fs.mu.Lock()
	defer fs.mu.Unlock()
	for i, f := range fs.list {
		if f.Code != "" && f.Code != key.Code() || f.Store != "" && f.Store != key.Store {
			continue
		}
		f.seen++
		if f.Nth != 0 && f.Nth != f.seen || f.Rate != 0 && fs.rng.Float64() >= f.Rate {
			continue
		}
		f.hits++
		if f.Nth != 0 || f.hits == f.Count { // its last
			fs.list = append(fs.list[:i:i], fs.list[i+1:]...)
			fs.some.Store(len(fs.list) > 0)
		}
		return f
	}
	return nil
}

// jitter returns a random duration from 0 to below limit.
func (fs *faults) jitter(limit time.Duration) time.Duration {
	if limit <= 0 {
		return 0
	}
	fs.mu.Lock()
	defer fs.mu.Unlock()
	return time.Duration(fs.rng.Int64N(int64(limit)))
}

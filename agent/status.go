package agent

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"time"

	"tillpost/dashboard"
	"tillpost/inventory"
	"tillpost/outbox"
)

// Status is what `status` tells, of a running agent or of a data folder. Its JSON names are the contract's.
type Status struct {
	State         string         `json:"state"`         // running, paused, stopped
	Why           string         `json:"why,omitempty"` // with paused
	Pending       int64          `json:"pending"`
	InFlight      int            `json:"in_flight"`
	Dead          int64          `json:"dead"`
	Unknown       int64          `json:"unknown"`
	Held          int64          `json:"held"`
	Rejects       int64          `json:"rejects"`
	Reasons       outbox.Reasons `json:"reject_reasons,omitempty"` // of the rejects, by their class
	Listed        int64          `json:"rejects_listed"`           // rejects of the newest exports, each row once
	Delivered     int64          `json:"delivered"`
	Unchanged     int64          `json:"unchanged"`
	ToConfirm     int64          `json:"to_confirm"`              // of the pending: sent once more, because an older request may land late
	Failing       int64          `json:"failing"`                 // of the pending: failed three times in a row or more, while others may pass
	Worst         *FailingUpdate `json:"worst_failing,omitempty"` // of those: what has failed most often
	OldestPending int64          `json:"oldest_pending_s"`
	ETA           *int64         `json:"eta_s"` // null = not to be told, for the drain does not run, or at no rate that is known
	API           APIStatus      `json:"api"`
	Sources       []SourceStatus `json:"sources"`
	LastDelivery  *time.Time     `json:"last_delivery"`
	Since         *time.Time     `json:"since,omitempty"` // when the running agent started
	PID           int            `json:"pid,omitempty"`
	Version       string         `json:"version,omitempty"`
	DataDir       string         `json:"data_dir"`
	Problems      []Problem      `json:"problems"` // what is wrong, the gravest first
	Settled       int64          `json:"products"` // keys whose last wanted quantity the API has acknowledged
	Errors        int64          `json:"errors"`   // requests that were refused or failed, counted since the data folder began
	Ready         bool           `json:"ready"`    // what the first look at each folder found was dealt with
	Loops         []Loop         `json:"loops,omitempty"`
	Page          string         `json:"page"` // the status page's URL; empty = it is not served

	Rebuilt *outbox.Rebuilt `json:"rebuilt,omitempty"` // in the last 7 days the outbox was made anew, and everything sent again
}

// FailingUpdate is an update that keeps failing.
type FailingUpdate struct {
	Key      inventory.Key `json:"key"`
	Failures uint64        `json:"failures"` // in a row
	Status   int           `json:"status"`   // HTTP; 0 = there was no answer
	Error    string        `json:"error"`
	At       time.Time     `json:"at"`
	Next     *time.Time    `json:"next"` // when it is tried again; null = it is about to be
}

// APIStatus is how the API takes updates. State is "ok" or why it does not.
type APIStatus struct {
	State     string     `json:"state"`
	LastError string     `json:"last_error"`
	Since     *time.Time `json:"since,omitempty"` // when it began to be not ok
}

// The states of a source.
const (
	sourceOK       = "ok"
	sourceStarting = "starting" // not looked at yet
	sourceMissing  = "folder missing"
	sourceProblem  = "problem"
	sourceStopped  = "stopped"
)

// SourceStatus is how a source is.
type SourceStatus struct {
	Name       string      `json:"name"`
	Folder     string      `json:"folder,omitempty"`
	State      string      `json:"state"`
	Problem    string      `json:"problem,omitempty"`
	LastExport *ExportInfo `json:"last_export"`
	Overdue    bool        `json:"overdue"` // no export has come for longer than `expect`

	faults []Problem // that it has noted itself
	looked time.Time // the last look; zero = none yet
	came   time.Time // when an export came to rest last; where none has, since when it is waited for
}

// Looked is when the folder of a running source was looked at last; zero = not yet.
func (s *SourceStatus) Looked() time.Time { return s.looked }

// ExportInfo is what the status tells of an export.
type ExportInfo struct {
	Name    string         `json:"name"`
	At      time.Time      `json:"at"` // when it was taken or refused
	Rows    int64          `json:"rows"`
	Changed int64          `json:"changed"` // new keys included
	Rejects int64          `json:"rejects"`
	Reasons outbox.Reasons `json:"reject_reasons,omitempty"` // of the rejects, by their class
	Held    bool           `json:"held,omitempty"`           // a guard stopped it; Refused says why
	Refused string         `json:"refused,omitempty"`
	Apart   bool           `json:"apart,omitempty"` // `missing: zero` was off for it: it is no full list of what there is
}

// Loop is a goroutine that must turn: the drain, or a source's.
type Loop struct {
	Name   string    `json:"name"`
	Wrong  string    `json:"wrong,omitempty"` // why it does not; empty = it does
	Turned time.Time `json:"turned,omitzero"` // when it did last
}

// pulseTime is how long a loop may take to answer the status.
const pulseTime = 2 * time.Second

// loops sees whether each of them turns.
func (a *Agent) loops(sources []SourceStatus) (list []Loop) {
	ctx, cancel := context.WithTimeout(context.Background(), pulseTime)
	defer cancel()
	drain := Loop{Name: "drain"}
	if err := a.Pulse(ctx); err != nil {
		drain.Wrong = err.Error()
	} else {
		drain.Turned = time.Now()
	}
	list = append(list, drain)
	for _, s := range sources {
		one := Loop{Name: "source " + s.Name, Turned: s.looked}
		for _, f := range s.faults {
			if f.Code == badSilence {
				one.Wrong = f.Words
			}
		}
		list = append(list, one)
	}
	return list
}

// Status tells how the running agent is.
func (a *Agent) Status() (Status, error) {
	var sources []SourceStatus // before the figures: an export that is told as taken must be in them
	for _, src := range a.sources {
		one, err := src.status()
		if err != nil {
			return Status{}, err
		}
		sources = append(sources, one)
	}
	s, err := statusOf(a.box)
	if err != nil {
		return s, err
	}
	s.Sources = sources
	a.mu.Lock()
	drain, paused := a.drain, a.paused.Load()
	a.mu.Unlock()
	s.State, s.InFlight = "running", max(0, s.InFlight-drain.kept)
	s.API = APIStatus{State: drain.state, LastError: drain.err}
	if s.API.State == "" {
		s.API.State = stateOK
	}
	if drain.state != stateOK && !drain.since.IsZero() {
		s.API.Since = new(drain.since)
	}
	switch {
	case paused:
		s.State, s.Why = "paused", "by command"
	case drain.pause:
		s.State, s.Why = "paused", drain.state
	}
	if s.State == "running" && (drain.state == stateOK || drain.state == "") {
		waits := max(0, s.Pending-s.ToConfirm)
		if rate := a.opts.Config.API.Rate; !math.IsInf(rate, 1) {
			s.ETA = new(int64(math.Ceil(float64(waits) / rate)))
		} else if waits == 0 {
			s.ETA = new(int64(0))
		}
	}
	s.Since, s.PID, s.Version = new(a.started), os.Getpid(), a.opts.Version
	if a.opts.Page != nil {
		s.Page = a.opts.Page()
	}
	s.Ready, s.Loops = a.unlooked.Load() <= 0, a.loops(sources)
	s.Problems = append(a.opts.Notes.Problems(), a.tokens.problems()...)
	heartbeat, push := a.calls()
	for _, out := range []struct { // in this order each time
		code string
		link dashboard.Link
	}{{badHeartbeat, heartbeat}, {badPush, push}} {
		if out.link.Wrong != "" {
			s.Problems = append(s.Problems, problem(out.code, "", out.link.Wrong, time.Time{}))
		}
	}
	if s.Pending == 0 && a.unlooked.Load() <= 0 {
		a.resent.Store(true)
	}
	if a.foreign != "" && !a.resent.Load() {
		s.Problems = append(s.Problems, problem(badLedger, "", a.foreign, a.started))
	}
	if wrong := s.Loops[0].Wrong; wrong != "" {
		s.Problems = append(s.Problems, problem(badLoop, "", wrong, time.Time{}))
	}
	s.Problems = s.problems(paused)
	return s, nil
}

// tellRebuilt is how long the status tells that the outbox was made anew.
const tellRebuilt = 7 * day

// statusOf is what an outbox alone can tell.
func statusOf(box *outbox.Outbox) (Status, error) {
	stats, err := box.Stats()
	s := Status{State: "stopped", Pending: stats.Pending, InFlight: stats.InFlight, Dead: stats.Dead, Unknown: stats.Unknown,
		Rejects: stats.Rejects, Reasons: stats.Reasons, Listed: stats.Listed, Held: stats.Held, Delivered: stats.Delivered, Unchanged: stats.Unchanged, ToConfirm: stats.Doubtful,
		Settled: stats.Settled, Errors: stats.Errors, API: APIStatus{State: "unknown"}, DataDir: box.Dir(), Sources: []SourceStatus{}}
	if err != nil {
		return s, err
	}
	failing, err := box.Failing()
	if w := failing.Worst; w != nil {
		s.Failing, s.Worst = failing.Count, &FailingUpdate{Key: w.Key, Failures: w.Attempts, Status: w.Status, Error: w.Words, At: w.At}
		if !w.Due.IsZero() {
			s.Worst.Next = new(w.Due.UTC())
		}
	}
	if !stats.OldestPending.IsZero() {
		s.OldestPending = int64(max(0, time.Since(stats.OldestPending)).Seconds())
	}
	if !stats.LastAck.IsZero() {
		s.LastDelivery = &stats.LastAck
	}
	if stats.Paused {
		s.Why = "paused by command"
	}
	if r := stats.Rebuilt; r != nil && time.Since(r.At) < tellRebuilt {
		s.Rebuilt = r
	}
	return s, err
}

// hangs is how much longer than two rescans a look may take before the status says so: a dead share lets it wait for ever.
const hangs = time.Minute

// status tells how a running source is.
func (s *source) status() (SourceStatus, error) {
	s.mu.Lock()
	state := s.state
	state.faults = maps.Clone(s.state.faults)
	s.mu.Unlock()
	out := SourceStatus{Name: s.conf.Name, Folder: s.conf.Folder, State: sourceOK, looked: state.looked}
	looked := s.a.started
	if !state.looked.IsZero() {
		looked = state.looked
	}
	if !state.busy && time.Since(looked) > 2*s.conf.Rescan+hangs {
		state.faults[badSilence] = fault{words: fmt.Sprintf("the folder has not answered since %s", looked.Format(time.DateTime)), since: looked}
	}
	if flaps := s.a.flaps.problem(s.conf.Name); flaps != "" {
		state.faults[badFlaps] = fault{words: flaps}
	}
	for _, code := range []string{badFlaps, badAfter, badReading, badTaking, badFolder, badSilence} { // the last of them is told
		if f, wrong := state.faults[code]; wrong {
			out.State, out.Problem = sourceProblem, f.words
		}
	}
	_, missing := state.faults[badFolder]
	_, silent := state.faults[badSilence]
	switch {
	case missing && !silent:
		out.State = sourceMissing
	case out.State == sourceOK && state.looked.IsZero():
		out.State = sourceStarting
	}
	for _, code := range slices.Sorted(maps.Keys(state.faults)) {
		f := state.faults[code]
		out.faults = append(out.faults, problem(code, f.figure, f.words, f.since))
	}
	var err error
	out.LastExport, err = lastExport(s.a.box, s.conf.Name)
	came, cerr := s.cameLast()
	out.expect(s.conf.Expect, came, s.a.started)
	err = errors.Join(err, cerr)
	if e := out.LastExport; e != nil && e.Apart && out.State == sourceOK {
		out.State, out.Problem = sourceProblem, "missing: zero is off, for "+e.Name+" names fewer than a tenth of the products of the export before it"
	}
	return out, err
}

// expect sees whether the source is overdue: no export has come to rest for longer than expect, be it with the bytes of the one
// before. After a start, one has that long to come, an hour at most.
func (s *SourceStatus) expect(expect time.Duration, came, started time.Time) {
	if came.IsZero() {
		came = started
	}
	s.came = came
	s.Overdue = expect > 0 && !came.IsZero() && time.Now().After(overdueAt(expect, came, started))
}

// cameLast is when an export came to rest last, in this life or another, or since when one is waited for; zero where nobody does.
func (s *source) cameLast() (at time.Time, err error) {
	s.mu.Lock()
	at = s.state.came
	s.mu.Unlock()
	if !at.IsZero() || s.conf.Expect == 0 {
		return at, nil
	}
	if at, err = s.a.box.LastCame(s.conf.Name); err == nil && at.IsZero() {
		at = time.Now()
		if err = s.a.box.Await(s.conf.Name, at); err != nil {
			if _, full := errors.AsType[*outbox.FullError](err); full {
				return at, nil // it is noted once there is room
			}
		}
	}
	if err != nil {
		return at, err
	}
	if now := time.Now(); at.After(now) {
		at = now // the clock was ahead then: no export is expected as late as that
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.came = latest(s.state.came, at) // looking for it once is enough
	return s.state.came, nil
}

func lastExport(box *outbox.Outbox, source string) (*ExportInfo, error) {
	e, err := box.LastExport(source)
	if errors.Is(err, outbox.ErrUnknown) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &ExportInfo{Name: e.Name, At: e.Taken, Rows: e.Rows, Changed: e.New + e.Changed, Rejects: e.Rejects, Reasons: e.Reasons, Held: e.Held, Refused: e.Refused, Apart: e.Apart}, nil
}

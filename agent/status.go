package agent

import (
	"errors"
	"fmt"
	"math"
	"os"
	"time"

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
	ETA           *int64         `json:"eta_s"` // null = not to be told, for the drain does not run
	API           APIStatus      `json:"api"`
	Sources       []SourceStatus `json:"sources"`
	LastDelivery  *time.Time     `json:"last_delivery"`
	Since         *time.Time     `json:"since,omitempty"` // when the running agent started
	PID           int            `json:"pid,omitempty"`
	Version       string         `json:"version,omitempty"`
	DataDir       string         `json:"data_dir"`
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
	Overdue    bool        `json:"overdue"`
}

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
		eta := int64(0)
		if rate := a.opts.Config.API.Rate; !math.IsInf(rate, 1) {
			eta = int64(math.Ceil(float64(s.Pending-s.ToConfirm) / rate))
		}
		s.ETA = &eta
	}
	s.Since, s.PID, s.Version = new(a.started), os.Getpid(), a.opts.Version
	return s, nil
}

// statusOf is what an outbox alone can tell.
func statusOf(box *outbox.Outbox) (Status, error) {
	stats, err := box.Stats()
	s := Status{State: "stopped", Pending: stats.Pending, InFlight: stats.InFlight, Dead: stats.Dead, Unknown: stats.Unknown,
		Rejects: stats.Rejects, Reasons: stats.Reasons, Listed: stats.Listed, Held: stats.Held, Delivered: stats.Delivered, Unchanged: stats.Unchanged, ToConfirm: stats.Doubtful,
		API: APIStatus{State: "unknown"}, DataDir: box.Dir(), Sources: []SourceStatus{}}
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
	return s, err
}

// hangs is how much longer than two rescans a look may take before the status says so: a dead share lets it wait for ever.
const hangs = time.Minute

// status tells how a running source is.
func (s *source) status() (SourceStatus, error) {
	s.mu.Lock()
	state := s.state
	s.mu.Unlock()
	out := SourceStatus{Name: s.conf.Name, Folder: s.conf.Folder, State: sourceOK}
	since, flaps := s.a.started, s.a.flaps.problem(s.conf.Name)
	if !state.looked.IsZero() {
		since = state.looked
	}
	switch {
	case !state.busy && time.Since(since) > 2*s.conf.Rescan+hangs:
		out.State, out.Problem = sourceProblem, fmt.Sprintf("the folder has not answered since %s", since.Format(time.DateTime))
	case state.missing != "":
		out.State, out.Problem = sourceMissing, state.missing
	case state.full != "":
		out.State, out.Problem = sourceProblem, state.full
	case state.problem != "":
		out.State, out.Problem = sourceProblem, state.problem
	case flaps != "":
		out.State, out.Problem = sourceProblem, flaps
	case state.looked.IsZero():
		out.State = sourceStarting
	}
	var err error
	out.LastExport, err = lastExport(s.a.box, s.conf.Name)
	if e := out.LastExport; e != nil && e.Apart && out.State == sourceOK {
		out.State, out.Problem = sourceProblem, "missing: zero is off, for "+e.Name+" names fewer than a tenth of the products of the export before it"
	}
	return out, err
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

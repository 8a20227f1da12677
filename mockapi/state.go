package mockapi

import (
	"bufio"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"sync/atomic"
	"time"
)

// Counters is what the server has counted since it began, or since Reset.
type Counters struct {
	Seq          uint64         `json:"seq"`          // the number of the latest request
	Changes      uint64         `json:"changes"`      // the number of the latest application
	Requests     uint64         `json:"requests"`     // for an update, of any kind
	Statuses     map[int]uint64 `json:"statuses"`     // how many got which answer; 0 is none
	Unauthorized uint64         `json:"unauthorized"` // had no right token
	Malformed    uint64         `json:"malformed"`    // were no update as documented
	Probes       uint64         `json:"probes"`       // had a body of {}
	Limited      uint64         `json:"limited"`      // were over the rate limit
	Faulted      uint64         `json:"faulted"`      // were hit by a fault
	Keys         int            `json:"keys"`         // keys named by right requests
	Late         int            `json:"late"`         // applications still to come
	InFlight     int            `json:"in_flight"`
	MaxInFlight  int            `json:"max_in_flight"`
	MaxPerKey    int            `json:"max_per_key"` // at once for one key, those given up unnoticed included: Check judges
}

// State is all that the server knows.
type State struct {
	Counters
	Violations []string `json:"violations"` // what Check returns
	Items      []Item   `json:"items"`      // a row for each key, in the order of store and product
}

// Item is what is known of one key.
type Item struct {
	Key
	Quantity  int64     `json:"quantity"`            // units; 0 as long as Applied is
	Applied   int       `json:"applied"`             // how many updates were applied
	AppliedAt time.Time `json:"applied_at,omitzero"` // when the last of them was
	Change    uint64    `json:"change"`              // its number among all applications
	Requests  int       `json:"requests"`            // how many right requests came for the key
	History   []Event   `json:"history,omitempty"`   // the newest of them, by arrival
}

// Event is one request in a key's history.
type Event struct {
	Seq       uint64    `json:"seq"`
	Quantity  int64     `json:"quantity"`            // units
	At        time.Time `json:"at"`                  // when it arrived
	AppliedAt time.Time `json:"applied_at,omitzero"` // in the future if it still will be applied; zero if it is not
	Status    int       `json:"status"`              // 0 if nothing was answered, or not yet
	Fault     string    `json:"fault,omitempty"`
}

// counters are the numbers behind Counters.
type counters struct {
	changes                                   atomic.Uint64
	requests, unauthorized, malformed, probes atomic.Uint64
	limited, faulted                          atomic.Uint64
	inFlight, maxInFlight, maxPerKey          atomic.Int64
	statuses                                  [600]atomic.Uint64
}

func (n *counters) begin() {
	n.requests.Add(1)
	atLeast(&n.maxInFlight, n.inFlight.Add(1))
}

func (n *counters) finish(status int) {
	n.inFlight.Add(-1)
	n.statuses[status].Add(1)
}

// atLeast raises n to v.
func atLeast(n *atomic.Int64, v int64) {
	for {
		old := n.Load()
		if old >= v || n.CompareAndSwap(old, v) {
			return
		}
	}
}

// reset begins anew, but for what is in flight and the number of changes.
func (n *counters) reset() {
	for _, c := range []*atomic.Uint64{&n.requests, &n.unauthorized, &n.malformed, &n.probes, &n.limited, &n.faulted} {
		c.Store(0)
	}
	n.maxInFlight.Store(n.inFlight.Load())
	n.maxPerKey.Store(0)
	for i := range n.statuses {
		n.statuses[i].Store(0)
	}
}

// Counters returns the numbers alone: it is quick however many keys there are.
func (s *Server) Counters() Counters {
	late := s.settle()
	n := &s.books
	c := Counters{
		Seq: s.journal.latest(), Changes: n.changes.Load(), Requests: n.requests.Load(), Statuses: map[int]uint64{},
		Unauthorized: n.unauthorized.Load(), Malformed: n.malformed.Load(), Probes: n.probes.Load(),
		Limited: n.limited.Load(), Faulted: n.faulted.Load(), Keys: int(s.keys.Load()), Late: late,
		InFlight: int(n.inFlight.Load()), MaxInFlight: int(n.maxInFlight.Load()), MaxPerKey: int(n.maxPerKey.Load()),
	}
	for status := range n.statuses {
		if count := n.statuses[status].Load(); count > 0 {
			c.Statuses[status] = count
		}
	}
	return c
}

// State returns all that the server knows, histories too. With a million keys that is much; Counters, Quantity and
// Quantities are cheaper.
func (s *Server) State() State {
	state := State{Counters: s.Counters(), Violations: s.Check()}
	places := s.places(0)
	state.Items = make([]Item, len(places))
	for i, p := range places {
		state.Items[i] = p.item(true)
	}
	return state
}

// Quantity returns the quantity that the key has, in units, and whether it has one.
func (s *Server) Quantity(k Key) (quantity int64, ok bool) {
	s.settle()
	name := k.encode(nil)
	sh := s.shardOf(name)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	e := sh.entries[string(name)]
	if e == nil || e.applied == 0 {
		return 0, false
	}
	return e.quantity, true
}

// Quantities returns the quantity of every key that has one.
func (s *Server) Quantities() map[Key]int64 {
	s.settle()
	all := make(map[Key]int64, s.keys.Load())
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		for _, e := range sh.entries {
			if e.applied > 0 {
				all[decode(e.name)] = e.quantity
			}
		}
		sh.mu.Unlock()
	}
	return all
}

// place is where an entry is.
type place struct {
	shard *shard
	entry *entry
}

// places returns the entries that changed after the application numbered since; 0 means all.
func (s *Server) places(since uint64) []place {
	list := make([]place, 0, s.keys.Load())
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		for _, e := range sh.entries {
			if since == 0 || e.change > since {
				list = append(list, place{sh, e})
			}
		}
		sh.mu.Unlock()
	}
	slices.SortFunc(list, func(a, b place) int { return decode(a.entry.name).compare(decode(b.entry.name)) })
	return list
}

// item copies what is known of the entry.
func (p place) item(history bool) Item {
	p.shard.mu.Lock()
	defer p.shard.mu.Unlock()
	e := p.entry
	item := Item{
		Key: decode(e.name), Quantity: e.quantity, Applied: int(e.applied), AppliedAt: moment(e.at),
		Change: e.change, Requests: int(e.requests),
	}
	if history {
		for _, ev := range e.history {
			item.History = append(item.History, Event{
				Seq: ev.seq, Quantity: ev.quantity, At: moment(ev.at), AppliedAt: moment(ev.applied),
				Status: int(ev.status), Fault: ev.fault.String(),
			})
		}
	}
	return item
}

// serveState writes the state as one document: the counters, `violations`, and `items`, a line each. It is written as
// it is gathered, so that a million keys need no second copy.
func (s *Server) serveState(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		writeJSON(w, http.StatusMethodNotAllowed, "Method not allowed")
		return
	}
	query := r.URL.Query()
	since, err := uint64(0), error(nil)
	if text := query.Get("since"); text != "" {
		since, err = strconv.ParseUint(text, 10, 64)
	}
	history, badHistory := false, error(nil)
	if text := query.Get("history"); text != "" {
		history, badHistory = strconv.ParseBool(text)
	}
	if err != nil || badHistory != nil {
		writeJSON(w, http.StatusBadRequest, "want ?since=NUMBER and ?history=1")
		return
	}
	head, err := json.Marshal(State{Counters: s.Counters(), Violations: s.Check(), Items: []Item{}})
	if err != nil { // never: numbers and strings
		writeJSON(w, http.StatusInternalServerError, err.Error())
		return
	}
	w.Header()["Content-Type"] = jsonType
	b := bufio.NewWriter(w) // its first error stays, and is the client's going
	_, _ = b.Write(head[:len(head)-len("]}")])
	for i, p := range s.places(since) {
		row, err := json.Marshal(p.item(history))
		if err != nil {
			break
		}
		if i > 0 {
			_ = b.WriteByte(',')
		}
		_ = b.WriteByte('\n')
		if _, err := b.Write(row); err != nil {
			return
		}
	}
	_, _ = b.WriteString("]}\n")
	_ = b.Flush()
}

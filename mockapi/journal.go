package mockapi

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// Record is one request in the journal.
type Record struct {
	Seq        uint64    // its number by arrival, from 1
	At         time.Time // when it arrived
	Key        Key       // the zero Key if it was no update
	Quantity   int64     // units
	Status     int       // what was answered; 0 if nothing was, or not yet
	Fault      string    // the fault that made the answer, "" if none did
	AnsweredAt time.Time // when it was answered or given up; zero if it is in flight
	AppliedAt  time.Time // when it was applied; in the future if it still will be; zero if it is not
}

// journal numbers the requests and keeps the newest.
type journal struct {
	limit int

	mu      sync.Mutex
	seq     uint64   // of the latest request
	first   uint64   // the number of the first request since the last reset, less 1
	records []record // a ring: request n is at (n-first-1) % limit
}

// record is a Record as it is kept. Times are in nanoseconds since 1970; 0 is never.
type record struct {
	seq                   uint64
	at, answered, applied int64
	name                  string // the encoded key
	quantity              int64
	status                int16
	fault                 faultID
}

// begin numbers the call.
func (j *journal) begin(c *call) uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.seq++
	if j.limit == 0 {
		return j.seq
	}
	r := record{seq: j.seq, at: c.at.UnixNano()}
	if c.entry != nil {
		r.name, r.quantity = c.entry.name, c.body.quantity
	}
	if i := int((j.seq - j.first - 1) % uint64(j.limit)); i < len(j.records) {
		j.records[i] = r
	} else {
		j.records = append(j.records, r)
	}
	return j.seq
}

// findLocked returns the request's record, nil if it is not kept.
func (j *journal) findLocked(seq uint64) *record {
	if j.limit == 0 || seq <= j.first {
		return nil
	}
	if i := int((seq - j.first - 1) % uint64(j.limit)); i < len(j.records) && j.records[i].seq == seq {
		return &j.records[i]
	}
	return nil
}

func (j *journal) apply(seq uint64, at int64) {
	if j.limit == 0 {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if r := j.findLocked(seq); r != nil {
		r.applied = at
	}
}

func (j *journal) finish(c *call, at int64) {
	if j.limit == 0 {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if r := j.findLocked(c.seq); r != nil {
		r.answered, r.status, r.fault = at, int16(c.status), c.fault
	}
}

func (j *journal) reset() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.first, j.records = j.seq, nil
}

// latest returns the number of the latest request.
func (j *journal) latest() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.seq
}

// Journal returns the newest requests, Options.Journal at most, in the order of their arrival.
func (s *Server) Journal() []Record {
	j := &s.journal
	j.mu.Lock()
	kept := slices.Clone(j.records)
	j.mu.Unlock()
	slices.SortFunc(kept, func(a, b record) int { return cmp.Compare(a.seq, b.seq) })
	list := make([]Record, len(kept))
	for i, r := range kept {
		list[i] = Record{
			Seq: r.seq, At: moment(r.at), Quantity: r.quantity, Status: int(r.status), Fault: r.fault.String(),
			AnsweredAt: moment(r.answered), AppliedAt: moment(r.applied), Key: decode(r.name),
		}
	}
	return list
}

// MaxPerWindow returns the largest number of requests that arrived within d of each other, of those that the journal
// keeps: how many are in [t, t+d), for the worst t.
func (s *Server) MaxPerWindow(d time.Duration) int {
	s.journal.mu.Lock()
	times := make([]int64, len(s.journal.records))
	for i, r := range s.journal.records {
		times[i] = r.at
	}
	s.journal.mu.Unlock()
	slices.Sort(times)
	worst, from := 0, 0
	for i, t := range times {
		for t-times[from] >= int64(d) && from < i {
			from++
		}
		worst = max(worst, i-from+1)
	}
	return worst
}

// moment is the time that is ns after 1970, the zero time for 0.
func moment(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns)
}

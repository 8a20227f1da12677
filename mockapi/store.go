package mockapi

import (
	"hash/maphash"
	"slices"
	"sync"
	"time"
)

// shard holds the keys of one share of the hashes.
type shard struct {
	mu      sync.Mutex
	entries map[string]*entry   // by encoded key
	late    map[*entry]struct{} // those with late applications
}

// entry is what is known of one key. Its shard's mu guards it. It is kept small, for there may be millions.
type entry struct {
	name     string // the encoded key
	quantity int64  // units; means nothing as long as applied is 0
	applied  uint32 // updates applied
	requests uint32 // right requests for the key, applied or not
	at       int64  // when quantity was applied, in nanoseconds since 1970
	change   uint64 // the number of that application among all
	flying   *call  // in flight
	history  []event
	late     []lateUpdate // by due
}

// event is one request in a key's history. Times are in nanoseconds since 1970; 0 is never.
type event struct {
	seq         uint64
	quantity    int64
	at, applied int64
	status      int16
	fault       faultID
}

// lateUpdate is one that was sent and will be applied.
type lateUpdate struct {
	quantity int64
	due      int64
}

// shardOf returns the shard of an encoded key.
func (s *Server) shardOf(name []byte) *shard {
	return &s.shards[maphash.Bytes(s.seed, name)%uint64(len(s.shards))]
}

// begin numbers the call, and if it is an update, enters it at its key. It returns false if there is no room for one
// more key.
func (s *Server) begin(c *call) bool {
	if !c.valid {
		c.seq = s.journal.begin(c)
		return true
	}
	sh := s.shardOf(c.name)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	e := sh.entries[string(c.name)]
	if e == nil {
		if s.keys.Add(1) > int64(s.options.MaxKeys) {
			s.keys.Add(-1)
			c.seq = s.journal.begin(c)
			return false
		}
		e = &entry{name: string(c.name)}
		sh.entries[e.name] = e
	}
	c.shard, c.entry = sh, e
	c.seq = s.journal.begin(c)
	e.requests++
	e.remember(event{seq: c.seq, quantity: c.body.quantity, at: c.at.UnixNano()}, s.options.History)
	flying := 1
	for o := e.flying; o != nil; o = o.next {
		flying++
		if t := s.options.ClientTimeout; t == 0 || c.at.Sub(o.at) < t-t/4 {
			o.overlapping = true
			s.overlap(o, c)
		}
	}
	atLeast(&s.books.maxPerKey, int64(flying))
	c.next, e.flying = e.flying, c
	return true
}

// remember adds ev to the history, of which keep are kept.
func (e *entry) remember(ev event, keep int) {
	switch {
	case keep < 0:
	case len(e.history) < keep:
		e.history = append(e.history, ev)
	default:
		copy(e.history, e.history[1:])
		e.history[keep-1] = ev
	}
}

// event returns the request's place in the history, nil if it is no longer there.
func (e *entry) event(seq uint64) *event {
	for i := len(e.history) - 1; i >= 0; i-- {
		if e.history[i].seq == seq {
			return &e.history[i]
		}
	}
	return nil
}

// apply lets the key have the call's quantity at that time, or now if it has passed.
func (s *Server) apply(c *call, at time.Time) {
	c.shard.mu.Lock()
	e, now := c.entry, s.options.Now().UnixNano()
	due := max(at.UnixNano(), now)
	if ev := e.event(c.seq); ev != nil {
		ev.applied = due
	}
	if due == now {
		s.settleLocked(c.shard, e, now)
		s.putLocked(e, c.body.quantity, due)
	} else {
		i := len(e.late)
		for i > 0 && e.late[i-1].due > due {
			i--
		}
		e.late = slices.Insert(e.late, i, lateUpdate{c.body.quantity, due})
		if c.shard.late == nil {
			c.shard.late = make(map[*entry]struct{})
		}
		c.shard.late[e] = struct{}{}
	}
	c.shard.mu.Unlock()
	s.journal.apply(c.seq, due)
}

// settleLocked applies the late updates of e whose time has come.
func (s *Server) settleLocked(sh *shard, e *entry, now int64) {
	if len(e.late) == 0 {
		return
	}
	n := 0
	for n < len(e.late) && e.late[n].due <= now {
		s.putLocked(e, e.late[n].quantity, e.late[n].due)
		n++
	}
	if e.late = slices.Delete(e.late, 0, n); len(e.late) == 0 {
		e.late = nil
		delete(sh.late, e)
	}
}

func (s *Server) putLocked(e *entry, quantity, at int64) {
	e.quantity, e.at = quantity, at
	e.applied++
	e.change = s.books.changes.Add(1)
}

// settle applies every late update whose time has come, and returns how many are still to come.
func (s *Server) settle() (late int) {
	now := s.options.Now().UnixNano()
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		for e := range sh.late {
			s.settleLocked(sh, e, now)
			late += len(e.late)
		}
		sh.mu.Unlock()
	}
	return late
}

// finish ends the call's flight. It comes before the last byte of the answer leaves, so that no client can have its
// answer and still be in flight here. A second time it does nothing.
func (s *Server) finish(c *call) {
	if c.done {
		return
	}
	c.done = true
	overlapping := false
	if c.entry != nil {
		c.shard.mu.Lock()
		for p := &c.entry.flying; *p != nil; p = &(*p).next {
			if *p == c {
				*p = c.next
				break
			}
		}
		if ev := c.entry.event(c.seq); ev != nil {
			ev.status, ev.fault = int16(c.status), c.fault
		}
		overlapping = c.overlapping
		c.shard.mu.Unlock()
	}
	s.journal.finish(c, s.options.Now().UnixNano())
	s.books.finish(c.status)
	if overlapping {
		s.decide(c)
	}
}

// Reset forgets all quantities, histories, counters, violations and the journal, as an API does that was restored from
// an old backup. Numbers go on, switches and faults stay.
func (s *Server) Reset() {
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		s.keys.Add(-int64(len(sh.entries)))
		sh.entries, sh.late = make(map[string]*entry), nil
		sh.mu.Unlock()
	}
	s.journal.reset()
	s.books.reset()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.overlaps, s.violations, s.violated = nil, nil, 0
}

package watcher

import (
	"cmp"
	"iter"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

const (
	recheckAfter = 24 * time.Hour
	maxRechecks  = 500 // a look, so that a huge folder is not read again all at once
	maxSkips     = 1000
	maxRetry     = time.Minute
	never        = time.Duration(math.MaxInt64)
)

// entry is a regular file as a scan saw it.
type entry struct {
	name    string
	stat    Stat
	trigger bool // it is a trigger file, by its name
}

// table remembers what was seen and decides what has come to rest. It does no I/O, and time is what it is told.
type table struct {
	names              *names
	settle, settleLast time.Duration

	base    time.Time // the zero of due times, on the monotonic clock
	round   uint64    // counts the looks
	seq     uint64
	records map[string]*record
	next    time.Duration    // when the next record is due, since base
	marks   map[string]entry // trigger files of this round, by name in lower case
	skips   map[string]skipped
	newSkip []Skip
	gone    []string
	full    uint64 // the last round in which skips was full
}

// record is one version of one file.
type record struct {
	name    string
	stat    Stat
	arrived time.Time
	seq     uint64
	round   uint64        // in which it was last seen
	due     time.Duration // since table.base: when it is to be told, if it is still the same then
	phase   phase
	tries   uint8
}

type phase uint8

const (
	settling phase = iota // not told yet
	again                 // told, and to be told once more when it is final
	retrying              // told, and to be told once more
	given                 // told
)

type askKind uint8

const (
	askAgain askKind = iota
	askRetry
	askGiven  // the file now has this stat, by our own doing, and is still the version that was told
	askForget // whatever is there is to be told as new
)

// ask is what the consumer wants of a file.
type ask struct {
	kind askKind
	name string
	stat Stat
}

type skipped struct {
	why   string
	round uint64
}

// verdict is what one look says.
type verdict struct {
	files            []File
	pending, waiting int
}

func newTable(n *names, settle, settleLast time.Duration) *table {
	return &table{
		names: n, settle: settle, settleLast: settleLast,
		next:    never,
		records: map[string]*record{},
		skips:   map[string]skipped{},
	}
}

// observe is the decision: what has come to rest, given all that was seen before and what is seen now.
func (t *table) observe(now time.Time, listing iter.Seq[entry]) verdict {
	if t.base.IsZero() {
		t.base = now
	}
	t.round++
	t.marks = map[string]entry{}
	var fresh []*record
	for e := range listing {
		if e.trigger {
			t.mark(e)
			continue
		}
		r := t.records[e.name]
		if r == nil || r.stat != e.stat {
			if r == nil {
				r = &record{name: e.name}
				t.records[e.name] = r
			}
			*r = record{name: r.name, stat: e.stat, arrived: now, due: now.Sub(t.base) + t.settle}
			fresh = append(fresh, r)
		}
		r.round = t.round
	}
	slices.SortFunc(fresh, func(a, b *record) int {
		return cmp.Or(cmp.Compare(a.stat.Modified, b.stat.Modified), cmp.Compare(a.name, b.name))
	})
	for _, r := range fresh {
		t.seq++
		r.seq = t.seq
	}
	return t.decide(now)
}

// mark remembers a trigger file. Of two whose names differ in case the newer counts.
func (t *table) mark(e entry) {
	key := strings.ToLower(e.name)
	if old, ok := t.marks[key]; !ok || old.stat.Modified < e.stat.Modified {
		t.marks[key] = e
	}
}

func (t *table) decide(now time.Time) (v verdict) {
	t.next = never
	since := now.Sub(t.base)
	rechecks := 0
	for _, r := range t.records {
		if r.round != t.round {
			continue // not seen now, and so not known to be unchanged
		}
		mark, ready := t.ready(r)
		if !ready {
			if r.phase != given {
				v.waiting++
			}
			continue
		}
		if t.names.ready && r.phase == settling {
			r.due = since
		}
		if r.due > since {
			t.next = min(t.next, r.due)
			if r.phase != given {
				v.pending++
			}
			continue
		}
		if r.phase == given {
			if rechecks++; rechecks > maxRechecks {
				continue // the next look, at the latest a rescan later, goes on with it
			}
		}
		f := File{
			Name: r.name, Stat: r.stat, Arrived: r.arrived, Seq: r.seq,
			Final:   t.names.ready || now.Sub(r.arrived) >= t.settleLast,
			Recheck: r.phase == given,
		}
		if _, displaced := undisplaced(r.name); !displaced { // a displaced file's trigger is that of the file that took its name
			f.Trigger, f.trigger = mark.name, mark.stat
		}
		v.files = append(v.files, f)
		r.phase, r.due = given, since+recheckAfter
		t.next = min(t.next, r.due)
	}
	slices.SortFunc(v.files, func(a, b File) int { return cmp.Compare(a.Seq, b.Seq) })
	return v
}

// ready reports whether nothing but time is between r and its being told, and the trigger that says so.
func (t *table) ready(r *record) (entry, bool) {
	if !t.names.ready {
		return entry{}, true
	}
	m, ok := t.marks[t.names.triggerOf(r.name)]
	return m, ok && m.stat.Modified >= r.stat.Modified
}

// forget lets go of what the last look did not see. It is for a look that saw the folder.
func (t *table) forget() {
	same := func(r *record) Stat { // but for what a renaming changes
		s := r.stat
		s.Changed = 0
		return s
	}
	lost := map[Stat]string{} // never told
	for name, r := range t.records {
		if r.round != t.round {
			delete(t.records, name)
			if r.phase == settling {
				lost[same(r)] = name
			}
		}
	}
	if len(lost) > 0 {
		for _, r := range t.records {
			delete(lost, same(r)) // it has another name
		}
		t.gone = append(t.gone, slices.Sorted(maps.Values(lost))...)
	}
	for name, s := range t.skips {
		if s.round != t.round {
			delete(t.skips, name)
		}
	}
}

// apply does what the consumer asked. What is asked of a file that has changed since comes to nothing: the file will be
// told as a new version.
func (t *table) apply(asks []ask, now time.Time) {
	for _, a := range asks {
		r := t.records[a.name]
		if r == nil {
			continue
		}
		since := now.Sub(t.base)
		switch {
		case a.kind == askForget:
			delete(t.records, a.name)
			continue
		case a.kind == askGiven:
			r.stat, r.phase, r.due = a.stat, given, since+recheckAfter
		case !r.stat.SameBytes(a.stat):
			continue
		case a.kind == askAgain:
			r.phase, r.due = again, r.arrived.Sub(t.base)+t.settleLast
		case a.kind == askRetry:
			r.phase, r.due = retrying, since+min(time.Second<<r.tries, maxRetry)
			r.tries = min(r.tries+1, 6)
		}
		t.next = min(t.next, r.due)
	}
}

// untilNext is how long until a file is due, or very long.
func (t *table) untilNext(now time.Time) time.Duration {
	if t.next == never {
		return never
	}
	return t.next - now.Sub(t.base)
}

// skip remembers that name is no export, so that it is told once.
func (t *table) skip(name, why string) {
	s, known := t.skips[name]
	if !known && len(t.skips) >= maxSkips {
		if t.full == 0 || t.full+1 < t.round {
			t.newSkip = append(t.newSkip, Skip{Why: "there is so much that is no export that the rest of it is not listed"})
		}
		t.full = t.round
		return
	}
	if !known || s.why != why {
		t.newSkip = append(t.newSkip, Skip{Name: name, Why: why})
	}
	t.skips[name] = skipped{why: why, round: t.round}
}

// newlyGone hands over the names of what was gone before it was told.
func (t *table) newlyGone() []string {
	s := t.gone
	t.gone = nil
	return s
}

// newlySkipped hands over what skip was told for the first time.
func (t *table) newlySkipped() []Skip {
	s := t.newSkip
	t.newSkip = nil
	return s
}

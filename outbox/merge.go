package outbox

import (
	"bytes"
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"sync"

	"go.etcd.io/bbolt"

	"tillpost/inventory"
)

// merge is one pass over the spilled rows, the records and the named sets, all in the order of the hash.
type merge struct {
	in       *Intake
	order    []int // export -> its place in the order of rank; -1 = dropped
	sets     []*namedSet
	writers  []*setWriter
	onFallen func(Fallen)

	again rereads
	along *following // nil = no export follows a trail
	past  int        // how many of the marks that it passed over are behind

	walk   walker    // over the records
	known  []bandSet // entries of the sets that have the band's hash
	events []row     // see withLacks
}

// Fallen is a row that is an update by itself and falls because of others of its export for the same key.
type Fallen struct {
	Export int
	Line   uint64
	Key    []byte // inventory's encoded key; good until the next call
	Sum    bool   // they cannot be added up, or their sum is too large; else it falls to `duplicates: reject`
	Rows   int64  // how many fell: 1, or, without line and key, what is too many to be told one by one
}

// Settle settles duplicates and compares the intake with what was last wanted: the exact counts of each export, in the
// order of Begin; those of dropped ones are zero. onFallen, which may be nil, is told of each row that falls, in no order.
// From here to Commit or Close no other intake of the outbox can settle.
func (in *Intake) Settle(onFallen func(Fallen)) (_ []Counts, err error) {
	if !in.locked {
		in.o.intake.Lock()
		in.locked = true
	}
	in.discard()
	defer func() {
		if err != nil {
			in.discard()
			err = diskError(in.o.dir, fmt.Errorf("compare the exports with the outbox: %w", err))
		}
	}()
	if err := in.o.finish(); err != nil {
		return nil, err
	}
	if onFallen == nil {
		onFallen = func(Fallen) {}
	}
	m := &merge{in: in, onFallen: onFallen}
	m.orderExports()
	if err := errs(m.openRereads(), m.openSets(), m.openTracks(), in.numberSources()); err != nil {
		return nil, err
	}
	in.deltas = &deltaWriter{dir: in.spill.dir, most: in.o.sizes.chunk, sync: !in.o.opts.NoSync}
	if err := m.partitions(); err != nil {
		return nil, err
	}
	if f := m.along; f != nil {
		f.x.counts.Unchanged += f.met
		f.x.stocked += f.full
	}
	counts := make([]Counts, len(in.exports))
	for i, x := range in.exports {
		counts[i] = x.counts
	}
	in.settled = true
	return counts, nil
}

// orderExports puts the exports into the order of their ranks, ties as they came.
func (m *merge) orderExports() {
	var list []int
	m.order = make([]int, len(m.in.exports))
	for i, x := range m.in.exports {
		m.order[i] = -1
		if !x.dropped {
			list = append(list, i)
		}
	}
	slices.SortStableFunc(list, func(a, b int) int { return cmp.Compare(m.in.exports[a].rank, m.in.exports[b].rank) })
	for place, i := range list {
		m.order[i] = place
		m.in.exports[i].sortSKUs()
	}
}

// openSets finds out which named sets the exports replace, which new ones they leave, and which existing ones know of
// newer exports.
func (m *merge) openSets() error {
	in := m.in
	newest := map[[2]string]*incoming{} // by source and family: the large export whose set is kept
	least, any := ^uint64(0), false
	tracked := false // then it matters when the keys that an export lacks were named last
	sources := map[string]bool{}
	for _, x := range in.exports {
		if x.dropped {
			continue
		}
		any = true
		tracked = tracked || x.lacks.mode != lacksIgnored
		least = min(least, x.rank)
		sources[x.Source] = true
		f := [2]string{x.Source, x.Family}
		if x.rows >= in.o.sizes.large && (newest[f] == nil || x.rank >= newest[f].rank) {
			newest[f] = x
		}
	}
	if !any {
		return nil
	}
	existing, err := in.o.namedSets()
	if err != nil {
		return err
	}
	for _, s := range existing {
		f := [2]string{s.source, s.family}
		if x := newest[f]; x != nil && x.rank < s.rank {
			delete(newest, f) // a late older export does not replace what a newer one named
		}
		s.goes = newest[f] != nil
	}
	m.evict(existing, newest, sources)
	if err := m.alongTrail(newest, existing); err != nil {
		return err
	}
	for f, x := range newest {
		if x.kept != nil {
			continue
		}
		i := slices.IndexFunc(existing, func(s *namedSet) bool { return s.source == f[0] && s.family == f[1] })
		var old *namedSet
		if i >= 0 {
			old = existing[i]
		}
		if x.set, err = newSetWriter(filepath.Join(in.o.dir, "named"), old, !in.o.opts.NoSync, false); err != nil {
			return err
		}
		m.writers = append(m.writers, x.set)
	}
	held, err := in.heldSets()
	if err != nil {
		return err
	}
	for _, s := range append(existing, held...) {
		if s.held > 0 && !sources[s.source] || s.held == 0 && !s.goes && !tracked && (s.rank < least || s.rank == least && !m.again.any()) {
			continue // it knows nothing that the records of these exports' keys need
		}
		if s.setReader, err = s.read(); err != nil {
			return err
		}
		in.old = append(in.old, s)
		m.sets = append(m.sets, s)
	}
	return nil
}

// evict lets the oldest sets of a source go that has too many families.
func (m *merge) evict(existing []*namedSet, newest map[[2]string]*incoming, sources map[string]bool) {
	for source := range sources {
		var left []*namedSet
		n := 0
		for _, s := range existing {
			if s.source == source && !s.goes {
				left = append(left, s)
			}
		}
		for f := range newest {
			if f[0] == source {
				n++
			}
		}
		slices.SortFunc(left, func(a, b *namedSet) int { return cmp.Compare(a.rank, b.rank) })
		for i := 0; i < len(left) && len(left)-i+n > maxSets; i++ {
			left[i].goes, left[i].evicted = true, true
		}
	}
}

// partitions merges one partition after the other. While one is merged, the next is loaded and sorted on another core.
func (m *merge) partitions() (err error) {
	free, loaded := make(chan *partitionRows, 2), make(chan *partitionRows, 1)
	free <- &partitionRows{}
	free <- &partitionRows{}
	var loader sync.WaitGroup
	loader.Go(func() {
		defer close(loaded)
		for n := range partitions {
			part, ok := <-free
			if !ok {
				return
			}
			part.number = n
			part.err = m.in.spill.load(n, part, m.order, m.settle)
			loaded <- part
			if part.err != nil {
				return
			}
		}
	})
	for part := range loaded {
		if err != nil {
			continue // what the loader had under way
		}
		if err = part.err; err == nil {
			err = m.partition(part)
		}
		if err != nil {
			close(free)
			continue
		}
		free <- part
	}
	loader.Wait()
	return err
}

// partition merges one partition, inside one short reading transaction.
func (m *merge) partition(part *partitionRows) error {
	n, rows := part.number, part.rows
	for _, f := range part.fallen {
		m.onFallen(f)
	}
	for i, x := range m.in.exports {
		x.counts.Duplicates += part.settled[i]
		if n := part.more[i]; n > 0 {
			m.onFallen(Fallen{Export: i, Sum: x.Reading.Settle == inventory.DuplicatesSum, Rows: n})
		}
	}
	if !m.again.any() {
		if hash, ok := m.nextHash(n, rows); !ok || int(hash>>56) != n {
			return nil
		}
	}
	return m.in.o.view(func(tx *bbolt.Tx) error {
		m.walk = walker{c: tx.Bucket(bucketKeys).Cursor()}
		m.again.begin(tx, n)
		for {
			hash, ok := m.nextHash(n, rows)
			if !ok {
				return nil
			}
			end := 0
			for end < len(rows) && rows[end].hash == hash {
				end++
			}
			if err := m.band(hash, rows[:end]); err != nil {
				return err
			}
			rows = rows[end:]
		}
	})
}

// nextHash is the least hash that rows or a set that goes still have in the partition, or, where an export is read again,
// the records.
func (m *merge) nextHash(n int, rows []row) (hash uint64, ok bool) {
	if len(rows) > 0 {
		hash, ok = rows[0].hash, true
	}
	for _, s := range m.sets {
		if k, more := s.peek(); more && (s.goes || s.track != nil) && int(k.hash>>56) == n && (!ok || k.hash < hash) {
			hash, ok = k.hash, true
		}
	}
	if h, more := m.again.peek(n); more && (!ok || h < hash) {
		hash, ok = h, true
	}
	return hash, ok
}

// bandSet is an entry of a named set that has the band's hash.
type bandSet struct {
	set *namedSet
	setKey
	met bool // the key is merged
}

// band merges what has one hash: nearly always one key.
func (m *merge) band(hash uint64, rows []row) error {
	m.known = m.known[:0]
	for _, s := range m.sets {
		for {
			k, more := s.peek()
			if !more || k.hash > hash {
				break
			}
			if k.hash == hash {
				m.known = append(m.known, bandSet{set: s, setKey: k})
			}
			if err := s.next(); err != nil {
				return err
			}
		}
	}
	for left := rows; len(left) > 0; {
		n := 1
		for n < len(left) && bytes.Equal(left[n].key, left[0].key) {
			n++
		}
		if err := m.key(hash, left[:n]); err != nil {
			return err
		}
		left = left[n:]
	}
	for i := range m.known {
		if k := &m.known[i]; k.set.track != nil && !k.met {
			if err := m.lacking(hash, k.check); err != nil {
				return err
			}
		}
	}
	if err := m.unsaid(hash, rows); err != nil {
		return err
	}
	for i := range m.known {
		k := &m.known[i]
		switch {
		case !k.set.goes || k.met:
		case m.wasMet(k):
			m.along.x.set.band = append(m.along.x.set.band, setKey{hash: hash, check: k.check})
		default:
			if err := m.leave(hash, k); err != nil {
				return err
			}
		}
	}
	for _, t := range m.in.tracks {
		if err := t.writer.addBand(); err != nil {
			return err
		}
	}
	for _, w := range m.writers {
		if err := w.addBand(); err != nil {
			return err
		}
	}
	return nil
}

// key merges the rows of one key, one an export and in the order of the exports' ranks.
func (m *merge) key(hash uint64, rows []row) error {
	key := rows[0].key
	rec, _, err := m.walk.find(hash, key)
	if err != nil {
		return err
	}
	return m.merged(hash, key, &rec, rows)
}

// merged merges the rows of one key, which may be none, with its record.
func (m *merge) merged(hash uint64, key []byte, rec *record, rows []row) error {
	check := checkOf(key)
	before := view{rank: rec.rank}
	before.wanted, before.known = rec.last()
	covered := rec.rank // the greatest rank by which the records and sets that stay know the key
	for i := range m.known {
		if k := &m.known[i]; k.check == check && k.set.held > 0 {
			for j := range rows {
				if x := m.in.exports[rows[j].export]; !rows[j].void && x.Source == k.set.source && x.Family == k.set.family {
					k.set.named[rows[j].export]++
				}
			}
		} else if k.check == check {
			k.met = true
			before.rank = max(before.rank, k.set.rank)
			if !k.set.goes {
				covered = max(covered, k.set.rank)
			}
		}
	}
	now := before
	fallen, said := m.fallen(rec, before.rank, rows), false
	if fallen != nil {
		now.rank = 0 // every export of the intake may speak
	}
	var by *row
	rows = m.withLacks(check, rows)
	for i := range rows {
		r := &rows[i]
		x := m.in.exports[r.export]
		if r.lacks {
			if x.lacks.lack(check, storeOf(key), &now) {
				x.empty(key, &now)
				by, said = r, true
			}
			continue
		}
		if x.lacks.named(r.also); r.void || r.names {
			continue
		}
		q := x.Stock.Quantity(r.figure)
		if max(q, -q) > inventory.MaxQuantity { // only a sum can get there
			m.onFallen(Fallen{Export: r.export, Line: r.line, Key: r.key, Sum: true, Rows: 1})
			continue
		}
		if x.set != nil {
			x.set.band = append(x.set.band, setKey{hash: hash, check: check})
		}
		if x.set != nil || x.kept != nil {
			covered = max(covered, x.rank)
		}
		counts := x.counts
		said = true
		if r.other != nil && x.updates(r.other) {
			r.other = nil
		}
		x.trackless = x.trackless || r.other != nil // which may go on to be there for an export to come
		if x.see(r, q, &now) {
			if by != nil && r.other == nil {
				r.other = by.other
			}
			by = r
		}
		if !r.counted {
			x.countStores(key, counts, q)
		}
	}
	m.keepTracked(hash, check)
	now.rank = max(now.rank, before.rank)
	switch {
	case fallen != nil && !said:
		return m.fall(fallen, key, rec, before.rank)
	case by != nil && by.other != nil:
		return m.in.deltas.heir(by.export, by.line, now.wanted, now.rank, key, by.other)
	case by != nil && (!before.known || now.wanted != before.wanted):
		m.in.handOver(by.export, rec, key)
		return m.in.deltas.want(by.export, by.line, now.wanted, now.rank, key)
	case now.rank > covered:
		return m.in.deltas.touch(now.rank, key)
	}
	return nil
}

// view is what is known of a key while the exports of an intake speak in the order of their ranks.
type view struct {
	known  bool
	wanted int64
	rank   uint64 // of the newest export that named it
}

// see counts what the export says of a key and takes it into the view, unless a newer export has spoken (promise 8 of
// the contract). It reports whether the export has set the quantity.
func (x *incoming) see(r *row, q int64, v *view) bool {
	older := x.rank < v.rank || x.rank == v.rank && r.counted // what was counted has been taken into account
	same := v.known && q == v.wanted && r.other == nil        // what was known under another key is true no longer
	switch {
	case same && !r.counted:
		x.counts.Unchanged++
	case same || older && r.counted:
	case older:
		x.counts.Older++
	case !v.known:
		x.counts.New++
	default:
		x.counts.Changed++
		if q <= 0 && v.wanted > 0 {
			x.counts.Zero++
		}
	}
	if older {
		x.trackless = x.trackless || !same
		return false
	}
	v.rank = x.rank
	if same {
		return false
	}
	v.known, v.wanted = true, q
	return true
}

// empty counts that the export lacks a key once too often, and takes that into the view.
func (x *incoming) empty(key []byte, v *view) {
	was := x.counts
	x.counts.Changed++
	x.counts.Zero++
	x.counts.Missing++
	x.countStores(key, was, 0)
	v.wanted, v.rank = 0, x.rank
}

// wasMet reports whether a key of a named set is that of a row that an export has met in its trail.
func (m *merge) wasMet(k *bandSet) bool {
	f := m.along
	if f == nil || k.set.source != f.x.Source || k.set.family != f.x.Family {
		return false
	}
	of := keyMark{k.hash, k.check}
	for m.past < len(f.passed) && f.passed[m.past].compare(of) < 0 {
		m.past++
	}
	return m.past == len(f.passed) || f.passed[m.past] != of
}

// leave deals with a key that a set which goes has named and no export of the intake names: its record takes over the
// set's rank, so that a late older export still cannot overwrite what the set's export said.
func (m *merge) leave(hash uint64, k *bandSet) error {
	covered := uint64(0)
	for i := range m.known {
		if o := &m.known[i]; o.check == k.check && !o.set.goes {
			covered = max(covered, o.set.rank)
		}
	}
	return m.walk.each(hash, func(key []byte, rec *record) error {
		if checkOf(key) != k.check || max(rec.rank, covered) >= k.set.rank {
			return nil
		}
		return m.in.deltas.touch(k.set.rank, key)
	})
}

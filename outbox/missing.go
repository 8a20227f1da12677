package outbox

import (
	"cmp"
	"errors"
	"path/filepath"
	"slices"
)

// What an export lacks (`missing: zero` of the contract). Of each file family the keys that its exports name are kept in
// a wide set: each with the number of exports in a row that lack it. One that the next export lacks once too often is
// wanted at 0, as if that export had said so. A store that an export does not name at all is not looked at.

// Track says which keys the exports of a family name. Its set is named/File, as large as the exports or small.
type Track struct {
	SetRef
	Named  int64  `json:"named"`  // keys that the newest of them names
	Blind  int64  `json:"blind"`  // the fewest rows of one of them that name no product
	Digest string `json:"digest"` // how they were read: another one begins anew
}

// Lacks are what one export lacks, as it was settled last.
type Lacks struct {
	Named  int64            // keys that it names, whatever it says of them
	Before int64            // keys that the export of the family before it named; 0 = there was none
	Shared int64            // of those: it names them too
	Stores map[string]int64 // by store: keys that earlier exports named, and it lacks
	Blind  int64            // rows more than in the exports before that name no product
}

// Lacking is how many keys it lacks.
func (l *Lacks) Lacking() (n int64) {
	for _, one := range l.Stores {
		n += one
	}
	return n
}

// What an export's lacks count for.
type lackMode int

const (
	lacksIgnored lackMode = iota // the export is not tracked
	lacksCount
	lacksSpared // it may name what it seems to lack: nothing is counted this time
	lacksApart  // it is another kind of export than the one before: what that named is forgotten
)

// lacks is what is collected, of an export with Reading.Missing, of what it names.
type lacks struct {
	mode   lackMode
	after  int   // exports in a row
	blind  int64 // rows that name no product
	stores map[string]bool
	many   bool     // more stores than are kept: it is not tracked
	also   []uint32 // CRC-32C of what its rows could also be identified by, ascending once it is tracked
	last   []byte   // the store seen last

	Lacks
	track *track // nil = it is not tracked
	prev  uint64 // the rank of the export of the family before it
}

func (l *lacks) reset() {
	l.Lacks, l.track, l.prev = Lacks{}, nil, 0
}

// see notes the store of a key that the export names.
func (l *lacks) see(key []byte) {
	store := storeOf(key)
	if l.stores != nil && string(l.last) == string(store) {
		return
	}
	l.last = append(l.last[:0], store...)
	switch {
	case l.stores[string(store)] || l.many:
	case len(l.stores) >= maxStores:
		l.many = true
	default:
		if l.stores == nil {
			l.stores = map[string]bool{}
		}
		l.stores[string(store)] = true
	}
}

// alias notes by which keys the product of a row may be known besides the row's own, and returns the CRC-32C of that one.
func (l *lacks) alias(x *incoming, key, other []byte) (also uint32) {
	switch {
	case !x.Missing:
	case len(other) > 0:
		also = max(1, checkOf(other))
		l.also = append(l.also, also)
	case validKey(key) && isSKU(key): // the UPC that the row had before
		l.also = append(l.also, max(1, checkOf(key)))
	}
	return also
}

// names reports whether a row of the export could be the product of a key, which it does not name itself.
func (l *lacks) names(check, other uint32) bool {
	is := func(check uint32) bool {
		_, found := slices.BinarySearch(l.also, check)
		return found
	}
	return is(max(1, check)) || other != 0 && is(other)
}

// storeOf is the store of an encoded key.
func storeOf(key []byte) []byte {
	d := decoder{b: key[1:]}
	return d.bytes(d.uvarint())
}

// Name says that a row of the export that was begun last names a key and is no update.
func (in *Intake) Name(line uint64, key, other []byte) error {
	export := len(in.exports) - 1
	x := in.exports[export]
	if !x.Missing || !validKey(key) {
		return nil
	}
	x.rows++
	return in.put(&spilled{export: uint64(export), line: line, key: key, also: x.lacks.alias(x, key, other), counted: true, names: true})
}

// Track lets what an export with Reading.Missing lacks count: a key that it lacks, as did the after-1 exports of its
// family before it, is wanted at 0. It must be whole. blind are its rows that name no product.
func (in *Intake) Track(export, after int, blind int64) {
	l := &in.exports[export].lacks
	in.settled = false
	l.after, l.blind = after, blind
	if l.mode = lacksCount; l.many {
		l.mode = lacksIgnored
	}
	slices.Sort(l.also)
	l.also = slices.Compact(l.also)
}

// Apart says that an export is of another kind than the one of its family before it: what it lacks does not count, and
// the next one is compared with it alone. Settle must be called again.
func (in *Intake) Apart(export int) { in.exports[export].lacks.set(in, lacksApart) }

// Spare says that an export may name what it seems to lack: nothing is counted this time. Settle must be called again.
func (in *Intake) Spare(export int) { in.exports[export].lacks.set(in, lacksSpared) }

func (l *lacks) set(in *Intake, mode lackMode) {
	if l.mode != lacksIgnored {
		l.mode, in.settled = mode, false
	}
}

// Lacks tells what an export lacks; ok is false where that does not count, or not any more.
func (in *Intake) Lacks(export int) (l Lacks, ok bool) {
	x := in.exports[export]
	return x.lacks.Lacks, x.lacks.track != nil && x.lacks.mode == lacksCount
}

// track is what is kept of a family while an intake is settled.
type track struct {
	old     *Track    // nil = there is none, or it was read otherwise
	set     *namedSet // of that
	exports []int     // of the intake, in the order of their ranks
	writer  *setWriter

	// Of the key that is being merged:
	in     bool // it is in the set
	misses uint16
	other  uint32
	prev   bool // the export before named it
}

// openTracks finds the families whose exports are tracked, and adds the sets of those to the sets that are merged.
func (m *merge) openTracks() error {
	in := m.in
	byFamily := map[[2]string]*track{}
	for _, i := range m.inOrder() {
		x := in.exports[i]
		if x.lacks.mode == lacksIgnored {
			continue
		}
		f := [2]string{x.Source, x.Family}
		t := byFamily[f]
		if t == nil {
			s, err := in.o.Source(x.Source)
			if err != nil && !errors.Is(err, ErrUnknown) {
				return err
			}
			t = &track{}
			switch old, ok := s.Tracks[x.Family]; {
			case ok && x.rank < old.Rank:
				continue // a late older one says nothing of what there is now
			case ok && x.Digest == old.Digest:
				t.old = &old
			}
			if err := m.openTrack(t); err != nil {
				return err
			}
			byFamily[f] = t
			in.tracks = append(in.tracks, t)
		}
		l := &x.lacks
		l.track, l.Stores = t, map[string]int64{}
		if n := len(t.exports); n > 0 {
			l.prev = in.exports[t.exports[n-1]].rank
		} else if t.old != nil {
			l.prev, l.Before, l.Blind = t.old.Rank, t.old.Named, l.blind-t.old.Blind
		}
		t.exports = append(t.exports, i)
	}
	return nil
}

// openTrack begins to read the old set of a track, if it has one that can be read, and to write the new one.
func (m *merge) openTrack(t *track) (err error) {
	in := m.in
	folder := filepath.Join(in.o.dir, "named")
	if t.old != nil {
		s := &namedSet{path: filepath.Join(folder, t.old.File), wide: true, track: t}
		switch readable, err := isWhole(s); {
		case err != nil:
			return err
		case readable:
			t.set = s
		default:
			t.old = nil // it begins anew
		}
	}
	if t.writer, err = newSetWriter(folder, t.set, !in.o.opts.NoSync, true); err != nil || t.set == nil {
		return err
	}
	if t.set.setReader, err = t.set.read(); err != nil {
		return err
	}
	in.old = append(in.old, t.set)
	m.sets = append(m.sets, t.set)
	return nil
}

// inOrder are the exports that were not dropped, in the order of their ranks.
func (m *merge) inOrder() []int {
	list := make([]int, 0, len(m.order))
	for i, place := range m.order {
		if place >= 0 {
			list = append(list, i)
		}
	}
	slices.SortFunc(list, func(a, b int) int { return cmp.Compare(m.order[a], m.order[b]) })
	return list
}

// withLacks adds to a key's rows those exports that may lack it, in the order of the exports' ranks, and sets the tracks
// to what is known of the key.
func (m *merge) withLacks(check uint32, rows []row) []row {
	if len(m.in.tracks) == 0 {
		return rows
	}
	m.events = append(m.events[:0], rows...)
	for _, t := range m.in.tracks {
		t.in, t.misses, t.other, t.prev = false, 0, 0, false
		for i := range m.known {
			if k := &m.known[i]; k.check == check && k.set.track == t {
				t.in, t.misses, t.other, t.prev = true, k.misses, k.other, k.misses == 0
			}
		}
		for _, i := range t.exports {
			if !slices.ContainsFunc(rows, func(r row) bool { return r.export == i }) {
				m.events = append(m.events, row{export: i, lacks: true})
			}
		}
	}
	slices.SortStableFunc(m.events, func(a, b row) int { return cmp.Compare(m.order[a.export], m.order[b.export]) })
	return m.events
}

// named takes into account that an export names a key.
func (l *lacks) named(also uint32) {
	t := l.track
	if t == nil {
		return
	}
	l.Named++
	if t.prev {
		l.Shared++
	}
	t.in, t.prev, t.misses, t.other = true, true, 0, also
}

// lack takes into account that an export does not name a key, and reports whether it is wanted at 0 for that.
func (l *lacks) lack(check uint32, store []byte, now *view) (zero bool) {
	t := l.track
	before := t.prev
	t.prev = false
	switch {
	case !t.in:
		return false
	case !now.known: // nothing is wanted of it that could go to 0, and where no record tells its store, nobody can say more
		t.in = false
		return false
	case l.names(check, t.other):
		if t.misses, t.prev = 0, true; before {
			l.Shared++
		}
		return false
	case l.mode == lacksApart:
		t.in = false
		return false
	case !l.stores[string(store)]:
		return false // it says nothing of that store
	}
	l.Stores[string(store)]++
	if l.mode == lacksCount {
		if now.rank > l.prev { // another export has named it since
			t.misses = 0
			return false
		}
		if t.misses++; int(t.misses) >= l.after {
			t.in = false
			return now.wanted > 0
		}
	}
	return false
}

// keepTracked writes the key that was merged into the new sets.
func (m *merge) keepTracked(hash uint64, check uint32) {
	for _, t := range m.in.tracks {
		if t.in {
			t.writer.band = append(t.writer.band, setKey{hash: hash, check: check, misses: t.misses, other: t.other})
		}
	}
}

// lacking merges a key of an old set that no export of the intake names.
func (m *merge) lacking(hash uint64, check uint32) error {
	return m.walk.each(hash, func(key []byte, rec *record) error {
		if checkOf(key) != check {
			return nil
		}
		return m.merged(hash, key, rec, nil)
	})
}

// finishTracks makes the new sets durable: by source and family.
func (in *Intake) finishTracks() (map[[2]string]Track, error) {
	kept := map[[2]string]Track{}
	for _, t := range in.tracks {
		x := in.exports[t.exports[len(t.exports)-1]]
		ref, err := t.writer.finish()
		if err != nil {
			return nil, err
		}
		ref.Rank = x.rank
		one := Track{SetRef: ref, Named: x.lacks.Named, Blind: x.lacks.blind, Digest: x.Digest}
		for _, i := range t.exports {
			one.Blind = min(one.Blind, in.exports[i].lacks.blind)
		}
		if t.old != nil {
			one.Blind = min(one.Blind, t.old.Blind)
		}
		kept[[2]string{x.Source, x.Family}] = one
	}
	return kept, nil
}

// keepTracks writes the new sets down, at most maxSets of a source.
func (s *Source) keepTracks(source string, tracks map[[2]string]Track) {
	for f, t := range tracks {
		if f[0] != source {
			continue
		}
		if s.Tracks == nil {
			s.Tracks = map[string]Track{}
		}
		s.Tracks[f[1]] = t
	}
	for len(s.Tracks) > maxSets {
		oldest, rank := "", ^uint64(0)
		for family, t := range s.Tracks {
			if t.Rank < rank {
				oldest, rank = family, t.Rank
			}
		}
		delete(s.Tracks, oldest)
	}
}

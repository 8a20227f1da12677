package outbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"go.etcd.io/bbolt"
)

// run is rows of a trail, one behind the other, that an export has too.
type run struct {
	from, n int64  // the number of the first, and how many
	line    uint64 // of the first in the export; the others follow as in the trail
}

// What is kept of how an export differs from its trail. One that differs more is not followed.
const (
	maxRuns  = 64 << 10
	maxMarks = 128 << 10
)

// following is how an export, which is alone in its intake but for dropped ones, goes along the trail of the one before it. A
// row that it finds there is what was last wanted, and is not spilled, unless something else turns out to speak of its key.
type following struct {
	x      *incoming
	export int   // its number
	err    error // why it can neither be followed nor given up; nil = it can
	ref    TrailRef
	reader *trailReader // nil = it is not followed any more
	runs   []run
	line   uint64    // of the row that came last
	last   uint64    // the line of the row that was met last
	met    int64     // rows that are in the trail and not in the spill, and
	full   int64     // those of them that say more than nothing
	passed []keyMark // rows of the trail that the export has otherwise, or not
	own    []keyMark // rows of the export that are spilled
	others []keyMark // of rows of it that are no updates, and of keys that its rows may take over
	odd    bool      // a row of the export is none that an update could come of

	among *hashes  // rows that were met and have the hash of a key, or other key, among these are spilled too; nil = none
	kin   []uint64 // hashes of keys that such rows may take over
	late  bool     // such a row is being spilled
}

// follow begins with an export's rows, before the first of them. One that is alone in its intake, but for dropped ones,
// leaves a trail, and follows that of its family, where there is one that can be trusted.
func (in *Intake) follow(export int) error {
	x := in.exports[export]
	if x.begun {
		return nil
	}
	x.begun = true
	for _, other := range in.exports[:export] {
		if !other.dropped {
			return in.unfollow()
		}
	}
	if x.Missing || x.Rereads != nil || x.Releases != 0 {
		return nil
	}
	x.trail = &trailWriter{dir: in.o.dir}
	if x.Completes != nil {
		return nil
	}
	ref, ok := in.o.trailOf(x)
	if !ok {
		return nil
	}
	file, err := os.Open(filepath.Join(in.o.dir, "named", ref.File))
	if err != nil {
		return nil
	}
	if ref.whole(file) {
		if reader, err := newTrailReader(file, ref.Size); err == nil {
			in.along, x.trail.same = &following{x: x, export: export, ref: ref, reader: reader}, true
			return nil
		}
	}
	_ = file.Close() // it was only read
	return nil
}

// unfollow ends that an export is alone in its intake.
func (in *Intake) unfollow() error {
	for _, x := range in.exports {
		x.leaveNoTrail()
	}
	if f := in.along; f != nil && f.reader != nil {
		return f.giveUp(in)
	}
	return nil
}

// leaveNoTrail lets an export leave no trail, whatever comes.
func (x *incoming) leaveNoTrail() {
	if x.trail != nil {
		x.trail.abort()
		x.trail = nil
	}
}

// trailOf finds the trail that an export may follow.
func (o *Outbox) trailOf(x *incoming) (ref TrailRef, ok bool) {
	err := o.view(func(tx *bbolt.Tx) error {
		var s Source
		var st state
		if err := errs(getJSON(tx.Bucket(bucketSources), []byte(x.Source), &s), getJSON(tx.Bucket(bucketMeta), keyState, &st)); err != nil {
			return err
		}
		if ref, ok = s.trail(x.Family, &st); !ok {
			return nil
		}
		unapplied, _ := tx.Bucket(bucketIntakes).Cursor().First()
		changed, known := st.Rev-ref.Rev, st.Pending+st.Dead+st.Settled
		ok = unapplied == nil && x.rank > ref.Rank && ref.Digest == x.Digest && ref.Stock == x.Stock && ref.Settle == x.Settle &&
			changed <= maxMarks/2 && (changed == 0 || ref.Rows >= known/16) // to find out what has changed costs a look at every record
		return nil
	})
	o.mu.Lock()
	defer o.mu.Unlock()
	return ref, err == nil && ok && o.lostTrail != ref.File
}

// trail is a family's trail, where it is that of its named set and nothing was forgotten since.
func (s *Source) trail(family string, st *state) (ref TrailRef, ok bool) {
	ref, ok = s.Trails[family]
	set := s.Sets[family]
	return ref, ok && set.File != "" && set.Rank == ref.Rank && set.Keys == ref.Rows && ref.Forgot == st.Forgot && ref.Rev <= st.Rev
}

// goOn takes a row of an export along its trail: the one that it follows, and the one that it leaves. It reports whether
// the row was met there, and so needs no more.
func (in *Intake) goOn(x *incoming, line uint64, key, other []byte, figure int64) (met bool, err error) {
	f := in.along
	if f == nil || f.reader == nil || f.x != x {
		x.trail.add(line, key, other, figure)
		return false, nil
	}
	r := f.reader
	if line == f.line { // of two rows for one key that begin in one line nobody could say any more which came first
		x.leaveNoTrail()
		return false, f.giveUp(in)
	}
	f.line = line
	met = r.ok && r.row.figure == figure && string(r.row.key) == string(key) && string(r.row.other) == string(other)
	if !met {
		if x.trail.same {
			x.trail.begin(r, f.last)
		}
		if met, err = f.seek(key, other, figure); err != nil {
			return false, in.o.loseTrail(f, err)
		}
	}
	if met {
		if err := f.meet(line, figure); err != nil {
			return false, in.o.loseTrail(f, err)
		}
	}
	if !x.trail.same {
		x.trail.add(line, key, other, figure)
	}
	if f.strays(in.o.sizes.strays) {
		if err := f.giveUp(in); err != nil {
			return false, err
		}
		return met, nil // it is spilled by now
	}
	return met, nil
}

// seek stands on the key's row where that is near, and reports whether it is as the export has it.
func (f *following) seek(key, other []byte, figure int64) (met bool, err error) {
	r := f.reader
	if r.ok && string(r.row.key) != string(key) {
		ahead, near := r.find(key)
		if !near {
			return false, nil
		}
		for range ahead {
			if err := f.pass(); err != nil {
				return false, err
			}
		}
	}
	if !r.ok {
		return false, nil
	}
	if r.row.figure == figure && string(r.row.other) == string(other) {
		return true, nil
	}
	return false, f.pass()
}

// pass passes over a row of the trail.
func (f *following) pass() error {
	f.passed = append(f.passed, markOf(f.reader.row.key))
	return f.reader.next()
}

// meet takes in that the export has the row that the reader stands on.
func (f *following) meet(line uint64, figure int64) error {
	r := f.reader
	if n := len(f.runs) - 1; n >= 0 && f.runs[n].from+f.runs[n].n == r.n && f.last+r.row.lines == line {
		f.runs[n].n++
	} else {
		f.runs = append(f.runs, run{r.n, 1, line})
	}
	f.last = line
	f.count(figure, 1)
	return r.next()
}

func (f *following) count(figure, n int64) {
	f.met += n
	if figure > 0 && f.ref.Stock.Quantity(figure) > 0 {
		f.full += n
	}
}

// strays reports whether the export differs so much that it is not worth while to follow the trail. few are never too many.
func (f *following) strays(few int) bool {
	n := max(len(f.own), len(f.passed))
	return len(f.runs) > maxRuns || n > maxMarks || len(f.others) > maxMarks || n > few && int64(4*n) > f.met
}

// spilled takes in that a row of the export is spilled.
func (f *following) spilled(r *spilled) {
	if f.late {
		if r.other != nil {
			f.kin = append(f.kin, hashOf(r.other))
		}
		return
	}
	switch {
	case r.void || r.names:
		f.odd = true
		f.others = append(f.others, markOf(r.key))
	default:
		f.own = append(f.own, markOf(r.key))
	}
	if r.other != nil {
		f.others = append(f.others, markOf(r.other)) // which matters where the export makes an update of it
	}
}

// giveUp spills all rows that were met: they go the way of any others from here on.
func (f *following) giveUp(in *Intake) error {
	if err := f.spill(in, func(uint64) bool { return true }); err != nil {
		return err
	}
	f.close()
	return nil
}

// spill spills the rows that were met whose key, or other key, is one of which. Where it fails nobody knows any more which
// of them are.
func (f *following) spill(in *Intake, which func(hash uint64) bool) (err error) {
	f.late = true
	defer func() { f.late, f.err = false, err }()
	r, err := newTrailReader(f.reader.file, f.ref.Size)
	for _, run := range f.runs {
		line := run.line - r.row.lines
		for err == nil && r.n < run.from {
			err = r.next()
			line = run.line - r.row.lines
		}
		for n := int64(0); err == nil && n < run.n; n++ {
			line += r.row.lines
			hash, other := hashOf(r.row.key), uint64(0)
			if len(r.row.other) > 0 {
				other = hashOf(r.row.other)
			}
			if before := f.among; (which(hash) || other != 0 && which(other)) && !(before.has(hash) || other != 0 && before.has(other)) {
				f.count(r.row.figure, -1)
				err = in.spillAs(f.export, line, r.row.key, r.row.other, r.row.figure, false)
			}
			err = errs(err, r.next())
		}
	}
	if errors.Is(err, errTrail) {
		return in.o.loseTrail(f, err)
	}
	return err
}

// loseTrail lets nobody follow a trail any more.
func (o *Outbox) loseTrail(f *following, err error) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lostTrail = f.ref.File
	return err
}

func (f *following) close() {
	if f != nil && f.reader != nil {
		_ = f.reader.file.Close() // it was only read
		f.reader, f.runs = nil, nil
	}
}

// alongTrail decides, before the rows are merged, which of those that were met in the trail are merged too: those of whose
// keys something else speaks, be it another row or a record that was changed since. Where the export names just the keys
// of the trail, its named set is that of the export before.
func (m *merge) alongTrail(newest map[[2]string]*incoming, existing []*namedSet) error {
	in := m.in
	f := in.along
	if f == nil || f.reader == nil || f.x.dropped {
		return nil
	}
	if f.err != nil {
		return f.err
	}
	x := f.x
	defer x.sortSKUs() // some of which come late
	family := [2]string{x.Source, x.Family}
	if err := f.end(x.trail, in.o.sizes.strays); err != nil {
		return in.o.loseTrail(f, err)
	}
	i := slices.IndexFunc(existing, func(s *namedSet) bool { return s.source == x.Source && s.family == x.Family })
	held, err := in.heldSets()
	if err != nil {
		return err
	}
	ref, still := in.o.trailOf(x) // much may have happened since the export was begun
	alone := !slices.ContainsFunc(in.exports, func(o *incoming) bool { return o != x && !o.dropped })
	if i < 0 || !still || ref != f.ref || !alone || newest[family] != x || m.again.any() || f.strays(in.o.sizes.strays) ||
		slices.ContainsFunc(held, func(s *namedSet) bool { return s.source == x.Source }) {
		return f.giveUp(in)
	}
	if err := f.sift(in); err != nil || f.reader == nil {
		return err
	}
	slices.SortFunc(f.passed, keyMark.compare)
	slices.SortFunc(f.own, keyMark.compare)
	if !f.odd && slices.Equal(f.own, f.passed) { // none of which is there twice
		x.kept = &SetRef{File: filepath.Base(existing[i].path), Keys: f.ref.Rows}
		existing[i].goes = false
	}
	m.along = f
	return nil
}

// end passes over the rows of the trail that the export did not come to.
func (f *following) end(w *trailWriter, few int) error {
	if f.reader.ok && w != nil && w.same {
		w.begin(f.reader, f.last)
	}
	for f.reader.ok && !f.strays(few) {
		if err := f.pass(); err != nil {
			return err
		}
	}
	return nil
}

// sift spills what must be merged of the rows that were met.
func (f *following) sift(in *Intake) error {
	among := f.among.clone()
	for _, marks := range [][]keyMark{f.own, f.others, f.passed} { // what is named no more may go to the heir of its key
		for _, m := range marks {
			among.add(m.hash)
		}
	}
	changed, err := in.o.changedSince(f.ref.Rev, among)
	if err != nil {
		return err
	}
	if changed > maxMarks {
		return f.giveUp(in)
	}
	for len(among.list) > 0 {
		among.sort()
		if err := f.spill(in, among.has); err != nil {
			return err
		}
		f.among = among
		if len(f.kin) == 0 {
			break
		}
		among = among.clone() // a row that makes an update of such a key has to be known
		for _, hash := range f.kin {
			among.add(hash)
		}
		f.kin = nil
	}
	return nil
}

// changedSince adds the hashes of the keys of which something else may be wanted than at a rev, and counts them.
func (o *Outbox) changedSince(rev uint64, among *hashes) (n int, err error) {
	o.mu.Lock()
	now := o.state.Rev
	o.mu.Unlock()
	if now == rev {
		return 0, nil
	}
	return n, o.view(func(tx *bbolt.Tx) error {
		c := tx.Bucket(bucketKeys).Cursor()
		for k, v := c.First(); k != nil && n <= maxMarks; k, v = c.Next() {
			r, err := parseRecord(k, v)
			if err != nil {
				return fmt.Errorf("record %x: %w", k, err)
			}
			if r.rev > rev {
				among.add(hashIn(k, 0))
				n++
			}
		}
		return nil
	})
}

// hashes is a set of hashes, which is asked for mostly what it does not have.
type hashes struct {
	list []uint64 // ascending, once it is sorted
	bits [1 << 14]uint64
}

// clone is a set of its own; that of nil is empty.
func (h *hashes) clone() *hashes {
	if h == nil {
		return &hashes{}
	}
	return &hashes{list: slices.Clone(h.list), bits: h.bits}
}

func (h *hashes) bit(hash uint64) (word *uint64, bit uint64) {
	return &h.bits[hash>>6&uint64(len(h.bits)-1)], 1 << (hash & 63)
}

func (h *hashes) add(hash uint64) {
	word, bit := h.bit(hash)
	*word |= bit
	h.list = append(h.list, hash)
}

func (h *hashes) sort() {
	slices.Sort(h.list)
	h.list = slices.Compact(h.list)
}

func (h *hashes) has(hash uint64) bool {
	if h == nil {
		return false
	}
	if word, bit := h.bit(hash); *word&bit == 0 {
		return false
	}
	_, found := slices.BinarySearch(h.list, hash)
	return found
}

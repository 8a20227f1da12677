package outbox

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"tillpost/inventory"
)

// largeExport is from how many updates on an export's keys are kept as a named set, so that what did not change costs no
// write. A smaller one writes its rank into each record.
const largeExport = 2048

// Reading says how one export is to be taken.
type Reading struct {
	Source  string
	Name    string // slash-separated, below the source's folder
	Family  string // its name but for its digits
	Size    int64  // bytes
	ModTime time.Time
	Arrived time.Time // when this version was first seen
	Stat    string    // identity of the file, opaque: only compared
	Digest  string    // of what decides how the source's exports are read
	Stock   inventory.Stock
	Settle  inventory.Duplicates
	// Missing says that it is to be known what the export lacks: see Intake.Track.
	Missing bool
	// Rank is what Outbox.Rank gave when the export arrived; 0 = Begin asks for it. It counts for an export that can be read
	// only after newer ones: what arrived later stays newer.
	Rank uint64
	// Completes is the export of which this is the last row too (settle_last); nil = a new one. Its rank is used again.
	Completes *Export
	// Rereads is the export as it was taken before, in another way; nil = it was not. Rank is its rank.
	Rereads *Export
	// Releases is the held export that this is, released; 0 = none.
	Releases uint64
}

// Counts are what an export says, compared with what was last wanted before it. Exact; guards decide on them.
type Counts struct {
	New        int64 `json:"new"`               // keys never named before
	Changed    int64 `json:"changed"`           // known keys with another quantity, those to zero included
	Zero       int64 `json:"zero"`              // of the changed: from something to nothing
	Unchanged  int64 `json:"unchanged"`         // keys whose quantity is the one last wanted
	Older      int64 `json:"older"`             // keys of which a newer export has said something else
	Missing    int64 `json:"missing,omitempty"` // of those to zero: for the export, and those before it, lack them
	Duplicates int64 `json:"duplicates"`        // rows that lost against another row for the same key, or were added to it
}

// Intake takes in what one look at the folders found: rows are spilled to disk, partitioned by the hash of their key,
// while the exports are read; Settle compares them with the file; Commit makes all of it durable and hands it to the
// drain together. It is not safe for use by several goroutines. Close must be called.
type Intake struct {
	o       *Outbox
	exports []*incoming
	spill   spill
	deltas  *deltaWriter
	old     []*namedSet // open while settling
	tracks  []*track    // of what the exports lack
	along   *following  // the trail that an export follows; nil = none
	rank    uint64      // the greatest of the exports'
	locked  bool        // holds o.intake
	release func()      // lets the drain go on; nil = it is not kept back
	settled bool        // as it is now

	left     map[[2]string]*list // by source and family: the rejects that are listed once the intake is committed
	relisted bool                // they are
	reheld   bool                // what is held has changed

	sources     map[string]Source // as recorded; for
	handed      []Handover        // see Handovers
	handedBytes int
}

// incoming is one export of an intake.
type incoming struct {
	Reading
	rank      uint64
	rows      int64
	dropped   bool
	counts    Counts
	set       *setWriter   // for the newest large one of its family, or
	kept      *SetRef      // the set of the one before, which names the same keys
	begun     bool         // it has rows
	trail     *trailWriter // nil = it leaves none
	trackless bool         // it leaves none all the same: a newer export has said otherwise of one of its keys, or one may take over another
	taken     Taken

	rejects  *frames  // nil = none
	more     int64    // rejects that are only counted
	listed   bool     // it was read to its end
	headings []string // then, and
	comma    string
	list     *list                   // of its family as it leaves it
	fresh    int64                   // rejects that were not listed before
	hold     *Held                   // nil = no guard holds it
	stores   map[string]*StoreCounts // what it would change in each store
	stocked  int64                   // keys of which it says more than nothing
	lacks    lacks                   // with Reading.Missing
	skus     []uint64                // the hashes of the SKU keys that it makes updates of; ascending while settling

	unnamed    []Unnamed // see Intake.Unnamed
	unnamedAll int64
}

// NewIntake begins an intake.
func (o *Outbox) NewIntake() *Intake {
	return &Intake{o: o, spill: spill{dir: filepath.Join(o.dir, "spill"), most: o.sizes.block, compact: o.sizes.compact}}
}

// fresh is how far an export's modification time may be from its arrival to count as written just now.
const fresh = time.Minute

// Begin begins an export and returns its number in the intake. Exports of one look are begun in the order of their
// modification time, ties by arrival.
func (in *Intake) Begin(r Reading, now time.Time) int {
	r.Family = strings.ToValidUTF8(r.Family, "\uFFFD") // as it will be in JSON
	x := &incoming{Reading: r}
	x.ModTime, x.Arrived = storable(r.ModTime), storable(r.Arrived)
	in.settled = false
	in.exports = append(in.exports, x)
	if r.Completes != nil {
		x.rank = r.Completes.Rank
		return len(in.exports) - 1
	}
	if x.rank = r.Rank; x.rank == 0 {
		x.rank = in.o.Rank(r.ModTime, r.Arrived, now)
	}
	in.rank = max(in.rank, x.rank)
	return len(in.exports) - 1
}

// Rank gives an export its rank (promise 8 of the contract): its modification time, at most now; for a fresh one more
// than was given before, whatever the clock says.
func (o *Outbox) Rank(modTime, arrived, now time.Time) uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.rank = max(o.rank, o.state.Rank)
	rank := rankOf(modTime, now)
	if arrived.Sub(modTime).Abs() <= fresh {
		rank = max(o.rank+1, rank)
	}
	o.rank = max(o.rank, rank)
	return rank
}

// rankOf is a modification time, at most now, as a rank. The times of a file may lie where UnixNano cannot reach.
func rankOf(modTime, now time.Time) uint64 {
	switch {
	case modTime.After(now):
		modTime = now
	case modTime.Before(time.Unix(0, 0)):
		return 0
	}
	return uint64(max(0, modTime.UnixNano()))
}

// Add adds a row of the export that was begun last. key is inventory's encoded key and may be reused; figure is the
// POS's. counted says that the row was counted in an earlier reading of the same export.
func (in *Intake) Add(line uint64, key []byte, figure int64, counted bool) error {
	return in.AddAs(line, key, nil, figure, counted)
}

// Void says that a row of the export that was begun last names a key and is no update: its figure cannot be read. Where
// rows are added up (DuplicatesSum) no sum without it is true, so the key's other rows fall too.
func (in *Intake) Void(line uint64, key, other []byte) error {
	export := len(in.exports) - 1
	x := in.exports[export]
	switch {
	case !validKey(key):
		return nil
	case x.Settle == inventory.DuplicatesSum:
		if err := in.follow(export); err != nil {
			return err
		}
		x.rows++
		return in.put(&spilled{export: uint64(export), line: line, key: key, also: x.lacks.alias(x, key, other), counted: true, void: true})
	}
	return in.Name(line, key, other)
}

// put spills a row.
func (in *Intake) put(r *spilled) error {
	x := in.exports[r.export]
	if !validKey(r.key) || r.other != nil && !validKey(r.other) {
		return fmt.Errorf("line %d of %s: %x is not an encoded key", r.line, x.Name, r.key)
	}
	if x.Missing {
		x.lacks.see(r.key)
	}
	in.settled = false
	if err := in.spill.add(r); err != nil {
		return diskError(in.o.dir, fmt.Errorf("spill rows of %s: %w", x.Name, err))
	}
	f := in.along
	if f == nil || f.reader == nil || f.x != x {
		return nil
	}
	if f.spilled(r); !f.late && len(f.others) > maxMarks {
		return f.giveUp(in)
	}
	return nil
}

// Drop leaves an export of the intake out: it turned out torn, the same as before, refused, or a guard holds it. Settle
// must be called (again) after it.
func (in *Intake) Drop(export int) {
	x := in.exports[export]
	x.dropped = true
	x.leaveNoTrail()
	if in.along != nil && in.along.x == x {
		in.along.close()
		in.along = nil
	}
	in.settled = false
}

// Close throws away what was not committed.
func (in *Intake) Close() error {
	in.discard()
	in.dropLists()
	for _, x := range in.exports {
		x.rejects.abort()
		x.leaveNoTrail()
	}
	in.along.close()
	var swept error
	uncertain := in.o.uncertain() // then what the file refers to is known at the next opening, which sweeps
	if in.relisted && !uncertain {
		swept = in.o.sweepFolder("listed")
	}
	if in.reheld && !uncertain {
		swept = errors.Join(swept, in.o.sweepFolder("held"))
	}
	if in.locked {
		in.locked = false
		in.o.intake.Unlock()
	}
	if in.release != nil {
		in.release()
		in.release = nil
	}
	return errors.Join(swept, in.spill.close())
}

// disown leaves the files that Settle made to the outbox.
func (in *Intake) disown() {
	in.deltas = nil
	for _, x := range in.exports {
		x.set = nil
		if x.trail != nil && x.trail.left {
			x.trail.path = ""
		}
	}
	in.tracks = nil
}

// discard undoes what Settle made.
func (in *Intake) discard() {
	in.settled = false
	if in.deltas != nil {
		in.deltas.abort()
		in.deltas = nil
	}
	for _, x := range in.exports {
		if x.set != nil {
			x.set.abort()
			x.set = nil
		}
		x.kept, x.trackless = nil, false
		x.counts, x.stores, x.stocked = Counts{}, nil, 0
		x.unnamed, x.unnamedAll = nil, 0
		x.lacks.reset()
	}
	for _, t := range in.tracks {
		t.writer.abort()
	}
	for _, s := range in.old {
		s.close()
	}
	in.old, in.tracks = nil, nil
}

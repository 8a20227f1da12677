package outbox

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"os"
	"path/filepath"
	"slices"
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
	New        int64 `json:"new"`        // keys never named before
	Changed    int64 `json:"changed"`    // known keys with another quantity, those to zero included
	Zero       int64 `json:"zero"`       // of the changed: from something to nothing
	Unchanged  int64 `json:"unchanged"`  // keys whose quantity is the one last wanted
	Older      int64 `json:"older"`      // keys of which a newer export has said something else
	Duplicates int64 `json:"duplicates"` // rows that lost against another row for the same key, or were added to it
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
	rank    uint64      // the greatest of the exports'
	locked  bool        // holds o.intake
	release func()      // lets the drain go on; nil = it is not kept back
	settled bool        // as it is now

	left     map[[2]string]*list // by source and family: the rejects that are listed once the intake is committed
	relisted bool                // they are
	reheld   bool                // what is held has changed
}

// incoming is one export of an intake.
type incoming struct {
	Reading
	rank    uint64
	rows    int64
	dropped bool
	counts  Counts
	set     *setWriter // for the newest large one of its family
	taken   Taken

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
	n := len(in.exports) - 1
	if !validKey(key) {
		return fmt.Errorf("line %d of %s: %x is not an encoded key", line, in.exports[n].Name, key)
	}
	return in.add(n, line, key, figure, counted, false)
}

// Void says that a row of the export that was begun last names a key and is no update: its figure cannot be read. Where
// rows are added up (DuplicatesSum) no sum without it is true, so the key's other rows fall too.
func (in *Intake) Void(line uint64, key []byte) error {
	n := len(in.exports) - 1
	if in.exports[n].Settle != inventory.DuplicatesSum || !validKey(key) {
		return nil
	}
	return in.add(n, line, key, 0, true, true)
}

func (in *Intake) add(n int, line uint64, key []byte, figure int64, counted, void bool) error {
	in.settled = false
	in.exports[n].rows++
	if err := in.spill.add(uint64(n), line, key, figure, counted, void); err != nil {
		return diskError(in.o.dir, fmt.Errorf("spill rows of %s: %w", in.exports[n].Name, err))
	}
	return nil
}

// Drop leaves an export of the intake out: it turned out torn, the same as before, refused, or a guard holds it. Settle
// must be called (again) after it.
func (in *Intake) Drop(export int) {
	in.exports[export].dropped = true
	in.settled = false
}

// Close throws away what was not committed.
func (in *Intake) Close() error {
	in.discard()
	in.dropLists()
	for _, x := range in.exports {
		x.rejects.abort()
	}
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
	}
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
		x.counts, x.stores, x.stocked = Counts{}, nil, 0
		x.unnamed, x.unnamedAll = nil, 0
	}
	for _, s := range in.old {
		s.close()
	}
	in.old = nil
}

// The spill: rows partitioned by the first byte of their key's hash. Each partition collects a block in memory; full
// blocks go to one temporary file. A small intake never touches the disk.
const (
	partitions = 256
	spillBlock = 16 << 10 // bytes; 4 MB over all partitions
)

type spill struct {
	dir     string
	most    int // bytes of a block
	compact int // rows of a partition from which on duplicates are settled early
	file    *os.File
	size    int64
	parts   [partitions]partition
	record  []byte
}

type partition struct {
	block  []byte
	stored []extent
}

type extent struct {
	offset int64
	length int
	sum    uint32 // CRC-32C
}

// add appends a row: export, line (uvarints), figure (varint), counted and void (bits of 1 byte), key (uvarint length,
// bytes).
func (s *spill) add(export, line uint64, key []byte, figure int64, counted, void bool) error {
	b := binary.AppendUvarint(s.record[:0], export)
	b = binary.AppendUvarint(b, line)
	b = binary.AppendVarint(b, figure)
	flags := byte(0)
	if counted {
		flags |= 1
	}
	if void {
		flags |= 2
	}
	b = append(b, flags)
	b = binary.AppendUvarint(b, uint64(len(key)))
	b = append(b, key...)
	s.record = b
	p := &s.parts[hashOf(key)>>56]
	if len(p.block)+len(b) > s.most && len(p.block) > 0 {
		if err := s.store(p); err != nil {
			return err
		}
	}
	p.block = append(p.block, b...)
	return nil
}

func (s *spill) store(p *partition) error {
	if s.file == nil {
		f, err := os.CreateTemp(s.dir, "*.spill")
		if err != nil {
			return err
		}
		s.file = f
	}
	if _, err := s.file.WriteAt(p.block, s.size); err != nil {
		return err
	}
	p.stored = append(p.stored, extent{s.size, len(p.block), checkOf(p.block)})
	s.size += int64(len(p.block))
	p.block = p.block[:0]
	return nil
}

// row is one spilled row; key points into the partition's bytes.
type row struct {
	hash    uint64
	export  int
	line    uint64
	figure  int64
	counted bool // in an earlier reading
	void    bool // fell to `duplicates: reject`, or cannot be added up
	key     []byte
}

// partitionRows holds one partition's rows in memory; its slices are used again for the next partition.
type partitionRows struct {
	rows, spare []row
	index       []uint64 // what rows are sorted by: the upper bits of the hash, and the row's place in the lower ones
	buf, block  []byte
	number      int      // of the partition
	settled     []int64  // by export: rows that were settled with another
	fallen      []Fallen // rows that fell
	more        []int64  // by export: rows that fell besides
	err         error    // of loading it
}

// compactAt is how many rows are held before duplicates among them are settled, so that an export that names one
// product ten million times does not fill the memory.
const compactAt = 64 << 10

// load reads a partition's rows, those of dropped exports left out, sorted by hash, key, export in the order of rank,
// line; settle is called for a row and a later one of the same key and export, and puts their sum into the first.
func (s *spill) load(n int, into *partitionRows, order []int, settle func(part *partitionRows, first, later *row)) error {
	p := &s.parts[n]
	into.rows, into.buf, into.fallen = into.rows[:0], into.buf[:0], into.fallen[:0]
	into.settled, into.more = make([]int64, len(order)), make([]int64, len(order))
	limit := s.compact
	for _, e := range p.stored {
		into.block = slices.Grow(into.block[:0], e.length)[:e.length]
		if _, err := s.file.ReadAt(into.block, e.offset); err != nil {
			return err
		}
		if checkOf(into.block) != e.sum {
			return errSpill
		}
		if err := into.parse(into.block, order); err != nil {
			return err
		}
		if len(into.rows) >= limit {
			into.settle(order, settle)
			into.shrink()
			limit = max(s.compact, 2*len(into.rows))
		}
	}
	if err := into.parse(p.block, order); err != nil {
		return err
	}
	into.settle(order, settle)
	return nil
}

// errSpill says that rows came back from the disk otherwise than they went there. The exports can be read again.
var errSpill = errors.New("the spilled rows were damaged on the disk")

// parse appends a block's rows.
func (p *partitionRows) parse(block []byte, order []int) error {
	at := len(p.buf)
	p.buf = append(p.buf, block...)
	d := decoder{b: p.buf[at:]}
	for len(d.b) > 0 {
		r := row{export: int(d.uvarint()), line: d.uvarint(), figure: d.varint()}
		flags := d.bytes(1)
		r.key = d.bytes(d.uvarint())
		if d.bad {
			return errSpill
		}
		if order[r.export] < 0 {
			continue
		}
		r.counted, r.void = flags[0]&1 != 0, flags[0]&2 != 0
		r.hash = hashOf(r.key)
		p.rows = append(p.rows, r)
	}
	return nil
}

// settle sorts the rows and leaves one for each key and export. Rows of one line stay in the order in which they came.
func (p *partitionRows) settle(order []int, settle func(part *partitionRows, first, later *row)) {
	width := bits.Len(uint(len(p.rows)))
	p.sort(order, width)
	kept := slices.Grow(p.spare[:0], len(p.rows))
	for _, x := range p.index {
		r := &p.rows[x&(1<<width-1)]
		if n := len(kept) - 1; n >= 0 && kept[n].hash == r.hash && kept[n].export == r.export && bytes.Equal(kept[n].key, r.key) {
			settle(p, &kept[n], r)
			continue
		}
		kept = append(kept, *r)
	}
	p.rows, p.spare = kept, p.rows
}

// sort fills the index, of which the lower width bits are the row's place. Nearly all rows differ in the bits above, so
// that plain integers are sorted; only what is alike in them is compared whole.
func (p *partitionRows) sort(order []int, width int) {
	p.index = slices.Grow(p.index[:0], len(p.rows))
	for i := range p.rows {
		p.index = append(p.index, p.rows[i].hash<<8>>width<<width|uint64(i)) // the first byte is the partition's
	}
	slices.Sort(p.index)
	for from := 0; from < len(p.index); {
		to := from + 1
		for to < len(p.index) && p.index[to]>>width == p.index[from]>>width {
			to++
		}
		if to-from > 1 {
			slices.SortFunc(p.index[from:to], func(a, b uint64) int {
				i, j := a&(1<<width-1), b&(1<<width-1)
				r, s := &p.rows[i], &p.rows[j]
				return cmp.Or(cmp.Compare(r.hash, s.hash), bytes.Compare(r.key, s.key), cmp.Compare(order[r.export], order[s.export]),
					cmp.Compare(r.line, s.line), cmp.Compare(i, j))
			})
		}
		from = to
	}
}

// shrink copies the keys that are left, so that the bytes of the others can go.
func (p *partitionRows) shrink() {
	buf := make([]byte, 0, len(p.buf))
	for i := range p.rows {
		at := len(buf)
		buf = append(buf, p.rows[i].key...)
		p.rows[i].key = buf[at:len(buf):len(buf)]
	}
	p.buf = buf
}

func (s *spill) close() error {
	if s.file == nil {
		return nil
	}
	name := s.file.Name()
	err := errors.Join(s.file.Close(), os.Remove(name))
	s.file = nil
	return err
}

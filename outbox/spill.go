package outbox

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"math/bits"
	"os"
	"slices"
)

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

// spilled is a row on its way into the spill.
type spilled struct {
	export  uint64
	line    uint64
	figure  int64
	counted bool
	void    bool
	names   bool // it is no update, but says that the product is there
	key     []byte
	other   []byte // the key that it takes over; nil = none
	also    uint32 // the CRC-32C of the other key that it could be identified by; 0 = there is none, or nobody asks
}

// The flags of a spilled row.
const (
	spillCounted = 1 << iota
	spillVoid
	spillNames
	spillOther
	spillAlso
)

// add appends a row: export, line (uvarints), figure (varint), flags (1 byte), key (uvarint length, bytes) and, where
// flagged, the other key, or its CRC-32C (4 bytes).
func (s *spill) add(r *spilled) error {
	b := binary.AppendUvarint(s.record[:0], r.export)
	b = binary.AppendUvarint(b, r.line)
	b = binary.AppendVarint(b, r.figure)
	flags := byte(0)
	if r.counted {
		flags |= spillCounted
	}
	if r.void {
		flags |= spillVoid
	}
	if r.names {
		flags |= spillNames
	}
	if r.other != nil {
		flags |= spillOther
	}
	if r.also != 0 {
		flags |= spillAlso
	}
	b = append(b, flags)
	b = binary.AppendUvarint(b, uint64(len(r.key)))
	b = append(b, r.key...)
	if r.other != nil {
		b = binary.AppendUvarint(b, uint64(len(r.other)))
		b = append(b, r.other...)
	}
	if r.also != 0 {
		b = binary.BigEndian.AppendUint32(b, r.also)
	}
	s.record = b
	p := &s.parts[hashOf(r.key)>>56]
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
	names   bool // it only says that the product is there
	lacks   bool // the export does not name the key: no row at all
	key     []byte
	other   []byte // the key that it takes over; nil = none
	also    uint32 // the CRC-32C of the other key that it could be identified by; 0 = there is none
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
		if !d.bad && flags[0]&spillOther != 0 {
			r.other = d.bytes(d.uvarint())
		}
		if !d.bad && flags[0]&spillAlso != 0 {
			if b := d.bytes(4); b != nil {
				r.also = binary.BigEndian.Uint32(b)
			}
		}
		if d.bad {
			return errSpill
		}
		if order[r.export] < 0 {
			continue
		}
		r.counted, r.void, r.names = flags[0]&spillCounted != 0, flags[0]&spillVoid != 0, flags[0]&spillNames != 0
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
		r := &p.rows[i]
		buf = append(buf, r.key...)
		r.key = buf[at:len(buf):len(buf)]
		if at = len(buf); r.other != nil {
			buf = append(buf, r.other...)
			r.other = buf[at:len(buf):len(buf)]
		}
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

package outbox

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
)

// A named set is the keys that one export named: 12 bytes each, the key's hash and its CRC-32C, ascending; then a
// trailer of 12 bytes: their number and the CRC-32C of all before it. A wide one, see missing.go, has 6 bytes more a key:
// in how many exports in a row it was missing, and the CRC-32C of the other key that its row could be identified by.
const (
	setEntry   = 12
	wideEntry  = 18
	setTrailer = 12
)

func entryOf(wide bool) int64 {
	if wide {
		return wideEntry
	}
	return setEntry
}

// maxSets is how many named sets a source keeps, one for each file family.
const maxSets = 32

// SetRef says where a family's named set lies. The rank is that of the newest large export that named just these keys.
type SetRef struct {
	File string `json:"file"`
	Rank uint64 `json:"rank"`
	Keys int64  `json:"keys"`
}

type setKey struct {
	hash   uint64
	check  uint32
	misses uint16 // of a wide set, and
	other  uint32 // 0 = there is none
}

func (a setKey) less(b setKey) bool {
	return a.hash < b.hash || a.hash == b.hash && a.check < b.check
}

func checkOf(key []byte) uint32 { return crc32.Checksum(key, castagnoli) }

// setBlock is how many entries are read or written at once.
const setBlock = 4096

// setWriter writes a named set. As long as it names what the set before it names, nothing is written: if that holds to
// the end, the old file is kept.
type setWriter struct {
	dir   string
	sync  bool
	wide  bool
	old   *setReader // nil: none, or it differs
	file  *os.File
	path  string // of the new file, until the outbox refers to it
	block []byte // not written yet
	sum   uint32 // of what was written
	n     int64
	band  []setKey // of the hash that is being merged
}

func newSetWriter(dir string, old *namedSet, sync, wide bool) (*setWriter, error) {
	s := &setWriter{dir: dir, sync: sync, wide: wide}
	if old != nil {
		r, err := old.read()
		if err != nil {
			return nil, err
		}
		s.old = r
	}
	return s, nil
}

func (s *setWriter) add(k setKey) error {
	if s.old != nil {
		if o, ok := s.old.peek(); ok && o == k {
			s.n++
			return s.old.next()
		}
		if err := s.diverge(); err != nil {
			return err
		}
	}
	if s.file == nil {
		if err := s.begin(); err != nil {
			return err
		}
	}
	return s.write(k)
}

// addBand adds what has been collected for one hash.
func (s *setWriter) addBand() error {
	if len(s.band) > 1 { // a collision
		slices.SortFunc(s.band, func(a, b setKey) int { return cmp.Compare(a.check, b.check) })
		s.band = slices.Compact(s.band)
	}
	for _, k := range s.band {
		if err := s.add(k); err != nil {
			return err
		}
	}
	s.band = s.band[:0]
	return nil
}

func (s *setWriter) begin() error {
	f, err := os.CreateTemp(s.dir, "*.set")
	if err != nil {
		return err
	}
	s.file, s.path, s.block = f, f.Name(), make([]byte, 0, setBlock*entryOf(s.wide))
	return nil
}

func (s *setWriter) write(k setKey) error {
	s.block = binary.BigEndian.AppendUint64(s.block, k.hash)
	s.block = binary.BigEndian.AppendUint32(s.block, k.check)
	if s.wide {
		s.block = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint16(s.block, k.misses), k.other)
	}
	s.n++
	if int64(len(s.block)) < setBlock*entryOf(s.wide) {
		return nil
	}
	return s.flush()
}

func (s *setWriter) flush() error {
	s.sum = crc32.Update(s.sum, castagnoli, s.block)
	_, err := s.file.Write(s.block)
	s.block = s.block[:0]
	return err
}

// diverge begins a file of its own with what was the same so far.
func (s *setWriter) diverge() error {
	n := s.n
	old, err := s.old.set.read()
	s.old.close()
	s.old, s.n = nil, 0
	if err != nil {
		return err
	}
	defer old.close()
	if err := s.begin(); err != nil {
		return err
	}
	for range n {
		k, ok := old.peek()
		if !ok {
			return fmt.Errorf("%s: %w", old.set.path, ErrDamaged)
		}
		if err := errs(s.write(k), old.next()); err != nil {
			return err
		}
	}
	return nil
}

// finish makes the set durable and returns its reference but for the rank.
func (s *setWriter) finish() (SetRef, error) {
	if s.old != nil {
		if _, more := s.old.peek(); !more {
			ref := SetRef{File: filepath.Base(s.old.set.path), Keys: s.n}
			s.old.close()
			s.old = nil
			return ref, nil
		}
		if err := s.diverge(); err != nil {
			return SetRef{}, err
		}
	}
	if s.file == nil {
		if err := s.begin(); err != nil {
			return SetRef{}, err
		}
	}
	if err := s.flush(); err != nil {
		return SetRef{}, err
	}
	s.block = binary.BigEndian.AppendUint64(s.block, uint64(s.n))
	s.block = binary.BigEndian.AppendUint32(s.block, crc32.Update(s.sum, castagnoli, s.block))
	if err := s.flush(); err != nil {
		return SetRef{}, err
	}
	f := s.file
	s.file = nil
	return SetRef{File: filepath.Base(s.path), Keys: s.n}, closeFile(f, s.sync)
}

func (s *setWriter) abort() {
	s.old.close()
	if s.file != nil {
		_ = s.file.Close() // a temporary file; the sweep takes what is left
	}
	if s.path != "" {
		_ = os.Remove(s.path)
	}
	s.old, s.file, s.path = nil, nil, ""
}

// namedSet is an existing set.
type namedSet struct {
	path     string
	source   string
	family   string
	rank     uint64
	goes     bool          // replaced or evicted: its keys' records must take over its rank
	evicted  bool          // one too many of its source
	wide     bool          // see missing.go; then
	track    *track        // is what it is of, and rank is 0
	held     int64         // of a held export: how many keys it has; 0 = it is a named set
	heldRank uint64        // of a held export; rank is 0, for it covers nothing
	named    map[int]int64 // then: how many of them an export of the intake names
	by       *incoming     // then: the export, where the intake is about to hold it
	*setReader
}

// setReader reads a set from its beginning, checking it as it goes: a damaged one ends with an error.
type setReader struct {
	set   *namedSet
	file  *os.File
	block []byte // read and not used
	space []byte
	sum   uint32
	left  int64 // entries not read
	cur   setKey
	ok    bool
}

func (s *namedSet) read() (*setReader, error) {
	f, err := os.Open(s.path)
	if err != nil {
		return nil, err
	}
	r := &setReader{set: s, file: f}
	info, err := f.Stat()
	entry := entryOf(s.wide)
	if err == nil && (info.Size() < setTrailer || (info.Size()-setTrailer)%entry != 0) {
		err = r.damaged()
	}
	if err == nil {
		r.left = (info.Size() - setTrailer) / entry
		r.space = make([]byte, entry*max(1, min(setBlock, r.left)))
		err = r.next()
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return r, nil
}

func (r *setReader) damaged() error { return fmt.Errorf("%s: %w", r.set.path, ErrDamaged) }

// peek returns the entry that the reader stands on; false at the end.
func (r *setReader) peek() (setKey, bool) { return r.cur, r.ok }

// next steps to the next entry.
func (r *setReader) next() error {
	if len(r.block) == 0 {
		if err := r.fill(); err != nil || len(r.block) == 0 {
			r.ok = false
			return err
		}
	}
	k := setKey{hash: binary.BigEndian.Uint64(r.block), check: binary.BigEndian.Uint32(r.block[8:])}
	if r.set.wide {
		k.misses, k.other = binary.BigEndian.Uint16(r.block[12:]), binary.BigEndian.Uint32(r.block[14:])
	}
	if r.ok && !r.cur.less(k) {
		return r.damaged()
	}
	r.cur, r.ok, r.block = k, true, r.block[entryOf(r.set.wide):]
	return nil
}

// fill reads the next block; at the end none, but the check sum.
func (r *setReader) fill() error {
	r.block = nil
	entry := entryOf(r.set.wide)
	b := r.space[:entry*min(setBlock, r.left)]
	if r.left == 0 {
		b = r.space[:setTrailer]
	}
	if _, err := io.ReadFull(r.file, b); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return r.damaged()
		}
		return err
	}
	if r.left == 0 {
		if crc32.Update(r.sum, castagnoli, b[:8]) != binary.BigEndian.Uint32(b[8:]) {
			return r.damaged()
		}
		return nil
	}
	r.sum = crc32.Update(r.sum, castagnoli, b)
	r.left -= int64(len(b)) / entry
	r.block = b
	return nil
}

func (r *setReader) close() {
	if r != nil && r.file != nil {
		_ = r.file.Close() // only read
		r.file = nil
	}
}

// verify reads the whole set once.
func (s *namedSet) verify() error {
	r, err := s.read()
	if err != nil {
		return err
	}
	defer r.close()
	for r.ok {
		if err := r.fill(); err != nil {
			return err
		}
		r.ok = len(r.block) > 0
	}
	return nil
}

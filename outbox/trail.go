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

	"tillpost/inventory"
)

// A trail is the rows of a source's newest large export of a file family, in the order that they have there: the next
// export mostly has the same ones in the same order, and what it has of them needs no sorting and no look into the file.
// Its file is frames: length and CRC-32C of the payload (4 bytes each), payload: up to trailFrame bytes of whole rows, each
//
//	lines since the row before (uvarint), figure (varint), length of the key, length of the other key (uvarints), both keys
//
// It is not made durable: one that a power cut left in pieces is not used.
const trailFrame = 32 << 10

// TrailRef says where a family's trail lies, and what holds of it: every row's key is in the family's named set and no
// other is, and what was last wanted of it is the row's quantity, but where a record has a greater rev.
type TrailRef struct {
	File   string               `json:"file"`
	Rank   uint64               `json:"rank"` // of the named set
	Rows   int64                `json:"rows"`
	Size   int64                `json:"size"` // bytes
	Rev    uint64               `json:"rev"`
	Forgot uint64               `json:"forgot,omitempty"` // state.Forgot then
	Digest string               `json:"digest"`           // how the export was read, and
	Stock  inventory.Stock      `json:"stock"`
	Settle inventory.Duplicates `json:"settle"`
}

// errTrail says that a trail cannot be read any more. The export can be read again, without it.
var errTrail = errors.New("the trail of the export before it was damaged on the disk")

// keyMark tells a key: its hash and its CRC-32C, as in a named set.
type keyMark struct {
	hash  uint64
	check uint32
}

func markOf(key []byte) keyMark { return keyMark{hashOf(key), checkOf(key)} }

func (m keyMark) compare(o keyMark) int {
	return cmp.Or(cmp.Compare(m.hash, o.hash), cmp.Compare(m.check, o.check))
}

// trailRow is one row of a trail.
type trailRow struct {
	lines      uint64 // since the row before
	figure     int64
	key, other []byte
}

// append appends the row to b.
func (r *trailRow) append(b []byte) []byte {
	b = binary.AppendUvarint(b, r.lines)
	b = binary.AppendVarint(b, r.figure)
	b = binary.AppendUvarint(b, uint64(len(r.key)))
	b = binary.AppendUvarint(b, uint64(len(r.other)))
	return append(append(b, r.key...), r.other...)
}

// parse takes a row off the front of b.
func (r *trailRow) parse(b []byte) (rest []byte, ok bool) {
	if len(b) >= 4 && (b[0]|b[1]|b[2]|b[3]) < 0x80 { // as almost all are
		key := 4 + int(b[2])
		end := key + int(b[3])
		if end > len(b) {
			return nil, false
		}
		r.lines, r.figure = uint64(b[0]), int64(b[1]>>1)^-int64(b[1]&1)
		r.key, r.other = b[4:key], b[key:end]
		return b[end:], true
	}
	d := decoder{b: b}
	r.lines, r.figure = d.uvarint(), d.varint()
	n, m := d.uvarint(), d.uvarint()
	r.key, r.other = d.bytes(n), d.bytes(m)
	return d.b, !d.bad
}

// trailReader reads a trail from its beginning.
type trailReader struct {
	file  *os.File
	at    int64 // of the next frame
	size  int64 // of the file
	space []byte
	frame []byte // that the row lies in, and
	from  int    // where it begins in it
	rest  []byte // of the frame, behind the row
	row   trailRow
	ok    bool  // there is a row
	n     int64 // its number, from 0
}

func newTrailReader(file *os.File, size int64) (*trailReader, error) {
	r := &trailReader{file: file, size: size, n: -1}
	return r, r.next()
}

// next steps to the next row.
func (r *trailReader) next() error {
	if len(r.rest) == 0 {
		if r.at >= r.size {
			r.ok = false
			r.n++
			return nil
		}
		var head [8]byte
		payload, err := readFrame(r.file, r.at, head[:], r.space)
		if err != nil {
			return fmt.Errorf("%w: %v", errTrail, err) // it is no damage of the outbox's file
		}
		r.space, r.frame, r.rest = payload, payload, payload
		r.at += int64(len(head) + len(payload))
	}
	r.from = len(r.frame) - len(r.rest)
	if r.rest, r.ok = r.row.parse(r.rest); !r.ok {
		return errTrail
	}
	r.n++
	return nil
}

// within is how many rows ahead a key is looked for.
const within = 64

// find tells how many rows ahead of this one a key stands, as far as that is in the frame; false where it is not near.
func (r *trailReader) find(key []byte) (ahead int, ok bool) {
	rest := r.rest
	var row trailRow
	for ahead = 1; ahead <= within && len(rest) > 0; ahead++ {
		if rest, ok = row.parse(rest); !ok {
			return 0, false
		}
		if string(row.key) == string(key) {
			return ahead, true
		}
	}
	return 0, false
}

// whole reports whether a trail's file is as it was written.
func (ref *TrailRef) whole(file *os.File) bool {
	about, err := file.Stat()
	if err != nil || about.Size() != ref.Size {
		return false
	}
	var head [8]byte
	var payload []byte
	for at := int64(0); at < ref.Size; at += int64(len(head) + len(payload)) {
		if payload, err = readFrame(file, at, head[:], payload); err != nil {
			return false
		}
	}
	return true
}

// trailWriter writes a trail. As long as the rows are those of the trail before, nothing is written: if that holds to the
// end, the old one is kept. What keeps it from being written is no error: then there is none.
type trailWriter struct {
	dir    string // the outbox's
	same   bool   // as the one before, so far
	failed bool
	left   bool   // the outbox is about to refer to it
	last   uint64 // the line of the row before
	frame  []byte
	file   *os.File
	path   string // of the file, until the outbox refers to it
	size   int64
	rows   int64
}

func (w *trailWriter) add(line uint64, key, other []byte, figure int64) {
	if w.failed {
		return
	}
	if line == w.last { // nobody can follow it there: see goOn
		w.fail()
		return
	}
	r := trailRow{lines: line - w.last, figure: figure, key: key, other: other}
	w.last = line
	w.frame = r.append(w.frame)
	w.rows++
	if len(w.frame) >= trailFrame {
		w.flush()
	}
}

// begin writes what the reader has passed, which was the same, and goes on behind it. last is the line of the last row of
// that in the new export.
func (w *trailWriter) begin(r *trailReader, last uint64) {
	w.same, w.last, w.rows = false, last, r.n
	whole, from := r.at-int64(8+len(r.frame)), r.from // the frames before the one that the row lies in, and what stands before it there
	if !r.ok {
		whole, from = r.size, 0
	}
	if whole > 0 && !w.failed && w.open() {
		n, err := io.Copy(w.file, io.NewSectionReader(r.file, 0, whole))
		if w.size = n; err != nil || n != whole {
			w.fail()
		}
	}
	if !w.failed {
		w.frame = append(w.frame[:0], r.frame[:from]...)
	}
}

func (w *trailWriter) open() bool {
	if w.file == nil {
		f, err := os.CreateTemp(filepath.Join(w.dir, "spill"), "*.trail") // what lies in named is swept while this is written
		if err != nil {
			w.fail()
			return false
		}
		w.file, w.path = f, f.Name()
	}
	return true
}

func (w *trailWriter) flush() {
	if !w.open() {
		return
	}
	var head [8]byte
	binary.BigEndian.PutUint32(head[:], uint32(len(w.frame)))
	binary.BigEndian.PutUint32(head[4:], crc32.Checksum(w.frame, castagnoli))
	_, err := w.file.Write(head[:])
	if err == nil {
		_, err = w.file.Write(w.frame)
	}
	if err != nil {
		w.fail()
		return
	}
	w.size += int64(len(head) + len(w.frame))
	w.frame = w.frame[:0]
}

// fail gives up: there will be no trail.
func (w *trailWriter) fail() {
	w.abort()
	w.failed, w.frame = true, nil
}

func (w *trailWriter) abort() {
	if w.file != nil {
		_ = w.file.Close() // a temporary file; the sweep takes what is left
	}
	if w.path != "" {
		_ = os.Remove(w.path)
	}
	w.file, w.path = nil, ""
}

// finish writes what is left, and brings the file to its place; "" where there is no trail. intake is held.
func (w *trailWriter) finish() string {
	if w.failed {
		return ""
	}
	if len(w.frame) > 0 {
		w.flush()
	}
	if w.failed || w.file == nil {
		return ""
	}
	name := filepath.Base(w.path)
	err := w.file.Close()
	w.file = nil
	to := filepath.Join(w.dir, "named", name)
	if err == nil {
		err = os.Rename(w.path, to)
	}
	if err != nil {
		w.fail()
		return ""
	}
	w.path = to
	return name
}

// leftTrail is the trail that an intake leaves.
type leftTrail struct {
	Source string   `json:"source"`
	Family string   `json:"family"`
	Ref    TrailRef `json:"ref"`
}

// finishTrail answers the trail that the intake leaves; nil = none. Its rows are what is last wanted of their keys only where
// a single export spoke, no newer one has said otherwise, and each of its rows counted.
func (in *Intake) finishTrail(sets []SetRef) *leftTrail {
	only := -1
	for i, x := range in.exports {
		if x.dropped {
			continue
		}
		if only >= 0 {
			return nil
		}
		only = i
	}
	if only < 0 || in.exports[only].trail == nil || sets[only].File == "" {
		return nil
	}
	x := in.exports[only]
	ref := TrailRef{Rank: x.rank, Rows: sets[only].Keys, Digest: x.Digest, Stock: x.Stock, Settle: x.Settle}
	switch w := x.trail; {
	case x.trackless:
		return nil
	case w.same:
		if ref.File, ref.Size = in.along.ref.File, in.along.ref.Size; in.along.ref.Rows != ref.Rows {
			return nil
		}
	default:
		if ref.File = w.finish(); ref.File == "" || w.rows != ref.Rows {
			return nil
		}
		ref.Size = w.size
	}
	x.trail.left = true
	return &leftTrail{x.Source, x.Family, ref}
}

// keepTrail writes the trail of an intake down that is applied whole.
func (t *txn) keepTrail(l *leftTrail) error {
	if l == nil {
		return nil
	}
	b := t.tx.Bucket(bucketSources)
	var s Source
	if err := getJSON(b, []byte(l.Source), &s); err != nil {
		return err
	}
	l.Ref.Rev, l.Ref.Forgot = t.state.Rev, t.state.Forgot
	if s.Trails == nil {
		s.Trails = map[string]TrailRef{}
	}
	s.Trails[l.Family] = l.Ref
	return putJSON(b, []byte(l.Source), s)
}

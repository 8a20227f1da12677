package outbox

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
)

// A delta is what an accepted look changes, in the order of the keys on disk. Its file is chunks: length and CRC-32C of
// the payload (4 bytes each), payload. A payload is rows, each a kind (1 byte) and
//
//	'w'  export (its place in the intake), line (uvarints), quantity (varint), rank (8 bytes), key (uvarint length, bytes)
//	'h'  the same, and the other key (uvarint length, bytes) that this one takes over; whatever the quantity was
//	't'  rank (8 bytes), key: only the rank of who named the key last
//	'd'  rank (8 bytes), key: nobody wants a quantity of the key any more
const (
	deltaWant  = 'w'
	deltaHeir  = 'h'
	deltaTouch = 't'
	deltaDrop  = 'd'

	deltaChunk  = 8192    // rows of a chunk, which is applied in one transaction
	deltaLength = 8 << 20 // bytes of a chunk at most: rows of the longest keys
)

// errDelta says that a delta cannot be read. It is not about the file: the exports can be read again.
var errDelta = fmt.Errorf("%w delta", ErrDamaged)

type deltaWriter struct {
	dir   string
	most  int // rows of a chunk
	sync  bool
	chunk []byte
	rows  int // of chunk
	file  *os.File
	path  string // of the file, until the outbox refers to it
	size  int64  // bytes written
	wants int64  // quantities
}

type deltaRow struct {
	kind     byte
	export   uint64
	line     uint64
	quantity int64
	rank     uint64
	key      []byte
	other    []byte
}

func (d *deltaWriter) want(export int, line uint64, quantity int64, rank uint64, key []byte) error {
	d.begin(deltaWant, export, line, quantity)
	return d.end(rank, key)
}

func (d *deltaWriter) heir(export int, line uint64, quantity int64, rank uint64, key, other []byte) error {
	d.begin(deltaHeir, export, line, quantity)
	return d.end(rank, key, other)
}

func (d *deltaWriter) begin(kind byte, export int, line uint64, quantity int64) {
	d.wants++
	d.chunk = append(d.chunk, kind)
	d.chunk = binary.AppendUvarint(d.chunk, uint64(export))
	d.chunk = binary.AppendUvarint(d.chunk, line)
	d.chunk = binary.AppendVarint(d.chunk, quantity)
}

func (d *deltaWriter) touch(rank uint64, key []byte) error {
	d.chunk = append(d.chunk, deltaTouch)
	return d.end(rank, key)
}

func (d *deltaWriter) drop(rank uint64, key []byte) error {
	d.chunk = append(d.chunk, deltaDrop)
	return d.end(rank, key)
}

func (d *deltaWriter) end(rank uint64, keys ...[]byte) error {
	d.chunk = binary.BigEndian.AppendUint64(d.chunk, rank)
	for _, key := range keys {
		d.chunk = binary.AppendUvarint(d.chunk, uint64(len(key)))
		d.chunk = append(d.chunk, key...)
	}
	if d.rows++; d.rows < d.most && len(d.chunk) < deltaLength/2 {
		return nil
	}
	return d.flush()
}

func (d *deltaWriter) flush() error {
	if d.file == nil {
		f, err := os.CreateTemp(d.dir, "*.delta")
		if err != nil {
			return err
		}
		d.file, d.path = f, f.Name()
	}
	var head [8]byte
	binary.BigEndian.PutUint32(head[:], uint32(len(d.chunk)))
	binary.BigEndian.PutUint32(head[4:], crc32.Checksum(d.chunk, castagnoli))
	if _, err := d.file.Write(head[:]); err != nil {
		return err
	}
	_, err := d.file.Write(d.chunk)
	d.size += int64(len(head) + len(d.chunk))
	d.chunk, d.rows = d.chunk[:0], 0
	return err
}

// finish makes the delta durable and returns its file's name, which is empty for one small enough to be applied at once.
func (d *deltaWriter) finish() (name string, err error) {
	if d.file == nil {
		return "", nil
	}
	if err := d.flush(); err != nil {
		return "", err
	}
	f := d.file
	d.file = nil
	if err := closeFile(f, d.sync); err != nil {
		return "", err
	}
	return filepath.Base(f.Name()), nil
}

func (d *deltaWriter) abort() {
	if d.file != nil {
		_ = d.file.Close() // a temporary file; the sweep at the next start takes what is left
		d.file = nil
	}
	if d.path != "" {
		_ = os.Remove(d.path)
		d.path = ""
	}
}

// readChunk reads the chunk at the offset and says where the next one is.
func readChunk(f *os.File, offset int64) (chunk []byte, next int64, err error) {
	var head [8]byte
	if _, err := f.ReadAt(head[:], offset); err != nil {
		return nil, 0, fmt.Errorf("%s: %w", f.Name(), errors.Join(errDelta, err))
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > deltaLength {
		return nil, 0, fmt.Errorf("%s: %w", f.Name(), errDelta)
	}
	chunk = make([]byte, n)
	if _, err := f.ReadAt(chunk, offset+8); err != nil {
		return nil, 0, fmt.Errorf("%s: %w", f.Name(), errors.Join(errDelta, err))
	}
	if crc32.Checksum(chunk, castagnoli) != binary.BigEndian.Uint32(head[4:]) {
		return nil, 0, fmt.Errorf("%s: %w", f.Name(), errDelta)
	}
	return chunk, offset + 8 + int64(n), nil
}

// eachDelta calls fn for the rows of a chunk.
func eachDelta(chunk []byte, fn func(deltaRow) error) error {
	d := decoder{b: chunk}
	for len(d.b) > 0 {
		r := deltaRow{kind: d.bytes(1)[0]}
		if r.kind == deltaWant || r.kind == deltaHeir {
			r.export, r.line, r.quantity = d.uvarint(), d.uvarint(), d.varint()
		}
		r.rank = d.uint64()
		r.key = d.bytes(d.uvarint())
		if r.kind == deltaHeir {
			r.other = d.bytes(d.uvarint())
		}
		if d.bad || r.kind != deltaWant && r.kind != deltaHeir && r.kind != deltaTouch && r.kind != deltaDrop {
			return errDelta
		}
		if err := fn(r); err != nil {
			return err
		}
	}
	return nil
}

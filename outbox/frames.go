package outbox

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"slices"
)

// frames is a file of frames that is being written.
type frames struct {
	dir, pattern string
	file         *os.File
	path         string // until the outbox refers to it
	buf          []byte // not written yet
	size         int64
	sum          uint32
	count        int64
	width        int
}

const framesBuffer = 64 << 10 // bytes

func (f *frames) add(payload []byte) error {
	if f.file == nil {
		file, err := os.CreateTemp(f.dir, f.pattern)
		if err != nil {
			return err
		}
		f.file, f.path = file, file.Name()
	}
	at := len(f.buf)
	f.buf = binary.BigEndian.AppendUint32(f.buf, uint32(len(payload)))
	f.buf = binary.BigEndian.AppendUint32(f.buf, crc32.Checksum(payload, castagnoli))
	f.buf = append(f.buf, payload...)
	f.sum = crc32.Update(f.sum, castagnoli, f.buf[at:])
	f.size += int64(len(f.buf) - at)
	f.count++
	if len(f.buf) < framesBuffer {
		return nil
	}
	return f.flush()
}

func (f *frames) flush() error {
	_, err := f.file.Write(f.buf)
	f.buf = f.buf[:0]
	return err
}

// abort removes the file.
func (f *frames) abort() {
	if f == nil || f.path == "" {
		return
	}
	if f.file != nil {
		_ = f.file.Close() // a temporary file; the sweep takes what is left
	}
	_ = os.Remove(f.path)
	f.file, f.path = nil, ""
}

// eachFrame calls fn with the payload of each frame of a file from an offset on, and where it begins. The payload is good
// until the next.
func eachFrame(file *os.File, from, size int64, fn func(at int64, payload []byte) error) error {
	var head [8]byte
	var payload []byte
	for at := from; at < size; {
		var err error
		if payload, err = readFrame(file, at, head[:], payload); err != nil {
			return err
		}
		if err := fn(at, payload); err != nil {
			return err
		}
		at += int64(len(head) + len(payload))
	}
	return nil
}

// readFrame reads the frame that begins at an offset, into space where it has room.
func readFrame(file *os.File, at int64, head, space []byte) ([]byte, error) {
	damaged := func(err error) error { return fmt.Errorf("%s: %w", file.Name(), errors.Join(ErrDamaged, err)) }
	if _, err := file.ReadAt(head, at); err != nil {
		return nil, damaged(err)
	}
	n := int(binary.BigEndian.Uint32(head))
	if n > maxFrame {
		return nil, damaged(nil)
	}
	payload := slices.Grow(space[:0], n)[:n]
	if _, err := file.ReadAt(payload, at+8); err != nil {
		return nil, damaged(err)
	}
	if crc32.Checksum(payload, castagnoli) != binary.BigEndian.Uint32(head[4:]) {
		return nil, damaged(nil)
	}
	return payload, nil
}

package export

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
)

const (
	// maxRatio is how many times larger a packed export may be once it is unpacked, from freeSize bytes on: a table packs to
	// a twentieth, and what packs to less than this was made to fill disks.
	maxRatio = 200
	freeSize = 64 << 20
)

func isGzip(head []byte) bool { return bytes.HasPrefix(head, []byte("\x1f\x8b")) }

// unzip reads what a gzip file holds. One that is cut or damaged is a *Refused, at its end at the latest.
func unzip(src io.Reader) (io.Reader, error) {
	packed := &counter{src: src}
	r, err := gzip.NewReader(packed)
	if err != nil {
		return nil, packed.fault(err)
	}
	return &unpacked{src: r, packed: packed, n: new(int64)}, nil
}

// counter counts what is read, and keeps the error that its source ended with.
type counter struct {
	src io.Reader
	n   int64
	err error
}

func (c *counter) Read(b []byte) (int, error) {
	n, err := c.src.Read(b)
	c.n += int64(n)
	if err != nil && err != io.EOF {
		c.err = err
	}
	return n, err
}

// fault tells what is wrong with the packed bytes from what is wrong with their source.
func (c *counter) fault(err error) error {
	switch {
	case c.err != nil:
		return c.err
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return &Refused{Code: RefusedContent, Reason: "the packed export is cut: its end is missing, so that nothing of it counts", damaged: true}
	}
	return &Refused{Code: RefusedContent, Reason: fmt.Sprintf("the packed export is damaged, so that nothing of it counts: %v", err), damaged: true}
}

// unpacked is what a packed source holds, within bounds.
type unpacked struct {
	src    io.Reader
	packed *counter
	n      *int64 // bytes so far
}

func (u *unpacked) Read(b []byte) (int, error) {
	n, err := u.src.Read(b)
	*u.n += int64(n)
	switch {
	case *u.n > freeSize && *u.n > maxRatio*u.packed.n:
		return 0, &Refused{Code: RefusedContent, Reason: fmt.Sprintf("the packed export is more than %d times larger once it is unpacked, which no table is", maxRatio)}
	case err != nil && err != io.EOF:
		return 0, u.packed.fault(err) // what came with it is not to be trusted
	}
	return n, err
}

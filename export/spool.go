package export

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
)

// spool is a file in memory, in blocks: one piece that grows would be there twice meanwhile.
type spool struct {
	blocks [][]byte
	size   int64
}

const spoolBlock = 256 << 10

// spoolAll reads all of src. The error is what tooLarge answers where that is more than most bytes, else src's.
func spoolAll(src io.Reader, most int64, tooLarge func() error) (*spool, error) {
	s := &spool{}
	for {
		block := make([]byte, spoolBlock)
		n, err := readFull(src, block)
		s.blocks, s.size = append(s.blocks, block[:n]), s.size+int64(n)
		switch {
		case err != nil && err != io.EOF:
			return nil, err
		case s.size > most:
			return nil, tooLarge()
		case err == io.EOF:
			return s, nil
		}
	}
}

var errBeforeStart = errors.New("it points before its beginning")

// ReadAt is io.ReaderAt's. A damaged zip file asks for bytes before the first one.
func (s *spool) ReadAt(b []byte, at int64) (n int, err error) {
	if at < 0 {
		return 0, errBeforeStart
	}
	for n < len(b) && at+int64(n) < s.size {
		from := at + int64(n)
		n += copy(b[n:], s.blocks[from/spoolBlock][from%spoolBlock:])
	}
	if n < len(b) {
		err = io.EOF
	}
	return n, err
}

// maxListed is how many bytes of names and comments the directory of a zip file may have: package zip keeps them twice.
const maxListed = 4 << 20

// entries is how many files the directory of a zip file can list at most, whatever it says, and how many bytes their names and
// comments have: package zip keeps them all.
func (s *spool) entries() (n, size int) {
	const mark = "PK\x01\x02"
	window := make([]byte, spoolBlock+len(mark)-1)
	for at := int64(0); at < s.size; at += spoolBlock {
		k, _ := s.ReadAt(window, at)
		for from := 0; ; {
			i := bytes.Index(window[from:k], []byte(mark))
			if i < 0 {
				break
			}
			var lengths [6]byte // of the name, of the rest, of the comment
			_, _ = s.ReadAt(lengths[:], at+int64(from+i)+28)
			for j := 0; j < len(lengths); j += 2 {
				size += int(binary.LittleEndian.Uint16(lengths[j:]))
			}
			n, from = n+1, from+i+len(mark)
		}
	}
	return n, size
}

package export

import (
	"bytes"
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

// ReadAt is io.ReaderAt's.
func (s *spool) ReadAt(b []byte, at int64) (n int, err error) {
	for n < len(b) && at+int64(n) < s.size {
		from := at + int64(n)
		n += copy(b[n:], s.blocks[from/spoolBlock][from%spoolBlock:])
	}
	if n < len(b) {
		err = io.EOF
	}
	return n, err
}

// entries is how many files the directory of a zip file can list at most, whatever it says: package zip keeps them all.
func (s *spool) entries() int {
	const mark = "PK\x01\x02"
	n := 0
	var edge [2 * (len(mark) - 1)]byte
	for i, block := range s.blocks {
		n += bytes.Count(block, []byte(mark))
		if i > 0 && len(block) > 0 {
			k, _ := s.ReadAt(edge[:], int64(i)*spoolBlock-int64(len(edge)/2))
			n += bytes.Count(edge[:k], []byte(mark))
		}
	}
	return n
}

package export

import (
	"bytes"
	"fmt"
	"io"
)

// maxTail is how many bytes that are no text may stand in a row.
const maxTail = 16 << 20

// withoutTail reads src without the end-of-file marks of DOS and the zeros that may end it: what a program leaves that
// reserves a file's space before it fills it. They are not kept. Before other bytes they stay. More than maxTail of them
// is a *Refused: a sparse file may have gigabytes.
type withoutTail struct {
	src   io.Reader
	marks int64  // held back: so many 0x1a,
	zeros int64  // and then so many 0x00
	after []byte // what follows the held back bytes after all
	err   error  // of src, kept
}

func (t *withoutTail) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	for {
		if len(t.after) > 0 {
			if n := t.release(b); n > 0 {
				return n, nil
			}
			continue
		}
		if t.err != nil {
			return 0, t.err
		}
		var n int
		n, t.err = t.src.Read(b)
		body, marks, zeros := cutTail(b[:n])
		switch {
		case t.marks+t.zeros == 0 && len(body) > 0:
			t.marks, t.zeros = marks, zeros
			return len(body), nil
		case len(body) > 0 || marks > 0 && t.zeros > 0:
			t.after = bytes.Clone(b[:n])
		case t.marks+marks+t.zeros+zeros > maxTail:
			t.err = &Refused{Code: RefusedContent, Reason: fmt.Sprintf("the export holds more than %d MiB of zero bytes in a row: it was not written to its end, or the disk has lost it", maxTail>>20)}
		default:
			t.marks, t.zeros = t.marks+marks, t.zeros+zeros
		}
	}
}

// release yields what was held back, and then what came after it.
func (t *withoutTail) release(b []byte) int {
	fill := func(n *int64, c byte) int {
		m := int(min(*n, int64(len(b))))
		for i := range m {
			b[i] = c
		}
		*n -= int64(m)
		return m
	}
	if t.marks > 0 {
		return fill(&t.marks, 0x1a)
	}
	if t.zeros > 0 {
		return fill(&t.zeros, 0)
	}
	body, marks, zeros := cutTail(t.after)
	if len(body) == 0 { // marks after zeros
		t.after, t.marks, t.zeros = nil, marks, zeros
		return 0
	}
	n := copy(b, body)
	if t.after = t.after[n:]; n == len(body) {
		t.after, t.marks, t.zeros = nil, marks, zeros
	}
	return n
}

// cutTail cuts off the 0x1a, and the 0x00 after them, that end b.
func cutTail(b []byte) (body []byte, marks, zeros int64) {
	n := len(b)
	for ; n > 0 && b[n-1] == 0; n-- {
		zeros++
	}
	for ; n > 0 && b[n-1] == 0x1a; n-- {
		marks++
	}
	return b[:n], marks, zeros
}

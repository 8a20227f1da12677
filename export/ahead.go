package export

import (
	"bytes"
	"encoding/binary"
	"io"
	"math/bits"
	"sync"
)

// ahead reads a source on another core than the one that its rows are made on, in blocks that end with a line end, and finds
// out where the lines and fields of a block are, where that is plain: no quote is in it, and each line ends in LF or CRLF.
type ahead struct {
	src   io.Reader
	comma byte
	size  int    // bytes of a block
	tail  []byte // read, and in no block yet: the beginning of a line
	ended bool   // src has; its error was in the last block

	full, free chan *block
	quit       chan struct{}
	reader     sync.WaitGroup
	now        *block // whose bytes the decoder reads
}

const (
	blocksAhead = 3         // the one whose rows are made, one that is ready, and one that is being read
	blockSize   = 128 << 10 // bytes
)

// block is some of a source's bytes, and where the lines in it are; without those, nothing is known of them.
type block struct {
	space  []byte
	bytes  []byte // of space
	err    error  // of the source, after them
	lines  []lineIn
	commas []uint32 // where in bytes they stand
}

// lineIn is where a line of a block ends, without its line end, where the next one begins, and how many of the block's commas
// stand before that.
type lineIn struct{ end, next, commas uint32 }

// readAhead lets the decoder's source be read ahead from here on, until stop is called; what was read is not lost then.
// A source that has ended needs it no more. size is that of a block, in bytes.
func (d *csvDecoder) readAhead(size int) (stop func()) {
	if d.err != nil || d.newline != '\n' {
		return func() {}
	}
	if d.ahead == nil {
		d.ahead = &ahead{src: d.src, comma: d.comma, size: size, free: make(chan *block, blocksAhead)}
		d.own = d.buf
		for range blocksAhead {
			d.ahead.free <- &block{}
		}
	}
	a := d.ahead
	if a.ended || len(a.full) > 0 {
		return func() {} // what an earlier loop has left first
	}
	a.full, a.quit = make(chan *block, blocksAhead), make(chan struct{})
	a.reader.Go(a.run)
	return func() {
		close(a.quit)
		a.reader.Wait()
	}
}

// run reads block after block.
func (a *ahead) run() {
	defer close(a.full)
	for !a.ended {
		select {
		case <-a.quit:
			return
		case b := <-a.free:
			a.read(b)
			a.full <- b // there is room for all of them
		}
	}
}

// read fills a block with whole lines, or, where none ends in it, with what there is.
func (a *ahead) read(b *block) {
	defer func() {
		if p := recover(); p != nil {
			b.bytes, b.lines, b.err, a.ended = nil, nil, failedOn(p), true
		}
	}()
	if b.space == nil {
		b.space = make([]byte, a.size)
	}
	n := copy(b.space, a.tail)
	more, err := readFull(a.src, b.space[n:])
	text := b.space[:n+more]
	b.err, a.ended = err, err != nil
	whole := bytes.LastIndexByte(text, '\n') + 1
	if whole == 0 || a.ended {
		a.tail = nil
		b.bytes = text
	} else {
		a.tail = append(a.tail[:0], text[whole:]...)
		b.bytes = text[:whole]
	}
	b.index(text[:whole], a.comma)
}

// next is the next block, of a source that has not ended. Where nothing reads ahead it is read now.
func (a *ahead) next() *block {
	if a.now != nil {
		a.free <- a.now
		a.now = nil
	}
	b, ok := <-a.full
	if !ok {
		b = <-a.free
		a.read(b)
	}
	a.now = b
	return b
}

// index finds the lines of a text, all of them whole, and the commas in them.
func (b *block) index(text []byte, comma byte) {
	b.lines, b.commas = b.lines[:0], b.commas[:0]
	if bytes.IndexByte(text, '"') >= 0 {
		return
	}
	returns := bytes.Count(text, []byte{'\r'})
	for at := 0; at < len(text); {
		next := at + bytes.IndexByte(text[at:], '\n') + 1
		end := next - 1
		if end > at && text[end-1] == '\r' {
			end--
			returns--
		}
		b.findCommas(text[at:end], at, comma)
		b.lines = append(b.lines, lineIn{uint32(end), uint32(next), uint32(len(b.commas))})
		at = next
	}
	if returns != 0 {
		b.lines = b.lines[:0]
	}
}

// findCommas notes where the commas of a line are, which is at an offset of the block: eight bytes at a time.
func (b *block) findCommas(line []byte, at int, comma byte) {
	const low, high = 0x7f7f7f7f7f7f7f7f, 0x8080808080808080
	pattern := uint64(comma) * 0x0101010101010101
	i := 0
	for ; i+8 <= len(line); i += 8 {
		x := binary.LittleEndian.Uint64(line[i:]) ^ pattern
		for hits := ^((x&low + low) | x | low); hits&high != 0; hits &= hits - 1 { // the high bit of each byte that is a comma
			b.commas = append(b.commas, uint32(at+i+bits.TrailingZeros64(hits)>>3))
		}
	}
	for ; i < len(line); i++ {
		if line[i] == comma {
			b.commas = append(b.commas, uint32(at+i))
		}
	}
}

// fillAhead is fill from what is read ahead: behind the unread bytes, or, where all are read, in their place.
func (d *lines) fillAhead() bool {
	unread := d.buf[d.start:d.end]
	if len(unread) >= 2*MaxRecord {
		return false
	}
	d.passed += d.start
	d.indexed, d.nth = nil, 0
	if len(unread) > 0 {
		d.own = append(d.own[:0], unread...) // before its block is read into again
	}
	b := d.ahead.next()
	if len(unread) == 0 {
		d.buf, d.start, d.end = b.bytes, 0, len(b.bytes)
		d.indexed = b
	} else {
		d.own = append(d.own, b.bytes...)
		d.buf, d.start, d.end = d.own, 0, len(d.own)
	}
	d.err = b.err
	return true
}

// fromIndex makes the record of the next line, where it is known where its fields are.
func (d *csvDecoder) fromIndex(rec *record) bool {
	if d.start == d.end && d.ahead != nil && d.err == nil {
		d.fillAhead()
	}
	b := d.indexed
	if b == nil || d.nth == len(b.lines) {
		return false
	}
	commas, from := b.commas, 0
	if d.nth > 0 {
		from = int(b.lines[d.nth-1].commas)
	}
	l := b.lines[d.nth]
	commas = commas[from:l.commas]
	*rec = record{line: d.line, lines: 1, fields: rec.fields[:0], comma: d.comma, newline: d.newline,
		raw: d.buf[d.start:l.end:l.end], count: len(commas) + 1}
	if len(rec.raw) >= MaxColumns {
		d.split(rec, rec.raw)
	} else {
		at := d.start
		for _, comma := range commas[:min(len(commas), d.want)] {
			rec.fields = append(rec.fields, d.buf[at:comma])
			at = int(comma) + 1
		}
		if len(commas) < d.want {
			rec.fields = append(rec.fields, d.buf[at:l.end])
		}
	}
	d.nth++
	d.line++
	d.start = int(l.next)
	return true
}

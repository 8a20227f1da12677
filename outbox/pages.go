package outbox

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"

	"go.etcd.io/bbolt"
)

// What bbolt's pages are made of, in the byte order of the machine that wrote them: a head of 16 bytes (id8, flags2,
// count2, overflow4), then count elements of 16 bytes, which say where behind them a key and its value, or the page below,
// are. Pages 0 and 1 each hold a meta: the one of the newer transaction counts.
const (
	pageHead    = 16
	pageElement = 16
	metaBytes   = 64 // behind the head, its check sum included
	metaMagic   = 0xED0CDAED
	metaVersion = 2

	pageBranch   = 0x01
	pageLeaf     = 0x02
	pageFree     = 0x10
	entryBucket  = 0x01 // of a leaf's element: a bucket
	noFreelist   = ^uint64(0)
	maxPageSize  = 1 << 24
	maxPageDepth = 64
)

// pageMeta is a meta that is whole.
type pageMeta struct {
	size              int64 // bytes of a page
	root, free, pages uint64
	txid              uint64
}

// pageWalk reads the pages of a bbolt file that may hold anything, without bbolt: no page is visited twice, nothing is
// believed that the file's size contradicts, and so it ends, in bounded memory, whatever the file holds. bbolt itself
// would go round in circles for ever, or end the process, on a page that points at itself.
type pageWalk struct {
	ctx    context.Context
	file   io.ReaderAt
	size   int64 // bytes of the file
	meta   pageMeta
	seen   []uint64 // a bit a page
	levels [][]byte // a page's bytes for each level
	faults []error  // the first few
	err    error    // the file could not be read; then nothing is known

	entry func(bucket, key, value []byte) // for each that is found; good until it returns
}

// readMetas finds the metas that are whole, the one that counts first. The error is that of the reading.
func readMetas(file io.ReaderAt, size int64) (list []pageMeta, err error) {
	for at := int64(0); at < size && at < maxPageSize; at = max(1024, 2*at) {
		m, ok, err := readMeta(file, at)
		if err != nil {
			return nil, err
		}
		if ok && (at == 0 || at == m.size) {
			list = append(list, m)
		}
	}
	if len(list) > 1 && list[1].txid > list[0].txid {
		list[0], list[1] = list[1], list[0]
	}
	return list, nil
}

func readMeta(file io.ReaderAt, at int64) (m pageMeta, ok bool, err error) {
	var page [pageHead + metaBytes]byte
	if _, err := file.ReadAt(page[:], at); err != nil {
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return m, false, err
	}
	b, order := page[pageHead:], binary.NativeEndian
	sum := fnv.New64a()
	_, _ = sum.Write(b[:metaBytes-8]) // never fails
	if order.Uint32(b) != metaMagic || order.Uint32(b[4:]) != metaVersion || order.Uint64(b[metaBytes-8:]) != sum.Sum64() {
		return m, false, nil
	}
	m = pageMeta{size: int64(order.Uint32(b[8:])), root: order.Uint64(b[16:]), free: order.Uint64(b[32:]), pages: order.Uint64(b[40:]), txid: order.Uint64(b[48:])}
	return m, m.size >= 1024 && m.size < maxPageSize && m.size&(m.size-1) == 0, nil
}

// walkPages visits every page of the file as one of its metas sees it.
func walkPages(ctx context.Context, file io.ReaderAt, size int64, meta pageMeta, entry func(bucket, key, value []byte)) *pageWalk {
	w := &pageWalk{ctx: ctx, file: file, size: size, meta: meta, entry: entry}
	w.seen = make([]uint64, w.last()/64+1)
	w.mark(0, 2)
	w.tree(meta.root, 0, nil, nil, nil)
	w.freelist()
	return w
}

func (w *pageWalk) fault(format string, args ...any) {
	if len(w.faults) < maxComplaints {
		w.faults = append(w.faults, fmt.Errorf("%w: "+format, append([]any{ErrDamaged}, args...)...))
	}
}

// last is the number behind the last page that there can be.
func (w *pageWalk) last() uint64 { return min(w.meta.pages, uint64(w.size/w.meta.size)) }

// mark notes that n pages are used. It answers false where they are outside of the file, or one of them was used before.
func (w *pageWalk) mark(id, n uint64) bool {
	if last := w.last(); id >= last || n > last-id {
		return false
	}
	fresh := true
	for i := id; i < id+n; i++ {
		bit := uint64(1) << (i % 64)
		fresh = fresh && w.seen[i/64]&bit == 0
		w.seen[i/64] |= bit
	}
	return fresh
}

// page reads a page with what overflows it, and marks it.
func (w *pageWalk) page(id uint64, level int) (b []byte, flags uint16, ok bool) {
	if w.err = errs(w.err, w.ctx.Err()); w.err != nil {
		return nil, 0, false
	}
	if len(w.levels) <= level {
		w.levels = append(w.levels, make([]byte, w.meta.size))
	}
	read := func(b []byte, from uint64) bool {
		_, err := w.file.ReadAt(b, int64(from))
		if errors.Is(err, io.EOF) {
			w.fault("page %d lies behind the end of the file", id)
		} else if err != nil {
			w.err = err
		}
		return err == nil
	}
	if id < 2 || id >= w.last() {
		w.fault("page %d lies behind the end of the file, or is a head", id)
		return nil, 0, false
	}
	b = w.levels[level][:w.meta.size]
	if !read(b, id*uint64(w.meta.size)) {
		return nil, 0, false
	}
	order := binary.NativeEndian
	own, flags, more := order.Uint64(b), order.Uint16(b[8:]), uint64(order.Uint32(b[12:]))
	switch {
	case own != id:
		w.fault("page %d says that it is page %d", id, own)
		return nil, 0, false
	case !w.mark(id, more+1):
		w.fault("page %d is used twice, or reaches out of the file", id)
		return nil, 0, false
	case more > 0:
		b = make([]byte, int64(more+1)*w.meta.size) // which is within the file
		if !read(b, id*uint64(w.meta.size)) {
			return nil, 0, false
		}
		w.levels[level] = b
	}
	return b, flags, true
}

// tree visits a page and all below it. Its first key is low, and each is less than high; nil = any. bucket is nil for the
// root, whose entries are buckets.
func (w *pageWalk) tree(id uint64, level int, bucket, low, high []byte) {
	if level == maxPageDepth {
		w.fault("page %d lies too deep", id)
		return
	}
	b, flags, ok := w.page(id, level)
	switch {
	case !ok:
	case flags == pageLeaf:
		w.leaf(id, b, level, bucket, low, high)
	case flags == pageBranch:
		w.branch(id, b, level, bucket, low, high)
	default:
		w.fault("page %d is of no known kind: %#x", id, flags)
	}
}

// element gives the key of an element, and what else it holds.
func (w *pageWalk) element(id uint64, b []byte, i int, branch bool) (key, value []byte, word uint64, ok bool) {
	count := int(binary.NativeEndian.Uint16(b[10:]))
	at := pageHead + i*pageElement
	if at+pageElement > len(b) {
		w.fault("page %d has more elements than room", id)
		return nil, nil, 0, false
	}
	e, order := b[at:], binary.NativeEndian
	var pos, ksize, vsize uint64
	if branch {
		pos, ksize, word = uint64(order.Uint32(e)), uint64(order.Uint32(e[4:])), order.Uint64(e[8:])
	} else {
		word, pos, ksize, vsize = uint64(order.Uint32(e)), uint64(order.Uint32(e[4:])), uint64(order.Uint32(e[8:])), uint64(order.Uint32(e[12:]))
	}
	from := uint64(at) + pos
	if from < uint64(pageHead+count*pageElement) || from+ksize+vsize > uint64(len(b)) {
		w.fault("element %d of page %d reaches out of it", i, id)
		return nil, nil, 0, false
	}
	return b[from : from+ksize], b[from+ksize : from+ksize+vsize], word, true
}

// ordered looks whether a key stands where it may, and a page's first key is the one that the page above names it by:
// bbolt looks for that one there when it writes the page anew, and would add a second entry where it is not.
func (w *pageWalk) ordered(id uint64, i int, key, before, low, high []byte) {
	if len(key) == 0 || i > 0 && bytes.Compare(before, key) >= 0 || i == 0 && low != nil && !bytes.Equal(key, low) || high != nil && bytes.Compare(key, high) >= 0 {
		w.fault("key %d of page %d stands where it may not", i, id)
	}
}

func (w *pageWalk) branch(id uint64, b []byte, level int, bucket, low, high []byte) {
	count := int(binary.NativeEndian.Uint16(b[10:]))
	if count == 0 {
		w.fault("page %d branches into nothing", id)
	}
	key, _, below, ok := w.element(id, b, 0, true)
	var before []byte
	for i := 0; i < count && ok; i++ {
		w.ordered(id, i, key, before, low, high)
		to := high
		var next []byte
		var then uint64
		if i+1 < count {
			if next, _, then, ok = w.element(id, b, i+1, true); ok {
				to = next
			}
		}
		w.tree(below, level+1, bucket, key, to)
		key, below, before = next, then, key
	}
}

func (w *pageWalk) leaf(id uint64, b []byte, level int, bucket, low, high []byte) {
	count := int(binary.NativeEndian.Uint16(b[10:]))
	if count == 0 && low != nil {
		w.fault("page %d holds nothing", id)
	}
	var before []byte
	for i := range count {
		key, value, flags, ok := w.element(id, b, i, false)
		if !ok {
			return
		}
		w.ordered(id, i, key, before, low, high)
		before = key
		switch {
		case bucket != nil && flags == 0:
			w.entry(bucket, key, value)
		case bucket == nil && flags == entryBucket && len(value) >= pageHead:
			w.bucket(id, level, key, value)
		default:
			w.fault("element %d of page %d is of no known kind: %#x", i, id, flags)
		}
	}
}

// bucket visits a bucket: its head of 16 bytes says where its root is; 0 = a small one's only page follows.
func (w *pageWalk) bucket(id uint64, level int, name, value []byte) {
	root, inline := binary.NativeEndian.Uint64(value), value[pageHead:]
	switch {
	case root != 0:
		w.tree(root, level+1, name, nil, nil)
	case len(inline) < pageHead || binary.NativeEndian.Uint16(inline[8:]) != pageLeaf:
		w.fault("the bucket %q in page %d has no page", name, id)
	default:
		w.leaf(id, inline, level, name, nil, nil)
	}
}

// freelist looks whether a page that is used is said to be free, or one twice: bbolt would write over it.
func (w *pageWalk) freelist() {
	if w.meta.free == noFreelist {
		return
	}
	b, flags, ok := w.page(w.meta.free, 0)
	if !ok {
		return
	}
	order := binary.NativeEndian
	count, list := uint64(order.Uint16(b[10:])), b[pageHead:]
	if count == 0xFFFF {
		count, list = order.Uint64(list), list[8:]
	}
	if flags != pageFree || count > uint64(len(list)/8) {
		w.fault("page %d is no list of free pages", w.meta.free)
		return
	}
	for i := range count {
		if free := order.Uint64(list[8*i:]); free >= w.meta.pages || free/64 < uint64(len(w.seen)) && w.seen[free/64]&(1<<(free%64)) != 0 {
			w.fault("page %d is free and used, or free twice, or behind the end", free)
		} else if free/64 < uint64(len(w.seen)) {
			w.seen[free/64] |= 1 << (free % 64)
		}
	}
}

// structure looks whether the pages of a bbolt file hang together, so that bbolt can read them; it reads no values. err
// says why it cannot be told.
func structure(ctx context.Context, file *os.File) (faults []error, err error) {
	size, metas, faults, err := metasOf(file)
	if len(faults) > 0 || err != nil {
		return faults, err
	}
	w := walkPages(ctx, file, size, metas[0], func(_, _, _ []byte) {})
	return w.faults, w.err
}

func metasOf(file *os.File) (size int64, metas []pageMeta, faults []error, err error) {
	about, err := file.Stat()
	if err != nil {
		return 0, nil, nil, err
	}
	if metas, err = readMetas(file, about.Size()); err == nil && len(metas) == 0 {
		faults = []error{fmt.Errorf("%w: neither of its two heads is whole", ErrDamaged)}
	}
	return about.Size(), metas, faults, err
}

// openToRead opens the bbolt file for reading alone, which keeps every writer out, and the file under it.
func openToRead(path string) (db *bbolt.DB, file *os.File, err error) {
	if about, err := os.Stat(path); err == nil && about.Size() == 0 { // bbolt would begin a new one
		return nil, nil, fmt.Errorf("%w: it is empty", ErrDamaged)
	}
	return openBolt(path, bbolt.Options{ReadOnly: true})
}

package outbox

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"
	"go.etcd.io/bbolt"
)

// Reject is a row of an export that could not become an update.
type Reject struct {
	ID     string    // 16 hexadecimal digits, of its fields and its reason: the same row for the same reason has the same
	Source string    // set by the outbox, as are
	Export string    // the name of the export that it is listed for,
	At     time.Time // since when it is listed
	Line   uint64    // in that export, where the row starts
	Code   string    // the class of its reason
	Reason string    // for a technician
	Key    []byte    // inventory's encoded key, where that is certain; else nil
	Record []string  // the row's fields, at most 16 KiB of them
}

// Reasons counts rejects by their class.
type Reasons map[string]int64

// Total is how many they are.
func (r Reasons) Total() (n int64) {
	for _, c := range r {
		n += c
	}
	return n
}

// plus returns the sum of both, which share nothing with it.
func (r Reasons) plus(more Reasons) Reasons {
	if len(r)+len(more) == 0 {
		return nil
	}
	sum := make(Reasons, len(r)+len(more))
	maps.Copy(sum, r)
	for code, n := range more {
		sum[code] += n
	}
	return sum
}

// A list holds the rejects of the newest export of a source's file family, each of them once: those that an export before
// it had too stay listed for that one. Its file is frames: length and CRC-32C of the payload (4 bytes each), payload. The
// first payload is the headings, as a record's fields are; each of the others is a reject:
//
//	id (8 bytes), line, at (uvarints; seconds since 1970), export, code, reason, key, fields (their number, then each);
//	a text is its length as an uvarint and its bytes.
const (
	maxListed  = 100_000   // rejects of a list; more are counted only
	maxListing = 64 << 20  // bytes of a list
	maxFrame   = 128 << 10 // bytes of a payload: a record's fields, a reason, and what little stands besides
	maxLists   = 256       // lists of a source; families beyond forget the oldest
)

// ListRef says where the list of a file family lies.
type ListRef struct {
	File  string `json:"file"` // in listed/
	Size  int64  `json:"size"` // bytes
	Sum   uint32 `json:"sum"`  // CRC-32C of all of it
	Count int64  `json:"count"`
	More  int64  `json:"more,omitempty"` // rejects that the newest export has besides
	Width int    `json:"width"`          // the most fields that a row or the headings have
	Comma string `json:"comma"`          // what stands between the export's fields
	At    int64  `json:"at"`             // when it was written, in nanoseconds since 1970
}

func appendText(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

func appendFields(b []byte, fields []string) []byte {
	b = binary.AppendUvarint(b, uint64(len(fields)))
	for _, f := range fields {
		b = appendText(b, f)
	}
	return b
}

// text takes a text off the front.
func (d *decoder) text() string { return string(d.bytes(d.uvarint())) }

func (d *decoder) fields() []string {
	n := d.uvarint()
	if n > uint64(len(d.b)) {
		d.bad = true
		return nil
	}
	fields := make([]string, n)
	for i := range fields {
		fields[i] = d.text()
	}
	return fields
}

// idOf is the identity of a reject: what it says and why it is none.
func (r *Reject) idOf() uint64 {
	h := xxhash.New()
	_, _ = h.Write(appendText(nil, r.Reason)) // never fails, nor does the other
	_, _ = h.Write(appendFields(nil, r.Record))
	return h.Sum64()
}

// append writes the payload of a reject to b.
func (r *Reject) append(b []byte, id uint64) []byte {
	b = binary.BigEndian.AppendUint64(b, id)
	b = binary.AppendUvarint(b, r.Line)
	b = binary.AppendUvarint(b, uint64(max(0, r.At.Unix())))
	b = appendText(b, r.Export)
	b = appendText(b, r.Code)
	b = appendText(b, r.Reason)
	b = appendText(b, string(r.Key))
	return appendFields(b, r.Record)
}

// parseReject reads what append wrote.
func parseReject(payload []byte) (r Reject, id uint64, err error) {
	d := decoder{b: payload}
	id = d.uint64()
	r.Line, r.At = d.uvarint(), time.Unix(int64(d.uvarint()), 0).UTC()
	r.Export, r.Code, r.Reason = d.text(), d.text(), d.text()
	r.Key = bytes.Clone(d.bytes(d.uvarint()))
	r.Record = d.fields()
	if r.ID = formatID(id); d.bad || len(d.b) != 0 {
		return Reject{}, 0, ErrDamaged
	}
	return r, id, nil
}

// formatID shows an id as commands take it.
func formatID(id uint64) string { return fmt.Sprintf("%016x", id) }

// parseID reads what formatID wrote.
func parseID(text string) (id uint64, ok bool) {
	id, err := strconv.ParseUint(text, 16, 64)
	return id, err == nil && len(text) == 16
}

// Reject notes a row of an export of the intake that could not become an update. Its line may stand before those of
// others; Export, Source and At are not used.
func (in *Intake) Reject(export int, r Reject) error {
	x := in.exports[export]
	if x.rejects == nil {
		x.rejects = &frames{dir: in.spill.dir, pattern: "*.spill"}
	}
	if x.rejects.count >= maxListed || x.rejects.size >= maxListing {
		x.more++
		return nil
	}
	payload := r.append(nil, r.idOf())
	if len(payload) > maxFrame { // no reader keeps so much of a row
		x.more++
		return nil
	}
	if err := x.rejects.add(payload); err != nil {
		return diskError(in.o.dir, fmt.Errorf("write down the rejects of %s: %w", x.Name, err))
	}
	x.rejects.width = max(x.rejects.width, len(r.Record))
	return nil
}

// Unlisted notes rejects of an export of the intake that are only counted.
func (in *Intake) Unlisted(export int, n int64) { in.exports[export].more += n }

// Listed says that an export was read to its end, so that its rejects take the place of those that its file family had.
// headings are the export's, nil where it has none, and comma what stands between its fields.
func (in *Intake) Listed(export int, headings []string, comma string) {
	x := in.exports[export]
	x.listed, x.headings, x.comma = true, headings, comma
}

// list is the list of a family while an intake is committed.
type list struct {
	ref    ListRef
	path   string
	frames *frames // nil: it is what was there before, or empty
}

// lists merges the rejects of the intake's exports into the lists of their families. They are in the order of rank; an
// export's list is that of its family as it leaves it.
func (in *Intake) lists(now time.Time) error {
	order := make([]int, 0, len(in.exports))
	for i, x := range in.exports {
		if x.listed && (!x.dropped || x.taken.Refused != "") {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(in.exports[a].rank, in.exports[b].rank) })
	in.left = map[[2]string]*list{}
	before := in.left
	for _, i := range order {
		x := in.exports[i]
		f := [2]string{x.Source, x.Family}
		if before[f] == nil {
			ref, err := in.o.listRef(x.Source, x.Family)
			if err != nil {
				return err
			}
			before[f] = &list{ref: ref, path: in.o.listPath(ref)}
		}
		l, err := in.merge(x, before[f], now)
		if err != nil {
			return diskError(in.o.dir, fmt.Errorf("write down the rejects of %s: %w", x.Name, err))
		}
		x.list, before[f] = l, l
	}
	return nil
}

func (o *Outbox) listPath(ref ListRef) string { return filepath.Join(o.dir, "listed", ref.File) }

// listRef is where the list of a family lies; the zero one where it has none.
func (o *Outbox) listRef(source, family string) (ListRef, error) {
	s, err := o.Source(source)
	if errors.Is(err, ErrUnknown) {
		return ListRef{}, nil
	}
	return s.Lists[family], err
}

// listedAt is a reject in a list.
type listedAt struct {
	offset int64
	at     time.Time
	own    bool // listed for the export that is merged
}

// merge makes the list of a family after an export: those of its rejects that were listed for another export before stay
// as they are, the others are listed for it.
func (in *Intake) merge(x *incoming, before *list, now time.Time) (_ *list, err error) {
	var old *os.File
	known := map[uint64]listedAt{}
	if before.ref.Count > 0 {
		if old, err = os.Open(before.path); err == nil {
			defer old.Close() // only read
			known, err = index(old, before.ref.Size, x.Name)
		}
		if err != nil && !errors.Is(err, ErrDamaged) && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		if err != nil { // then they are listed anew
			known = map[uint64]listedAt{}
		}
	}
	out := &frames{dir: filepath.Join(in.o.dir, "listed"), pattern: "*.list", width: len(x.headings)}
	defer func() {
		if err != nil {
			out.abort()
		}
	}()
	if x.rejects == nil || x.rejects.count == 0 {
		return &list{ref: ListRef{More: x.more}}, nil
	}
	if err := errs(x.rejects.flush(), out.add(clipHeadings(x.headings))); err != nil {
		return nil, err
	}
	seen := map[uint64]bool{}
	var head [8]byte
	var space []byte
	err = eachFrame(x.rejects.file, 0, x.rejects.size, func(_ int64, payload []byte) error {
		r, id, err := parseReject(payload)
		if err != nil || seen[id] {
			return err
		}
		seen[id] = true
		was, again := known[id]
		if again && !was.own {
			if space, err = readFrame(old, was.offset, head[:], space); err != nil {
				return err
			}
			return out.add(space)
		}
		r.Export, r.At = x.Name, now
		if again {
			r.At = was.at
		} else {
			x.fresh++
		}
		return out.add(r.append(nil, id))
	})
	if err != nil {
		return nil, err
	}
	ref := ListRef{Size: out.size, Sum: out.sum, Count: out.count - 1, More: x.more, Width: max(out.width, x.rejects.width, before.ref.Width), Comma: x.comma, At: now.UnixNano()}
	if b := before.ref; b.Count > 0 && b.Size == ref.Size && b.Sum == ref.Sum { // nothing has changed
		out.abort()
		b.More = ref.More
		return &list{ref: b, path: before.path}, nil
	}
	if err := out.flush(); err != nil {
		return nil, err
	}
	ref.File = filepath.Base(out.path)
	file := out.file
	out.file = nil
	return &list{ref: ref, path: out.path, frames: out}, closeFile(file, !in.o.opts.NoSync)
}

// clipHeadings is the payload of the headings, as many of them as a payload holds.
func clipHeadings(headings []string) []byte {
	for {
		b := appendFields(nil, headings)
		if len(b) <= maxFrame {
			return b
		}
		headings = headings[:len(headings)/2]
	}
}

// index finds the rejects of a list.
func index(file *os.File, size int64, name string) (map[uint64]listedAt, error) {
	known := map[uint64]listedAt{}
	err := eachFrame(file, 0, size, func(at int64, payload []byte) error {
		if at == 0 {
			return nil
		}
		r, id, err := parseReject(payload)
		known[id] = listedAt{offset: at, at: r.At, own: r.Export == name}
		return err
	})
	return known, err
}

// keepLists puts the lists that the intake leaves into their sources' records, and lets the oldest of a source go that has
// too many.
func (in *Intake) keepLists(sources map[string]*Source) {
	for f, l := range in.left {
		s := sources[f[0]]
		if s.Lists == nil {
			s.Lists = map[string]ListRef{}
		}
		s.Lists[f[1]] = l.ref
		if l.ref.Count == 0 {
			delete(s.Lists, f[1])
		}
		for len(s.Lists) > maxLists {
			delete(s.Lists, slices.MinFunc(slices.Collect(maps.Keys(s.Lists)), func(a, b string) int {
				return cmp.Compare(s.Lists[a].At, s.Lists[b].At)
			}))
		}
	}
}

// keptLists leaves the files of the lists that the intake leaves to the outbox. Those in between, of a family of which a
// look found several exports, go at Close.
func (in *Intake) keptLists() {
	for _, l := range in.left {
		l.frames = nil
	}
	in.relisted = len(in.left) > 0
}

// dropLists throws away the lists that the outbox does not own.
func (in *Intake) dropLists() {
	for _, x := range in.exports {
		if x.list != nil {
			x.list.frames.abort()
			x.list = nil
		}
	}
	in.left = nil
}

// Report gives the rejects that an export of the intake has after Commit and that are listed for it, in the order of the
// list, and what a table of them needs. ok is false where the export was not read to its end.
func (in *Intake) Report(export int) (r Report, ok bool) {
	x := in.exports[export]
	if x.list == nil {
		return Report{}, false
	}
	return Report{ref: x.list.ref, path: x.list.path, source: x.Source, name: x.Name}, true
}

// Report is what is listed for one export.
type Report struct {
	ref          ListRef
	path         string
	source, name string
}

// Export is the name of the export.
func (r Report) Export() string { return r.name }

// Width is the most fields that a row or the headings have.
func (r Report) Width() int { return r.ref.Width }

// Comma is what stands between the fields of the export that was read last.
func (r Report) Comma() string { return r.ref.Comma }

// More is how many rejects the newest export of the family has that are counted only.
func (r Report) More() int64 { return r.ref.More }

// Headings are those of the export that was read last; nil where it has none.
func (r Report) Headings() (headings []string, err error) {
	if r.ref.Count == 0 {
		return nil, nil
	}
	file, err := os.Open(r.path)
	if err != nil {
		return nil, err
	}
	defer file.Close() // only read
	payload, err := readFrame(file, 0, make([]byte, 8), nil)
	if err != nil {
		return nil, err
	}
	d := decoder{b: payload}
	if headings = d.fields(); d.bad {
		return nil, ErrDamaged
	}
	return headings, nil
}

// All gives the rejects.
func (r Report) All() iter.Seq2[Reject, error] {
	return func(yield func(Reject, error) bool) {
		for one, err := range eachListed(r.ref, r.path, r.source, 0) {
			if err == nil && r.name != "" && one.Export != r.name {
				continue
			}
			if !yield(one.Reject, err) {
				return
			}
		}
	}
}

// listed is a reject of a list, and where the next one begins.
type listed struct {
	Reject
	next int64
}

// errStop ends a loop over frames.
var errStop = errors.New("stop")

// eachListed gives the rejects of a list from an offset on; 0 = from the first.
func eachListed(ref ListRef, path, source string, from int64) iter.Seq2[listed, error] {
	return func(yield func(listed, error) bool) {
		if ref.Count == 0 {
			return
		}
		file, err := os.Open(path)
		if err != nil {
			yield(listed{}, err)
			return
		}
		defer file.Close() // only read
		err = eachFrame(file, from, ref.Size, func(at int64, payload []byte) error {
			if at == 0 {
				return nil
			}
			r, _, err := parseReject(payload)
			if err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			r.Source = source
			if !yield(listed{r, at + 8 + int64(len(payload))}, nil) {
				return errStop
			}
			return nil
		})
		if err != nil && !errors.Is(err, errStop) {
			yield(listed{}, err)
		}
	}
}

// ListedFor gives what is listed for each export of a source, by its name.
func (o *Outbox) ListedFor(source string) (reports []Report, err error) {
	s, err := o.Source(source)
	if err != nil {
		if errors.Is(err, ErrUnknown) {
			err = nil
		}
		return nil, err
	}
	for _, family := range slices.Sorted(maps.Keys(s.Lists)) {
		ref := s.Lists[family]
		whole := Report{ref: ref, path: o.listPath(ref), source: source}
		names := map[string]bool{}
		for r, err := range whole.All() {
			if errors.Is(err, ErrDamaged) || errors.Is(err, fs.ErrNotExist) {
				break // the next export lists them anew
			}
			if err != nil {
				return nil, err
			}
			names[r.Export] = true
		}
		for _, name := range slices.Sorted(maps.Keys(names)) {
			whole.name = name
			reports = append(reports, whole)
		}
	}
	return reports, nil
}

// mostPage is from how many bytes on a page of rejects is full.
const mostPage = 4 << 20

// Rejects gives up to n of what is listed now, in the order of sources, families and lists. after is "" for the first
// page, then what the page before answered as next; next is "" after the last page. A list that was replaced meanwhile is
// passed over.
func (o *Outbox) Rejects(after string, n int) (page []Reject, next string, err error) {
	sources, err := o.allSources()
	if err != nil {
		return nil, "", err
	}
	from, begun, size := strings.Split(after, "\x00"), after == "", int64(0)
	for _, name := range slices.Sorted(maps.Keys(sources)) {
		lists := sources[name].Lists
		for _, family := range slices.Sorted(maps.Keys(lists)) {
			ref, offset := lists[family], int64(0)
			if !begun {
				if len(from) != 4 || name < from[0] || name == from[0] && family < from[1] {
					continue
				}
				begun = true
				if name == from[0] && family == from[1] {
					if ref.File != from[2] {
						continue
					}
					offset, _ = strconv.ParseInt(from[3], 10, 64) // our own word
				}
			}
			for r, err := range eachListed(ref, o.listPath(ref), name, offset) {
				if err != nil {
					if errors.Is(err, ErrDamaged) || errors.Is(err, fs.ErrNotExist) {
						break // the next export lists them anew
					}
					return nil, "", err
				}
				page = append(page, r.Reject)
				size, offset = size+r.next-offset, r.next
				if len(page) == n || size > mostPage {
					return page, strings.Join([]string{name, family, ref.File, strconv.FormatInt(r.next, 10)}, "\x00"), nil
				}
			}
		}
	}
	return page, "", nil
}

// allSources are the records of all sources.
func (o *Outbox) allSources() (sources map[string]Source, err error) {
	sources = map[string]Source{}
	err = o.view(func(tx *bbolt.Tx) error {
		b := tx.Bucket(bucketSources)
		return b.ForEach(func(k, _ []byte) error {
			var s Source
			err := getJSON(b, k, &s)
			sources[string(k)] = s
			return err
		})
	})
	return sources, err
}

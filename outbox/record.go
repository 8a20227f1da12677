package outbox

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
)

// ErrDamaged says that a value of the file is not what was written. It never becomes an update.
var ErrDamaged = errors.New("damaged")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// seal appends the check sum of key and value[from:] to value, in place.
func seal(key, value []byte) []byte {
	sum := crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, value)
	return binary.BigEndian.AppendUint32(value, sum)
}

// unseal returns the value without its check sum, or ErrDamaged.
func unseal(key, sealed []byte) ([]byte, error) {
	n := len(sealed) - 4
	if n < 0 {
		return nil, ErrDamaged
	}
	sum := crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, sealed[:n])
	if binary.BigEndian.Uint32(sealed[n:]) != sum {
		return nil, ErrDamaged
	}
	return sealed[:n], nil
}

// The flags of a record.
const (
	flagWanted    = 1 << iota // wanted holds; without it nobody wants a quantity (a dead letter was discarded)
	flagAcked                 // acked holds
	flagPending               // waits for an acknowledgement of wanted
	flagDead                  // the API refused wanted for good
	flagUnknown               // of the dead: it does not know the product or the store
	flagDoubt                 // a request with the quantity doubted may still land
	flagDoubtMany             // requests with quantities that nobody knows any more may still land
	flagConfirm               // pending only because wanted is sent once more (api.confirm)
	flagChanged               // wanted changed while the key was leased
	flagDue                   // attempts and due hold
	flagAgain                 // a dead letter that is in the queue again
	flagAckedAt               // ackedAt holds
	flagSource                // source holds
	flagFailed                // the bucket failed says what the API said last
)

// record is what is known of one key. On disk: flags (uvarint), wanted and acked (varints, where flagged), ackedAt and
// source (uvarints, where flagged), rev, export and line (uvarints), rank (8 bytes), age (8 bytes, where pending or
// again), attempts and due (uvarints, where flagged), doubted (varint, where flagged), CRC. Format 1 had no ackedAt and
// no source.
type record struct {
	flags    uint64
	wanted   int64  // the quantity last wanted, units
	acked    int64  // the quantity that the API acknowledged last
	ackedAt  uint64 // when that was, in seconds since 1970
	source   uint64 // the number of the source whose export set wanted
	rev      uint64 // counts changes of wanted over the whole file: what an acknowledgement is compared with
	export   uint64 // the export that set wanted, and
	line     uint64 // the line of it
	rank     uint64 // the rank of the newest export known to have named the key; named sets may know a greater one
	age      uint64 // since when the key waits without a break: its place in the queue
	attempts uint64 // in a row, that failed
	due      int64  // not before
	doubted  int64
}

func (r *record) is(flag uint64) bool { return r.flags&flag != 0 }
func (r *record) set(flag uint64)     { r.flags |= flag }
func (r *record) clear(flag uint64)   { r.flags &^= flag }

// queued reports whether the key is to be found in the queue (or leased).
func (r *record) queued() bool {
	return r.is(flagPending) && r.due == 0 || r.is(flagAgain)
}

// settled reports whether the API has acknowledged what is wanted.
func (r *record) settled() bool {
	return r.flags&(flagWanted|flagPending|flagDead) == flagWanted
}

// Classes of the queue, promise 9 of the contract: what could oversell goes first.
const (
	classZero    = iota // to nothing
	classFalling        // to less than the API holds
	classOther
	classDead // dead letters once more, after everything else
	classes
)

func (r *record) class() byte {
	switch {
	case r.is(flagAgain):
		return classDead
	case r.wanted <= 0:
		return classZero
	case r.is(flagAcked) && r.wanted < r.acked:
		return classFalling
	}
	return classOther
}

// last is the quantity that an export's row is compared with (promise 5 of the contract): the one last wanted or, once a
// dead letter was discarded, what the API acknowledged. ok is false where any quantity is news.
func (r *record) last() (quantity int64, ok bool) {
	switch {
	case r.is(flagWanted):
		return r.wanted, true
	case r.is(flagAcked) && !r.is(flagDoubt|flagDoubtMany):
		return r.acked, true
	}
	return 0, false
}

// maxRecord is more than the bytes of any record on disk: eleven varints, two fixed integers and the CRC.
const maxRecord = 11*binary.MaxVarintLen64 + 2*8 + 4

// append writes the record, sealed under its key, to b, which must be empty.
func (r *record) append(b, key []byte) []byte {
	b = binary.AppendUvarint(b, r.flags)
	if r.is(flagWanted) {
		b = binary.AppendVarint(b, r.wanted)
	}
	if r.is(flagAcked) {
		b = binary.AppendVarint(b, r.acked)
	}
	if r.is(flagAckedAt) {
		b = binary.AppendUvarint(b, r.ackedAt)
	}
	if r.is(flagSource) {
		b = binary.AppendUvarint(b, r.source)
	}
	b = binary.AppendUvarint(b, r.rev)
	b = binary.AppendUvarint(b, r.export)
	b = binary.AppendUvarint(b, r.line)
	b = binary.BigEndian.AppendUint64(b, r.rank)
	if r.is(flagPending | flagAgain) {
		b = binary.BigEndian.AppendUint64(b, r.age)
	}
	if r.is(flagDue) {
		b = binary.AppendUvarint(b, r.attempts)
		b = binary.AppendUvarint(b, uint64(r.due))
	}
	if r.is(flagDoubt) {
		b = binary.AppendVarint(b, r.doubted)
	}
	return seal(key, b)
}

// parseRecord reads what append wrote.
func parseRecord(key, sealed []byte) (record, error) {
	b, err := unseal(key, sealed)
	if err != nil {
		return record{}, err
	}
	var r record
	d := decoder{b: b}
	r.flags = d.uvarint()
	if r.is(flagWanted) {
		r.wanted = d.varint()
	}
	if r.is(flagAcked) {
		r.acked = d.varint()
	}
	if r.is(flagAckedAt) {
		r.ackedAt = d.uvarint()
	}
	if r.is(flagSource) {
		r.source = d.uvarint()
	}
	r.rev = d.uvarint()
	r.export = d.uvarint()
	r.line = d.uvarint()
	r.rank = d.uint64()
	if r.is(flagPending | flagAgain) {
		r.age = d.uint64()
	}
	if r.is(flagDue) {
		r.attempts = d.uvarint()
		r.due = int64(d.uvarint())
	}
	if r.is(flagDoubt) {
		r.doubted = d.varint()
	}
	if d.bad || len(d.b) != 0 {
		return record{}, ErrDamaged
	}
	return r, nil
}

// decoder takes values off the front of b; bad once b was too short.
type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) uvarint() uint64 {
	if len(d.b) > 0 && d.b[0] < 0x80 { // as most are
		v := uint64(d.b[0])
		d.b = d.b[1:]
		return v
	}
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.bad, d.b = true, nil
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 {
		d.bad, d.b = true, nil
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) uint64() uint64 {
	b := d.bytes(8)
	if b == nil {
		return 0
	}
	return binary.BigEndian.Uint64(b)
}

func (d *decoder) bytes(n uint64) []byte {
	if n > uint64(len(d.b)) {
		d.bad, d.b = true, nil
		return nil
	}
	b := d.b[:n]
	d.b = d.b[n:]
	return b
}

// validKey reports whether key is a whole encoded key, without the garbage of inventory.DecodeKey.
func validKey(key []byte) bool {
	if len(key) == 0 || len(key) > maxKey {
		return false
	}
	d := decoder{b: key[1:]}
	fields := 4
	if key[0] == 'u' {
		fields = 2
	}
	last := uint64(0)
	for range fields {
		last = d.uvarint()
		d.bytes(last)
	}
	return !d.bad && len(d.b) == 0 && (key[0] == 's' || key[0] == 'u' && last > 0)
}

// maxKey is the most that bbolt takes as a key, less what stands before it.
const maxKey = 32<<10 - 16

// retryAt sets when the key is tried again and after how many failures; the zero time takes both away.
func (r *record) retryAt(due int64, attempts uint64) {
	r.due, r.attempts = due, attempts
	if due == 0 && attempts == 0 {
		r.clear(flagDue)
	} else {
		r.set(flagDue)
	}
}

// doubt notes that a request with the quantity q was sent and not answered.
func (r *record) doubt(q int64) {
	switch {
	case r.is(flagDoubtMany):
	case r.is(flagDoubt) && r.doubted != q:
		r.clear(flagDoubt)
		r.set(flagDoubtMany)
		r.doubted = 0
	default:
		r.set(flagDoubt)
		r.doubted = q
	}
}

// doubtAny notes that a request with an unknown quantity may have been sent.
func (r *record) doubtAny() {
	r.clear(flagDoubt)
	r.set(flagDoubtMany)
	r.doubted = 0
}

func (r *record) noDoubt() {
	r.clear(flagDoubt | flagDoubtMany)
	r.doubted = 0
}

package outbox

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"
)

// txn is one writing transaction: the buckets, the state as it will be, and the rows that the queue gets.
type txn struct {
	keys, queue, due, leases, dead, failed *bbolt.Bucket
	tx                                     *bbolt.Tx
	o                                      *Outbox
	number                                 uint64 // counts those of this life
	state                                  state
	rows                                   map[place][]byte
	resolved                               int           // leases that end with this transaction
	after                                  []func()      // once it is committed, with mu held
	cursor                                 *bbolt.Cursor // of keys
	buf, arena, cloned                     []byte
	wants                                  int64 // quantities of deltas that it applies

	end   []byte // the last key of the records, where
	ended bool   // it is looked at
}

// update runs fn in one transaction. What fn does to the state counts once the commit succeeded. An error of fn leaves
// everything as it was, and so does a full disk; any other error of a commit wraps ErrUncertain.
func (o *Outbox) update(fn func(*txn) error) error {
	o.write.Lock()
	defer o.write.Unlock()
	if o.broken != nil {
		return o.broken
	}
	if err := o.file.present(); err != nil {
		return err
	}
	var t *txn
	committing := false
	err := o.file.run(o.db.Update, func(tx *bbolt.Tx) error {
		o.mu.Lock()
		before := o.state
		o.mu.Unlock()
		o.txns++
		t = &txn{
			tx: tx, o: o, number: o.txns, state: before, rows: map[place][]byte{},
			cursor: tx.Bucket(bucketKeys).Cursor(),
			keys:   tx.Bucket(bucketKeys), queue: tx.Bucket(bucketQueue), due: tx.Bucket(bucketDue),
			leases: tx.Bucket(bucketLeases), dead: tx.Bucket(bucketDead), failed: tx.Bucket(bucketFailed),
		}
		if err := fn(t); err != nil {
			return err
		}
		if err := errs(t.flushRows(), t.note(&before, time.Now())); err != nil {
			return err
		}
		err := putJSON(tx.Bucket(bucketMeta), keyState, t.state)
		committing = err == nil
		return err
	})
	if err = diskError(o.dir, err); err != nil {
		if _, full := errors.AsType[*FullError](err); committing && (!full || isFlush(err)) {
			err = fmt.Errorf("%w: %w", ErrUncertain, err)
			o.broken = err
		}
		return err
	}
	o.wroteLocked()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.state = t.state
	for _, f := range t.after {
		f()
	}
	return nil
}

// uncertain reports whether a commit failed and nobody knows whether it counts.
func (o *Outbox) uncertain() bool {
	o.write.Lock()
	defer o.write.Unlock()
	return o.broken != nil
}

// get reads the record of a disk key. ok is false where there is none.
func (t *txn) get(key []byte) (r record, ok bool, err error) {
	k, v := t.cursor.Seek(key) // a cursor that is used again makes no garbage; each use begins with Seek, as bbolt wants
	if !bytes.Equal(k, key) {
		return record{}, false, nil
	}
	r, err = parseRecord(key, v)
	if err != nil {
		return record{}, false, fmt.Errorf("record %x: %w", key, err)
	}
	return r, true, nil
}

// put writes the record of a disk key. One that nobody wants a quantity of stays too: its rank keeps a late older export
// from setting one.
func (t *txn) put(key []byte, r *record) error {
	if cap(t.arena)-len(t.arena) < maxRecord {
		t.arena = make([]byte, 0, arenaSize)
	}
	v := r.append(t.arena[len(t.arena):], key)
	t.arena = t.arena[:len(t.arena)+len(v)]
	t.knowSKU(key)
	if t.ended && bytes.Compare(key, t.end) > 0 {
		t.end = append(t.end[:0], key...)
	}
	return t.keys.Put(key, v[:len(v):len(v)]) // bbolt keeps the value until the commit, and copies the key
}

// arenaSize is how many bytes of records are allocated at once.
const arenaSize = 64 << 10

// lookup finds the records of hashes in whatever order, where a walker wants theirs to ascend. What is leased together mostly
// lies side by side, and the next is found without a search then. Nothing may be written to the records while it is used.
type lookup struct {
	c    *bbolt.Cursor
	k, v []byte // it stands here, behind the last that was found
}

// first is the first record whose key begins with the hash, or one behind where that would be.
func (l *lookup) first(hash []byte) (k, v []byte) {
	for i := 0; i < steps && l.k != nil && bytes.Compare(l.k, hash) < 0; i++ {
		l.next()
	}
	if !bytes.HasPrefix(l.k, hash) {
		l.k, l.v = l.c.Seek(hash)
	}
	return l.k, l.v
}

func (l *lookup) next() (k, v []byte) {
	l.k, l.v = l.c.Next()
	return l.k, l.v
}

// sameHash calls fn for the disk key of every record whose key has the hash. l is of this transaction, and new where anything
// was written.
func (t *txn) sameHash(l *lookup, hash uint64, fn func(key []byte, r record) error) error {
	type found struct {
		key []byte
		r   record
	}
	var more [2]found
	list := more[:0] // given to fn after the cursor has done its work: bbolt may skip rows otherwise
	t.buf = binary.BigEndian.AppendUint64(t.buf[:0], hash)
	for k, v := l.first(t.buf); bytes.HasPrefix(k, t.buf); k, v = l.next() {
		r, err := parseRecord(k, v)
		if err != nil {
			return fmt.Errorf("record %x: %w", k, err)
		}
		list = append(list, found{t.clone(k), r})
	}
	for i := range list {
		if err := fn(list[i].key, list[i].r); err != nil {
			return err
		}
	}
	return nil
}

// clone copies a key, together with others into one piece of memory.
func (t *txn) clone(key []byte) []byte {
	if cap(t.cloned)-len(t.cloned) < len(key) {
		t.cloned = make([]byte, 0, max(cloneSize, len(key)))
	}
	from := len(t.cloned)
	t.cloned = append(t.cloned, key...)
	return t.cloned[from:len(t.cloned):len(t.cloned)]
}

// cloneSize is how many bytes of keys are allocated at once.
const cloneSize = 2 << 10

// diskKey is diskKey without garbage: the slice is good until the next call. bbolt copies the keys that it keeps.
func (t *txn) diskKey(key []byte) []byte {
	t.buf = append(binary.BigEndian.AppendUint64(t.buf[:0], hashOf(key)), key...)
	return t.buf
}

// nextAge returns a new age: now, and later than every one before.
func (t *txn) nextAge(now time.Time) uint64 {
	t.state.Age = max(t.state.Age+1, uint64(max(0, now.UnixNano())))
	return t.state.Age
}

func putJSON(b *bbolt.Bucket, key []byte, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return b.Put(key, seal(key, data))
}

// getJSON reads what putJSON wrote; ErrUnknown where there is nothing.
func getJSON(b *bbolt.Bucket, key []byte, v any) error {
	sealed := b.Get(key)
	if sealed == nil {
		return ErrUnknown
	}
	data, err := unseal(key, sealed)
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("%s: %w: %v", key, ErrDamaged, err)
	}
	return nil
}

// id8 is the key of an export or an intake.
func id8(id uint64) []byte { return binary.BigEndian.AppendUint64(nil, id) }

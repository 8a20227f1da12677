package outbox

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"tillpost/inventory"
)

// Dead is a dead letter and what is known of its key.
type Dead struct {
	ID string // 16 hexadecimal digits, of its key; two keys of one ID are acted on together
	Known
	Letter DeadLetter
	Named  Export // that set the quantity; zero where its record is gone
}

// IDOf is the ID that a dead letter of a key has.
func IDOf(key inventory.Key) string { return formatID(hashOf(key.Encode())) }

// deadChunk is how many dead letters are acted on in one transaction.
const deadChunk = 2048

// DeadLetters gives up to n dead letters, in the order of the file. after is "" for the first page, then what the page
// before answered as next; next is "" after the last page.
func (o *Outbox) DeadLetters(after string, n int) (page []Dead, next string, err error) {
	from, err := hex.DecodeString(after)
	if err != nil {
		return nil, "", fmt.Errorf("page of dead letters %q: %w", after, err)
	}
	err = o.view(func(tx *bbolt.Tx) error {
		c := tx.Bucket(bucketDead).Cursor()
		k, _ := c.Seek(from)
		if k != nil && bytes.Equal(k, from) {
			k, _ = c.Next()
		}
		for ; k != nil; k, _ = c.Next() {
			if len(page) == n {
				next = hex.EncodeToString(from)
				return nil
			}
			d, err := deadOf(tx, k)
			if err != nil {
				return err
			}
			page = append(page, d)
			from = bytes.Clone(k)
		}
		return nil
	})
	return page, next, err
}

// HasDead reports whether there are dead letters.
func (o *Outbox) HasDead() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.state.Dead > 0
}

// deadOf reads the dead letter of a disk key.
func deadOf(tx *bbolt.Tx, disk []byte) (d Dead, err error) {
	r, err := recordOf(tx, disk)
	if err != nil {
		return d, err
	}
	if d.Known, err = known(disk, &r); err != nil {
		return d, err
	}
	if d.Letter, err = (&txn{dead: tx.Bucket(bucketDead)}).deadLetter(disk); err != nil {
		return d, err
	}
	err = getJSON(tx.Bucket(bucketExports), id8(d.Letter.Export), &d.Named)
	if errors.Is(err, ErrUnknown) {
		err = nil
	}
	d.ID = formatID(binary.BigEndian.Uint64(disk))
	return d, err
}

// recordOf reads the record of a disk key, which must have one.
func recordOf(tx *bbolt.Tx, disk []byte) (record, error) {
	v := tx.Bucket(bucketKeys).Get(disk)
	if v == nil {
		return record{}, fmt.Errorf("record %x: %w: it is missing", disk, ErrDamaged)
	}
	r, err := parseRecord(disk, v)
	if err != nil {
		return record{}, fmt.Errorf("record %x: %w", disk, err)
	}
	return r, nil
}

// RetryDead puts dead letters into the queue again, after everything else, and says how many, and which ids name none.
// ids nil = all. One that is in the queue already stays there.
func (o *Outbox) RetryDead(ids []string, now time.Time) (n int64, unknown []string, err error) {
	return o.eachDead(ids, func(t *txn, disk []byte, r *record) error {
		if r.is(flagAgain) {
			return nil
		}
		if err := t.undue(disk, r); err != nil {
			return err
		}
		r.set(flagAgain)
		r.age = t.nextAge(now)
		return t.enqueue(disk, r)
	})
}

// DiscardDead forgets dead letters: what was wanted falls back to what the API acknowledged, and the next export that
// says something else is sent. It answers as RetryDead does.
func (o *Outbox) DiscardDead(ids []string) (n int64, unknown []string, err error) {
	o.intake.Lock() // last wanted quantities change
	defer o.intake.Unlock()
	if err := o.finish(); err != nil {
		return 0, nil, err
	}
	return o.eachDead(ids, (*txn).withdraw)
}

// eachDead calls act for the records of the dead letters that ids name, nil = all, and writes them.
func (o *Outbox) eachDead(ids []string, act func(t *txn, disk []byte, r *record) error) (n int64, unknown []string, err error) {
	do := func(t *txn, keys [][]byte) error {
		for _, disk := range keys {
			r, err := recordOf(t.tx, disk)
			if err != nil {
				return err
			}
			was := r
			if err := act(t, disk, &r); err != nil {
				return err
			}
			t.count(&was, &r)
			if err := t.put(disk, &r); err != nil {
				return err
			}
		}
		return nil
	}
	if ids == nil {
		for after := []byte(nil); ; {
			var keys [][]byte
			err := o.update(func(t *txn) error {
				keys = nextKeys(t.dead, after, deadChunk)
				return errs(do(t, keys), nothing(len(keys)))
			})
			if errors.Is(err, errNothing) {
				return n, nil, nil
			}
			if err != nil {
				return n, nil, err
			}
			n, after = n+int64(len(keys)), keys[len(keys)-1]
		}
	}
	for len(ids) > 0 {
		some := ids[:min(len(ids), deadChunk)]
		ids = ids[len(some):]
		var keys [][]byte
		var none []string
		err := o.update(func(t *txn) error {
			keys, none = nil, nil
			for _, id := range some {
				found := t.named(id)
				if len(found) == 0 {
					none = append(none, id)
				}
				keys = append(keys, found...)
			}
			slices.SortFunc(keys, bytes.Compare)
			keys = slices.CompactFunc(keys, bytes.Equal)
			return errs(do(t, keys), nothing(len(keys)))
		})
		if err != nil && !errors.Is(err, errNothing) {
			return n, unknown, err
		}
		n, unknown = n+int64(len(keys)), append(unknown, none...)
	}
	return n, unknown, nil
}

// nothing is errNothing where n is 0.
func nothing(n int) error {
	if n == 0 {
		return errNothing
	}
	return nil
}

// nextKeys are up to n keys of a bucket after one.
func nextKeys(b *bbolt.Bucket, after []byte, n int) (keys [][]byte) {
	c := b.Cursor()
	k, _ := c.Seek(after)
	if k != nil && bytes.Equal(k, after) {
		k, _ = c.Next()
	}
	for ; k != nil && len(keys) < n; k, _ = c.Next() {
		keys = append(keys, bytes.Clone(k))
	}
	return keys
}

// named are the disk keys of the dead letters that have an id.
func (t *txn) named(id string) (keys [][]byte) {
	n, ok := parseID(id)
	if !ok {
		return nil
	}
	prefix := id8(n)
	c := t.dead.Cursor()
	for k, _ := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, _ = c.Next() {
		keys = append(keys, bytes.Clone(k))
	}
	return keys
}

package outbox

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"
)

const (
	// keepKeys is for how long a key is known that no export names any more and that the API holds at nothing.
	keepKeys = 400 * 24 * time.Hour
	// forgetChunk is how many keys are forgotten in one transaction.
	forgetChunk = 2048
)

// ForgetKeys forgets the keys at quantity 0 that no export has named for 400 days, and says how many those were. What was
// wanted last and acknowledged last is 0 or nothing, and nothing waits or is in doubt; an export that names such a key
// again makes it a new one. It reads all keys. A clock that is ahead forgets nothing before exports have come by it.
func (o *Outbox) ForgetKeys(ctx context.Context, now time.Time) (n int64, err error) {
	o.intake.Lock() // between the settling of a look and its end no key may go
	defer o.intake.Unlock()
	if err := o.finish(); err != nil {
		return 0, err
	}
	o.mu.Lock()
	limit := min(now.UnixNano(), int64(o.state.Rank)) - int64(keepKeys)
	o.mu.Unlock()
	err = o.eachUnnamed(ctx, uint64(max(0, limit)), func(keys [][]byte) error {
		some := int64(0)
		err := o.update(func(t *txn) (err error) {
			some, err = t.forgetKeys(keys)
			return errs(err, nothing(int(some)))
		})
		if errors.Is(err, errNothing) {
			return nil
		}
		if err == nil {
			n += some
		}
		return err
	})
	return n, err
}

// isOver reports whether nothing is to be known of a key but that it is at nothing.
func (r *record) isOver() bool {
	const busy = flagPending | flagDead | flagUnknown | flagDoubt | flagDoubtMany | flagConfirm | flagChanged | flagDue | flagAgain | flagFailed
	return !r.is(busy) && (!r.is(flagWanted) || r.wanted == 0) && (!r.is(flagAcked) || r.acked == 0)
}

// forgetKeys removes the records of keys that are still over, and says how many.
func (t *txn) forgetKeys(keys [][]byte) (n int64, err error) {
	for _, disk := range keys {
		r, ok, err := t.get(disk)
		if err != nil {
			return n, err
		}
		if !ok || !r.isOver() || t.leased(disk[8:]) { // a canary may have been leased since
			continue
		}
		t.count(&r, &record{})
		if err := t.keys.Delete(disk); err != nil {
			return n, err
		}
		n++
	}
	t.state.Forgot += uint64(n)
	return n, nil
}

// eachUnnamed gives the disk keys that are over and that no export of the limit's rank or a newer one names, in pieces.
// Records and named sets stand in the same order: each set is read once. intake is held.
func (o *Outbox) eachUnnamed(ctx context.Context, limit uint64, forget func(keys [][]byte) error) (err error) {
	sets, err := o.setsSince(limit)
	defer func() {
		for _, s := range sets {
			s.close()
		}
	}()
	if err != nil {
		return err
	}
	var found [][]byte
	for next := []byte{}; next != nil; {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		err := o.view(func(tx *bbolt.Tx) error { // a page a transaction: a long one would keep bbolt from reusing pages
			c := tx.Bucket(bucketKeys).Cursor()
			k, v := c.Seek(next)
			for range pageKeys {
				if k == nil {
					break
				}
				r, err := parseRecord(k, v)
				if err != nil {
					return fmt.Errorf("record %x: %w", k, err)
				}
				if r.rank < limit && r.isOver() {
					named, err := nameIt(sets, binary.BigEndian.Uint64(k))
					if err != nil {
						return err
					}
					if !named {
						found = append(found, bytes.Clone(k))
					}
				}
				k, v = c.Next()
			}
			next = bytes.Clone(k)
			return nil
		})
		if err != nil {
			return err
		}
		if len(found) >= forgetChunk || next == nil && len(found) > 0 {
			if err := forget(found); err != nil {
				return err
			}
			found = found[:0]
		}
	}
	return nil
}

// setsSince opens the named sets of the limit's rank and newer ones. One that cannot be read is an error: it may name any
// key.
func (o *Outbox) setsSince(limit uint64) (sets []*setReader, err error) {
	sources, err := o.allSources()
	if err != nil {
		return nil, err
	}
	for _, s := range sources {
		for _, ref := range s.Sets {
			if ref.Rank < limit {
				continue
			}
			r, err := (&namedSet{path: filepath.Join(o.dir, "named", ref.File)}).read()
			if err != nil {
				return sets, err
			}
			sets = append(sets, r)
		}
	}
	return sets, nil
}

// nameIt reports whether one of the sets holds a key of the hash, which must not be smaller than the one before. That it
// may be another key's costs nothing.
func nameIt(sets []*setReader, hash uint64) (named bool, err error) {
	for _, s := range sets {
		k, ok := s.peek()
		for ok && k.hash < hash {
			if err := s.next(); err != nil {
				return false, err
			}
			k, ok = s.peek()
		}
		named = named || ok && k.hash == hash
	}
	return named, nil
}

package outbox

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"
)

// What can be a canary, the best first.
const (
	canaryStocked = iota // acknowledged before, and nothing waits for it; not at zero, for what is discontinued is
	canaryIdle           // the same, at zero
	canaryKnown          // acknowledged before, and another quantity waits, with stock
	canaryFalls          // the same, at zero
	canaryNew            // waits, with stock
	canaryAny            // waits
	canaryKinds
)

// Canary hands out an update that tells whether the API still takes anything at all: a key that was acknowledged before,
// sent again with its ledger quantity, or else an update that waits, one with stock before others. Each time it is likely
// to be another key. The lease is nil where there is none, and ok false while an export is being applied: then nothing
// may be handed out.
//
// A key for which nothing waited counts as pending until its lease is resolved, so that a crash leaves it in doubt and a
// newer quantity goes after it (promise 2). Whatever comes of it but an acknowledgement leaves it as it was.
func (o *Outbox) Canary(now time.Time) (l *Lease, ok bool, err error) {
	disk, err := o.findCanary()
	if err != nil {
		return nil, false, err
	}
	err = o.update(func(t *txn) (err error) {
		l, ok = nil, !o.held()
		if disk == nil || !ok {
			return errNothing
		}
		if l, err = t.canary(disk, now); err != nil || l == nil {
			return errs(err, errNothing)
		}
		return t.block([]*Lease{l})
	})
	if err != nil && !errors.Is(err, errNothing) {
		return nil, false, err
	}
	return l, ok, nil
}

// findCanary is the disk key of the best canary as the file is now; nil = there is none.
func (o *Outbox) findCanary() (disk []byte, err error) {
	best, perfect := canaryKinds, canaryStocked
	if o.Unproven() {
		perfect = canaryNew
	}
	err = o.view(func(tx *bbolt.Tx) error {
		c := tx.Bucket(bucketKeys).Cursor()
		start := binary.BigEndian.AppendUint64(nil, o.chance())
		from, to := start, []byte(nil)
		for range 2 { // to the end, and then from the beginning
			for k, v := c.Seek(from); k != nil && (to == nil || bytes.Compare(k, to) < 0); k, v = c.Next() {
				r, err := parseRecord(k, v)
				if err != nil {
					return fmt.Errorf("record %x: %w", k, err)
				}
				kind, ok := r.canary()
				if !ok || kind >= best || o.isLeased(k[8:]) {
					continue
				}
				if best, disk = kind, bytes.Clone(k); best == perfect {
					return nil
				}
			}
			from, to = []byte{0}, start
		}
		return nil
	})
	return disk, err
}

func (o *Outbox) chance() uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.opts.Random.Uint64()
}

// canary says what kind of canary a key is that is not leased.
func (r *record) canary() (kind int, ok bool) {
	switch {
	case r.is(flagDead) || !r.is(flagWanted) || r.is(flagConfirm) && r.due != 0:
		return 0, false
	case r.is(flagPending) && r.is(flagAcked) && r.wanted > 0:
		return canaryKnown, true
	case r.is(flagPending) && r.is(flagAcked):
		return canaryFalls, true
	case r.is(flagPending) && r.wanted > 0:
		return canaryNew, true
	case r.is(flagPending):
		return canaryAny, true
	case !r.is(flagAcked) || r.acked != r.wanted:
		return 0, false
	case r.acked > 0:
		return canaryStocked, true
	}
	return canaryIdle, true
}

// canary leases one key as a canary, if it still is one.
func (t *txn) canary(disk []byte, now time.Time) (*Lease, error) {
	r, ok, err := t.get(disk)
	if err != nil || !ok || t.leased(disk[8:]) {
		return nil, err
	}
	if _, ok := r.canary(); !ok {
		return nil, nil
	}
	was := r
	l := &Lease{Key: disk[8:], disk: disk, rev: r.rev, quantity: r.wanted, Attempts: r.attempts, Known: r.is(flagAcked), Canary: true}
	if r.is(flagPending) {
		if err := t.undue(disk, &r); err != nil {
			return nil, err
		}
	} else {
		l.Ledger, l.idle = true, true
		r.set(flagPending | flagConfirm)
		r.age = t.nextAge(now)
	}
	t.count(&was, &r)
	return l, t.put(disk, &r)
}

// stand takes a canary back that the API has not acknowledged: what it acknowledged before stands.
func (r *record) stand() {
	r.clear(flagPending | flagConfirm)
	r.retryAt(0, 0)
}

// isLeased reports whether a key is handed out.
func (o *Outbox) isLeased(key []byte) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.leases[string(key)] != nil
}

// Unproven reports whether the API has acknowledged nothing yet, or nothing since the ledger was forgotten.
func (o *Outbox) Unproven() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.state.unproven()
}

func (s *state) unproven() bool { return s.Forgotten || s.LastAck.IsZero() }

// WaitAgain makes pending again what the API has refused since a moment, and says how many updates that are. What it had
// refused before that as well stays a dead letter.
func (o *Outbox) WaitAgain(since, now time.Time) (n int64, err error) {
	for after := []byte(nil); ; {
		var keys [][]byte
		var some int64
		err := o.update(func(t *txn) error {
			some = 0
			keys = nextKeys(t.dead, after, deadChunk)
			for _, disk := range keys {
				waits, err := t.waitAgain(disk, since, now)
				if err != nil {
					return err
				}
				if waits {
					some++
				}
			}
			return nothing(int(some))
		})
		if err != nil && !errors.Is(err, errNothing) {
			return n, err
		}
		if n += some; len(keys) == 0 {
			return n, nil
		}
		after = keys[len(keys)-1]
	}
}

func (t *txn) waitAgain(disk []byte, since, now time.Time) (bool, error) {
	d, err := t.deadLetter(disk)
	if err != nil || d.Tries > 1 || d.At.Before(since) {
		return false, err
	}
	r, err := recordOf(t.tx, disk)
	if err != nil || r.is(flagAgain) {
		return false, err
	}
	was := r
	if err := errs(t.undue(disk, &r), t.dead.Delete(disk)); err != nil {
		return false, err
	}
	r.clear(flagDead | flagUnknown)
	r.set(flagPending)
	r.retryAt(0, 0)
	r.age = t.nextAge(now)
	t.count(&was, &r)
	return true, errs(t.enqueue(disk, &r), t.put(disk, &r))
}

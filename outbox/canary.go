package outbox

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"go.etcd.io/bbolt"
)

// What can be a canary, the best first.
const (
	canaryStocked = iota // acknowledged before, and nothing waits for it; not at zero, for what is discontinued is
	canaryIdle           // the same, at zero
	canaryKnown          // acknowledged before, and another quantity waits
	canaryNew            // waits, with stock
	canaryAny            // waits
	canaryKinds
)

// Canaries hands out up to n updates that tell whether the API still takes anything at all: keys that were acknowledged
// before, sent again with their ledger quantity, or else updates that wait, the ones with stock first. Each call begins
// at another key. ok is false while an export is being applied: then nothing may be handed out.
//
// A key for which nothing waited counts as pending until its lease is resolved, so that a crash leaves it in doubt and a
// newer quantity goes after it (promise 2). Whatever comes of it but an acknowledgement leaves it as it was.
func (o *Outbox) Canaries(n int, now time.Time) (leases []*Lease, ok bool, err error) {
	keys, err := o.canaries(n)
	if err != nil {
		return nil, false, err
	}
	err = o.update(func(t *txn) error {
		leases, ok = nil, !o.held()
		if !ok {
			return errNothing
		}
		for _, disk := range keys {
			l, err := t.canary(disk, now)
			if err != nil {
				return err
			}
			if l != nil {
				leases = append(leases, l)
			}
		}
		return errs(t.block(leases), nothing(len(leases)))
	})
	if err != nil && !errors.Is(err, errNothing) {
		return nil, false, err
	}
	return leases, ok, nil
}

// canaries are the disk keys of up to n canaries as the file is now.
func (o *Outbox) canaries(n int) ([][]byte, error) {
	var found [canaryKinds][][]byte
	best := canaryStocked
	if o.Unproven() {
		best = canaryNew
	}
	err := o.db.View(func(tx *bbolt.Tx) error {
		c := tx.Bucket(bucketKeys).Cursor()
		start := binary.BigEndian.AppendUint64(nil, rand.Uint64())
		from, to := start, []byte(nil)
		for range 2 { // to the end, and then from the beginning
			for k, v := c.Seek(from); k != nil && (to == nil || bytes.Compare(k, to) < 0); k, v = c.Next() {
				r, err := parseRecord(k, v)
				if err != nil {
					return fmt.Errorf("record %x: %w", k, err)
				}
				kind, ok := r.canary()
				if !ok || len(found[kind]) == n || o.isLeased(k[8:]) {
					continue
				}
				if found[kind] = append(found[kind], bytes.Clone(k)); kind == best && len(found[kind]) == n {
					return nil
				}
			}
			from, to = []byte{0}, start
		}
		return nil
	})
	var keys [][]byte
	for _, list := range found {
		keys = append(keys, list[:min(len(list), n-len(keys))]...)
	}
	return keys, err
}

// canary says what kind of canary a key is that is not leased.
func (r *record) canary() (kind int, ok bool) {
	switch {
	case r.is(flagDead) || !r.is(flagWanted) || r.is(flagConfirm) && r.due != 0:
		return 0, false
	case r.is(flagPending) && r.is(flagAcked):
		return canaryKnown, true
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
		l.idle = true
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

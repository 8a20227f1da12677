package outbox

import (
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"tillpost/inventory"
)

// failingFrom is from how many failures in a row on an update counts as one that keeps failing.
const failingFrom = 3

// Failing is the updates that keep failing.
type Failing struct {
	Count int64 // at least so many: where a thousand have failed there is more wrong than single updates
	Worst *FailingUpdate
}

// FailingUpdate is an update that is tried again.
type FailingUpdate struct {
	Key      inventory.Key
	Attempts uint64    // that failed in a row
	Due      time.Time // zero = it waits for its turn
	Failure
}

// Failing tells of the updates that have failed three times in a row or more, and which of them most often.
func (o *Outbox) Failing() (f Failing, err error) {
	err = o.view(func(tx *bbolt.Tx) error {
		failed := tx.Bucket(bucketFailed)
		c := failed.Cursor()
		n := 0
		for k, _ := c.First(); k != nil && n < 1000; k, _ = c.Next() {
			n++
			r, err := recordOf(tx, k)
			if err != nil {
				return err
			}
			if r.attempts < failingFrom {
				continue
			}
			f.Count++
			if f.Worst != nil && f.Worst.Attempts >= r.attempts {
				continue
			}
			w := FailingUpdate{Attempts: r.attempts}
			if w.Key, err = inventory.DecodeKey(k[8:]); err != nil {
				return fmt.Errorf("record %x: %w", k, ErrDamaged)
			}
			if r.due != 0 {
				w.Due = time.Unix(0, r.due)
			}
			if err := getJSON(failed, k, &w.Failure); err != nil {
				return err
			}
			f.Worst = &w
		}
		return nil
	})
	return f, err
}

package outbox

import (
	"context"
	"errors"
	"time"
)

// resendChunk is how many records are looked at, and made pending again, in one transaction.
const resendChunk = 8192

// Resend makes every last wanted quantity pending again, dead letters too, forgets the ledger, and says how many updates
// that are. What it began is finished by Resume where it was interrupted.
func (o *Outbox) Resend(ctx context.Context) (n int64, err error) {
	o.intake.Lock()
	defer o.intake.Unlock()
	defer o.holdBack()()
	if err := o.finish(); err != nil {
		return 0, err
	}
	err = o.update(func(t *txn) error {
		t.state.Resending, t.state.Resent, t.state.Forgotten = true, nil, true
		t.state.Round = Round{Began: time.Now().UTC()}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return o.resend(ctx)
}

// resend goes on with what Resend began, in this life or another. intake is held.
func (o *Outbox) resend(ctx context.Context) (n int64, err error) {
	for {
		if ctx.Err() != nil {
			return n, context.Cause(ctx)
		}
		o.mu.Lock()
		on := o.state.Resending
		o.mu.Unlock()
		if !on {
			return n, nil
		}
		some := 0
		err := o.update(func(t *txn) (err error) {
			some, t.state.Resent, err = t.again(t.state.Resent, nil, time.Now())
			t.state.Resending = t.state.Resent != nil
			return err
		})
		if err != nil {
			return n, err
		}
		n += int64(some)
	}
}

// ResendSome is Resend for the keys that which picks, and says how many they are. What was interrupted is not finished by
// itself.
func (o *Outbox) ResendSome(ctx context.Context, which func(Known) bool) (n int64, err error) {
	o.intake.Lock()
	defer o.intake.Unlock()
	if err := o.finish(); err != nil {
		return 0, err
	}
	var last []byte
	for {
		if ctx.Err() != nil {
			return n, context.Cause(ctx)
		}
		some := 0
		err := o.update(func(t *txn) (err error) {
			some, last, err = t.again(last, which, time.Now())
			return errs(err, nothing(some))
		})
		if err != nil && !errors.Is(err, errNothing) {
			return n, err
		}
		n += int64(some)
		if last == nil {
			return n, nil
		}
	}
}

// again makes the records after a disk key pending again, as many as one transaction takes, of those that which picks
// (nil = all). It answers how many, and the last disk key that it looked at; nil = there are no more.
func (t *txn) again(after []byte, which func(Known) bool, now time.Time) (n int, last []byte, err error) {
	keys := nextKeys(t.keys, after, resendChunk)
	if len(keys) == 0 {
		return 0, nil, nil
	}
	age := t.nextAge(now)
	for _, disk := range keys {
		r, ok, err := t.get(disk)
		if err != nil {
			return 0, nil, err
		}
		if !ok || !r.is(flagWanted|flagAcked) {
			continue
		}
		if which != nil {
			k, err := known(disk, &r)
			if err != nil {
				return 0, nil, err
			}
			if !which(k) {
				continue
			}
		}
		if err := t.sendAgain(disk, &r, age, true); err != nil {
			return 0, nil, err
		}
		n++
	}
	return n, keys[len(keys)-1], nil
}

// sendAgain makes a record pending again at its last wanted quantity, and writes it. With forget, what the API acknowledged
// is forgotten.
func (t *txn) sendAgain(disk []byte, r *record, age uint64, forget bool) error {
	was := *r
	if !r.is(flagWanted) { // what a discarded dead letter left
		r.wanted = r.acked
		r.set(flagWanted)
	}
	if forget {
		r.clear(flagAcked | flagAckedAt)
	}
	if err := t.wait(disk, &was, r, age); err != nil {
		return err
	}
	t.count(&was, r)
	return t.put(disk, r)
}

package outbox

import (
	"errors"
	"time"
)

// Round is how far a round has come in which everything is sent once more (resend_all), a slice at a time.
type Round struct {
	Began time.Time `json:"began"`        // the last one, or when all was made pending again for another reason; zero = never
	On    bool      `json:"on,omitempty"` // it is under way, and
	At    []byte    `json:"at,omitempty"` // this is the key on disk up to which it is done; never changed in place
	Keys  int64     `json:"keys"`         // that it has made pending again
}

// Repeated is what Repeat has done.
type Repeated struct {
	Round
	Begun bool      // the round, just now
	Known int64     // then: how many keys there are
	Ended bool      // it is done
	Next  time.Time // when Repeat has something to do again; not after now = as soon as nothing waits
}

// repeatPause is how long Repeat is to be left alone where something waits, or is being taken in.
const repeatPause = time.Second

// repeatLook is how many records a slice looks at in one go.
const repeatLook = 256

// Repeat makes the next up to n keys pending again at their last wanted quantity, while nothing waits in the queue, in
// rounds that begin every so often. What is acknowledged stays so, and dead letters have their own tries. A round goes on
// where it was after a restart; Resend and another destination start the clock anew.
func (o *Outbox) Repeat(every time.Duration, n int, now time.Time) (rep Repeated, err error) {
	if !o.intake.TryLock() { // last wanted quantities are being decided on
		return Repeated{Next: now.Add(repeatPause)}, nil
	}
	defer o.intake.Unlock()
	err = o.update(func(t *txn) error {
		rep = Repeated{Next: now.Add(repeatPause)}
		if k, _ := t.queue.Cursor().First(); k != nil || o.held() {
			return errNothing
		}
		round := &t.state.Round
		if !round.On {
			if at := t.state.nextRound(every, now); at.After(now) {
				rep.Next = at
				return errNothing
			}
			*round = Round{Began: now.UTC(), On: true}
			rep.Begun, rep.Known = true, int64(t.keys.Stats().KeyN)
		}
		if err := t.slice(round, n, now); err != nil {
			return err
		}
		rep.Round, rep.Ended, rep.Next = *round, !round.On, now
		return nil
	})
	if errors.Is(err, errNothing) {
		err = nil
	}
	return rep, err
}

// nextRound is when the next round begins. Where the clock was ahead when the last one began, that is at once.
func (s *state) nextRound(every time.Duration, now time.Time) time.Time {
	last := s.Round.Began
	if last.IsZero() {
		last = s.Created
	}
	if last.Sub(now) > fresh {
		return now
	}
	return last.Add(every)
}

// slice makes the next up to n keys of a round pending again.
func (t *txn) slice(round *Round, n int, now time.Time) error {
	age := t.nextAge(now)
	made := 0
	for looked := 0; looked < resendChunk && made < n; {
		keys := nextKeys(t.keys, round.At, min(n-made, repeatLook))
		if len(keys) == 0 {
			round.On, round.At = false, nil
			break
		}
		for _, disk := range keys {
			r, err := recordOf(t.tx, disk)
			if err != nil {
				return err
			}
			if !r.is(flagAcked) || r.is(flagPending|flagDead) {
				continue
			}
			if err := t.sendAgain(disk, &r, age, false); err != nil {
				return err
			}
			made++
		}
		looked += len(keys)
		round.At = keys[len(keys)-1]
	}
	round.Keys += int64(made)
	return nil
}

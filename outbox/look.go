package outbox

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"iter"
	"time"

	"go.etcd.io/bbolt"

	"tillpost/inventory"
)

// Stats are what can be told of the outbox at a glance.
type Stats struct {
	Counters
	Created       time.Time
	LastAck       time.Time // zero = never
	OldestPending time.Time // since when the key waits that has waited longest; zero = none waits
	InFlight      int       // requests that may be on their way
	Paused        bool      // by command
	Destination   string
	Reasons       Reasons  // the rejects over time, by their class
	Listed        int64    // rejects that are listed
	Held          int64    // exports that guards hold
	Rebuilt       *Rebuilt // it took the place of one that could not be used any more; nil = it did not
}

// Stats reads the figures, all of one moment of the file. What is accepted and not applied counts as pending; where such
// a key waits already, it counts twice for that while. The oldest may be a little older than it is true while an entry of
// the queue is stale.
func (o *Outbox) Stats() (s Stats, err error) {
	var st state
	var unapplied, listed, held int64
	err = o.view(func(tx *bbolt.Tx) error {
		intakes := tx.Bucket(bucketIntakes)
		err := intakes.ForEach(func(k, _ []byte) error {
			var in intakeRecord
			err := getJSON(intakes, k, &in)
			unapplied += in.Left
			return err
		})
		held = int64(tx.Bucket(bucketHeld).Stats().KeyN)
		sources := tx.Bucket(bucketSources)
		err = errs(err, sources.ForEach(func(k, _ []byte) error {
			var one Source
			err := getJSON(sources, k, &one)
			for _, ref := range one.Lists {
				listed += ref.Count + ref.More
			}
			return err
		}))
		return errs(err, getJSON(tx.Bucket(bucketMeta), keyState, &st))
	})
	if err != nil {
		return s, err
	}
	s = Stats{Counters: st.Counters, Created: st.Created, LastAck: st.LastAck, Paused: st.Paused, Destination: st.Destination, Reasons: st.Reasons, Listed: listed, Held: held,
		Rebuilt: st.Rebuilt}
	s.Pending += unapplied
	var leased [][]byte
	o.mu.Lock()
	for _, l := range o.leases {
		if l.sent {
			s.InFlight++
		}
		leased = append(leased, l.disk)
	}
	o.mu.Unlock()
	if s.Pending == 0 {
		return s, nil
	}
	oldest, err := o.oldest(leased)
	if oldest > 0 {
		s.OldestPending = time.Unix(0, int64(oldest))
	}
	return s, err
}

// oldest is the least age in the queue, and of the keys that are leased or wait for their time; 0 = there is none.
func (o *Outbox) oldest(leased [][]byte) (oldest uint64, err error) {
	older := func(age uint64) {
		if age != 0 && (oldest == 0 || age < oldest) {
			oldest = age
		}
	}
	err = o.view(func(tx *bbolt.Tx) error {
		c := tx.Bucket(bucketQueue).Cursor()
		for class := range byte(classDead) {
			if p, ok := parseQueueKey(first(c.Seek([]byte{class}))); ok && p.class == class {
				older(p.age)
			}
		}
		keys := tx.Bucket(bucketKeys)
		record := func(disk []byte) error {
			if v := keys.Get(disk); v != nil {
				r, err := parseRecord(disk, v)
				if err == nil && r.is(flagPending) {
					older(r.age)
				}
				return err
			}
			return nil
		}
		for _, disk := range leased {
			if err := record(disk); err != nil {
				return err
			}
		}
		due := tx.Bucket(bucketDue).Cursor()
		n := 0
		for k, _ := due.First(); k != nil && n < 1000; k, _ = due.Next() { // enough for a figure that people read
			if err := record(k[8:]); err != nil {
				return err
			}
			n++
		}
		return nil
	})
	return oldest, err
}

func first(k, _ []byte) []byte { return k }

// Known is what the outbox knows of one key.
type Known struct {
	Key       inventory.Key
	Wanted    *int64    // last wanted; nil = nothing
	Acked     *int64    // acknowledged last; nil = nothing
	AckedAt   time.Time // when; zero = not known
	Pending   bool
	Dead      bool
	Again     bool // a dead letter that is in the queue again
	Doubt     bool // an older request may still land
	Confirm   bool // pending only because it is sent once more
	Since     time.Time
	Due       time.Time
	Attempts  uint64
	Source    uint64 // the number of the source whose export set Wanted; 0 = not known
	Export    uint64 // that set Wanted, and
	Line      uint64 // the line of it
	RankNamed uint64
}

// Lookup returns what is known of a key; ErrUnknown where that is nothing.
func (o *Outbox) Lookup(key []byte) (k Known, err error) {
	disk := diskKey(key)
	err = o.view(func(tx *bbolt.Tx) error {
		v := tx.Bucket(bucketKeys).Get(disk)
		if v == nil {
			return ErrUnknown
		}
		r, err := parseRecord(disk, v)
		if err != nil {
			return fmt.Errorf("record %x: %w", disk, err)
		}
		k, err = known(disk, &r)
		return err
	})
	return k, err
}

// LastWanted tells of each encoded key the quantity that an export's row is compared with; nil where any is news. All of
// it is of one moment.
func (o *Outbox) LastWanted(keys [][]byte) ([]*int64, error) {
	out := make([]*int64, len(keys))
	return out, o.view(func(tx *bbolt.Tx) error {
		b := tx.Bucket(bucketKeys)
		for i, key := range keys {
			disk := diskKey(key)
			v := b.Get(disk)
			if v == nil {
				continue
			}
			r, err := parseRecord(disk, v)
			if err != nil {
				return fmt.Errorf("record %x: %w", disk, err)
			}
			if q, ok := r.last(); ok {
				out[i] = &q
			}
		}
		return nil
	})
}

func known(disk []byte, r *record) (k Known, err error) {
	if k.Key, err = inventory.DecodeKey(disk[8:]); err != nil {
		return Known{}, fmt.Errorf("record %x: %w", disk, ErrDamaged)
	}
	if r.is(flagWanted) {
		k.Wanted = new(r.wanted)
	}
	if r.is(flagAcked) {
		k.Acked = new(r.acked)
	}
	if r.is(flagAckedAt) {
		k.AckedAt = time.Unix(int64(r.ackedAt), 0)
	}
	k.Pending, k.Dead = r.is(flagPending), r.is(flagDead)
	k.Again = r.is(flagAgain)
	k.Doubt, k.Confirm = r.is(flagDoubt|flagDoubtMany), r.is(flagConfirm)
	if k.Pending {
		k.Since = time.Unix(0, int64(r.age))
	}
	if r.due != 0 {
		k.Due = time.Unix(0, r.due)
	}
	k.Attempts, k.Source, k.Export, k.Line, k.RankNamed = r.attempts, r.source, r.export, r.line, r.rank
	return k, nil
}

// pageKeys is how many records one reading transaction of All gives: a long one would keep bbolt from reusing pages.
const pageKeys = 1000

// All gives everything known, in the order of the file, in short transactions: what changes meanwhile may be missed.
func (o *Outbox) All() iter.Seq2[Known, error] {
	return func(yield func(Known, error) bool) {
		var after []byte
		for {
			page, last, err := o.page(after)
			if err != nil {
				yield(Known{}, err)
				return
			}
			for _, k := range page {
				if !yield(k, nil) {
					return
				}
			}
			if last == nil {
				return
			}
			after = last
		}
	}
}

func (o *Outbox) page(after []byte) (page []Known, last []byte, err error) {
	err = o.view(func(tx *bbolt.Tx) error {
		c := tx.Bucket(bucketKeys).Cursor()
		k, v := c.Seek(after)
		if k != nil && bytes.Equal(k, after) {
			k, v = c.Next()
		}
		for ; k != nil && len(page) < pageKeys; k, v = c.Next() {
			r, err := parseRecord(k, v)
			if err != nil {
				return fmt.Errorf("record %x: %w", k, err)
			}
			one, err := known(k, &r)
			if err != nil {
				return err
			}
			page = append(page, one)
			last = bytes.Clone(k)
		}
		return nil
	})
	return page, last, err
}

// DeadLetter returns the dead letter of a key; ErrUnknown where there is none.
func (o *Outbox) DeadLetter(key []byte) (d DeadLetter, err error) {
	disk := diskKey(key)
	err = o.view(func(tx *bbolt.Tx) error {
		d, err = (&txn{dead: tx.Bucket(bucketDead)}).deadLetter(disk)
		return err
	})
	return d, err
}

// hashIn reads the i-th hash of a row of queue or leases.
func hashIn(row []byte, i int) uint64 { return binary.BigEndian.Uint64(row[8*i:]) }

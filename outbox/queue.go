package outbox

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"go.etcd.io/bbolt"
)

// rowHashes is how many hashes a row of the queue holds at the most: enough that a row costs little, few enough that
// rewriting a row of which a part was leased costs little too.
const rowHashes = 100

// MaxLease is the most that one Turn hands out.
const MaxLease = 1024

// place is where in the queue a key stands: its class, then its age.
type place struct {
	class byte
	age   uint64
}

// enqueue puts a key into the queue, where its record says. The row is written at the end of the transaction.
func (t *txn) enqueue(key []byte, r *record) error {
	p := place{r.class(), r.age}
	row := append(t.rows[p], key[:8]...)
	if len(row) < 8*rowHashes {
		t.rows[p] = row
		return nil
	}
	delete(t.rows, p)
	return t.putRow(p, row)
}

func (t *txn) putRow(p place, hashes []byte) error {
	t.state.Row++
	key := queueKey(p, t.state.Row)
	return t.queue.Put(key, seal(key, hashes))
}

// flushRows writes the rows that enqueue began, in the order of their places.
func (t *txn) flushRows() error {
	places := slices.SortedFunc(maps.Keys(t.rows), func(a, b place) int {
		return cmp.Or(cmp.Compare(a.class, b.class), cmp.Compare(a.age, b.age))
	})
	for _, p := range places {
		if err := t.putRow(p, t.rows[p]); err != nil {
			return err
		}
	}
	clear(t.rows)
	return nil
}

func queueKey(p place, row uint64) []byte {
	b := append(make([]byte, 0, 17), p.class)
	b = binary.BigEndian.AppendUint64(b, p.age)
	return binary.BigEndian.AppendUint64(b, row)
}

func parseQueueKey(k []byte) (place, bool) {
	if len(k) != 17 || k[0] >= classes {
		return place{}, false
	}
	return place{k[0], binary.BigEndian.Uint64(k[1:])}, true
}

// head is the front of one class of the queue while a lease is picked.
type head struct {
	class  byte
	c      *bbolt.Cursor
	key    []byte // of the row; nil = the class is empty
	at     place
	hashes []byte // of the row, not picked yet
	begun  bool   // some of the row are picked
}

// next makes sure that the head stands on a row with hashes left, noting in gone the rows that are used up.
func (h *head) next(gone *[][]byte) error {
	for h.key == nil || len(h.hashes) == 0 {
		var k, v []byte
		if h.key == nil {
			k, v = h.c.Seek([]byte{h.class})
		} else {
			*gone = append(*gone, h.key)
			k, v = h.c.Next()
		}
		p, ok := parseQueueKey(k)
		if k == nil || k[0] != h.class {
			h.key, h.hashes, h.c = nil, nil, nil
			return nil
		}
		hashes, err := unseal(k, v)
		if err != nil || !ok {
			return fmt.Errorf("row %x of the queue: %w", k, ErrDamaged)
		}
		h.key, h.at, h.hashes, h.begun = bytes.Clone(k), p, bytes.Clone(hashes), false
	}
	return nil
}

// Lease is one key handed to the drain.
type Lease struct {
	Key      []byte // inventory's encoded key
	Attempts uint64 // that failed in a row before
	Again    bool   // a dead letter tried once more
	Known    bool   // the API has acknowledged something for the key before
	Canary   bool   // Outbox.Canary has handed it out
	Ledger   bool   // such a one with its ledger quantity, for nothing waited

	disk     []byte // hash8 + key
	id       string // Key, as Outbox.leases has it
	ends     uint64 // the number of the transaction that has resolved it, if it was committed
	block    uint64 // the row of leases that holds it
	rev      uint64 // of quantity
	quantity int64
	sent     bool // Take was called: its request may have left
	idle     bool // with Ledger: still nothing waits

	withdrawn bool // nobody wants it any more, and it was not sent, and
	kept      bool // Take has seen that
}

// errNothing ends a transaction that has nothing to write.
var errNothing = errors.New("nothing to write")

// Turn is the drain's whole dealing with the file, one transaction: it resolves the leases that were answered and hands
// out up to n new ones (at most MaxLease), what could oversell first and every fourth time the oldest of all (promise 9).
// Until the API has acknowledged something, updates with stock alternate with those to zero: what is discontinued is at
// zero, and the API may know none of it.
// Nothing is handed out while a look is being applied. After an error nothing is resolved: the results are to be given
// again.
func (o *Outbox) Turn(results []Result, n int, now time.Time) ([]*Lease, error) {
	var leases []*Lease
	ahead := o.aheadBy(now)
	err := o.update(func(t *txn) error {
		shifted, err := t.followClock(now, ahead)
		if err != nil {
			return err
		}
		if err := t.resolve(results, now); err != nil {
			return err
		}
		woken, gone := 0, 0
		if n > 0 && !o.held() {
			if err = t.wakeDue(now, &woken); err != nil {
				return err
			}
			if err := t.flushRows(); err != nil { // so that what waits again can be picked at once
				return err
			}
			if leases, gone, err = t.lease(min(n, MaxLease)); err != nil {
				return err
			}
		}
		if t.resolved+shifted+woken+len(leases)+gone == 0 {
			return errNothing
		}
		return nil
	})
	if err != nil && !errors.Is(err, errNothing) {
		return nil, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.begun.IsZero() {
		o.begun = now
	}
	o.followed += ahead
	return leases, nil
}

// held reports whether nothing may be leased now. It is asked inside the transaction: what is accepted after it waits.
func (o *Outbox) held() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.hold > 0 || o.unresumed
}

// aheadBy is by how much the clock was set since what waits has followed it last: forward, or back where it is below 0. It
// tells by the monotonic readings of this life's times; 0 = by nothing worth while, or there are none.
func (o *Outbox) aheadBy(now time.Time) time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.begun.IsZero() {
		return 0
	}
	ahead := now.Round(0).Sub(o.begun.Round(0)) - now.Sub(o.begun) - o.followed
	if ahead.Abs() < time.Second {
		return 0
	}
	return ahead
}

// followClock lets what waits follow a clock that was set, and says for how many updates that changes the moment for which they
// wait. After it went back none waits longer than it would have: not for years because the clock of a till was wrong for a
// day. After it went forward what is to be sent once more keeps its quiet time, for what may land late knows of no clock; to
// the others it does no harm to go early. Of what happened while the outbox was not open only a clock that is behind the last
// Turn tells; where it was set forward then, nobody can.
func (t *txn) followClock(now time.Time, ahead time.Duration) (shifted int, err error) {
	if back := t.state.Clock.Sub(now); ahead == 0 && back > fresh {
		ahead = -back
	}
	t.state.Clock = now.UTC()
	if ahead == 0 {
		return 0, nil
	}
	return t.shiftDue(ahead, func(r *record) bool { return ahead < 0 || r.is(flagConfirm) })
}

// shiftDue lets what waits and is one of which wait until that much later.
func (t *txn) shiftDue(by time.Duration, which func(*record) bool) (n int, err error) {
	var due [][]byte
	c := t.due.Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		if _, err := unseal(k, v); err != nil || len(k) < 16 {
			return 0, fmt.Errorf("row %x of due: %w", k, ErrDamaged)
		}
		due = append(due, bytes.Clone(k))
	}
	for _, k := range due {
		disk := k[8:]
		r, ok, err := t.get(disk)
		if err != nil {
			return 0, err
		}
		if !ok {
			return 0, fmt.Errorf("row %x of due: %w: it has no record", k, ErrDamaged)
		}
		if !which(&r) {
			continue
		}
		r.due = max(1, r.due+int64(by))
		if err := errs(t.due.Delete(k), t.putDue(r.due, disk), t.put(disk, &r)); err != nil {
			return 0, err
		}
		n++
	}
	return n, nil
}

// wakeDue moves what is due into the queue, a bounded number at a time, and counts it.
func (t *txn) wakeDue(now time.Time, woken *int) error {
	var due [][]byte
	c := t.due.Cursor()
	for k, v := c.First(); k != nil && len(due) < 4*MaxLease; k, v = c.Next() {
		if _, err := unseal(k, v); err != nil || len(k) < 16 {
			return fmt.Errorf("row %x of due: %w", k, ErrDamaged)
		}
		if int64(binary.BigEndian.Uint64(k)) > now.UnixNano() {
			break
		}
		due = append(due, bytes.Clone(k))
	}
	for _, k := range due {
		if err := t.due.Delete(k); err != nil {
			return err
		}
		r, ok, err := t.get(k[8:])
		if err != nil {
			return err
		}
		if !ok || r.due != int64(binary.BigEndian.Uint64(k)) {
			return fmt.Errorf("row %x of due: %w: its record says otherwise", k, ErrDamaged)
		}
		if r.is(flagConfirm) && r.attempts == 0 {
			r.noDoubt() // what could land late has had its time: from here on only tries to confirm are in doubt
		}
		r.retryAt(0, r.attempts)
		if r.is(flagDead) {
			r.set(flagAgain)
			r.age = t.nextAge(now)
		}
		if err := errs(t.put(k[8:], &r), t.enqueue(k[8:], &r)); err != nil {
			return err
		}
	}
	*woken += len(due)
	return nil
}

// lease takes up to n keys off the queue and writes them down as leased. entries is how many entries of the queue it
// has used up, stale ones too.
func (t *txn) lease(n int) (picked []*Lease, entries int, err error) {
	heads := make([]*head, classes)
	for i := range heads {
		heads[i] = &head{class: byte(i), c: t.queue.Cursor()}
	}
	var gone [][]byte
	var slab []Lease // some of them in one piece
	taken := make(map[uint64]bool, n)
	keys := lookup{c: t.cursor}
	for len(picked) < n {
		h, err := t.pick(heads, &gone)
		if err != nil {
			return nil, 0, err
		}
		if h == nil {
			break
		}
		hash := binary.BigEndian.Uint64(h.hashes)
		at := h.at
		h.hashes, h.begun = h.hashes[8:], true
		entries++
		again := taken[hash]
		taken[hash] = true
		err = t.sameHash(&keys, hash, func(key []byte, r record) error {
			// An entry that fits no record is stale: the key has another place by now, is done, waits for its time or is leased.
			if !r.queued() || r.class() != at.class || r.age != at.age || t.leased(key[8:]) || again && isPicked(picked, key) {
				return nil
			}
			t.state.Turn++
			if len(slab) == cap(slab) {
				slab = make([]Lease, 0, min(leaseSlab, n-len(picked)))
			}
			slab = append(slab, Lease{Key: key[8:], disk: key, rev: r.rev, quantity: r.wanted,
				Attempts: r.attempts, Again: r.is(flagAgain), Known: r.is(flagAcked)})
			picked = append(picked, &slab[len(slab)-1])
			return nil
		})
		if err != nil {
			return nil, 0, err
		}
	}
	if err := t.trim(heads, gone); err != nil {
		return nil, 0, err
	}
	return picked, entries, t.block(picked)
}

// leaseSlab is how many leases are allocated at once.
const leaseSlab = 64

func isPicked(picked []*Lease, disk []byte) bool {
	return slices.ContainsFunc(picked, func(l *Lease) bool { return bytes.Equal(l.disk, disk) })
}

// pick says from which class the next one comes; nil when nothing is left. Promise 9.
func (t *txn) pick(heads []*head, gone *[][]byte) (*head, error) {
	var first, stocked, oldest *head
	for _, h := range heads[:classDead] {
		if h.c == nil {
			continue
		}
		if err := h.next(gone); err != nil {
			return nil, err
		}
		if h.key == nil {
			continue
		}
		if first == nil {
			first = h
		}
		if stocked == nil && h.class != classZero {
			stocked = h
		}
		if oldest == nil || h.at.age < oldest.at.age {
			oldest = h
		}
	}
	switch unproven := t.state.unproven(); {
	case unproven && stocked != nil && t.state.Turn%2 == 0:
		first = stocked
	case !unproven && t.state.Turn%4 == 3:
		first = oldest
	}
	if first != nil {
		return first, nil
	}
	dead := heads[classDead]
	if dead.c == nil {
		return nil, nil
	}
	if err := dead.next(gone); err != nil || dead.key == nil {
		return nil, err
	}
	return dead, nil
}

// trim removes the rows that are used up and shortens those of which a part was taken.
func (t *txn) trim(heads []*head, gone [][]byte) error {
	for _, k := range gone {
		if err := t.queue.Delete(k); err != nil {
			return err
		}
	}
	for _, h := range heads {
		var err error
		switch {
		case h.key == nil || !h.begun:
		case len(h.hashes) == 0:
			err = t.queue.Delete(h.key)
		default:
			err = t.queue.Put(h.key, seal(h.key, h.hashes))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// block writes one row of leases.
func (t *txn) block(leases []*Lease) error {
	if len(leases) == 0 {
		return nil
	}
	t.state.Row++
	row := t.state.Row
	var hashes []byte
	for _, l := range leases {
		l.block, l.id = row, string(l.Key)
		hashes = append(hashes, l.disk[:8]...)
	}
	t.after = append(t.after, func() {
		for _, l := range leases {
			t.o.leases[l.id] = l
		}
		t.o.blocks[row] = len(leases)
	})
	return t.leases.Put(id8(row), seal(id8(row), hashes))
}

// leased reports whether the key is handed out, as this transaction will leave it.
func (t *txn) leased(key []byte) bool {
	t.o.mu.Lock()
	defer t.o.mu.Unlock()
	l := t.o.leases[string(key)]
	return l != nil && l.ends != t.number
}

// Take is called just before the request of a lease leaves and says what to send: the newest quantity, which may be
// newer than at the time of the lease. An older one is never sent after it. Promise 3 of the contract. See Withdrawn.
func (o *Outbox) Take(l *Lease) int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	l.kept = l.withdrawn
	l.sent = !l.kept
	return l.quantity
}

// releaseLeases is what a start makes of the leases that another life left: each that still waits is in doubt and goes
// back to its place.
func (o *Outbox) releaseLeases() error {
	var rows [][]byte
	err := o.view(func(tx *bbolt.Tx) error {
		return tx.Bucket(bucketLeases).ForEach(func(k, _ []byte) error {
			rows = append(rows, bytes.Clone(k))
			return nil
		})
	})
	if err != nil || len(rows) == 0 {
		return err
	}
	return o.update(func(t *txn) error {
		for _, row := range rows {
			hashes, err := unseal(row, t.leases.Get(row))
			if err != nil {
				return fmt.Errorf("row %x of leases: %w", row, err)
			}
			for ; len(hashes) >= 8; hashes = hashes[8:] {
				if err := t.sameHash(&lookup{c: t.cursor}, binary.BigEndian.Uint64(hashes), t.orphan); err != nil {
					return err
				}
			}
			if err := t.leases.Delete(row); err != nil {
				return err
			}
		}
		return nil
	})
}

// orphan puts a key that another life had leased back into the queue, in doubt.
func (t *txn) orphan(key []byte, r record) error {
	if !r.queued() {
		return nil
	}
	if r.is(flagChanged) {
		r.doubtAny()
	} else {
		r.doubt(r.wanted)
	}
	r.clear(flagChanged)
	return errs(t.put(key, &r), t.enqueue(key, &r))
}

// NextDue says when the first key that waits for its time is due; ok is false where none does.
func (o *Outbox) NextDue() (at time.Time, ok bool, err error) {
	err = o.view(func(tx *bbolt.Tx) error {
		k, _ := tx.Bucket(bucketDue).Cursor().First()
		if len(k) >= 8 {
			at, ok = time.Unix(0, int64(binary.BigEndian.Uint64(k))), true
		}
		return nil
	})
	return at, ok, err
}

// Queued reports whether a Turn may hand out something: the queue holds anything, stale or not, and nothing is being
// applied.
func (o *Outbox) Queued() (queued bool, err error) {
	o.mu.Lock()
	held := o.hold > 0 || o.unresumed
	o.mu.Unlock()
	if held {
		return false, nil
	}
	err = o.view(func(tx *bbolt.Tx) error {
		k, _ := tx.Bucket(bucketQueue).Cursor().First()
		queued = k != nil
		return nil
	})
	return queued, err
}

// errs returns the first error.
func errs(list ...error) error {
	for _, err := range list {
		if err != nil {
			return err
		}
	}
	return nil
}

package outbox

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"go.etcd.io/bbolt"
)

// maxComplaints is how many broken promises Check tells of.
const maxComplaints = 20

// Check reads the whole file and tells which of the package's promises it breaks, and what bbolt finds in its pages; nil =
// none. It is slow, sees one moment of the file, and is for files that are known to be whole: see Verify.
func (o *Outbox) Check() error {
	_, err := o.verify(context.Background(), true)
	return err
}

// Verify is Check for the outbox of a store, which may be damaged, and at work: it counts the keys, and ends soon when ctx
// does, with an error that wraps ctx's cause. Nothing can be written while it reads. It leaves out bbolt's look at the
// pages, which on a damaged one may run without end in a goroutine that nobody can stop; every value is read all the same.
func (o *Outbox) Verify(ctx context.Context) (keys int64, err error) {
	return o.verify(ctx, false)
}

func (o *Outbox) verify(ctx context.Context, pages bool) (keys int64, err error) {
	o.write.Lock() // so that the leases in memory are those of the file
	defer o.write.Unlock()
	c := &checker{ctx: ctx, o: o}
	err = o.view(func(tx *bbolt.Tx) error {
		c.promises(tx)
		if !pages {
			return nil
		}
		for err := range tx.Check() {
			c.add("bbolt: %v", err)
		}
		return nil
	})
	if ctx.Err() != nil {
		return c.count, fmt.Errorf("verify the outbox in %s: %w", o.dir, context.Cause(ctx))
	}
	if err = errors.Join(append(c.complaints, err)...); errors.Is(err, ErrDamaged) {
		o.file.hurt.Store(true) // the next start looks again, and sets it aside
	}
	return c.count, err
}

// promises looks for each of them.
func (c *checker) promises(tx *bbolt.Tx) {
	c.tx = tx
	c.queue()
	c.leases()
	c.due()
	c.keys()
	c.dead()
	c.files()
	c.counters()
}

func (c *checker) counters() {
	c.o.mu.Lock()
	defer c.o.mu.Unlock()
	want := c.o.state.Counters
	want.Pending, want.Dead, want.Unknown, want.Doubtful = c.pending, c.deads, c.unknown, c.doubtful
	if c.o.state.Counted {
		want.Settled = c.settled
	}
	if c.o.state.Counters != want {
		c.add("promise 5: the counters are %+v, the records say %+v", c.o.state.Counters, want)
	}
}

type checker struct {
	ctx        context.Context // of the one call
	o          *Outbox
	file       bool // it is the file alone that is looked at, as a stop of any kind has left it
	tx         *bbolt.Tx
	complaints []error

	queued map[place]map[uint64]bool
	leased map[uint64]bool
	dues   map[string]int64 // disk key -> due

	count, pending, deads, unknown, doubtful, settled int64
}

func (c *checker) add(format string, args ...any) {
	if len(c.complaints) < maxComplaints {
		c.complaints = append(c.complaints, fmt.Errorf(format, args...))
	}
}

func (c *checker) each(bucket []byte, fn func(k, v []byte) error) {
	var last []byte
	err := c.tx.Bucket(bucket).ForEach(func(k, v []byte) error {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		if last != nil && bytes.Compare(last, k) >= 0 {
			c.add("%s %x: %w: it stands after %x", bucket, k, ErrDamaged, last)
		}
		last = k
		if err := fn(k, v); err != nil {
			c.add("%s %x: %w", bucket, k, err)
		}
		return nil
	})
	if err != nil {
		c.add("%s: %w", bucket, err)
	}
}

func (c *checker) queue() {
	c.queued = map[place]map[uint64]bool{}
	c.each(bucketQueue, func(k, v []byte) error {
		p, ok := parseQueueKey(k)
		row, err := unseal(k, v)
		if err != nil || !ok || len(row)%8 != 0 || len(row) == 0 {
			return ErrDamaged
		}
		if c.queued[p] == nil {
			c.queued[p] = map[uint64]bool{}
		}
		for i := range len(row) / 8 {
			c.queued[p][hashIn(row, i)] = true
		}
		return nil
	})
}

func (c *checker) leases() {
	c.leased = map[uint64]bool{}
	c.each(bucketLeases, func(k, v []byte) error {
		row, err := unseal(k, v)
		for i := range len(row) / 8 {
			c.leased[hashIn(row, i)] = true
		}
		return err
	})
	c.o.mu.Lock()
	defer c.o.mu.Unlock()
	for key, l := range c.o.leases {
		if !c.leased[binary.BigEndian.Uint64(l.disk)] {
			c.add("promise 2: %q is handed out and not in leases", key)
		}
	}
}

func (c *checker) due() {
	c.dues = map[string]int64{}
	c.each(bucketDue, func(k, v []byte) error {
		if _, err := unseal(k, v); err != nil || len(k) < 17 {
			return ErrDamaged
		}
		if _, twice := c.dues[string(k[8:])]; twice {
			c.add("promise 1: key %x is due twice", k[8:])
		}
		c.dues[string(k[8:])] = int64(binary.BigEndian.Uint64(k))
		return nil
	})
}

func (c *checker) keys() {
	dead, failed := newAlong(c.tx.Bucket(bucketDead)), newAlong(c.tx.Bucket(bucketFailed))
	c.each(bucketKeys, func(k, v []byte) error {
		c.count++
		hasDead, hasFailed := dead.has(k), failed.has(k)
		r, err := parseRecord(k, v)
		if err != nil {
			return err
		}
		if !validKey(k[8:]) || binary.BigEndian.Uint64(k) != hashOf(k[8:]) {
			return ErrDamaged
		}
		if r.is(flagPending) && r.is(flagDead) || r.is(flagPending|flagDead) && !r.is(flagWanted) || r.is(flagConfirm) && !r.is(flagPending) {
			c.add("record %x: flags %b contradict each other", k, r.flags)
		}
		if due := c.dues[string(k)]; due != r.due {
			c.add("promise 1: record %x is due at %d, the bucket due says %d", k, r.due, due)
		}
		delete(c.dues, string(k))
		if hash := binary.BigEndian.Uint64(k); r.queued() && !c.queued[place{r.class(), r.age}][hash] && !c.isLeased(k) {
			c.add("promise 1: %q waits and stands in no queue", k[8:])
		}
		if hasDead != r.is(flagDead) {
			c.add("record %x: dead is %t, its dead letter is there: %t", k, r.is(flagDead), hasDead)
		}
		if hasFailed != r.is(flagFailed) {
			c.add("record %x: failed is %t, what came of the last try is there: %t", k, r.is(flagFailed), hasFailed)
		}
		c.pending += r.one(flagPending)
		c.deads += r.one(flagDead)
		c.unknown += r.one(flagUnknown)
		c.doubtful += r.one(flagConfirm)
		if r.settled() {
			c.settled++
		}
		return nil
	})
	for k := range c.dues {
		c.add("promise 1: key %x is due and its record does not say so", k)
	}
}

// isLeased reports whether a key is handed out; in a file that nobody has open yet all leases are of a life before.
func (c *checker) isLeased(disk []byte) bool {
	_, leased := c.o.leases[string(disk[8:])]
	return leased || c.file && c.leased[binary.BigEndian.Uint64(disk)]
}

// one is 1 where the record has the flag, else 0.
func (r *record) one(flag uint64) int64 {
	if r.is(flag) {
		return 1
	}
	return 0
}

// along goes along a bucket while keys are asked for in ascending order.
type along struct {
	c   *bbolt.Cursor
	key []byte
}

func newAlong(b *bbolt.Bucket) *along {
	a := &along{c: b.Cursor()}
	a.key, _ = a.c.First()
	return a
}

// has reports whether the bucket has the key.
func (a *along) has(key []byte) bool {
	for a.key != nil && bytes.Compare(a.key, key) < 0 {
		a.key, _ = a.c.Next()
	}
	return bytes.Equal(a.key, key)
}

func (c *checker) dead() {
	c.each(bucketDead, func(k, v []byte) error {
		if c.tx.Bucket(bucketKeys).Get(k) == nil {
			c.add("dead letter %x has no record", k)
		}
		_, err := unseal(k, v)
		return err
	})
	c.each(bucketFailed, func(k, v []byte) error {
		if c.tx.Bucket(bucketKeys).Get(k) == nil {
			c.add("the last try of %x has no record", k)
		}
		_, err := unseal(k, v)
		return err
	})
}

func (c *checker) files() {
	c.each(bucketSources, func(k, _ []byte) error {
		var s Source
		if err := getJSON(c.tx.Bucket(bucketSources), k, &s); err != nil || c.file {
			return err
		}
		c.source(string(k), &s)
		return nil
	})
	c.each(bucketHeld, func(k, _ []byte) error {
		var h Held
		if err := getJSON(c.tx.Bucket(bucketHeld), k, &h); err != nil || c.file {
			return err
		}
		if _, err := os.Stat(c.o.HeldPath(h)); err != nil {
			return err
		}
		set := &namedSet{path: filepath.Join(c.o.dir, "held", h.Set)}
		return set.verify()
	})
	c.each(bucketIntakes, func(k, _ []byte) error {
		var in intakeRecord
		if err := getJSON(c.tx.Bucket(bucketIntakes), k, &in); err != nil || c.file {
			return err
		}
		_, err := os.Stat(filepath.Join(c.o.dir, "spill", in.Delta))
		return err
	})
	for _, bucket := range [][]byte{bucketExports, bucketFiles} {
		c.each(bucket, func(k, v []byte) error {
			_, err := unseal(k, v)
			return err
		})
	}
}

// source looks at the files that a source's record names.
func (c *checker) source(name string, s *Source) {
	for family, ref := range s.Sets {
		set := &namedSet{path: filepath.Join(c.o.dir, "named", ref.File)}
		if err := set.verify(); err != nil {
			c.add("promise 6: the named set of %s, family %s: %w", name, family, err)
		}
	}
	c.trails(name, s)
	for family, ref := range s.Lists {
		n := int64(0)
		for _, err := range eachListed(ref, c.o.listPath(ref), name, 0) {
			if err != nil {
				c.add("the rejects of %s, family %s: %w", name, family, err)
				break
			}
			n++
		}
		if n != ref.Count {
			c.add("the rejects of %s, family %s: they are %d, the source says %d", name, family, n, ref.Count)
		}
	}
}

// trails looks whether the rows of a source's trails are what is last wanted of their keys, where nothing was changed since.
func (c *checker) trails(name string, s *Source) {
	for family := range s.Trails {
		ref, ok := s.trail(family, &c.o.state)
		if !ok {
			continue
		}
		n, err := c.trail(&ref)
		if err == nil && n != ref.Rows {
			err = fmt.Errorf("it has %d rows, the source says %d", n, ref.Rows)
		}
		if err != nil {
			c.add("promise 8: the trail of %s, family %s: %w", name, family, err)
		}
	}
}

// trail counts the rows of a trail. One that is not there, or not whole, is not used.
func (c *checker) trail(ref *TrailRef) (rows int64, err error) {
	file, err := os.Open(filepath.Join(c.o.dir, "named", ref.File))
	if err != nil {
		return ref.Rows, nil
	}
	defer file.Close() // it is only read
	if !ref.whole(file) {
		return ref.Rows, nil
	}
	keys := c.tx.Bucket(bucketKeys)
	r, err := newTrailReader(file, ref.Size)
	for ; err == nil && r.ok; err = r.next() {
		rows++
		disk := diskKey(r.row.key)
		v := keys.Get(disk)
		if v == nil {
			return rows, fmt.Errorf("nothing is known of %x", r.row.key)
		}
		rec, err := parseRecord(disk, v)
		if err != nil {
			return rows, err
		}
		if q, known := rec.last(); rec.rev <= ref.Rev && (!known || q != ref.Stock.Quantity(r.row.figure)) {
			return rows, fmt.Errorf("%x: the trail says %d, the record %d", r.row.key, ref.Stock.Quantity(r.row.figure), q)
		}
	}
	return rows, err
}

package outbox

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"

	"go.etcd.io/bbolt"
)

// An export that is read again in another way (its mapping was edited) has the rank that it had. What its earlier
// readings said of a key, and the new one does not, falls: where it waits it is withdrawn, where the API has it, it is
// listed and stands. An export that is older, and in the same look, speaks of such a key again.

// ReadOtherwise finds, by source, the newest export taken of each file family, where it was read last in another way than
// the source's exports are now. digests are those ways, by source. One that was read again and then refused, or held, was
// read in that way. Records that are forgotten are not found.
func (o *Outbox) ReadOtherwise(digests map[string]string) (map[string][]Export, error) {
	type readings struct {
		taken Export
		last  string // the digest of its last reading
	}
	newest := map[[2]string]*readings{} // by source and family
	var order [][2]string
	err := o.view(func(tx *bbolt.Tx) error {
		b := tx.Bucket(bucketExports)
		return b.ForEach(func(k, _ []byte) error {
			var e Export
			if err := getJSON(b, k, &e); err != nil {
				return err
			}
			f := [2]string{e.Source, e.Family}
			n := newest[f]
			switch {
			case digests[e.Source] == "":
			case e.Refused != "":
				if n != nil && e.Rereads == n.taken.ID {
					n.last = e.Digest
				}
			case n == nil:
				newest[f] = &readings{e, e.Digest}
				order = append(order, f)
			case e.Rank >= n.taken.Rank:
				*n = readings{e, e.Digest}
			}
			return nil
		})
	})
	list := map[string][]Export{}
	for _, f := range order {
		if n := newest[f]; n.last != digests[f[0]] {
			list[f[0]] = append(list[f[0]], n.taken)
		}
	}
	return list, err
}

// HoldBack keeps the drain from getting anything until the function that it returns is called, which may be called again.
func (o *Outbox) HoldBack() (release func()) { return sync.OnceFunc(o.holdBack()) }

// Unnamed is a key that an export does not name any more now that it is read in another way.
type Unnamed struct {
	Key   []byte // inventory's encoded key
	Acked *int64 // what the API has acknowledged; nil = it may have something
}

// Unnamed tells which keys that the API has, or may have, an export does not name any more, as it was settled last: the
// first of them, and how many they are.
func (in *Intake) Unnamed(export int) (list []Unnamed, n int64) {
	return in.exports[export].unnamed, in.exports[export].unnamedAll
}

// rereads are the exports of a merge that are read again.
type rereads struct {
	list     []*incoming
	readings map[uint64]bool // the ids of their earlier readings
	stand    map[uint64]bool // the ids of all other exports but those of their families that were read in another way, too
	c        *bbolt.Cursor   // over the records: any of them may be of a key that is not named any more
	k, v     []byte
}

// openRereads finds them, and keeps the drain from getting anything until the intake is closed, so that nothing leaves
// that falls.
func (m *merge) openRereads() error {
	m.again = rereads{readings: map[uint64]bool{}}
	for i, x := range m.in.exports {
		if m.order[i] < 0 || x.Rereads == nil {
			continue
		}
		m.again.list = append(m.again.list, x)
		if m.in.release == nil {
			m.in.release = m.in.o.holdBack()
		}
		for e, err := *x.Rereads, error(nil); e.ID != 0; {
			m.again.readings[e.ID] = true
			if e, err = m.in.o.Export(e.Rereads); err != nil && !errors.Is(err, ErrUnknown) {
				return err
			}
		}
	}
	return m.findStanding()
}

// findStanding finds the exports whose quantities stand, whatever those that are read again do not name any more.
func (m *merge) findStanding() error {
	if !m.again.any() {
		return nil
	}
	m.again.stand = map[uint64]bool{}
	return m.in.o.view(func(tx *bbolt.Tx) error {
		b := tx.Bucket(bucketExports)
		return b.ForEach(func(k, _ []byte) error {
			var e Export
			if err := getJSON(b, k, &e); err != nil {
				return err
			}
			m.again.stand[e.ID] = !slices.ContainsFunc(m.again.list, func(x *incoming) bool {
				return e.Source == x.Source && e.Family == x.Family && e.Digest != x.Digest
			})
			return nil
		})
	})
}

// made reports whether the quantity of a record is of an earlier reading of an export that is read again, or of an older
// export that the earlier reading said the same as: one of its family that was read in another way, or one of its source
// of which there is no record any more.
func (m *merge) made(x *incoming, rec *record) bool {
	return m.again.readings[rec.export] ||
		rec.is(flagSource) && rec.source == m.in.sources[x.Source].Number && !m.again.stand[rec.export]
}

func (a *rereads) any() bool { return len(a.list) > 0 }

// begin stands on the first record of a partition.
func (a *rereads) begin(tx *bbolt.Tx, partition int) {
	if a.any() {
		a.c = tx.Bucket(bucketKeys).Cursor()
		a.k, a.v = a.c.Seek([]byte{byte(partition)})
	}
}

// peek is the hash of the record that it stands on; false where the partition has no more.
func (a *rereads) peek(partition int) (hash uint64, ok bool) {
	if len(a.k) <= 8 || int(a.k[0]) != partition {
		return 0, false
	}
	return binary.BigEndian.Uint64(a.k), true
}

// fallen answers the export that named a key last, where it is read again and does not name it any more, and its quantity
// was made in a way that is not true any more; nil = there is none. rank is that of the newest export to name the key
// before.
func (m *merge) fallen(rec *record, rank uint64, rows []row) *incoming {
	if rec.line == 0 { // it is at 0 because an export lacked it
		return nil
	}
	for _, x := range m.again.list {
		if x.rank == rank && m.made(x, rec) && !m.names(x, rows) {
			return x
		}
	}
	return nil
}

// names reports whether an export makes an update of the key of the rows.
func (m *merge) names(x *incoming, rows []row) bool {
	for i := range rows {
		if !rows[i].void && !rows[i].names && m.in.exports[rows[i].export] == x {
			return true
		}
	}
	return false
}

// unsaid deals with the records of one hash whose keys no export of the intake names and no track knows.
func (m *merge) unsaid(hash uint64, rows []row) error {
	for m.again.any() {
		n, ok := m.again.peek(int(hash >> 56))
		if !ok || n > hash {
			return nil
		}
		if err := m.unsaidRecord(hash, rows); err != nil {
			return err
		}
		m.again.k, m.again.v = m.again.c.Next()
	}
	return nil
}

func (m *merge) unsaidRecord(hash uint64, rows []row) error {
	disk := m.again.k
	for i := range rows {
		if bytes.Equal(rows[i].key, disk[8:]) {
			return nil
		}
	}
	rec, err := parseRecord(disk, m.again.v)
	if err != nil {
		return fmt.Errorf("record %x: %w", disk, err)
	}
	rank, check := rec.rank, checkOf(disk[8:])
	for i := range m.known {
		k := &m.known[i]
		if k.check != check || k.set.held > 0 {
			continue
		}
		if k.met {
			return nil // it is merged: a track knows it
		}
		rank = max(rank, k.set.rank)
	}
	if x := m.fallen(&rec, rank, nil); x != nil {
		return m.fall(x, disk[8:], &rec, rank)
	}
	return nil
}

// fall deals with a key of which nobody says anything any more. One that only waits to be confirmed is acknowledged.
func (m *merge) fall(x *incoming, key []byte, rec *record, rank uint64) error {
	if rec.is(flagAcked|flagDoubt|flagDoubtMany) || m.in.o.isLeased(key) {
		x.unnamedAll++
		if len(x.unnamed) < maxListed {
			u := Unnamed{Key: bytes.Clone(key)}
			if rec.is(flagAcked) {
				u.Acked = new(rec.acked)
			}
			x.unnamed = append(x.unnamed, u)
		}
	}
	switch {
	case rec.is(flagPending|flagDead) && !rec.is(flagConfirm):
		return m.in.deltas.drop(rank, key)
	case rank > rec.rank:
		return m.in.deltas.touch(rank, key)
	}
	return nil
}

// drop applies a delta's row of the kind deltaDrop to a record.
func (t *txn) drop(disk []byte, r *record) error {
	if !r.is(flagPending|flagDead) || r.is(flagConfirm) {
		return nil // it was delivered since
	}
	return t.withdraw(disk, r)
}

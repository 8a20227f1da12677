package outbox

import (
	"encoding/binary"

	"go.etcd.io/bbolt"
)

// SetSizes makes small exports behave as large ones do: large is from how many updates on an export's keys are kept as a
// named set, chunk how many rows of a delta are applied in one transaction, block how many bytes of spilled rows are
// held in memory for each partition, compact from how many rows on duplicates are settled early.
func (o *Outbox) SetSizes(large int64, chunk, block, compact int) {
	o.sizes = sizes{large: large, chunk: chunk, block: block, compact: compact, strays: 2}
}

// Largest sizes that decide what is kept how.
const (
	LargeExport = largeExport
	DeltaChunk  = deltaChunk
	MaxSets     = maxSets
	MaxListed   = maxListed
)

// Raw changes the file behind the outbox's back.
func (o *Outbox) Raw(fn func(tx *bbolt.Tx) error) error { return o.db.Update(fn) }

// Writes is how many transactions have changed the file.
func (o *Outbox) Writes() int {
	id := 0
	_ = o.db.View(func(tx *bbolt.Tx) error { id = tx.ID(); return nil })
	return id
}

// Allocated is how many bytes of pages transactions have written.
func (o *Outbox) Allocated() int64 {
	stats := o.db.Stats().TxStats
	return stats.GetPageAlloc()
}

// FormatOnDisk is the format number that the file has.
func (o *Outbox) FormatOnDisk() (n uint32) {
	_ = o.db.View(func(tx *bbolt.Tx) error {
		v, err := unseal(keyFormat, tx.Bucket(bucketMeta).Get(keyFormat))
		if err == nil {
			n = binary.BigEndian.Uint32(v)
		}
		return err
	})
	return n
}

// SetFormat writes another format number into the file.
func (o *Outbox) SetFormat(n uint32) error {
	return o.Raw(func(tx *bbolt.Tx) error {
		return tx.Bucket(bucketMeta).Put(keyFormat, seal(keyFormat, binary.BigEndian.AppendUint32(nil, n)))
	})
}

// SetMachine makes the file one of another machine.
func (o *Outbox) SetMachine(hash string) error {
	return o.update(func(t *txn) error {
		id := *t.state.Identity
		id.Machine = hash
		t.state.Identity = &id
		return nil
	})
}

// OfThisTime reports whether an agent would trust the ledger, as far as the file and its mark tell.
func (o *Outbox) OfThisTime() bool {
	var id identity
	if o.state.Identity != nil {
		id = *o.state.Identity
	}
	return id.foreign("", fileID{}, readMark(o.dir)) == ""
}

// Spilled is how many bytes of rows have been spilled.
func (in *Intake) Spilled() int {
	n := int(in.spill.size)
	for i := range in.spill.parts {
		n += len(in.spill.parts[i].block)
	}
	return n
}

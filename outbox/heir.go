package outbox

import (
	"math/bits"
	"slices"
	"sync/atomic"

	"go.etcd.io/bbolt"
)

// A product that gets a UPC goes on under another key. What waits under its SKU must not be sent any more, for it would
// overwrite what is sent under the UPC, and what the ledger says of the SKU is not true any more. The row's key is the
// heir of the other.

// isSKU reports whether an encoded key is that of a SKU.
func isSKU(key []byte) bool { return key[0] == 's' }

// AddAs is Add for a row that could be identified by another key as well (empty = by none): where anything is known under
// that, the row's key takes it over, unless another row of the export is an update of it.
func (in *Intake) AddAs(line uint64, key, other []byte, figure int64, counted bool) error {
	export := len(in.exports) - 1
	x := in.exports[export]
	if err := in.follow(export); err != nil {
		return err
	}
	in.settled = false
	x.rows++
	if x.trail != nil {
		if met, err := in.goOn(x, line, key, other, figure); met || err != nil {
			return err
		}
	}
	return in.spillAs(export, line, key, other, figure, counted)
}

// spillAs spills a row of an export.
func (in *Intake) spillAs(export int, line uint64, key, other []byte, figure int64, counted bool) error {
	x := in.exports[export]
	r := spilled{export: uint64(export), line: line, key: key, figure: figure, counted: counted, also: x.lacks.alias(x, key, other)}
	if len(other) > 0 {
		inherits, err := in.o.inheritable(other)
		if err != nil {
			return err
		}
		if inherits {
			r.other = other
		}
	}
	if err := in.put(&r); err != nil || !isSKU(key) {
		return err
	}
	if len(x.skus) == cap(x.skus) { // of one product millions of times nothing is kept twice
		x.sortSKUs()
		x.skus = slices.Grow(x.skus, max(1024, len(x.skus)))
	}
	x.skus = append(x.skus, hashOf(key))
	return nil
}

func (x *incoming) sortSKUs() {
	slices.Sort(x.skus)
	x.skus = slices.Compact(x.skus)
}

// updates reports whether the export makes an update of a SKU's key: then that is another product than the one of a row
// that has a UPC and the same SKU.
func (x *incoming) updates(sku []byte) bool {
	_, found := slices.BinarySearch(x.skus, hashOf(sku))
	return found
}

// KnowsSKUs reports whether anything may be known under a SKU: else no row has anything to take over.
func (o *Outbox) KnowsSKUs() (bool, error) {
	f, err := o.skuFilter()
	return f != nil && !f.empty.Load(), err
}

// inheritable reports whether anything is known under a key.
func (o *Outbox) inheritable(key []byte) (known bool, err error) {
	f, err := o.skuFilter()
	if err != nil || !f.has(hashOf(key)) {
		return false, err
	}
	disk := diskKey(key)
	err = o.view(func(tx *bbolt.Tx) error {
		v := tx.Bucket(bucketKeys).Get(disk)
		if v == nil {
			return nil
		}
		r, err := parseRecord(disk, v)
		known = r.is(flagsKnown)
		return err
	})
	return known, err
}

// flagsKnown are those of a record of which anything is known but who named it last.
const flagsKnown = flagWanted | flagAcked | flagDoubt | flagDoubtMany

// inherit lets the record of an heir take over what is known under the other key, unless a newer export than that of rank
// has named the other: what waits goes, and its age, and whatever may be on its way, are the heir's.
func (t *txn) inherit(heir *record, other []byte, rank, age uint64) error {
	disk := diskKey(other)
	r, ok, err := t.get(disk)
	if err != nil || !ok || r.rank > rank {
		return err
	}
	was := r
	leased := t.leased(other)
	if leased || r.is(flagDoubt|flagDoubtMany) {
		heir.doubtAny()
	}
	if r.is(flagPending) && !heir.is(flagPending) {
		heir.set(flagPending)
		heir.age = min(r.age, age)
	}
	if err := t.withdraw(disk, &r); err != nil {
		return err
	}
	r.clear(flagAcked | flagAckedAt)
	r.acked, r.ackedAt = 0, 0
	if !leased { // else what comes of that is not true of it either
		r.noDoubt()
	}
	r.rank = rank
	t.count(&was, &r)
	return t.put(disk, &r)
}

// skuFilter is a Bloom filter over the hashes of the SKU keys of the file: so a row that has a UPC costs no look into the
// file for its SKU. One that it does not have is not there.
type skuFilter struct {
	bits  []atomic.Uint64
	room  atomic.Int64 // how many more hashes it takes
	empty atomic.Bool
}

// newSKUFilter makes a filter for n hashes, and as many more: 16 bits for each.
func newSKUFilter(n int) *skuFilter {
	room := max(4096, 2*n)
	f := &skuFilter{bits: make([]atomic.Uint64, 1<<bits.Len(uint(room*16/64-1)))}
	f.room.Store(int64(room))
	f.empty.Store(true)
	return f
}

// each calls fn for the words and bits of a hash until it answers false.
func (f *skuFilter) each(hash uint64, fn func(word *atomic.Uint64, bit uint64) bool) bool {
	step := bits.RotateLeft64(hash, 32) | 1
	for range 4 {
		if !fn(&f.bits[hash>>6&uint64(len(f.bits)-1)], 1<<(hash&63)) {
			return false
		}
		hash += step
	}
	return true
}

func (f *skuFilter) has(hash uint64) bool {
	return f.each(hash, func(word *atomic.Uint64, bit uint64) bool { return word.Load()&bit != 0 })
}

// add adds a hash, and reports whether there was room for it.
func (f *skuFilter) add(hash uint64) bool {
	if f.has(hash) {
		return true
	}
	f.empty.Store(false)
	f.each(hash, func(word *atomic.Uint64, bit uint64) bool {
		word.Or(bit)
		return true
	})
	return f.room.Add(-1) >= 0
}

// skuFilter is the filter, which is made where there is none.
func (o *Outbox) skuFilter() (*skuFilter, error) {
	if f := o.skus.Load(); f != nil {
		return f, nil
	}
	o.write.Lock() // no key comes meanwhile
	defer o.write.Unlock()
	if f := o.skus.Load(); f != nil {
		return f, nil
	}
	var hashes []uint64
	err := o.view(func(tx *bbolt.Tx) error {
		var st state
		if err := getJSON(tx.Bucket(bucketMeta), keyState, &st); err != nil || st.OnlyUPCs {
			return err
		}
		c := tx.Bucket(bucketKeys).Cursor()
		for k, _ := c.First(); k != nil; k, _ = c.Next() {
			if len(k) > 8 && isSKU(k[8:]) {
				hashes = append(hashes, hashIn(k, 0))
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	f := newSKUFilter(len(hashes))
	for _, h := range hashes {
		f.add(h)
	}
	o.skus.Store(f)
	return f, nil
}

// knowSKU notes that a record is written, whose disk key may be that of a SKU.
func (t *txn) knowSKU(disk []byte) {
	if !isSKU(disk[8:]) {
		return
	}
	t.state.OnlyUPCs = false
	if f := t.o.skus.Load(); f != nil && !f.add(hashIn(disk, 0)) {
		t.o.skus.Store(nil) // a greater one is made when it is asked for
	}
}

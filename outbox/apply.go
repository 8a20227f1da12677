package outbox

import "bytes"

// exportRef is an export and the number of its source; 0 = not known.
type exportRef struct{ id, source uint64 }

// applyChunk brings a chunk of a delta into the records and the queue.
func (t *txn) applyChunk(chunk []byte, exports []exportRef, age uint64) error {
	return eachDelta(chunk, func(d deltaRow) error {
		wants := d.kind != deltaTouch
		if !validKey(d.key) || wants && d.export >= uint64(len(exports)) || d.kind == deltaHeir && !validKey(d.other) {
			return errDelta
		}
		if d.kind == deltaWant || d.kind == deltaHeir {
			t.wants++
		}
		disk := t.diskKey(d.key)
		r, ok, err := t.getNear(disk)
		if err != nil {
			return err
		}
		was := r
		r.rank = max(r.rank, d.rank)
		switch {
		case !wants && !ok, d.kind == deltaTouch && r.rank == was.rank:
			return nil
		case d.kind == deltaWant && was.rank > d.rank:
			return nil // a newer export of the look has another key take this one over
		case d.kind == deltaTouch:
		case d.kind == deltaDrop:
			if err := t.drop(disk, &r); err != nil {
				return err
			}
		case d.kind == deltaHeir || !r.is(flagWanted) || r.wanted != d.quantity:
			if d.kind == deltaHeir {
				if err := t.inherit(&r, d.other, d.rank, age); err != nil {
					return err
				}
			}
			by := exports[d.export]
			r.wanted, r.export, r.line = d.quantity, by.id, d.line
			r.set(flagWanted)
			if r.source = by.source; r.source != 0 {
				r.set(flagSource)
			}
			if err := t.wait(disk, &was, &r, age); err != nil {
				return err
			}
		}
		t.count(&was, &r)
		return t.put(disk, &r)
	})
}

// fullPages is how full pages are where records are only added at the end, as of a first export: half full, as bbolt leaves
// them for what may come in between, there would be twice as many to write.
const fullPages = 0.9

// getNear is get for keys that ascend, as those of a delta do: one that comes behind all records needs no search.
func (t *txn) getNear(disk []byte) (r record, ok bool, err error) {
	if !t.ended {
		end, _ := t.cursor.Last()
		t.end, t.ended = append(t.end[:0], end...), true
		if bytes.Compare(disk, t.end) > 0 {
			t.keys.FillPercent = fullPages
		}
	}
	if bytes.Compare(disk, t.end) > 0 {
		return record{}, false, nil
	}
	return t.get(disk)
}

// wait makes the key of a changed record pending, or lets it wait on: promise 5 of the contract. It keeps its age, its
// doubt and, where it failed before, its time; a dead letter and one that is only to be confirmed are sent at once.
func (t *txn) wait(disk []byte, was, r *record, age uint64) error {
	t.state.Rev++
	r.rev = t.state.Rev
	if r.is(flagDead | flagConfirm) {
		err := t.undue(disk, r)
		if r.is(flagDead) {
			err = errs(err, t.dead.Delete(disk))
			r.clear(flagPending)
		}
		if err != nil {
			return err
		}
		r.clear(flagDead | flagUnknown | flagAgain | flagConfirm)
		r.retryAt(0, 0)
	}
	if !r.is(flagPending) {
		r.set(flagPending)
		r.age = age
		r.retryAt(0, 0)
	}
	if t.release(disk[8:], r) || r.due != 0 {
		return nil
	}
	if was.queued() && was.class() == r.class() && was.age == r.age {
		return nil // it stands in the queue already
	}
	return t.enqueue(disk, r)
}

// release tells the lease of a key, if it is leased, of the new quantity. Such a key is put into the queue when the lease
// is resolved, not before: never two requests for one key at a time. Promise 3 of the contract.
func (t *txn) release(key []byte, r *record) (leased bool) {
	if !t.leased(key) {
		return false
	}
	r.set(flagChanged)
	k, rev, quantity := string(key), r.rev, r.wanted
	t.after = append(t.after, func() {
		if l := t.o.leases[k]; l != nil && !l.sent {
			l.rev, l.quantity, l.idle, l.withdrawn = rev, quantity, false, false
		}
	})
	return true
}

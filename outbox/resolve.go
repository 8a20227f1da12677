package outbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Outcome is what came of a lease.
type Outcome int

const (
	// Unsent: nothing left, or nothing came of it that is about this key. It goes back to its place.
	Unsent Outcome = iota
	// Acknowledged: the API has it.
	Acknowledged
	// Refused: a dead letter.
	Refused
	// Failed: later, at Result.Due.
	Failed
)

// Result is what came of one lease.
type Result struct {
	Lease   *Lease
	Outcome Outcome
	Doubt   bool      // the request may have been applied, or may be yet
	Due     time.Time // for Failed: not before
	Status  int       // for Refused and Failed: the HTTP status; 0 = there was no answer
	Unknown bool      // for Refused: the API does not know the product or the store
	Words   string    // for Refused and Failed: what the API said, or why there was no answer
}

// DeadLetter is an update that the API refused for good.
type DeadLetter struct {
	Quantity int64     `json:"quantity"`
	Status   int       `json:"status"`
	Unknown  bool      `json:"unknown,omitempty"`
	Words    string    `json:"words"`
	At       time.Time `json:"at"`    // of the last refusal
	Tries    int       `json:"tries"` // refusals in a row
	Export   uint64    `json:"export"`
	Line     uint64    `json:"line"`
}

// Failure is what came last of an update that is tried again.
type Failure struct {
	Quantity int64     `json:"quantity"`
	Status   int       `json:"status"` // 0 = there was no answer
	Words    string    `json:"words"`
	At       time.Time `json:"at"`
}

// The longest that a dead letter waits for its next try.
const maxDeadRetry = 7 * 24 * time.Hour

// resolve writes down what came of the leases, in the order of their keys on disk.
func (t *txn) resolve(results []Result, now time.Time) error {
	sorted := t.handedOut(results)
	slices.SortFunc(sorted, func(a, b *Result) int { return bytes.Compare(a.Lease.disk, b.Lease.disk) })
	records, err := t.recordsOf(sorted)
	if err != nil {
		return err
	}
	done := map[uint64]int{}
	for i := range sorted {
		if r := records[i]; r.known {
			if err := t.resolveOne(sorted[i], r.record, now); err != nil {
				return err
			}
		}
		done[sorted[i].Lease.block]++
	}
	o := t.o
	for row, n := range done {
		o.mu.Lock()
		left := o.blocks[row] - n
		o.mu.Unlock()
		if left <= 0 {
			if err := t.leases.Delete(id8(row)); err != nil {
				return err
			}
		}
	}
	t.after = append(t.after, func() {
		for _, res := range sorted {
			delete(o.leases, res.Lease.id)
		}
		for row, n := range done {
			if o.blocks[row] -= n; o.blocks[row] <= 0 {
				delete(o.blocks, row)
			}
		}
	})
	return nil
}

// handedOut leaves out results of leases that are resolved already, and notes that the others end.
func (t *txn) handedOut(results []Result) []*Result {
	t.o.mu.Lock()
	defer t.o.mu.Unlock()
	list := make([]*Result, 0, len(results))
	for i := range results {
		if l := results[i].Lease; t.o.leases[l.id] == l && l.ends != t.number {
			l.ends = t.number
			list = append(list, &results[i])
		}
	}
	t.resolved = len(list)
	return list
}

// leasedRecord is the record of a lease, unless it is not known any more: it was discarded meanwhile.
type leasedRecord struct {
	record
	known bool
}

// recordsOf reads the records of the leases, which are in the order of their keys on disk.
func (t *txn) recordsOf(sorted []*Result) ([]leasedRecord, error) {
	list := make([]leasedRecord, len(sorted))
	w := walker{c: t.cursor}
	for i, res := range sorted {
		r, known, err := w.find(hashIn(res.Lease.disk, 0), res.Lease.Key)
		if err != nil {
			return nil, err
		}
		list[i] = leasedRecord{r, known}
	}
	return list, nil
}

func (t *txn) resolveOne(res *Result, r record, now time.Time) (err error) {
	l := res.Lease
	was := r
	r.clear(flagChanged)
	if res.Outcome == Refused || res.Outcome == Failed {
		t.state.Errors++
	}
	if res.Doubt && res.Outcome != Acknowledged {
		r.doubt(l.quantity)
	}
	switch same := r.rev == l.rev; {
	case res.Outcome == Acknowledged:
		err = t.acknowledge(l, &r, same, now)
	case same && l.idle:
		r.stand()
	case !same || !r.queued():
		// A newer quantity came meanwhile, or the key is done: what was answered says nothing of it.
	case res.Outcome == Refused:
		err = t.refuse(res, &r, now)
	case res.Outcome == Failed:
		err = errs(t.fail(l.disk, &r, now.Add(res.Due.Sub(now))), t.noteFailure(res, &r, now)) // as long as it was to be, whatever the clock says
	}
	if r.is(flagFailed) && (res.Outcome == Acknowledged || !r.is(flagPending)) {
		r.clear(flagFailed)
		err = errs(err, t.failed.Delete(l.disk))
	}
	if err != nil {
		return err
	}
	if r.queued() {
		err = t.enqueue(l.disk, &r)
	}
	t.count(&was, &r)
	return errs(err, t.put(l.disk, &r))
}

// acknowledge takes the quantity into the ledger and lets go of the update, if it is still that one. Where another
// quantity may still land late, the update waits to be sent once more: promise 4 of the contract.
func (t *txn) acknowledge(l *Lease, r *record, same bool, now time.Time) error {
	t.state.Delivered++
	t.state.LastAck, t.state.Forgotten = now.UTC(), false
	r.set(flagAcked | flagAckedAt)
	r.acked, r.ackedAt = l.quantity, uint64(max(0, now.Unix()))
	r.retryAt(0, 0)
	if !same || !r.is(flagPending|flagDead) {
		return nil
	}
	if r.is(flagDead) {
		if err := t.dead.Delete(l.disk); err != nil {
			return err
		}
	}
	r.clear(flagPending | flagDead | flagUnknown | flagConfirm | flagAgain)
	if r.is(flagDoubtMany) || r.is(flagDoubt) && r.doubted != l.quantity {
		r.set(flagPending | flagConfirm)
		r.age = t.nextAge(now)
		r.retryAt(now.Add(t.o.opts.Confirm).UnixNano(), 0)
		return t.putDue(r.due, l.disk)
	}
	return nil
}

// refuse makes a dead letter of the update.
func (t *txn) refuse(res *Result, r *record, now time.Time) error {
	l := res.Lease
	d := DeadLetter{Quantity: l.quantity, Status: res.Status, Unknown: res.Unknown, Words: res.Words, At: now.UTC(), Tries: 1,
		Export: r.export, Line: r.line}
	if r.is(flagDead) {
		if old, err := t.deadLetter(l.disk); err == nil {
			d.Tries = old.Tries + 1
		}
	}
	r.clear(flagPending | flagConfirm | flagAgain | flagUnknown)
	r.set(flagDead)
	if res.Unknown {
		r.set(flagUnknown)
	}
	r.retryAt(0, 0)
	if after := t.o.opts.DeadRetry; after > 0 {
		wait := after
		for range d.Tries - 1 {
			if wait >= maxDeadRetry/2 {
				wait = max(after, maxDeadRetry)
				break
			}
			wait *= 2
		}
		r.retryAt(now.Add(wait).UnixNano(), 0)
		if err := t.putDue(r.due, l.disk); err != nil {
			return err
		}
	}
	data, err := json.Marshal(d)
	if err != nil {
		return err
	}
	return t.dead.Put(l.disk, seal(l.disk, data))
}

// fail lets the key wait for its time.
func (t *txn) fail(disk []byte, r *record, due time.Time) error {
	r.clear(flagAgain)
	r.retryAt(max(1, due.UnixNano()), r.attempts+1)
	return t.putDue(r.due, disk)
}

// noteFailure writes down what came of a request that is to be tried again.
func (t *txn) noteFailure(res *Result, r *record, now time.Time) error {
	r.set(flagFailed)
	return putJSON(t.failed, res.Lease.disk, Failure{Quantity: res.Lease.quantity, Status: res.Status, Words: res.Words, At: now.UTC()})
}

func (t *txn) putDue(due int64, disk []byte) error {
	key := dueKey(due, disk)
	return t.due.Put(key, seal(key, nil))
}

func dueKey(due int64, disk []byte) []byte {
	return append(id8(uint64(due)), disk...)
}

// undue takes away the time that the key waits for.
func (t *txn) undue(disk []byte, r *record) error {
	if r.due == 0 {
		return nil
	}
	key := dueKey(r.due, disk)
	r.retryAt(0, r.attempts)
	return t.due.Delete(key)
}

// count brings the counters from what a record was to what it is.
func (t *txn) count(was, is *record) {
	add := func(flag uint64, counter *int64) {
		if was.is(flag) {
			*counter--
		}
		if is.is(flag) {
			*counter++
		}
	}
	add(flagPending, &t.state.Pending)
	add(flagDead, &t.state.Dead)
	add(flagUnknown, &t.state.Unknown)
	add(flagConfirm, &t.state.Doubtful)
	if was.rev == is.rev && !sameLast(was, is) { // of what nobody wants any more the ledger tells, which changes too
		t.state.Rev++
		is.rev = t.state.Rev
	}
	if was.settled() {
		t.state.Settled--
	}
	if is.settled() {
		t.state.Settled++
	}
}

// sameLast reports whether an export's row is compared with the same quantity.
func sameLast(a, b *record) bool {
	q, known := a.last()
	p, still := b.last()
	return q == p && known == still
}

func (t *txn) deadLetter(disk []byte) (DeadLetter, error) {
	sealed := t.dead.Get(disk)
	if sealed == nil {
		return DeadLetter{}, ErrUnknown
	}
	data, err := unseal(disk, sealed)
	if err != nil {
		return DeadLetter{}, fmt.Errorf("dead letter %x: %w", disk, err)
	}
	var d DeadLetter
	if err := json.Unmarshal(data, &d); err != nil {
		return DeadLetter{}, fmt.Errorf("dead letter %x: %w: %v", disk, ErrDamaged, err)
	}
	return d, nil
}

package outbox

// withdraw takes back what is wanted of a key: nothing of it waits any more and no dead letter of it is left; what the
// API acknowledged stands. A request that is on its way may land all the same: whatever is wanted next is news. The
// caller counts the record and puts it.
func (t *txn) withdraw(disk []byte, r *record) error {
	if err := t.undue(disk, r); err != nil {
		return err
	}
	if r.is(flagDead) {
		if err := t.dead.Delete(disk); err != nil {
			return err
		}
	}
	switch key := string(disk[8:]); {
	case t.leased(disk[8:]):
		r.doubtAny()
		t.after = append(t.after, func() {
			if l := t.o.leases[key]; l != nil && !l.sent {
				l.withdrawn = true
			}
		})
	case r.is(flagFailed): // else that goes when the lease is resolved
		r.clear(flagFailed)
		if err := t.failed.Delete(disk); err != nil {
			return err
		}
	}
	t.state.Rev++
	r.rev, r.wanted, r.export, r.line, r.source = t.state.Rev, 0, 0, 0, 0
	r.retryAt(0, 0)
	r.clear(flagWanted | flagPending | flagDead | flagUnknown | flagAgain | flagConfirm | flagSource)
	return nil
}

// Withdrawn reports, after Take, whether what was leased is not wanted any more and must not be sent.
func (o *Outbox) Withdrawn(l *Lease) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return l.kept
}

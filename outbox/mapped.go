package outbox

import (
	"time"

	"go.etcd.io/bbolt"
)

// mappedTime is how long what was read of the file may count as the agent's memory, from the first write on.
const mappedTime = 10 * time.Second

// mapped is when to let go of what of the file is mapped: bbolt reads through pages that the system counts as the agent's memory for
// as long as nothing else needs it. They stay in the system's cache while it has room, and are mapped again where they are read.
type mapped struct {
	due  *time.Timer // nil = nothing was written since the last time
	over bool        // the outbox is closed
}

// wroteLocked is called after a write, with o.write held.
func (o *Outbox) wroteLocked() {
	if m := &o.mapped; m.due == nil && !m.over {
		m.due = time.AfterFunc(mappedTime, o.unmap)
	}
}

// unmap holds up writes for a moment, but not reads.
func (o *Outbox) unmap() {
	o.write.Lock()
	defer o.write.Unlock()
	if o.mapped.over {
		return
	}
	o.mapped.due = nil
	_ = o.view(func(tx *bbolt.Tx) error { // what is wrong with the file is for whoever needs it
		letGo(tx.DB().Info().Data, uintptr(tx.Size()))
		return nil
	})
}

// endMapped is for when the file is about to be closed.
func (o *Outbox) endMapped() {
	o.write.Lock()
	defer o.write.Unlock()
	o.mapped.over = true
	if o.mapped.due != nil {
		o.mapped.due.Stop()
	}
}

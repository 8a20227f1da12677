package outbox

import "errors"

// SetUp notes what the outbox is worked on with, as a digest, and reports whether that was another one before. What the
// API refused may then be no fault of the products any more.
func (o *Outbox) SetUp(digest string) (changed bool, err error) {
	err = o.update(func(t *txn) error {
		if t.state.Setup == digest {
			return errNothing
		}
		changed = t.state.Setup != ""
		t.state.Setup = digest
		return nil
	})
	if errors.Is(err, errNothing) {
		return false, nil
	}
	return changed, err
}

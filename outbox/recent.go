package outbox

import "go.etcd.io/bbolt"

// RecentExports lists at most a number of the exports that were taken or refused last, of all sources, the newest first.
func (o *Outbox) RecentExports(most int) (list []Export, err error) {
	err = o.view(func(tx *bbolt.Tx) error {
		b := tx.Bucket(bucketExports)
		c := b.Cursor()
		for k, _ := c.Last(); k != nil && len(list) < most; k, _ = c.Prev() {
			var e Export
			if err := getJSON(b, k, &e); err != nil {
				return err
			}
			list = append(list, e)
		}
		return nil
	})
	return list, err
}

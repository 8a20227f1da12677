package outbox

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"go.etcd.io/bbolt"
)

// walker finds records in ascending order, by a step where the next one is near and by a search where it is not.
type walker struct {
	c       *bbolt.Cursor
	k, v    []byte
	started bool
	target  []byte
}

// steps is how far the walker goes before it searches.
const steps = 8

func (w *walker) seek(target []byte) {
	if w.started {
		for range steps {
			if w.k == nil || bytes.Compare(w.k, target) >= 0 {
				return
			}
			w.k, w.v = w.c.Next()
		}
	}
	w.k, w.v = w.c.Seek(target)
	w.started = true
}

// find returns the record of a key, which must come after the one before.
func (w *walker) find(hash uint64, key []byte) (rec record, ok bool, err error) {
	w.target = append(binary.BigEndian.AppendUint64(w.target[:0], hash), key...)
	w.seek(w.target)
	if !bytes.Equal(w.k, w.target) {
		return record{}, false, nil
	}
	if rec, err = parseRecord(w.k, w.v); err != nil {
		return record{}, false, fmt.Errorf("record %x: %w", w.k, err)
	}
	return rec, true, nil
}

// each calls fn for every record with the hash.
func (w *walker) each(hash uint64, fn func(key []byte, rec *record) error) error {
	w.target = binary.BigEndian.AppendUint64(w.target[:0], hash)
	w.k, w.v = w.c.Seek(w.target)
	w.started = true
	for ; len(w.k) > 8 && bytes.HasPrefix(w.k, w.target); w.k, w.v = w.c.Next() {
		rec, err := parseRecord(w.k, w.v)
		if err != nil {
			return fmt.Errorf("record %x: %w", w.k, err)
		}
		if err := fn(w.k[8:], &rec); err != nil {
			return err
		}
	}
	return nil
}

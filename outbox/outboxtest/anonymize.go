package outboxtest

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"

	"go.etcd.io/bbolt"
)

// Anonymize takes out of the outbox at path, which nobody has open, what tells a copy of it from itself: the machine and the file. How
// often it was opened stays, which outbox.mark beside it must agree with.
func Anonymize(path string) error {
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		meta := tx.Bucket([]byte("meta"))
		if meta == nil {
			return nil
		}
		key := []byte("state")
		sealed, state := meta.Get(key), map[string]json.RawMessage{}
		if len(sealed) < 4 {
			return nil
		}
		if err := json.Unmarshal(sealed[:len(sealed)-4], &state); err != nil {
			return err
		}
		if state["identity"] == nil { // no agent has opened it
			return nil
		}
		id := struct {
			Opened uint64 `json:"opened"`
		}{}
		if err := json.Unmarshal(state["identity"], &id); err != nil {
			return err
		}
		text, err := json.Marshal(id)
		if err != nil {
			return err
		}
		state["identity"] = text
		if text, err = json.Marshal(state); err != nil {
			return err
		}
		sum := crc32.Checksum(append(bytes.Clone(key), text...), crc32.MakeTable(crc32.Castagnoli))
		return meta.Put(key, binary.BigEndian.AppendUint32(text, sum))
	})
	return errors.Join(err, db.Close())
}

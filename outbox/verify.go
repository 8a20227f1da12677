package outbox

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"go.etcd.io/bbolt"
)

// Verdict is what came of verifying the file of an outbox.
type Verdict struct {
	Keys   int64    `json:"keys"`
	Faults []string `json:"faults,omitempty"` // what is wrong with it, the first few; none = it is in order
	Kept   *Kept    `json:"kept,omitempty"`   // of a damaged one, where it can be read: what a new one takes over
}

// VerifyFile reads the whole file of the outbox in dir, which nobody may have open: first its pages, without bbolt, which
// ends and needs little memory whatever the file holds; only then, where those hang together, each value, whether it keeps
// the package's promises, and what bbolt says of its pages. The process that calls it should be one that may die.
//
// The error says why it is not known how the file is: another process uses it, or the disk does not give it back. It wraps
// ErrInUse, ErrNewer, or ctx's cause. What lies beside the file, in named/ and the like, counts for nothing here: what is
// lost of it is made good where it is used.
func VerifyFile(ctx context.Context, dir string) (v Verdict, err error) {
	path := filepath.Join(dir, fileName)
	defer func() {
		if err != nil {
			err = fmt.Errorf("verify %s: %w", path, err)
		}
	}()
	db, file, err := openToRead(path)
	if _, panicked := errors.AsType[*panicError](err); errors.Is(err, ErrDamaged) && !panicked {
		return v.judge([]error{err}), readable(path)
	}
	if err != nil {
		return v, err
	}
	defer func() { err = errs(err, db.Close()) }()
	size, metas, faults, err := metasOf(file)
	if err != nil || len(faults) > 0 {
		return v.judge(faults), err
	}
	for _, meta := range metas { // where the newer transaction does not show what is to be kept, the one before it may
		var st *state
		w := walkPages(ctx, file, size, meta, func(bucket, key, value []byte) {
			if string(bucket) == string(bucketMeta) && string(key) == string(keyState) {
				st = readState(value)
			}
		})
		if w.err != nil {
			return v, cause(ctx, w.err)
		}
		if meta == metas[0] {
			faults = w.faults
		}
		if st != nil {
			v.Kept = st.kept()
		}
		if len(faults) == 0 || st != nil {
			break
		}
	}
	if len(faults) > 0 {
		return v.judge(faults), nil
	}
	o := &Outbox{dir: dir, db: db, file: &openedFile{file: file, path: path}}
	v.Keys, faults, err = o.values(ctx)
	if panicked, ok := errors.AsType[*panicError](err); ok && !panicked.memory() {
		faults, err = append(faults, err), nil // its values make no sense; memory that is not there says nothing of them
	}
	if err != nil {
		return v, cause(ctx, err)
	}
	return v.judge(faults), nil
}

// readable reports whether the disk gives back the heads of a file: bbolt does not tell one that it does not from damage.
func readable(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close() // only read
	_, _, _, err = metasOf(file)
	return err
}

// judge is the verdict with what is wrong.
func (v Verdict) judge(faults []error) Verdict {
	for _, err := range faults {
		v.Faults = append(v.Faults, err.Error())
	}
	if len(faults) == 0 {
		v.Kept = nil
	}
	return v
}

func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func readState(sealed []byte) *state {
	var st state
	data, err := unseal(keyState, sealed)
	if err != nil || json.Unmarshal(data, &st) != nil {
		return nil
	}
	return &st
}

// values looks for the promises in a file that is open for reading alone, and whose pages hang together.
func (o *Outbox) values(ctx context.Context) (keys int64, faults []error, err error) {
	c := &checker{ctx: ctx, o: o, file: true}
	err = o.file.run(o.db.View, func(tx *bbolt.Tx) error {
		v, err := unseal(keyFormat, bucketGet(tx, bucketMeta, keyFormat))
		if err != nil || len(v) != 4 {
			c.add("%w: no format number", ErrDamaged)
			return nil
		}
		switch n := binary.BigEndian.Uint32(v); {
		case n > format:
			return ErrNewer
		case n == format: // one of format 1 has fewer buckets; its pages were looked at
			for _, name := range allBuckets {
				if tx.Bucket(name) == nil {
					c.add("%w: bucket %s is missing", ErrDamaged, name)
				}
			}
			if len(c.complaints) > 0 {
				return nil
			}
			if err := getJSON(tx.Bucket(bucketMeta), keyState, &o.state); err != nil {
				c.add("%w", err)
				return nil
			}
			c.promises(tx)
		}
		for err := range tx.Check() {
			c.add("bbolt: %w", err)
		}
		return ctx.Err()
	})
	return c.count, c.complaints, err
}

func bucketGet(tx *bbolt.Tx, bucket, key []byte) []byte {
	if b := tx.Bucket(bucket); b != nil {
		return b.Get(key)
	}
	return nil
}

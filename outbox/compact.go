package outbox

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"go.etcd.io/bbolt"
)

const (
	// worthCompacting is how many bytes must be free in the file, and more than half of it, until it is made smaller.
	worthCompacting = 1 << 20
	// compactTx is how many bytes of keys and values are written in one transaction: what it costs in memory is a few
	// times as much.
	compactTx = 4 << 20
)

// Compaction is what came of making the file smaller when it was opened.
type Compaction struct {
	Before, After int64 // bytes in use, free pages among them
	Err           error // why it stays as it is; nil = it is smaller
}

// openCompact opens the file at path, made smaller before where more than half of it is free: bbolt's files never shrink.
// Only the agent does that. The copy is durable before it takes the file's name; a crash leaves the one or the other
// under it, and the rest of a copy is removed by the next opening. What keeps it from being smaller, such as a full disk
// or a virus scanner that holds the file, is no reason not to open it.
func openCompact(path string, opts Options) (*bbolt.DB, *Compaction, error) {
	db, err := openFile(path, opts.NoSync)
	if err != nil || opts.looksOnly() {
		return db, nil, err
	}
	copied := path + ".compact"
	if err := os.Remove(copied); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return db, &Compaction{Err: err}, nil
	}
	used, free, err := usage(db)
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	if free < worthCompacting || free*2 <= used {
		return db, nil, nil
	}
	c := &Compaction{Before: used}
	if c.After, c.Err = compactTo(copied, db, used-free, opts.NoSync); c.Err != nil {
		_ = os.Remove(copied) // else the next opening does
		return db, c, nil
	}
	c.Err = replaceOpen(db, copied, path)
	if c.Err != nil {
		_ = os.Remove(copied)
	} else if !opts.NoSync {
		c.Err = syncDir(filepath.Dir(path))
	}
	db, err = openFile(path, opts.NoSync)
	return db, c, err
}

// usage is how many bytes of the file are in use, those of free pages among them, and how many these are. A file of another
// format is left as it is: it says none are free.
func usage(db *bbolt.DB) (used, free int64, err error) {
	err = guard(func() error {
		tx, err := db.Begin(true) // its end is what counts the free pages
		if err != nil {
			return err
		}
		used = tx.Size()
		meta := tx.Bucket(bucketMeta)
		known := meta != nil && bytes.Equal(meta.Get(keyFormat), sealedFormat())
		if err := tx.Rollback(); err != nil {
			return err
		}
		if !known {
			return nil
		}
		free = int64(db.Stats().FreePageN+db.Stats().PendingPageN) * int64(db.Info().PageSize)
		return nil
	})
	return used, free, err
}

// compactTo makes a durable copy of db without its free pages, and answers its size.
func compactTo(path string, db *bbolt.DB, need int64, noSync bool) (size int64, err error) {
	dir, room := filepath.Dir(path), uint64(need)+reserve
	if d, err := DiskOf(dir); err == nil && d.Free < room {
		return 0, &FullError{Dir: dir, Disk: d, Need: room}
	}
	to, err := openFile(path, true) // it counts once it is whole
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	err = guard(func() error {
		if err := bbolt.Compact(to, db, compactTx); err != nil {
			return err
		}
		return to.Update(func(tx *bbolt.Tx) error {
			size = tx.Size()
			return keepIdentity(tx, path)
		})
	})
	if err == nil && !noSync {
		err = to.Sync()
	}
	return size, err
}

// isMoved reports whether path names another file than the open one: its opener waited for the lock while another process
// put a smaller file in its place.
func isMoved(open *os.File, path string) bool {
	here, err := open.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(path)
	return err == nil && !os.SameFile(here, there)
}

package outbox

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// ErrLost says that the file which is open is not the outbox any more: it was deleted, or another lies in its place.
var ErrLost = errors.New("its file was taken away while it was in use")

// openedFile is the bbolt file and what is known of its state beside what bbolt knows.
type openedFile struct {
	file  *os.File
	path  string
	size  atomic.Int64          // the greatest seen, bytes
	fault atomic.Pointer[error] // why nothing more is read or written; nil = nothing
	hurt  atomic.Bool           // something damaged was read
	stuck atomic.Bool           // bbolt holds a lock that it will never let go
}

// guard turns a panic into ErrDamaged: bbolt answers a damaged page with one, or reads where no memory is.
func guard(fn func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = &panicError{p}
		}
	}()
	return fn()
}

// panicError is ErrDamaged for what a panic says.
type panicError struct{ value any }

func (e *panicError) Error() string { return fmt.Sprintf("%v: %v", ErrDamaged, e.value) }
func (e *panicError) Unwrap() error { return ErrDamaged }

// memory reports whether it was a read of memory that is not there, as where the file is shorter than bbolt believes, or
// the disk does not give it back.
func (e *panicError) memory() bool {
	_, ok := e.value.(interface{ Addr() uintptr })
	return ok
}

// view runs fn in a reading transaction.
func (o *Outbox) view(fn func(*bbolt.Tx) error) error {
	if err := o.file.usable(); err != nil {
		return err
	}
	return o.file.run(o.db.View, fn)
}

// run runs fn in a transaction. Damage that makes bbolt panic is ErrDamaged, and ends every use of the file: a panic may
// leave bbolt's locks as they are.
func (f *openedFile) run(transaction func(func(*bbolt.Tx) error) error, fn func(*bbolt.Tx) error) error {
	var used *bbolt.Tx
	err := guard(func() error {
		return transaction(func(tx *bbolt.Tx) error {
			used = tx
			return fn(tx)
		})
	})
	if errors.Is(err, ErrDamaged) {
		f.hurt.Store(true)
	}
	if _, ok := errors.AsType[*panicError](err); !ok {
		return err
	}
	if used == nil || used.DB() != nil {
		f.stuck.Store(true)
	}
	return f.end(err)
}

// end lets every further use fail. It answers the first reason that there was for it.
func (f *openedFile) end(err error) error {
	f.fault.CompareAndSwap(nil, &err)
	return *f.fault.Load()
}

// smallestPage is the smallest page of any system, bytes, and so what a file of bbolt is longer by, or a multiple of it. What is
// beyond the last whole one is none of bbolt's: Wine makes a file that grows a byte too long, and cuts that off again.
const smallestPage = 4096

// usable reports whether the file can be read: it is no shorter than it was, and begins as it must. It is asked before
// each transaction, because bbolt does not let go of its locks where it finds no head.
func (f *openedFile) usable() error {
	if err := f.fault.Load(); err != nil {
		return *err
	}
	known := f.size.Load() // before the file is asked: it may grow meanwhile, and another goroutine note that
	about, err := f.file.Stat()
	if err != nil {
		return nil // no evidence; the transaction will tell
	}
	if size := about.Size() / smallestPage * smallestPage; size > known {
		f.size.CompareAndSwap(known, size)
	} else if size < known {
		f.hurt.Store(true)
		return f.end(fmt.Errorf("%w: the file was cut from %d to %d bytes while it was in use", ErrDamaged, known, size))
	}
	var head [pageHead + 4]byte
	if _, err := f.file.ReadAt(head[:], 0); err == nil && binary.NativeEndian.Uint32(head[pageHead:]) != metaMagic {
		f.hurt.Store(true)
		return f.end(fmt.Errorf("%w: the file was written over while it was in use", ErrDamaged))
	}
	return nil
}

// present is usable, and sees that the file still lies in its place.
func (f *openedFile) present() error {
	if err := f.usable(); err != nil {
		return err
	}
	there, err := os.Stat(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return f.end(fmt.Errorf("%w: %s was deleted", ErrLost, f.path))
	}
	if err != nil {
		return nil // no evidence
	}
	if own, err := f.file.Stat(); err == nil && !os.SameFile(own, there) {
		return f.end(fmt.Errorf("%w: another file lies at %s", ErrLost, f.path))
	}
	return nil
}

// close closes the file. One whose locks bbolt will never let go is only let go of: what is mapped of it stays so until
// the process ends.
func (f *openedFile) close(db *bbolt.DB) error {
	if f.stuck.Load() {
		return release(f.file)
	}
	err := guard(db.Close)
	if _, ok := errors.AsType[*panicError](err); ok {
		_ = release(f.file) // perhaps it is closed
	}
	return err
}

// release closes a file that bbolt has locked.
func release(f *os.File) error {
	unlock(f)
	return f.Close()
}

// Present reports whether the file that is open is still the outbox: it lies in its place and is no shorter than it was.
// The error wraps ErrLost or ErrDamaged. It is cheap.
func (o *Outbox) Present() error { return o.file.present() }

// signName is the name of the file that lies in the outbox's folder while it is in use. One that lies there at an opening
// was left by a stop that was none: a crash, a power cut, or the end of an outbox in which something was wrong.
const signName = "outbox.open"

// Unclean reports whether the outbox in dir was not closed in order, or is open.
func Unclean(dir string) bool {
	_, err := os.Lstat(filepath.Join(dir, signName))
	return err == nil
}

// putSign makes that file; the outbox is locked. A disk that takes no empty file keeps nothing from being sent: then an
// unclean stop is not noticed.
func putSign(dir string, durable bool) {
	f, err := os.OpenFile(filepath.Join(dir, signName), os.O_WRONLY|os.O_CREATE, 0o600)
	if err == nil {
		_ = closeFile(f, durable)
	}
}

// dropSign removes it; the outbox is still locked. One that stays means that the file is verified for nothing.
func dropSign(dir string) { _ = os.Remove(filepath.Join(dir, signName)) }

// openBolt opens a bbolt file and answers the file under it too. What it finds damaged is ErrDamaged.
func openBolt(path string, opts bbolt.Options) (db *bbolt.DB, file *os.File, err error) {
	opts.Timeout = lockTime // without one it waits for ever
	opts.FreelistType = bbolt.FreelistMapType
	opts.OpenFile = func(name string, flag int, mode os.FileMode) (_ *os.File, err error) {
		file, err = os.OpenFile(name, flag, mode)
		return file, err
	}
	err = guard(func() (err error) {
		db, err = bbolt.Open(path, 0o600, &opts)
		return err
	})
	if err == nil {
		return db, file, nil
	}
	if file != nil {
		_ = release(file) // a panic left it open, and locked: the damaged file could not be set aside. Otherwise it is closed
	}
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		err = ErrInUse
	case errors.Is(err, berrors.ErrInvalid), errors.Is(err, berrors.ErrChecksum), errors.Is(err, berrors.ErrVersionMismatch),
		strings.HasPrefix(err.Error(), "file size too small"): // it is cut into its heads; bbolt has no other word for it
		err = fmt.Errorf("%w: %v", ErrDamaged, err)
	}
	return nil, nil, err
}

// lockTime is how long an opening waits for another process to let go of the file.
const lockTime = time.Second

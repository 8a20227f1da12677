//go:build unix

package outbox

import (
	"errors"
	"os"
	"syscall"

	"go.etcd.io/bbolt"
	"golang.org/x/sys/unix"
)

// syncDir makes the names in a folder durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// fullErrors say that the disk, or the account's share of it, is used up.
var fullErrors = []error{syscall.ENOSPC, syscall.EDQUOT}

// replaceOpen renames a file to the name of the open one, and closes that. Until then its lock keeps others out.
func replaceOpen(open *bbolt.DB, from, to string) error {
	return errors.Join(os.Rename(from, to), open.Close())
}

// unlock lets go of bbolt's lock on a file, which is otherwise held for as long as any of it is mapped.
func unlock(f *os.File) { _ = syscall.Flock(int(f.Fd()), syscall.LOCK_UN) }

// letGo takes so many bytes of a file that is mapped for reading out of the process's memory; they stay mapped.
func letGo(address, length uintptr) {
	_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, address, length, unix.MADV_DONTNEED)
}

//go:build unix

package outbox

import (
	"errors"
	"os"
	"syscall"
)

// syncDir makes the names in a folder durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// isDiskFull reports whether the account's share of the disk is used up.
func isDiskFull(err error) bool { return errors.Is(err, syscall.EDQUOT) }

// unlock lets go of bbolt's lock on a file, which is otherwise held for as long as any of it is mapped.
func unlock(f *os.File) { _ = syscall.Flock(int(f.Fd()), syscall.LOCK_UN) }

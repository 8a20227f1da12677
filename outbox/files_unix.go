//go:build unix

package outbox

import (
	"errors"
	"os"
	"syscall"

	"go.etcd.io/bbolt"
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

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

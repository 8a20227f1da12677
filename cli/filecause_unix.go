//go:build !windows

package cli

import (
	"errors"
	"syscall"
)

// isLocked says that another program keeps a file from being opened, which no Unix knows.
func isLocked(error) bool { return false }

// isDiskFull says that there is no room for what was to be written.
func isDiskFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

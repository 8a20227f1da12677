package cli

import (
	"errors"

	"golang.org/x/sys/windows"
)

// isLocked says that another program keeps a file from being opened.
func isLocked(err error) bool {
	return errors.Is(err, windows.ERROR_SHARING_VIOLATION) || errors.Is(err, windows.ERROR_LOCK_VIOLATION)
}

// isDiskFull says that there is no room for what was to be written.
func isDiskFull(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) || errors.Is(err, windows.ERROR_HANDLE_DISK_FULL)
}

package outbox

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// syncDir does nothing: NTFS keeps names in its journal, and Windows refuses to flush a folder.
func syncDir(string) error { return nil }

// isDiskFull reports whether Windows says that the disk is full.
func isDiskFull(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) || errors.Is(err, windows.ERROR_HANDLE_DISK_FULL) ||
		errors.Is(err, windows.ERROR_DISK_QUOTA_EXCEEDED)
}

// unlock does nothing: Windows lets go of bbolt's lock when the file is closed.
func unlock(*os.File) {}

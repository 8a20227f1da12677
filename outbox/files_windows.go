package outbox

import (
	"os"
	"time"

	"go.etcd.io/bbolt"
	"golang.org/x/sys/windows"
)

// syncDir does nothing: NTFS keeps names in its journal, and Windows refuses to flush a folder.
func syncDir(string) error { return nil }

// fullErrors say that the disk, or the account's share of it, is used up.
var fullErrors = []error{windows.ERROR_DISK_FULL, windows.ERROR_HANDLE_DISK_FULL, windows.ERROR_DISK_QUOTA_EXCEEDED}

// replaceOpen closes the open file and renames another one to its name, which Windows refuses while any process has it
// open: one that was faster, or for a moment a virus scanner.
func replaceOpen(open *bbolt.DB, from, to string) error {
	if err := open.Close(); err != nil {
		return err
	}
	err := os.Rename(from, to)
	for range 10 {
		if err == nil {
			break
		}
		time.Sleep(50 * time.Millisecond)
		err = os.Rename(from, to)
	}
	return err
}

// unlock does nothing: Windows lets go of bbolt's lock when the file is closed.
func unlock(*os.File) {}

// letGo takes so many bytes of a file that is mapped for reading out of the process's memory; they stay mapped. That is what Windows
// does where what is to be unlocked was never locked (Microsoft's page on VirtualUnlock), and it answers that it was not.
func letGo(address, length uintptr) { _ = windows.VirtualUnlock(address, length) }

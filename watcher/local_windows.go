package watcher

import (
	"os"
	"strings"

	"golang.org/x/sys/windows"
)

// isLocal reports whether a folder is known to lie on a disk of this machine: the path that its handle ends at begins with the letter
// of one. A share's begins with UNC, be it mapped to a letter, linked to or neither.
func isLocal(d *os.File) bool {
	const asOpened = 8 // FILE_NAME_OPENED: no server is asked how it writes the name
	var buf [1 << 10]uint16
	n, err := windows.GetFinalPathNameByHandle(windows.Handle(d.Fd()), &buf[0], uint32(len(buf)), asOpened)
	if err != nil || n > uint32(len(buf)) {
		return false
	}
	path, ok := strings.CutPrefix(windows.UTF16ToString(buf[:n]), `\\?\`)
	if !ok || len(path) < 3 || path[1:3] != `:\` {
		return false
	}
	root, err := windows.UTF16PtrFromString(path[:3])
	if err != nil {
		return false
	}
	kind := windows.GetDriveType(root)
	return kind == windows.DRIVE_FIXED || kind == windows.DRIVE_REMOVABLE
}

//go:build unix

package outbox

import (
	"os"

	"golang.org/x/sys/unix"
)

// machineID is what systemd gave the machine when it was set up.
func machineID() string {
	data, _ := os.ReadFile("/etc/machine-id") // without it there is nothing to compare
	return string(data)
}

// stable are the file systems, by what statfs(2) calls them, that keep a file's inode and time of birth.
var stable = map[uint32]bool{unix.EXT4_SUPER_MAGIC: true, unix.XFS_SUPER_MAGIC: true, unix.BTRFS_SUPER_MAGIC: true,
	unix.F2FS_SUPER_MAGIC: true, unix.TMPFS_MAGIC: true}

// idOf is the id of the file at path; zero where there is none that lasts.
func idOf(path string) (id fileID) {
	var disk unix.Statfs_t
	var file unix.Statx_t
	if unix.Statfs(path, &disk) != nil || !stable[uint32(disk.Type)] ||
		unix.Statx(unix.AT_FDCWD, path, 0, unix.STATX_INO|unix.STATX_BTIME, &file) != nil {
		return id
	}
	if file.Mask&unix.STATX_INO != 0 {
		id.Index = file.Ino
	}
	if file.Mask&unix.STATX_BTIME != 0 {
		id.Born = file.Btime.Sec*1e9 + int64(file.Btime.Nsec)
	}
	return id
}

//go:build unix

package watcher

import (
	"os"

	"golang.org/x/sys/unix"
)

// localDisks are the file systems that ask no other machine and no other program (statfs(2)).
var localDisks = map[uint32]bool{
	unix.EXT4_SUPER_MAGIC:      true, // ext2 and ext3 too
	unix.XFS_SUPER_MAGIC:       true,
	unix.BTRFS_SUPER_MAGIC:     true,
	unix.F2FS_SUPER_MAGIC:      true,
	unix.TMPFS_MAGIC:           true,
	unix.OVERLAYFS_SUPER_MAGIC: true, // a container's
	unix.MSDOS_SUPER_MAGIC:     true,
	unix.EXFAT_SUPER_MAGIC:     true,
	0x2FC12FC1:                 true, // ZFS
	0x7366746E:                 true, // ntfs3
	0xCA451A4E:                 true, // bcachefs
}

// isLocal reports whether a folder is known to lie on a disk of this machine.
func isLocal(d *os.File) bool {
	var s unix.Statfs_t
	err := ignoringEINTR(func() error { return unix.Fstatfs(int(d.Fd()), &s) })
	return err == nil && localDisks[uint32(s.Type)]
}

//go:build !windows

package cli

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// networks are the file systems of other machines, by what statfs(2) calls them.
var networks = map[uint32]string{
	unix.NFS_SUPER_MAGIC: "nfs", unix.SMB_SUPER_MAGIC: "smb", unix.SMB2_SUPER_MAGIC: "smb", unix.CIFS_SUPER_MAGIC: "cifs",
	unix.AFS_SUPER_MAGIC: "afs", unix.CEPH_SUPER_MAGIC: "ceph", unix.CODA_SUPER_MAGIC: "coda", unix.V9FS_MAGIC: "9p",
}

// diskOf tells of the disk of a folder that exists.
func diskOf(folder string) (disk, error) {
	var s unix.Statfs_t
	for {
		err := unix.Statfs(folder, &s)
		if err == nil {
			break
		}
		if err != unix.EINTR {
			return disk{}, fmt.Errorf("look at the disk of %s: %w", folder, err)
		}
	}
	return disk{free: s.Bavail * uint64(s.Bsize), share: networks[uint32(s.Type)]}, nil
}

//go:build unix

package outbox

import (
	"fmt"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// networks are the file systems of other machines, by what statfs(2) calls them.
var networks = map[uint32]string{
	unix.NFS_SUPER_MAGIC: "nfs", unix.SMB_SUPER_MAGIC: "smb", unix.SMB2_SUPER_MAGIC: "smb", unix.CIFS_SUPER_MAGIC: "cifs",
	unix.AFS_SUPER_MAGIC: "afs", unix.CEPH_SUPER_MAGIC: "ceph", unix.CODA_SUPER_MAGIC: "coda", unix.V9FS_MAGIC: "9p",
}

// DiskOf tells of the disk of a folder that exists.
func DiskOf(folder string) (Disk, error) {
	var s unix.Statfs_t
	for {
		err := unix.Statfs(folder, &s)
		if err == nil {
			break
		}
		if err != unix.EINTR {
			return Disk{}, fmt.Errorf("look at the disk of %s: %w", folder, err)
		}
	}
	return Disk{Name: mountPoint(folder), Free: s.Bavail * uint64(s.Bsize), Share: networks[uint32(s.Type)]}, nil
}

// mountPoint is the topmost folder that lies on the same disk; "" = not known.
func mountPoint(folder string) string {
	top, err := filepath.Abs(folder)
	if err == nil {
		top, err = filepath.EvalSymlinks(top)
	}
	var here, above unix.Stat_t
	if err != nil || unix.Stat(top, &here) != nil {
		return ""
	}
	for {
		up := filepath.Dir(top)
		if up == top || unix.Stat(up, &above) != nil || above.Dev != here.Dev {
			return top
		}
		top = up
	}
}

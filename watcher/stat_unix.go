//go:build !windows

package watcher

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

const (
	// fileFlags keep an open from blocking on a FIFO. os.Root follows a link that stays inside it all the same, which
	// is why what was opened is compared with what was told.
	fileFlags = unix.O_NONBLOCK | unix.O_NOFOLLOW
	dirFlags  = fileFlags | unix.O_DIRECTORY
)

// statAt examines the file base in the folder d, or a link itself.
func statAt(d *os.File, base string) (info, error) {
	var st unix.Stat_t
	if err := ignoringEINTR(func() error {
		return unix.Fstatat(int(d.Fd()), base, &st, unix.AT_SYMLINK_NOFOLLOW)
	}); err != nil {
		return info{}, &fs.PathError{Op: "stat", Path: base, Err: err}
	}
	return infoOf(&st), nil
}

// statOf examines an open file or folder.
func statOf(f *os.File) (info, error) {
	var st unix.Stat_t
	if err := ignoringEINTR(func() error { return unix.Fstat(int(f.Fd()), &st) }); err != nil {
		return info{}, &fs.PathError{Op: "stat", Path: f.Name(), Err: err}
	}
	return infoOf(&st), nil
}

func infoOf(st *unix.Stat_t) info {
	i := info{
		stat: Stat{
			Size:     st.Size,
			Modified: st.Mtim.Nano(),
			Changed:  st.Ctim.Nano(),
			Volume:   uint64(st.Dev),
			Index:    uint64(st.Ino),
		},
		origin: origin{links: uint64(st.Nlink), owner: st.Uid},
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
	case unix.S_IFDIR:
		i.kind = fs.ModeDir
	case unix.S_IFLNK:
		i.kind = fs.ModeSymlink
	case unix.S_IFIFO:
		i.kind = fs.ModeNamedPipe
	case unix.S_IFSOCK:
		i.kind = fs.ModeSocket
	case unix.S_IFCHR, unix.S_IFBLK:
		i.kind = fs.ModeDevice
	default:
		i.kind = fs.ModeIrregular
	}
	return i
}

// origin is what tells whose a file is.
type origin struct {
	links uint64
	owner uint32
}

// foreign reports whether a file may be a hard link to what its maker could not read: another user's file, brought into
// a folder of his own. Backup tools link honestly, and the owner stays. Where the agent runs as root, "its own" files
// are just those that must not be read for others.
func foreign(file, dir origin) bool {
	if file.links < 2 || file.owner == dir.owner {
		return false
	}
	self := os.Geteuid()
	return self == 0 || file.owner != uint32(self)
}

func isBusy(err error) bool {
	return errors.Is(err, unix.EBUSY) || errors.Is(err, unix.ETXTBSY) || errors.Is(err, unix.EAGAIN)
}

func isOtherDevice(err error) bool { return errors.Is(err, unix.EXDEV) }

// syncDir makes the names in a folder durable. Where the file system has no such flush for folders (fsync(2): EINVAL) there is nothing
// to be done.
func syncDir(folder string) error {
	d, err := os.Open(folder)
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOTSUP) {
		err = nil
	}
	return errors.Join(err, d.Close())
}

func ignoringEINTR(f func() error) error {
	for {
		if err := f(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

package watcher

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"time"
)

// Stat is a version of a file: as long as it stays equal, so do the bytes, but for writes that leave no trace.
type Stat struct {
	Size     int64
	Modified int64  // nanoseconds since 1970
	Changed  int64  // of the metadata too (ctime; Windows' ChangeTime), nanoseconds since 1970; 0 where there is none
	Volume   uint64 // device; Windows' volume serial number
	Index    uint64 // inode; Windows' file index
}

// SameBytes reports whether two versions differ in their metadata at the most: a file that was renamed and got its name
// back is still what it was.
func (s Stat) SameBytes(o Stat) bool {
	s.Changed, o.Changed = 0, 0
	return s == o
}

// ModTime is Modified as a time.
func (s Stat) ModTime() time.Time { return time.Unix(0, s.Modified) }

// id says which file or folder it is, whatever is in it.
func (s Stat) id() fileID { return fileID{s.Volume, s.Index} }

type fileID struct{ volume, index uint64 }

// info is what a scan must know of a name.
type info struct {
	stat   Stat
	kind   fs.FileMode // its type bits; 0 is a regular file
	origin             // what foreign needs
}

// holds reports whether it is a regular file and s, but for Changed, which a renaming changes too.
func (i info) holds(s Stat) bool {
	s.Changed = i.stat.Changed
	return i.kind == 0 && i.stat == s
}

var (
	// ErrChanged is wrapped by every error that says: the file is not, or no more, the one that was told. Where it is
	// gone, fs.ErrNotExist is wrapped too. A new version will be told by itself.
	ErrChanged = errors.New("changed since it was seen")
	// ErrBusy is wrapped where another program keeps the file locked: Retry, or call again later.
	ErrBusy = errors.New("in use by another program")
)

// busy wraps ErrBusy where err means it.
func busy(err error) error {
	if err != nil && isBusy(err) {
		return fmt.Errorf("%w: %w", ErrBusy, err)
	}
	return err
}

// statIn examines name (slash-separated) below root without opening it for reading and without following a link.
func statIn(root *os.Root, name string) (info, error) {
	d, err := openDir(root, path.Dir(name))
	if err != nil {
		return info{}, err
	}
	defer d.Close()
	return statAt(d, path.Base(name))
}

// openDir opens the folder name (slash-separated) below root. It blocks on nothing.
func openDir(root *os.Root, name string) (*os.File, error) {
	return root.OpenFile(filepath.FromSlash(name), os.O_RDONLY|dirFlags, 0)
}

// expect answers ErrChanged unless name below root is the regular file that want says.
func expect(root *os.Root, name string, want Stat) error {
	got, err := statIn(root, name)
	if err == nil && got.kind != 0 {
		return fmt.Errorf("%w: it is no regular file now", ErrChanged)
	}
	return matches(got, err, want)
}

// matches answers ErrChanged unless got, or the error of getting it, is want.
func matches(got info, err error, want Stat) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: %w", ErrChanged, err)
	case err != nil:
		return busy(err)
	case got.stat != want:
		return ErrChanged
	}
	return nil
}

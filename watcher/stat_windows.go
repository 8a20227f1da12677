package watcher

import (
	"errors"
	"io/fs"
	"os"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Exports are read through os.Root, whose handles share reading, writing and deleting (openat in
// internal/syscall/windows/at_windows.go, Go 1.26), so that a POS can write, replace and delete its file meanwhile.
const (
	fileFlags = 0
	dirFlags  = 0
)

const (
	reparseSurrogate = 0x20000000 // in a reparse tag: it stands for another file or folder (symbolic link, junction)
	reparseDedup     = 0x80000013 // a regular file that the deduplication service has packed
	reparseCloud     = 0x9000001A // a regular file that a cloud client has not fetched yet; the second last digit but two varies
	reparseCloudMask = 0xFFFF0FFF
)

// statAt examines the file base in the folder d, or a link itself. Its handle is for attributes alone: it neither meets
// nor causes a sharing violation, whatever the POS has open, which Root.Lstat's would. A folder's listing is not asked,
// for NTFS updates the size in it only when a writer closes.
func statAt(d *os.File, base string) (info, error) {
	h, err := openAttributes(windows.Handle(d.Fd()), base)
	if err != nil {
		return info{}, &fs.PathError{Op: "stat", Path: base, Err: err}
	}
	defer windows.CloseHandle(h)
	i, err := infoOf(h)
	if err != nil {
		return info{}, &fs.PathError{Op: "stat", Path: base, Err: err}
	}
	return i, nil
}

// statOf examines an open file or folder.
func statOf(f *os.File) (info, error) {
	i, err := infoOf(windows.Handle(f.Fd()))
	if err != nil {
		return info{}, &fs.PathError{Op: "stat", Path: f.Name(), Err: err}
	}
	return i, nil
}

func openAttributes(dir windows.Handle, base string) (windows.Handle, error) {
	name, err := windows.NewNTUnicodeString(base)
	if err != nil {
		return 0, err
	}
	attributes := windows.OBJECT_ATTRIBUTES{
		RootDirectory: dir,
		ObjectName:    name,
		Attributes:    windows.OBJ_CASE_INSENSITIVE,
	}
	attributes.Length = uint32(unsafe.Sizeof(attributes))
	var h windows.Handle
	err = windows.NtCreateFile(&h, windows.FILE_READ_ATTRIBUTES|windows.SYNCHRONIZE, &attributes,
		&windows.IO_STATUS_BLOCK{}, nil, 0,
		windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE|windows.FILE_SHARE_DELETE, windows.FILE_OPEN,
		windows.FILE_OPEN_REPARSE_POINT|windows.FILE_OPEN_FOR_BACKUP_INTENT|windows.FILE_SYNCHRONOUS_IO_NONALERT, 0, 0)
	if status, ok := errors.AsType[windows.NTStatus](err); ok {
		if status == windows.STATUS_DELETE_PENDING {
			return 0, windows.ERROR_FILE_NOT_FOUND // it is gone when the last handle closes
		}
		return 0, status.Errno()
	}
	return h, err
}

func infoOf(h windows.Handle) (info, error) {
	var d windows.ByHandleFileInformation
	if err := windows.GetFileInformationByHandle(h, &d); err != nil {
		return info{}, err
	}
	i := info{stat: Stat{
		Size:     int64(d.FileSizeHigh)<<32 | int64(d.FileSizeLow),
		Modified: d.LastWriteTime.Nanoseconds(),
		Volume:   uint64(d.VolumeSerialNumber),
		Index:    uint64(d.FileIndexHigh)<<32 | uint64(d.FileIndexLow),
	}}
	var basic struct { // FILE_BASIC_INFO
		creation, lastAccess, lastWrite, change int64
		attributes, _                           uint32
	}
	if windows.GetFileInformationByHandleEx(h, windows.FileBasicInfo, (*byte)(unsafe.Pointer(&basic)), uint32(unsafe.Sizeof(basic))) == nil &&
		basic.change != 0 {
		change := windows.Filetime{LowDateTime: uint32(basic.change), HighDateTime: uint32(basic.change >> 32)}
		i.stat.Changed = change.Nanoseconds()
	}
	if d.FileAttributes&windows.FILE_ATTRIBUTE_DIRECTORY != 0 {
		i.kind = fs.ModeDir
	}
	if d.FileAttributes&windows.FILE_ATTRIBUTE_REPARSE_POINT != 0 {
		i.kind = kindOfReparsePoint(h, i.kind)
	}
	return i, nil
}

func kindOfReparsePoint(h windows.Handle, plain fs.FileMode) fs.FileMode {
	var tag struct{ attributes, tag uint32 } // FILE_ATTRIBUTE_TAG_INFO
	err := windows.GetFileInformationByHandleEx(h, windows.FileAttributeTagInfo, (*byte)(unsafe.Pointer(&tag)), uint32(unsafe.Sizeof(tag)))
	switch {
	case err != nil:
		return fs.ModeIrregular
	case tag.tag&reparseSurrogate != 0:
		return fs.ModeSymlink
	case tag.tag == reparseDedup, tag.tag&reparseCloudMask == reparseCloud:
		return plain
	}
	return fs.ModeIrregular
}

// origin is nothing: see foreign.
type origin struct{}

// foreign is false: Windows lets only those who may write to a file make a hard link to it.
func foreign(file, dir origin) bool { return false }

func isBusy(err error) bool {
	return errors.Is(err, windows.ERROR_SHARING_VIOLATION) || errors.Is(err, windows.ERROR_LOCK_VIOLATION) ||
		errors.Is(err, windows.ERROR_USER_MAPPED_FILE)
}

func isOtherDevice(err error) bool { return errors.Is(err, windows.ERROR_NOT_SAME_DEVICE) }

// syncDir does nothing: NTFS keeps its own journal of names.
func syncDir(string) error { return nil }

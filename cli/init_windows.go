package cli

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"unsafe"

	"golang.org/x/sys/windows"

	"tillpost/installer"
)

// exampleFolder is a folder as a person may type it.
const exampleFolder = `C:\POS\Export`

// exportRoots are the places where a POS may drop its exports.
func exportRoots() (roots []findRoot) {
	drives, err := windows.GetLogicalDrives()
	if err != nil {
		drives = 1 << 2 // C:
	}
	for i := range 26 {
		root := string(rune('A'+i)) + `:\`
		name, err := windows.UTF16PtrFromString(root)
		if drives&(1<<i) == 0 || err != nil {
			continue
		}
		if kind := windows.GetDriveType(name); kind == windows.DRIVE_FIXED || kind == windows.DRIVE_REMOTE {
			roots = append(roots, findRoot{root, 3})
		}
	}
	if data := os.Getenv("ProgramData"); data != "" {
		roots = append(roots, findRoot{data, 3})
	}
	homes, _ := filepath.Glob(os.Getenv("SystemDrive") + `\Users\*`) // the pattern is a right one
	for _, home := range homes {
		for _, below := range []string{"Desktop", "Documents", "Downloads"} {
			roots = append(roots, findRoot{filepath.Join(home, below), 2})
		}
		clouds, _ := filepath.Glob(filepath.Join(home, "OneDrive*")) // as above
		for _, cloud := range clouds {
			roots = append(roots, findRoot{cloud, 2})
		}
	}
	return roots
}

// elevated reports whether this process has an administrator's rights. Others may make a folder in %ProgramData%, and the service
// would then obey whoever made it.
func elevated() bool { return installer.MayInstall() == nil }

// makeAsAbove makes a folder, which has the access list of the folder above it.
func makeAsAbove(dir string) error { return os.MkdirAll(dir, 0o755) }

// likeBefore does nothing: a file has the access list of its folder.
func likeBefore(*os.File, string) error { return nil }

// shareOf is the share that a drive letter such as P: stands for in this session; "" = it is not known.
func shareOf(drive string) string {
	letter, err := windows.UTF16PtrFromString(drive)
	if err != nil {
		return ""
	}
	var share [1024]uint16
	size := uint32(len(share))
	get := windows.NewLazySystemDLL("mpr.dll").NewProc("WNetGetConnectionW")
	if get.Find() != nil {
		return ""
	}
	failed, _, _ := get.Call(uintptr(unsafe.Pointer(letter)), uintptr(unsafe.Pointer(&share[0])), uintptr(unsafe.Pointer(&size)))
	if failed != 0 {
		return ""
	}
	return strings.TrimRight(windows.UTF16ToString(share[:]), `\`)
}

// keyboardOf is what a form reads from. A console is looked at for keys again and again, so that no reading has to be ended.
func keyboardOf(terminal *os.File) (_ io.Reader, leave func(), err error) {
	return terminal, func() {}, nil
}

package outbox

import (
	"path/filepath"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
)

// machineID is what Windows' setup gave the machine.
func machineID() string {
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, `SOFTWARE\Microsoft\Cryptography`, registry.QUERY_VALUE|registry.WOW64_64KEY)
	if err != nil {
		return ""
	}
	defer key.Close() // it is only read
	id, _, _ := key.GetStringValue("MachineGuid")
	return id
}

// idOf is the id of the file at path; zero where there is none that lasts: FAT has none. Windows may give a new file the
// time of birth of the one that it replaces, so that this is left out.
func idOf(path string) (id fileID) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return id
	}
	var kind [16]uint16
	root, err := windows.UTF16PtrFromString(filepath.VolumeName(path) + `\`)
	if err != nil || windows.GetVolumeInformation(root, nil, 0, nil, nil, nil, &kind[0], uint32(len(kind))) != nil ||
		windows.UTF16ToString(kind[:]) != "NTFS" {
		return id
	}
	file, err := windows.CreateFile(name, 0, windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE|windows.FILE_SHARE_DELETE, nil,
		windows.OPEN_EXISTING, windows.FILE_ATTRIBUTE_NORMAL, 0)
	if err != nil {
		return id
	}
	defer windows.CloseHandle(file) // it is only asked
	var about windows.ByHandleFileInformation
	if windows.GetFileInformationByHandle(file, &about) == nil {
		id.Index = uint64(about.FileIndexHigh)<<32 | uint64(about.FileIndexLow)
	}
	return id
}

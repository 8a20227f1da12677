package outbox

import (
	"fmt"
	"path/filepath"
	"strings"

	"golang.org/x/sys/windows"
)

// deviceUNC begins a network path that is to be taken literally; without UNC it is a drive's.
const deviceUNC = `\\?\UNC\`

// DiskOf tells of the disk of a folder that exists.
func DiskOf(folder string) (d Disk, err error) {
	volume := filepath.VolumeName(folder)
	device := strings.HasPrefix(volume, `\\?\`) || strings.HasPrefix(volume, `\\.\`)
	if strings.HasPrefix(strings.ToUpper(volume), deviceUNC) || strings.HasPrefix(volume, `\\`) && !device {
		d.Share = volume
	} else if root, err := windows.UTF16PtrFromString(volume + `\`); err == nil && windows.GetDriveType(root) == windows.DRIVE_REMOTE {
		d.Share, d.Mapped = volume, volume
	}
	name, err := windows.UTF16PtrFromString(folder)
	if err == nil {
		err = windows.GetDiskFreeSpaceEx(name, &d.Free, nil, nil)
		var root [windows.MAX_PATH + 1]uint16
		if windows.GetVolumePathName(name, &root[0], uint32(len(root))) == nil {
			d.Name = windows.UTF16ToString(root[:])
		}
	}
	if err != nil {
		return d, fmt.Errorf("look at the disk of %s: %w", folder, err)
	}
	return d, nil
}

package cli

import (
	"fmt"
	"path/filepath"
	"strings"

	"golang.org/x/sys/windows"
)

// deviceUNC begins a network path that is to be taken literally; without UNC it is a drive's.
const deviceUNC = `\\?\UNC\`

// diskOf tells of the disk of a folder that exists.
func diskOf(folder string) (d disk, err error) {
	volume := filepath.VolumeName(folder)
	device := strings.HasPrefix(volume, `\\?\`) || strings.HasPrefix(volume, `\\.\`)
	if strings.HasPrefix(strings.ToUpper(volume), deviceUNC) || strings.HasPrefix(volume, `\\`) && !device {
		d.share = volume
	} else if root, err := windows.UTF16PtrFromString(volume + `\`); err == nil && windows.GetDriveType(root) == windows.DRIVE_REMOTE {
		d.share, d.mapped = volume, volume
	}
	name, err := windows.UTF16PtrFromString(folder)
	if err == nil {
		err = windows.GetDiskFreeSpaceEx(name, &d.free, nil, nil)
	}
	if err != nil {
		return d, fmt.Errorf("look at the disk of %s: %w", folder, err)
	}
	return d, nil
}

package config

import (
	"cmp"
	"io/fs"
	"os"
)

// machine is the platform that this program runs on.
func machine() platform {
	home := cleanWindows(cmp.Or(os.Getenv("ProgramData"), `C:\ProgramData`) + `\tillpost`)
	return platform{
		windows: true,
		config:  home + `\tillpost.yaml`,
		dataDir: home,
		token:   home + `\token`,
	}
}

// exposed is never true here: who can read a file is in its access control list, which Go's mode bits do not show. The
// installer sets that list.
func exposed(fs.FileMode) bool { return false }

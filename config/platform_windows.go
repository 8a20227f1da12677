package config

import (
	"cmp"
	"os"
)

// machine is the platform that this program runs on.
func machine() platform {
	home := cleanWindows(cmp.Or(os.Getenv("ProgramData"), `C:\ProgramData`) + `\tillpost`)
	return platform{
		windows: true,
		config:  home + `\tillpost.yaml`,
		dataDir: home + `\data`, // the service may write there, and not where the config lies
		token:   home + `\token`,
	}
}

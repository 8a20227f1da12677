//go:build !windows

package config

import "io/fs"

// machine is the platform that this program runs on.
func machine() platform {
	return platform{
		config:  "/etc/tillpost/tillpost.yaml",
		dataDir: "/var/lib/tillpost",
		token:   "/etc/tillpost/token",
	}
}

// exposed tells whether others than a file's owner can read or change it.
func exposed(mode fs.FileMode) bool { return mode.Perm()&0o077 != 0 }

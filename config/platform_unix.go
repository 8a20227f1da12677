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

// exposed is an *ExposedTokenError where others than a file's owner can read or change it.
func exposed(path string, mode fs.FileMode) error {
	if mode.Perm()&0o077 != 0 {
		return &ExposedTokenError{Path: path, Mode: mode}
	}
	return nil
}

//go:build !windows

package config

// machine is the platform that this program runs on.
func machine() platform {
	return platform{
		config:  "/etc/tillpost/tillpost.yaml",
		dataDir: "/var/lib/tillpost",
		token:   "/etc/tillpost/token",
	}
}

//go:build !windows

package cli

import "os"

// privateHome is the config's folder, where it is for administrators and the service alone; "" = it is not.
func privateHome() string { return "" }

// credentialStored reports whether the service manager has the token: the unit asks for it by this name.
func credentialStored() bool {
	for _, dir := range []string{"/etc/credstore", "/run/credstore"} {
		if _, err := os.Stat(dir + "/tillpost.token"); err == nil {
			return true
		}
	}
	return false
}

package cli

import (
	"path/filepath"

	"tillpost/config"
)

// privateHome is the config's folder, where it is for administrators and the service alone; "" = it is not.
func privateHome() string { return filepath.Dir(config.Place()) }

// credentialStored reports whether the service manager has the token: Windows keeps none.
func credentialStored() bool { return false }

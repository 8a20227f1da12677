package installer

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"time"

	"golang.org/x/mod/semver"
)

// NewerError says that a program is newer than the one that was to take its place.
type NewerError struct {
	Program   string // its path
	Installed string // its version
	Ours      string
}

func (e *NewerError) Error() string {
	return fmt.Sprintf("%s is version %s and this is the older %s, which may not be able to read what the newer one has written", e.Program, e.Installed, e.Ours)
}

// NotOlder is a *NewerError where the program at path is of a newer version than version. A program that cannot be asked, and one
// without a version of three numbers, stands in nobody's way.
func NotOlder(ctx context.Context, version, path string) error {
	if !semver.IsValid("v" + version) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "version", "--json")
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if err != nil {
		return nil
	}
	var said struct{ Version string }
	if json.Unmarshal(out, &said) != nil || !semver.IsValid("v"+said.Version) || semver.Compare("v"+said.Version, "v"+version) <= 0 {
		return nil
	}
	return &NewerError{Program: path, Installed: said.Version, Ours: version}
}

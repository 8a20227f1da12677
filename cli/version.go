package cli

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is set when a release is linked: -ldflags "-X tillpost/cli.version=1.2.3".
var version = ""

// programVersion is the version of this program; "dev" where nobody has given it one.
func programVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "dev"
}

// build is what `version` tells.
type build struct {
	Version string `json:"version"`
	Commit  string `json:"commit"` // "unknown" where the build does not say it
	Go      string `json:"go"`
}

func thisBuild() build {
	b := build{Version: programVersion(), Commit: "unknown", Go: runtime.Version()}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	modified := false
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.modified":
			modified = s.Value == "true"
		}
	}
	if modified {
		b.Commit += "+changes"
	}
	return b
}

func (con *console) versionCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "version [--json]",
		Short:   "version, commit, Go version",
		Example: "  tillpost version --json",
		Args:    noArguments,
	}
	asJSON := jsonFlag(cmd, "print one JSON object")
	cmd.RunE = func(*cobra.Command, []string) error {
		b := thisBuild()
		if *asJSON {
			con.json(b)
			return nil
		}
		con.printf("tillpost %s, commit %s, %s\n", b.Version, b.Commit, b.Go)
		return nil
	}
	return cmd
}

//go:build !windows

package config

import (
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// exposed is an *ExposedTokenError where others than a file's owner can read or change it.
func exposed(path string, mode fs.FileMode) error {
	if mode.Perm()&0o077 != 0 {
		return &ExposedTokenError{Path: path, Mode: mode}
	}
	return nil
}

// ChangeableBy says who besides root can change the file at path, or put another one into its place; "" = nobody. A service obeys
// its config: whoever changes it can have the token sent elsewhere.
func ChangeableBy(path string) (who string) {
	for at := path; ; at = filepath.Dir(at) {
		about, err := os.Stat(at)
		if err != nil {
			return ""
		}
		s, ok := about.Sys().(*syscall.Stat_t)
		switch {
		case !ok:
			return ""
		case about.IsDir() && about.Mode()&fs.ModeSticky != 0 && s.Uid == 0: // others change only what is theirs
		case about.Mode().Perm()&0o002 != 0:
			return "every account of this computer"
		case s.Uid != 0:
			if u, err := user.LookupId(strconv.Itoa(int(s.Uid))); err == nil {
				return "the account " + u.Username
			}
			return "the account " + strconv.Itoa(int(s.Uid))
		case about.Mode().Perm()&0o020 != 0 && s.Gid != 0:
			if g, err := user.LookupGroupId(strconv.Itoa(int(s.Gid))); err == nil {
				return "the group " + g.Name
			}
			return "the group " + strconv.Itoa(int(s.Gid))
		}
		if at == filepath.Dir(at) {
			return ""
		}
	}
}

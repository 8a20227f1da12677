//go:build !windows

package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// serviceUser is whom the packages let the service run as.
const serviceUser = "tillpost"

// protectToken answers a token as it is stored: as it is, for the file's mode protects it.
func protectToken(token []byte) ([]byte, error) { return append(token, '\n'), nil }

// revealToken is the reverse of protectToken.
func revealToken(path string, text []byte) ([]byte, error) {
	if isProtected(text) {
		return nil, fmt.Errorf("the token file %s was written by `tillpost token set` on a Windows machine, and nothing else can read it", path)
	}
	return text, nil
}

// ownToken gives a new token file, which is open and of which root is the writer, to whoever has the one that it takes the place of, else or where that is root's to
// the service's user, where there is one.
func ownToken(file *os.File, path string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	about, err := os.Stat(path)
	if err == nil {
		s, ok := about.Sys().(*syscall.Stat_t)
		switch {
		case !ok:
			return nil
		case s.Uid != 0: // root's own, such as one from a backup, is no use to the service
			return file.Chown(int(s.Uid), int(s.Gid))
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	u, err := user.Lookup(serviceUser)
	if err != nil {
		return nil // there is none: root runs it
	}
	uid, badUID := strconv.Atoi(u.Uid)
	gid, badGID := strconv.Atoi(u.Gid)
	if err := errors.Join(badUID, badGID); err != nil {
		return err
	}
	return file.Chown(uid, gid)
}

// syncDir makes a rename in a folder outlast a power cut.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

//go:build !windows

package cli

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// beOwnerOf lets root be the account whom a data folder belongs to, so that the service can go on with whatever root writes
// there, until beRoot, or forGood.
func beOwnerOf(dataDir string, forGood bool) error {
	about, err := os.Stat(dataDir)
	if err != nil {
		return nil // there is none yet; the service makes it its own
	}
	s, ok := about.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	if err := be(int(s.Uid), int(s.Gid), forGood); err != nil {
		return fmt.Errorf("be the account that the data folder %s belongs to: %w", dataDir, err)
	}
	return nil
}

// beAccount lets root be an account by its name, until beRoot.
func beAccount(name string) error {
	u, err := user.Lookup(name)
	if err != nil {
		return err
	}
	uid, uerr := strconv.Atoi(u.Uid)
	gid, gerr := strconv.Atoi(u.Gid)
	if err := errors.Join(uerr, gerr); err != nil {
		return err
	}
	if err := be(uid, gid, false); err != nil {
		return fmt.Errorf("be the account %s: %w", name, err)
	}
	return nil
}

// be lets root be somebody else. It does nothing for whoever is not root.
func be(uid, gid int, forGood bool) error {
	if os.Geteuid() != 0 || uid == 0 {
		return nil
	}
	mine := -1 // the real and the saved one stay root's
	if err := syscall.Setgroups(groupsOf(uid, gid)); err != nil {
		return err
	}
	if forGood {
		return errors.Join(syscall.Setresgid(gid, gid, gid), syscall.Setresuid(uid, uid, uid))
	}
	return errors.Join(syscall.Setresgid(mine, gid, mine), syscall.Setresuid(mine, uid, mine))
}

// beRoot ends what beOwnerOf and beAccount have begun.
func beRoot() error {
	if os.Getuid() != 0 || os.Geteuid() == 0 {
		return nil
	}
	if err := errors.Join(syscall.Setresuid(-1, 0, -1), syscall.Setresgid(-1, 0, -1), syscall.Setgroups([]int{0})); err != nil {
		return fmt.Errorf("be root again: %w", err)
	}
	return nil
}

// currentUser is the account that counts for files: root may be another one for a while.
func currentUser() (*user.User, error) { return user.LookupId(strconv.Itoa(os.Geteuid())) }

// groupsOf are the groups of an account; its own alone where nobody knows more.
func groupsOf(uid, gid int) []int {
	list := []int{gid}
	u, err := user.LookupId(strconv.Itoa(uid))
	if err != nil {
		return list
	}
	ids, err := u.GroupIds()
	if err != nil {
		return list
	}
	for _, id := range ids {
		if n, err := strconv.Atoi(id); err == nil && n != gid {
			list = append(list, n)
		}
	}
	return list
}

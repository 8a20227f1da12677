//go:build !windows

package config

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestAStoredTokenIsItsOwnersAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, link := filepath.Join(dir, "token"), filepath.Join(dir, "link")
	write(t, path, "before")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	owner := os.Getuid()
	if owner == 0 {
		owner = 12345
		if err := os.Chown(path, owner, owner); err != nil {
			t.Fatal(err)
		}
	}
	got, err := (&TokenSource{stated: link}).Store([]byte("stored-token"))
	if err != nil || filepath.Base(got) != "token" {
		t.Fatalf("got %q, %v; want the file that the link leads to", got, err)
	}
	about, err := os.Lstat(link)
	if err != nil || about.Mode()&os.ModeSymlink == 0 {
		t.Errorf("got %v, %v; want the link still there", about, err)
	}
	if about, err = os.Stat(path); err != nil {
		t.Fatal(err)
	}
	if about.Mode().Perm() != 0o600 || about.Sys().(*syscall.Stat_t).Uid != uint32(owner) {
		t.Errorf("got the mode %04o and the owner %d, want 0600 and %d", about.Mode().Perm(), about.Sys().(*syscall.Stat_t).Uid, owner)
	}
}

func TestATokenOfAnotherMachineIsToldApart(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "token")
	write(t, path, protectedMark+"AQAAANCMnd8=\r\n")
	if _, err := (&TokenSource{stated: path}).Token(); err == nil || !strings.Contains(err.Error(), "on a Windows machine") {
		t.Errorf("got %v, want an error that says where it is from", err)
	}
}

//go:build !windows

package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestATokenThatOthersCanReadIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "token")
	write(t, path, "s3cr3t")
	s := &TokenSource{stated: path}
	long := time.Now().Add(-time.Hour)
	for mode, good := range map[os.FileMode]bool{0o600: true, 0o400: true, 0o640: false, 0o604: false, 0o644: false, 0o620: false, 0o601: false} {
		if err := errors.Join(os.Chmod(path, mode), os.Chtimes(path, long, long)); err != nil {
			t.Fatal(err)
		}
		got, err := s.Token() // also where it was read before with another mode
		exposed, is := errors.AsType[*ExposedTokenError](err)
		switch {
		case good && (err != nil || got != "s3cr3t"):
			t.Errorf("%04o: got %q, %v; want the token", mode, got, err)
		case !good && (!is || exposed.Path != path || exposed.Mode.Perm() != mode || got != ""):
			t.Errorf("%04o: got %q, %v; want it refused with path and mode", mode, got, err)
		case !good && (strings.Contains(err.Error(), "s3cr3t") || !strings.Contains(err.Error(), "0600")):
			t.Errorf("%04o: got %v", mode, err)
		}
	}
	if err := os.Chmod(path, 0o444); err != nil {
		t.Fatal(err)
	}
	if got, err := (&TokenSource{place: filepath.Join(dir, "none"), credential: path}).Token(); err != nil || got != "s3cr3t" {
		t.Errorf("the service manager's: got %q, %v; want the token, whatever the mode", got, err)
	}
}

func TestAFIFOHoldsNothingUp(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := (&TokenSource{stated: path}).Token(); err == nil {
		t.Errorf("as a token: got %q, want an error", got)
	}
	if _, err := Load(path); err == nil {
		t.Error("as a config: got no error")
	}
}

package installer

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"tillpost/testkit"
)

func ownerIs(t *testing.T, path string, want uint32) {
	t.Helper()
	about, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := about.Sys().(*syscall.Stat_t).Uid; got != want {
		t.Errorf("%s is %d's, want %d's", path, got, want)
	}
}

func TestASecretIsTakenOverFromRootAlone(t *testing.T) {
	t.Parallel()
	testkit.NeedRoot(t)
	const service, somebody = 54321, 54322
	dir := t.TempDir()
	file := func(name string, uid int) string {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.WriteFile(path, []byte("x"), 0o644), os.Chown(path, uid, uid)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	o := Options{Tell: func(string, ...any) {}}
	for name, uid := range map[string]int{"root's": 0, "its own": service} {
		path := file(name, uid)
		if err := ownSecret(path, service, service, o); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		ownerIs(t, path, service)
		if about, err := os.Stat(path); err != nil || about.Mode().Perm() != 0o600 {
			t.Errorf("%s: got %v, %v; want the mode 0600", name, about.Mode(), err)
		}
	}
	theirs := file("somebody's", somebody)
	if _, ok := errors.AsType[*OwnerError](ownSecret(theirs, service, service, o)); !ok {
		t.Error("somebody's file is taken from them")
	}
	ownerIs(t, theirs, somebody)
	target, link := file("root's too", 0), filepath.Join(dir, "link")
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	if err := ownSecret(link, service, service, o); err == nil {
		t.Error("a link is followed")
	}
	ownerIs(t, target, 0)
	if err := ownSecret(filepath.Join(dir, "none"), service, service, o); err != nil {
		t.Errorf("got %v of a file that is not there", err)
	}
}

func TestADataFolderIsGivenToTheServiceWithAllInItAndNoMore(t *testing.T) {
	t.Parallel()
	testkit.NeedRoot(t)
	const service = 54321
	dir, outside := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "outside")
	for _, path := range []string{filepath.Join(dir, "held"), outside} {
		if err := os.MkdirAll(path, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	inside := filepath.Join(dir, "held", "1.export")
	if err := errors.Join(os.WriteFile(inside, nil, 0o600), os.Symlink(outside, filepath.Join(dir, "link"))); err != nil {
		t.Fatal(err)
	}
	if err := ownAll(dir, service, service); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, filepath.Join(dir, "held"), inside, filepath.Join(dir, "link")} {
		ownerIs(t, path, service)
	}
	ownerIs(t, outside, 0)
	if about, err := os.Stat(dir); err != nil || about.Mode().Perm() != 0o700 {
		t.Errorf("got %v, %v; want the mode 0700", about.Mode(), err)
	}
}

func TestALinkToADataFolderIsFollowedWhereItIsRoots(t *testing.T) {
	t.Parallel()
	testkit.NeedRoot(t)
	const service, somebody = 54321, 54322
	for name, owner := range map[string]int{"root's": 0, "somebody's": somebody} {
		dir := t.TempDir()
		target, link := filepath.Join(dir, "target"), filepath.Join(dir, "data")
		if err := errors.Join(os.Mkdir(target, 0o755), os.Symlink(target, link), os.Lchown(link, owner, owner)); err != nil {
			t.Fatal(err)
		}
		err := ownAll(link, service, service)
		if owner == 0 {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			ownerIs(t, target, service)
			continue
		}
		if _, ok := errors.AsType[*OwnerError](err); !ok {
			t.Errorf("%s: got %v", name, err)
		}
		ownerIs(t, target, 0)
	}
}

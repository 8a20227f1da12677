package config

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"tillpost/testkit"
)

func TestWhoElseMayChangeAConfig(t *testing.T) {
	t.Parallel()
	testkit.NeedRoot(t)
	top, err := os.MkdirTemp("/run", "tillpost-test-*") // all above it is root's alone
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(top) })
	dir := filepath.Join(top, "config")
	file := filepath.Join(dir, "tillpost.yaml")
	if err := errors.Join(os.Mkdir(dir, 0o755), os.WriteFile(file, nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name            string
		folder, file    os.FileMode
		uid, gid        int // the file's
		want            string
		folders, groups int // the folder's
	}{
		{name: "root's", folder: 0o755, file: 0o644},
		{name: "anybody's", folder: 0o755, file: 0o666, want: "every account of this computer"},
		{name: "in a folder of all", folder: 0o777, file: 0o644, want: "every account of this computer"},
		{name: "in one where each has his own", folder: 0o777 | os.ModeSticky, file: 0o644},
		{name: "somebody's", folder: 0o755, file: 0o644, uid: 54321, want: "the account 54321"},
		{name: "in somebody's folder", folder: 0o755, file: 0o644, folders: 54321, want: "the account 54321"},
		{name: "a group's", folder: 0o755, file: 0o664, gid: 54321, want: "the group 54321"},
		{name: "in a group's folder", folder: 0o775, file: 0o644, groups: 54321, want: "the group 54321"},
		{name: "for a group to read", folder: 0o750, file: 0o640, gid: 54321, groups: 54321},
	} {
		if err := errors.Join(os.Chown(dir, test.folders, test.groups), os.Chown(file, test.uid, test.gid), os.Chmod(dir, test.folder), os.Chmod(file, test.file)); err != nil {
			t.Fatal(err)
		}
		if got := ChangeableBy(file); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
	if got := ChangeableBy(filepath.Join(dir, "none")); got != "" {
		t.Errorf("got %q of a file that is not there", got)
	}
}

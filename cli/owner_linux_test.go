package cli

import (
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tillpost/mockapi"
	"tillpost/testkit"
)

// ownedBy are the files below a folder that an account owns.
func ownedBy(t *testing.T, uid uint32, dir string) (list []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		about, err := entry.Info()
		if err == nil && about.Sys().(*syscall.Stat_t).Uid == uid {
			list = append(list, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestWhatRootDoesToTheServicesDataStaysTheServices(t *testing.T) {
	t.Parallel()
	testkit.NeedRoot(t)
	const service = 54321
	s := newStore(t, mockapi.Options{})
	s.write("pos/stock.csv", "Store,UPC,Qty\n3,849632048260,12\n")
	if _, errs, code := s.run("sync"); code != statusDone {
		t.Fatalf("got %d, %q", code, errs)
	}
	for _, name := range []string{"data", "token", "pos"} {
		err := filepath.WalkDir(s.path(name), func(path string, _ fs.DirEntry, err error) error {
			if err == nil {
				err = os.Lchown(path, service, service)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for dir := s.dir; len(dir) >= len(os.TempDir()); dir = filepath.Dir(dir) {
		about, err := os.Stat(dir)
		if err == nil && about.Mode().Perm()&0o001 == 0 {
			err = os.Chmod(dir, about.Mode().Perm()|0o011)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(s.config, 0o644); err != nil {
		t.Fatal(err)
	}
	rootsAlone := s.write("roots.csv", "Store,UPC,Qty\n3,849632048260,11\n")
	for _, args := range [][]string{{"sync"}, {"status"}, {"pause"}, {"resume"}, {"resend", "--all"}, {"preview", rootsAlone}, {"check"}, {"sync", "--timeout", "1m"}} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		cmd := exec.CommandContext(ctx, os.Args[0], append([]string{args[0], "--config", s.config}, args[1:]...)...)
		cmd.Env = append(os.Environ(), "TILLPOST_TEST_BE_TILLPOST=1")
		out, err := cmd.CombinedOutput()
		cancel()
		if err != nil || args[0] == "check" && !strings.Contains(string(out), "data: can be written to") {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
		if list := ownedBy(t, 0, s.path("data")); len(list) > 0 {
			t.Errorf("%v: root owns %q", args, list)
		}
	}
}

package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// otherMachines are cases that need a machine of their own: a small disk, or an account that may not do everything.
var otherMachines = []hourCase{
	{
		name:  "a full disk at the start",
		files: map[string]string{"tillpost.yaml": diskConfig},
		set: func(t *testing.T, h *hour) {
			makeDisk(t, h)
			fillDisk(t, h)
		},
		do:   []any{"run"},
		must: []string{"$DIR/disk/data/outbox.db", "no space left on device", "hint: make room on the disk"},
	},
	{
		name:  "the disk fills up while the agent runs",
		files: map[string]string{"tillpost.yaml": diskConfig},
		set:   makeDisk,
		do: []any{agentRuns{log: "level=ERROR", status: "is full", meanwhile: func(h *hour) {
			fillDisk(h.t, h)
			h.write("pos/later.csv", manyProducts(20_000))
		}}},
		must: []string{"the disk of $DIR/disk/data is full", "make room on that disk"},
	},
	{
		name: "an export that this account may not read",
		set:  forbid("pos/stock.csv"),
		do:   []any{"preview $DIR/pos/stock.csv", agentRuns{log: "level=ERROR", status: "cannot be read"}},
		must: []string{"$DIR/pos/stock.csv: permission denied", "hint: use the account"},
	},
	{
		name: "a folder that this account may not read",
		set:  forbid("pos"),
		do:   []any{agentRuns{log: "level=ERROR", status: "permission denied"}},
		must: []string{"let this account read it"},
	},
	{
		name: "a config that this account may not read",
		set:  forbid("tillpost.yaml"),
		do:   []any{"run"},
		must: []string{"$DIR/tillpost.yaml: permission denied", "hint: use the account"},
	},
	{
		name: "a token that this account may not read",
		set:  forbid("token"),
		do:   []any{"run"},
		must: []string{"$DIR/token: permission denied", "hint: use the account"},
	},
	{
		name:  "a data folder that this account may not make",
		files: map[string]string{"tillpost.yaml": "api: {url: $API, token_file: token}\ndata_dir: locked/data\nstatus: {listen: off}\nsources: [{folder: pos}]\n", "locked/note": "x"},
		set:   forbid("locked"),
		do:    []any{"run"},
		must:  []string{"$DIR/locked/data", "permission denied", "hint: use the account"},
	},
}

const diskConfig = "api: {url: $API, token_file: token, retry: {min: 10ms, max: 1s}}\ndata_dir: disk/data\nstatus: {listen: off}\nsources:\n" + goodSource

// In a process of its own these say which case it is to see, and where what it saw goes.
const (
	hourName = "TILLPOST_TEST_HOUR"
	hourFile = "TILLPOST_TEST_HOUR_FILE"
)

// TestFirstHourOnAnotherMachine is TestFirstHour for otherMachines, each in a process of its own, which the kernel gives a
// machine of its own: its mounts are nobody else's, and it is no administrator, whoever runs the tests.
func TestFirstHourOnAnotherMachine(t *testing.T) {
	if name := os.Getenv(hourName); name != "" {
		seeHour(t, name)
		return
	}
	t.Parallel()
	testHours(t, otherMachines, "testdata/firsthour-linux.want", func(t *testing.T, c hourCase) string {
		file := filepath.Join(t.TempDir(), "said")
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestFirstHourOnAnotherMachine$")
		cmd.Env = append(os.Environ(), hourName+"="+c.name, hourFile+"="+file, "TILLPOST_TEST_BE_TILLPOST=")
		account := 1000
		if c.files["tillpost.yaml"] == diskConfig {
			account = 0 // who mounts a disk is the machine's administrator
		}
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: account, HostID: os.Geteuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: account, HostID: os.Getegid(), Size: 1}}}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("got %v from the process that sees it:\n%s", err, out)
		}
		said, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return string(said)
	})
}

// seeHour is the process of one case.
func seeHour(t *testing.T, name string) {
	for _, c := range otherMachines {
		if c.name != name {
			continue
		}
		h := newHour(t, c)
		if err := os.WriteFile(os.Getenv(hourFile), []byte(h.live(c)), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Fatalf("there is no case %q", name)
}

// forbid takes the right to look at a file or folder from its own account, until the case is over.
func forbid(name string) func(*testing.T, *hour) {
	return func(t *testing.T, h *hour) {
		about, err := os.Stat(h.path(name))
		if err == nil {
			err = os.Chmod(h.path(name), 0)
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := os.Chmod(h.path(name), about.Mode().Perm()); err != nil {
				t.Error(err)
			}
		})
	}
}

// fillDisk leaves no room on the disk.
func fillDisk(t *testing.T, h *hour) {
	t.Helper()
	f, err := os.Create(h.path("disk/other"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for err == nil {
		_, err = f.Write(bytes.Repeat([]byte("x"), 512))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("got %v, want a full disk", err)
	}
}

// makeDisk mounts a small disk.
func makeDisk(t *testing.T, h *hour) {
	t.Helper()
	dir := h.path("disk")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=16m"); err != nil {
		t.Fatalf("mount a small disk: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
}

// manyProducts is an export of n rows.
func manyProducts(n int) string {
	var b strings.Builder
	b.WriteString("UPC,Store,Qty\n")
	for i := range n {
		fmt.Fprintf(&b, "%s,3,%d\n", upc(i), i%9)
	}
	return b.String()
}

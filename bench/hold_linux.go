package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// hold is a share of the machine: control groups of our own, which processes are put into.
type hold struct{ folders []string }

// knob is a file of a control group and what is written into it.
type knob struct{ folder, file, value string }

// newHold makes a share of so many hundredths of a core, and so many bytes. It fails where control groups cannot be made.
func newHold(percent int, bytes int64) (*hold, error) {
	const root = "/sys/fs/cgroup"
	name := fmt.Sprintf("tillpost-bench-%d", os.Getpid())
	const period = 100_000 // us
	quota, limit := strconv.Itoa(period*percent/100), strconv.FormatInt(bytes, 10)
	var knobs []knob
	if _, err := os.Stat(filepath.Join(root, "cgroup.controllers")); err == nil { // version 2
		folder := filepath.Join(root, name)
		knobs = []knob{{folder, "cpu.max", fmt.Sprintf("%s %d", quota, period)}, {folder, "memory.max", limit}}
	} else {
		cpu, memory := filepath.Join(root, "cpu", name), filepath.Join(root, "memory", name)
		knobs = []knob{{cpu, "cpu.cfs_period_us", strconv.Itoa(period)}, {cpu, "cpu.cfs_quota_us", quota}, {memory, "memory.limit_in_bytes", limit}}
	}
	h := &hold{}
	for _, k := range knobs {
		if err := h.set(k); err != nil {
			return nil, errors.Join(err, h.close())
		}
	}
	return h, nil
}

// set turns a knob, in a group that is made where it is not there.
func (h *hold) set(k knob) error {
	if err := os.Mkdir(k.folder, 0o755); err == nil {
		h.folders = append(h.folders, k.folder)
	} else if !errors.Is(err, fs.ErrExist) {
		return err
	}
	return os.WriteFile(filepath.Join(k.folder, k.file), []byte(k.value), 0o644)
}

// before is what a program is started by to be held: a shell that puts itself into the groups and then becomes the program.
func (h *hold) before() []string {
	args := []string{"sh", "-c", `while [ "$1" != -- ]; do echo $$ >"$1/cgroup.procs" || exit 1; shift; done; shift; exec "$@"`, "sh"}
	return append(append(args, h.folders...), "--")
}

// close removes the groups, whose processes have ended.
func (h *hold) close() (err error) {
	for _, folder := range h.folders {
		removed := os.Remove(folder)
		for tries := 0; removed != nil && tries < 50; tries++ { // the kernel takes a moment to let go of what has ended
			time.Sleep(20 * time.Millisecond)
			removed = os.Remove(folder)
		}
		err = errors.Join(err, removed)
	}
	return err
}

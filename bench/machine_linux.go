package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// usage is what a process has used, and what it has.
type usage struct {
	cpu       time.Duration // of all threads, user and system
	anonymous float64       // MB that are in memory and belong to no file
	resident  float64       // MB that are in memory
	peak      float64       // MB, resident at the most since the process began
}

const hertz = 100 // of the clock that /proc counts CPU by, on every platform of ours

// usageOf reads what a process has used.
func usageOf(pid int) (u usage, err error) {
	proc := fmt.Sprintf("/proc/%d/", pid)
	stat, err := os.ReadFile(proc + "stat")
	if err != nil {
		return u, err
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(fields) < 13 {
		return u, fmt.Errorf("%sstat has %d fields", proc, len(fields))
	}
	user, err1 := strconv.ParseFloat(fields[11], 64)
	system, err2 := strconv.ParseFloat(fields[12], 64)
	if err := errors.Join(err1, err2); err != nil {
		return u, err
	}
	u.cpu = time.Duration((user + system) * float64(time.Second) / hertz)
	text, err := os.ReadFile(proc + "status")
	for name, to := range map[string]*float64{"RssAnon": &u.anonymous, "VmRSS": &u.resident, "VmHWM": &u.peak} {
		*to = megabytes(string(text), name)
	}
	return u, err
}

// exactCPU is the CPU that the threads of a process have used, to the nanosecond, where stat counts hundredths of a second.
// A thread that has ended is not counted.
func exactCPU(pid int) (sum time.Duration, err error) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil {
		return 0, err
	}
	for _, name := range threads {
		text, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue
		}
		if err != nil {
			return 0, err
		}
		first, _, _ := strings.Cut(string(text), " ")
		ns, err := strconv.ParseInt(first, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", name, err)
		}
		sum += time.Duration(ns)
	}
	if sum == 0 {
		return 0, fmt.Errorf("process %d: this kernel tells no CPU of its threads", pid)
	}
	return sum, nil
}

// megabytes reads a line such as `VmRSS:   1234 kB`; 0 = there is none. A MB is a million bytes.
func megabytes(text, name string) float64 {
	m := regexp.MustCompile(`(?m)^` + name + `:\s+(\d+) kB`).FindStringSubmatch(text)
	if m == nil {
		return 0
	}
	kB, _ := strconv.ParseFloat(m[1], 64) // digits
	return kB * 1024 / 1e6
}

// processor is the machine's.
func processor() string {
	text, _ := os.ReadFile("/proc/cpuinfo") // without it, it has no name
	m := regexp.MustCompile(`(?m)^model name\s*:\s*(.+)$`).FindStringSubmatch(string(text))
	if m == nil {
		return "unknown"
	}
	return m[1]
}

// flush is the flush that bbolt makes of a file, which waits for the disk.
func flush(f *os.File) error { return syscall.Fdatasync(int(f.Fd())) }

// flushAll waits until all that was written is on disk, so that the flushes of what is measured need not.
func flushAll() { syscall.Sync() }

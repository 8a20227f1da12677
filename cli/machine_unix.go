//go:build !windows

package cli

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// machine is what a computer is.
type machine struct {
	system string
	memory uint64 // bytes; 0 = not known
}

func thisMachine() machine {
	m := machine{system: runtime.GOOS}
	if name := strings.Trim(valueIn("/etc/os-release", "PRETTY_NAME="), `"'`); name != "" {
		m.system = name
	}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		m.system += ", kernel " + unix.ByteSliceToString(u.Release[:])
	}
	var kilobytes uint64
	if _, err := fmt.Sscan(valueIn("/proc/meminfo", "MemTotal:"), &kilobytes); err == nil {
		m.memory = kilobytes << 10
	}
	return m
}

// valueIn is what follows a word at the beginning of a line of a file; "" where there is none.
func valueIn(path, word string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close() // it is only read
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), word); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

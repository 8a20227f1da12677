package testkit

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// SetClock sets the clock of the whole process forward or back, as the owner of a machine would: time.Now shows it, what measures
// durations does not, and bubbles are no exception. It is nil but in a test with the tag clock and the file of ClockFile.
var SetClock func(time.Duration)

// Steady is what a clock would show that nobody has set.
var Steady = time.Now

// ClockFile writes a file with a clock that can be set. An overlay is to put it in the place of path.
func ClockFile(t testing.TB) (path, file string) {
	t.Helper()
	root, err := exec.CommandContext(t.Context(), "go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	path, file = filepath.Join(strings.TrimSpace(string(root)), "src", "time", "time.go"), filepath.Join(t.TempDir(), "time.go")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const imports, now = "import (\n", "	sec, nsec, mono := runtimeNow()\n"
	if strings.Count(string(text), imports) != 1 || strings.Count(string(text), now) != 1 {
		Lacks(t, "%s is not as this test knows it", path)
	}
	set := strings.NewReplacer(imports, imports+`	"sync/atomic"
`, now, now+`	if mono == 0 {
		mono = runtimeNano() // of the bubble
	}
	if ahead := clockAhead.Load(); ahead != 0 {
		at := sec*1e9 + int64(nsec) + ahead
		sec, nsec = at/1e9, int32(at%1e9)
	}
`).Replace(string(text)) + `
// clockAhead is by how much the clock was set, in nanoseconds.
var clockAhead atomic.Int64

//go:linkname setClock
func setClock(d int64) { clockAhead.Add(d) }
`
	if err := os.WriteFile(file, []byte(set), 0o600); err != nil {
		t.Fatal(err)
	}
	return path, file
}

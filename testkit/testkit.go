// Package testkit is what tests of several packages need of the machine and its clock.
package testkit

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"
)

// Lacks skips a test for what the machine lacks; in CI that is an error.
func Lacks(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// NeedRoot skips a test where it is not root's.
func NeedRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		Lacks(t, "it needs root")
	}
}

// NeedTool skips a test where a tool is missing, or does not work with the arguments.
func NeedTool(t testing.TB, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), args[0], args[1:]...).CombinedOutput(); err != nil {
		Lacks(t, "%v does not work here: %v\n%s", args, err, out)
	}
}

// Within waits until something holds, and reports whether it does before so much time is over. It is for what nothing else tells of.
func Within(limit time.Duration, holds func() bool) bool {
	for end := time.Now().Add(limit); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}

// Wide lets twice as many tests run at a time as there are processors, for a package whose tests wait most of the time, unless
// somebody says how many. It is for TestMain.
func Wide() {
	flag.Parse()
	n := runtime.GOMAXPROCS(0)
	if flag.Lookup("test.parallel").Value.String() != fmt.Sprint(n) {
		return
	}
	if err := flag.Set("test.parallel", fmt.Sprint(2*n)); err != nil {
		panic(err)
	}
}

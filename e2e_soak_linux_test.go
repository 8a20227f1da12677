package main_test

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

var soakFor = flag.Duration("soak", 8*time.Second, "how long the agent works in TestNothingGrows")

// needs is what a process has of the system's goods.
type needs struct {
	anonymous int64 // bytes of memory
	threads   int64
	files     int
}

func (s *shop) needs() (n needs) {
	s.t.Helper()
	proc := fmt.Sprintf("/proc/%d/", s.cmd.Process.Pid)
	text, err := os.ReadFile(proc + "status")
	if err != nil {
		s.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		figure, _ := strconv.ParseInt(strings.Fields(value + " -")[0], 10, 64) // 0 where it is none
		switch name {
		case "RssAnon":
			n.anonymous = figure << 10
		case "Threads":
			n.threads = figure
		}
	}
	open, err := os.ReadDir(proc + "fd")
	if err != nil {
		s.t.Fatal(err)
	}
	n.files = len(open)
	return n
}

// TestNothingGrows lets the agent work without a break, with an API that fails now and then, and compares what it needs after a
// third of the time with the end.
func TestNothingGrows(t *testing.T) { // I18
	t.Parallel()
	s := newShop(t, "  concurrency: 4\n", "    after: delete\n")
	s.inject("500=10%")
	s.inject("close=5%,apply=now")
	s.start()
	const products = 500
	began, exports := time.Now(), int64(0)
	var early, late needs
	highest := func(n *needs) {
		now := s.needs()
		n.anonymous, n.threads, n.files = max(n.anonymous, now.anonymous), max(n.threads, now.threads), max(n.files, now.files)
	}
	for time.Since(began) < *soakFor {
		exports++
		rows := make([]string, products)
		for i := range rows {
			rows[i] = row(i, 1+(exports+int64(i))/8) // an eighth of them changes
		}
		name := fmt.Sprintf("stock-%d.csv", exports)
		s.drop(name, rows...)
		s.eventually("an export is taken", func() bool {
			_, err := os.Stat(s.path("in/" + name))
			return os.IsNotExist(err)
		})
		switch passed := time.Since(began); {
		case passed < *soakFor/3:
			highest(&early)
		case passed > *soakFor*2/3:
			highest(&late)
		}
	}
	t.Logf("%d exports, %d requests: after a third %+v, in the end %+v", exports, s.requests(), early, late)
	if late.anonymous > early.anonymous*3/2+8<<20 || late.threads > early.threads+4 || late.files > early.files+4 {
		t.Errorf("it grows: got %+v in the last third, %+v in the first", late, early)
	}
	s.stop()
}

package main_test

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
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

// goroutines ends the agent by a signal at which Go's runtime writes down what each goroutine does, and counts them.
func (s *shop) goroutines() int {
	s.t.Helper()
	before := len(s.log.String())
	if err := s.cmd.Process.Signal(syscall.SIGQUIT); err != nil {
		s.t.Fatal(err)
	}
	<-s.exited
	s.cmd = nil
	return strings.Count(s.log.String()[before:], "\ngoroutine ")
}

// TestNothingGrows lets the agent work without a break, with an API that fails now and then, and compares what it needs after a
// third of the time with the end, and its goroutines with those of an agent that has just begun.
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
	if early == (needs{}) || late == (needs{}) {
		t.Fatal("no export was taken in a third of the time: nothing is compared")
	}
	most := early.anonymous*3/2 + 8<<20
	if *soakFor >= time.Minute { // garbage is collected often enough to be even
		most = early.anonymous*6/5 + 1<<20
	}
	if late.anonymous > most || late.threads > early.threads+4 || late.files > early.files+4 {
		t.Errorf("it grows: got %+v in the last third, %+v in the first", late, early)
	}
	s.api.ClearFaults()
	nothingWaits := func() bool { st := s.status(); return st["pending"] == 0.0 && st["in_flight"] == 0.0 }
	s.eventually("all is delivered", nothingWaits)
	old := s.goroutines()
	s.start()
	s.drop("stock-last.csv", row(0, 0), row(1, 0), row(2, 0), row(3, 0))
	s.eventually("the last export is delivered", func() bool { return s.quantities()[upc(0)] == 0 && nothingWaits() })
	young := s.goroutines()
	t.Logf("%d goroutines, and %d in an agent that has just begun", old, young)
	if young == 0 || old > young+8 { // a connection that waits for the next request has two
		t.Errorf("got %d goroutines, %d in an agent that has just begun", old, young)
	}
}

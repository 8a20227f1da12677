package main_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestKilledAtFiftyRandomMoments kills the agent while exports come and updates go, and looks at the end state.
func TestKilledAtFiftyRandomMoments(t *testing.T) {
	t.Parallel()
	s := newShop(t, "  concurrency: 8\n", "    after: delete\n")
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	const products = 12_000 // more than one transaction applies, and enough for a named set
	stock := make([]int64, products)
	for i := range stock {
		stock[i] = int64(i % 10)
	}
	for round := range 50 {
		rows := make([]string, 0, products)
		for i := range stock {
			if random.IntN(10) != 0 {
				stock[i] = random.Int64N(20)
			}
			rows = append(rows, row(i, stock[i]))
		}
		s.drop(fmt.Sprintf("stock-%d.csv", round), rows...)
		before := s.requests()
		s.launch()
		// Half of the kills hit the intake, by time; half the drain, by the number of requests.
		if round%2 == 0 {
			<-time.After(time.Duration(random.IntN(700)) * time.Millisecond)
		} else {
			n := before + random.Uint64N(5000)
			deadline := time.Now().Add(2 * time.Second)
			for s.requests() < n && time.Now().Before(deadline) {
				runtime.Gosched()
			}
		}
		s.kill()
	}
	s.start()
	s.ends(quantities(stock...))
	s.stop()
}

// TestAMillionRows takes in a million rows, with duplicates a million rows apart, in bounded memory; the same rows in
// other bytes queue nothing.
func TestAMillionRows(t *testing.T) {
	s := newShop(t, "", "")
	const rows = 1_000_000
	write := func(name, salt string) {
		t.Helper()
		var b strings.Builder
		b.WriteString("Item Number,UPC,Description,Size,Width,Department,On Hand,Price,Changed\n")
		fmt.Fprintf(&b, "A,%s,first of two,10.5,D,Footwear,1,9.99,\n", upc(0))
		for i := 1; i < rows; i++ {
			fmt.Fprintf(&b, "A%07d,%s,Trail Runner %d %s,10.5,D,Footwear,%d,119.99,2026-11-23\n", i, upc(i), i%100, salt, 1+i%9)
		}
		fmt.Fprintf(&b, "A,%s,last of two,10.5,D,Footwear,7,9.99,\n", upc(0))
		s.write(name+".tmp", b.String())
		if err := os.Rename(s.path("in/"+name+".tmp"), s.path("in/"+name)); err != nil {
			t.Fatal(err)
		}
	}
	if _, errs, code := s.run("pause"); code != 0 { // before an agent has ever run there is nothing to pause
		t.Logf("pause: %s", errs)
	}
	s.api.SetDown(503)
	s.start()
	peak := 0
	taken := func(n int) func() bool {
		return func() bool {
			peak = max(peak, anonymous(t, s.cmd.Process.Pid))
			return strings.Count(s.log.String(), "export taken") == n
		}
	}
	write("stock-1.csv", "a")
	s.eventually("the first export is taken", taken(1))
	if st := s.status(); st["pending"] != float64(rows) {
		t.Errorf("got %v pending, want %d", st["pending"], rows)
	}
	write("stock-2.csv", "b")
	s.eventually("the second export is taken", taken(2))
	if st := s.status(); st["pending"] != float64(rows) || st["unchanged"] != float64(rows) {
		t.Errorf("after the same rows in other bytes: %v", st)
	}
	t.Logf("anonymous memory at the peak: %d MiB", peak>>20)
	if peak > 64<<20 {
		t.Errorf("got %d MiB of anonymous memory, want at most 64", peak>>20)
	}
	s.stop()
}

// anonymous is a process's anonymous memory in bytes, 0 where the system does not tell.
func anonymous(t *testing.T, pid int) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(text), "RssAnon:")
	fields := strings.Fields(after)
	if len(fields) == 0 {
		return 0
	}
	kb, err := strconv.Atoi(fields[0])
	if err != nil {
		t.Fatal(err)
	}
	return kb << 10
}

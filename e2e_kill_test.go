package main_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"tillpost/mockapi"
)

// repeats is the API, and counts requests that say of a key what the one before said.
type repeats struct {
	http.Handler
	mu   sync.Mutex
	last map[string]string // UPC -> body
	n    int
}

func (a *repeats) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err == nil {
		code, _, _ := strings.Cut(string(body), ",")
		a.mu.Lock()
		if a.last[code] == string(body) {
			a.n++
		}
		a.last[code] = string(body)
		a.mu.Unlock()
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	a.Handler.ServeHTTP(w, r)
}

// killsEnv is how often the agent is killed, where that is not 20 times.
const killsEnv = "TILLPOST_TEST_KILLS"

// TestKilledAtRandomMoments kills the agent while exports come and updates go, and looks at the end state and at all that the API
// was told. What the agent had been handed and has not written down as answered may be sent once more, and nothing else.
func TestKilledAtRandomMoments(t *testing.T) { // P1, I3, I11, I12
	t.Parallel()
	kills := 20
	if n, err := strconv.Atoi(os.Getenv(killsEnv)); err == nil {
		kills = n
	}
	s := newShop(t, "  concurrency: 8\n", "    after: delete\n    guard: \"off\"\n")
	api := &repeats{Handler: s.api, last: map[string]string{}}
	s.server.Config.Handler = api
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	const products = 9000 // more than one transaction applies, and enough for a named set
	stock := make([]int64, products)
	for i := range stock {
		stock[i] = int64(i % 10)
	}
	said := map[mockapi.Key]uint32{} // a bit for each quantity that an export said of a product
	rules := mockapi.Rules{Said: func(k mockapi.Key, q int64) bool { return q < 20 && said[k]&(1<<q) != 0 }}
	rising := seed%2 == 0 // quantities that tell which export said them: then the order of requests can be checked
	if rising {
		rules = mockapi.Rules{Rising: true}
	}
	untaken := 0
	judge := func() {
		t.Helper()
		for _, wrong := range s.api.Judge(rules) {
			t.Error(wrong)
		}
		rules.After = s.requests()
	}
	for round := range kills {
		rows := make([]string, 0, products)
		for i := range stock {
			switch {
			case random.IntN(10) == 0:
			case rising:
				stock[i] = int64(10 + round)
			default:
				stock[i] = random.Int64N(20)
			}
			if !rising {
				said[mockapi.Key{Store: "3", UPC: upc(i)}] |= 1 << stock[i]
			}
			rows = append(rows, row(i, stock[i]))
		}
		name := fmt.Sprintf("stock-%d.csv", round)
		export := "in/" + name
		s.drop(name, rows...)
		before := s.requests()
		// Half of the kills hit the intake, by time; half the drain, by the number of requests.
		if round%2 == 0 {
			s.start()
			<-time.After(time.Duration(random.IntN(400)) * time.Millisecond)
		} else {
			s.launch()
			n := before + random.Uint64N(1000)
			deadline := time.Now().Add(2 * time.Second)
			for s.requests() < n && time.Now().Before(deadline) {
				runtime.Gosched()
			}
		}
		s.kill()
		if _, err := os.Stat(s.path(export)); err == nil {
			untaken++
		}
		if round%5 == 4 {
			judge()
		}
	}
	s.start()
	s.ends(quantities(stock...))
	s.stop()
	judge()
	t.Logf("%d kills, %d of them before the newest export was taken; %d requests, %d of them repeats", kills, untaken, s.requests(), api.n)
	if most := kills * 2 * 512; api.n > most { // a lease that was sent, and one confirmation of it
		t.Errorf("got %d repeats, want at most %d", api.n, most)
	}
}

// TestAMillionRows takes in a million rows, with duplicates a million rows apart, in bounded memory; the same rows in
// other bytes queue nothing.
func TestAMillionRows(t *testing.T) { // P6, W22
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

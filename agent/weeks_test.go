package agent_test

import (
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tillpost/agent"
	"tillpost/mockapi"
	"tillpost/testkit"
)

var (
	weeks    = flag.Uint64("weeks", 0, "how many weeks of stores TestWeeks lives through; 0 = a few, the same each time")
	weekSeed = flag.Uint64("week", 0, "the seed of the only week that TestWeeks lives through, or, with -weeks, of the first; 0 = one that it draws")
)

// TestWeeks lives through weeks of stores where anything may happen: exports, full and of a few products, in order and late;
// errors of every kind, outages, a token that is wrong for a while; pauses, restarts, kills, edited configs, a clock that is
// set. In the end the API holds what was said last of each product; no older quantity was ever sent after a newer one; there
// was one request at a time for a key, never more than the rate, and none during a pause.
func TestWeeks(t *testing.T) { // I1, I3, I4, I5, I6, I11, I12, A14, C1, C4, promises 1, 2, 3, 4 and 8
	t.Parallel()
	top := t
	first, n := *weekSeed, max(1, *weeks)
	switch {
	case first == 0 && *weeks == 0:
		first, n = 1, usualWeeks
	case first == 0:
		first = 1 + rand.Uint64N(1<<40)
	}
	t.Logf("seeds from %d", first)
	slots := make(chan struct{}, 2) // each has a data folder and an API's history
	if testkit.SetClock != nil {
		slots = make(chan struct{}, 1)
	}
	for i := range n {
		t.Run(fmt.Sprint("week ", first+i), func(t *testing.T) {
			t.Parallel()
			slots <- struct{}{}
			defer func() { <-slots }()
			if !top.Failed() { // one that fails is enough
				liveThrough(t, first+i)
			}
		})
	}
}

const (
	weekRate  = 20 // requests a second
	weekBurst = 5
)

// oneWeek is one store's week.
type oneWeek struct {
	*store
	chance   *rand.Rand
	products []string
	plain    bool // quantities that tell which export said them: then the order of requests can be checked

	rate  float64       // requests a second, as the config says
	began uint64        // requests before the config said so
	now   time.Duration // since the bubbles' beginning
	step  int64         // exports so far
	final map[string]int64
	named map[string]time.Time // when the newest export that named a product was written
	said  map[mockapi.Key]map[int64]bool
	still []mockapi.Span // nothing is to be sent then
	back  bool           // the clock was set back: what is late cannot be told any more
}

func liveThrough(t *testing.T, seed uint64) {
	chance := rand.New(rand.NewPCG(seed, 7))
	after := []string{"keep", "archive", "delete"}[chance.IntN(3)]
	api := fmt.Sprintf("  rate: %d/s\n  burst: %d\n  concurrency: %d\n  dead_retry: 2h\n", weekRate, weekBurst, 1+chance.IntN(8))
	w := &oneWeek{store: newStore(t, api, fmt.Sprintf("    rescan: 30m\n    settle: 1s\n    guard: \"off\"\n    after: %s\n", after)),
		chance: chance, plain: chance.IntN(2) == 0, final: map[string]int64{}, named: map[string]time.Time{}, said: map[mockapi.Key]map[int64]bool{}}
	w.rate = weekRate
	w.random, w.line.apart = rand.NewPCG(seed, 8), true
	for _, row := range manyRows(60) {
		w.products = append(w.products, row[:12])
	}
	// So late that the clock can be set back; of three weeks summer time begins in one, and ends in another.
	w.now = []time.Duration{400, 447, 664}[chance.IntN(3)] * 24 * time.Hour
	lives := 1 + chance.IntN(3)
	for life := range lives {
		synctest.Test(t, func(t *testing.T) {
			w.t = t
			pass(w.now)
			w.reconfigure("", "") // as its text is now
			w.api.SetLatency(20*time.Millisecond, 200*time.Millisecond)
			w.began = w.requests()
			w.start()
			for range 7 * 16 / lives {
				w.something()
			}
			if life == lives-1 {
				inject(t, w.api, "404=50%")
				w.export(time.Now())
				pass(5 * time.Minute)
				w.look("50s", "30m")
				if testkit.SetClock != nil {
					pass(time.Hour)
					testkit.SetClock(-20 * time.Second) // nothing else happens that could wake what waits
				}
				w.quiet(16 * 24 * time.Hour) // what was refused again and again waits for up to a week
				w.want(w.final)
				if st := w.status(); st.Pending != 0 || st.Dead != 0 || st.State != "running" || st.API.State != "ok" {
					t.Errorf("got %+v", st)
				}
			} else {
				w.quiet(5 * time.Minute) // nothing is to land under another clock
			}
			w.end()
			w.history()
			if n := w.api.Counters().Late; n != 0 { // it looks at its clock only when it is asked
				t.Errorf("%d requests would land under another clock", n)
			}
			if t.Failed() && testkit.SetClock != nil {
				t.Logf("again: go test . -run TestStoresWhoseClockIsSet -clockweeks 1 -clockweek %d", seed)
			} else if t.Failed() {
				t.Logf("again: go test ./agent -run TestWeeks -week %d", seed)
			}
			w.now = time.Since(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC))
			if testkit.SetClock != nil {
				testkit.SetClock(testkit.Steady().Sub(time.Now().Round(0)))
			}
		})
		if t.Failed() {
			return
		}
		set := []time.Duration{-24 * time.Hour, -time.Hour, -time.Minute, time.Hour, 40 * 24 * time.Hour}[chance.IntN(5)]
		w.now += set
		if set < 0 && !w.back {
			w.back = true
			w.text = strings.Replace(w.text, "rescan: 30m", "rescan: 50s", 1) // an export is fresh that is found within a minute
		}
	}
}

var weekFaults = []string{"204", "empty", "gzip=50%", "large=20%", "endless=10%", "drip=20%,delay=200ms", "error", "errors", "user-errors=50%", "success-false=30%", "html",
	"503,retry-after=300,next=2", "5xx=60%", "409=20%", "413=5%", "407",
	"404", "404=50%", "401", "403", "403=10%", "500=50%", "503=70%", "429=50%", "429,retry-after=20,next=3", "hang=30%,apply=now",
	"hang=30%,apply=40s", "late=20%,apply=60s", "close=30%,apply=now", "reset=30%", "portal", "302", "422=30%", "truncated=20%", "slow=30%,delay=9s"}

// maySetClock sets the clock while the agent runs, once in a while: as a till does that has found a time server, or whose
// owner has. What was exported must have been found before, by an agent that looks every so often.
func (w *oneWeek) maySetClock(every string) {
	if testkit.SetClock == nil || w.chance.IntN(8) != 0 {
		return
	}
	set := []time.Duration{-200 * 24 * time.Hour, -24 * time.Hour, -time.Hour, -2 * time.Minute, -20 * time.Second,
		20 * time.Second, 2 * time.Minute, time.Hour, 24 * time.Hour, 400 * 24 * time.Hour}[w.chance.IntN(10)]
	if time.Now().Add(set).Before(time.Date(2000, 2, 1, 0, 0, 0, 0, time.UTC)) {
		return // at its end a life is to be longer than nothing
	}
	look, err := time.ParseDuration(every)
	if err != nil {
		w.t.Fatal(err)
	}
	pass(look + 5*time.Second)
	if set < 0 && !w.back {
		w.back = true
		w.look("30m", "50s")
	}
	testkit.SetClock(set)
}

// something lets one thing happen, and then up to two hours pass.
func (w *oneWeek) something() {
	w.maySetClock(w.every())
	switch n := w.chance.IntN(100); {
	case n < 40:
		w.export(time.Now())
	case n < 43:
		if !w.back {
			w.export(time.Now().Add(-time.Duration(1+w.chance.IntN(5)) * time.Hour)) // it comes late
		}
	case n < 55:
		inject(w.t, w.api, weekFaults[w.chance.IntN(len(weekFaults))])
	case n < 70:
		w.api.ClearFaults()
	case n < 76:
		w.line.cut.Store(!w.line.cut.Load())
	case n < 80:
		w.setToken([]string{"wrong", goodToken}[w.chance.IntN(2)])
	case n < 86:
		w.kill()
		w.start()
	case n < 90:
		w.end()
		w.start()
	case n < 93:
		w.end()
		w.history()
		rate := []float64{weekRate, 10, 3}[w.chance.IntN(3)]
		w.reconfigure(fmt.Sprintf("rate: %g/s", w.rate), fmt.Sprintf("rate: %g/s", rate))
		w.rate, w.began = rate, w.requests()
		w.start()
	case n < 97:
		w.rush()
	case n < 100:
		w.pause(true)
		began := testkit.Steady().Add(apartMost)
		w.export(time.Now())
		pass(time.Duration(1+w.chance.IntN(150)) * time.Minute)
		switch w.chance.IntN(3) {
		case 0:
			w.kill()
			w.start()
		case 1:
			w.end()
			w.start()
		}
		pass(time.Duration(1+w.chance.IntN(150)) * time.Minute)
		w.still = append(w.still, mockapi.Span{From: began, To: testkit.Steady()})
		w.pause(false)
	}
	pass(time.Duration(1+w.chance.IntN(7200)) * time.Second)
}

// rush is a quarter of an hour in which exports come faster than the API answers: of a few products, while requests hang, land late, or
// get no answer, and the agent is killed. At its end those products are as they should be.
func (w *oneWeek) rush() {
	w.quiet(time.Minute)
	w.look(w.every(), "2s")
	w.api.SetLatency(time.Duration(w.chance.IntN(12_000))*time.Millisecond, 4*time.Second)
	page, err := w.agent.Desk().Dead(w.t.Context(), "")
	if err != nil {
		w.t.Error(err)
	}
	all := w.products
	w.products = slices.DeleteFunc(slices.Clone(all), func(code string) bool { // what was refused waits for hours
		return slices.ContainsFunc(page.List, func(d agent.DeadLetter) bool { return d.Key.UPC == code })
	})
	w.chance.Shuffle(len(w.products), func(i, j int) { w.products[i], w.products[j] = w.products[j], w.products[i] })
	w.products = w.products[:min(len(w.products), 4)]
	faults := []string{"hang=40%,apply=now", "hang=60%,apply=20s", "hang=40%,apply=40s", "late=60%,apply=30s", "late=40%,apply=60s", "close=40%,apply=now", "reset=40%", "truncated=40%", "500=30%"}
	for range 2 + w.chance.IntN(12) {
		w.maySetClock("2s")
		switch n := w.chance.IntN(100); {
		case n < 55:
			w.export(time.Now())
		case n < 72:
			inject(w.t, w.api, faults[w.chance.IntN(len(faults))])
		case n < 80:
			w.api.ClearFaults()
		case n < 96:
			for i := 0; i < 50 && w.line.idle(); i++ {
				pass(100 * time.Millisecond)
			}
			w.kill()
			w.start()
		default:
			w.end()
			w.start()
		}
		pass(time.Duration(w.chance.IntN(20_000)) * time.Millisecond)
	}
	w.api.SetLatency(20*time.Millisecond, 200*time.Millisecond)
	w.quiet(10 * time.Minute)
	for _, code := range w.products {
		want, named := w.final[code]
		if q, ok := w.api.Quantity(mockapi.Key{Store: "3", UPC: code}); ok != named || q != want {
			w.t.Errorf("after a rush the API holds %d of %s (%t), want %d (%t)", q, code, ok, want, named)
		}
	}
	w.products = all
	w.look("2s", w.every())
}

// every is how often the agent looks at its folder: where the clock was set back an export must be found within a minute, to be
// newer than those before.
func (w *oneWeek) every() string {
	if w.back {
		return "50s"
	}
	return "30m"
}

// look lets the agent look at its folder more or less often, where it does otherwise.
func (w *oneWeek) look(old, every string) {
	if strings.Contains(w.text, "rescan: "+old) {
		w.end()
		w.reconfigure("rescan: "+old, "rescan: "+every)
		w.start()
	}
}

// quiet ends all that is wrong, and lets time pass.
func (w *oneWeek) quiet(d time.Duration) {
	w.api.ClearFaults()
	w.line.cut.Store(false)
	w.setToken(goodToken)
	pass(d)
}

// export writes an export of some products, or of all, that says it is of a moment.
func (w *oneWeek) export(at time.Time) {
	at = at.Round(0) // as the clock shows it
	w.step++
	n := len(w.products)
	if w.chance.IntN(4) != 0 {
		n = min(n, 1+w.chance.IntN(8))
	}
	var b strings.Builder
	b.WriteString("UPC,On Hand\n")
	for _, i := range w.chance.Perm(len(w.products))[:n] {
		q := int64(max(0, w.chance.IntN(8)-3))
		if w.plain {
			q = w.step
		}
		fmt.Fprintf(&b, "%s,%d\n", w.products[i], q)
		key := mockapi.Key{Store: "3", UPC: w.products[i]}
		if w.said[key] == nil {
			w.said[key] = map[int64]bool{}
		}
		w.said[key][q] = true
		if at.After(w.named[w.products[i]]) || w.back {
			w.final[w.products[i]], w.named[w.products[i]] = q, at
		}
	}
	w.writeAt(fmt.Sprintf("stock-%d.csv", w.step), b.String(), at)
	time.Sleep(time.Millisecond) // no two exports of one moment, which are of no order
}

// kill ends the agent, which must not have ended by itself, as a power cut without loss would between two of its transactions: what
// it does from this moment on leaves no trace on the disk, and what was on its way gets no answer, and lands or not, also when the
// next agent is there. Files keep their identities.
func (w *oneWeek) kill() {
	w.t.Helper()
	synctest.Wait()
	type file struct {
		data []byte
		time time.Time
	}
	was := map[string]file{}
	for _, dir := range []string{"in", "data"} {
		for _, path := range w.files(dir) {
			data, err := os.ReadFile(path)
			if err != nil {
				w.t.Fatal(err)
			}
			about, err := os.Stat(path)
			if err != nil {
				w.t.Fatal(err)
			}
			was[path] = file{data, about.ModTime()}
		}
	}
	select {
	case err := <-w.done:
		w.t.Fatalf("the agent has ended by itself: %v", err)
	default:
	}
	cut := w.line.cut.Swap(true)
	w.stop()
	w.line.hangUp()
	<-w.done
	w.line.cut.Store(cut)
	for _, dir := range []string{"in", "data"} {
		for _, path := range w.files(dir) {
			if _, ok := was[path]; !ok {
				if err := os.Remove(path); err != nil {
					w.t.Fatal(err)
				}
			}
		}
	}
	for path, f := range was {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			w.t.Fatal(err)
		}
		if err := os.WriteFile(path, f.data, fs.FileMode(0o600)); err != nil {
			w.t.Fatal(err)
		}
		if err := os.Chtimes(path, f.time, f.time); err != nil {
			w.t.Fatal(err)
		}
	}
}

// history looks at what the API was asked since the rate was another, and at the order of all that it was told.
func (w *oneWeek) history() {
	life := mockapi.Rules{Rate: w.rate, Burst: weekBurst, Haste: apartMost, After: w.began, Silent: w.still}
	all := mockapi.Rules{Rising: w.plain, Said: func(k mockapi.Key, q int64) bool { return w.said[k][q] }}
	for _, wrong := range append(w.api.Judge(life), w.api.Judge(all)...) {
		w.t.Error(wrong)
	}
	w.still = nil
}

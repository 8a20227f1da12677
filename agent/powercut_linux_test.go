package agent_test

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tillpost/api"
	"tillpost/inventory"
	"tillpost/mockapi"
	"tillpost/outbox"
	"tillpost/outbox/outboxtest"
	"tillpost/outbox/powercut"
)

var powerCuts = flag.Int("powercuts", 20, "how many power cuts the agent is to survive, for each thing that it does with exports")

// What makes TestTheDayBeforeThePowerCut the day of a store in the folder that it names, and more of it: what is done with exports, and
// whether flushes are left out.
const (
	dayEnv       = "TILLPOST_TEST_STORE_DAY"
	dayAfterEnv  = "TILLPOST_TEST_STORE_AFTER"
	dayNoSyncEnv = "TILLPOST_TEST_STORE_NOSYNC"
)

const (
	dayExports  = 7
	dayProducts = 24
)

// dayStore is the store of that day, in a folder.
func dayStore(t *testing.T, dir, after string) *store {
	return storeIn(t, dir, "  rate: 500/s\n  burst: 10\n", "    settle: 1s\n    rescan: 1m\n    guard: \"off\"\n    after: "+after+"\n")
}

// dayMoment is when the n-th export of the day is written.
func dayMoment(n int) time.Time {
	return time.Date(2000, 1, 1, n, 0, 0, 0, time.UTC)
}

// TestTheDayBeforeThePowerCut is a process of its own: it says which export lies there, and what the API was told and has
// acknowledged. Some answers do not arrive, and the agent is started anew once.
func TestTheDayBeforeThePowerCut(t *testing.T) {
	dir := os.Getenv(dayEnv)
	if dir == "" {
		return
	}
	s := dayStore(t, dir, os.Getenv(dayAfterEnv))
	s.sync = os.Getenv(dayNoSyncEnv) == ""
	s.line.api = &teller{s.line.api}
	synctest.Test(t, func(t *testing.T) {
		s.t = t
		s.start()
		for n := 1; n <= dayExports; n++ {
			time.Sleep(time.Until(dayMoment(n)))
			if n == dayExports/2 {
				s.end()
				s.start()
			}
			if n%3 == 2 {
				inject(t, s.api, "close=20%,apply=now")
				inject(t, s.api, "close=20%")
			}
			dayExport(t, dir, n)
			pass(2 * time.Minute)
			s.api.ClearFaults()
			pass(10 * time.Minute)
		}
		s.end()
	})
}

// dayExport writes an export so that no power cut can take it away, and says so. Every third product is not in it.
func dayExport(t *testing.T, dir string, n int) {
	t.Helper()
	var b strings.Builder
	b.WriteString("UPC,On Hand\n")
	for i, row := range manyRows(dayProducts) {
		if i%3 != n%3 {
			fmt.Fprintf(&b, "%s,%d\n", row[:12], n)
		}
	}
	folder := filepath.Join(dir, "in")
	name := filepath.Join(folder, fmt.Sprintf("stock-%d", n))
	f, err := os.Create(name + ".tmp")
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteString(b.String())
	err = errors.Join(err, f.Sync(), f.Close(), os.Chtimes(name+".tmp", dayMoment(n), dayMoment(n)), os.Rename(name+".tmp", name+".csv"))
	d, oerr := os.Open(folder)
	if err = errors.Join(err, oerr); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		t.Fatal(err)
	}
	fmt.Println("export", n)
}

// teller says what goes to the API and comes back.
type teller struct{ api http.RoundTripper }

func (l *teller) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	fmt.Printf("sent %s\n", body)
	res, err := l.api.RoundTrip(r)
	if err == nil && res.StatusCode == http.StatusOK {
		fmt.Printf("acknowledged %s\n", body)
	}
	return res, err
}

var saidUpdate = regexp.MustCompile(`"upc":"(\d+)".*"quantity":(\d+)`)

// before is what the API holds at a power cut, and how far the exports were.
type before struct {
	export  int
	holds   map[string]int64 // what was acknowledged
	doubted map[string]int64 // what was sent after that and has no answer
}

func beforeCut(said string) (b before) {
	b.holds, b.doubted = map[string]int64{}, map[string]int64{}
	lines := bufio.NewScanner(strings.NewReader(said))
	for lines.Scan() {
		word, rest, _ := strings.Cut(lines.Text(), " ")
		m := saidUpdate.FindStringSubmatch(rest)
		switch {
		case word == "export":
			b.export, _ = strconv.Atoi(rest)
		case m == nil:
		case word == "sent":
			b.doubted[m[1]], _ = strconv.ParseInt(m[2], 10, 64)
		case word == "acknowledged":
			b.holds[m[1]], _ = strconv.ParseInt(m[2], 10, 64)
			delete(b.doubted, m[1])
		}
	}
	return b
}

// survivesCut starts an agent on what a power cut has left, and tells what is lost in the end.
func survivesCut(t *testing.T, dir, after, said string) (err error) {
	t.Helper()
	b := beforeCut(said)
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error { // the trace does not tell times
		var n int
		if _, no := fmt.Sscanf(d.Name(), "stock-%d.", &n); no == nil && err == nil {
			return os.Chtimes(path, dayMoment(n), dayMoment(n))
		}
		return err
	})
	if err != nil {
		return err
	}
	path := filepath.Join(dir, "data", "outbox.db")
	if _, err := os.Stat(path); err == nil { // the file is another one than then, which would be reason to send everything again
		if err := outboxtest.Anonymize(path); err != nil {
			return err
		}
	}
	s := dayStore(t, dir, after)
	synctest.Test(t, func(t *testing.T) {
		s.t = t
		pass(24 * time.Hour)
		for code, q := range b.holds {
			err = errors.Join(err, s.tell(code, q))
		}
		chance := len(said) // what has no answer lands at once, late, or never
		for _, code := range slices.Sorted(maps.Keys(b.doubted)) {
			q := b.doubted[code]
			switch chance++; chance % 3 {
			case 0:
				err = errors.Join(err, s.tell(code, q))
			case 1:
				time.AfterFunc(time.Duration(chance%60)*time.Second, func() { _ = s.tell(code, q) })
			}
		}
		a := s.make()
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- a.Run(ctx) }()
		pass(time.Hour)
		stop()
		err = errors.Join(err, <-done, b.compare(s), checkBox(dir))
		if strings.Contains(s.log.String(), "is not certain any more") {
			err = errors.Join(err, errors.New("a power cut is taken for a reason not to trust the ledger"))
		}
	})
	return err
}

// tell says a quantity to the API as a request that was on its way.
func (s *store) tell(code string, quantity int64) error {
	c, err := api.New(api.Options{URL: s.config.API.URL, Token: func() (string, error) { return goodToken, nil }, Timeout: time.Minute, Connections: 1, Transport: s.api.Transport()})
	if err != nil {
		return err
	}
	if ans := c.Post(context.Background(), inventory.Update{Key: inventory.Key{Store: "3", UPC: code}, Quantity: quantity}); ans.Verdict != api.Acknowledged {
		return fmt.Errorf("the API does not take %s at %d: %v", code, quantity, ans)
	}
	return nil
}

func checkBox(dir string) error {
	box, err := outbox.Open(filepath.Join(dir, "data"), outbox.Options{NoSync: true})
	if err != nil {
		return err
	}
	return errors.Join(box.Check(), box.Close())
}

// dayLoss begins what tells of a loss.
const dayLoss = "the API does not end at the truth"

// compare tells what the API holds wrongly. An export that was on its way into the folder may count.
func (b before) compare(s *store) error {
	var wrong []error
	for i, row := range manyRows(dayProducts) {
		code, want, next := row[:12], int64(0), int64(0)
		for n := 1; n <= b.export+1; n++ {
			if i%3 == n%3 {
				continue
			}
			if next = int64(n); n <= b.export {
				want = next
			}
		}
		got, _ := s.api.Quantity(mockapi.Key{Store: "3", UPC: code})
		if got != want && got != next {
			wrong = append(wrong, fmt.Errorf("%s: it holds %d of %s, want %d or %d", dayLoss, got, code, want, next))
		}
	}
	for _, v := range s.api.Judge(mockapi.Rules{Rising: len(b.doubted) == 0}) {
		wrong = append(wrong, errors.New(v))
	}
	return errors.Join(wrong...)
}

// traceDay lives through the day in a process of its own.
func traceDay(t *testing.T, after string, env ...string) *powercut.Trace {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "in"), 0o700); err != nil {
		t.Fatal(err)
	}
	return powercut.Run(t, dir, []string{"-test.run=^TestTheDayBeforeThePowerCut$"}, append(env, dayEnv+"="+dir, dayAfterEnv+"="+after)...)
}

// TestAPowerCutOfTheWholeAgentLosesNothing: neither in its own folder nor in those of exports, which it keeps, archives or deletes.
func TestAPowerCutOfTheWholeAgentLosesNothing(t *testing.T) { // D1, D2, I1, I11, I12, promise 1
	t.Parallel()
	days := map[string]*powercut.Trace{}
	for _, after := range []string{"keep", "archive", "delete"} { // all before the first cut: a process that is made has the locks of this one for a moment
		days[after] = traceDay(t, after)
	}
	for after, x := range days {
		t.Run(after, func(t *testing.T) {
			t.Parallel()
			bad, err := x.Cut(t, 0, x.Len(), *powerCuts, func(t *testing.T, dir, said string) error { return survivesCut(t, dir, after, said) })
			if bad > 0 {
				t.Errorf("%d of %d power cuts lost something, such as: %v", bad, *powerCuts, err)
			}
		})
	}
}

// cutEnv makes TestWhatAPowerCutLeftForAProcessOfItsOwn look at the folder that it names; what was said is its standard input.
const cutEnv = "TILLPOST_TEST_STORE_CUT"

// TestWhatAPowerCutLeftForAProcessOfItsOwn is such a process: some damage takes the whole process with it (B4).
func TestWhatAPowerCutLeftForAProcessOfItsOwn(t *testing.T) {
	dir := os.Getenv(cutEnv)
	if dir == "" {
		return
	}
	debug.SetMaxStack(32 << 20)
	said, err := io.ReadAll(os.Stdin)
	if err = errors.Join(err, survivesCut(t, dir, os.Getenv(dayAfterEnv), string(said))); err != nil {
		t.Fatal(err)
	}
}

// TestThePowerCutsOfTheWholeAgentFindWhatIsNotDurable is the control: without flushes there must be losses. It makes processes, each
// of which has this one's locks for a moment, and so runs beside no other test.
func TestThePowerCutsOfTheWholeAgentFindWhatIsNotDurable(t *testing.T) {
	const after = "delete"
	p := &powercut.OwnProcess{Args: []string{"-test.run=^TestWhatAPowerCutLeftForAProcessOfItsOwn$"}, Lost: regexp.MustCompile(dayLoss),
		Env: func(dir string) []string { return []string{cutEnv + "=" + dir, dayAfterEnv + "=" + after} }}
	p.MustSee(t, traceDay(t, after, dayNoSyncEnv+"=1"), traceDay(t, after), 48)
}

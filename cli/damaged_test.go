package cli

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tillpost/mockapi"
	"tillpost/outbox/outboxtest"
	"tillpost/testkit"
)

// tills is a store whose outbox has delivered one export and not yet what another changes. Every store that is made of it
// has an API of its own at the same URL, told apart by the token.
type tills struct {
	dir             string
	before, data    []byte           // the outbox's file between the two, and now
	delivered, want map[string]int64 // what the API holds, and is to hold
	url             string

	mu   sync.Mutex
	apis map[string]http.Handler // by their tokens
}

// at gives a store its API at the common URL.
func (w *tills) at(t *testing.T, s *store) {
	t.Helper()
	w.mu.Lock()
	token := fmt.Sprintf("secret-%d", len(w.apis))
	s.api = mockapi.New(mockapi.Options{Token: token, Journal: 10_000})
	w.apis["Bearer "+token] = s.api
	w.mu.Unlock()
	conf, err := os.ReadFile(s.config)
	if err != nil {
		t.Fatal(err)
	}
	s.write("token", token)
	s.write("tillpost.yaml", regexp.MustCompile(`url: "[^"]*"`).ReplaceAllString(string(conf), fmt.Sprintf("url: %q", w.url)))
}

func newTills(t *testing.T, products int) *tills {
	t.Helper()
	w := &tills{apis: map[string]http.Handler{}}
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		api := w.apis[r.Header.Get("Authorization")]
		w.mu.Unlock()
		if api == nil {
			http.Error(rw, "forbidden", http.StatusForbidden)
			return
		}
		api.ServeHTTP(rw, r)
	}))
	t.Cleanup(server.Close)
	w.url = server.URL
	s := newStore(t, mockapi.Options{})
	w.at(t, s)
	w.dir = s.dir
	first, delivered := stockOf(products, func(i int) int { return 1 + i%9 })
	second, want := stockOf(products, func(i int) int { return 1 + (i+i%2)%9 })
	w.delivered, w.want = delivered, want
	s.write("pos/stock-1.csv", first)
	s.delivers(w.delivered, nil)
	w.before = s.anonymous()
	s.api.SetDown(503)
	s.write("pos/stock-2.csv", second)
	_, log, stop := start(t, "run", "--config", s.config)
	eventually(t, "the second export is taken", func() bool { return strings.Count(log.String(), "export taken") == 1 })
	stop()
	w.data = s.anonymous()
	return w
}

// anonymous makes a copy of the outbox, which nobody has open, as good as itself, and returns its bytes.
func (s *store) anonymous() []byte {
	s.t.Helper()
	if err := outboxtest.Anonymize(s.data("outbox.db")); err != nil {
		s.t.Fatal(err)
	}
	return s.bytesOf("outbox.db")
}

// again is a store of its own with what these tills have on disk.
func (w *tills) again(t *testing.T) *store {
	t.Helper()
	s := newStore(t, mockapi.Options{})
	w.at(t, s)
	for _, name := range []string{"data", "pos"} {
		if err := os.CopyFS(filepath.Join(s.dir, name), os.DirFS(filepath.Join(w.dir, name))); err != nil {
			t.Fatal(err)
		}
		if err := keepTimes(filepath.Join(w.dir, name), filepath.Join(s.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// keepTimes gives copies the times of what they are copies of.
func keepTimes(from, to string) error {
	entries, err := os.ReadDir(from)
	for _, e := range entries {
		if about, ierr := e.Info(); ierr == nil && about.Mode().IsRegular() {
			err = errors.Join(err, os.Chtimes(filepath.Join(to, e.Name()), about.ModTime(), about.ModTime()))
		}
	}
	return err
}

// damage damages a file, in a page that is or was used. What comes of it is another file.
func (w *tills) damage(random *rand.Rand, mode string) []byte {
	for {
		if data := w.tryDamage(random, mode); !bytes.Equal(data, w.data) {
			return data
		}
	}
}

func (w *tills) tryDamage(random *rand.Rand, mode string) []byte {
	data, size := bytes.Clone(w.data), os.Getpagesize()
	var used, trees []int
	for n := range len(data) / size { // also in those two that say where everything is
		if page := data[n*size : (n+1)*size]; bytes.Count(page, []byte{0}) < size {
			used = append(used, n)
			if kind := binary.NativeEndian.Uint16(page[8:]); kind == 1 || kind == 2 {
				trees = append(trees, n)
			}
		}
	}
	n := used[random.IntN(len(used))]
	page := data[n*size : (n+1)*size]
	switch mode {
	case "zeroed page":
		clear(page)
	case "stale page":
		copy(page, w.before[min(n*size, len(w.before)):])
	case "truncation":
		return data[:n*size+random.IntN(size)]
	case "bit flip":
		page[random.IntN(size)] ^= 1 << random.IntN(8)
	case "page that points at itself":
		n = trees[random.IntN(len(trees))]
		page = data[n*size : (n+1)*size]
		binary.NativeEndian.PutUint16(page[8:], 1)
		for i := range min(int(max(1, binary.NativeEndian.Uint16(page[10:]))), size/16-1) {
			binary.NativeEndian.PutUint64(page[16+16*i+8:], uint64(n))
		}
	}
	return data
}

const setAside = "the outbox is damaged; it is set aside"

// damagedEnv says how many damaged outboxes a run takes, where it is not the usual few.
const damagedEnv = "TILLPOST_TEST_DAMAGED"

func TestDamagedOutboxesEndWithTheRightQuantities(t *testing.T) { // D9, B3, B4, X9, promise 11
	t.Parallel()
	rounds := 60
	if n, err := strconv.Atoi(os.Getenv(damagedEnv)); err == nil {
		rounds = n
	}
	w := newTills(t, 400)
	seed := rand.Uint64()
	t.Logf("seed %d, an outbox of %d pages", seed, len(w.data)/os.Getpagesize())
	modes := []string{"zeroed page", "stale page", "truncation", "bit flip", "page that points at itself"}
	var mu sync.Mutex
	figures := map[string]int{}
	var group sync.WaitGroup
	var next atomic.Int64
	for range 4 {
		group.Go(func() {
			for n := int(next.Add(1)) - 1; n < rounds && !t.Failed(); n = int(next.Add(1)) - 1 {
				mode := modes[n%len(modes)]
				data := w.damage(rand.New(rand.NewPCG(seed, uint64(n))), mode)
				t.Run(fmt.Sprintf("%d %s", n, mode), func(t *testing.T) {
					aside := w.recovers(t, data, fmt.Sprint(n))
					mu.Lock()
					defer mu.Unlock()
					if figures[mode+", damaged"] += aside; aside == 0 {
						figures[mode+", whole"]++
					}
				})
			}
		})
	}
	group.Wait()
	t.Logf("of %d outboxes: %v", rounds, figures)
	if figures["truncation, damaged"] == 0 || figures["page that points at itself, damaged"] == 0 {
		t.Errorf("got %v, want damage to be found", figures)
	}
}

// recovers starts the agent on a damaged outbox, and says how many were set aside.
func (w *tills) recovers(t *testing.T, data []byte, name string) (aside int) {
	s := w.again(t)
	if err := os.WriteFile(s.data("outbox.db"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	s.mark()
	_, log, stop := start(t, "run", "--config", s.config)
	right := func() bool {
		held := maps.Clone(w.delivered)
		if strings.Contains(log.String(), setAside) {
			clear(held) // nothing of what the API holds is known any more: it must be told all
		}
		maps.Copy(held, s.holds())
		return maps.Equal(held, w.want)
	}
	if !testkit.Within(time.Minute, right) {
		_ = os.WriteFile(filepath.Join(os.TempDir(), "damaged-"+name+".db"), data, 0o600)
		t.Fatalf("after a minute the API does not hold what it should; the log:\n%s", log)
	}
	if code := stop(); code != statusDone {
		t.Errorf("run: got %d, want 0; its log:\n%s", code, log)
	}
	for _, r := range s.api.Journal() {
		if q, ok := w.want[r.Key.UPC]; r.Key.Store != "3" || !ok || r.Quantity != q {
			t.Errorf("a wrong request: %+v; the log:\n%s", r, log)
		}
	}
	for _, v := range s.api.Check() {
		t.Errorf("the API was told wrongly: %s", v)
	}
	list := s.aside()
	for _, path := range list {
		if had, err := os.ReadFile(path); err != nil || !bytes.Equal(had, data) {
			t.Errorf("%s is not what was damaged: %v", path, err)
		}
	}
	if said := strings.Contains(log.String(), setAside); said != (len(list) > 0) {
		t.Errorf("set aside: %v; the log:\n%s", list, log)
	}
	return len(list)
}

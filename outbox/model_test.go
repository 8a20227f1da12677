package outbox_test

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tillpost/inventory"
	"tillpost/outbox"
)

const (
	modelConfirm   = 2 * time.Minute
	modelDeadRetry = time.Hour
)

// TestTheOutboxAgreesWithAModel drives an outbox and a model of it in plain maps by the same random operations. After
// each they must say the same, Check must be content, and once all is acknowledged the API must hold the truth, although
// requests that were given up landed late.
func TestTheOutboxAgreesWithAModel(t *testing.T) { // I1, I3, I4, I5, I6, I11, promises 1, 2, 3, 4, 5, 8 and 9
	t.Parallel()
	for _, half := range []string{"one core", "another core"} {
		t.Run(half, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			box, err := outbox.Open(dir, outbox.Options{Destination: "0"})
			if err != nil {
				t.Fatal(err)
			}
			if err := box.Close(); err != nil {
				t.Fatal(err)
			}
			empty, err := os.ReadFile(filepath.Join(dir, "outbox.db"))
			if err != nil {
				t.Fatal(err)
			}
			rapid.Check(t, func(t *rapid.T) {
				if half != "one core" {
					rapid.Bool().Draw(t, half) // so that from one seed the two draw different sequences
				}
				own, err := os.MkdirTemp(dir, "") // nothing of one sequence may tell on the next
				if err != nil {
					t.Fatal(err)
				}
				simulate(t, own, empty)
				if err := os.RemoveAll(own); err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}

// simulate runs one sequence in dir, where the outbox is empty at first.
func simulate(t *rapid.T, dir string, empty []byte) {
	w := &world{T: t, dir: dir, now: noon, destination: "0", keys: map[string]*modelKey{},
		api: map[string]map[string]int64{"0": {}, "1": {}}, ranks: map[uint64]int{}, taken: map[[2]string]*modelTaken{}}
	defer func() {
		if w.box != nil {
			_ = w.box.Close()
		}
	}()
	w.random = rand.NewPCG(uint64(w.draw("chance", 0, 9)), 0)
	w.after, w.tracks = w.draw("missing after", 0, 2), map[[2]string]*modelTrack{}
	w.must(os.WriteFile(w.file(), empty, 0o600))
	w.open()
	t.Repeat(map[string]func(*rapid.T){
		"":            func(*rapid.T) { w.compare() },
		"look":        func(*rapid.T) { w.look() },
		"look again":  func(*rapid.T) { w.look() },
		"read again":  func(*rapid.T) { w.lookAgain() },
		"complete":    func(*rapid.T) { w.complete() },
		"turn":        func(*rapid.T) { w.turn() },
		"turn again":  func(*rapid.T) { w.turn() },
		"take":        func(*rapid.T) { w.takeOne() },
		"time passes": func(*rapid.T) { w.advance(w.draw("seconds", 0, 90)) },
		"hours pass":  func(*rapid.T) { w.advance(3600 * w.draw("hours", 1, 5)) },
		"crash":       func(*rapid.T) { w.crash() },
		"resend":      func(*rapid.T) { w.resend() },
		"resume":      func(*rapid.T) { w.resume() },
		"retry dead":  func(*rapid.T) { w.retryDead() },
		"discard":     func(*rapid.T) { w.discard() },
		"resend some": func(*rapid.T) { w.resendSome() },
		"repeat":      func(*rapid.T) { w.repeat() },
		"canary":      func(*rapid.T) { w.canary() },
		"wait again":  func(*rapid.T) { w.waitAgain() },
		"forget":      func(*rapid.T) { w.forget() },
	})
	w.drainAll()
}

// world is the outbox under test, the API with requests that may land late, and what should be so.
type world struct {
	*rapid.T
	dir         string
	box         *outbox.Outbox
	random      rand.Source // the outbox's chance
	now         time.Time
	destination string

	keys    map[string]*modelKey
	api     map[string]map[string]int64 // by destination
	zombies []zombie
	flights []*flight
	taken   map[[2]string]*modelTaken // by source and family
	late    []*unfinished             // exports whose last row has not been taken yet
	after   int                       // exports in a row that lack a key, until it is wanted at 0; 0 = never
	tracks  map[[2]string]*modelTrack

	half     bool // something is accepted and not applied whole
	rank     uint64
	ranks    map[uint64]int // how often each was given
	moment   int            // counts what gives keys a new age
	requests int            // handed out
	proven   bool           // the API has acknowledged something since the ledger was forgotten last
	exports  int

	delivered, unchanged, duplicates, errors int64
}

// modelKey is what should be so of one key.
type modelKey struct {
	wanted, acked          *int64
	named                  uint64 // rank of the newest export that named it
	export                 uint64 // that set wanted
	rev                    int
	pending, dead, confirm bool
	since                  int // moment
	due                    time.Time
	tries                  int // refusals in a row
	refused                time.Time
	sings                  bool // confirm is a canary's, or there was a crash since: there is no quiet time before it
	doubts                 []doubt
	perhaps                bool // a crash may have left the outbox in doubt where there is none
	discarded              bool // its dead letter was, and nothing has been wanted since
}

// last is what a row is compared with.
func (k *modelKey) last() *int64 {
	if k.discarded {
		return k.acked
	}
	return k.wanted
}

type doubt struct {
	quantity int64
	at       time.Time
}

type flight struct {
	lease    *outbox.Lease
	key      string
	taken    bool
	rev      int
	quantity int64
	idle     bool // a canary for which nothing waited
	idleRev  int
}

type zombie struct {
	destination, key string
	quantity         int64
	lands            time.Time
}

func (w *world) draw(label string, least, most int) int {
	return rapid.IntRange(least, most).Draw(w.T, label)
}

func (w *world) chance(label string, one int) bool { return w.draw(label, 1, one) == one }

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) key(name string) *modelKey {
	if w.keys[name] == nil {
		w.keys[name] = &modelKey{}
	}
	return w.keys[name]
}

// open opens the outbox; Resume is still to be called.
func (w *world) open() {
	box, err := outbox.Open(w.dir, outbox.Options{Destination: w.destination, Confirm: modelConfirm, DeadRetry: modelDeadRetry, NoSync: true, Random: w.random})
	w.must(err)
	w.box = box
	box.SetSizes(3, 2, 40, 4)
}

func (w *world) file() string { return filepath.Join(w.dir, "outbox.db") }

// crash goes on with the file as it is at this moment. What was in flight may have been applied, may be yet, or never.
func (w *world) crash() {
	data, err := os.ReadFile(w.file())
	w.must(err)
	w.must(w.box.Close())
	w.must(os.WriteFile(w.file(), data, 0o600))
	if v, err := outbox.VerifyFile(w.Context(), w.dir); err != nil || len(v.Faults) > 0 {
		w.Fatalf("a crash left a file that is called damaged: %q, %v", v.Faults, err)
	}
	for _, f := range w.flights {
		if f.taken {
			w.unanswered(f)
		}
	}
	w.flights = nil
	for _, k := range w.keys {
		k.perhaps = k.perhaps || k.pending || k.dead
		k.sings = k.sings || k.confirm && k.due.IsZero() // its quiet time was before this
	}
	moved := w.chance("another destination", 8)
	if moved {
		w.destination = string('0' + '1' - w.destination[0])
	}
	w.open()
	if w.half || moved {
		w.nothingComes()
		w.must(w.box.Check())
	}
	w.half = w.half || moved
	if moved {
		w.forgetLedger()
	}
	w.resume()
}

// resume finishes what was interrupted.
func (w *world) resume() {
	lost, err := w.box.Resume(w.Context())
	if err != nil || len(lost) > 0 {
		w.Fatalf("resume: lost %v, %v", lost, err)
	}
	w.half = false
}

func (w *world) nothingComes() {
	leases, err := w.box.Turn(nil, 5, w.now)
	if err != nil || len(leases) > 0 {
		w.Fatalf("got %d leases, %v, before what was accepted is applied", len(leases), err)
	}
}

// forgetLedger makes every last wanted quantity pending again.
func (w *world) forgetLedger() {
	w.moment++
	w.proven = false
	for _, k := range w.keys {
		k.perhaps = k.perhaps || len(k.doubts) > 0
		if k.last() != nil {
			k.wanted, k.acked, k.discarded = k.last(), nil, false
			w.wait(k)
		}
	}
}

func (w *world) resend() {
	if w.half {
		w.resume()
	}
	w.forgetLedger()
	_, err := w.box.Resend(w.Context())
	w.must(err)
}

// wait is what becomes of a key that is to be sent.
func (w *world) wait(k *modelKey) {
	k.rev++
	if k.dead || k.confirm {
		k.due = time.Time{}
	}
	if !k.pending {
		k.since = w.moment
	}
	k.pending, k.dead, k.confirm, k.sings, k.tries = true, false, false, false, 0
}

// unanswered lets a request that nobody answered be applied at once, late, or never.
func (w *world) unanswered(f *flight) {
	k := w.key(f.key)
	k.doubts = append(k.doubts, doubt{f.quantity, w.now})
	switch w.draw("fate", 0, 2) {
	case 0:
		w.api[w.destination][f.key] = f.quantity
	case 1:
		late := time.Duration(w.draw("late", 0, int(modelConfirm.Seconds()))) * time.Second
		w.zombies = append(w.zombies, zombie{w.destination, f.key, f.quantity, w.now.Add(late)})
	}
}

func (w *world) advance(seconds int) {
	w.now = w.now.Add(time.Duration(seconds) * time.Second)
	w.land(func(z zombie) bool { return !z.lands.After(w.now) })
}

func (w *world) land(which func(zombie) bool) {
	w.zombies = slices.DeleteFunc(w.zombies, func(z zombie) bool {
		lands := which(z)
		if lands {
			w.api[z.destination][z.key] = z.quantity
		}
		return lands
	})
}

// compare compares everything that can be asked.
func (w *world) compare() {
	w.must(w.box.Check())
	if w.half {
		w.nothingComes()
		return
	}
	var want outbox.Counters
	for _, name := range slices.Sorted(maps.Keys(w.keys)) {
		k := w.keys[name]
		got, err := w.box.Lookup(modelBytes(name))
		if k.wanted == nil && !k.discarded {
			if !errors.Is(err, outbox.ErrUnknown) {
				w.Fatalf("key %s: got %+v, %v; want nothing known", name, got, err)
			}
			continue
		}
		w.must(err)
		if !same(got.Wanted, k.wanted) || !same(got.Acked, k.acked) || got.Pending != k.pending || got.Dead != k.dead ||
			got.Confirm != k.confirm || !got.Due.Equal(k.due) || got.Export != k.export {
			w.Fatalf("key %s: got %+v (wanted %v, acked %v), want %+v (wanted %v, acked %v)", name, got, text(got.Wanted), text(got.Acked),
				*k, text(k.wanted), text(k.acked))
		}
		for is, n := range map[*int64]bool{&want.Pending: k.pending, &want.Dead: k.dead, &want.Doubtful: k.confirm,
			&want.Settled: k.wanted != nil && !k.pending && !k.dead} {
			if n {
				*is++
			}
		}
	}
	s, err := w.box.Stats()
	w.must(err)
	want.Unknown = want.Dead
	want.Delivered, want.Unchanged, want.Duplicates, want.Errors = w.delivered, w.unchanged, w.duplicates, w.errors
	if s.Counters != want {
		w.Fatalf("got %+v, want %+v", s.Counters, want)
	}
}

// modelBytes is the encoded key of a name.
func modelBytes(name string) []byte { return inventory.Key{Store: "3", UPC: name}.Encode() }

func same(a, b *int64) bool { return (a == nil) == (b == nil) && (a == nil || *a == *b) }

func text(q *int64) any {
	if q == nil {
		return "nothing"
	}
	return *q
}

// fuse is a context that ends after it was asked a number of times.
type fuse struct {
	context.Context
	left int
}

func (f *fuse) Err() error {
	if f.left--; f.left < 0 {
		return context.Canceled
	}
	return nil
}

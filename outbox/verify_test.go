package outbox_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tillpost/outbox"
	"tillpost/outbox/outboxtest"
)

// used makes an outbox with something in every bucket but failed and intakes, closes it and returns its folder and bytes,
// and those of a moment before.
func used(t *testing.T) (dir string, before, data []byte) {
	t.Helper()
	dir = t.TempDir()
	box := opened(t, dir)
	outboxtest.Take(t, box, reading("a"), noon, large(3000, 5)...)
	resolve(t, box, noon, outbox.Result{Outcome: outbox.Refused}, lease(t, box, 20, noon)...)
	resolve(t, box, noon, outbox.Result{Outcome: outbox.Failed, Due: noon.Add(time.Hour)}, lease(t, box, 20, noon)...)
	before = fileOf(t, dir)
	resolve(t, box, noon, outbox.Result{Outcome: outbox.Acknowledged}, lease(t, box, 100, noon)...)
	outboxtest.Take(t, box, reading("b"), noon.Add(time.Second), large(1000, 6)...)
	if err := box.Pause(true); err != nil {
		t.Fatal(err)
	}
	lease(t, box, 100, noon)
	if err := box.Close(); err != nil {
		t.Fatal(err)
	}
	return dir, before, fileOf(t, dir)
}

func fileOf(t *testing.T, dir string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "outbox.db"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// verdict is what is said of a file with these bytes.
func verdict(t *testing.T, dir string, data []byte) (outbox.Verdict, error) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "outbox.db"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	return outbox.VerifyFile(t.Context(), dir)
}

func TestAVerdictIsReachedWhateverTheFileHolds(t *testing.T) { // B3, B4, D9, X9
	t.Parallel()
	dir, before, data := used(t)
	if v, err := verdict(t, dir, data); err != nil || len(v.Faults) > 0 || v.Keys != 3000 {
		t.Fatalf("a whole file: got %+v, %v; want 3000 keys and nothing wrong", v, err)
	}
	page := os.Getpagesize()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	found := map[string]int{}
	const rounds = 300
	for n := range rounds {
		bad, mode := bytes.Clone(data), []string{"zeroed", "stale", "cut", "flipped", "crafted", "misplaced"}[n%6]
		at := (2 + random.IntN(len(bad)/page-2)) * page
		switch mode {
		case "zeroed":
			clear(bad[at : at+page])
		case "stale":
			if at+page <= len(before) {
				copy(bad[at:], before[at:at+page])
			}
		case "cut":
			bad = bad[:random.IntN([]int{len(bad), 3 * page}[random.IntN(2)])]
		case "flipped":
			bad[random.IntN(len(bad))] ^= 1 << random.IntN(8)
		case "crafted": // numbers that say what nobody expects, in the head or the elements of a page
			word := at + 4*random.IntN(24)
			binary.NativeEndian.PutUint32(bad[word:], []uint32{0, 1, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF}[random.IntN(5)])
		case "misplaced":
			from := (2 + random.IntN(len(bad)/page-2)) * page
			copy(bad[at:at+page], data[from:from+page])
		}
		v, err := verdict(t, dir, bad)
		if err != nil {
			t.Errorf("round %d, %s: %v", n, mode, err)
		}
		if len(v.Faults) > 0 {
			found[mode]++
			continue
		}
		found["whole"]++
		box, err := outbox.Open(dir, outbox.Options{NoSync: true})
		if err != nil {
			t.Errorf("round %d, %s: called whole, and not opened: %v", n, mode, err)
			continue
		}
		if err := box.Check(); err != nil && !bytes.Contains([]byte(err.Error()), []byte("named set")) {
			t.Errorf("round %d, %s: called whole: %v", n, mode, err)
		}
		_ = box.Close()
	}
	t.Logf("damage found, of %d each: %v", rounds/6, found)
	for _, mode := range []string{"zeroed", "cut", "misplaced"} {
		if found[mode] == 0 {
			t.Errorf("nothing was found where a page was %s", mode)
		}
	}
}

func TestAPageThatPointsAtItselfEndsNoProcess(t *testing.T) { // B4: bbolt would go round in circles for ever
	t.Parallel()
	dir, _, data := used(t)
	size := os.Getpagesize()
	branches := 0
	for n := 2; n < len(data)/size; n++ { // every branch, whether it is still used or not
		if b := data[n*size:]; binary.NativeEndian.Uint16(b[8:]) == 1 && binary.NativeEndian.Uint64(b) == uint64(n) {
			branches++
			for i := range int(binary.NativeEndian.Uint16(b[10:])) {
				binary.NativeEndian.PutUint64(b[16+16*i+8:], uint64(n))
			}
		}
	}
	if branches == 0 {
		t.Fatal("no page branches")
	}
	v, err := verdict(t, dir, data)
	if err != nil || len(v.Faults) == 0 {
		t.Errorf("got %+v, %v; want damage", v, err)
	}
	if v.Kept == nil || !v.Kept.Paused || v.Kept.Export != 2 {
		t.Errorf("got %+v, want what can still be read of the state", v.Kept)
	}
	if err := os.WriteFile(filepath.Join(dir, "outbox.open"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := outbox.Open(dir, outbox.Options{}); !errors.Is(err, outbox.ErrDamaged) {
		t.Errorf("opened after an unclean stop: got %v, want ErrDamaged", err)
	}
}

func TestABranchNamesEachPageByItsFirstKey(t *testing.T) { // B4: bbolt reads on where it does not, and adds a second entry as it writes
	t.Parallel()
	dir, _, whole := used(t)
	size := os.Getpagesize()
	for what, spoil := range map[string]func(file, element []byte){
		"a key of a branch is another": func(_, element []byte) {
			at := binary.NativeEndian.Uint32(element) + binary.NativeEndian.Uint32(element[4:])
			element[at-1] ^= 1
		},
		"a key of a branch is shorter": func(_, element []byte) {
			binary.NativeEndian.PutUint32(element[4:], binary.NativeEndian.Uint32(element[4:])-1)
		},
		"a key of a branch is empty": func(_, element []byte) { binary.NativeEndian.PutUint32(element[4:], 0) },
		"a page under a branch is empty": func(file, element []byte) {
			binary.NativeEndian.PutUint16(file[int(binary.NativeEndian.Uint64(element[8:]))*size+10:], 0)
		},
	} {
		data, branches := bytes.Clone(whole), 0
		for n := 2; n < len(data)/size; n++ { // the first element of every branch, whether it is still used or not
			if b := data[n*size:]; binary.NativeEndian.Uint16(b[8:]) == 1 && binary.NativeEndian.Uint64(b) == uint64(n) {
				branches++
				spoil(data, b[16:])
			}
		}
		if branches == 0 {
			t.Fatal("no page branches")
		}
		if v, err := verdict(t, dir, data); err != nil || len(v.Faults) == 0 {
			t.Errorf("%s: got %+v, %v; want damage", what, v, err)
		}
	}
}

func TestWhatEveryStopLeavesIsInOrder(t *testing.T) { // a healthy outbox is never called damaged
	t.Parallel()
	dir := t.TempDir()
	box := opened(t, dir)
	inOrder := func(when string) {
		t.Helper()
		again := t.TempDir()
		if v, err := verdict(t, again, fileOf(t, dir)); err != nil || len(v.Faults) > 0 {
			t.Errorf("%s: got %q, %v; want nothing wrong", when, v.Faults, err)
		}
	}
	inOrder("a new one")
	outboxtest.Take(t, box, reading("a"), noon, large(3000, 5)...)
	inOrder("an export was taken")
	leases := lease(t, box, 100, noon)
	inOrder("updates are leased")
	outboxtest.Take(t, box, reading("b"), noon.Add(time.Second), large(100, 6)...)
	inOrder("leased ones have changed")
	resolve(t, box, noon, outbox.Result{Outcome: outbox.Refused}, leases[:50]...)
	resolve(t, box, noon, outbox.Result{Outcome: outbox.Failed, Due: noon.Add(time.Hour)}, leases[50:]...)
	inOrder("some are dead, others wait for their time")
	interrupted(t, box, 20)
	inOrder("what was accepted is not applied")
}

func TestWhatIsInUseIsNotVerified(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	opened(t, dir)
	if v, err := outbox.VerifyFile(t.Context(), dir); !errors.Is(err, outbox.ErrInUse) || len(v.Faults) > 0 {
		t.Errorf("got %+v, %v; want ErrInUse", v, err)
	}
	if _, err := outbox.VerifyFile(t.Context(), t.TempDir()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want that there is none", err)
	}
}

func TestTheMarkTellsAStopThatWasNone(t *testing.T) { // B4: after an unclean stop
	t.Parallel()
	dir := t.TempDir()
	box := opened(t, dir)
	if !outbox.Unclean(dir) {
		t.Error("nothing marks an outbox that is open")
	}
	outboxtest.Close(t, box)
	if outbox.Unclean(dir) {
		t.Error("the mark outlives the end in order")
	}
	leave := func() {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, "outbox.open"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	leave()
	outboxtest.Close(t, opened(t, dir))
	if !outbox.Unclean(dir) {
		t.Error("a command that has not verified takes the mark away")
	}
	box, err := outbox.Open(dir, outbox.Options{Verified: true})
	if err != nil {
		t.Fatal(err)
	}
	outboxtest.Close(t, box)
	if outbox.Unclean(dir) {
		t.Error("the mark outlives the end of what was verified")
	}
	box = opened(t, dir)
	outboxtest.Take(t, box, reading("a"), noon, row("1", 5))
	k, v := firstValue(t, box, "keys")
	v[0] ^= 1
	put(t, box, "keys", k, v)
	if _, err := box.Turn(nil, 1, noon); !errors.Is(err, outbox.ErrDamaged) {
		t.Fatalf("got %v, want ErrDamaged", err)
	}
	if err := box.Close(); err != nil {
		t.Error(err)
	}
	if !outbox.Unclean(dir) {
		t.Error("what has shown damage is not verified at the next start")
	}
}

func TestARebuiltOutboxTakesOverWhatWasKept(t *testing.T) { // promise 11, D9
	t.Parallel()
	dir, _, data := used(t)
	path := filepath.Join(dir, "outbox.db")
	for n := range 5 {
		clear(data[4*os.Getpagesize():])
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		was, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		kept := &outbox.Kept{Paused: true, Delivered: 7, Errors: 3, Export: 9, Rank: 11, Created: noon}
		r, err := outbox.Rebuild(dir, was, kept, "a test", outbox.Options{NoSync: true}, noon.Add(time.Duration(n/2)*time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		if aside, err := os.ReadFile(r.File); err != nil || !bytes.Equal(aside, data) {
			t.Errorf("set aside as %s: %v", r.File, err)
		}
		if _, err := outbox.Rebuild(dir, was, kept, "a test", outbox.Options{NoSync: true}, noon); err == nil {
			t.Fatal("another outbox than the damaged one is set aside")
		}
		box := opened(t, dir)
		s := stats(t, box)
		if !s.Paused || s.Delivered != 7 || s.Errors != 3 || !s.Created.Equal(noon) || s.Rebuilt == nil || s.Rebuilt.Why != "a test" || s.Rebuilt.File != r.File {
			t.Errorf("got %+v, want what was kept", s)
		}
		if e := outboxtest.Take(t, box, reading("a"), noon.Add(time.Hour), row("1", 5)); e.ID != 10 || e.New != 1 {
			t.Errorf("got %+v, want a new id and a key that is news", e)
		}
		outboxtest.Close(t, box)
	}
	aside, err := outbox.Aside(dir)
	if err != nil || len(aside) != 3 {
		t.Errorf("got %v, %v; want three that are kept", aside, err)
	}
}

func TestARebuildThatACrashCutShortIsEndedByTheNext(t *testing.T) { // D2, promise 11
	t.Parallel()
	dir, _, _ := used(t)
	path := filepath.Join(dir, "outbox.db")
	was, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := outbox.Rebuild(dir, was, &outbox.Kept{Paused: true, Delivered: 7}, "a test", outbox.Options{}, noon); err != nil {
		t.Fatal(err)
	}
	// Between its two renamings the new one lies there under the temporary name.
	if err := os.Rename(path, path+".tmp"); err != nil {
		t.Fatal(err)
	}
	if _, err := outbox.Rebuild(dir, nil, nil, "it was gone", outbox.Options{}, noon); err != nil {
		t.Fatal(err)
	}
	box := outboxtest.Open(t, dir, outbox.Options{})
	if s := stats(t, box); !s.Paused || s.Delivered != 7 || s.Rebuilt == nil || s.Rebuilt.Why != "a test" {
		t.Errorf("got %+v, want what the first one kept", s)
	}
}

func TestHeldExportsOutliveTheirOutbox(t *testing.T) { // promises 10 and 11
	t.Parallel()
	dir := t.TempDir()
	box := opened(t, dir)
	in := box.NewIntake()
	x := outboxtest.Add(t, in, outbox.Reading{Name: "bad", Family: "f"}, noon, row("1", 0))
	in.Drop(x)
	f, err := box.NewHeldFile()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprint(f, "the bytes"); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(in.Hold(x, "zero", nil, box.NewHeldKeys(), f, true), f.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Settle(nil); err != nil {
		t.Fatal(err)
	}
	in.Finish(x, outbox.Taken{Hash: "h", Refused: "too many zeros", Complete: true})
	if _, err := in.Commit(t.Context(), noon); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(in.Close(), box.Close()); err != nil {
		t.Fatal(err)
	}
	for _, when := range []string{"it was held", "the next opening"} { // each writes down what is not yet
		notes, err := filepath.Glob(filepath.Join(dir, "held", "*.held"))
		if err != nil || len(notes) != 1 {
			t.Fatalf("%s: got %v, %v; want that it is written down", when, notes, err)
		}
		if err := os.Remove(notes[0]); err != nil {
			t.Fatal(err)
		}
		heldOf(t, dir)
	}
	before := heldOf(t, dir)
	if err := os.Remove(filepath.Join(dir, "outbox.db")); err != nil {
		t.Fatal(err)
	}
	if _, err := outbox.Rebuild(dir, nil, nil, "it was gone", outbox.Options{}, noon); err != nil {
		t.Fatal(err)
	}
	if after := heldOf(t, dir); fmt.Sprint(after) != fmt.Sprint(before) || !strings.Contains(before, "the bytes") {
		t.Errorf("got %s, want %s", after, before)
	}
	box = opened(t, dir)
	if known, err := box.File("main", "bad"); err != nil || known.Hash != "h" || known.Export != 1 {
		t.Errorf("got %+v, %v; want that its file is known", known, err)
	}
	if _, _, err := box.DiscardHeld(nil); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(filepath.Join(dir, "held")); err != nil || len(left) > 0 {
		t.Errorf("got %v, %v; want nothing left of what was discarded", left, err)
	}
}

// heldOf tells of what is held in an outbox, with its bytes.
func heldOf(t *testing.T, dir string) string {
	t.Helper()
	box := opened(t, dir)
	defer func() { _ = box.Close() }()
	held, err := box.Held()
	if err != nil || len(held) != 1 {
		t.Fatalf("got %v, %v; want one that is held", held, err)
	}
	data, err := os.ReadFile(box.HeldPath(held[0]))
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%+v %s", held[0], data)
}

func TestEveryTransactionIsGuarded(t *testing.T) { // B4: a panic of bbolt's ends no process
	t.Parallel()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, "_test.go") || name == "compact.go" { // which guards the file itself, before it is in use
			continue
		}
		for n, line := range strings.Split(string(text), "\n") {
			if strings.Contains(line, "db.View(") || strings.Contains(line, "db.Update(") || strings.Contains(line, "db.Begin(") {
				t.Errorf("%s:%d: a transaction without Outbox.view or openedFile.run", name, n+1)
			}
		}
	}
}

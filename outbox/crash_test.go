package outbox_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"testing"
	"time"

	"tillpost/inventory"
	"tillpost/outbox"
	"tillpost/outbox/outboxtest"
)

// writerEnv makes the test binary a writer on the outbox in the folder that it names.
const writerEnv = "TILLPOST_TEST_OUTBOX_WRITER"

// More of the writer's environment: after how many exports it ends (else it is killed), and whether it leaves out fsync.
const (
	writerExports = "TILLPOST_TEST_OUTBOX_EXPORTS"
	writerNoSync  = "TILLPOST_TEST_OUTBOX_NOSYNC"
)

// writerKeys is how many products each export of the writer names, all with the export's number as their quantity.
const writerKeys = 60

func writerKey(i int) []byte { return inventory.Key{Store: "3", UPC: fmt.Sprint(1000 + i)}.Encode() }

// write takes exports and acknowledges updates until it is killed or has taken as many as it is to, and says what is done
// once it is. Where a commit is in doubt it opens the outbox anew, and says what it found out; where the disk is full it
// tries again.
func write(dir string) {
	runtime.LockOSThread() // strace counts the calls of each thread
	w := &writer{dir: dir, most: math.MaxInt64}
	var err error
	if text := os.Getenv(writerExports); text != "" {
		w.most, err = strconv.ParseInt(text, 10, 64)
	}
	for tries := 0; err == nil && tries < 5; tries++ {
		if err = w.work(); err == nil {
			return
		}
		if errors.Is(err, outbox.ErrUncertain) {
			fmt.Println("uncertain", tries)
			err = nil
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// writer is one of those.
type writer struct {
	dir     string
	most    int64 // exports
	box     *outbox.Outbox
	results []outbox.Result // that were not stored yet
}

func (w *writer) work() (err error) {
	box, err := outbox.Open(w.dir, outbox.Options{Destination: asAgent.Destination, Confirm: time.Millisecond, NoSync: os.Getenv(writerNoSync) != ""})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, box.Close()) }()
	if why := box.Opening().Foreign; why != "" {
		return errors.New(why)
	}
	box.SetSizes(50, 20, 64, 32)
	w.box = box
	if err := w.foundOut(); err != nil {
		return err
	}
	if _, err := box.Resume(context.Background()); err != nil {
		return err
	}
	for n := next(box); n <= w.most; n++ {
		if err := untilRoom(func() error { return writeExport(box, n) }); err != nil {
			return err
		}
		fmt.Println("export", n)
		for range 3 {
			if err := untilRoom(w.turn); err != nil {
				return err
			}
		}
	}
	return nil
}

// untilRoom tries again where the disk is full.
func untilRoom(fn func() error) (err error) {
	for range 3 {
		err = fn()
		if _, full := errors.AsType[*outbox.FullError](err); !full || errors.Is(err, outbox.ErrUncertain) {
			return err
		}
	}
	return err
}

// turn stores acknowledgements, says so, and gets the next updates, which are acknowledged.
func (w *writer) turn() error {
	leases, err := w.box.Turn(w.results, 20, time.Now())
	if err != nil {
		return err
	}
	for _, res := range w.results {
		k, err := inventory.DecodeKey(res.Lease.Key)
		if err != nil {
			return err
		}
		fmt.Println(k.UPC, w.box.Take(res.Lease))
	}
	w.results = w.results[:0]
	for _, l := range leases {
		w.box.Take(l)
		w.results = append(w.results, outbox.Result{Lease: l, Outcome: outbox.Acknowledged})
	}
	return nil
}

// foundOut says whether acknowledgements whose commit was in doubt count.
func (w *writer) foundOut() error {
	if len(w.results) > 0 {
		k, err := w.box.Lookup(w.results[0].Lease.Key)
		if err != nil {
			return err
		}
		fmt.Println("counted", k.Acked != nil && !k.Pending)
	}
	w.results = nil
	return nil
}

func next(box *outbox.Outbox) int64 {
	k, err := box.Lookup(writerKey(0))
	if errors.Is(err, outbox.ErrUnknown) {
		return 1
	}
	return *k.Wanted + 1
}

func writeExport(box *outbox.Outbox, n int64) (err error) {
	in := box.NewIntake()
	defer func() { err = errors.Join(err, in.Close()) }()
	now := time.Now()
	in.Begin(outbox.Reading{Source: "main", Name: fmt.Sprint(n), Family: "f", ModTime: now, Arrived: now}, now)
	for i := range writerKeys {
		if err := in.Add(uint64(i), writerKey(i), n, false); err != nil {
			return err
		}
	}
	if _, err := in.Settle(nil); err != nil {
		return err
	}
	_, err = in.Commit(context.Background(), now)
	return err
}

func TestAKilledWriterLosesNothing(t *testing.T) { // P1, I11, I12
	t.Parallel()
	dir := t.TempDir()
	said := map[string]int64{} // by "export" or UPC: the greatest number that the writer has told of
	for range 20 {
		killWriter(t, dir, said)
		box, err := outbox.Open(dir, outbox.Options{})
		if errors.Is(err, outbox.ErrInUse) {
			t.Fatal("the killed writer still holds the outbox")
		}
		if err != nil {
			t.Fatal(err)
		}
		if lost, err := box.Resume(t.Context()); err != nil || len(lost) > 0 {
			t.Fatalf("resume: lost %v, %v", lost, err)
		}
		for _, complaint := range lostOf(box, said) {
			t.Error(complaint)
		}
		outboxtest.Close(t, box)
	}
}

// lostOf tells what of what the writer has said is not so: by "export" or UPC, the greatest number that it told of.
func lostOf(box *outbox.Outbox, said map[string]int64) (complaints []error) {
	lost := func(format string, args ...any) { complaints = append(complaints, fmt.Errorf(format, args...)) }
	n := next(box) - 1
	if n < said["export"] {
		lost("the newest export is %d, the writer said %d", n, said["export"])
	}
	for i := range writerKeys {
		k, err := box.Lookup(writerKey(i))
		if n == 0 && errors.Is(err, outbox.ErrUnknown) {
			continue
		}
		if err != nil {
			lost("%w", err)
			continue
		}
		if *k.Wanted != n {
			lost("%v: wanted is %d, others say %d: an export was taken in part", k.Key, *k.Wanted, n)
		}
		if acked := said[k.Key.UPC]; acked > 0 && (k.Acked == nil || *k.Acked < acked) {
			lost("%v: %d was acknowledged, got %+v", k.Key, acked, k)
		}
		if !k.Pending && (k.Acked == nil || *k.Acked != n) {
			lost("%v: %d is neither pending nor acknowledged: got %+v", k.Key, n, k)
		}
	}
	return complaints
}

// listen notes a line of the writer.
func listen(said map[string]int64, line string) {
	var what string
	var n int64
	if _, err := fmt.Sscan(line, &what, &n); err == nil {
		said[what] = max(said[what], n)
	}
}

// killWriter starts a writer, kills it after a random number of lines, and notes what it said.
func killWriter(t *testing.T, dir string, said map[string]int64) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), writerEnv+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	left, killed := rand.IntN(300), false
	for lines := bufio.NewScanner(out); lines.Scan(); left-- {
		listen(said, lines.Text())
		if left == 0 {
			if err := cmd.Process.Kill(); err != nil {
				t.Error(err)
			}
			killed = true
		}
	}
	err = cmd.Wait()
	if failed := cmd.ProcessState.ExitCode() == 1 && runtime.GOOS != "windows"; err == nil || !killed || failed { // there it is what a kill leaves too
		t.Errorf("the writer ended by itself: %v", err)
	}
}

package outbox_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
	"time"

	"tillpost/inventory"
	"tillpost/outbox"
	"tillpost/outbox/outboxtest"
)

// writerEnv makes the test binary a writer on the outbox in the folder that it names.
const writerEnv = "TILLPOST_TEST_OUTBOX_WRITER"

// writerKeys is how many products each export of the writer names, all with the export's number as their quantity.
const writerKeys = 60

func writerKey(i int) []byte { return inventory.Key{Store: "3", UPC: fmt.Sprint(1000 + i)}.Encode() }

// write takes exports and acknowledges updates until it is killed, and says what is done once it is.
func write(dir string) {
	err := func() error {
		box, err := outbox.Open(dir, outbox.Options{Confirm: time.Millisecond})
		if err != nil {
			return err
		}
		box.SetSizes(50, 20, 64, 32)
		if _, err := box.Resume(context.Background()); err != nil {
			return err
		}
		var results []outbox.Result
		for n := next(box); ; n++ {
			if err := writeExport(box, n); err != nil {
				return err
			}
			fmt.Println("export", n)
			for range 3 {
				leases, err := box.Turn(results, 20, time.Now())
				if err != nil {
					return err
				}
				for _, res := range results {
					k, err := inventory.DecodeKey(res.Lease.Key)
					if err != nil {
						return err
					}
					fmt.Println(k.UPC, box.Take(res.Lease))
				}
				results = results[:0]
				for _, l := range leases {
					box.Take(l)
					results = append(results, outbox.Result{Lease: l, Outcome: outbox.Acknowledged})
				}
			}
		}
	}()
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func next(box *outbox.Outbox) int64 {
	k, err := box.Lookup(writerKey(0))
	if errors.Is(err, outbox.ErrUnknown) {
		return 1
	}
	return *k.Wanted + 1
}

func writeExport(box *outbox.Outbox, n int64) error {
	in := box.NewIntake()
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
	if _, err := in.Commit(context.Background(), now); err != nil {
		return err
	}
	return in.Close()
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
		n := next(box) - 1
		if n < said["export"] {
			t.Errorf("the newest export is %d, the writer said %d", n, said["export"])
		}
		for i := range writerKeys {
			k, err := box.Lookup(writerKey(i))
			if n == 0 && errors.Is(err, outbox.ErrUnknown) {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			if *k.Wanted != n {
				t.Errorf("%v: wanted is %d, others say %d: an export was taken in part", k.Key, *k.Wanted, n)
			}
			if acked := said[k.Key.UPC]; acked > 0 && (k.Acked == nil || *k.Acked < acked) {
				t.Errorf("%v: %d was acknowledged, got %+v", k.Key, acked, k)
			}
			if !k.Pending && (k.Acked == nil || *k.Acked != n) {
				t.Errorf("%v: %d is neither pending nor acknowledged: got %+v", k.Key, n, k)
			}
		}
		outboxtest.Close(t, box)
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
	left := rand.IntN(300)
	for lines := bufio.NewScanner(out); lines.Scan(); left-- {
		var what string
		var n int64
		if _, err := fmt.Sscan(lines.Text(), &what, &n); err == nil {
			said[what] = max(said[what], n)
		}
		if left == 0 {
			if err := cmd.Process.Kill(); err != nil {
				t.Error(err)
			}
		}
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() == 1 {
		t.Errorf("the writer ended by itself: %v", err)
	}
}

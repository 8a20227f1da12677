package outbox_test

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"tillpost/inventory"
	"tillpost/outbox"
	"tillpost/outbox/outboxtest"
)

// holdOne holds an export of one row; commit says whether the look comes to its end.
func holdOne(t *testing.T, box *outbox.Outbox, now time.Time, commit bool) {
	t.Helper()
	in := box.NewIntake()
	defer func() {
		if err := in.Close(); err != nil {
			t.Error(err)
		}
	}()
	x := outboxtest.Add(t, in, outbox.Reading{Name: "stock.csv", Source: "main", Family: "stock.csv", ModTime: now, Arrived: now}, now, row("good", 0))
	if _, err := in.Settle(nil); err != nil {
		t.Fatal(err)
	}
	in.Drop(x)
	file, err := box.NewHeldFile()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	keys := box.NewHeldKeys()
	keys.Add(inventory.Key{Store: "3", UPC: "good"}.Encode())
	if err := in.Hold(x, "zero", nil, keys, file, true); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Settle(nil); err != nil {
		t.Fatal(err)
	}
	if !commit {
		return
	}
	in.Finish(x, outbox.Taken{Hash: fmt.Sprint(now), Refused: "a guard holds it", Complete: true})
	if _, err := in.Commit(t.Context(), now); err != nil {
		t.Fatal(err)
	}
}

func TestADiscardTakesNoBytesThatAreAboutToBeHeld(t *testing.T) { // promise 10
	t.Parallel()
	box := outboxtest.Open(t, t.TempDir(), outbox.Options{NoSync: true})
	now := time.Now()
	var discard sync.WaitGroup
	stop := make(chan struct{})
	discard.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if _, _, err := box.DiscardHeld([]string{"0"}); err != nil { // which names none
				t.Error(err)
				return
			}
		}
	})
	for n := range 100 {
		holdOne(t, box, now.Add(time.Duration(n)*time.Hour), true)
		held, err := box.Held()
		if err != nil || len(held) != 1 {
			t.Fatalf("got %v, %v, want one", held, err)
		}
		for _, path := range []string{box.HeldPath(held[0]), filepath.Join(box.Dir(), "held", held[0].Set)} {
			if _, err := os.Stat(path); err != nil {
				t.Fatalf("round %d: %v", n, err)
			}
		}
	}
	close(stop)
	discard.Wait()
}

func TestALookThatFailsLeavesNoHeldBytes(t *testing.T) { // on a full disk it is tried again and again
	t.Parallel()
	box := outboxtest.Open(t, t.TempDir(), outbox.Options{NoSync: true})
	holdOne(t, box, time.Now(), false)
	if left, err := os.ReadDir(filepath.Join(box.Dir(), "held")); err != nil || len(left) != 0 {
		t.Errorf("the folder holds %v, %v", left, err)
	}
}

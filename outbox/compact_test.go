package outbox_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"tillpost/inventory"
	"tillpost/outbox"
	"tillpost/outbox/outboxtest"
)

// bloat leaves an outbox in dir that knows a few keys, and of which nearly all is free: n values of 400 bytes came and went.
func bloat(t testing.TB, dir string, n int) {
	t.Helper()
	box, err := outbox.Open(dir, outbox.Options{Destination: asAgent.Destination, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	outboxtest.Take(t, box, reading("a"), noon, row("1", 5), row("2", 0), row("3", 7))
	for _, l := range lease(t, box, 1, noon) {
		box.Take(l)
		resolve(t, box, noon, outbox.Result{Outcome: outbox.Acknowledged}, l)
	}
	for _, come := range []bool{true, false} {
		err := box.Raw(func(tx *bbolt.Tx) error {
			b := tx.Bucket([]byte("dead"))
			for i := range n {
				key := fmt.Appendf(nil, "%08d", i)
				if come {
					if err := b.Put(key, bytes.Repeat([]byte{'x'}, 400)); err != nil {
						return err
					}
				} else if err := b.Delete(key); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	outboxtest.Close(t, box)
}

// sameAfter opens the outbox in dir as an agent does, expects what bloat has left, and answers what the opening did.
func sameAfter(t testing.TB, dir string) outbox.Opening {
	t.Helper()
	box, err := outbox.Open(dir, asAgent)
	if err != nil {
		t.Fatal(err)
	}
	defer outboxtest.Close(t, box)
	if s := stats(t, box); s.Pending != 2 || s.Delivered != 1 {
		t.Errorf("got %+v, want 2 pending and 1 delivered", s.Counters)
	}
	for upc, want := range map[string]int64{"1": 5, "2": 0, "3": 7} {
		if k, err := box.Lookup(inventory.Key{Store: "3", UPC: upc}.Encode()); err != nil || *k.Wanted != want {
			t.Errorf("key %s: got %+v, %v; want %d", upc, k, err, want)
		}
	}
	if why := box.Opening().Foreign; why != "" {
		t.Errorf("the ledger is not trusted any more: %s", why)
	}
	return box.Opening()
}

func sizeOf(t testing.TB, path string) int64 {
	t.Helper()
	about, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return about.Size()
}

func TestACommandDoesNotMakeTheFileSmaller(t *testing.T) { // D12
	t.Parallel()
	dir := t.TempDir()
	bloat(t, dir, 10_000)
	path := filepath.Join(dir, "outbox.db")
	before := sizeOf(t, path)
	outboxtest.Open(t, dir, outbox.Options{MustExist: true})
	if now := sizeOf(t, path); now != before {
		t.Errorf("got %d bytes, want the %d from before", now, before)
	}
}

func TestAFileOfWhichMostIsFreeIsMadeSmallerWhenAnAgentOpensIt(t *testing.T) { // D12, B10
	t.Parallel()
	dir := t.TempDir()
	bloat(t, dir, 10_000)
	path := filepath.Join(dir, "outbox.db")
	before := sizeOf(t, path)
	c := sameAfter(t, dir).Compaction
	if c == nil || c.Err != nil || c.After >= c.Before/10 || sizeOf(t, path) > before/10 {
		t.Errorf("got %+v and %d bytes of %d, want a tenth at the most", c, sizeOf(t, path), before)
	}
	if c := sameAfter(t, dir).Compaction; c != nil {
		t.Errorf("got %+v, want nothing to be done the second time", c)
	}
}

func TestACrashWhileTheFileIsMadeSmallerLeavesOneOfTheTwo(t *testing.T) { // D12
	t.Parallel()
	for name, crash := range map[string]func(t *testing.T, file, copied string){
		"an empty copy": func(t *testing.T, _, copied string) {
			if err := os.WriteFile(copied, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"half a copy": func(t *testing.T, file, copied string) {
			data, err := os.ReadFile(file)
			if err == nil {
				err = os.WriteFile(copied, data[:len(data)/2], 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			bloat(t, dir, 10_000)
			copied := filepath.Join(dir, "outbox.db.compact")
			crash(t, filepath.Join(dir, "outbox.db"), copied)
			if c := sameAfter(t, dir).Compaction; c == nil || c.Err != nil {
				t.Errorf("got %+v, want it made smaller", c)
			}
			if _, err := os.Stat(copied); err == nil {
				t.Error("the copy is still there")
			}
		})
	}
}

func TestWhatKeepsTheFileFromBeingSmallerDoesNotKeepItFromBeingOpened(t *testing.T) { // D12, D15, B23
	t.Parallel()
	dir := t.TempDir()
	bloat(t, dir, 10_000)
	if err := os.MkdirAll(filepath.Join(dir, "outbox.db.compact", "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	before := sizeOf(t, filepath.Join(dir, "outbox.db"))
	if c := sameAfter(t, dir).Compaction; c == nil || c.Err == nil || !strings.Contains(c.Err.Error(), "outbox.db.compact") {
		t.Errorf("got %+v, want why it stays as it is", c)
	}
	if now := sizeOf(t, filepath.Join(dir, "outbox.db")); now != before {
		t.Errorf("got %d bytes, want the %d from before", now, before)
	}
}

func TestAFileOfAnotherFormatIsNotMadeSmaller(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	bloat(t, dir, 10_000)
	box, err := outbox.Open(dir, outbox.Options{MustExist: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := box.SetFormat(99); err != nil {
		t.Fatal(err)
	}
	if err := box.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "outbox.db")
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := outbox.Open(dir, asAgent); err == nil {
		t.Fatal("a newer format was opened")
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the file was changed, %v", err)
	}
}

// BenchmarkCompaction makes a file smaller that is nearly all free.
func BenchmarkCompaction(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		dir := b.TempDir()
		bloat(b, dir, 200_000)
		runtime.GC()
		b.StartTimer()
		begin := time.Now()
		c := sameAfter(b, dir).Compaction
		b.ReportMetric(float64(c.Before>>20), "MiB")
		b.ReportMetric(float64(c.After>>10), "KiB-after")
		b.ReportMetric(float64(time.Since(begin).Milliseconds()), "ms")
	}
}

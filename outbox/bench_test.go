package outbox_test

import (
	"encoding/binary"
	"fmt"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"tillpost/inventory"
	"tillpost/outbox"
)

const benchRows = 1_000_000

// benchKeys are the encoded keys of a catalogue, in the order that an export has them: not that of the hash.
func benchKeys() [][]byte {
	keys := make([][]byte, benchRows)
	for i := range keys {
		keys[i] = inventory.Key{Store: "3", UPC: fmt.Sprintf("%012d", 840_000_000_000+i*7)}.Encode()
	}
	return keys
}

// BenchmarkIntake takes in a million rows: all new, then the same once more. The ratios are to bbolt alone, putting keys
// and values of the same size in ascending order, 10,000 a transaction.
func BenchmarkIntake(b *testing.B) {
	keys := benchKeys()
	var fresh, same, base time.Duration
	for b.Loop() {
		base += bboltAscending(b, keys)
		box, err := outbox.Open(b.TempDir(), outbox.Options{})
		if err != nil {
			b.Fatal(err)
		}
		now := time.Now()
		fresh += benchTake(b, box, keys, "a", now)
		same += benchTake(b, box, keys, "b", now.Add(time.Minute))
		if err := box.Close(); err != nil {
			b.Fatal(err)
		}
	}
	n := time.Duration(b.N)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric((base / n).Seconds(), "bbolt-s")
	b.ReportMetric((fresh / n).Seconds(), "new-s")
	b.ReportMetric(float64(fresh)/float64(base), "new/bbolt")
	b.ReportMetric((same / n).Seconds(), "unchanged-s")
}

func benchTake(b *testing.B, box *outbox.Outbox, keys [][]byte, name string, now time.Time) time.Duration {
	b.Helper()
	runtime.GC()
	start := time.Now()
	in := box.NewIntake()
	in.Begin(outbox.Reading{Source: "main", Name: name, Family: "f", ModTime: now, Arrived: now}, now)
	for i, k := range keys {
		if err := in.Add(uint64(i+2), k, int64(i%9), false); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := in.Settle(nil); err != nil {
		b.Fatal(err)
	}
	if _, err := in.Commit(b.Context(), now); err != nil {
		b.Fatal(err)
	}
	if err := in.Close(); err != nil {
		b.Fatal(err)
	}
	return time.Since(start)
}

func bboltAscending(b *testing.B, keys [][]byte) time.Duration {
	b.Helper()
	runtime.GC()
	start := time.Now()
	db, err := bbolt.Open(filepath.Join(b.TempDir(), "base.db"), 0o600, nil)
	if err != nil {
		b.Fatal(err)
	}
	for at := 0; at < len(keys); at += 10_000 {
		err := db.Update(func(tx *bbolt.Tx) error {
			bucket, err := tx.CreateBucketIfNotExists([]byte("keys"))
			if err != nil {
				return err
			}
			for i := at; i < min(at+10_000, len(keys)); i++ {
				key := binary.BigEndian.AppendUint64(nil, uint64(i))
				if err := bucket.Put(append(key, keys[i]...), make([]byte, 34)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		b.Fatal(err)
	}
	return time.Since(start)
}

// BenchmarkDrain leases and acknowledges 200,000 updates in turns of MaxLease.
func BenchmarkDrain(b *testing.B) {
	keys := benchKeys()[:200_000]
	var took time.Duration
	for b.Loop() {
		box, err := outbox.Open(b.TempDir(), outbox.Options{})
		if err != nil {
			b.Fatal(err)
		}
		now := time.Now()
		benchTake(b, box, keys, "a", now)
		start := time.Now()
		var results []outbox.Result
		for {
			leases, err := box.Turn(results, outbox.MaxLease, now)
			if err != nil {
				b.Fatal(err)
			}
			if len(leases) == 0 {
				break
			}
			results = results[:0]
			for _, l := range leases {
				box.Take(l)
				results = append(results, outbox.Result{Lease: l, Outcome: outbox.Acknowledged})
			}
		}
		took += time.Since(start)
		if err := box.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(len(keys))*float64(b.N)/took.Seconds(), "acks/s")
}

// BenchmarkVerify verifies the file of an outbox with a million keys that all wait, which is the most that there is to
// look at.
func BenchmarkVerify(b *testing.B) {
	dir := b.TempDir()
	box, err := outbox.Open(dir, outbox.Options{})
	if err != nil {
		b.Fatal(err)
	}
	benchTake(b, box, benchKeys(), "a", time.Now())
	if err := box.Close(); err != nil {
		b.Fatal(err)
	}
	runtime.GC()
	for b.Loop() {
		v, err := outbox.VerifyFile(b.Context(), dir)
		if err != nil || len(v.Faults) > 0 || v.Keys != benchRows {
			b.Fatalf("got %+v, %v", v, err)
		}
	}
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	b.ReportMetric(float64(mem.HeapSys-mem.HeapReleased)/(1<<20), "MiB")
}

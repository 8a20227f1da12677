package outbox

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tillpost/inventory"
	"tillpost/testkit"
)

func TestWhetherALedgerIsOfThisMachineFileAndTime(t *testing.T) { // I19, D11, O8, O10
	t.Parallel()
	known := identity{Machine: "a", File: fileID{7, 70}, Opened: 5}
	for _, c := range []struct {
		name    string
		id      identity
		machine string
		file    fileID
		mark    mark
		want    string
	}{
		{"as it was left", known, "a", fileID{7, 70}, mark{Opened: 5}, ""},
		{"the first agent", identity{}, "a", fileID{7, 70}, mark{}, ""},
		{"a power cut at the first opening", identity{Opened: 1}, "a", fileID{}, mark{}, ""},
		{"a power cut between the file and the mark", known, "a", fileID{7, 70}, mark{Opened: 4}, ""},
		{"a machine that tells no id any more", known, "", fileID{7, 70}, mark{Opened: 5}, ""},
		{"a machine that tells its id for the first time", identity{File: fileID{7, 70}, Opened: 5}, "a", fileID{7, 70}, mark{Opened: 5}, ""},
		{"a disk that gives no lasting ids", known, "a", fileID{}, mark{Opened: 5}, ""},
		{"a disk that tells times of birth since an update", identity{File: fileID{7, 0}, Opened: 5}, "a", fileID{7, 70}, mark{Opened: 5}, ""},
		{"a mark that cannot be read", known, "a", fileID{7, 70}, mark{unknown: true}, ""},
		{"another machine", known, "b", fileID{7, 70}, mark{Opened: 5}, otherMachine},
		{"another file", known, "a", fileID{8, 70}, mark{Opened: 5}, otherFile},
		{"another file under the same index", known, "a", fileID{7, 71}, mark{Opened: 5}, otherFile},
		{"the file was restored", known, "a", fileID{7, 70}, mark{Opened: 6}, otherTime},
		{"the mark was restored", known, "a", fileID{7, 70}, mark{Opened: 3}, otherTime},
		{"the mark is gone", known, "a", fileID{7, 70}, mark{}, otherTime},
		{"a file from before there were marks was restored", identity{}, "a", fileID{7, 70}, mark{Opened: 5}, otherTime},
	} {
		if got := c.id.foreign(c.machine, c.file, c.mark); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestAFullDiskIsToldFromACommitInDoubt(t *testing.T) { // B7, B9
	t.Parallel()
	for _, c := range []struct {
		name        string
		err         error
		full, flush bool
	}{
		{"writing a page", &fs.PathError{Op: "write", Path: "outbox.db", Err: fullErrors[0]}, true, false},
		{"making the file longer", fmt.Errorf("file resize error: %s", &fs.PathError{Op: "truncate", Path: "outbox.db", Err: fullErrors[0]}), true, false},
		{"flushing", fullErrors[0], true, true},
		{"flushing a file", &fs.PathError{Op: "sync", Path: "outbox.db", Err: fullErrors[0]}, true, true},
		{"a fault of the disk", &fs.PathError{Op: "write", Path: "outbox.db", Err: errors.New("input/output error")}, false, false},
	} {
		if full, flush := isDiskFull(c.err), isFlush(c.err); full != c.full || flush != c.flush {
			t.Errorf("%s: got full %t, flush %t; want %t, %t", c.name, full, flush, c.full, c.flush)
		}
	}
}

// TestAFileThatGrowsIsNotCut: what one goroutine is told of the size may be old by the time that it looks at it.
func TestAFileThatGrowsIsNotCut(t *testing.T) { // a healthy outbox is never called damaged
	t.Parallel()
	file, err := os.Create(filepath.Join(t.TempDir(), fileName))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.Write(binary.NativeEndian.AppendUint32(make([]byte, pageHead), metaMagic)); err != nil {
		t.Fatal(err)
	}
	f := &openedFile{file: file}
	var readers sync.WaitGroup
	var grown atomic.Bool
	for range 4 {
		readers.Go(func() {
			for !grown.Load() {
				if err := f.usable(); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for n := range int64(5_000) {
		if err := errs(file.Truncate((1+n)*smallestPage), f.usable()); err != nil {
			t.Error(err)
			break
		}
	}
	grown.Store(true)
	readers.Wait()
}

// What one Turn has made must go when its leases have ended, though others are always under way.
func TestADrainKeepsNothingOfTheTurnsBefore(t *testing.T) {
	box, err := Open(t.TempDir(), Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer box.Close()
	now := time.Now()
	in := box.NewIntake()
	in.Begin(Reading{Source: "main", Name: "stock.csv", Family: "f", ModTime: now, Arrived: now}, now)
	const turns, each = 150, 100
	for i := range turns * each {
		if err := in.Add(uint64(i+2), inventory.Key{Store: "3", UPC: fmt.Sprintf("%012d", i)}.Encode(), 1, false); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := in.Settle(nil); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Commit(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	var gone atomic.Int32
	var under []*Lease
	for range turns {
		var results []Result
		for len(under) > 30 { // in the middle of what one Turn has handed out
			results, under = append(results, Result{Lease: under[0], Outcome: Acknowledged}), under[1:]
		}
		leases, err := box.Turn(results, each, now)
		if err != nil || len(leases) != each {
			t.Fatalf("got %d leases, %v", len(leases), err)
		}
		runtime.AddCleanup(leases[0], func(int) { gone.Add(1) }, 0)
		under = slices.Concat(under, leases)
	}
	if !testkit.Within(10*time.Second, func() bool { runtime.GC(); return gone.Load() >= turns-5 }) {
		t.Errorf("of %d turns, the leases of %d are gone", turns, gone.Load())
	}
}

package outbox_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"tillpost/inventory"
	"tillpost/outbox"
	"tillpost/outbox/outboxtest"
)

// opened opens an outbox that need not be in order when the test ends.
func opened(t *testing.T, dir string) *outbox.Outbox {
	t.Helper()
	box, err := outbox.Open(dir, outbox.Options{NoSync: true, Confirm: time.Minute, DeadRetry: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = box.Close() })
	return box
}

// firstValue is the first value of a bucket.
func firstValue(t *testing.T, box *outbox.Outbox, bucket string) (key, value []byte) {
	t.Helper()
	err := box.Raw(func(tx *bbolt.Tx) error {
		k, v := tx.Bucket([]byte(bucket)).Cursor().First()
		key, value = bytes.Clone(k), bytes.Clone(v)
		return nil
	})
	if err != nil || key == nil {
		t.Fatalf("bucket %s: %v, %v", bucket, key, err)
	}
	return key, value
}

func put(t *testing.T, box *outbox.Outbox, bucket string, key, value []byte) {
	t.Helper()
	if err := box.Raw(func(tx *bbolt.Tx) error { return tx.Bucket([]byte(bucket)).Put(key, value) }); err != nil {
		t.Fatal(err)
	}
}

func TestAFlippedBitIsDamageAndNeverAQuantity(t *testing.T) { // B3
	t.Parallel()
	key := inventory.Key{Store: "3", UPC: "1"}.Encode()
	refused := outbox.Result{Outcome: outbox.Refused}
	later := outbox.Result{Outcome: outbox.Failed, Due: noon}
	turn := func(box *outbox.Outbox) error { _, err := box.Turn(nil, 9, noon.Add(24*time.Hour)); return err }
	for _, c := range []struct {
		bucket string
		become *outbox.Result
		read   func(*outbox.Outbox) error
	}{
		{"keys", nil, func(box *outbox.Outbox) error { _, err := box.Lookup(key); return err }},
		{"keys", nil, turn},
		{"keys", nil, func(box *outbox.Outbox) error {
			in := box.NewIntake()
			defer in.Close()
			in.Begin(outbox.Reading{Source: "main", Name: "b"}, noon)
			_ = in.Add(2, key, 5, false)
			_, err := in.Settle(nil)
			return err
		}},
		{"queue", nil, turn},
		{"due", &later, turn},
		{"dead", &refused, func(box *outbox.Outbox) error { _, err := box.DeadLetter(key); return err }},
		{"exports", nil, func(box *outbox.Outbox) error { _, err := box.LastExport("main"); return err }},
		{"files", nil, func(box *outbox.Outbox) error { _, err := box.File("main", "a"); return err }},
		{"sources", nil, func(box *outbox.Outbox) error { _, err := box.Source("main"); return err }},
	} {
		t.Run(c.bucket, func(t *testing.T) {
			t.Parallel()
			box := opened(t, t.TempDir())
			outboxtest.Take(t, box, reading("a"), noon, row("1", 5))
			if c.become != nil {
				resolve(t, box, noon, *c.become, lease(t, box, 1, noon)...)
			}
			k, v := firstValue(t, box, c.bucket)
			for i := range v {
				bad := bytes.Clone(v)
				bad[i] ^= 1 << (i % 8)
				put(t, box, c.bucket, k, bad)
				if err := c.read(box); !errors.Is(err, outbox.ErrDamaged) {
					t.Fatalf("byte %d: got %v, want ErrDamaged", i, err)
				}
				if err := box.Check(); err == nil {
					t.Fatalf("byte %d: Check finds nothing", i)
				}
			}
			put(t, box, c.bucket, k, v)
			if err := box.Check(); err != nil {
				t.Errorf("as it was: %v", err)
			}
		})
	}
}

func TestADamagedStateOrLeaseIsNotOpened(t *testing.T) {
	t.Parallel()
	for _, bucket := range []string{"meta", "leases"} {
		dir := t.TempDir()
		box := opened(t, dir)
		outboxtest.Take(t, box, reading("a"), noon, row("1", 5))
		lease(t, box, 1, noon)
		k, v := firstValue(t, box, bucket)
		v[len(v)/2] ^= 4
		put(t, box, bucket, k, v)
		if err := box.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := outbox.Open(dir, outbox.Options{}); !errors.Is(err, outbox.ErrDamaged) {
			t.Errorf("%s: got %v, want ErrDamaged", bucket, err)
		}
	}
}

func TestADamagedFileIsToldAndCanBeSetAside(t *testing.T) { // B4
	t.Parallel()
	for name, harm := range map[string]func([]byte) []byte{
		"empty":         func([]byte) []byte { return nil },
		"cut":           func(b []byte) []byte { return b[:len(b)/2] },
		"both metas":    func(b []byte) []byte { clear(b[:2*os.Getpagesize()]); return b },
		"not an outbox": func([]byte) []byte { return bytes.Repeat([]byte("x"), 1<<16) },
		"zeroed pages":  func(b []byte) []byte { clear(b[2*os.Getpagesize():]); return b },
	} {
		dir := outboxtest.DamagedDir(t)
		box := opened(t, dir)
		outboxtest.Take(t, box, reading("a"), noon, large(500, 5)...)
		if err := box.Close(); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, "outbox.db")
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, harm(data), 0o600); err != nil {
			t.Fatal(err)
		}
		box, err = outbox.Open(dir, outbox.Options{})
		if name == "empty" { // bbolt makes an empty file anew
			if err == nil {
				err = box.Close()
			}
		}
		if !errors.Is(err, outbox.ErrDamaged) {
			t.Errorf("%s: got %v, want ErrDamaged", name, err)
			continue
		}
		if err := os.Rename(path, path+".damaged"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		outboxtest.Close(t, opened(t, dir))
	}
}

func TestAnUnfinishedFirstCreationIsBegunAnew(t *testing.T) { // B6
	t.Parallel()
	begun := filepath.Join(t.TempDir(), "begun.db") // what bbolt writes at once when it makes a file: two heads, two pages
	db, err := bbolt.Open(begun, 0o600, nil)
	if err == nil {
		err = db.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(begun)
	if err != nil {
		t.Fatal(err)
	}
	page := len(whole) / 4
	for name, left := range map[string][]byte{
		"junk":            bytes.Repeat([]byte{7}, 1<<15),
		"nothing":         {},
		"whole":           whole,
		"heads only":      whole[:2*page],
		"one head":        slices.Concat(whole[:page], make([]byte, 3*page)),
		"no list of free": slices.Concat(whole[:2*page], make([]byte, page), whole[3*page:]),
		"no root":         slices.Concat(whole[:3*page], make([]byte, page)),
	} {
		dir := outboxtest.DamagedDir(t)
		if err := os.WriteFile(filepath.Join(dir, "outbox.db.tmp"), left, 0o600); err != nil {
			t.Fatal(err)
		}
		box, err := outbox.Open(dir, outbox.Options{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		outboxtest.Take(t, box, reading("a"), noon, row("1", 5))
		outboxtest.Close(t, box)
	}
}

// interrupted leaves an accepted look of n rows that is not applied.
func interrupted(t *testing.T, box *outbox.Outbox, n int) {
	t.Helper()
	box.SetSizes(outbox.LargeExport, 4, 1000, 1000)
	in := box.NewIntake()
	defer in.Close()
	outboxtest.Add(t, in, outbox.Reading{Name: "a"}, noon, large(n, 5)...)
	if _, err := in.Settle(nil); err != nil {
		t.Fatal(err)
	}
	if exports, err := in.Commit(&fuse{t.Context(), 1}, noon); err == nil || len(exports) != 1 || exports[0].ID == 0 {
		t.Fatalf("got %+v, %v; want a taken export and an interruption", exports, err)
	}
}

func TestAnInterruptedLookReachesTheDrainWholeOrNotAtAll(t *testing.T) { // promise 8
	t.Parallel()
	box := outboxtest.Open(t, t.TempDir(), outbox.Options{})
	interrupted(t, box, 20)
	none(t, box, noon)
	if _, err := box.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	lease(t, box, 20, noon)
}

func TestTheNextLookIsComparedWithAnInterruptedOne(t *testing.T) {
	t.Parallel()
	box := outboxtest.Open(t, t.TempDir(), outbox.Options{})
	interrupted(t, box, 20)
	if e := outboxtest.Take(t, box, reading("b"), noon.Add(time.Second), large(20, 5)...); e.Unchanged != 20 {
		t.Errorf("got %+v, want 20 unchanged", e.Counts)
	}
	lease(t, box, 20, noon)
}

func TestADamagedDeltaMeansThatTheExportIsReadAgain(t *testing.T) {
	t.Parallel()
	for name, harm := range map[string]func(path string) error{
		"gone": os.Remove,
		"cut":  func(path string) error { return os.Truncate(path, 100) },
		"flipped": func(path string) error {
			data, err := os.ReadFile(path)
			data[len(data)-3] ^= 1
			return errors.Join(err, os.WriteFile(path, data, 0o600))
		},
	} {
		dir := t.TempDir()
		box := opened(t, dir)
		interrupted(t, box, 20)
		deltas, err := filepath.Glob(filepath.Join(dir, "spill", "*.delta"))
		if err != nil || len(deltas) != 1 {
			t.Fatalf("got %v, %v; want one delta", deltas, err)
		}
		if err := harm(deltas[0]); err != nil {
			t.Fatal(err)
		}
		lost, err := box.Resume(t.Context())
		if err != nil || len(lost) != 1 || lost[0].Source != "main" || lost[0].Name != "a" {
			t.Errorf("%s: got %v, %v; want export a to be lost", name, lost, err)
		}
		if _, err := box.File("main", "a"); !errors.Is(err, outbox.ErrUnknown) {
			t.Errorf("%s: the file still counts as read: %v", name, err)
		}
		outboxtest.Take(t, box, reading("a"), noon, large(20, 5)...)
		lease(t, box, 20, noon)
		outboxtest.Close(t, box)
	}
}

func TestADamagedRecordIsNoReasonToForgetAnAcceptedLook(t *testing.T) {
	t.Parallel()
	box := opened(t, t.TempDir())
	outboxtest.Take(t, box, reading("old"), noon.Add(-time.Hour), large(20, 4)...)
	interrupted(t, box, 20)
	var last []byte
	err := box.Raw(func(tx *bbolt.Tx) error {
		k, v := tx.Bucket([]byte("keys")).Cursor().Last()
		last = bytes.Clone(v)
		last[0] ^= 1
		return tx.Bucket([]byte("keys")).Put(bytes.Clone(k), last)
	})
	if err != nil {
		t.Fatal(err)
	}
	if lost, err := box.Resume(t.Context()); !errors.Is(err, outbox.ErrDamaged) || len(lost) > 0 {
		t.Errorf("got lost %v, %v; want ErrDamaged", lost, err)
	}
	none(t, box, noon)
}

func TestADamagedNamedSetIsReplaced(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	box := outboxtest.Open(t, dir, outbox.Options{})
	outboxtest.Take(t, box, reading("a"), noon, large(9000, 5)...)
	sets, err := filepath.Glob(filepath.Join(dir, "named", "*.set"))
	if err != nil || len(sets) != 1 {
		t.Fatalf("got %v, %v; want one set", sets, err)
	}
	data, err := os.ReadFile(sets[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []int{0, len(data) / 2, len(data) - 13, len(data) - 5, len(data) - 1} {
		data[at] ^= 1
		if err := os.WriteFile(sets[0], data, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := box.Check(); !errors.Is(err, outbox.ErrDamaged) {
			t.Errorf("byte %d: Check says %v", at, err)
		}
		data[at] ^= 1
	}
	if err := os.Remove(sets[0]); err != nil {
		t.Fatal(err)
	}
	if err := box.Check(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Check says %v", err)
	}
	outboxtest.Take(t, box, reading("b"), noon.Add(time.Second), large(9000, 5)...)
}

func TestVerifyCountsTheKeysAndEndsWithItsContext(t *testing.T) {
	t.Parallel()
	box := outboxtest.Open(t, t.TempDir(), outbox.Options{})
	outboxtest.Take(t, box, reading("a"), noon, large(500, 5)...)
	if keys, err := box.Verify(t.Context()); keys != 500 || err != nil {
		t.Errorf("got %d, %v; want 500 keys", keys, err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("the agent stops")
	cancel(stopped)
	if _, err := box.Verify(ctx); !errors.Is(err, stopped) {
		t.Errorf("got %v, want why it ended", err)
	}
	outboxtest.Take(t, box, reading("b"), noon.Add(time.Second), row("1", 5)) // nothing is locked any more
}

func TestVerifyOutlivesEveryPageThatIsLost(t *testing.T) { // B4
	t.Parallel()
	dir := t.TempDir()
	box := opened(t, dir)
	outboxtest.Take(t, box, reading("a"), noon, large(3000, 5)...)
	lease(t, box, 100, noon)
	if err := box.Close(); err != nil {
		t.Fatal(err)
	}
	const name = "outbox.db"
	whole, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	page := os.Getpagesize()
	noticed := func(lost int) bool {
		data := bytes.Clone(whole)
		if lost > 0 {
			clear(data[lost*page : (lost+1)*page])
		}
		again := outboxtest.DamagedDir(t) // a new one, for a file that could not be opened stays locked while it is mapped
		err := errors.Join(os.CopyFS(again, os.DirFS(dir)), os.WriteFile(filepath.Join(again, name), data, 0o600))
		if err != nil {
			t.Fatal(err)
		}
		box, err := outbox.Open(again, outbox.Options{NoSync: true})
		if err != nil {
			return true
		}
		defer func() { _ = box.Close() }()
		_, err = box.Verify(t.Context())
		return err != nil
	}
	if noticed(0) {
		t.Error("a whole file is called damaged")
	}
	found := 0
	for lost := 2; lost < len(whole)/page; lost++ { // behind the two pages that bbolt chooses from
		if noticed(lost) {
			found++
		}
	}
	if found < 20 {
		t.Errorf("got %d of %d lost pages noticed, want those that were in use", found, len(whole)/page)
	}
}

// TestWhatIsTakenBackIsNotCountedTwice: an interrupted re-reading of 20 keys, of which one is left.
func TestWhatIsTakenBackIsNotCountedTwice(t *testing.T) { // I21
	t.Parallel()
	box := outboxtest.Open(t, t.TempDir(), outbox.Options{})
	e := outboxtest.Take(t, box, reading("a"), noon, large(20, 5)...)
	box.SetSizes(outbox.LargeExport, 4, 1000, 1000)
	in := box.NewIntake()
	defer in.Close()
	outboxtest.Add(t, in, outbox.Reading{Name: "a", Rereads: &e, Rank: e.Rank}, noon, large(1, 5)...)
	if _, err := in.Settle(nil); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Commit(&fuse{t.Context(), 1}, noon); err == nil {
		t.Fatal("nothing interrupted it")
	}
	if s := stats(t, box); s.Pending != 16 {
		t.Errorf("got %d pending after 4 of 19 were taken back, want 16", s.Pending)
	}
}

package outbox_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tillpost/inventory"
	"tillpost/outbox"
	"tillpost/outbox/outboxtest"
)

var update = flag.Bool("update", false, "write testdata anew")

// formatFile holds the folder of a small outbox as the first version with a format wrote it. It stays as it is once that
// version is released: what later versions write gets a file of its own.
func formatFile(format int) string {
	return filepath.Join("testdata", fmt.Sprintf("format-%d.tar.gz", format))
}

// newestFormat is the one that -update writes.
const newestFormat = 2

// makeFormat leaves in dir an outbox in which everything that the layout knows occurs.
func makeFormat(t *testing.T, dir string) {
	box, err := outbox.Open(dir, outbox.Options{Destination: "https://api.example", Confirm: time.Hour, DeadRetry: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	box.SetSizes(4, outbox.DeltaChunk, 1000, 1000)
	outboxtest.Take(t, box, outbox.Reading{Name: "a.csv", Family: ".csv"}, noon,
		row("acked", 4), row("falls", 5), row("dead", 6), row("fails", 7), row("confirms", 8))
	answers := map[string]outbox.Result{
		"acked":    {Outcome: outbox.Acknowledged},
		"falls":    {Outcome: outbox.Acknowledged},
		"dead":     {Outcome: outbox.Refused, Status: 404, Unknown: true, Words: "no such product"},
		"fails":    {Outcome: outbox.Failed, Due: noon.Add(time.Minute), Status: 500, Words: "oops"},
		"confirms": {Outcome: outbox.Unsent, Doubt: true},
	}
	for _, l := range lease(t, box, 5, noon) {
		box.Take(l)
		resolve(t, box, noon, answers[upcOf(t, l)], l)
	}
	now := noon.Add(time.Second)
	outboxtest.Take(t, box, outbox.Reading{Name: "b.csv", Family: ".csv"}, now, row("confirms", 9), row("zero", 0))
	for _, l := range lease(t, box, 2, now) {
		if upcOf(t, l) == "confirms" {
			resolve(t, box, now, outbox.Result{Outcome: outbox.Acknowledged}, l)
		} // and `zero` stays leased
	}
	outboxtest.Take(t, box, outbox.Reading{Name: "c.csv", Family: ".csv"}, now.Add(time.Second), row("falls", 1), row("waits", 3))
	takeBad(t, box, now.Add(2*time.Second), bad{name: "bad", source: "main", rejects: []string{"2:a", "3:b"}})
	outboxtest.Close(t, box)
}

func TestAnOutboxOfEachFormatIsUnderstood(t *testing.T) {
	t.Parallel()
	if *update {
		dir := t.TempDir()
		makeFormat(t, dir)
		if err := pack(dir, formatFile(newestFormat)); err != nil {
			t.Fatal(err)
		}
	}
	for format := 1; format <= newestFormat; format++ {
		t.Run(fmt.Sprint(format), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := unpack(formatFile(format), dir); err != nil {
				t.Fatal(err)
			}
			understood(t, dir, format)
		})
	}
}

// understood checks that what makeFormat has left is there.
func understood(t *testing.T, dir string, format int) {
	box := outboxtest.Open(t, dir, outbox.Options{Destination: "https://api.example", Confirm: time.Hour, DeadRetry: time.Hour})
	if n := box.FormatOnDisk(); n != newestFormat { // an older tillpost must not read what this one writes
		t.Errorf("the file says format %d, want %d", n, newestFormat)
	}
	want := map[string]string{
		"acked":    "wanted 4, acked 4",
		"falls":    "wanted 1, acked 5, pending",
		"dead":     "wanted 6, dead",
		"fails":    "wanted 7, pending, due 12:01",
		"confirms": "wanted 9, acked 9, pending, doubt, confirm, due 13:00",
		"zero":     "wanted 0, pending, doubt",
		"waits":    "wanted 3, pending",
	}
	pending := int64(5)
	if format > 1 {
		want["good"] = "wanted 1, pending"
		pending++
		w := fmt.Sprint(listed(t, box, 10))
		if w != "[main bad 2:a main bad 3:b]" {
			t.Errorf("got the rejects %s", w)
		}
		found, _, err := box.Find(func(k inventory.Key) bool { return k.UPC == "fails" || k.UPC == "acked" }, 2)
		if err != nil || len(found) != 2 {
			t.Fatal(found, err)
		}
		for _, f := range found {
			if f.Key.UPC == "fails" && (f.Failure == nil || f.Failure.Words != "oops") || f.Key.UPC == "acked" && !f.AckedAt.Equal(noon) {
				t.Errorf("got %+v", f)
			}
		}
	}
	for k, err := range box.All() {
		if err != nil {
			t.Fatal(err)
		}
		if got := show(k); got != want[k.Key.UPC] {
			t.Errorf("%s: got %s, want %s", k.Key.UPC, got, want[k.Key.UPC])
		}
		delete(want, k.Key.UPC)
	}
	if len(want) > 0 {
		t.Errorf("missing: %v", want)
	}
	s := stats(t, box)
	s.Counters.Rejects = 0
	if got := (outbox.Counters{Pending: pending, Dead: 1, Unknown: 1, Doubtful: 1, Delivered: 3, Settled: 1}); s.Counters != got {
		t.Errorf("got %+v, want %+v", s.Counters, got)
	}
	old := outbox.Reading{Name: "old.csv", Family: ".csv", ModTime: noon.Add(-time.Hour), Arrived: noon.Add(time.Hour)}
	if e := outboxtest.Take(t, box, old, noon.Add(time.Hour), row("acked", 9), row("new", 1)); e.Older != 1 || e.New != 1 {
		t.Errorf("a late older export: got %+v", e.Counts)
	}
}

func show(k outbox.Known) string {
	list := []string{fmt.Sprint("wanted ", *k.Wanted)}
	if k.Acked != nil {
		list = append(list, fmt.Sprint("acked ", *k.Acked))
	}
	for word, is := range map[string]bool{"pending": k.Pending, "dead": k.Dead} {
		if is {
			list = append(list, word)
		}
	}
	if k.Doubt {
		list = append(list, "doubt")
	}
	if k.Confirm {
		list = append(list, "confirm")
	}
	if !k.Due.IsZero() && !k.Dead {
		list = append(list, "due "+k.Due.UTC().Format("15:04"))
	}
	return strings.Join(list, ", ")
}

func pack(dir, file string) (err error) {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	z, _ := gzip.NewWriterLevel(f, gzip.BestCompression)
	w := tar.NewWriter(z)
	err = w.AddFS(os.DirFS(dir))
	return errors.Join(err, w.Close(), z.Close(), f.Close())
}

func unpack(file, dir string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	r := tar.NewReader(z)
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		path := filepath.Join(dir, h.Name)
		if h.Typeflag != tar.TypeReg {
			err = os.MkdirAll(path, 0o700)
		} else {
			var data []byte
			data, err = io.ReadAll(r)
			err = errors.Join(err, os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, data, 0o600))
		}
		if err != nil {
			return err
		}
	}
}

func TestANewerFormatIsRefusedAndLeftAsItIs(t *testing.T) { // P12
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "outbox.db")
	box, err := outbox.Open(dir, outbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := box.SetFormat(newestFormat + 1); err != nil {
		t.Fatal(err)
	}
	if err := box.Close(); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := outbox.Open(dir, outbox.Options{}); !errors.Is(err, outbox.ErrNewer) {
		t.Errorf("got %v, want %v", err, outbox.ErrNewer)
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the file has changed (%v)", err)
	}
}

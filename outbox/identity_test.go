package outbox_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tillpost/outbox"
	"tillpost/outbox/outboxtest"
)

// asAgent are the options of an agent's opening.
var asAgent = outbox.Options{Destination: "https://api.example"}

// delivered leaves an outbox in dir of which the API has acknowledged all.
func delivered(t *testing.T, dir string) {
	t.Helper()
	box, err := outbox.Open(dir, asAgent)
	if err != nil {
		t.Fatal(err)
	}
	outboxtest.Take(t, box, reading("a"), noon, row("1", 5), row("2", 0))
	for _, l := range lease(t, box, 2, noon) {
		box.Take(l)
		resolve(t, box, noon, outbox.Result{Outcome: outbox.Acknowledged}, l)
	}
	outboxtest.Close(t, box)
}

func TestWhatWasDeliveredIsSentAgainWhereTheLedgerIsFromElsewhere(t *testing.T) { // I19, D11, O8, O10
	t.Parallel()
	reopen := func(t *testing.T, dir string, opts outbox.Options) {
		box, err := outbox.Open(dir, opts)
		if err != nil {
			t.Fatal(err)
		}
		outboxtest.Close(t, box)
	}
	keep := func(t *testing.T, dir, name string) []byte {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	put := func(t *testing.T, dir, name string, data []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		happens func(t *testing.T, dir string)
		foreign string // a part of it; "" = it is trusted
	}{
		"nothing": {func(*testing.T, string) {}, ""},
		"many nights": {func(t *testing.T, dir string) {
			for range 5 {
				reopen(t, dir, asAgent)
			}
		}, ""},
		"commands": {func(t *testing.T, dir string) {
			for range 5 {
				reopen(t, dir, outbox.Options{MustExist: true})
			}
		}, ""},
		"two power cuts before the mark was written": {func(t *testing.T, dir string) {
			for range 2 {
				mark := keep(t, dir, "outbox.mark")
				reopen(t, dir, asAgent)
				put(t, dir, "outbox.mark", mark)
				reopen(t, dir, asAgent)
			}
		}, ""},
		"nights in which the mark cannot be written": {func(t *testing.T, dir string) {
			inTheWay := filepath.Join(dir, "outbox.mark.tmp")
			if err := os.Mkdir(inTheWay, 0o700); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				reopen(t, dir, asAgent)
			}
			if err := os.Remove(inTheWay); err != nil {
				t.Fatal(err)
			}
		}, ""},
		"the file is one opening older": {func(t *testing.T, dir string) {
			file := keep(t, dir, "outbox.db")
			reopen(t, dir, asAgent)
			put(t, dir, "outbox.db", file)
		}, "restored"},
		"the mark is gone": {func(t *testing.T, dir string) {
			reopen(t, dir, asAgent)
			if err := os.Remove(filepath.Join(dir, "outbox.mark")); err != nil {
				t.Fatal(err)
			}
		}, "restored"},
		"another machine": {func(t *testing.T, dir string) {
			box, err := outbox.Open(dir, asAgent)
			if err != nil {
				t.Fatal(err)
			}
			if err := box.SetMachine("another"); err != nil {
				t.Fatal(err)
			}
			outboxtest.Close(t, box)
		}, "another machine"},
		"the whole folder was copied": {func(t *testing.T, dir string) {
			file := keep(t, dir, "outbox.db")
			put(t, dir, "copy.db", file)
			if err := os.Rename(filepath.Join(dir, "copy.db"), filepath.Join(dir, "outbox.db")); err != nil {
				t.Fatal(err)
			}
		}, "copy"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			delivered(t, dir)
			c.happens(t, dir)
			for i, want := range []int64{2, 2} { // a second opening trusts it again, and what waits still waits
				if c.foreign == "" {
					want = 0
				}
				box, err := outbox.Open(dir, asAgent)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := box.Resume(t.Context()); err != nil {
					t.Fatal(err)
				}
				why := box.Opening().Foreign
				if told := why != ""; told != (c.foreign != "" && i == 0) || told && !strings.Contains(why, c.foreign) {
					t.Errorf("opening %d: got %q, want %q", i, why, c.foreign)
				}
				if s := stats(t, box); s.Pending != want {
					t.Errorf("opening %d: got %d pending, want %d", i, s.Pending, want)
				}
				outboxtest.Close(t, box)
			}
		})
	}
}

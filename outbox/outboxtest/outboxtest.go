// Package outboxtest opens outboxes for tests. Every test that opens one through it ends with Check.
package outboxtest

import (
	"context"
	"os"
	"runtime"
	"testing"
	"time"

	"tillpost/inventory"
	"tillpost/outbox"
)

// Open opens the outbox in dir. It is checked and closed when the test ends.
func Open(t testing.TB, dir string, opts outbox.Options) *outbox.Outbox {
	t.Helper()
	box, err := outbox.Open(dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := box.Resume(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { Close(t, box) })
	return box
}

// Close checks and closes the outbox.
func Close(t testing.TB, box *outbox.Outbox) {
	t.Helper()
	if err := box.Check(); err != nil {
		t.Errorf("the outbox breaks a promise: %v", err)
	}
	if err := box.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

// Row is a row of an export.
type Row struct {
	UPC    string
	Figure int64
}

// Take takes one export of store 3 and returns what it changed.
func Take(t testing.TB, box *outbox.Outbox, r outbox.Reading, now time.Time, rows ...Row) outbox.Export {
	t.Helper()
	in := box.NewIntake()
	defer in.Close()
	x := Add(t, in, r, now, rows...)
	if _, err := in.Settle(nil); err != nil {
		t.Fatal(err)
	}
	in.Finish(x, outbox.Taken{Hash: r.Name, Complete: true, Rows: int64(len(rows))})
	exports, err := in.Commit(t.Context(), now)
	if err != nil {
		t.Fatal(err)
	}
	return exports[x]
}

// Add adds one export of store 3 to an intake.
func Add(t testing.TB, in *outbox.Intake, r outbox.Reading, now time.Time, rows ...Row) int {
	t.Helper()
	if r.Source == "" {
		r.Source = "main"
	}
	if r.ModTime.IsZero() {
		r.ModTime, r.Arrived = now, now
	}
	x := in.Begin(r, now)
	for i, row := range rows {
		if err := in.Add(uint64(i+2), inventory.Key{Store: "3", UPC: row.UPC}.Encode(), row.Figure, false); err != nil {
			t.Fatal(err)
		}
	}
	return x
}

// DamagedDir is t.TempDir for a damaged outbox. Windows keeps a file that bbolt has mapped, and then given up on, until the
// process ends: there the folder stays where it cannot be removed.
func DamagedDir(t testing.TB) string {
	t.Helper()
	if runtime.GOOS != "windows" {
		return t.TempDir()
	}
	dir, err := os.MkdirTemp("", "tillpost-damaged-*")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

package outbox_test

import (
	"errors"
	"path/filepath"
	"testing"

	"tillpost/outbox"
	"tillpost/outbox/outboxtest"
)

func TestAfterACommitThatMayCountNothingIsWrittenUntilTheNextOpening(t *testing.T) { // B7
	t.Parallel()
	dir := t.TempDir()
	box, err := outbox.Open(dir, outbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	outboxtest.Take(t, box, reading("a"), noon, row("1", 5))
	l := lease(t, box, 1, noon)[0]
	outboxtest.CutOff(t, filepath.Join(dir, "outbox.db"))
	ack := []outbox.Result{{Lease: l, Outcome: outbox.Acknowledged}}
	for range 2 {
		if _, err := box.Turn(ack, 1, noon); !errors.Is(err, outbox.ErrUncertain) {
			t.Errorf("got %v, want ErrUncertain", err)
		}
	}
	if err := box.Pause(true); !errors.Is(err, outbox.ErrUncertain) {
		t.Errorf("got %v, want ErrUncertain", err)
	}
	if err := box.Close(); err != nil {
		t.Error(err)
	}
	box = outboxtest.Open(t, dir, outbox.Options{})
	if s := stats(t, box); s.Pending != 1 || s.Delivered != 0 {
		t.Errorf("got %+v, want the update to wait", s.Counters)
	}
	lease(t, box, 1, noon)
}

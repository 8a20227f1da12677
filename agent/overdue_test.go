package agent_test

import (
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"tillpost/outbox"
)

func TestASourceIsOverdueThoughTheClockWasAheadOnce(t *testing.T) { // C1
	t.Parallel()
	s := newStore(t, "", "    expect: 30h\n")
	synctest.Test(t, func(t *testing.T) {
		s.t = t
		box, err := outbox.Open(filepath.Join(s.dir, "data"), outbox.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := box.Seen("main", map[string]outbox.File{"stock.csv": {Hash: "h", Complete: true, Came: time.Now().Add(1000 * time.Hour)}}, time.Now()); err != nil {
			t.Fatal(err)
		}
		if err := box.Close(); err != nil {
			t.Fatal(err)
		}
		s.start()
		pass(29 * time.Hour)
		if s.status().Sources[0].Overdue {
			t.Error("it is overdue after 29 hours")
		}
		pass(2 * time.Hour)
		if !s.status().Sources[0].Overdue {
			t.Error("it is not overdue after 31 hours")
		}
		s.end()
	})
}

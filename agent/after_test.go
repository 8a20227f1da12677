package agent_test

import (
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

func TestAnExportThatCannotBePutAwayIsPutAwayLater(t *testing.T) { // W26
	t.Parallel()
	s := newStore(t, "", "    after: archive\n")
	archive := filepath.Join(s.config.DataDir, "archive")
	synctest.Test(t, func(t *testing.T) {
		s.t = t
		s.start()
		if err := os.WriteFile(archive, nil, 0o600); err != nil { // no folder can be made here
			t.Fatal(err)
		}
		s.drop("stock.csv", upcA+",12")
		pass(2 * time.Minute)
		s.want(map[string]int64{upcA: 12})
		if st := s.status(); st.Sources[0].State != "problem" || len(s.folder("in")) != 1 {
			t.Errorf("got %+v, the folder holds %v", st.Sources[0], s.folder("in"))
		}
		if err := os.Remove(archive); err != nil {
			t.Fatal(err)
		}
		pass(5 * time.Minute)
		if st := s.status(); st.Sources[0].State != "ok" || len(s.folder("in")) != 0 || len(s.folder("data/archive/main")) != 1 {
			t.Errorf("got %+v, the folder holds %v", st.Sources[0], s.folder("in"))
		}
		if n := s.requests(); n != 1 {
			t.Errorf("got %d requests, want 1", n)
		}
		s.end()
	})
}

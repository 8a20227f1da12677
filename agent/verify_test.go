package agent_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tillpost/agent"
)

// verified is what the desk of the store says of the outbox.
func (s *store) verified() agent.Verified {
	s.t.Helper()
	d, err := agent.OpenDesk(s.t.Context(), s.config)
	if err != nil {
		s.t.Fatal(err)
	}
	defer d.Close()
	v, err := d.Verify(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return v
}

func TestTheOutboxIsVerifiedByTheRunningAgentAndFromTheFile(t *testing.T) {
	t.Parallel()
	s := newStore(t, "", "")
	s.drop("stock.csv", upcA+",5")
	end := s.live()
	s.eventually(func() bool { // all is delivered, so that nothing is written any more
		d, err := agent.OpenDesk(t.Context(), s.config)
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		st, err := d.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return st.Delivered == 1 && st.Pending == 0 && st.InFlight == 0
	})
	if v := s.verified(); v.Keys != 1 || len(v.Broken) != 0 {
		t.Fatalf("got %+v, want one key and nothing damaged", v)
	}
	// The key of its record is made another one's, behind its back.
	path := filepath.Join(s.config.DataDir, "outbox.db")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	for at, rest := 0, data; ; {
		i := bytes.Index(rest, []byte(upcA))
		if i < 0 {
			break
		}
		if _, err := f.WriteAt([]byte("1"), int64(at+i)); err != nil {
			t.Fatal(err)
		}
		at, rest = at+i+1, rest[i+1:]
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the running agent, then the file
		if v := s.verified(); len(v.Broken) == 0 || len(v.Broken) > 30 || !strings.Contains(v.Broken[0], "damaged") {
			t.Errorf("got %+v, want what is damaged", v)
		}
		if err := end(); err != nil {
			t.Error(err)
		}
		end = func() error { return nil }
	}
}

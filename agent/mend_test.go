package agent_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"tillpost/outbox"
)

// unclean makes the outbox look as one that was not closed in order.
func (s *store) unclean() {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.config.DataDir, "outbox.open"), nil, 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func TestAnOutboxOfWhichNothingIsKnownIsUsedAsItIs(t *testing.T) { // B4: a healthy outbox is never set aside
	inBubble(t, "  rate: unlimited\n", "", func(s *store) {
		s.start()
		s.pause(true)
		s.drop("stock.csv", upcA+",12")
		pass(time.Minute)
		s.pause(false)
		s.line.cut.Store(true)
		pass(time.Minute)
		s.end()
		s.unclean()
		s.remove("stock.csv") // what waits is in the outbox alone
		s.line.cut.Store(false)
		tries := 0
		s.verify = func(context.Context, string) (outbox.Verdict, error) {
			tries++
			return outbox.Verdict{}, errors.New("it was killed")
		}
		s.start()
		pass(time.Minute)
		s.want(map[string]int64{upcA: 12})
		if n := s.lines("could not be verified; it is used as it is"); tries != 3 || n != 1 {
			s.t.Errorf("got %d tries and %d warnings, want 3 and 1", tries, n)
		}
		s.end()
		if !outbox.Unclean(s.config.DataDir) {
			s.t.Error("it is not verified at the next start")
		}
		s.verify = func(context.Context, string) (outbox.Verdict, error) { return outbox.Verdict{Keys: 1}, nil }
		s.start()
		pass(time.Minute)
		s.stop()
		if err := <-s.done; err != nil {
			s.t.Error(err)
		}
		if outbox.Unclean(s.config.DataDir) {
			s.t.Error("what was verified is verified again")
		}
		if aside, err := outbox.Aside(s.config.DataDir); err != nil || len(aside) > 0 {
			s.t.Errorf("got %v, %v; want nothing set aside", aside, err)
		}
	})
}

func TestWhatIsVerifiedIsNeverSetAside(t *testing.T) { // though it cannot be opened
	inBubble(t, "", "", func(s *store) {
		s.start()
		s.end()
		path := filepath.Join(s.config.DataDir, "outbox.db")
		whole, err := os.ReadFile(path)
		if err != nil {
			s.t.Fatal(err)
		}
		if err := os.WriteFile(path, make([]byte, 1<<16), 0o600); err != nil {
			s.t.Fatal(err)
		}
		for _, verdict := range []error{nil, errors.New("it was killed"), outbox.ErrInUse} {
			s.verify = func(context.Context, string) (outbox.Verdict, error) { return outbox.Verdict{}, verdict }
			s.start()
			pass(time.Minute)
			if err := <-s.done; !errors.Is(err, outbox.ErrDamaged) {
				s.t.Errorf("got %v, want ErrDamaged", err)
			}
		}
		if aside, err := outbox.Aside(s.config.DataDir); err != nil || len(aside) > 0 {
			s.t.Errorf("got %v, %v; want nothing set aside", aside, err)
		}
		if err := os.WriteFile(path, whole, 0o600); err != nil {
			s.t.Fatal(err)
		}
	})
}

// TestTheArchiveIsReadAlsoWhereTheFirstLookWasInterrupted: a power cut after the source was noted as started, and before
// what the look found was taken.
func TestTheArchiveIsReadAlsoWhereTheFirstLookWasInterrupted(t *testing.T) { // promise 11
	inBubble(t, "  rate: unlimited\n", "    after: archive\n", func(s *store) {
		s.start()
		s.drop("stock.csv", upcA+",12")
		pass(time.Minute)
		s.end()
		opts := outbox.Options{Destination: s.config.API.URL, NoSync: true}
		was, err := os.Stat(filepath.Join(s.config.DataDir, "outbox.db"))
		if err != nil {
			s.t.Fatal(err)
		}
		if _, err := outbox.Rebuild(s.config.DataDir, was, nil, "a test", opts, time.Now()); err != nil {
			s.t.Fatal(err)
		}
		box, err := outbox.Open(s.config.DataDir, opts)
		if err != nil {
			s.t.Fatal(err)
		}
		old := map[string]outbox.File{"old.csv": {Stat: "1 2 3", Complete: true}}
		if err := errors.Join(box.Seen("main", old, time.Now()), box.Close()); err != nil {
			s.t.Fatal(err)
		}
		s.api.Reset()
		for range 2 {
			s.start()
			pass(time.Minute)
			s.want(map[string]int64{upcA: 12})
			s.end()
		}
		if n := s.lines("msg=\"export taken\""); n != 2 {
			s.t.Errorf("%d exports were taken, want one before and one after", n)
		}
	})
}

//go:build unix

package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tillpost/mockapi"
)

// Windows lets nobody take away or cut a file that is open.

func TestAnOutboxThatIsTakenAwayWhileRunningIsMadeGood(t *testing.T) { // D8, D10, B4
	t.Parallel()
	for _, c := range []struct {
		name, says string
		harm       func(s *store, w *tills) error
	}{
		{"deleted", "the outbox is gone; a new one is made", func(s *store, _ *tills) error { return os.Remove(s.data("outbox.db")) }},
		{"emptied", "the outbox is damaged; it is set aside", func(s *store, _ *tills) error { return os.Truncate(s.data("outbox.db"), 0) }},
		{"cut", "the outbox is damaged; it is set aside", func(s *store, _ *tills) error {
			return os.Truncate(s.data("outbox.db"), int64(5*os.Getpagesize()))
		}},
		{"replaced by an older one", "another file lies at", func(s *store, w *tills) error {
			return errors.Join(os.WriteFile(s.data("new"), w.before, 0o600), os.Rename(s.data("new"), s.data("outbox.db")))
		}},
		{"its folder removed", "the outbox is gone; a new one is made", func(s *store, _ *tills) error { return os.RemoveAll(filepath.Join(s.dir, "data")) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newTills(t, 60)
			s := w.again(t)
			s.delivers(changed(w), func(log *buffer) {
				if err := c.harm(s, w); err != nil {
					t.Fatal(err)
				}
				eventually(t, "it is told", func() bool { return strings.Contains(log.String(), c.says) })
				s.eventuallyHolds(log, w.want) // all of it
				text, more := stockOf(61, func(i int) int { return 1 + (i+i%2)%9 + i/60 })
				s.write("pos/stock-3.csv", text)
				s.eventuallyHolds(log, more)
				eventually(t, "it is told that it goes on", func() bool { return strings.Contains(log.String(), "the outbox is in use again") })
				if n := strings.Count(log.String(), "the outbox cannot be used; it is opened again until it can"); n != 1 {
					t.Errorf("it was told %d times, want once; the log:\n%s", n, log)
				}
			})
		})
	}
}

func TestWhatIsArchivedIsReadAgainAfterTheDamage(t *testing.T) { // promise 11
	t.Parallel()
	s := newStore(t, mockapi.Options{})
	conf, err := os.ReadFile(s.config)
	if err != nil {
		t.Fatal(err)
	}
	s.write("tillpost.yaml", strings.Replace(string(conf), "rescan: 200ms", "rescan: 200ms, after: archive", 1))
	first, _ := stockOf(40, func(i int) int { return 1 + i%9 })
	second, want := stockOf(40, func(i int) int { return 2 + i%9 })
	s.write("pos/stock.csv", first)
	_, log, stop := start(t, "run", "--config", s.config)
	archived := func(n int) func() bool {
		return func() bool {
			entries, _ := os.ReadDir(s.data("archive/main"))
			return len(entries) == n
		}
	}
	eventually(t, "the first is put away", archived(1))
	s.write("pos/stock.csv", second)
	eventually(t, "the second is put away", archived(2))
	s.eventuallyHolds(log, want)
	s.api.Reset()
	if err := os.Remove(s.data("outbox.db")); err != nil {
		t.Fatal(err)
	}
	s.eventuallyHolds(log, want)
	if code := stop(); code != statusDone {
		t.Errorf("run: got %d; its log:\n%s", code, log)
	}
	if entries, _ := os.ReadDir(s.data("archive/main")); len(entries) != 2 {
		t.Errorf("the archive holds %v, want what it held", entries)
	}
}

func TestAPauseOutlivesTheFile(t *testing.T) { // promise 11: whatever becomes of it
	t.Parallel()
	for name, harm := range map[string]func(s *store) error{
		"deleted":            func(s *store) error { return os.Remove(s.data("outbox.db")) },
		"emptied":            func(s *store) error { return os.Truncate(s.data("outbox.db"), 0) },
		"its folder removed": func(s *store) error { return os.RemoveAll(filepath.Join(s.dir, "data")) },
	} {
		for _, running := range []bool{true, false} {
			if !running && name == "its folder removed" {
				continue // nobody knows of the pause then
			}
			t.Run(fmt.Sprintf("%s, running %v", name, running), func(t *testing.T) {
				t.Parallel()
				s := newTills(t, 40).again(t)
				if out, errs, code := s.run("pause"); code != 0 {
					t.Fatalf("pause: got %d, %q, %q", code, out, errs)
				}
				if !running {
					s.mark()
					if err := harm(s); err != nil {
						t.Fatal(err)
					}
				}
				_, log, stop := start(t, "run", "--config", s.config)
				eventually(t, "it is paused", func() bool { st, ok := s.status(); return ok && st.State == "paused" })
				if running {
					if err := harm(s); err != nil {
						t.Fatal(err)
					}
				}
				eventually(t, "the new outbox waits", func() bool {
					st, ok := s.status()
					return ok && st.State == "paused" && st.Pending == 40 && st.Rebuilt != nil
				})
				if n := s.api.Counters().Requests; n > 0 {
					t.Errorf("%d requests left in spite of the pause", n)
				}
				if code := stop(); code != statusDone {
					t.Errorf("run: got %d; its log:\n%s", code, log)
				}
			})
		}
	}
}

package agent

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tillpost/config"
	"tillpost/watcher"
)

// newTestSource is a source whose log can be read, and nothing more.
func newTestSource(t *testing.T) (*source, *strings.Builder) {
	t.Helper()
	var log strings.Builder
	a := &Agent{log: slog.New(slog.NewTextHandler(&log, nil))}
	c, err := config.Parse("tillpost.yaml", []byte("api: {url: \"https://localhost\"}\nsources: [{name: main, folder: in}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	a.opts.Config = c
	s, err := newSource(a, c.Sources[0])
	if err != nil {
		t.Fatal(err)
	}
	return s, &log
}

func TestATroubleOfAFolderIsALineWhenItBeginsAndOneWhenItEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, log := newTestSource(t)
		for range 3 {
			for _, look := range []watcher.Look{{}, {Missing: "gone"}, {Missing: "locked"}, {Missing: "gone"}, {Blind: "too many"}, {Blind: "too many"}, {}} {
				time.Sleep(time.Minute)
				s.tell(look)
			}
		}
		for line, want := range map[string]int{
			`level=ERROR msg="the folder cannot be read; it is waited for" source=main folder=`: 3,
			` err=gone`: 3,
			`level=INFO msg="the folder can be read again" source=main folder=`:                                     3,
			`level=WARN msg="the system tells nothing of new files; they are found by looking" source=main folder=`: 3,
			` rescan=30s err="too many"`: 3,
			`level=INFO msg="the system tells of new files again" source=main folder=`: 3,
			` failures=3 lasted=3m0s`: 3,
			` failures=2 lasted=2m0s`: 3,
			"\n":                      12,
		} {
			if n := strings.Count(log.String(), line); n != want {
				t.Errorf("got %q %d times, want %d", line, n, want)
			}
		}
		if t.Failed() {
			t.Log(log)
		}
	})
}

func TestAnExportThatNeverLiesStillIsALineWhenItBeginsAndOneWhenItEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, log := newTestSource(t)
		tk := &taking{s: s}
		for range 100 {
			tk.unread(watcher.File{Name: "stock.csv"}, watcher.ErrChanged)
			time.Sleep(time.Minute)
		}
		s.changing.well("stock.csv")
		want := []string{
			`level=INFO msg="an export changed while it was read; it is read again once it lies still" source=main export=stock.csv err=`,
			`level=INFO msg="no export changes any more while it is read" source=main failures=100 lasted=1h40m0s`,
		}
		got := strings.Split(strings.TrimSpace(log.String()), "\n")
		if len(got) != len(want) || !strings.Contains(got[0], want[0]) || !strings.Contains(got[1], want[1]) {
			t.Errorf("got\n%s\nwant\n%s", log, strings.Join(want, "\n"))
		}
	})
}

func TestHowFarATroubleIsBelowAnError(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	for below, want := range map[slog.Level]string{0: "level=ERROR", aWarning: "level=WARN", forInfo: "level=INFO"} {
		log.Reset()
		tr := trouble{log: slog.New(slog.NewTextHandler(&log, nil)), below: below}
		tr.begin("what", errors.New("why"))
		if !strings.Contains(log.String(), want) {
			t.Errorf("got %q, want %s", &log, want)
		}
	}
}

package agent_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

func TestAnAgentIsReadyOnceEachFolderHasBeenDealtWith(t *testing.T) {
	t.Parallel()
	for name, missing := range map[string]bool{"an export is taken first": false, "a folder that is missing does not hold it up": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStore(t, "", "  - name: other\n    folder: "+t.TempDir()+"\n    rescan: 1h\n")
			if missing {
				if err := os.Remove(filepath.Join(s.dir, "in")); err != nil {
					t.Fatal(err)
				}
			}
			synctest.Test(t, func(t *testing.T) {
				s.t = t
				times := 0
				s.ready = func() { times++ }
				if !missing {
					s.drop("stock.csv", upcA+",12")
				}
				s.start()
				pass(time.Hour)
				if times != 1 {
					t.Errorf("it was ready %d times, want once", times)
				}
				s.end()
			})
		})
	}
}

func TestTheAgentHasAPulseWhateverIsWrongWithTheAPI(t *testing.T) {
	t.Parallel()
	s := newStore(t, "", "")
	synctest.Test(t, func(t *testing.T) {
		s.t = t
		s.line.cut.Store(true)
		s.drop("stock.csv", upcA+",12")
		s.start()
		for range 50 {
			pass(time.Minute)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			if err := s.agent.Pulse(ctx); err != nil {
				t.Errorf("got %v, want a pulse", err)
			}
			cancel()
		}
		s.end()
		if err := s.agent.Pulse(t.Context()); err != nil {
			t.Errorf("got %v of an agent that has ended, want nothing to be wrong", err)
		}
	})
}

// hurry is a cause that leaves little time.
type hurry struct{ error }

func (hurry) Grace() time.Duration { return 3 * time.Second }

func TestTheCauseOfAStopSaysHowLongRequestsHave(t *testing.T) { // I20
	t.Parallel()
	for name, test := range map[string]struct {
		cause error
		want  time.Duration
	}{
		"a stop":             {nil, 10 * time.Second},
		"another cause":      {errors.New("somebody asked for it"), 10 * time.Second},
		"Windows shuts down": {hurry{errors.New("the computer shuts down")}, 3 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStore(t, "", "")
			synctest.Test(t, func(t *testing.T) {
				s.t, s.cause = t, test.cause
				inject(t, s.api, "hang,next=1")
				s.drop("stock.csv", upcA+",12")
				s.start()
				pass(5 * time.Second) // of 15 that the request may take
				began := time.Now()
				s.end()
				if took := time.Since(began); took != test.want {
					t.Errorf("the end took %v, want %v", took, test.want)
				}
			})
		})
	}
}

package agent

import (
	"context"
	"time"
)

// watchOverdue tells in the log when a source becomes overdue, and when it is not any more, until ctx ends. It sleeps until the
// next one can be.
func (a *Agent) watchOverdue(ctx context.Context) error {
	troubles := map[string]*trouble{}
	for _, s := range a.sources {
		if s.conf.Expect > 0 {
			troubles[s.conf.Name] = &trouble{log: a.log.With("source", s.conf.Name), below: aWarning}
		}
	}
	if len(troubles) == 0 {
		return nil
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-a.arrived:
		case <-timer.C:
		}
		next := time.Now().Add(time.Hour) // a clock may be set meanwhile
		for _, s := range a.sources {
			t := troubles[s.conf.Name]
			if t == nil {
				continue
			}
			at, err := s.overdueAt()
			if err != nil {
				return err
			}
			if time.Until(at) < 0 {
				news := t.since.IsZero()
				t.begin("the source is overdue: no export has come for longer than expected", errOverdue{s.conf.Expect})
				if news {
					a.changes()
				}
				continue
			}
			t.end("an export has come again")
			if at.Before(next) {
				next = at
			}
		}
		timer.Reset(time.Until(next) + time.Millisecond)
	}
}

// errOverdue says for how long an export was to come at the latest.
type errOverdue struct{ expect time.Duration }

func (e errOverdue) Error() string { return "none within " + e.expect.String() }

// overdueAt is from when on the source is overdue, unless an export comes.
func (s *source) overdueAt() (time.Time, error) {
	came, err := s.cameLast()
	if came.IsZero() {
		came = s.a.started
	}
	return overdueAt(s.conf.Expect, came, s.a.started), err
}

// overdueAt is from when on a source is overdue whose last export came at a time, of an agent that started at another.
func overdueAt(expect time.Duration, came, started time.Time) time.Time {
	return latest(came.Add(expect), started.Add(min(expect, time.Hour)))
}

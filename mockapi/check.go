package mockapi

import (
	"fmt"
	"slices"
	"time"
)

const (
	maxViolations = 100  // how many are kept in words
	maxOverlaps   = 1000 // how many are kept undecided

	// grace is how long this server may take to notice that a client gave up.
	grace = time.Second
)

// overlap is two requests that were here at once for one key. It is a violation unless the client had given up the
// earlier one, which shows only when the earlier one ends.
type overlap struct {
	earlier, later uint64
	at             time.Time // when the later one came
	words          string
}

// violation keeps what a client did wrong.
func (s *Server) violation(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.violationLocked(fmt.Sprintf(format, args...))
}

func (s *Server) violationLocked(words string) {
	if s.violated++; len(s.violations) < maxViolations {
		s.violations = append(s.violations, words)
	}
}

// overlap keeps that later came while earlier was here.
func (s *Server) overlap(earlier, later *call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	words := fmt.Sprintf("two in flight for %s: #%d (%d units) had no answer when #%d (%d units) came",
		later.named(), earlier.seq, earlier.body.quantity, later.seq, later.body.quantity)
	if len(s.overlaps) == maxOverlaps {
		s.violationLocked(words)
		return
	}
	s.overlaps = append(s.overlaps, overlap{earlier.seq, later.seq, later.at, words})
}

// decide judges the overlaps of a call that has ended.
func (s *Server) decide(c *call) {
	now := s.options.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.overlaps = slices.DeleteFunc(s.overlaps, func(o overlap) bool {
		if o.earlier != c.seq {
			return false
		}
		if !c.gone || now.Sub(o.at) > grace {
			s.violationLocked(o.words)
		}
		return true
	})
}

// Check returns what the clients did against the contract, in words, none if nothing: malformed requests (anything
// answered by 400, 405, 413, 415 or 422, but for a body of `{}`), requests for another path with a token or a body,
// and two in flight for one key. In flight is a request that has no answer and was not given up: its connection is
// there until a second after the next one came, or, where Options.ClientTimeout is known, it is younger than three
// quarters of that (it was sent before it arrived here).
func (s *Server) Check() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := append([]string{}, s.violations...)
	total := s.violated
	for _, o := range s.overlaps {
		if s.options.Now().Sub(o.at) > grace {
			list = append(list, o.words)
			total++
		}
	}
	if more := total - len(list); more > 0 {
		list = append(list, fmt.Sprintf("and %d more", more))
	}
	return list
}

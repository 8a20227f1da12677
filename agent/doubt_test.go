package agent_test

import (
	"strings"
	"testing"
	"time"
)

// TestWhatIsInDoubtIsConfirmed: 3 is sent and answered in some way, then 5 is acknowledged. Where the 3 may land late, 5
// counts as pending until it was sent once more, after api.confirm; where it cannot, nothing more is sent.
func TestWhatIsInDoubtIsConfirmed(t *testing.T) { // A2, I5, promise 4
	for may, faults := range map[bool][]string{
		true: {"hang", "close", "reset", "408", "502", "504", "late,apply=15m", "truncated", "portal", "endless", "large",
			"hang,apply=15m", "close,apply=15m", "reset,apply=15m", "408,apply=15m", "502,apply=15m", "portal,apply=15m"},
		false: {"no connection", "500", "501", "503", "425", "429", "429,retry-after=60", "400", "404", "409", "422", "error", "success-false",
			"401", "403", "400,words=token has expired", "301", "307", "407", "html", "empty", "204", "slow"},
	} {
		for _, fault := range faults {
			name := "in doubt: " + fault
			if !may {
				name = "not in doubt: " + fault
			}
			t.Run(name, func(t *testing.T) {
				inBubble(t, "  confirm: 30m\n  retry: {min: 5m, max: 5m}\n", "    rescan: 1s\n    settle: 0s\n", func(s *store) {
					s.start()
					s.drop("stock.csv", upcA+",1")
					pass(5 * time.Second)
					if fault == "no connection" {
						s.line.cut.Store(true)
					} else {
						inject(t, s.api, fault+",next=1")
					}
					s.drop("stock.csv", upcA+",3")
					pass(17 * time.Second) // api.timeout, and the look
					s.drop("stock.csv", upcA+",5")
					pass(3 * time.Second) // it is taken before the line is back
					s.line.cut.Store(false)
					pass(11 * time.Minute)
					s.want(map[string]int64{upcA: 5})
					tried := uint64(3)
					if fault == "no connection" {
						tried--
					}
					if st, n := s.status(), s.requests(); st.Delivered < 2 || n != tried || (st.Pending == 1 && st.ToConfirm == 1) != may || (st.Pending == 0) == may {
						t.Errorf("got %d requests, %d pending, %d to confirm", n, st.Pending, st.ToConfirm)
					}
					pass(10 * time.Minute)
					if strings.HasSuffix(fault, "apply=15m") {
						s.want(map[string]int64{upcA: 3}) // it has landed
					}
					s.end()
					s.start() // the doubt outlives restarts
					pass(15 * time.Minute)
					s.want(map[string]int64{upcA: 5})
					if may {
						tried++
					}
					if st, n := s.status(), s.requests(); n != tried || st.Pending != 0 {
						t.Errorf("after api.confirm: got %d requests, want %d; %d pending", n, tried, st.Pending)
					}
					s.end()
				})
			})
		}
	}
}

// TestDoubtOutlivesTheSameQuantitysAcknowledgement: 3 without an answer, 3 acknowledged, 5 acknowledged, the first 3
// lands: the API ends at 5.
func TestDoubtOutlivesTheSameQuantitysAcknowledgement(t *testing.T) { // I5, promise 4
	inBubble(t, "", "    rescan: 1s\n    settle: 0s\n", func(s *store) {
		s.start()
		inject(t, s.api, "hang,next=1,apply=90s")
		s.drop("stock.csv", upcA+",3")
		pass(40 * time.Second)
		s.want(map[string]int64{upcA: 3})
		if st := s.status(); st.Delivered != 1 || st.Pending != 0 {
			t.Errorf("got %+v, want 3 acknowledged and nothing to do", st)
		}
		s.drop("stock.csv", upcA+",5")
		pass(20 * time.Second)
		s.want(map[string]int64{upcA: 5})
		if st := s.status(); st.Pending != 1 || st.ToConfirm != 1 {
			t.Errorf("got %+v, want 5 to be confirmed", st)
		}
		pass(40 * time.Second)
		s.want(map[string]int64{upcA: 3}) // the first one
		pass(2 * time.Minute)
		s.want(map[string]int64{upcA: 5})
		if st := s.status(); st.Pending != 0 || s.requests() != 4 {
			t.Errorf("got %+v after %d requests, want 3, 3, 5 and 5", st, s.requests())
		}
		s.end()
	})
}

package agent_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"tillpost/agent"
	"tillpost/mockapi"
)

// inThree is the n-th product in store 3.
func inThree(n int) mockapi.Key { return mockapi.Key{Store: "3", UPC: upcN(n)} }

// sent counts the requests for each product.
func (s *store) sent() map[string]int {
	n := map[string]int{}
	for _, r := range s.api.Journal() {
		n[r.Key.UPC]++
	}
	return n
}

// wantSent fails unless each of n products was sent so often.
func (s *store) wantSent(n, times int) {
	s.t.Helper()
	sent := s.sent()
	if len(sent) != n {
		s.t.Errorf("%d products were sent, want %d", len(sent), n)
	}
	for upc, got := range sent {
		if got != times {
			s.t.Errorf("%s was sent %d times, want %d", upc, got, times)
			return
		}
	}
}

// behind changes what the API has, behind the agent's back.
func (s *store) behind(upc, quantity string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, "http://127.0.0.1:1/api/product/inventory",
		strings.NewReader(`{"upc":"`+upc+`","store":"3","quantity":`+quantity+`}`))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+goodToken)
	r.Header.Set("Content-Type", "application/json")
	answer, err := s.api.Transport().RoundTrip(r)
	if err != nil || answer.StatusCode != http.StatusOK {
		s.t.Fatalf("got %v, %v", answer, err)
	}
}

const (
	everyWeek = "resend_all: 7d\nstatus:"
	week      = 7 * 24 * time.Hour
)

func TestEverythingIsSentOnceMoreEachRound(t *testing.T) { // A19, resend_all
	inBubble(t, "", "    rescan: 1h\n", func(s *store) {
		s.reconfigure("status:", everyWeek)
		s.write("stock.csv", stock(0, 60, func(n int) int { return n % 3 }))
		s.start()
		pass(3 * 24 * time.Hour)
		s.wantSent(60, 1)
		s.behind(upcN(7), "99") // drift, which the agent does not know of
		pass(week - 3*24*time.Hour - time.Minute)
		s.wantAt(inThree(7), 99)
		pass(2 * time.Minute)
		s.wantAt(inThree(7), 1)
		if st := s.status(); st.Pending != 0 {
			t.Errorf("%d updates wait", st.Pending)
		}
		pass(week)
		sent := s.sent()
		sent[upcN(7)]-- // ours
		for n := range 60 {
			if got := sent[upcN(n)]; got != 3 {
				t.Errorf("product %d was sent %d times, want 3", n, got)
			}
		}
		if begun, over := s.lines("everything is sent once more"), s.lines("everything was sent once more"); begun != 2 || over != 2 {
			t.Errorf("got %d lines of a round's begin and %d of its end, want 2 each", begun, over)
		}
		if n := s.lines("updates=60"); n != 4 {
			t.Errorf("%d of the lines say how many there are, want 4", n)
		}
		if n := s.api.MaxPerWindow(time.Second); n > 10 {
			t.Errorf("%d requests left in a second, want the rate and the burst at most", n)
		}
		s.end()
	})
}

func TestAChangeDoesNotWaitForARound(t *testing.T) { // resend_all, promise 9
	inBubble(t, "  rate: 1/s\n  burst: 1\n", "    rescan: 1h\n", func(s *store) {
		s.reconfigure("status:", everyWeek)
		s.write("stock.csv", stock(0, 600, all(5)))
		s.start()
		pass(week) // the round has just begun
		s.end()
		s.reconfigure("rescan: 1h", "rescan: 1s")
		s.start()
		pass(2 * time.Minute)
		s.write("stock.csv", stock(0, 600, func(n int) int { return 5 - 5*(n/599) }))
		pass(8 * time.Second)
		s.wantAt(inThree(599), 0)
		if n := s.lines("everything was sent once more"); n != 0 {
			t.Error("the round is over already")
		}
		if st := s.status(); st.Pending > 4 {
			t.Errorf("%d updates wait in the middle of a round, want a slice at most", st.Pending)
		}
		pass(10 * time.Minute)
		sent := s.sent()
		for n := range 599 {
			if got := sent[upcN(n)]; got != 2 {
				t.Errorf("product %d was sent %d times, want 2", n, got)
			}
		}
		if got := sent[upcN(599)]; got > 3 {
			t.Errorf("what changed was sent %d times, want 3 at most", got)
		}
		s.end()
	})
}

func TestARoundGoesOnAfterARestart(t *testing.T) { // resend_all
	inBubble(t, "", "    rescan: 1h\n", func(s *store) {
		s.reconfigure("status:", everyWeek)
		s.write("stock.csv", stock(0, 300, all(5)))
		s.start()
		pass(week)
		for range 5 {
			pass(10 * time.Second)
			s.end()
			s.start()
		}
		pass(time.Hour)
		s.wantSent(300, 2)
		s.end()
		if begun, over := s.lines("everything is sent once more"), s.lines("everything was sent once more"); begun != 1 || over != 1 {
			t.Errorf("got %d lines of a round's begin and %d of its end, want 1 each", begun, over)
		}
	})
}

func TestNoRoundBeginsWhereNoneIsWanted(t *testing.T) { // resend_all
	for name, c := range map[string]struct {
		config string
		then   func(*store)
	}{
		"it is off":  {"resend_all: 0\nstatus:", func(*store) {}},
		"paused":     {everyWeek, func(s *store) { s.pause(true) }},
		"no network": {everyWeek, func(s *store) { s.line.cut.Store(true); s.write("more.csv", stock(20, 21, all(1))) }},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, "", "    rescan: 1h\n", func(s *store) {
				s.reconfigure("status:", c.config)
				s.write("stock.csv", stock(0, 20, all(5)))
				s.start()
				pass(week - time.Hour)
				c.then(s)
				pass(3 * time.Hour)
				s.wantSent(20, 1)
				if n := s.lines("everything is sent once more"); n != 0 {
					t.Errorf("%d rounds began", n)
				}
				s.end()
			})
		})
	}
}

func TestSyncBeginsNoRound(t *testing.T) { // resend_all
	inBubble(t, "", "    rescan: 1h\n", func(s *store) {
		s.reconfigure("status:", everyWeek)
		s.write("stock.csv", stock(0, 20, all(5)))
		s.start()
		pass(time.Hour)
		s.end()
		pass(2 * week)
		if _, err := s.make().Sync(s.t.Context(), func(agent.Status) {}); err != nil {
			t.Error(err)
		}
		s.wantSent(20, 1)
		s.check()
	})
}

func TestAResendStartsTheClockOfRoundsAnew(t *testing.T) { // resend_all
	inBubble(t, "", "    rescan: 1h\n", func(s *store) {
		s.reconfigure("status:", everyWeek)
		s.write("stock.csv", stock(0, 20, all(5)))
		s.start()
		pass(week - time.Hour)
		if acted, err := s.agent.Desk().Resend(s.t.Context(), agent.Selection{All: true}); err != nil || acted.Done != 20 {
			t.Errorf("got %+v, %v", acted, err)
		}
		pass(week - time.Hour)
		s.wantSent(20, 2)
		pass(2 * time.Hour)
		s.wantSent(20, 3)
		s.end()
	})
}

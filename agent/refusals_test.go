package agent_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tillpost/agent"
)

// rowsOf are rows of n products from the i-th on, each with the quantity.
func rowsOf(from, n int, quantity int) (rows []string) {
	for _, row := range manyRows(from + n)[from:] {
		rows = append(rows, fmt.Sprintf("%s,%d", row[:12], quantity))
	}
	return rows
}

// unknownTo makes the API not know the products of rows.
func (s *store) unknownTo(rows ...[]string) {
	var codes []string
	for _, list := range rows {
		for _, row := range list {
			codes = append(codes, row[:12])
		}
	}
	s.api.SetUnknown(codes...)
}

// TestAFirstStartOfWhichAThirdIsUnknownDoesNotPause: what the API does not know is mostly discontinued, and at zero.
func TestAFirstStartOfWhichAThirdIsUnknownDoesNotPause(t *testing.T) { // promise 9, I13, O9
	inBubble(t, "  rate: 100/s\n  burst: 20\n  concurrency: 8\n", "", func(s *store) {
		gone, lost := rowsOf(0, 6200, 0), rowsOf(6200, 466, 3) // both unknown
		zero, stocked := rowsOf(6666, 334, 0), rowsOf(7000, 13000, 7)
		s.unknownTo(gone, lost)
		s.api.SetLatency(20*time.Millisecond, 40*time.Millisecond)
		s.drop("stock.csv", append(append(append(gone, lost...), zero...), stocked...)...)
		s.start()
		for range 30 {
			pass(10 * time.Second)
			if st := s.status(); st.State != "running" || st.API.State != "ok" {
				s.t.Fatalf("got %+v", st)
			}
		}
		st := s.status()
		if st.Dead != 6666 || st.Unknown != 6666 || st.Pending != 0 || len(s.api.Quantities()) != 13334 {
			s.t.Errorf("got %+v and %d quantities", st, len(s.api.Quantities()))
		}
		if n := s.api.Counters().Requests; n > 20_010 {
			s.t.Errorf("got %d requests, want one a product and a few canaries", n)
		}
		s.end()
	})
}

func TestUntilTheFirstAcknowledgementStockAlternatesWithZeros(t *testing.T) { // promise 9, the contract's row of the canary
	inBubble(t, "  rate: 5/s\n  burst: 1\n  concurrency: 1\n", "", func(s *store) {
		s.api.SetDown(404)
		s.drop("stock.csv", append(rowsOf(0, 30, 0), rowsOf(30, 30, 5)...)...)
		s.start()
		pass(38 * time.Second)
		zeros := 0
		journal := s.api.Journal()
		for _, r := range journal {
			if r.Quantity == 0 {
				zeros++
			}
		}
		if n := len(journal); n < 20 || zeros < n/2-1 || zeros > n/2+1 {
			s.t.Errorf("got %d zeros of %d", zeros, n)
		}
		s.end()
	})
}

// TestAWrongURLOrStorePausesTheDrainAndMakesNoDeadLetters: nothing was ever acknowledged, and all is refused.
func TestAWrongURLOrStorePausesTheDrainAndMakesNoDeadLetters(t *testing.T) { // O9
	for _, fault := range []string{"404,words=store not found", "400,words=bad request", "errors"} {
		t.Run(fault, func(t *testing.T) {
			inBubble(t, "  rate: 20/s\n", "", func(s *store) {
				inject(t, s.api, fault)
				s.api.SetLatency(30*time.Millisecond, 30*time.Millisecond)
				s.drop("stock.csv", append(rowsOf(0, 200, 0), rowsOf(200, 200, 5)...)...)
				s.start()
				pass(time.Minute)
				st := s.status()
				if st.State != "paused" || st.Why != "everything refused" || st.API.State != "everything refused" || st.API.LastError == "" || st.Dead != 0 || st.Pending != 400 {
					s.t.Errorf("got %+v", st)
				}
				sent := s.requests()
				if sent < 53 || sent > 53+8 {
					s.t.Errorf("got %d requests, want 50 refusals, what was on its way, and three canaries", sent)
				}
				pass(6 * time.Hour)
				if n := s.requests() - sent; n < 6*12-2 || n > 6*12+2 {
					s.t.Errorf("got %d requests in six hours, want one every retry.max", n)
				}
				if st := s.status(); st.Dead != 0 || st.Pending != 400 {
					s.t.Errorf("got %+v", st)
				}
				if n := s.lines("sending is paused"); n != 1 {
					s.t.Errorf("it was told %d times, want once", n)
				}
				s.end()
				s.start() // and a restart in between costs nothing
				pass(time.Minute)
				if st := s.status(); st.Dead != 0 || st.Pending != 400 || st.State != "paused" {
					s.t.Errorf("after a restart: got %+v", st)
				}
				s.api.ClearFaults()
				pass(6 * time.Minute)
				if st := s.status(); st.Delivered != 400 || st.Dead != 0 || st.State != "running" {
					s.t.Errorf("got %+v", st)
				}
				s.end()
			})
		})
	}
}

func TestAnAPIThatForgetsItsProductsPausesTheDrain(t *testing.T) { // the contract's row of the canary
	inBubble(t, "  rate: 20/s\n", "    guard: off\n", func(s *store) {
		s.drop("stock-1.csv", rowsOf(0, 200, 5)...)
		s.start()
		pass(time.Minute)
		delivered := s.status().Delivered
		inject(s.t, s.api, "404")
		s.drop("stock-2.csv", rowsOf(0, 100, 4)...)
		pass(time.Minute)
		before := s.requests()
		st := s.status()
		if st.State != "paused" || st.Why != "everything refused" || st.Dead != 0 || st.Pending != 100 {
			s.t.Errorf("got %+v", st)
		}
		if before > 200+10+8+1 {
			s.t.Errorf("got %d requests, want ten refusals, what was on its way, and a canary", before-200)
		}
		for _, r := range s.api.Journal()[before-1:] {
			if r.Quantity != 5 {
				s.t.Errorf("the canary says %d, want the ledger's quantity", r.Quantity)
			}
		}
		pass(10 * time.Minute)
		s.drop("stock-3.csv", rowsOf(0, 150, 3)...) // also of keys that have been canaries
		pass(time.Hour)
		if st := s.status(); st.Dead != 0 || st.Pending != 150 || st.Delivered != delivered {
			s.t.Errorf("got %+v", st)
		}
		s.api.ClearFaults()
		s.setToken("other") // which is a reason to look at once
		s.api.SetToken("other")
		pass(15 * time.Second)
		if st := s.status(); st.Delivered < 350 || st.Dead != 0 || st.Pending != 0 || st.State != "running" {
			s.t.Errorf("got %+v", st)
		}
		s.end()
	})
}

func TestManyBadProductsPauseNothing(t *testing.T) { // the contract's row of the canary
	inBubble(t, "  rate: 20/s\n  concurrency: 8\n", "    guard: off\n", func(s *store) {
		s.drop("stock-1.csv", rowsOf(0, 200, 5)...)
		s.start()
		pass(time.Minute)
		s.unknownTo(rowsOf(0, 60, 0))
		s.drop("stock-2.csv", append(rowsOf(0, 60, 0), rowsOf(60, 140, 4)...)...)
		for range 60 {
			pass(time.Second)
			if st := s.status(); st.State != "running" {
				s.t.Fatalf("got %+v", st)
			}
		}
		if st := s.status(); st.Dead != 60 || st.Pending != 0 || s.lines("sending is paused") != 0 {
			s.t.Errorf("got %+v", st)
		}
		if n := s.requests(); n > 200+200+6 {
			s.t.Errorf("got %d requests, want one an update and one canary for ten refusals", n)
		}
		s.end()
	})
}

// TestACanaryThatFailsIsAskedAgain: an API that answers a canary with a 500, or not at all, tells nothing.
func TestACanaryThatFailsIsAskedAgain(t *testing.T) {
	for _, fault := range []string{"500", "hang", "close", "429,retry-after=60", "401"} {
		t.Run(fault, func(t *testing.T) {
			inBubble(t, "  rate: 20/s\n  concurrency: 1\n", "    guard: off\n", func(s *store) {
				s.drop("stock-1.csv", rowsOf(0, 200, 5)...)
				s.start()
				pass(time.Minute)
				inject(t, s.api, "404,next=10")
				inject(t, s.api, fault+",next=3")
				s.drop("stock-2.csv", rowsOf(0, 50, 4)...)
				pass(30 * time.Minute)
				if st := s.status(); st.Dead != 10 || st.Pending != 0 || st.Delivered < 240 || st.State != "running" {
					s.t.Errorf("got %+v", st)
				}
				s.end()
			})
		})
	}
}

func TestAForbiddenKeyThatWaitsAloneIsToldFromABadToken(t *testing.T) { // I14
	for _, fault := range []string{"403", "401", "html", "302"} {
		t.Run(fault, func(t *testing.T) {
			inBubble(t, "", "", func(s *store) {
				s.drop("stock-1.csv", upcA+",12", upcB+",7")
				s.start()
				pass(time.Minute)
				inject(t, s.api, fault+",code="+upcA)
				s.drop("stock-2.csv", upcA+",11", upcB+",7")
				var st agent.Status
				for range 120 { // each try of the key pauses sending until a canary has told
					pass(time.Second)
					if st = s.status(); st.State == "running" && (fault != "403" && st.Pending == 1 || st.Dead == 1 && st.Pending == 0) {
						break
					}
				}
				if st.State != "running" || fault == "403" && (st.Dead != 1 || st.Pending != 0) || fault != "403" && st.Pending != 1 {
					s.t.Errorf("got %+v", st)
				}
				s.drop("stock-3.csv", upcA+",11", upcB+",6")
				pass(time.Minute)
				s.want(map[string]int64{upcA: 12, upcB: 6})
				s.end()
			})
		})
	}
}

func TestABadTokenIsStillOneWhereOneKeyWaits(t *testing.T) { // I13, A9
	inBubble(t, "", "", func(s *store) {
		s.drop("stock-1.csv", upcA+",12", upcB+",7")
		s.start()
		pass(time.Minute)
		before := s.requests()
		s.api.SetToken("rotated")
		s.drop("stock-2.csv", upcA+",11", upcB+",7")
		for range 24 {
			pass(time.Hour)
			if st := s.status(); st.State != "paused" || st.Why != "token not accepted" || st.Dead != 0 || st.Pending != 1 {
				s.t.Errorf("got %+v", st)
			}
		}
		if n := s.requests() - before; n > 24*12+3 {
			s.t.Errorf("got %d probes in a day, want one every retry.max", n)
		}
		s.setToken("rotated")
		pass(3 * time.Second)
		s.want(map[string]int64{upcA: 11, upcB: 7})
		s.end()
	})
}

func TestADayOfABadTokenMakesNoDeadLetters(t *testing.T) { // A9, I13
	for _, fault := range []string{"401", "403"} {
		t.Run(fault, func(t *testing.T) {
			inBubble(t, "  rate: unlimited\n", "    guard: off\n", func(s *store) {
				s.drop("stock-1.csv", rowsOf(0, 300, 5)...)
				s.start()
				pass(time.Minute)
				inject(t, s.api, fault)
				before := s.requests()
				s.drop("stock-2.csv", rowsOf(0, 300, 4)...)
				pass(24 * time.Hour)
				if n := s.requests() - before; n > 24*12+10 {
					s.t.Errorf("got %d requests in a day, want one every retry.max", n)
				}
				s.api.ClearFaults()
				s.api.SetToken("rotated")
				s.setToken("rotated")
				pass(3 * time.Second)
				if st := s.status(); st.Dead != 0 || st.Pending != 0 || st.State != "running" {
					s.t.Errorf("got %+v", st)
				}
				s.end()
			})
		})
	}
}

func TestAChangedTokenSendsDeadLettersAgain(t *testing.T) { // the contract's row of refusals
	inBubble(t, "", "    rescan: 1h\n", func(s *store) {
		s.unknownTo([]string{upcA})
		s.drop("stock.csv", upcA+",12", upcB+",7")
		s.start()
		pass(time.Minute)
		if st := s.status(); st.Dead != 1 {
			s.t.Fatalf("got %+v", st)
		}
		s.api.SetUnknown()
		s.api.SetToken("of another tenant")
		s.setToken("of another tenant")
		pass(90 * time.Second)
		s.want(map[string]int64{upcA: 12, upcB: 7})
		if !strings.Contains(s.log.String(), "the token has changed") {
			s.t.Error("it was not told")
		}
		s.end()
	})
}

// TestWhatChangedWhileTheAgentWasStoppedRevivesDeadLetters: the token, or anything in the config; a restart alone does not.
func TestWhatChangedWhileTheAgentWasStoppedRevivesDeadLetters(t *testing.T) { // the contract's table, refused
	for _, c := range []struct {
		name string
		do   func(*store)
		want uint64 // requests after it
	}{
		{"nothing", func(*store) {}, 0},
		{"token", func(s *store) { s.setToken("another") }, 1},
		{"config", func(s *store) { s.reconfigure("rescan: 31s", "rescan: 32s") }, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, "  dead_retry: 0s\n", "    rescan: 31s\n", func(s *store) {
				s.api.SetToken("") // whatever it is
				s.unknownTo([]string{upcA + ",5"})
				s.drop("stock.csv", upcA+",5", upcB+",6")
				s.start()
				pass(time.Hour)
				if st := s.status(); st.Dead != 1 {
					t.Fatalf("got %+v, want a dead letter", st)
				}
				s.end()
				c.do(s)
				before := s.requests()
				s.start()
				pass(time.Hour)
				if n := s.requests() - before; n != c.want {
					t.Errorf("got %d requests, want %d", n, c.want)
				}
				s.end()
			})
		})
	}
}

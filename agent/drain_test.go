package agent_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestAnIdleAgentDoesNothing(t *testing.T) {
	t.Parallel()
	s := newStore(t, "", "    rescan: 24h\n")
	began := time.Now()
	synctest.Test(t, func(t *testing.T) {
		s.t = t
		s.drop("stock.csv", upcA+",12", upcB+",0")
		s.start()
		pass(3 * 24 * time.Hour)
		s.want(map[string]int64{upcA: 12, upcB: 0})
		path := filepath.Join(s.dir, "data", "outbox.db")
		before, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		s.remove("stock.csv") // else it is read once a day
		pass(2 * 365 * 24 * time.Hour)
		after, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(before, after) {
			t.Error("the outbox was written while there was nothing to do")
		}
		s.end()
	})
	if took := time.Since(began); took > 8*time.Second { // a poll every second would take minutes
		t.Errorf("two idle years took %v", took)
	}
}

func TestAPausedDrainDoesNothing(t *testing.T) {
	t.Parallel()
	s := newStore(t, "", "    rescan: 24h\n")
	began := time.Now()
	synctest.Test(t, func(t *testing.T) {
		s.t = t
		s.drop("stock.csv", manyRows(20)...)
		s.start()
		s.pause(true)
		pass(200 * 24 * time.Hour)
		if n := s.requests(); n != 0 {
			t.Errorf("got %d requests", n)
		}
		s.end()
	})
	if took := time.Since(began); took > 8*time.Second {
		t.Errorf("200 paused days took %v", took)
	}
}

func TestAPauseLetsRequestsFinishAndSendsNoMore(t *testing.T) {
	inBubble(t, "", "", func(s *store) {
		s.api.SetLatency(5*time.Second, 0)
		s.drop("stock.csv", manyRows(40)...)
		s.start()
		pass(35 * time.Second)
		sent := s.requests()
		s.pause(true)
		pass(time.Hour)
		if n := s.requests(); n != sent {
			s.t.Errorf("got %d requests after the pause", n-sent)
		}
		if st := s.status(); st.Delivered != int64(sent) || st.InFlight != 0 || st.State != "paused" {
			s.t.Errorf("got %+v, want %d delivered", st, sent)
		}
		s.pause(false)
		pass(5 * time.Minute)
		if n := len(s.api.Quantities()); n != 40 {
			s.t.Errorf("got %d delivered, want 40", n)
		}
		s.end()
	})
}

func TestOneUpdateIsEnoughToTellThatTheTokenIsBad(t *testing.T) { // I21
	inBubble(t, "", "", func(s *store) {
		s.setToken("wrong")
		s.drop("stock.csv", upcA+",12")
		s.start()
		pass(33 * time.Second)
		for range 3 {
			if st := s.status(); st.State != "paused" || st.API.State != "token not accepted" || st.API.LastError == "" || st.InFlight != 0 || st.ETA != nil {
				s.t.Errorf("got %+v", st)
			}
			pass(time.Hour)
		}
		s.end()
	})
}

func TestTheRateIsKeptWhenASlowAPIBecomesFast(t *testing.T) { // A14
	inBubble(t, "  rate: 5/s\n  burst: 3\n  concurrency: 8\n", "", func(s *store) {
		s.api.SetLatency(10*time.Second, 0)
		s.drop("stock.csv", manyRows(200)...)
		s.start()
		pass(60 * time.Second)
		s.api.SetLatency(0, 0)
		pass(2 * time.Minute)
		if n := s.api.MaxPerWindow(time.Second); n > 8 {
			s.t.Errorf("got %d requests in one second, want at most 5 and a burst of 3", n)
		}
		if n := len(s.api.Quantities()); n != 200 {
			s.t.Errorf("got %d delivered, want 200", n)
		}
		s.end()
	})
}

// TestTheRateIsKeptOverPausesAndRestarts: and over changes of the config, which end one agent and begin another.
func TestTheRateIsKeptOverPausesAndRestarts(t *testing.T) { // A14, R4, R8
	inBubble(t, "  rate: 5/s\n  burst: 3\n", "", func(s *store) {
		s.drop("stock.csv", manyRows(150)...)
		s.start()
		pass(33 * time.Second)
		for i := range 10 {
			s.pause(true)
			pass(time.Duration(i) * 700 * time.Millisecond)
			s.pause(false)
			pass(1300 * time.Millisecond)
			s.end()
			rates := []string{"rate: 5/s", "rate: 4/s"}
			s.reconfigure(rates[i%2], rates[1-i%2])
			s.start()
			pass(1100 * time.Millisecond)
		}
		pass(2 * time.Minute)
		if n := s.api.MaxPerWindow(time.Second); n > 8 {
			s.t.Errorf("got %d requests in one second, want at most 5 and a burst of 3", n)
		}
		if n := len(s.api.Quantities()); n != 150 {
			s.t.Errorf("got %d delivered, want 150", n)
		}
		s.end()
	})
}

// TestACrashLoopGetsNoBurstForEachStart: an agent that dies and starts again twice a second.
func TestACrashLoopGetsNoBurstForEachStart(t *testing.T) { // A14, P4, R8
	inBubble(t, "  rate: 1/s\n  burst: 10\n", "", func(s *store) {
		s.drop("stock.csv", manyRows(150)...)
		s.start()
		pass(33 * time.Second) // the export is taken, and the bucket spent
		before := s.requests()
		const lives = 60
		for range lives {
			pass(500 * time.Millisecond)
			s.end()
			s.start()
		}
		if n := s.requests() - before; n > lives/2+1 {
			s.t.Errorf("got %d requests in %d lives of half a second, want the rate of one a second", n, lives)
		}
		s.end()
	})
}

func TestWhatCouldOversellGoesFirst(t *testing.T) { // promise 9, I14
	inBubble(t, "  rate: 1/s\n  burst: 1\n  concurrency: 1\n  dead_retry: 1h\n", "    rescan: 1s\n    settle: 0s\n    guard: off\n", func(s *store) {
		s.drop("stock.csv", rowsOf(0, 30, 5)...)
		inject(s.t, s.api, "422,code="+upcN(29))
		s.start()
		pass(10 * time.Minute)
		if st := s.status(); st.Delivered != 29 || st.Dead != 1 {
			s.t.Fatalf("got %+v", st)
		}
		s.line.cut.Store(true)
		for i, q := range []int{9, 3, 0} { // more first, so that it is the oldest, then less, then nothing
			s.drop("stock.csv", rowsOf(10*i, 9, q)...)
			pass(20 * time.Minute)
		}
		pass(2 * time.Hour) // the dead letter is to be tried again
		s.line.cut.Store(false)
		before := s.requests()
		pass(5 * time.Minute)
		order := ""
		for _, r := range s.api.Journal()[before:] {
			order += map[int64]string{0: "z", 3: "f", 9: "m", 5: "d"}[r.Quantity]
		}
		at := strings.Index(order, "m") // the turn of the oldest
		if at < 0 || at > 3 {
			s.t.Fatalf("got %s, want the oldest among the first four", order)
		}
		var others string
		for i, c := range order {
			if i%4 == at {
				if i < 24 && c != 'm' {
					s.t.Errorf("got %s, want every fourth to be the oldest", order)
				}
			} else {
				others += string(c)
			}
		}
		if strings.TrimLeft(strings.TrimLeft(strings.TrimLeft(others, "z"), "f"), "md") != "" || len(order) != 28 || !strings.HasSuffix(order, "d") {
			s.t.Errorf("got %s, want nothing first, then less, then more, and the dead letter last", order)
		}
		s.end()
	})
}

// TestABadProductDoesNotHoldUpTheOthers: each of these says that the whole API is not well, and is about one key alone.
func TestABadProductDoesNotHoldUpTheOthers(t *testing.T) { // I14
	for _, fault := range []string{"401", "403", "html", "portal", "302", "503", "503,retry-after=3600", "429,retry-after=600", "hang", "close", "500"} {
		t.Run(fault, func(t *testing.T) {
			inBubble(t, "", "", func(s *store) {
				inject(t, s.api, fault+",code="+upcA)
				s.drop("stock.csv", append(manyRows(100), upcA+",0")...) // the bad one goes first
				s.start()
				within := 3 * time.Minute
				if strings.Contains(fault, "retry-after") {
					within = 4 * time.Hour
				}
				pass(within)
				if n := len(s.api.Quantities()); n < 100 {
					s.t.Errorf("got %d delivered, want the 100 others", n)
				}
				s.end()
			})
		})
	}
}

func TestSomeForbiddenProductsCostTheOthersLittle(t *testing.T) {
	inBubble(t, "  rate: 50/s\n", "", func(s *store) {
		rows := manyRows(300)
		for _, row := range rows[:5] {
			inject(s.t, s.api, "403,code="+row[:12])
		}
		s.drop("stock.csv", rows...)
		s.start()
		pass(30 * time.Minute)
		st := s.status()
		if st.Delivered != 295 || st.Dead != 5 || st.Pending != 0 || st.State != "running" {
			s.t.Errorf("got %+v", st)
		}
		s.end()
	})
}

func TestAForbiddenProductThatIsTriedAgainPausesNothing(t *testing.T) {
	inBubble(t, "", "    rescan: 1h\n", func(s *store) {
		inject(s.t, s.api, "403,code="+upcA)
		s.drop("stock.csv", upcA+",0", upcB+",5", upcC+",5")
		s.start()
		pass(2 * time.Hour)
		for range 5 { // it is tried again after 1, 2 and 4 days
			pass(48 * time.Hour)
			if st := s.status(); st.State != "running" || st.Dead != 1 || st.API.State != "ok" {
				s.t.Errorf("got %+v", st)
			}
		}
		s.end()
	})
}

func TestATokenThatExpiresWhileRequestsAreOnTheirWayMakesNoDeadLetters(t *testing.T) { // I13
	inBubble(t, "  rate: unlimited\n  concurrency: 8\n", "", func(s *store) {
		s.api.SetLatency(2*time.Second, time.Second)
		s.drop("stock.csv", manyRows(200)...)
		s.start()
		pass(40 * time.Second)
		inject(s.t, s.api, "403")
		pass(6 * time.Hour)
		if st := s.status(); st.Dead != 0 || st.State != "paused" {
			s.t.Errorf("got %+v", st)
		}
		s.api.ClearFaults()
		pass(time.Hour)
		if st := s.status(); st.Delivered < 200 || st.Pending != 0 || st.State != "running" {
			s.t.Errorf("got %+v", st)
		}
		s.end()
	})
}

func TestAPauseThatTheAPIAsksForOutlivesOlderAnswers(t *testing.T) {
	inBubble(t, "  rate: unlimited\n  concurrency: 8\n", "", func(s *store) {
		inject(s.t, s.api, "429,nth=3,retry-after=600")
		inject(s.t, s.api, "slow,next=5,delay=5s")
		s.drop("stock.csv", manyRows(100)...)
		s.start()
		pass(40 * time.Second)
		before := s.requests()
		s.setToken("changed") // which is no reason to go on
		s.line.cut.Store(true)
		pass(9 * time.Minute)
		s.line.cut.Store(false)
		s.setToken(goodToken)
		if n := s.requests(); n != before || s.line.tries.Load() != 0 {
			s.t.Errorf("got %d requests during the pause", n-before)
		}
		pass(5 * time.Minute)
		if n := len(s.api.Quantities()); n != 100 {
			s.t.Errorf("got %d delivered, want 100", n)
		}
		s.end()
	})
}

func TestWithoutAConnectionTheDrainBacksOffAsOneAndIsBackWithin30Seconds(t *testing.T) { // P13, A15
	inBubble(t, "  rate: unlimited\n  concurrency: 16\n", "    rescan: 10m\n", func(s *store) {
		s.line.cut.Store(true)
		s.drop("stock.csv", manyRows(500)...)
		s.start()
		pass(12 * time.Minute)
		for range 20 {
			before := s.line.tries.Load()
			pass(31 * time.Second)
			if s.line.tries.Load() == before {
				s.t.Error("no try in 31 s")
			}
		}
		pass(2 * time.Hour)
		if n := s.line.tries.Load(); n > 3*3600/5 {
			s.t.Errorf("got %d tries in two hours", n)
		}
		if st := s.status(); st.API.State != "no connection" || st.State != "running" || st.ToConfirm != 0 {
			s.t.Errorf("got %+v", st)
		}
		s.line.cut.Store(false)
		pass(31 * time.Second)
		if n := len(s.api.Quantities()); n != 500 {
			s.t.Errorf("got %d delivered within 31 s, want 500", n)
		}
		if n := s.lines("no connection to the API"); n != 1 {
			s.t.Errorf("it was told %d times, want once", n)
		}
		s.end()
	})
}

func TestHalfOfTheAnswersBeingErrorsCostsLessThanTwoThirdsOfTheRate(t *testing.T) { // A13
	for _, fault := range []string{"500=50%", "503=50%", "502=50%", "close=50%"} {
		t.Run(fault, func(t *testing.T) {
			inBubble(t, "  rate: 10/s\n", "", func(s *store) {
				inject(t, s.api, fault)
				s.api.SetLatency(50*time.Millisecond, 50*time.Millisecond)
				s.drop("stock.csv", manyRows(1200)...)
				s.start()
				pass(32 * time.Second)
				before := s.status().Delivered
				pass(100 * time.Second)
				if n := s.status().Delivered - before; n < 400 {
					s.t.Errorf("got %d delivered in 100 s at 10/s, want 40 %% of it", n)
				}
				if n := s.lines("level=ERROR"); n > 2 {
					s.t.Errorf("got %d lines in the log, want that which comes and goes told once", n)
				}
				s.end()
			})
		})
	}
}

func TestAStopGivesRequestsTenSecondsAndStoresWhatCameOfThem(t *testing.T) { // P8, I20
	inBubble(t, "  rate: unlimited\n  concurrency: 50\n", "", func(s *store) {
		inject(s.t, s.api, "hang,next=4,apply=now")
		s.api.SetLatency(5*time.Second, 0)
		s.drop("stock.csv", manyRows(100)...)
		s.start()
		pass(4 * time.Second)
		sent := s.requests()
		if n := s.status().InFlight; n < 50 {
			s.t.Errorf("got %d in flight, want 50", n)
		}
		began := time.Now()
		s.end()
		if took := time.Since(began); took > 11*time.Second {
			s.t.Errorf("the stop took %v", took)
		}
		if n := s.requests(); n != sent {
			s.t.Errorf("got %d requests after the stop", n-sent)
		}
		s.start()
		if st := s.status(); st.Delivered != int64(sent)-4 {
			s.t.Errorf("got %d delivered, want %d", st.Delivered, sent-4)
		}
		s.api.SetLatency(0, 0)
		pass(10 * time.Minute)
		if n := len(s.api.Quantities()); n != 100 {
			s.t.Errorf("got %d delivered, want 100", n)
		}
		s.end()
	})
}

// TestWhatIsAcknowledgedIsStoredAtOnceThoughTheNextAnswerNeverComes: the answer before it need not wake the drain.
func TestWhatIsAcknowledgedIsStoredAtOnceThoughTheNextAnswerNeverComes(t *testing.T) {
	inBubble(t, "  rate: unlimited\n  concurrency: 1\n", "", func(s *store) {
		const hangs = 1500
		inject(s.t, s.api, fmt.Sprint("hang,nth=", hangs))
		s.drop("stock.csv", manyRows(hangs+500)...)
		s.start()
		pass(4 * time.Second)
		if n := s.requests(); n != hangs {
			s.t.Fatalf("got %d requests, want that one of them hangs", n)
		}
		if st := s.status(); st.Delivered != hangs-1 {
			s.t.Errorf("got %d delivered, want %d", st.Delivered, hangs-1)
		}
		s.end()
	})
}

func TestATokenThatTheAPIQuotesIsNowhere(t *testing.T) { // promise 11
	for _, fault := range []string{"401,words=bad token %s", "403,words=no rights for %s", "422,words=what is %s", "500,words=%s broke it", "302,location=https://x.example/?t=%s"} {
		const secret = "tp-secret/7Q+zz=="
		t.Run(fault, func(t *testing.T) {
			inBubble(t, "", "", func(s *store) {
				s.setToken(secret)
				if !strings.HasPrefix(fault, "401") {
					s.api.SetToken(secret)
				}
				inject(t, s.api, strings.ReplaceAll(fault, "%s", secret))
				s.drop("stock.csv", manyRows(20)...)
				s.start()
				pass(time.Hour)
				status := fmt.Sprintf("%+v", s.status())
				s.end()
				seen := map[string]string{"the log": s.log.String(), "the status": status}
				for _, name := range s.files("data") {
					data, err := os.ReadFile(name)
					if err != nil {
						t.Fatal(err)
					}
					seen[name] = string(data)
				}
				for where, text := range seen {
					if strings.Contains(text, secret) || strings.Contains(text, "7Q+zz") {
						t.Errorf("the token is in %s", where)
					}
				}
			})
		})
	}
}

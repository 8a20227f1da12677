package agent_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tillpost/mockapi"
)

func TestAnExportReachesTheAPIAndOnlyItsChangesFollow(t *testing.T) {
	t.Parallel()
	s := newStore(t, "", "")
	synctest.Test(t, func(t *testing.T) {
		s.t = t
		s.start()
		s.drop("stock-1.csv", upcA+",12", upcB+",0")
		pass(time.Minute)
		s.want(map[string]int64{upcA: 12, upcB: 0})
		s.drop("stock-2.csv", upcA+",12", upcB+",3", upcC+",7")
		pass(time.Minute)
		s.want(map[string]int64{upcA: 12, upcB: 3, upcC: 7})
		if n := s.requests(); n != 4 {
			t.Errorf("got %d requests, want 4", n)
		}
		if st := s.status(); st.Pending != 0 || st.Delivered != 4 || st.Unchanged != 1 || st.State != "running" {
			t.Errorf("got %+v", st)
		}
		s.end()
	})
}

func TestANightWithoutTheAPIEndsWithOneRequestAKey(t *testing.T) { // A12, I1
	t.Parallel()
	s := newStore(t, "", "")
	synctest.Test(t, func(t *testing.T) {
		s.t = t
		s.api.SetDown(503)
		s.start()
		for i, figures := range [][2]string{{"1", "9"}, {"2", "9"}, {"3", "8"}, {"4", "8"}, {"5", "8"}} {
			s.drop("stock-"+string(rune('1'+i))+".csv", upcA+","+figures[0], upcB+","+figures[1])
			pass(2 * time.Hour)
		}
		s.api.SetDown(0)
		pass(10 * time.Minute)
		s.want(map[string]int64{upcA: 5, upcB: 8})
		for _, item := range s.api.State().Items {
			if item.Applied != 1 {
				t.Errorf("%v was applied %d times, want once", item.Key, item.Applied)
			}
		}
		s.end()
	})
}

func TestAWrongTokenPausesTheDrainAndTheRightOneEndsThatAtOnce(t *testing.T) { // A9, I13
	t.Parallel()
	s := newStore(t, "", "")
	synctest.Test(t, func(t *testing.T) {
		s.t = t
		s.setToken("wrong")
		s.start()
		s.drop("stock.csv", upcA+",12", upcB+",0")
		pass(24 * time.Hour)
		if st := s.status(); st.State != "paused" || st.Pending != 2 || st.Dead != 0 || st.API.State != "token not accepted" {
			t.Errorf("got %+v", st)
		}
		if n := s.requests(); n > 24*12+5 {
			t.Errorf("got %d requests in a day, want a probe every 5 minutes", n)
		}
		s.setToken(goodToken)
		pass(3 * time.Second)
		s.want(map[string]int64{upcA: 12, upcB: 0})
		if st := s.status(); st.State != "running" || st.API.State != "ok" {
			t.Errorf("got %+v", st)
		}
		s.end()
		if strings.Contains(s.log.String(), goodToken) {
			t.Error("the log holds the token")
		}
		if n := strings.Count(s.log.String(), "does not take the token"); n != 1 {
			t.Errorf("the trouble was logged %d times, want once", n)
		}
	})
}

func TestRetryAfterIsObeyedByTheWholeDrain(t *testing.T) { // A11, R7
	t.Parallel()
	s := newStore(t, "", "")
	synctest.Test(t, func(t *testing.T) {
		s.t = t
		inject(t, s.api, "429,next=1,retry-after=600")
		s.start()
		s.drop("stock.csv", upcA+",12", upcB+",0", upcC+",4")
		pass(40 * time.Second)
		before := s.requests()
		if before > 4 {
			t.Errorf("got %d requests, want at most those that were under way", before)
		}
		pass(9 * time.Minute)
		if n := s.requests(); n != before {
			t.Errorf("got %d requests during the pause", n-before)
		}
		pass(2 * time.Minute)
		s.want(map[string]int64{upcA: 12, upcB: 0, upcC: 4})
		s.end()
	})
}

func TestACaptivePortalAcknowledgesNothing(t *testing.T) { // A7, H4
	for _, fault := range []string{"portal", "portal,apply=now", "302,location=http://login.example/", "html"} {
		t.Run(fault, func(t *testing.T) {
			inBubble(t, "", "    rescan: 1h\n", func(s *store) {
				inject(t, s.api, fault)
				s.drop("stock.csv", upcA+",12", upcB+",0")
				s.start()
				pass(10 * time.Hour)
				if st := s.status(); st.Pending != 2 || st.Delivered != 0 || st.Dead != 0 || st.State != "paused" || st.API.State != "not our API" || st.API.LastError == "" {
					t.Errorf("got %+v", st)
				}
				if n := s.requests(); n > 10*12+5 {
					t.Errorf("got %d requests in ten hours, want a probe every 5 minutes", n)
				}
				if n := s.lines("what answers is not the Inventory Update API"); n != 1 || s.lines("level=ERROR") != 1 {
					t.Errorf("it was told %d times, want once", n)
				}
				s.api.ClearFaults()
				pass(20 * time.Minute)
				s.want(map[string]int64{upcA: 12, upcB: 0})
				s.end()
			})
		})
	}
}

func TestAForbiddenKeyIsItsOwnDeadLetterWhileOthersPass(t *testing.T) { // I14
	t.Parallel()
	s := newStore(t, "", "")
	synctest.Test(t, func(t *testing.T) {
		s.t = t
		inject(t, s.api, "403,code="+upcB)
		s.start()
		s.drop("stock.csv", upcA+",12", upcB+",0", upcC+",4")
		pass(time.Hour)
		s.want(map[string]int64{upcA: 12, upcC: 4})
		if st := s.status(); st.Dead != 1 || st.Pending != 0 || st.State != "running" {
			t.Errorf("got %+v", st)
		}
		s.end()
	})
}

func TestOnePoisonedProductDelaysNoOther(t *testing.T) { // I14
	t.Parallel()
	s := newStore(t, "", "")
	synctest.Test(t, func(t *testing.T) {
		s.t = t
		inject(t, s.api, "500,code="+upcB)
		s.start()
		s.drop("stock.csv", upcA+",12", upcB+",0", upcC+",4")
		pass(40 * time.Second)
		s.want(map[string]int64{upcA: 12, upcC: 4})
		if st := s.status(); st.Pending != 1 || st.State != "running" {
			t.Errorf("got %+v", st)
		}
		s.end()
	})
}

func TestALastRowWithoutALineEndWaitsWhileTheOthersGo(t *testing.T) { // promise 6
	t.Parallel()
	s := newStore(t, "", "    settle: 2s\n    settle_last: 40s\n")
	synctest.Test(t, func(t *testing.T) {
		s.t = t
		s.start()
		s.write("stock.csv", "UPC,On Hand\n"+upcA+",12\n"+upcB+",1")
		pass(38 * time.Second)
		s.want(map[string]int64{upcA: 12})
		s.write("stock.csv", "UPC,On Hand\n"+upcA+",12\n"+upcB+",125")
		pass(38 * time.Second)
		s.want(map[string]int64{upcA: 12})
		pass(time.Minute)
		s.want(map[string]int64{upcA: 12, upcB: 125})
		if st := s.status(); st.Rejects != 0 || st.Delivered != 2 || st.Unchanged > 1 {
			t.Errorf("got %+v", st)
		}
		s.end()
	})
}

func TestAnOlderExportThatComesLateOverwritesNothing(t *testing.T) { // O5, W9, I6, promise 8
	t.Parallel()
	s := newStore(t, "", "")
	synctest.Test(t, func(t *testing.T) {
		s.t = t
		s.start()
		pass(48 * time.Hour)
		s.drop("stock-2.csv", upcA+",12", upcB+",5")
		pass(time.Hour)
		s.writeAt("stock-1.csv", "UPC,On Hand\n"+upcA+",99\n"+upcC+",7\n", time.Now().Add(-3*time.Hour))
		pass(time.Hour)
		s.want(map[string]int64{upcA: 12, upcB: 5, upcC: 7})
		s.end()
	})
}

func TestAtTheFirstStartOnlyTheNewestOfEachFamilyAndTheLastDayAreRead(t *testing.T) {
	t.Parallel()
	s := newStore(t, "", "")
	synctest.Test(t, func(t *testing.T) {
		s.t = t
		now := time.Now()
		s.writeAt("stock-1.csv", "UPC,On Hand\n"+upcA+",1\n", now.Add(-72*time.Hour))
		s.writeAt("stock-2.csv", "UPC,On Hand\n"+upcB+",2\n", now.Add(-48*time.Hour))
		s.writeAt("delta-9.csv", "UPC,On Hand\n"+upcC+",3\n", now.Add(-96*time.Hour))
		s.start()
		pass(time.Minute)
		s.want(map[string]int64{upcB: 2, upcC: 3})
		s.end()
		s.start() // and they are not read at the next start either
		pass(time.Minute)
		s.want(map[string]int64{upcB: 2, upcC: 3})
		if n := s.requests(); n != 2 {
			t.Errorf("got %d requests, want 2", n)
		}
		s.end()
	})
}

func TestARequestThatLandsLateIsRepairedByTheConfirmation(t *testing.T) { // A2, I5
	t.Parallel()
	s := newStore(t, "", "")
	synctest.Test(t, func(t *testing.T) {
		s.t = t
		inject(t, s.api, "hang,next=1,apply=60s")
		s.start()
		s.drop("stock.csv", upcA+",3")
		pass(40 * time.Second) // 3 is under way, unanswered
		s.drop("stock.csv", upcA+",5")
		pass(20 * time.Minute)
		s.want(map[string]int64{upcA: 5})
		if st := s.status(); st.Pending != 0 {
			t.Errorf("got %+v", st)
		}
		s.end()
	})
}

func TestTheSameBytesAgainAreNothingNewUnlessAnotherExportCameBetween(t *testing.T) { // W8, I9, promise 6
	t.Parallel()
	s := newStore(t, "", "")
	synctest.Test(t, func(t *testing.T) {
		s.t = t
		s.start()
		for _, figure := range []string{"5", "5", "7", "5"} {
			s.drop("stock.csv", upcA+","+figure)
			pass(time.Minute)
		}
		s.want(map[string]int64{upcA: 5})
		if n := s.requests(); n != 3 {
			t.Errorf("got %d requests, want 5, 7, 5", n)
		}
		s.end()
	})
}

func TestABadExportChangesNothingAndIsTold(t *testing.T) { // promises 7 and 10
	t.Parallel()
	s := newStore(t, "", "")
	synctest.Test(t, func(t *testing.T) {
		s.t = t
		s.start()
		s.drop("stock-1.csv", upcA+",5", "no code,3", upcB+",1O")
		pass(time.Minute)
		s.write("stock-2.csv", "Product,Colour\nshoe,red\n")
		pass(time.Minute)
		st := s.status()
		if st.Rejects != 2 || st.Sources[0].LastExport == nil || st.Sources[0].LastExport.Refused == "" {
			t.Errorf("got %+v", st)
		}
		s.drop("stock-3.csv", upcA+",6")
		pass(time.Minute)
		s.want(map[string]int64{upcA: 6})
		s.end()
	})
}

func TestWhatIsTakenNeedsItsFileNoMore(t *testing.T) {
	t.Parallel()
	for _, after := range []string{"delete", "archive"} {
		s := newStore(t, "", "    after: "+after+"\n")
		synctest.Test(t, func(t *testing.T) {
			s.t = t
			s.api.SetDown(500)
			s.start()
			s.drop("stock.csv", upcA+",5", upcB+",6")
			pass(time.Minute)
			if left := s.folder("in"); len(left) != 0 {
				t.Errorf("%s: the folder holds %v", after, left)
			}
			if kept := s.folder("data/archive/main"); (after == "archive") != (len(kept) == 1) {
				t.Errorf("%s: the archive holds %v", after, kept)
			}
			s.end()
			s.api.SetDown(0)
			s.start()
			pass(10 * time.Minute)
			s.want(map[string]int64{upcA: 5, upcB: 6})
			s.end()
		})
	}
}

func TestTheRateIsKeptInEverySecond(t *testing.T) { // A14
	t.Parallel()
	s := newStore(t, "  rate: 5/s\n  burst: 3\n", "")
	synctest.Test(t, func(t *testing.T) {
		s.t = t
		s.start()
		s.drop("stock.csv", manyRows(100)...)
		pass(time.Minute)
		if n := s.api.MaxPerWindow(time.Second); n > 8 {
			t.Errorf("got %d requests in one second, want at most 5 and a burst of 3", n)
		}
		if n := len(s.api.Quantities()); n != 100 {
			t.Errorf("got %d delivered, want 100", n)
		}
		s.end()
	})
}

func TestAPauseByCommandHoldsOverARestart(t *testing.T) {
	t.Parallel()
	s := newStore(t, "", "")
	synctest.Test(t, func(t *testing.T) {
		s.t = t
		s.start()
		s.pause(true)
		s.drop("stock.csv", upcA+",5")
		pass(time.Hour)
		s.end()
		s.start()
		pass(time.Hour)
		if st := s.status(); s.requests() != 0 || st.State != "paused" || st.Pending != 1 {
			t.Errorf("got %d requests and %+v", s.requests(), st)
		}
		s.pause(false)
		pass(time.Second)
		s.want(map[string]int64{upcA: 5})
		s.end()
	})
}

func inject(t *testing.T, api *mockapi.Server, fault string) {
	t.Helper()
	f, err := mockapi.ParseFault(fault)
	if err == nil {
		err = api.Inject(f)
	}
	if err != nil {
		t.Fatal(err)
	}
}

//go:build clock

package agent_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"tillpost/testkit"
)

// TestAClockThatIsSetBackDelaysNoRound: TestAClockThatIsSet of the whole program runs it.
func TestAClockThatIsSetBackDelaysNoRound(t *testing.T) { // C1, resend_all
	s := newStore(t, "", "    after: keep\n")
	s.reconfigure("status:", everyWeek)
	synctest.Test(t, func(t *testing.T) {
		s.t = t
		pass(400 * 24 * time.Hour)
		s.start()
		s.write("stock-1.csv", stock(0, 20, all(3)))
		pass(time.Hour)
		s.wantSent(20, 1)
		testkit.SetClock(-200 * 24 * time.Hour)
		pass(8 * 24 * time.Hour)
		if n := s.requests(); n < 40 || n > 60 { // a round that is due whatever the clock says, and perhaps one at once
			t.Errorf("got %d requests in the week after the clock was set back, want a round of 20, or two", n-20)
		}
		s.end()
		testkit.SetClock(200 * 24 * time.Hour)
	})
}

// TestAClockThatIsSetBackDelaysNoConfirmation: by less than a minute, while nothing else happens that could wake the drain.
func TestAClockThatIsSetBackDelaysNoConfirmation(t *testing.T) { // C1, promise 4
	s := newStore(t, "  confirm: 30m\n", "    rescan: 1s\n    settle: 0s\n")
	synctest.Test(t, func(t *testing.T) {
		s.t = t
		s.start()
		inject(t, s.api, "hang,apply=20s,next=1")
		s.write("stock-1.csv", "UPC,On Hand\n"+upcA+",5\n")
		pass(5 * time.Second)
		s.write("stock-2.csv", "UPC,On Hand\n"+upcA+",7\n")
		pass(5 * time.Minute)
		if st := s.status(); st.ToConfirm != 1 {
			t.Fatalf("got %+v, want one that is to be confirmed", st)
		}
		testkit.SetClock(-20 * time.Second)
		pass(26 * time.Minute)
		if st := s.status(); st.Pending != 0 {
			t.Errorf("got %+v, want the confirmation to be sent", st)
		}
		s.end()
		testkit.SetClock(20 * time.Second)
	})
}

// TestAClockThatBeginsIn1970IsMendedLater: as that of a till whose battery is empty, until it finds a time server.
func TestAClockThatBeginsIn1970IsMendedLater(t *testing.T) { // C2, I7
	const since1970 = 30 * 365 * 24 * time.Hour
	s := newStore(t, "", "    rescan: 50s\n")
	last := int64(0)
	for _, wrong := range []bool{true, false, true} {
		if wrong {
			testkit.SetClock(-since1970)
		}
		synctest.Test(t, func(t *testing.T) {
			s.t = t
			pass(time.Hour)
			s.start()
			for i := range 4 {
				last++
				s.drop("stock.csv", fmt.Sprint(upcA, ",", last), upcB+",7")
				pass(2 * time.Minute)
				s.want(map[string]int64{upcA: last, upcB: 7})
				if i == 1 && wrong {
					testkit.SetClock(since1970)
				}
			}
			s.end()
		})
	}
}

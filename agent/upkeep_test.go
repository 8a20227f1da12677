package agent_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tillpost/inventory"
)

func TestWhereTheLedgerIsFromElsewhereEverythingIsSentAgain(t *testing.T) { // I19, D11
	t.Parallel()
	s := newStore(t, "", "")
	synctest.Test(t, func(t *testing.T) {
		s.t = t
		for range 3 { // nights like any other
			s.start()
			s.drop("stock.csv", upcA+",12", upcB+",0")
			pass(time.Minute)
			s.end()
		}
		if n := s.requests(); n != 2 {
			t.Errorf("got %d requests, want 2: what was delivered is not sent again", n)
		}
		if err := os.Remove(filepath.Join(s.config.DataDir, "outbox.mark")); err != nil {
			t.Fatal(err)
		}
		s.start()
		pass(time.Minute)
		const line = "every last wanted quantity is sent again"
		if n := strings.Count(s.log.String(), line); n != 1 {
			t.Errorf("the log says %d times that %s, want once", n, line)
		}
		if st := s.status(); st.Pending != 0 || st.Delivered != 4 {
			t.Errorf("got %d pending and %d delivered, want 0 and 4", st.Pending, st.Delivered)
		}
		s.want(map[string]int64{upcA: 12, upcB: 0})
		s.end()
	})
}

func TestAProductThatIsGoneForLongIsForgotten(t *testing.T) { // I18
	t.Parallel()
	s := newStore(t, "", "    rescan: 6h\n")
	synctest.Test(t, func(t *testing.T) {
		s.t = t
		s.start()
		s.drop("stock-1.csv", upcA+",12", upcB+",0", upcC+",3")
		pass(401 * 24 * time.Hour)
		s.drop("stock-2.csv", upcA+",12")
		pass(60 * time.Hour)
		if n := strings.Count(s.log.String(), "are forgotten\" keys=1"); n != 1 {
			t.Errorf("the log says %d times that a product is forgotten, want once", n)
		}
		w, err := s.agent.Desk().Wanted(t.Context(), [][]byte{keyOf(upcA), keyOf(upcB), keyOf(upcC)})
		if err != nil || w[0] == nil || w[1] != nil || w[2] == nil {
			t.Errorf("got %v, %v; want only the second forgotten", w, err)
		}
		s.end()
	})
}

func keyOf(upc string) []byte { return inventory.Key{Store: "3", UPC: upc}.Encode() }

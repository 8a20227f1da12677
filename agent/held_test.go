package agent_test

import (
	"strings"
	"testing"
	"time"
)

func TestRejectsAreCountedOnceWhereAGuardHoldsAnotherExport(t *testing.T) {
	inBubble(t, "  rate: unlimited\n", "    duplicates: reject\n    rescan: 10s\n", func(s *store) {
		s.start()
		s.write("stock-1.csv", stock(0, 100, all(3)))
		pass(time.Minute)
		s.end()
		s.write("stock-2.csv", stock(0, 100, all(0)))
		s.write("other.csv", "UPC,On Hand\n"+upcN(200)+",1\n"+upcN(201)+",1\n"+upcN(201)+",2\n")
		s.start()
		pass(time.Minute)
		s.held(1)
		if n := s.status().Rejects; n != 2 {
			s.t.Errorf("got %d rejects, want the 2 rows of one product", n)
		}
		s.end()
	})
}

func TestAGuardOfAFewPercentHoldsToo(t *testing.T) { // promise 10
	inBubble(t, "  rate: unlimited\n", "    guard: {zero: 2%}\n", func(s *store) {
		s.start()
		s.write("stock.csv", stock(0, 100, all(3)))
		pass(time.Minute)
		s.write("stock.csv", stock(0, 100, func(n int) int { return 3 * min(1, n/3) }))
		pass(time.Minute)
		if why := s.held(1); !strings.Contains(why, "3 of the 100 products") {
			s.t.Errorf("got %q", why)
		}
		s.end()
	})
}

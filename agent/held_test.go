package agent_test

import (
	"strings"
	"testing"
	"time"
)

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

package agent_test

import (
	"strings"
	"testing"
	"time"

	"tillpost/agent"
)

// release releases all that is held.
func (s *store) release() {
	s.t.Helper()
	if acted, err := s.agent.Desk().ReleaseHeld(s.t.Context(), agent.Which{All: true}); err != nil || acted.Done != 1 {
		s.t.Errorf("got %+v, %v, want one to be released", acted, err)
	}
}

// hundred are the quantities of a hundred products.
func hundred(of func(n int) int) map[string]int64 {
	want := map[string]int64{}
	for n := range 100 {
		want[upcN(n)] = int64(of(n))
	}
	return want
}

func TestAHeldExportStaysWhereAPersonCanLookAtIt(t *testing.T) { // `after`: once the outbox has it all
	inBubble(t, "  rate: unlimited\n", "    after: delete\n", func(s *store) {
		s.start()
		s.write("stock-1.csv", stock(0, 100, all(3)))
		pass(time.Minute)
		s.write("stock-2.csv", stock(0, 100, all(0)))
		s.write("stock-3.csv", stock(0, 100, all(0))) // the same bytes
		pass(time.Minute)
		s.held(1)
		if left := s.folder("in"); len(left) != 2 {
			s.t.Errorf("the folder holds %v, want what is held", left)
		}
		pass(50 * time.Hour) // over the daily look at what seems not to have changed
		s.held(1)
		if left := s.folder("in"); len(left) != 2 {
			s.t.Errorf("after two days the folder holds %v, want what is held", left)
		}
		s.end()
	})
}

func TestTheSameBytesAgainSupersedeWhatIsHeld(t *testing.T) { // promises 2, 6 and 10
	inBubble(t, "  rate: unlimited\n", "", func(s *store) {
		s.start()
		s.write("stock-1.csv", stock(0, 100, all(3)))
		pass(time.Minute)
		s.write("stock-2.csv", stock(0, 100, all(0)))
		pass(time.Minute)
		s.held(1)
		pass(50 * time.Hour)
		s.held(1) // the daily look at stock-1 is no new export
		s.write("stock-3.csv", stock(0, 100, all(3)))
		pass(time.Minute)
		s.held(0)
		s.want(hundred(all(3)))
		s.end()
	})
}

func TestALateOlderExportSupersedesNothingHeld(t *testing.T) { // promise 8
	inBubble(t, "  rate: unlimited\n", "", func(s *store) {
		s.start()
		s.write("stock-1.csv", stock(0, 100, all(3)))
		pass(2 * time.Hour)
		s.write("stock-2.csv", stock(0, 100, all(0)))
		pass(time.Minute)
		s.held(1)
		s.writeAt("stock-0.csv", stock(0, 100, all(4)), time.Now().Add(-3*time.Hour))
		pass(time.Minute)
		s.held(1)
		s.end()
	})
}

func TestALateOlderExportReplacesNothingHeld(t *testing.T) { // promise 8
	inBubble(t, "  rate: unlimited\n", "", func(s *store) {
		s.start()
		s.write("stock-1.csv", stock(0, 100, all(3)))
		pass(2 * time.Hour)
		s.write("stock-3.csv", stock(0, 100, func(n int) int { return n / 99 }))
		pass(time.Minute)
		s.held(1)
		s.writeAt("stock-2.csv", stock(0, 100, all(0)), time.Now().Add(-time.Hour))
		pass(time.Minute)
		s.held(1)
		s.release()
		pass(time.Minute)
		s.want(hundred(func(n int) int { return n / 99 }))
		s.end()
	})
}

func TestAGuardHoldsNothingThatMayStillBeWritten(t *testing.T) { // promise 6: a last row without a line end
	inBubble(t, "  rate: unlimited\n", "    settle_last: 10m\n", func(s *store) {
		s.start()
		s.write("stock.csv", stock(0, 100, all(35)))
		pass(time.Minute)
		s.write("stock.csv", strings.TrimSuffix(stock(0, 100, func(n int) int { return 3 * (n / 99) }), "\n")) // of 35
		pass(time.Minute)
		s.remove("stock.csv")
		pass(time.Hour)
		s.held(0)
		s.write("stock.csv", strings.TrimSuffix(stock(0, 100, all(0)), "\n"))
		pass(9 * time.Minute)
		s.held(0)
		pass(5 * time.Minute)
		s.held(1)
		s.release()
		pass(time.Minute)
		s.held(0)
		s.want(hundred(all(0)))
		s.end()
	})
}

func TestAReleaseForgetsNoLastRowOfWhatLiesThereNow(t *testing.T) { // promise 1
	inBubble(t, "  rate: unlimited\n", "    settle_last: 10m\n", func(s *store) {
		s.start()
		s.write("stock.csv", stock(0, 100, all(3)))
		pass(time.Minute)
		s.write("stock.csv", stock(0, 100, all(0)))
		pass(time.Minute)
		s.held(1)
		s.write("stock.csv", "UPC,On Hand\n"+upcN(0)+",5\n"+upcN(1)+",7") // its last row waits
		pass(time.Minute)
		s.held(1)
		s.release()
		pass(time.Hour)
		s.held(0)
		s.want(hundred(func(n int) int { return []int{5, 7, 0}[min(n, 2)] }))
		s.end()
	})
}

func TestWhatIsReleasedIsNotTheNewestExport(t *testing.T) { // promise 2
	inBubble(t, "  rate: unlimited\n", "    guard: {change: off}\n", func(s *store) {
		s.start()
		s.write("stock.csv", stock(0, 100, all(3)))
		pass(time.Minute)
		s.write("stock.csv", stock(0, 100, all(0)))
		pass(time.Minute)
		s.held(1)
		s.write("stock.csv", stock(0, 40, all(5)))
		pass(time.Minute)
		s.release()
		pass(time.Minute)
		s.want(hundred(func(n int) int { return 5 * (1 - min(1, n/40)) }))
		s.write("stock.csv", stock(0, 100, all(0))) // the same bytes as what was released, and newer than all
		pass(time.Minute)
		s.held(1)
		s.release()
		pass(time.Minute)
		s.want(hundred(all(0)))
		s.end()
	})
}

func TestWhatCannotBeReadOnItsReleaseStaysHeld(t *testing.T) {
	inBubble(t, "  rate: unlimited\n", "", func(s *store) {
		s.start()
		s.write("stock.csv", stock(0, 100, all(3)))
		pass(time.Minute)
		s.write("stock.csv", stock(0, 100, all(0)))
		pass(time.Minute)
		s.held(1)
		s.remove("stock.csv")
		s.end()
		s.reconfigure(`    defaults: {store: "3"}`, `    defaults: {store: "3"}`+"\n    columns: {quantity: Stock}")
		s.start()
		s.release()
		pass(time.Hour)
		s.held(1)
		if n := s.lines("a held export that was released cannot be read"); n != 1 {
			s.t.Errorf("it was logged %d times, want once", n)
		}
		s.end()
		s.reconfigure("columns: {quantity: Stock}", "columns: {quantity: On Hand}")
		s.start()
		s.release()
		pass(time.Minute)
		s.held(0)
		s.want(hundred(all(0)))
		s.end()
	})
}

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

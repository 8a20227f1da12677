package agent_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tillpost/agent"
)

// stock is an export of products, in which the n-th has the quantity that of says.
func stock(from, to int, of func(n int) int) string {
	var b strings.Builder
	b.WriteString("UPC,On Hand\n")
	for n := from; n < to; n++ {
		fmt.Fprintf(&b, "%s,%d\n", upcN(n), of(n))
	}
	return b.String()
}

// upcN is the n-th of a catalogue of valid UPCs.
func upcN(n int) string {
	digits := fmt.Sprintf("%011d", 84_963_000_000+n)
	sum := 0
	for i, c := range digits {
		sum += int(c-'0') * (3 - 2*(i%2))
	}
	return digits + fmt.Sprint((10-sum%10)%10)
}

func all(q int) func(int) int { return func(int) int { return q } }

// held checks how many exports are held, and returns what is told of the first.
func (s *store) held(n int64) string {
	s.t.Helper()
	st, err := s.agent.Status()
	if err != nil {
		s.t.Fatal(err)
	}
	if st.Held != n {
		s.t.Errorf("got %d held exports, want %d; the log:\n%s", st.Held, n, s.log.String())
	}
	e := st.Sources[0].LastExport
	if n > 0 && e != nil && e.Held {
		return e.Refused
	}
	return ""
}

func TestAGuardHoldsWhatWouldEmptyOrChangeTooMuch(t *testing.T) { // promise 10, I15, W13
	for name, c := range map[string]struct {
		guard  string
		first  string
		second string
		why    string // "" = it is not held
	}{
		"all to zero":                     {"", stock(0, 100, all(3)), stock(0, 100, all(0)), "100 of the 100 products of store 3 would go to 0"},
		"just half to zero":               {"", stock(0, 100, all(3)), stock(0, 100, func(n int) int { return 3 * (n % 2) }), ""},
		"a little more than half":         {"", stock(0, 100, all(3)), stock(0, 100, func(n int) int { return max(0, n-50) }), "51 of the 100 products of store 3 would go to 0"},
		"all that was left to zero":       {"", stock(0, 100, func(n int) int { return max(0, n-60) }), stock(0, 100, all(0)), "39 of the 100 products of store 3 would go to 0"},
		"too few are known":               {"", stock(0, 49, all(3)), stock(0, 49, all(0)), ""},
		"fewer count":                     {"    guard: {min: 10}\n", stock(0, 49, all(3)), stock(0, 49, all(0)), "49 of the 49 products"},
		"the guard is off":                {"    guard: off\n", stock(0, 100, all(3)), stock(0, 100, all(0)), ""},
		"the guard for zeros is off":      {"    guard: {zero: off, change: off}\n", stock(0, 100, all(3)), stock(0, 100, all(0)), ""},
		"nearly all have another one":     {"", stock(0, 100, all(3)), stock(0, 100, func(n int) int { return 3 + min(1, n/9) }), "91 quantities of store 3 would be new or others, where 100 are known"},
		"ninety of a hundred":             {"", stock(0, 100, all(3)), stock(0, 100, func(n int) int { return 3 + min(1, n/10) }), ""},
		"codes have shifted":              {"", stock(0, 100, all(3)), stock(200, 300, all(3)), "100 quantities of store 3 would be new or others, where 100 are known"},
		"the same again":                  {"", stock(0, 100, all(3)), stock(0, 100, all(3)) + "\n", ""},
		"a few of many, all to zero":      {"", stock(0, 100, all(3)), stock(0, 40, all(0)), ""},
		"a first export that is all zero": {"", stock(0, 100, all(0)), "", "it is the source's first export, and every quantity in it is 0"},
		"a first export that is small":    {"", stock(0, 3, all(0)), "", "it is the source's first export"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, "  rate: unlimited\n", c.guard, func(s *store) {
				s.start()
				s.write("stock.csv", c.first)
				pass(time.Minute)
				before := s.api.Quantities()
				if c.second != "" {
					s.held(0)
					s.write("stock.csv", c.second)
					pass(time.Minute)
				}
				if c.why == "" {
					s.held(0)
					if c.second != "" && c.second != c.first+"\n" && fmt.Sprint(before) == fmt.Sprint(s.api.Quantities()) {
						t.Error("it was not taken either")
					}
				} else {
					if got := s.held(1); !strings.Contains(got, c.why) {
						t.Errorf("got %q, want %q", got, c.why)
					}
					if fmt.Sprint(before) != fmt.Sprint(s.api.Quantities()) {
						t.Error("something of it was sent")
					}
				}
				s.end()
				s.start()
				pass(time.Minute)
				if c.why != "" {
					s.held(1) // over restarts
					if n := s.lines("export held"); n != 1 {
						t.Errorf("it was logged %d times, want once", n)
					}
				}
				s.end()
			})
		})
	}
}

func TestAHeldExportIsReleasedAtItsOwnRank(t *testing.T) {
	inBubble(t, "  rate: unlimited\n", "", func(s *store) {
		s.start()
		s.write("stock.csv", stock(0, 100, all(3)))
		pass(time.Minute)
		s.write("stock.csv", stock(0, 100, all(0)))
		pass(time.Minute)
		s.held(1)
		s.write("sales.csv", stock(0, 10, all(7))) // newer, and of another family
		pass(time.Minute)
		s.remove("stock.csv") // once it is held it needs the file no more
		desk := s.agent.Desk()
		list, err := desk.Held(t.Context(), "")
		if err != nil || len(list) != 1 || list[0].Kind != "zero" || list[0].Stores[0].Known != 100 || list[0].Stores[0].Zero != 100 {
			t.Fatalf("got %+v, %v", list, err)
		}
		if acted, err := desk.ReleaseHeld(t.Context(), agent.Which{IDs: []string{list[0].ID}}); err != nil || acted.Done != 1 {
			t.Fatalf("got %+v, %v", acted, err)
		}
		pass(2 * time.Second) // it does not wait for the next rescan
		s.held(0)
		want := map[string]int64{}
		for n := range 100 {
			want[upcN(n)] = 0
			if n < 10 {
				want[upcN(n)] = 7
			}
		}
		s.want(want)
		s.end()
	})
}

func TestTheNextGoodExportSupersedesAHeldOne(t *testing.T) {
	for name, c := range map[string]struct {
		next string
		held int64
	}{
		"with half its products":       {stock(50, 100, all(4)), 0},
		"with fewer than half of them": {stock(51, 100, all(4)), 1},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, "  rate: unlimited\n", "", func(s *store) {
				s.start()
				s.write("stock-1.csv", stock(0, 100, all(3)))
				pass(time.Minute)
				s.write("stock-2.csv", stock(0, 100, all(0)))
				pass(time.Minute)
				s.held(1)
				s.write("other.csv", stock(0, 100, func(n int) int { return 3 + n%2 }))
				pass(time.Minute)
				s.held(1) // another family
				s.write("stock-3.csv", c.next)
				pass(time.Minute)
				s.held(c.held)
				if n := len(s.folder("data/held")); n != int(2*c.held) {
					t.Errorf("the folder holds %v", s.folder("data/held"))
				}
				s.end()
			})
		})
	}
}

func TestWhatComesAfterAHeldExportInOneLookIsComparedWithWhatWasBefore(t *testing.T) {
	inBubble(t, "  rate: unlimited\n", "", func(s *store) {
		s.start()
		s.write("stock-1.csv", stock(0, 100, all(3)))
		pass(time.Minute)
		s.end()
		s.write("stock-2.csv", stock(0, 100, all(0)))
		s.write("stock-3.csv", stock(0, 100, func(n int) int { return 3 + n%2 }))
		s.start()
		pass(time.Minute)
		want := map[string]int64{}
		for n := range 100 {
			want[upcN(n)] = int64(3 + n%2)
		}
		s.want(want)
		s.held(0) // stock-2 was held, and superseded at once
		if n := s.lines("export held"); n != 1 {
			t.Errorf("%d exports were held, want one", n)
		}
		s.end()
	})
}

// TestTheFirstStartIsGuardedAgainstItsOwnExports: two exports lie there, and the newer would empty half of what the other
// has just said.
func TestTheFirstStartIsGuardedAgainstItsOwnExports(t *testing.T) { // promises 8 and 10
	inBubble(t, "  rate: unlimited\n", "", func(s *store) {
		s.writeAt("stock-1.csv", stock(0, 100, all(3)), time.Now().Add(-2*time.Hour))
		s.writeAt("stock-2.csv", stock(0, 100, func(n int) int { return 3 * (n % 5 / 4) }), time.Now().Add(-time.Hour))
		s.start()
		pass(time.Minute)
		if why := s.held(1); !strings.Contains(why, "80 of the 100 products of store 3 would go to 0") {
			t.Errorf("got %q", why)
		}
		s.want(hundred(all(3)))
		s.write("stock-3.csv", stock(0, 100, func(n int) int { return 3 + n%2 }))
		pass(time.Minute)
		s.held(0)
		if s.lines("a held export is superseded by a newer one") != 1 {
			t.Error("the log does not say that the held one is superseded")
		}
		s.end()
	})
}

package agent_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// shop is what the API holds: "849632048260@3=5", sorted.
func (s *store) shop() string {
	var list []string
	for k, q := range s.api.Quantities() {
		list = append(list, fmt.Sprintf("%s%s@%s=%d", k.UPC, k.SKU, k.Store, q))
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}

// TestWhatExportsLackGoesToZero: each case is exports, a minute apart, and what the shop holds after each of them.
func TestWhatExportsLackGoesToZero(t *testing.T) { // promise 10, W3, W13
	const (
		upcs   = "UPC,On Hand\n"
		stores = "UPC,Store,On Hand\n"
		whole  = "UPC,Style,Size,Width,On Hand\n"
	)
	type step struct{ name, text, want string }
	all := "036000291452@3=6 849632048260@3=5"
	gone := "036000291452@3=0 849632048260@3=%d"
	for name, c := range map[string]struct {
		source string
		steps  []step
	}{
		"not by itself": {"missing: keep", []step{
			{"1.csv", upcs + upcA + ",5\n" + upcB + ",6\n", all},
			{"2.csv", upcs + upcA + ",4\n", "036000291452@3=6 849632048260@3=4"},
			{"3.csv", upcs + upcA + ",3\n", "036000291452@3=6 849632048260@3=3"},
			{"4.csv", upcs + upcA + ",2\n", "036000291452@3=6 849632048260@3=2"},
		}},
		"at once": {"missing: zero, missing_after: 1", []step{
			{"1.csv", upcs + upcA + ",5\n" + upcB + ",6\n", all},
			{"2.csv", upcs + upcA + ",4\n", fmt.Sprintf(gone, 4)},
			{"3.csv", upcs + upcA + ",4\n" + upcB + ",2\n", "036000291452@3=2 849632048260@3=4"},
		}},
		"the second time": {"missing: zero", []step{
			{"1.csv", upcs + upcA + ",5\n" + upcB + ",6\n", all},
			{"2.csv", upcs + upcA + ",4\n", "036000291452@3=6 849632048260@3=4"},
			{"3.csv", upcs + upcA + ",3\n", fmt.Sprintf(gone, 3)},
			{"4.csv", upcs + upcA + ",2\n", fmt.Sprintf(gone, 2)},
		}},
		"in a row": {"missing: zero", []step{
			{"1.csv", upcs + upcA + ",5\n" + upcB + ",6\n", all},
			{"2.csv", upcs + upcA + ",4\n", "036000291452@3=6 849632048260@3=4"},
			{"3.csv", upcs + upcA + ",3\n" + upcB + ",6\n", "036000291452@3=6 849632048260@3=3"},
			{"4.csv", upcs + upcA + ",2\n", "036000291452@3=6 849632048260@3=2"},
			{"5.csv", upcs + upcA + ",1\n", fmt.Sprintf(gone, 1)},
		}},
		"not in a store that the export does not name": {"missing: zero, missing_after: 1", []step{
			{"1.csv", stores + upcA + ",3,5\n" + upcB + ",3,6\n" + upcA + ",5,7\n" + upcB + ",5,8\n",
				"036000291452@3=6 036000291452@5=8 849632048260@3=5 849632048260@5=7"},
			{"2.csv", stores + upcA + ",3,4\n", "036000291452@3=0 036000291452@5=8 849632048260@3=4 849632048260@5=7"},
			{"3.csv", stores + upcA + ",3,3\n" + upcA + ",5,1\n", "036000291452@3=0 036000291452@5=0 849632048260@3=3 849632048260@5=1"},
		}},
		"not for another file family": {"missing: zero, missing_after: 1", []step{
			{"full-1.csv", upcs + upcA + ",5\n" + upcB + ",6\n", all},
			{"changes-1.csv", upcs + upcA + ",4\n", "036000291452@3=6 849632048260@3=4"},
			{"changes-2.csv", upcs + upcA + ",3\n", "036000291452@3=6 849632048260@3=3"},
			{"full-2.csv", upcs + upcA + ",2\n", fmt.Sprintf(gone, 2)},
		}},
		"not where another export has named it since": {"missing: zero, missing_after: 1", []step{
			{"full-1.csv", upcs + upcA + ",5\n" + upcB + ",6\n", all},
			{"changes-1.csv", upcs + upcB + ",6\n", all},
			{"full-2.csv", upcs + upcA + ",4\n", "036000291452@3=6 849632048260@3=4"},
			{"full-3.csv", upcs + upcA + ",3\n", fmt.Sprintf(gone, 3)},
		}},
		"not under its SKU for it has a UPC now": {"missing: zero, missing_after: 1", []step{
			{"1.csv", whole + upcA + ",A,1,D,5\n,B,2,D,6\n", "849632048260@3=5 B@3=6"},
			{"2.csv", whole + upcA + ",A,1,D,4\n" + upcB + ",B,2,D,7\n", "036000291452@3=7 849632048260@3=4 B@3=6"},
			{"3.csv", whole + upcA + ",A,1,D,3\n" + upcB + ",B,2,D,1O\n", "036000291452@3=7 849632048260@3=3 B@3=6"},
		}},
		"not under its UPC for it has lost that": {"missing: zero, missing_after: 1", []step{
			{"1.csv", whole + upcA + ",A,1,D,5\n" + upcB + ",B,2,D,6\n", all},
			{"2.csv", whole + upcA + ",A,1,D,4\nlost,B,2,D,2\n", "036000291452@3=6 849632048260@3=4 B@3=2"},
			{"3.csv", whole + upcA + ",A,1,D,3\nlost,B,2,D,1\n", "036000291452@3=6 849632048260@3=3 B@3=1"},
			{"4.csv", whole + upcA + ",A,1,D,2\n", "036000291452@3=0 849632048260@3=2 B@3=0"},
		}},
		"not where its row is a reject or has no quantity": {"missing: zero, missing_after: 1", []step{
			{"1.csv", upcs + upcA + ",5\n" + upcB + ",6\n", all},
			{"2.csv", upcs + upcA + ",4\n" + upcB + ",\n", "036000291452@3=6 849632048260@3=4"},
			{"3.csv", upcs + upcA + ",3\n" + upcB + ",1O\n", "036000291452@3=6 849632048260@3=3"},
			{"4.csv", upcs + upcA + ",2\n", fmt.Sprintf(gone, 2)},
		}},
		"not where a row without a good code may be it": {"missing: zero, missing_after: 1", []step{
			{"1.csv", upcs + upcA + ",5\n" + upcB + ",6\nservice,1\n", all},
			{"2.csv", upcs + upcA + ",4\n3.6E+10,6\nservice,1\n", "036000291452@3=6 849632048260@3=4"},
			{"3.csv", upcs + upcA + ",3\nservice,1\n", fmt.Sprintf(gone, 3)},
		}},
		"no export of another kind counts": {"missing: zero, missing_after: 1", []step{
			{"1.csv", upcs + upcA + ",5\n" + upcB + ",6\n", all},
			{"2.csv", upcs + upcC + ",1\n", "012345678905@3=1 " + all},
			{"3.csv", upcs + upcC + ",2\n" + upcA + ",4\n", "012345678905@3=2 036000291452@3=6 849632048260@3=4"},
			{"4.csv", upcs + upcC + ",3\n", "012345678905@3=3 036000291452@3=6 849632048260@3=0"},
		}},
		"with a reserve and negatives": {"missing: zero, missing_after: 1, reserve: 2, negative: keep", []step{
			{"1.csv", upcs + upcA + ",7\n" + upcB + ",8\n", all},
			{"2.csv", upcs + upcA + ",6\n", fmt.Sprintf(gone, 4)},
		}},
	} {
		source := "    " + strings.ReplaceAll(c.source, ", ", "\n    ") + "\n"
		for _, restart := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, with restarts %v", name, restart), func(t *testing.T) {
				inBubble(t, "", source, func(s *store) {
					s.start()
					for _, st := range c.steps {
						s.write(st.name, st.text)
						pass(2 * time.Minute)
						if got := s.shop(); got != st.want {
							t.Errorf("after %s: the shop holds\n%s, want\n%s", st.name, got, st.want)
						}
						if restart {
							s.end()
							s.start()
						}
					}
					s.end()
				})
			})
		}
	}
}

// TestExportsThatCameTogetherAreCountedOneByOne: the PC was off, and the POS wrote into the share.
func TestExportsThatCameTogetherAreCountedOneByOne(t *testing.T) { // promise 8
	inBubble(t, "", "    missing: zero\n", func(s *store) {
		s.drop("1.csv", upcA+",5", upcB+",6", upcC+",7")
		s.start()
		pass(time.Minute)
		s.end()
		s.start()
		pass(time.Hour)
		s.writeAt("2.csv", "UPC,On Hand\n"+upcA+",5\n"+upcC+",7\n", time.Now().Add(-30*time.Minute))
		s.writeAt("3.csv", "UPC,On Hand\n"+upcA+",4\n", time.Now().Add(-20*time.Minute))
		s.writeAt("4.csv", "UPC,On Hand\n"+upcA+",3\n"+upcC+",7\n", time.Now().Add(-10*time.Minute))
		pass(2 * time.Minute)
		s.want(map[string]int64{upcA: 3, upcB: 0, upcC: 7})
		why, err := s.agent.Desk().Why(s.t.Context(), upcB)
		if err != nil || len(why.Keys) != 1 || !why.Keys[0].Set.Missing || why.Keys[0].Set.Export != "3.csv" {
			t.Errorf("got %+v, %v, want it missing in 3.csv", why, err)
		}
		s.end()
	})
}

// TestALateOlderExportSaysNothingOfWhatIsMissingNow: it was left in the share.
func TestALateOlderExportSaysNothingOfWhatIsMissingNow(t *testing.T) { // W9
	inBubble(t, "", "    missing: zero\n    missing_after: 1\n", func(s *store) {
		s.drop("1.csv", upcA+",5", upcB+",6")
		s.start()
		pass(time.Hour)
		s.drop("2.csv", upcA+",4", upcB+",6", upcC+",7")
		pass(time.Minute)
		s.writeAt("0.csv", "UPC,On Hand\n"+upcA+",9\n"+upcB+",9\n", time.Now().Add(-30*time.Minute))
		pass(2 * time.Minute)
		s.want(map[string]int64{upcA: 4, upcB: 6, upcC: 7})
		s.drop("3.csv", upcA+",3", upcC+",7")
		pass(2 * time.Minute)
		s.want(map[string]int64{upcA: 3, upcB: 0, upcC: 7})
		s.end()
	})
}

// TestALastRowThatWaitsIsNotMissing: it is counted once the export has it.
func TestALastRowThatWaitsIsNotMissing(t *testing.T) { // promise 6
	inBubble(t, "", "    missing: zero\n    missing_after: 1\n    settle_last: 5m\n", func(s *store) {
		s.drop("1.csv", upcA+",5", upcB+",6", upcC+",7")
		s.start()
		pass(time.Minute)
		s.write("2.csv", "UPC,On Hand\n"+upcA+",4\n"+upcB+",3")
		pass(2 * time.Minute)
		s.want(map[string]int64{upcA: 4, upcB: 6, upcC: 7})
		pass(10 * time.Minute)
		s.want(map[string]int64{upcA: 4, upcB: 3, upcC: 0})
		s.end()
	})
}

func TestAnExportThatLacksTooMuchIsHeld(t *testing.T) { // W13, I15
	inBubble(t, "  rate: unlimited\n", "    missing: zero\n    missing_after: 1\n", func(s *store) {
		s.start()
		s.write("1.csv", stock(0, 100, all(3)))
		pass(time.Minute)
		s.write("2.csv", stock(0, 49, all(3)))
		pass(time.Minute)
		if why := s.held(1); !strings.Contains(why, "51 of the 100 products of store 3 are not in it") {
			t.Errorf("got %q", why)
		}
		s.want(hundred(all(3)))
		s.end()
		s.start()
		s.held(1)
		s.write("3.csv", stock(0, 50, all(3))) // half: not more than the share
		pass(time.Minute)
		s.held(0)
		s.want(hundred(func(n int) int { return map[bool]int{true: 3}[n < 50] }))
		s.end()
	})
}

func TestAReleasedExportThatLacksMuchCounts(t *testing.T) {
	inBubble(t, "  rate: unlimited\n", "    missing: zero\n    missing_after: 1\n", func(s *store) {
		s.start()
		s.write("1.csv", stock(0, 100, all(3)))
		pass(time.Minute)
		s.write("2.csv", stock(0, 30, all(3)))
		pass(time.Minute)
		s.held(1)
		s.release()
		pass(time.Minute)
		s.want(hundred(func(n int) int { return map[bool]int{true: 3}[n < 30] }))
		s.end()
	})
}

// TestMissingIsOffForExportsThatAreNoFullLists: loudly, as long as the newest one is such.
func TestMissingIsOffForExportsThatAreNoFullLists(t *testing.T) {
	inBubble(t, "  rate: unlimited\n", "    missing: zero\n    missing_after: 1\n", func(s *store) {
		s.start()
		want := map[string]int64{}
		for i := range 4 {
			s.write(fmt.Sprintf("sold-%d.csv", i), stock(40*i, 40*i+43, all(i+1))) // three in common
			for n := 40 * i; n < 40*i+43; n++ {
				want[upcN(n)] = int64(i + 1)
			}
			pass(time.Minute)
			s.held(0)
		}
		s.want(want)
		if n := s.lines("missing: zero is off for this export"); n != 3 {
			t.Errorf("got %d lines about it, want 3", n)
		}
		if src := s.status().Sources[0]; src.State != "problem" || !strings.Contains(src.Problem, "missing: zero is off") {
			t.Errorf("got %+v", src)
		}
		s.write("sold-9.csv", stock(120, 150, all(9)))
		pass(time.Minute)
		for n := 120; n < 163; n++ {
			want[upcN(n)] = int64(9 * (1 - n/150))
		}
		s.want(want)
		if src := s.status().Sources[0]; src.State != "ok" {
			t.Errorf("got %+v", src)
		}
		s.end()
	})
}

// TestAnotherMappingEmptiesNothing: what the old one named is not missing.
func TestAnotherMappingEmptiesNothing(t *testing.T) { // O2
	inBubble(t, "", "    missing: zero\n    missing_after: 1\n    identify_by: upc\n", func(s *store) {
		const head = "UPC,Style,Size,Width,On Hand\n"
		s.start()
		s.write("1.csv", head+upcA+",A,1,D,5\n"+upcB+",B,2,D,6\n")
		pass(time.Minute)
		s.end()
		s.reconfigure("identify_by: upc", "identify_by: sku")
		s.start()
		pass(time.Minute)
		s.write("2.csv", head+upcA+",A,1,D,4\n"+upcB+",B,2,D,3\n")
		pass(2 * time.Minute)
		if got, want := s.shop(), "036000291452@3=6 849632048260@3=5 A@3=4 B@3=3"; got != want {
			t.Errorf("the shop holds %s, want %s", got, want)
		}
		s.write("3.csv", head+upcA+",A,1,D,2\n")
		pass(2 * time.Minute)
		if got, want := s.shop(), "036000291452@3=6 849632048260@3=5 A@3=2 B@3=0"; got != want {
			t.Errorf("the shop holds %s, want %s", got, want)
		}
		s.end()
	})
}

// TestAnotherReadingOfTheCodesEmptiesNothing: most keys are as before, and one is another.
func TestAnotherReadingOfTheCodesEmptiesNothing(t *testing.T) { // O2
	inBubble(t, "", "    missing: zero\n    missing_after: 1\n    upc: checked\n", func(s *store) {
		s.start()
		s.drop("1.csv", upcA+",5", "0"+upcB+",6", upcC+",7")
		pass(time.Minute)
		s.end()
		s.reconfigure("upc: checked", "upc: as_is")
		s.start()
		pass(time.Minute)
		s.drop("2.csv", upcA+",4", "0"+upcB+",3", upcC+",7")
		pass(2 * time.Minute)
		s.want(map[string]int64{upcA: 4, upcB: 6, "0" + upcB: 3, upcC: 7})
		s.end()
	})
}

// TestMissingInALargeExport: with named sets, and what is missing from three partitions.
func TestMissingInALargeExport(t *testing.T) {
	inBubble(t, "  rate: unlimited\n", "    missing: zero\n", func(s *store) {
		const n = 5000
		s.start()
		want := map[string]int64{}
		for i := range n {
			want[upcN(i)] = 3
		}
		s.write("1.csv", stock(0, n, all(3)))
		pass(time.Minute)
		s.want(maps.Clone(want))
		before := s.requests()
		for _, name := range []string{"2.csv", "3.csv"} {
			s.write(name, stock(3, n, func(i int) int { return map[bool]int{false: 3, true: 3 + int(name[0]-'0')}[i == n-1] }))
			pass(time.Minute)
		}
		for i := range 3 {
			want[upcN(i)] = 0
		}
		want[upcN(n-1)] = 6
		got := map[string]int64{}
		for k, q := range s.api.Quantities() {
			got[k.UPC] = q
		}
		if !maps.Equal(got, want) {
			t.Error("the shop holds something else than wanted")
		}
		if sent := s.requests() - before; sent != 5 {
			t.Errorf("got %d requests, want 3 to zero and 2 changes", sent)
		}
		s.end()
	})
}

package agent_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tillpost/mockapi"
	"tillpost/outbox"
)

// inStore is an export of products of a store, as the POS calls it.
func inStore(store string, from, to int, of func(n int) int) string {
	var b strings.Builder
	b.WriteString("Store,UPC,On Hand\n")
	for n := from; n < to; n++ {
		fmt.Fprintf(&b, "%s,%s,%d\n", store, upcN(n), of(n))
	}
	return b.String()
}

// there counts what the API has of each store.
func (s *store) there() map[string]int {
	n := map[string]int{}
	for k := range s.api.Quantities() {
		n[k.Store]++
	}
	return n
}

func (s *store) wantThere(want map[string]int) {
	s.t.Helper()
	if got := s.there(); fmt.Sprint(got) != fmt.Sprint(want) {
		s.t.Errorf("the API has, by store, %v, want %v", got, want)
	}
}

// wantAt fails unless the API holds the quantity.
func (s *store) wantAt(k mockapi.Key, want int64) {
	s.t.Helper()
	if got, ok := s.api.Quantities()[k]; !ok || got != want {
		s.t.Errorf("the API holds %d (%t) of %v, want %d", got, ok, k, want)
	}
}

// unnamed are the lines of the list of what an export does not name any more; nil = there is none.
func (s *store) unnamed(name string) []string {
	s.t.Helper()
	data, err := os.ReadFile(filepath.Join(s.config.DataDir, "rejects", name+".no-longer-named.csv"))
	if err != nil {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(data), "\r\n"), "\r\n")
}

// records are the exports that the outbox knows of.
func (s *store) records() (list []outbox.Export) {
	s.t.Helper()
	box, err := outbox.Open(s.config.DataDir, outbox.Options{NoSync: true})
	if err != nil {
		s.t.Fatal(err)
	}
	for id := uint64(1); ; id++ {
		e, err := box.Export(id)
		if err != nil {
			break
		}
		list = append(list, e)
	}
	if err := box.Close(); err != nil {
		s.t.Error(err)
	}
	return list
}

func TestACorrectedStoreReplacesWhatWaitsAndListsWhatArrived(t *testing.T) { // O2, I9
	for name, after := range map[string]string{"kept": "", "archived": "    after: archive\n"} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, "  rate: 1/s\n  burst: 1\n", "    stores: {Main: \"4\"}\n"+after, func(s *store) {
				s.start()
				s.write("stock.csv", inStore("Main", 0, 60, all(3)))
				pass(time.Minute) // found after half of it
				s.end()
				wrong := s.there()["4"]
				if wrong < 20 || wrong > 40 {
					t.Fatalf("%d updates were sent, want about half of 60", wrong)
				}
				s.reconfigure(`stores: {Main: "4"}`, `stores: {Main: "3"}`)
				s.start()
				pass(5 * time.Minute)
				s.wantThere(map[string]int{"3": 60, "4": wrong})
				if st := s.status(); st.Pending != 0 || st.Dead != 0 {
					t.Errorf("got %d pending, %d dead", st.Pending, st.Dead)
				}
				for k, q := range s.api.Quantities() {
					if q != 3 {
						t.Errorf("%v is %d there, want 3", k, q)
					}
				}
				list := s.unnamed("stock.csv")
				if len(list) != 1+wrong || list[0] != "store,upc,sku,size,width,quantity" {
					t.Fatalf("got the list %q, want %d keys", list, wrong)
				}
				for _, line := range list[1:] {
					if !strings.HasPrefix(line, "4,") || !strings.HasSuffix(line, ",,,,3") {
						t.Errorf("got the line %q", line)
					}
				}
				if n := s.lines("are not named any more"); n != 1 {
					t.Errorf("it was logged %d times, want once", n)
				}
				n := s.requests()
				s.end()
				s.start() // the same mapping reads nothing again
				pass(50 * time.Hour)
				if got := s.requests(); got != n || s.lines("msg=\"export taken\"") != 2 {
					t.Errorf("%d requests more, and these exports: %+v", got-n, s.records())
				}
				s.end()
				if e := s.records()[1]; e.Unnamed != int64(wrong) || e.Rereads != 1 || e.Rank != s.records()[0].Rank {
					t.Errorf("got the record %+v", e)
				}
			})
		})
	}
}

func TestAnotherWayToIdentifyProductsIsTakenForWhatLiesThere(t *testing.T) { // O2
	inBubble(t, "  rate: unlimited\n", "    identify_by: sku\n    sku_needs: []\n", func(s *store) {
		s.pauseAt(func() {
			s.write("stock.csv", "UPC,SKU,On Hand\n"+upcA+",ZOOT,5\n"+upcB+",SUIT,7\n")
		})
		s.reconfigure("identify_by: sku", "identify_by: upc")
		s.start()
		s.pause(false)
		pass(time.Minute)
		s.want(map[string]int64{upcA: 5, upcB: 7})
		s.end()
	})
}

// pauseAt starts the store paused, does something, and ends it.
func (s *store) pauseAt(do func()) {
	s.t.Helper()
	s.start()
	s.pause(true)
	do()
	pass(time.Minute)
	s.end()
}

func TestTheNewestOfEachFamilyIsReadAgainAtItsOwnRank(t *testing.T) { // promise 8, I6
	inBubble(t, "  rate: unlimited\n", "    stores: {Main: \"4\", Side: \"5\"}\n", func(s *store) {
		s.start()
		s.write("full-1.csv", inStore("Main", 0, 5, all(1)))
		pass(time.Hour)
		s.write("full-2.csv", inStore("Main", 1, 5, all(2))) // the newest of its family; product 0 is in the older one alone
		pass(time.Hour)
		s.write("hourly-1.csv", inStore("Main", 3, 4, all(3)))
		pass(time.Hour)
		s.writeAt("late-1.csv", inStore("Main", 4, 7, all(9)), time.Now().Add(-150*time.Minute)) // between full-1 and full-2
		pass(time.Minute)
		s.end()
		s.reconfigure(`Main: "4"`, `Main: "3"`)
		s.start()
		pass(time.Hour)
		s.wantThere(map[string]int{"3": 6, "4": 7})
		for n, q := range map[int]int64{1: 2, 2: 2, 3: 3, 4: 2, 5: 9, 6: 9} {
			s.wantAt(mockapi.Key{Store: "3", UPC: upcN(n)}, q)
		}
		if full, hourly, late := s.unnamed("full-2.csv"), s.unnamed("hourly-1.csv"), s.unnamed("late-1.csv"); len(full) != 4 || len(hourly) != 2 || len(late) != 3 {
			t.Errorf("got the lists %q, %q and %q, want 3 keys, 1 and 2", full, hourly, late)
		}
		s.end()
		if n := len(s.records()); n != 7 {
			t.Errorf("got %d readings, want 4 and 3 again", n)
		}
	})
}

func TestWhatAnotherFamilyNamesIsNotTakenBack(t *testing.T) { // promises 1 and 2
	inBubble(t, "  rate: unlimited\n", "    stores: {Main: \"3\", Side: \"3\"}\n", func(s *store) {
		s.pauseAt(func() {
			s.write("full.csv", inStore("Main", 0, 3, all(1)))
			pass(time.Hour)
			s.write("hourly.csv", inStore("Side", 0, 2, func(n int) int { return 1 + 4*n })) // product 0 as it is, 1 is 5
		})
		s.reconfigure(`Side: "3"`, `Side: "4"`)
		s.start()
		s.pause(false)
		pass(time.Minute)
		s.wantThere(map[string]int{"3": 3, "4": 2})
		for n, q := range map[int]int64{0: 1, 1: 1, 2: 1} {
			s.wantAt(mockapi.Key{Store: "3", UPC: upcN(n)}, q)
		}
		s.end()
	})
}

func TestAGuardHoldsAReReadThatShiftsCodes(t *testing.T) { // O2, I15, promise 10
	inBubble(t, "  rate: unlimited\n", "    stores: {Main: \"3\", Side: \"4\"}\n", func(s *store) {
		s.start()
		s.write("stock.csv", inStore("Main", 0, 100, all(3))+strings.TrimPrefix(inStore("Side", 0, 100, all(8)), "Store,UPC,On Hand\n"))
		pass(time.Minute)
		s.end()
		n := s.requests()
		s.reconfigure(`{Main: "3", Side: "4"}`, `{Main: "4", Side: "3"}`)
		for range 2 { // over restarts
			s.start()
			pass(50 * time.Hour)
			s.held(1)
			if got := s.requests(); got != n {
				t.Errorf("%d requests were made of what is held", got-n)
			}
			s.end()
		}
		if n := s.lines("export held"); n != 1 {
			t.Errorf("it was held %d times, want once", n)
		}
		s.start()
		s.release()
		pass(time.Minute)
		s.held(0)
		s.wantAt(mockapi.Key{Store: "4", UPC: upcN(7)}, 3)
		s.wantAt(mockapi.Key{Store: "3", UPC: upcN(7)}, 8)
		s.end()
	})
}

func TestAReleasedReReadTakesBackWhatWaits(t *testing.T) {
	inBubble(t, "  rate: unlimited\n", "    stores: {Main: \"3\", Side: \"4\"}\n", func(s *store) {
		both := inStore("Main", 0, 100, all(3)) + strings.TrimPrefix(inStore("Side", 0, 100, all(8)), "Store,UPC,On Hand\n")
		s.start()
		s.write("stock.csv", both)
		pass(time.Minute)
		s.pause(true)
		s.write("stock.csv", both+strings.TrimPrefix(inStore("Main", 100, 105, all(4)), "Store,UPC,On Hand\n"))
		pass(time.Minute)
		s.end()
		s.reconfigure(`{Main: "3", Side: "4"}`, `{Main: "4", Side: "3"}`)
		s.start()
		pass(time.Minute)
		s.held(1)
		if st := s.status(); st.Pending != 5 {
			t.Errorf("%d updates wait, want the 5 new ones", st.Pending)
		}
		s.release()
		pass(time.Minute)
		s.pause(false)
		pass(time.Minute)
		s.wantThere(map[string]int{"3": 100, "4": 105}) // the new ones were never sent for store 3
		if list := s.unnamed("stock.csv"); list != nil {
			t.Errorf("got the list %q, want none: all that the API has is named", list)
		}
		s.end()
	})
}

func TestADeadLetterOfAWrongStoreIsTakenBack(t *testing.T) { // O2
	inBubble(t, "  rate: unlimited\n", "    stores: {Main: \"4\"}\n", func(s *store) {
		s.unknownTo([]string{upcN(0) + ",1", upcN(1) + ",1"})
		s.start()
		s.write("stock.csv", inStore("Main", 0, 5, all(1)))
		pass(time.Minute)
		if st := s.status(); st.Dead != 2 {
			t.Fatalf("got %d dead letters, want 2", st.Dead)
		}
		s.end()
		s.reconfigure(`{Main: "4"}`, `{Main: "4", Side: "3"}`)
		s.start()
		pass(time.Minute)
		if st := s.status(); st.Dead != 2 {
			t.Errorf("got %d dead letters, want 2: they are made as before", st.Dead)
		}
		s.end()
		s.reconfigure(`{Main: "4", Side: "3"}`, `{Main: "3"}`)
		s.start()
		s.pause(true)
		pass(time.Minute)
		if st := s.status(); st.Dead != 0 || st.Pending != 5 {
			t.Errorf("got %d dead letters and %d pending, want none and the 5 right ones", st.Dead, st.Pending)
		}
		s.end()
	})
}

func TestAnAgentThatStopsBeforeItHasReadAgainDoesSoAtTheNextStart(t *testing.T) { // I9
	inBubble(t, "  rate: unlimited\n", "    stores: {Main: \"4\"}\n    settle: 10s\n", func(s *store) {
		s.pauseAt(func() { s.write("stock.csv", inStore("Main", 0, 3, all(1))) })
		s.reconfigure(`Main: "4"`, `Main: "3"`)
		for range 3 {
			s.start()
			s.pause(false)
			pass(5 * time.Second)
			s.end()
		}
		s.start()
		pass(time.Minute)
		s.wantThere(map[string]int{"3": 3})
		s.end()
	})
}

func TestTheMappingEditedBackSupersedesTheHeldReReading(t *testing.T) {
	inBubble(t, "  rate: unlimited\n", "    stores: {Main: \"3\", Side: \"4\"}\n", func(s *store) {
		s.start()
		s.write("stock.csv", inStore("Main", 0, 100, all(3))+strings.TrimPrefix(inStore("Side", 0, 100, all(8)), "Store,UPC,On Hand\n"))
		pass(time.Minute)
		s.end()
		n := s.requests()
		s.reconfigure(`{Main: "3", Side: "4"}`, `{Main: "4", Side: "3"}`)
		s.start()
		pass(time.Minute)
		s.held(1)
		s.end()
		s.reconfigure(`{Main: "4", Side: "3"}`, `{Main: "3", Side: "4"}`)
		s.start()
		pass(time.Minute)
		s.held(0)
		s.end()
		if got := s.requests(); got != n {
			t.Errorf("%d requests were made", got-n)
		}
	})
}

func TestWhatIsGoneIsSaidAndTheNextExportIsReadInTheNewWay(t *testing.T) {
	inBubble(t, "  rate: unlimited\n", "    stores: {Main: \"4\"}\n    after: delete\n", func(s *store) {
		s.start()
		s.write("stock.csv", inStore("Main", 0, 3, all(1)))
		pass(time.Minute)
		s.end()
		s.reconfigure(`Main: "4"`, `Main: "3"`)
		s.start()
		pass(time.Minute)
		if n := s.lines("the newest export is gone and cannot be read in the new way"); n != 1 {
			t.Errorf("it was logged %d times, want once", n)
		}
		s.wantThere(map[string]int{"4": 3})
		s.write("stock.csv", inStore("Main", 0, 3, all(1)))
		pass(time.Minute)
		s.wantThere(map[string]int{"3": 3, "4": 3})
		s.end()
	})
}

func TestTheDrainDoesNotWaitForeverForAReReading(t *testing.T) {
	inBubble(t, "  rate: unlimited\n", "    stores: {Main: \"4\"}\n", func(s *store) {
		s.pauseAt(func() { s.write("stock.csv", inStore("Main", 0, 3, all(1))) })
		s.reconfigure(`Main: "4"`, `Main: "3"`)
		path := filepath.Join(s.dir, "in", "stock.csv")
		s.start()
		s.pause(false)
		for range 20 { // it never settles
			now := time.Now()
			if err := os.Chtimes(path, now, now); err != nil {
				t.Fatal(err)
			}
			pass(time.Second)
		}
		s.wantThere(map[string]int{})
		s.remove("stock.csv")
		pass(2 * time.Minute)
		s.wantThere(map[string]int{"4": 3})
		s.end()
	})
}

// TestWhatOlderExportsOfTheFamilySaidFallsToo: the mapping was wrong for days, and only the first export changed anything.
func TestWhatOlderExportsOfTheFamilySaidFallsToo(t *testing.T) { // O2, I9
	for name, days := range map[string]int{"they are on record": 2, "they are forgotten": 40} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, "  rate: unlimited\n  dead_retry: 0\n", "    rescan: 1h\n    stores: {Main: \"4\"}\n", func(s *store) {
				s.unknownTo([]string{upcN(0) + ",1", upcN(1) + ",1"})
				s.start()
				s.write("stock-1.csv", inStore("Main", 0, 5, all(1)))
				pass(time.Duration(days) * 24 * time.Hour)
				s.write("stock-2.csv", inStore("Main", 0, 6, all(1)))
				pass(2 * time.Hour)
				if st := s.status(); st.Dead != 2 || st.Unchanged != 5 {
					t.Fatalf("got %d dead letters and %d unchanged rows, want 2 and 5", st.Dead, st.Unchanged)
				}
				s.end()
				s.reconfigure(`Main: "4"`, `Main: "3"`)
				s.api.SetUnknown()
				s.start()
				pass(2 * time.Hour)
				if st := s.status(); st.Dead != 0 || st.Pending != 0 {
					t.Errorf("got %d dead letters and %d pending, want none", st.Dead, st.Pending)
				}
				s.wantThere(map[string]int{"3": 6, "4": 4})
				if list := s.unnamed("stock-2.csv"); len(list) != 1+4 {
					t.Errorf("got the list %q, want the 4 keys that the API has", list)
				}
				s.end()
			})
		})
	}
}

// TestAListThatIsOpenKeepsNoExportOut: a folder of its name stands for a spreadsheet on Windows, which lets nobody replace it.
func TestAListThatIsOpenKeepsNoExportOut(t *testing.T) { // O2
	inBubble(t, "  rate: unlimited\n", "    stores: {Main: \"4\"}\n", func(s *store) {
		s.start()
		s.write("stock.csv", inStore("Main", 0, 3, all(1)))
		pass(time.Minute)
		s.end()
		s.reconfigure(`Main: "4"`, `Main: "3"`)
		if err := os.MkdirAll(filepath.Join(s.config.DataDir, "rejects", "stock.csv"+".no-longer-named.csv", "open"), 0o700); err != nil {
			t.Fatal(err)
		}
		s.start()
		pass(time.Minute)
		s.wantThere(map[string]int{"3": 3, "4": 3})
		if list := s.unnamed("stock.csv.2"); len(list) != 1+3 {
			t.Errorf("got the list %q, want 3 keys", list)
		}
		s.end()
	})
}

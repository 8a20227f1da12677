package agent_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tillpost/config"
)

// inBubble runs a test of a store in a bubble of virtual time.
func inBubble(t *testing.T, api, source string, test func(*store)) {
	t.Helper()
	t.Parallel()
	s := newStore(t, api, source)
	synctest.Test(t, func(t *testing.T) {
		s.t = t
		test(s)
	})
}

// reconfigure changes the store's config, for the next start.
func (s *store) reconfigure(old, with string) {
	s.t.Helper()
	s.text = strings.Replace(s.text, old, with, 1)
	c, err := config.Parse(filepath.Join(s.dir, "tillpost.yaml"), []byte(s.text))
	if err != nil {
		s.t.Fatal(err)
	}
	s.config = c
}

func (s *store) move(from, to string) {
	s.t.Helper()
	if err := os.Rename(filepath.Join(s.dir, "in", from), filepath.Join(s.dir, "in", to)); err != nil {
		s.t.Fatal(err)
	}
}

func (s *store) remove(name string) {
	s.t.Helper()
	if err := os.Remove(filepath.Join(s.dir, "in", name)); err != nil {
		s.t.Fatal(err)
	}
}

// lines counts the log lines that hold a text.
func (s *store) lines(text string) int { return strings.Count(s.log.String(), text) }

func TestOldExportsThatTheFirstStartLeftAloneStayAlone(t *testing.T) { // promise 8
	inBubble(t, "", "    rescan: 1h\n", func(s *store) {
		now := time.Now()
		s.writeAt("stock-1.csv", "UPC,On Hand\n"+upcA+",1\n", now.Add(-72*time.Hour))
		s.writeAt("stock-2.csv", "UPC,On Hand\n"+upcB+",2\n", now.Add(-48*time.Hour))
		s.start()
		pass(100 * time.Hour) // over the daily look at what seems not to have changed
		s.end()
		s.start()
		pass(100 * time.Hour)
		s.want(map[string]int64{upcB: 2})
		s.end()
	})
}

func TestALastRowIsTakenThoughItsExportIsRenamedMeanwhile(t *testing.T) { // promise 1
	inBubble(t, "", "    settle_last: 60s\n    after: delete\n", func(s *store) {
		s.start()
		s.write("stock.part1", "UPC,On Hand\n"+upcA+",12\n"+upcB+",5")
		pass(40 * time.Second)
		s.want(map[string]int64{upcA: 12})
		s.move("stock.part1", "stock.csv")
		pass(5 * time.Minute)
		s.want(map[string]int64{upcA: 12, upcB: 5})
		if left := s.folder("in"); len(left) != 0 {
			s.t.Errorf("the folder holds %v", left)
		}
		s.end()
	})
}

func TestALastRowIsTakenAfterARestartInBetween(t *testing.T) {
	inBubble(t, "", "    settle_last: 60s\n", func(s *store) {
		s.start()
		s.write("stock.csv", "UPC,On Hand\n"+upcA+",12\n"+upcC+",x\n"+upcB+",5")
		pass(40 * time.Second)
		s.end()
		s.start()
		pass(40 * time.Second)
		s.want(map[string]int64{upcA: 12})
		pass(5 * time.Minute)
		s.want(map[string]int64{upcA: 12, upcB: 5})
		st := s.status()
		if st.Rejects != 1 || st.Delivered != 2 || st.Sources[0].LastExport.Rows != 3 {
			s.t.Errorf("got %+v and %+v, want each row counted once", st, st.Sources[0].LastExport)
		}
		s.end()
	})
}

func TestALastRowThatComesLateOverwritesNoNewerExport(t *testing.T) { // promise 8
	inBubble(t, "", "    settle_last: 10m\n", func(s *store) {
		s.start()
		s.write("stock-1.csv", "UPC,On Hand\n"+upcA+",12\n"+upcB+",5")
		pass(time.Minute)
		s.drop("stock-2.csv", upcB+",9")
		pass(time.Minute)
		s.want(map[string]int64{upcA: 12, upcB: 9})
		pass(time.Hour)
		s.want(map[string]int64{upcA: 12, upcB: 9})
		s.end()
	})
}

func TestOtherBytesOfTheSameLengthAreAnExportOfTheirOwn(t *testing.T) {
	inBubble(t, "", "    settle_last: 60s\n", func(s *store) {
		s.start()
		s.write("stock.csv", "UPC,On Hand\n"+upcA+",12\n"+upcB+",5")
		pass(40 * time.Second)
		s.write("stock.csv", "UPC,On Hand\n"+upcA+",13\n"+upcC+",6")
		pass(10 * time.Minute)
		s.want(map[string]int64{upcA: 13, upcC: 6})
		if n := s.lines("level=ERROR"); n != 0 {
			s.t.Errorf("got %d errors in the log, want none", n)
		}
		s.end()
	})
}

func TestAnUnterminatedLastRowIsTakenBeforeItsExportIsDeleted(t *testing.T) {
	inBubble(t, "", "    settle_last: 10m\n    after: delete\n", func(s *store) {
		s.start()
		s.write("stock.csv", "UPC,On Hand\n"+upcA+",12\n"+upcB+",5")
		pass(5 * time.Minute)
		s.want(map[string]int64{upcA: 12})
		if left := s.folder("in"); len(left) != 1 {
			s.t.Errorf("the folder holds %v, want the export", left)
		}
		pass(10 * time.Minute)
		s.want(map[string]int64{upcA: 12, upcB: 5})
		if left := s.folder("in"); len(left) != 0 {
			s.t.Errorf("the folder holds %v", left)
		}
		s.end()
	})
}

func TestARefusedExportIsReadOnceAndStays(t *testing.T) { // promise 10
	for _, after := range []string{"keep", "delete", "archive"} {
		t.Run(after, func(t *testing.T) {
			inBubble(t, "", "    rescan: 1h\n    after: "+after+"\n", func(s *store) {
				s.start()
				s.write("stock.csv", "Product,Colour\nshoe,red\n")
				pass(3 * time.Hour)
				for range 3 {
					s.end()
					s.start()
					pass(40 * time.Hour)
				}
				pass(60 * 24 * time.Hour) // until the outbox has forgotten it
				s.drop("stock-2.csv", upcA+",12")
				pass(3 * time.Hour)
				s.end()
				s.start()
				pass(48 * time.Hour)
				if n := s.lines("export refused"); n != 1 {
					s.t.Errorf("it was told %d times, want once", n)
				}
				if _, err := os.Stat(filepath.Join(s.dir, "in", "stock.csv")); err != nil {
					s.t.Errorf("the refused export is gone: %v", err)
				}
				s.end()
			})
		})
	}
}

func TestARefusedExportIsReadAgainOnceTheConfigSaysHow(t *testing.T) { // O2
	inBubble(t, "", "", func(s *store) {
		s.drop("old.csv", upcA+",3")
		s.start()
		pass(40 * time.Second)
		s.write("stock.csv", "Barcode number,Qty here\n"+upcA+",12\n")
		pass(40 * time.Second)
		if s.status().Sources[0].LastExport.Refused == "" {
			s.t.Error("it was not refused")
		}
		s.end()
		s.reconfigure("    defaults:", "    columns: {upc: Barcode number, quantity: Qty here}\n    defaults:")
		s.start()
		pass(time.Minute)
		s.want(map[string]int64{upcA: 12})
		s.end()
		s.start()
		pass(time.Minute)
		if n := s.lines("export taken"); n != 2 {
			s.t.Errorf("exports were taken %d times, want 2", n)
		}
		s.end()
	})
}

func TestTheNewestExportIsReadAgainWhereItMeansSomethingElseNow(t *testing.T) { // I9, O2
	inBubble(t, "", "", func(s *store) {
		s.drop("stock-1.csv", upcA+",11", upcB+",5")
		pass(time.Minute)
		s.drop("stock-2.csv", upcA+",12")
		s.start()
		pass(time.Minute)
		s.want(map[string]int64{upcA: 12, upcB: 5})
		s.end()
		s.reconfigure("    defaults:", "    reserve: 2\n    defaults:")
		for range 2 {
			s.start()
			pass(time.Minute)
			s.want(map[string]int64{upcA: 10, upcB: 5})
			s.end()
		}
		if n := s.requests(); n != 3 {
			s.t.Errorf("got %d requests, want 3", n)
		}
	})
}

func TestAnExportThatIsStillBeingWrittenIsNotRefused(t *testing.T) { // W5
	for name, begun := range map[string]string{"nothing yet": "", "half a header": "UPC,On", "a header alone": "UPC,On Hand"} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, "", "    settle_last: 2m\n", func(s *store) {
				s.start()
				s.write("stock.csv", begun)
				pass(time.Minute)
				s.write("stock.csv", "UPC,On Hand\n"+upcA+",12\n")
				pass(time.Minute)
				s.want(map[string]int64{upcA: 12})
				if n := s.lines("export refused"); n != 0 {
					s.t.Error("it was refused")
				}
				s.write("stock.csv", begun) // which stays so
				pass(5 * time.Minute)
				if n := s.lines("export refused"); n != 1 {
					s.t.Errorf("it was refused %d times, want once", n)
				}
				s.end()
			})
		})
	}
}

func TestAnExportWithoutAGoodRowIsRefusedAndChangesNothing(t *testing.T) { // promise 10, W13
	for name, text := range map[string]string{
		"a header alone":  "UPC,On Hand\n",
		"rejects alone":   "UPC,On Hand\n" + upcA + ",x\n" + upcB + ",y\n",
		"blank rows":      "UPC,On Hand\n,\n,\n",
		"nothing at all":  "",
		"not one product": "UPC,On Hand\n,4\n",
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, "", "", func(s *store) {
				s.start()
				s.drop("stock-1.csv", upcA+",12")
				pass(40 * time.Second)
				s.write("stock-2.csv", text)
				pass(40 * time.Second)
				s.want(map[string]int64{upcA: 12})
				st := s.status()
				if e := st.Sources[0].LastExport; e == nil || e.Refused == "" || e.Name != "stock-2.csv" {
					s.t.Errorf("got %+v, want it refused", e)
				}
				s.end()
			})
		})
	}
}

func TestWhatOneLookFindsIsTakenInTheOrderOfItsTimes(t *testing.T) { // promise 8, W9
	inBubble(t, "", "", func(s *store) {
		s.start()
		pass(time.Minute)
		now := time.Now()
		s.writeAt("c.csv", "UPC,On Hand\n"+upcA+",5\n", now.Add(-3*time.Second))
		s.writeAt("b.csv", "UPC,On Hand\n"+upcA+",7\n", now.Add(-2*time.Second))
		s.writeAt("a.csv", "UPC,On Hand\n"+upcA+",5\n", now.Add(-time.Second)) // the bytes of c again, after b
		s.writeAt("d.csv", "UPC,On Hand\n"+upcA+",5\n", now)                   // the bytes of a again
		pass(time.Minute)
		s.want(map[string]int64{upcA: 5})
		if n := s.requests(); n != 1 {
			s.t.Errorf("got %d requests, want 1", n)
		}
		if n := s.lines("export taken"); n != 3 {
			s.t.Errorf("got %d exports taken, want 3", n)
		}
		s.drop("e.csv", upcA+",5") // and once more: still nothing new
		pass(time.Minute)
		if n := s.lines("export taken"); n != 3 {
			s.t.Errorf("got %d exports taken, want 3", n)
		}
		s.end()
	})
}

func TestAnExportThatVanishesIsTold(t *testing.T) { // W23
	inBubble(t, "", "    settle: 40s\n", func(s *store) {
		s.start()
		s.drop("stock.csv", upcA+",12")
		pass(30 * time.Second)
		s.remove("stock.csv")
		pass(5 * time.Minute)
		if st := s.status(); st.Pending != 0 || s.requests() != 0 || st.State != "running" {
			s.t.Errorf("got %+v", st)
		}
		if n := s.lines("the export was gone before it was read"); n != 1 {
			s.t.Errorf("it is told %d times, want once", n)
		}
		s.drop("stock-1.csv", upcA+",12")
		pass(35 * time.Second)
		if err := os.Rename(filepath.Join(s.dir, "in", "stock-1.csv"), filepath.Join(s.dir, "in", "stock-2.csv")); err != nil {
			s.t.Fatal(err)
		}
		pass(5 * time.Minute)
		s.want(map[string]int64{upcA: 12})
		if n := s.lines("the export was gone before it was read"); n != 1 {
			s.t.Errorf("one that has another name is told to be gone")
		}
		s.end()
	})
}

func TestThousandsOfExportsInOneLookAreTaken(t *testing.T) { // W1
	const n = 1000
	inBubble(t, "  rate: unlimited\n", "", func(s *store) {
		for i, row := range manyRows(n) {
			s.drop(fmt.Sprintf("stock-%04d.csv", i), row)
		}
		s.start()
		pass(5 * time.Minute)
		if got := len(s.api.Quantities()); got != n {
			s.t.Errorf("got %d keys, want %d", got, n)
		}
		s.end()
	})
}

func TestWhatCannotBePutAwayIsToldOnceAndTriedAgain(t *testing.T) { // W26
	inBubble(t, "", "    after: archive\n", func(s *store) {
		archive := filepath.Join(s.dir, "data", "archive")
		if err := os.MkdirAll(filepath.Join(s.dir, "data"), 0o700); err != nil {
			s.t.Fatal(err)
		}
		if err := os.WriteFile(archive, nil, 0o600); err != nil { // where the folder should be
			s.t.Fatal(err)
		}
		s.start()
		s.drop("stock.csv", upcA+",12")
		pass(2 * time.Hour)
		s.want(map[string]int64{upcA: 12})
		if n := s.lines("cannot be put away"); n != 1 {
			s.t.Errorf("it was told %d times, want once", n)
		}
		if st := s.status(); st.Sources[0].State != "problem" {
			s.t.Errorf("got %+v", st.Sources[0])
		}
		if err := os.Remove(archive); err != nil {
			s.t.Fatal(err)
		}
		pass(5 * time.Minute)
		if st := s.status(); st.Sources[0].State != "ok" || s.lines("can be put away again") != 1 {
			s.t.Errorf("got %+v", st.Sources[0])
		}
		if kept := s.folder("data/archive/main"); len(kept) != 1 {
			s.t.Errorf("the archive holds %v", kept)
		}
		s.end()
	})
}

func TestAMissingFolderIsToldAndWaitedFor(t *testing.T) { // P13, W3
	inBubble(t, "", "", func(s *store) {
		in := filepath.Join(s.dir, "in")
		s.start()
		s.drop("stock.csv", upcA+",12")
		pass(time.Minute)
		if err := os.Rename(in, in+"-gone"); err != nil {
			s.t.Fatal(err)
		}
		pass(24 * time.Hour)
		if st := s.status(); st.Sources[0].State != "folder missing" || st.Sources[0].Problem == "" {
			s.t.Errorf("got %+v", st.Sources[0])
		}
		if s.want(map[string]int64{upcA: 12}); s.requests() != 1 { // a missing folder says nothing of any quantity
			s.t.Errorf("got %d requests, want 1", s.requests())
		}
		if err := os.Rename(in+"-gone", in); err != nil {
			s.t.Fatal(err)
		}
		pass(time.Minute)
		s.drop("stock.csv", upcA+",13")
		pass(time.Minute)
		s.want(map[string]int64{upcA: 13})
		if a, b := s.lines("the folder cannot be read"), s.lines("the folder can be read again"); a != 1 || b != 1 {
			s.t.Errorf("it was told %d and %d times, want once each", a, b)
		}
		s.end()
	})
}

func TestAnExportThatCanBeTakenOnlyLaterIsAsOldAsItsArrival(t *testing.T) { // promise 8
	inBubble(t, "", "    settle_last: 10m\n", func(s *store) {
		s.start()
		s.write("stock-1.csv", "UPC,On Hand\n"+upcA+",5") // nothing but a row that may be cut: all of it waits
		pass(time.Minute)
		s.drop("stock-2.csv", upcA+",9")
		pass(time.Minute)
		s.want(map[string]int64{upcA: 9})
		pass(time.Hour)
		s.want(map[string]int64{upcA: 9})
		s.end()
	})
}

func TestASumWithARowThatCannotBeReadIsNotSent(t *testing.T) {
	t.Parallel()
	s := newStore(t, "", "    duplicates: sum\n")
	synctest.Test(t, func(t *testing.T) {
		s.t = t
		s.start()
		s.drop("stock.csv", upcA+",5", upcB+",1", upcA+",#REF!", upcB+",2")
		pass(time.Minute)
		s.want(map[string]int64{upcB: 3})
		if st := s.status(); st.Rejects != 2 {
			t.Errorf("got %d rejects, want both rows of the product", st.Rejects)
		}
		s.end()
	})
}

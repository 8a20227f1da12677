package agent_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// secondSource is a source beside the store's own, for newStore's config.
const secondSource = "  - name: second\n    folder: second\n    defaults: {store: \"3\"}\n"

// dropSecond writes an export into the folder of secondSource.
func (s *store) dropSecond(name string, lines ...string) {
	s.t.Helper()
	if err := os.MkdirAll(filepath.Join(s.dir, "second"), 0o700); err != nil {
		s.t.Fatal(err)
	}
	s.drop("../second/"+name, lines...)
}

func TestOfTwoSourcesTheNewestExportWins(t *testing.T) { // O3, I8
	inBubble(t, "", secondSource, func(s *store) {
		s.start()
		s.drop("stock-1.csv", upcA+",5", upcB+",6")
		pass(time.Minute)
		s.dropSecond("shop-1.csv", upcA+",4")
		pass(time.Minute)
		s.want(map[string]int64{upcA: 4, upcB: 6})
		s.drop("stock-2.csv", upcA+",3", upcB+",6")
		pass(time.Minute)
		s.want(map[string]int64{upcA: 3, upcB: 6})
		// A late older export of the one does not undo what the other has said since.
		s.writeAt("../second/shop-0.csv", "UPC,On Hand\n"+upcA+",9\n"+upcC+",7\n", time.Now().Add(-90*time.Second))
		pass(time.Minute)
		s.want(map[string]int64{upcA: 3, upcB: 6, upcC: 7})
		if st := s.status(); st.Sources[0].State != "ok" || st.Sources[1].State != "ok" || s.lines("contradict") != 0 {
			s.t.Errorf("two changes are no flapping: got %+v", st.Sources)
		}
		s.end()
	})
}

func TestAProductThatGoesBackAndForthBetweenTwoSourcesIsReported(t *testing.T) { // O3, I8
	inBubble(t, "", secondSource, func(s *store) {
		s.start()
		problems := func() (list []string) {
			for _, src := range s.status().Sources {
				list = append(list, src.State+" "+src.Problem)
			}
			return list
		}
		quiet := func(when string) {
			s.t.Helper()
			if p := problems(); p[0] != "ok " || p[1] != "ok " {
				s.t.Errorf("%s: got %q", when, p)
			}
		}
		for hour := range 5 { // twice an hour each, and many changes by one source alone
			s.drop("stock.csv", upcA+",5", upcB+","+string(rune('0'+hour)))
			pass(30 * time.Minute)
			s.dropSecond("shop.csv", upcA+",7", upcC+","+string(rune('0'+hour)))
			pass(30 * time.Minute)
		}
		quiet("twice an hour each")
		for i := range 4 {
			s.drop("stock.csv", upcA+",5", upcB+",1"+string(rune('0'+i)))
			pass(5 * time.Minute)
			s.dropSecond("shop.csv", upcA+",7", upcC+",1"+string(rune('0'+i)))
			pass(5 * time.Minute)
		}
		p := problems()
		for i, other := range []string{"second", "main"} {
			if !strings.HasPrefix(p[i], "problem it contradicts the source "+other+": ") || !strings.Contains(p[i], upcA) {
				s.t.Errorf("got %q, want the product and the source %s", p[i], other)
			}
		}
		if n := s.lines("two sources contradict each other"); n != 1 || s.lines("level=WARN") != 1 || s.lines("source=main other=second") == 0 {
			s.t.Errorf("it was told %d times, want once, naming both", n)
		}
		s.drop("stock.csv", upcA+",7", upcB+",1")
		pass(2 * time.Hour)
		quiet("once it is over")
		if n := s.lines("do not contradict each other any more"); n != 1 {
			s.t.Errorf("its end was told %d times, want once", n)
		}
		s.want(map[string]int64{upcA: 7, upcB: 1, upcC: 13})
		s.end()
	})
}

// TestOfTwoExportsWithOneTimeTheOneSeenLaterIsNewer: also where it comes after a restart, or its name is the lesser.
func TestOfTwoExportsWithOneTimeTheOneSeenLaterIsNewer(t *testing.T) { // W10, C5, I6
	for name, restart := range map[string]bool{"while running": false, "with a restart in between": true} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, "", "", func(s *store) {
				s.start()
				tick := time.Now().Truncate(2 * time.Second) // as a FAT folder has it
				s.writeAt("z.csv", "UPC,On Hand\n"+upcA+",1\n"+upcB+",1\n", tick)
				pass(35 * time.Second)
				if restart {
					s.end()
					s.start()
				}
				s.writeAt("a.csv", "UPC,On Hand\n"+upcA+",2\n", tick)
				pass(time.Minute)
				s.want(map[string]int64{upcA: 2, upcB: 1})
				s.end()
				s.start() // and another start does not decide otherwise
				pass(25 * time.Hour)
				s.want(map[string]int64{upcA: 2, upcB: 1})
				if n := s.requests(); n != 3 {
					s.t.Errorf("got %d requests, want 3", n)
				}
				s.end()
			})
		})
	}
}

// TestTwoExportsOfOneLookWithOneTimeAreDecidedAlike: by their names, whether the agent has seen them before or not, and
// however they got there.
func TestTwoExportsOfOneLookWithOneTimeAreDecidedAlike(t *testing.T) { // W10, I6
	for _, order := range [][2]string{{"a.csv", "b.csv"}, {"b.csv", "a.csv"}} {
		for name, restart := range map[string]bool{"at once": false, "stopped before they settle": true} {
			t.Run(order[0]+" first, "+name, func(t *testing.T) {
				inBubble(t, "", "    settle: 40s\n", func(s *store) {
					tick := time.Now()
					for _, file := range order {
						s.writeAt(file, "UPC,On Hand\n"+upcA+","+map[string]string{"a.csv": "1", "b.csv": "2"}[file]+"\n", tick)
					}
					s.start()
					pass(20 * time.Second)
					if restart {
						s.end()
						s.start()
					}
					pass(2 * time.Minute)
					s.want(map[string]int64{upcA: 2})
					if n := s.requests(); n != 1 {
						s.t.Errorf("got %d requests, want one look to send the newest alone", n)
					}
					s.end()
				})
			})
		}
	}
}

func TestAnExportOfTheFutureIsToldAndStopsNoLaterOne(t *testing.T) { // W11, I7
	inBubble(t, "", "", func(s *store) {
		s.start()
		s.writeAt("stock-1.csv", "UPC,On Hand\n"+upcA+",1\n"+upcB+",1\n", time.Now().AddDate(37, 0, 0))
		pass(time.Minute)
		s.want(map[string]int64{upcA: 1, upcB: 1})
		s.writeAt("stock-2.csv", "UPC,On Hand\n"+upcA+",2\n"+upcB+",1\n", time.Now().AddDate(37, 0, 0))
		pass(time.Minute)
		const told = "an export is dated in the future"
		if n := s.lines(told); n != 1 || s.lines("level=WARN") != 1 || s.lines("its time is 2037-") == 0 {
			s.t.Errorf("it was told %d times, want once, with its time", n)
		}
		pass(time.Hour)
		s.writeAt("late.csv", "UPC,On Hand\n"+upcA+",7\n", time.Now().Add(-10*time.Minute)) // later than those came
		pass(time.Minute)
		s.want(map[string]int64{upcA: 7, upcB: 1})
		s.drop("stock-3.csv", upcA+",3")
		pass(time.Minute)
		s.want(map[string]int64{upcA: 3, upcB: 1})
		s.end()
		s.start() // which finds the two again
		pass(25 * time.Hour)
		s.drop("stock-4.csv", upcA+",4")
		pass(time.Minute)
		s.want(map[string]int64{upcA: 4, upcB: 1})
		s.writeAt("stock-1.csv", "UPC,On Hand\n"+upcA+",9\n"+upcC+",9\n", time.Now().Add(-time.Hour)) // an older one comes late
		pass(time.Minute)
		s.want(map[string]int64{upcA: 4, upcB: 1, upcC: 9})
		if n := s.lines("exports are not dated in the future any more"); n != 1 {
			s.t.Errorf("its end was told %d times, want once", n)
		}
		s.end()
	})
}

// TestOtherBytesWithTheSameNameSizeAndTimeAreAnExport: written in place with the time set back, and moved over.
func TestOtherBytesWithTheSameNameSizeAndTimeAreAnExport(t *testing.T) { // W7, W12, I9
	for name, put := range map[string]func(s *store, text string, at time.Time){
		"written in place": func(s *store, text string, at time.Time) { s.writeAt("stock.csv", text, at) },
		"moved over": func(s *store, text string, at time.Time) {
			s.writeAt("other.tmp", text, at)
			s.move("other.tmp", "stock.csv")
		},
		"removed and made anew": func(s *store, text string, at time.Time) {
			s.remove("stock.csv")
			s.writeAt("stock.csv", text, at)
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, "", "", func(s *store) {
				s.start()
				at := time.Now()
				s.writeAt("stock.csv", "UPC,On Hand\n"+upcA+",5\n", at)
				pass(45 * time.Second)
				put(s, "UPC,On Hand\n"+upcA+",7\n", at)
				pass(45 * time.Second)
				s.want(map[string]int64{upcA: 7})
				put(s, "UPC,On Hand\n"+upcA+",6\n", at) // hours later, still with that time
				pass(45 * time.Second)
				s.want(map[string]int64{upcA: 6})
				s.end()
			})
		})
	}
}

// TestTheClockMayBeSetBackBetweenTwoLives: by a quarter of a year, with updates that wait for their time. A bubble's clock
// begins anew, the data folder does not.
func TestTheClockMayBeSetBackBetweenTwoLives(t *testing.T) { // C1, C2, I7
	t.Parallel()
	s := newStore(t, "  dead_retry: 24h\n", "")
	quarter := 90 * 24 * time.Hour
	synctest.Test(t, func(t *testing.T) {
		s.t = t
		pass(quarter)
		inject(t, s.api, "422,code="+upcB)
		inject(t, s.api, "500,code="+upcC)
		s.start()
		s.drop("stock-1.csv", upcA+",1", upcB+",1", upcC+",1")
		pass(10 * time.Minute)
		s.want(map[string]int64{upcA: 1})
		if st := s.status(); st.Pending != 1 || st.Dead != 1 {
			t.Errorf("got %+v, want one to wait and one refused", st)
		}
		s.api.ClearFaults()
		s.end()
	})
	synctest.Test(t, func(t *testing.T) {
		s.t = t
		s.start()
		pass(6 * time.Minute)
		s.want(map[string]int64{upcA: 1, upcC: 1}) // what waits does not wait for the time that was
		s.drop("stock-2.csv", upcA+",2")
		pass(time.Minute)
		s.want(map[string]int64{upcA: 2, upcC: 1}) // a new export is newer, though its time is less
		s.drop("stock-3.csv", upcA+",3")
		pass(time.Minute)
		s.want(map[string]int64{upcA: 3, upcC: 1})
		pass(25 * time.Hour)
		s.want(map[string]int64{upcA: 3, upcB: 1, upcC: 1}) // nor does a dead letter
		s.end()
	})
	synctest.Test(t, func(t *testing.T) { // and forward again
		s.t = t
		pass(4 * quarter)
		s.start()
		s.drop("stock-4.csv", upcA+",4")
		pass(time.Minute)
		s.want(map[string]int64{upcA: 4, upcB: 1, upcC: 1})
		s.end()
	})
}

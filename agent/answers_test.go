package agent_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestEachRowOfTheAnswersTable: what the contract says of an answer, by the agent as a whole. The judging of single
// answers is tested in package api.
func TestEachRowOfTheAnswersTable(t *testing.T) { // A5, A6, A7, A8, A10, I13
	type row struct {
		state  string // of the API, after an hour of it
		dead   int64  // of one product that gets it while another passes
		faults []string
	}
	for name, x := range map[string]row{
		"acknowledged": {"ok", 0, []string{"empty", "204"}},
		"refused": {"ok", 1, []string{"error", "errors", "user-errors", "success-false", "400", "404", "405", "409", "410", "413", "418", "422", "451",
			"400,words=SKU ZOOT-token-34 is not valid"}},
		"token": {"token not accepted", 0, []string{"401", "403", "400,words=token has expired", "error,words=invalid API token"}},
		"not our API": {"not our API", 0, []string{"301", "302", "303", "307", "308,location=http://127.0.0.1:9/", "407", "html", "portal",
			"truncated", "large", "endless", "gzip"}},
		"later": {"failing", 0, []string{"408", "425", "500", "501", "502", "504", "507", "hang", "close", "reset"}},
		"slow":  {"slowed down", 0, []string{"429", "503", "429,retry-after=300", "503,retry-after=300"}},
	} {
		for _, fault := range x.faults {
			t.Run(name+" "+fault, func(t *testing.T) {
				inBubble(t, "", "    rescan: 1h\n", func(s *store) {
					if name == "refused" {
						fault += ",code=" + upcA
					}
					inject(t, s.api, fault)
					s.drop("stock.csv", upcA+",12", upcB+",0")
					s.start()
					pass(time.Hour)
					st := s.status()
					slow := name == "slow" && st.API.State == "failing" // nothing but failures is more than slow
					if st.API.State != x.state && !slow || st.Dead != x.dead {
						t.Errorf("got %+v", st)
					}
					paused := name == "token" || name == "not our API"
					if (st.State == "paused") != paused {
						t.Errorf("got %s", st.State)
					}
					if waits := paused || name == "later" || name == "slow"; waits && (st.Delivered != 0 || st.Pending != 2) {
						t.Errorf("got %d delivered, %d pending, want nothing acknowledged and nothing dropped", st.Delivered, st.Pending)
					} else if !waits && st.Delivered+st.Dead != 2 {
						t.Errorf("got %+v", st)
					}
					if n := s.requests(); n > 400 {
						t.Errorf("got %d requests in an hour", n)
					}
					s.api.ClearFaults()
					pass(25 * time.Hour) // dead letters too
					if st := s.status(); st.Pending != 0 || st.Dead != 0 || st.State != "running" || st.API.State != "ok" {
						t.Errorf("once it is over: got %+v", st)
					}
					if name != "acknowledged" {
						s.want(map[string]int64{upcA: 12, upcB: 0})
					}
					s.end()
				})
			})
		}
	}
}

func TestAReturnToAnEarlierQuantityIsSentWhereAnotherMayHaveLanded(t *testing.T) { // A1, I2
	inBubble(t, "", "    rescan: 1s\n    settle: 0s\n", func(s *store) {
		s.drop("stock-1.csv", upcA+",5")
		s.start()
		pass(30 * time.Second)
		inject(s.t, s.api, "hang,next=1,apply=now")
		s.drop("stock-2.csv", upcA+",3")
		pass(8 * time.Second)
		if st := s.status(); st.InFlight != 1 {
			s.t.Fatalf("got %+v, want one on its way", st)
		}
		s.drop("stock-3.csv", upcA+",5")
		pass(10 * time.Minute)
		s.want(map[string]int64{upcA: 5})
		s.end()
	})
}

func TestAnAnswerToAnOlderQuantityDoesNotLetGoOfTheNewer(t *testing.T) { // A3, I3
	inBubble(t, "", "    rescan: 1s\n    settle: 0s\n", func(s *store) {
		inject(s.t, s.api, "slow,next=1,delay=12s")
		s.drop("stock-1.csv", upcA+",5")
		s.start()
		pass(5 * time.Second)
		s.drop("stock-2.csv", upcA+",3")
		pass(3 * time.Second)
		if st := s.status(); st.InFlight != 1 || st.Sources[0].LastExport.Name != "stock-2.csv" {
			s.t.Fatalf("got %+v, want the older one on its way when the newer export is taken", st)
		}
		pass(time.Minute)
		s.want(map[string]int64{upcA: 3})
		journal := s.api.Journal()
		if len(journal) != 2 || journal[1].At.Before(journal[0].AnsweredAt) {
			s.t.Errorf("got %+v, want the newer one after the older was answered", journal)
		}
		s.end()
	})
}

func TestOneKeyThatChangesAllTheTimeGoesInOrder(t *testing.T) { // A4, I4; the API checks the order
	inBubble(t, "  rate: unlimited\n  concurrency: 8\n", "    settle: 0s\n    rescan: 1s\n", func(s *store) {
		s.api.SetLatency(time.Second, 3*time.Second)
		inject(s.t, s.api, "hang=10%,apply=30s")
		s.start()
		for i := range 100 {
			s.drop(fmt.Sprintf("stock-%d.csv", i), fmt.Sprintf("%s,%d", upcA, 100-i), fmt.Sprintf("%s,%d", upcB, i%3))
			pass(3 * time.Second)
		}
		s.api.ClearFaults()
		pass(time.Hour)
		s.want(map[string]int64{upcA: 1, upcB: 0})
		s.end()
	})
}

// headers looks at each request.
type headers struct {
	http.RoundTripper
	see func(http.Header)
}

func (h headers) RoundTrip(r *http.Request) (*http.Response, error) {
	h.see(r.Header)
	return h.RoundTripper.RoundTrip(r)
}

// TestNoRequestCanBeTakenForARepetition: an API that remembers answers by such a key would swallow the return to an
// earlier quantity, and Go's transport would send a request again by itself.
func TestNoRequestCanBeTakenForARepetition(t *testing.T) { // A21, H1
	inBubble(t, "", "", func(s *store) {
		s.line.api = headers{s.line.api, func(h http.Header) {
			for name := range h {
				if strings.Contains(name, "Idempot") {
					t.Errorf("a request has %s", name)
				}
			}
		}}
		for i, quantity := range []string{"5", "7", "5"} {
			s.drop(fmt.Sprintf("stock-%d.csv", i), upcA+","+quantity)
			if i == 0 {
				s.start()
			}
			pass(time.Minute)
			if n := s.requests(); n != uint64(i+1) {
				t.Errorf("got %d requests, want %d", n, i+1)
			}
		}
		s.want(map[string]int64{upcA: 5})
		s.end()
	})
}

// TestDaysWithoutTheAPIEndWithOneRequestAKey: and one more for each key of which another quantity may land late.
func TestDaysWithoutTheAPIEndWithOneRequestAKey(t *testing.T) { // A12, I1, I5, I18
	for _, fault := range []string{"no connection", "500", "hang"} {
		t.Run(fault, func(t *testing.T) {
			inBubble(t, "  rate: 20/s\n", "    rescan: 3m\n", func(s *store) {
				const n = 50
				const every = 3 * time.Minute
				exports := int(3 * 24 * time.Hour / every)
				if detectsRaces {
					exports /= 8
				}
				s.drop("stock.csv", rowsOf(0, n, 2000)...)
				s.start()
				pass(time.Minute)
				if fault == "no connection" {
					s.line.cut.Store(true)
				} else {
					inject(t, s.api, fault)
				}
				final := map[string]int64{}
				for i := range exports {
					var rows []string
					for j, row := range manyRows(n) {
						q := int64(2000 - i/(j+1)) // the first changes each time, the last a few times a day
						rows = append(rows, fmt.Sprintf("%s,%d", row[:12], q))
						final[row[:12]] = q
					}
					s.drop("stock.csv", rows...)
					pass(every)
				}
				pass(2 * every) // the last of them has been read
				if st := s.status(); st.Dead != 0 || st.Pending != n {
					t.Errorf("afterwards: got %+v", st)
				}
				s.api.ClearFaults()
				s.line.cut.Store(false)
				over := time.Now()
				pass(10 * time.Minute)
				s.want(final)
				taken, doubtful := map[string]int{}, map[string]bool{}
				for _, r := range s.api.Journal() {
					switch code := r.Key.UPC; {
					case r.At.After(over):
						taken[code]++
					case fault == "hang" && r.Fault != "" && r.Quantity != final[code]:
						doubtful[code] = true
					}
				}
				for code := range final {
					want := 1
					if doubtful[code] {
						want = 2
					}
					if taken[code] != want {
						t.Errorf("%s was sent %d times afterwards, want %d", code, taken[code], want)
					}
				}
				if fault == "hang" && len(doubtful) == 0 {
					t.Error("no key was left in doubt")
				}
				if st := s.status(); st.Pending != 0 || st.ToConfirm != 0 || st.Dead != 0 {
					t.Errorf("got %+v", st)
				}
				s.end()
			})
		})
	}
}

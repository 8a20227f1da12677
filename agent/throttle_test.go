package agent_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"tillpost/mockapi"
)

// TestAPoisonedProductDelaysNoneOfAThousand: each other leaves once, and as early as if the poisoned one was any other.
func TestAPoisonedProductDelaysNoneOfAThousand(t *testing.T) { // I14, the contract's row of the poison update
	for _, fault := range []string{"500", "502", "503", "429", "hang", "close"} {
		t.Run(fault, func(t *testing.T) {
			inBubble(t, "  rate: 20/s\n  burst: 1\n", "", func(s *store) {
				rows := manyRows(1000)
				inject(t, s.api, fault+",code="+rows[0][:12])
				s.drop("stock.csv", rows...)
				s.start()
				pass(time.Minute)
				tries, last := map[string]int{}, time.Time{}
				first := s.api.Journal()[0].At
				for _, r := range s.api.Journal() {
					if tries[r.Key.UPC]++; r.Key.UPC != rows[0][:12] {
						last = r.At
					}
				}
				poison := tries[rows[0][:12]]
				delete(tries, rows[0][:12])
				for code, n := range tries {
					if n != 1 {
						s.t.Errorf("%s was tried %d times, want once", code, n)
					}
				}
				allowed := time.Duration(999+poison) * time.Second / 20
				if fault == "429" { // which slows the drain for a while, each time
					allowed += time.Duration(poison) * time.Second
				}
				if took := last.Sub(first); len(tries) != 999 || took > allowed+time.Second/10 {
					s.t.Errorf("got %d others in %v, want 999 within %v: the poisoned one was tried %d times", len(tries), took, allowed, poison)
				}
				if poison < 2 || poison > 12 {
					s.t.Errorf("the poisoned one was tried %d times in a minute", poison)
				}
				pass(24 * time.Hour)
				tried := s.api.Counters().Requests
				pass(time.Hour)
				if n := s.api.Counters().Requests - tried; n < 8 || n > 120 {
					s.t.Errorf("the poisoned one was tried %d times in an hour a day later, want about retry.max apart", n)
				}
				st := s.status()
				if st.State != "running" || st.Pending != 1 || st.Failing != 1 || st.Worst == nil || st.Worst.Key.UPC != rows[0][:12] || st.Worst.Failures < 100 || st.Worst.Error == "" {
					s.t.Errorf("got %+v", st)
				}
				s.api.ClearFaults()
				pass(6 * time.Minute)
				if st := s.status(); st.Pending-st.ToConfirm != 0 || st.Failing != 0 || st.Worst != nil {
					s.t.Errorf("once it passes: got %+v", st)
				}
				s.end()
			})
		})
	}
}

// bare takes Retry-After out of the answers.
type bare struct{ http.RoundTripper }

func (b bare) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		resp.Header.Del("Retry-After")
	}
	return resp, err
}

// TestTheDrainFindsTheRateThatTheAPITakes: and climbs when there is no such limit any more.
func TestTheDrainFindsTheRateThatTheAPITakes(t *testing.T) { // A11, R7, the contract's row of 429
	for _, rate := range []string{"50/s", "unlimited"} {
		for name, strip := range map[string]bool{"with Retry-After": false, "without Retry-After": true} {
			t.Run(rate+" "+name, func(t *testing.T) {
				inBubble(t, "  rate: "+rate+"\n  burst: 5\n", "", func(s *store) {
					if strip {
						s.line.api = bare{s.line.api}
					}
					s.api.SetRateLimit(2, 2)
					s.api.SetLatency(50*time.Millisecond, 50*time.Millisecond)
					s.drop("stock.csv", manyRows(6000)...)
					s.start()
					pass(10 * time.Minute)
					before := s.api.Counters()
					pass(10 * time.Minute)
					after := s.api.Counters()
					taken, limited := s.status().Delivered, after.Limited-before.Limited
					sent := after.Requests - before.Requests
					if got := sent - limited; got < 600 || got > 1210 {
						s.t.Errorf("got %d taken in ten minutes at 2/s, want at least half of it", got)
					}
					if limited > sent/5 {
						s.t.Errorf("got %d of %d answered with 429: the API is stormed", limited, sent)
					}
					s.api.SetRateLimit(0, 0)
					pass(4 * time.Minute)
					if st := s.status(); st.Delivered != 6000 || st.API.State != "ok" {
						s.t.Errorf("four minutes after the limit is gone: got %d delivered, %d before, %+v", st.Delivered, taken, st)
					}
					s.end()
				})
			})
		}
	}
}

func TestAfterAnHourOf429And503TheDrainIsBackAtItsRate(t *testing.T) {
	faults := []string{"429", "503=90%", "429=70%", "503"}
	if detectsRaces {
		faults = faults[:2]
	}
	for _, fault := range faults {
		t.Run(fault, func(t *testing.T) {
			inBubble(t, "  rate: 20/s\n", "", func(s *store) {
				s.api.SetLatency(50*time.Millisecond, 0)
				inject(t, s.api, fault)
				s.drop("stock.csv", manyRows(15000)...)
				s.start()
				pass(time.Hour)
				if n := s.requests(); n > 3600*20/2 {
					s.t.Errorf("got %d requests in the hour, want the drain slowed down", n)
				}
				if st := s.status(); st.State != "running" || st.API.State == "ok" {
					s.t.Errorf("got %+v", st)
				}
				s.api.ClearFaults()
				pass(3 * time.Minute)
				before := s.status().Delivered
				pass(time.Minute)
				if n := s.status().Delivered - before; n < 60*20*9/10 {
					s.t.Errorf("got %d delivered in a minute, three minutes after it was over, want 20/s", n)
				}
				s.end()
			})
		})
	}
}

// TestRetryAfterInEveryForm: the whole drain waits as long as is asked for, and at most an hour.
func TestRetryAfterInEveryForm(t *testing.T) { // A11
	for value, want := range map[string]time.Duration{
		"1":                             time.Second,
		"90":                            90 * time.Second,
		"date+90s":                      90 * time.Second, // from the answer's own Date
		"3600":                          time.Hour,
		"315360000":                     time.Hour, // ten years
		"date+87600h":                   time.Hour,
		"99999999999999999999999":       time.Hour,
		"Fri, 31 Dec 2199 23:59:59 GMT": time.Hour,
		"-5":                            0,
		"soon":                          0,
		"date-90s":                      0,
		"0":                             0,
	} {
		for _, status := range []string{"429", "503"} {
			t.Run(status+" "+value, func(t *testing.T) {
				inBubble(t, "  rate: 10/s\n  burst: 1\n  concurrency: 1\n", "", func(s *store) {
					f := fmt.Sprintf("%s,nth=3", status)
					fault := mustParse(t, f)
					fault.RetryAfter = value
					if err := s.api.Inject(fault); err != nil {
						t.Fatal(err)
					}
					s.drop("stock.csv", manyRows(20)...)
					s.start()
					pass(3 * time.Hour)
					journal := s.api.Journal()
					if len(journal) != 21 || journal[2].Status/100 == 2 {
						s.t.Fatalf("got %d requests", len(journal))
					}
					if got := journal[3].At.Sub(journal[2].At); got < want || got > want+time.Second {
						s.t.Errorf("the next request left after %v, want %v", got, want)
					}
					s.end()
				})
			})
		}
	}
}

func mustParse(t *testing.T, text string) mockapi.Fault {
	t.Helper()
	f, err := mockapi.ParseFault(text)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

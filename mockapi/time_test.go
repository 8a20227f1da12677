package mockapi_test

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tillpost/mockapi"
)

// send posts an update with a time-out and returns the status, 0 if there was none.
func send(t testing.TB, s *mockapi.Server, body string, timeout time.Duration) int {
	t.Helper()
	client := &http.Client{Transport: s.Transport(), Timeout: timeout}
	res, err := client.Do(request(context.Background(), t, "http://api.test", body))
	if err != nil {
		return 0
	}
	_ = res.Body.Close()
	return res.StatusCode
}

func TestALateUpdateLandsOverANewerOne(t *testing.T) {
	t.Parallel()
	for _, fault := range []string{"late,next=1", "late,next=1,apply=2m", "hang,next=1,apply=90s", "close,next=1,apply=1m", "truncated,next=1,apply=40s"} {
		synctest.Test(t, func(t *testing.T) {
			f, err := mockapi.ParseFault(fault)
			if err != nil {
				t.Fatal(err)
			}
			after := f.ApplyAfter
			if after == 0 {
				after = 30 * time.Second
			}
			start := time.Now()
			s := mockapi.New(mockapi.Options{Faults: []mockapi.Fault{f}, Journal: 10})
			send(t, s, shoesAt(3), 10*time.Second)
			holds(t, s, shoesKey, -1)
			if code := send(t, s, shoesAt(7), 10*time.Second); code != 200 {
				t.Errorf("got %d, want 200", code)
			}
			time.Sleep(after - time.Since(start) - time.Nanosecond)
			holds(t, s, shoesKey, 7)
			if n := s.Counters(); n.Late != 1 {
				t.Errorf("%s: got %d late, want 1", fault, n.Late)
			}
			time.Sleep(time.Nanosecond)
			holds(t, s, shoesKey, 3)
			if n := s.Counters(); n.Late != 0 {
				t.Errorf("%s: got %d late, want 0", fault, n.Late)
			}
			if r := s.Journal()[0]; !r.AppliedAt.Equal(start.Add(after)) {
				t.Errorf("%s: got %v, want applied after %v", fault, r, after)
			}
			clean(t, s)
		})
	}
}

func TestLateUpdatesLandInTheOrderOfTheirTimes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := mockapi.New(mockapi.Options{})
		for n, after := range []time.Duration{3, 1, 2} {
			if err := s.Inject(mockapi.Fault{Name: "late", Apply: mockapi.ApplyLate, ApplyAfter: after * time.Second, Count: 1}); err != nil {
				t.Fatal(err)
			}
			send(t, s, shoesAt(n), time.Second)
		}
		for _, want := range []int64{1, 2, 0} {
			time.Sleep(time.Second)
			holds(t, s, shoesKey, want)
		}
		send(t, s, shoesAt(9), time.Second)
		holds(t, s, shoesKey, 9)
		if got := s.State().Items[0].Applied; got != 4 {
			t.Errorf("got %d applied, want 4", got)
		}
	})
}

func TestALateUpdateIsAppliedBeforeWhatComesAfterIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := mockapi.New(mockapi.Options{Faults: []mockapi.Fault{{Name: "late", Count: 1}}})
		send(t, s, shoesAt(1), time.Second)
		time.Sleep(time.Minute)
		send(t, s, shoesAt(2), time.Second) // nobody has looked meanwhile
		holds(t, s, shoesKey, 2)
	})
}

func TestAnUpdateIsAppliedAfterTheLatencyThoughItsClientHasGone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := mockapi.New(mockapi.Options{Latency: 20 * time.Second})
		if code := send(t, s, shoes, 15*time.Second); code != 0 {
			t.Errorf("got %d, want a time-out", code)
		}
		holds(t, s, shoesKey, -1)
		time.Sleep(5 * time.Second)
		holds(t, s, shoesKey, 12)
		s.SetLatency(0, 0)
		if code := send(t, s, shoesAt(1), time.Nanosecond); code != 200 {
			t.Errorf("got %d, want 200 at once", code)
		}
		clean(t, s)
	})
}

func TestLatencyAndJitterDelayTheAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := mockapi.New(mockapi.Options{Latency: 100 * time.Millisecond, Jitter: 50 * time.Millisecond})
		differ := map[time.Duration]bool{}
		for range 20 {
			start := time.Now()
			send(t, s, shoes, time.Second)
			took := time.Since(start)
			if took < 100*time.Millisecond || took >= 150*time.Millisecond {
				t.Errorf("got %v, want 100 to 150 ms", took)
			}
			differ[took] = true
		}
		if len(differ) < 10 {
			t.Errorf("got %d different times of 20", len(differ))
		}
	})
}

func TestTheRateLimitSaysWhenThereIsRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := mockapi.New(mockapi.Options{RateLimit: 0.5, Burst: 2, Journal: 100})
		transport := s.Transport()
		for i, want := range []int{200, 200, 429, 429} {
			res, err := transport.RoundTrip(request(t.Context(), t, "http://api.test", shoesAt(i)))
			if err != nil {
				t.Fatal(err)
			}
			if res.StatusCode != want {
				t.Errorf("request %d: got %d, want %d", i, res.StatusCode, want)
			}
			if want == 429 && res.Header.Get("Retry-After") != "2" {
				t.Errorf("got Retry-After %q, want 2", res.Header.Get("Retry-After"))
			}
		}
		holds(t, s, shoesKey, 1)
		time.Sleep(2 * time.Second)
		if code, _ := post(t, s, shoes); code != 200 {
			t.Errorf("got %d after 2 s, want 200", code)
		}
		if n := s.Counters(); n.Limited != 2 {
			t.Errorf("got %d limited, want 2", n.Limited)
		}
		s.SetRateLimit(0, 0)
		for range 10 {
			if code, _ := post(t, s, shoes); code != 200 {
				t.Errorf("got %d without a limit", code)
			}
		}
	})
}

func TestTwoInFlightForOneKeyAreAViolation(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		options  mockapi.Options
		timeouts [2]time.Duration // of the first and the second request
		second   string
		gap      time.Duration // between them
		want     bool
	}{
		{"two answered", mockapi.Options{Latency: 5 * time.Second}, [2]time.Duration{time.Minute, time.Minute}, shoesAt(1), time.Second, true},
		{"at the same moment", mockapi.Options{Latency: time.Second}, [2]time.Duration{time.Minute, time.Minute}, shoesAt(1), 0, true},
		{"another key", mockapi.Options{Latency: 5 * time.Second}, [2]time.Duration{time.Minute, time.Minute}, suit, time.Second, false},
		{"one after the other", mockapi.Options{Latency: time.Second}, [2]time.Duration{time.Minute, time.Minute}, shoesAt(1), time.Second, false},
		{"the first given up just before", mockapi.Options{Latency: 9 * time.Second}, [2]time.Duration{3 * time.Second, time.Minute}, shoesAt(1), 3 * time.Second, false},
		{"the first given up long after", mockapi.Options{Latency: 9 * time.Second}, [2]time.Duration{8 * time.Second, time.Minute}, shoesAt(1), time.Second, true},
		{"the first older than the time-out", mockapi.Options{Latency: 9 * time.Second, ClientTimeout: 4 * time.Second},
			[2]time.Duration{time.Minute, time.Minute}, shoesAt(1), 4 * time.Second, false},
		{"the first younger than the time-out", mockapi.Options{Latency: 9 * time.Second, ClientTimeout: 4 * time.Second},
			[2]time.Duration{time.Minute, time.Minute}, shoesAt(1), 2 * time.Second, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := mockapi.New(c.options)
				var wg sync.WaitGroup
				wg.Go(func() { send(t, s, shoesAt(0), c.timeouts[0]) })
				synctest.Wait()
				time.Sleep(c.gap)
				synctest.Wait()
				wg.Go(func() { send(t, s, c.second, c.timeouts[1]) })
				wg.Wait()
				got := s.Check()
				if (len(got) == 1) != c.want || len(got) > 1 {
					t.Errorf("got %q, want one: %t", got, c.want)
				}
				if c.want && !strings.Contains(got[0], "upc 849632048260, store 3: #1 (0 units) had no answer when #2 (1 units) came") {
					t.Errorf("got %q", got[0])
				}
			})
		})
	}
}

func TestAnOverlapThatLastsIsToldBeforeItEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := mockapi.New(mockapi.Options{Faults: []mockapi.Fault{{Name: "hang"}}})
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for n := range 3 {
			wg.Go(func() {
				_, err := s.Transport().RoundTrip(request(ctx, t, "http://api.test", shoesAt(n)))
				if !errors.Is(err, context.Canceled) {
					t.Errorf("got %v, want canceled", err)
				}
			})
			synctest.Wait()
		}
		clean(t, s)
		time.Sleep(2 * time.Second)
		if got := s.Check(); len(got) != 3 { // 1-2, 1-3, 2-3
			t.Errorf("got %q, want three", got)
		}
		if n := s.Counters(); n.InFlight != 3 || n.MaxInFlight != 3 || n.MaxPerKey != 3 {
			t.Errorf("got %+v, want three in flight", n)
		}
		cancel()
		wg.Wait()
		if got := s.Check(); len(got) != 3 || s.Counters().InFlight != 0 {
			t.Errorf("got %q, want the same three", got)
		}
	})
}

func TestTheJournalHasEveryRequestInTheOrderOfArrival(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := mockapi.New(mockapi.Options{Token: "secret", Journal: 5, Faults: []mockapi.Fault{{Name: "slow", Nth: 4, Delay: time.Second}}})
		for n := range 8 {
			time.Sleep(100 * time.Millisecond)
			send(t, s, shoesAt(n), time.Minute)
		}
		send(t, s, "nonsense", time.Minute)
		journal := s.Journal()
		if len(journal) != 5 {
			t.Fatalf("got %d, want 5", len(journal))
		}
		for i, r := range journal[:4] {
			if r.Seq != uint64(i+5) || r.Key != shoesKey || r.Quantity != int64(i+4) || r.Status != 200 || !r.AppliedAt.Equal(r.At) {
				t.Errorf("got %+v at %d", r, i)
			}
		}
		if r := journal[4]; r.Key != (mockapi.Key{}) || r.Status != 400 || !r.AppliedAt.IsZero() || r.AnsweredAt.IsZero() {
			t.Errorf("got %+v, want the malformed one", r)
		}
		for d, want := range map[time.Duration]int{time.Nanosecond: 2, 100 * time.Millisecond: 2, 101 * time.Millisecond: 3, time.Hour: 5} {
			if got := s.MaxPerWindow(d); got != want {
				t.Errorf("%v: got %d, want %d", d, got, want)
			}
		}
		if e := s.State().Items[0].History[3]; e.Fault != "slow" || e.Status != 200 {
			t.Errorf("got %+v, want the slow one", e)
		}
	})
}

func TestManyClientsAtOnceAgreeWithTheServer(t *testing.T) {
	t.Parallel()
	s := mockapi.New(mockapi.Options{Token: "secret", Journal: 10_000, Jitter: time.Millisecond, Faults: []mockapi.Fault{{Name: "503", Rate: 0.1}}})
	url, client := listen(t, s)
	client.Transport.(*http.Transport).DisableKeepAlives = false
	client.Transport.(*http.Transport).MaxIdleConnsPerHost = 8
	const clients, updates = 8, 60
	var last [clients]int64
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() {
			for n := range updates {
				body := `{"upc":"` + strconv.Itoa(c) + `","store":"1","quantity":` + strconv.Itoa(n) + `}`
				res, err := client.Do(request(t.Context(), t, url, body))
				if err != nil {
					t.Error(err)
					return
				}
				_ = res.Body.Close()
				if res.StatusCode == 200 {
					last[c] = int64(n)
				}
				if n%20 == 0 {
					s.State()
				}
			}
		})
	}
	wg.Wait()
	for c, want := range last {
		holds(t, s, mockapi.Key{Store: "1", UPC: strconv.Itoa(c)}, want)
	}
	n := s.Counters()
	if n.Requests != clients*updates || n.Statuses[200]+n.Statuses[503] != clients*updates || n.InFlight != 0 || len(s.Journal()) != clients*updates {
		t.Errorf("got %+v and %d in the journal, want %d", n, len(s.Journal()), clients*updates)
	}
	if n.MaxInFlight > clients || n.MaxPerKey != 1 {
		t.Errorf("got %+v, want at most %d in flight and one for a key", n, clients)
	}
	clean(t, s)
}

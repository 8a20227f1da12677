package mockapi_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tillpost/mockapi"
)

func TestAResetReachesAClientOverTLS(t *testing.T) {
	t.Parallel()
	s := mockapi.New(mockapi.Options{Faults: []mockapi.Fault{{Name: "reset"}}})
	server := httptest.NewTLSServer(s)
	t.Cleanup(server.Close)
	got := look(t.Context(), t, server.Client(), server.URL)
	if got.err == nil || errors.Is(got.err, io.EOF) {
		t.Errorf("got %v, want a reset connection", got.err)
	}
	clean(t, s)
}

func TestSoManyViolationsAreToldAndTheOthersCounted(t *testing.T) {
	t.Parallel()
	s := mockapi.New(mockapi.Options{})
	for range 130 {
		post(t, s, "nonsense")
	}
	got := s.Check()
	if len(got) != 101 || got[100] != "and 30 more" || !strings.HasPrefix(got[0], "#1: 400 Malformed JSON") {
		t.Errorf("got %d: %q to %q, want 100 and 30 more", len(got), got[0], got[len(got)-1])
	}
}

func TestARequestThatOutlivesItsPlaceInJournalAndHistoryHarmsNeither(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := mockapi.New(mockapi.Options{
			Journal: 2, History: 2, ClientTimeout: time.Nanosecond, Faults: []mockapi.Fault{{Name: "slow", Nth: 1, Delay: time.Hour}},
		})
		var wg sync.WaitGroup
		wg.Go(func() { send(t, s, shoesAt(0), 2*time.Hour) })
		synctest.Wait()
		time.Sleep(time.Second)
		for n := 1; n <= 3; n++ {
			send(t, s, shoesAt(n), time.Second)
		}
		before, history := s.Journal(), s.State().Items[0].History
		wg.Wait()
		for i, r := range s.Journal() {
			if r != before[i] || r.Quantity != int64(i+2) {
				t.Errorf("got %+v, before %+v", r, before[i])
			}
		}
		for i, e := range s.State().Items[0].History {
			if e != history[i] || e.Quantity != int64(i+2) {
				t.Errorf("got %+v, before %+v", e, history[i])
			}
		}
		clean(t, s)
	})
}

func TestAKeyWithoutAHistoryCanBeWished(t *testing.T) {
	t.Parallel()
	s := mockapi.New(mockapi.Options{History: -1})
	post(t, s, shoes)
	if i := s.State().Items[0]; i.History != nil || i.Requests != 1 || i.Quantity != 12 {
		t.Errorf("got %+v, want no history", i)
	}
}

func TestARequestInFlightAtAResetIsForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := mockapi.New(mockapi.Options{Latency: time.Second, Journal: 5})
		var wg sync.WaitGroup
		wg.Go(func() { send(t, s, shoes, time.Minute) })
		synctest.Wait()
		s.Reset()
		wg.Wait()
		holds(t, s, shoesKey, -1)
		if n := s.Counters(); n.InFlight != 0 || n.Late != 0 || len(s.Journal()) != 0 {
			t.Errorf("got %+v and %v, want nothing in flight", n, s.Journal())
		}
	})
}

func TestARequestWhoseTimeIsOverIsNotServed(t *testing.T) {
	t.Parallel()
	s := mockapi.New(mockapi.Options{})
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("stop")
	cancel(stop)
	if _, err := s.Transport().RoundTrip(request(ctx, t, "http://api.test", shoes)); !errors.Is(err, stop) {
		t.Errorf("got %v, want the cause", err)
	}
	if n := s.Counters(); n.Requests != 0 {
		t.Errorf("got %d requests, want none", n.Requests)
	}
}

func TestAPanicThatIsNoAbortGoesOn(t *testing.T) {
	t.Parallel()
	s := mockapi.New(mockapi.Options{Known: func(mockapi.Key) bool { panic("mine") }})
	defer func() {
		if v := recover(); v != "mine" {
			t.Errorf("got %v, want the caller's panic", v)
		}
	}()
	res, err := s.Transport().RoundTrip(request(t.Context(), t, "http://api.test", shoes))
	t.Errorf("got %v, %v; want a panic", res, err)
}

var _ http.Handler = (*mockapi.Server)(nil)

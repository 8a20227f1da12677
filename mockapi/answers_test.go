package mockapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"tillpost/mockapi"
)

// seen is what a client sees of an answer.
type seen struct {
	status  int
	header  http.Header
	body    string
	err     error // of the request
	bodyErr error // of the body
}

// look sends the shoes and reads at most 1 MiB and a byte of the answer.
func look(ctx context.Context, t *testing.T, client *http.Client, url string) seen {
	t.Helper()
	res, err := client.Do(request(ctx, t, url, shoes))
	if err != nil {
		return seen{err: err}
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20+1))
	return seen{status: res.StatusCode, header: res.Header, body: string(body), bodyErr: err}
}

// faultCase is what a fault does.
type faultCase struct {
	fault   string
	status  int    // 0: the request has an error
	body    string // is in the body
	applied bool
	also    func(seen) bool // must hold
}

func faultCases() []faultCase {
	header := func(name, want string) func(seen) bool {
		return func(s seen) bool { return s.header.Get(name) == want }
	}
	html := func(s seen) bool { return strings.HasPrefix(s.header.Get("Content-Type"), "text/html") }
	retryDate := func(from, to time.Duration) func(seen) bool {
		return func(s seen) bool {
			date, err := http.ParseTime(s.header.Get("Date"))
			at, err2 := http.ParseTime(s.header.Get("Retry-After"))
			return err == nil && err2 == nil && at.Sub(date) >= from && at.Sub(date) <= to
		}
	}
	cases := []faultCase{
		{"302", 302, "", false, header("Location", "https://login.invalid/")},
		{"308,location=http://127.0.0.1:1/x", 308, "", false, header("Location", "http://127.0.0.1:1/x")},
		{"304", 304, "", false, nil},
		{"401", 401, "Invalid bearer token", false, nil},
		{"404", 404, "Unknown product: 849632048260", false, nil},
		{"407", 407, "", false, html},
		{"422,words=Store is closed", 422, `{"error":"Store is closed"}`, false, nil},
		{"429", 429, "", false, header("Retry-After", "1")},
		{"429,retry-after=3600", 429, "", false, header("Retry-After", "3600")},
		{"429,retry-after=-5", 429, "", false, header("Retry-After", "-5")},
		{"429,retry-after=soon", 429, "", false, header("Retry-After", "soon")},
		{"429,retry-after=99999999999999999999", 429, "", false, header("Retry-After", "99999999999999999999")},
		{"503,retry-after=date+30s", 503, "", false, retryDate(29*time.Second, 31*time.Second)},
		{"503,retry-after=date-30s", 503, "", false, retryDate(-31*time.Second, -29*time.Second)},
		{"503", 503, `{"error":"Service Unavailable"}`, false, header("Retry-After", "")},
		{"503,apply=now", 503, "", true, nil},
		{"html", 404, "<html>", false, html},
		{"portal", 200, "<html>", false, html},
		{"error", 200, `{"error":"Store does`, false, nil},
		{"errors", 200, `"errors":[{`, false, nil},
		{"user-errors", 200, `{"userErrors":[`, false, nil},
		{"success-false", 200, `{"success":false`, false, nil},
		{"empty", 200, "", true, func(s seen) bool { return s.body == "" }},
		{"204", 204, "", true, nil},
		{"gzip", 200, "\x1f\x8b", true, header("Content-Encoding", "gzip")},
		{"truncated", 200, `{"success":tr`, true, func(s seen) bool { return errors.Is(s.bodyErr, io.ErrUnexpectedEOF) }},
		{"truncated,apply=never", 200, `{"success":tr`, false, func(s seen) bool { return s.bodyErr != nil }},
		{"large", 200, `{"success":true} `, true, func(s seen) bool { return len(s.body) > 1<<20 }},
		{"endless", 200, `{"success":true} `, true, func(s seen) bool { return len(s.body) > 1<<20 }},
		{"slow,delay=20ms", 200, `{"success":true}`, true, nil},
		{"drip,delay=1ms", 200, `{"success":true}`, true, nil},
		{"hang,delay=1ms", 0, "", false, nil},
		{"hang,delay=1ms,apply=now", 0, "", true, nil},
		{"close", 0, "", false, func(s seen) bool { return errors.Is(s.err, io.EOF) }},
		{"close,apply=now", 0, "", true, nil},
		{"reset", 0, "", false, func(s seen) bool { return !errors.Is(s.err, io.EOF) }},
		{"reset,apply=now", 0, "", true, nil},
		{"late", 504, "", false, nil},
	}
	for _, code := range []int{300, 301, 303, 307, 400, 402, 403, 405, 406, 408, 409, 410, 413, 415, 418, 425, 451, 500, 501, 502, 504, 507} {
		name := string([]byte{byte('0' + code/100), byte('0' + code/10%10), byte('0' + code%10)})
		cases = append(cases, faultCase{name, code, `{"error":"`, false, nil})
	}
	return cases
}

func TestEveryFaultIsSeenAsItIsNamed(t *testing.T) {
	t.Parallel()
	for _, c := range faultCases() {
		t.Run(c.fault, func(t *testing.T) {
			t.Parallel()
			for _, real := range []bool{true, false} {
				f, err := mockapi.ParseFault(c.fault)
				if err != nil {
					t.Fatal(err)
				}
				s := mockapi.New(mockapi.Options{Token: "secret", Faults: []mockapi.Fault{f}})
				url, client := "http://api.test", &http.Client{
					Transport: s.Transport(), CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
				}
				if real {
					url, client = listen(t, s)
				}
				got := look(t.Context(), t, client, url)
				if (got.err != nil) != (c.status == 0) || got.status != c.status || !strings.Contains(got.body, c.body) {
					t.Errorf("listener %t: got %d, %.60q, %v; want %d and %q", real, got.status, got.body, got.err, c.status, c.body)
				}
				if c.also != nil && !c.also(got) {
					t.Errorf("listener %t: got headers %v, body %.60q, errors %v and %v", real, got.header, got.body, got.err, got.bodyErr)
				}
				if _, applied := s.Quantity(shoesKey); applied != c.applied {
					t.Errorf("listener %t: got applied %t, want %t", real, applied, c.applied)
				}
				if n := s.Counters(); n.Faulted != 1 {
					t.Errorf("listener %t: got %+v, want one faulted", real, n)
				}
				clean(t, s)
			}
		})
	}
}

func TestEveryFaultThatIsListedIsTried(t *testing.T) {
	t.Parallel()
	tried := map[string]bool{"hang": true, "5xx": true} // by tests of their own
	for _, c := range faultCases() {
		name, _, _ := strings.Cut(c.fault, ",")
		tried[name] = true
	}
	for _, k := range mockapi.Faults() {
		if !tried[k.Name] || k.About == "" {
			t.Errorf("%s, %q: got no test or no explanation", k.Name, k.About)
		}
	}
}

func TestAnAcknowledgementThatIsTooLongIsJSONAllTheSame(t *testing.T) {
	t.Parallel()
	s := mockapi.New(mockapi.Options{Faults: []mockapi.Fault{{Name: "large"}}})
	if _, body := post(t, s, shoes); !json.Valid([]byte(body)) || len(body) <= 2<<20 {
		t.Errorf("got %d bytes, want more than 2 MiB that a careless client takes", len(body))
	}
}

func TestAHangEndsWithTheClient(t *testing.T) {
	t.Parallel()
	for _, apply := range []mockapi.Apply{mockapi.ApplyNever, mockapi.ApplyNow} {
		s := mockapi.New(mockapi.Options{Faults: []mockapi.Fault{{Name: "hang", Apply: apply}}})
		url, client := listen(t, s)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if got := look(ctx, t, client, url); !errors.Is(got.err, context.Canceled) {
				t.Errorf("got %+v, want the client's giving up", got)
			}
		})
		eventually(t, "the request hangs", func() bool { return s.Counters().Faulted == 1 })
		cancel()
		wg.Wait()
		eventually(t, "the server sees the client go", func() bool { return s.Counters().InFlight == 0 })
		if _, applied := s.Quantity(shoesKey); applied != (apply == mockapi.ApplyNow) {
			t.Errorf("apply %d: got %t", apply, applied)
		}
		if n := s.Counters(); n.Statuses[0] != 1 {
			t.Errorf("got %+v, want no answer", n)
		}
		clean(t, s)
	}
}

func TestAStoppingServerNeverMakesAHangAnAcknowledgement(t *testing.T) {
	t.Parallel()
	for _, fault := range []string{"hang", "drip,delay=1h", "slow,delay=1h"} {
		f, err := mockapi.ParseFault(fault)
		if err != nil {
			t.Fatal(err)
		}
		s := mockapi.New(mockapi.Options{Faults: []mockapi.Fault{f}})
		stopping, stop := context.WithCancel(t.Context())
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			stop()
			s.ServeHTTP(w, r.WithContext(stopping))
		}))
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		if got := look(t.Context(), t, client, server.URL); got.err == nil && got.bodyErr == nil {
			t.Errorf("%s: got %+v, want an error", fault, got)
		}
		server.Close()
	}
}

func TestFaultsByChanceKeepToTheirShareAndTheirSeed(t *testing.T) {
	t.Parallel()
	run := func(seed uint64) (statuses []int) {
		s := mockapi.New(mockapi.Options{ErrorRate: 0.3, Seed: seed})
		for n := range 1000 {
			code, _ := post(t, s, shoesAt(n))
			statuses = append(statuses, code)
		}
		return statuses
	}
	count := map[int]int{}
	first := run(7)
	for _, status := range first {
		count[status]++
	}
	if got := 1000 - count[200]; got < 230 || got > 370 {
		t.Errorf("got %d of 1000, want about 300", got)
	}
	for _, status := range []int{500, 502, 503, 504} {
		if count[status] < 30 {
			t.Errorf("got %v, want about 75 of each", count)
		}
	}
	for i, status := range run(7) {
		if status != first[i] {
			t.Fatalf("request %d: got %d, with the same seed %d", i, status, first[i])
		}
	}
}

func TestAFaultHitsOnlyTheRequestsItIsFor(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, fault string
		want        []int // of shoes and suit in turn
	}{
		{"every one", "500", []int{500, 500, 500, 500, 500, 500}},
		{"the next two", "500,next=2", []int{500, 500, 200, 200, 200, 200}},
		{"the third", "500,nth=3", []int{200, 200, 500, 200, 200, 200}},
		{"one UPC", "403,code=849632048260", []int{403, 200, 403, 200, 403, 200}},
		{"one SKU", "403,code=ZOOT-SUIT", []int{200, 403, 200, 403, 200, 403}},
		{"the second of one SKU", "403,code=ZOOT-SUIT,nth=2", []int{200, 200, 200, 403, 200, 200}},
		{"the next two of one UPC", "403,code=849632048260,next=2", []int{403, 200, 403, 200, 200, 200}},
		{"a store", "500,store=3", []int{500, 500, 500, 500, 500, 500}},
		{"another store", "500,store=4", []int{200, 200, 200, 200, 200, 200}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := mockapi.New(mockapi.Options{})
			f, err := mockapi.ParseFault(c.fault)
			if err == nil {
				err = s.Inject(f)
			}
			if err != nil {
				t.Fatal(err)
			}
			for i, want := range c.want {
				if code, _ := post(t, s, []string{shoes, suit}[i%2]); code != want {
					t.Errorf("request %d: got %d, want %d", i+1, code, want)
				}
			}
		})
	}
}

func TestTheFirstFaultThatHitsAnswersAndClearingEndsThemAll(t *testing.T) {
	t.Parallel()
	s := mockapi.New(mockapi.Options{Faults: []mockapi.Fault{{Name: "500", Count: 1}, {Name: "502"}}})
	for _, want := range []int{500, 502, 502} {
		if code, _ := post(t, s, shoes); code != want {
			t.Errorf("got %d, want %d", code, want)
		}
	}
	s.ClearFaults()
	if code, _ := post(t, s, shoes); code != 200 || len(s.ActiveFaults()) != 0 {
		t.Errorf("got %d, %v; want 200 and no faults", code, s.ActiveFaults())
	}
	if err := s.Inject(mockapi.Fault{Name: "500", Rate: 2}); err == nil {
		t.Error("a rate of 2: got no error")
	}
}

func TestAFaultNeverAppliesWhatIsNoRightRequest(t *testing.T) {
	t.Parallel()
	s := mockapi.New(mockapi.Options{
		Token: "secret", Unknown: []string{"ZOOT-SUIT"}, Faults: []mockapi.Fault{{Name: "500", Apply: mockapi.ApplyNow}},
	})
	post(t, s, suit)
	post(t, s, "nonsense")
	wrong := request(t.Context(), t, "http://api.test", shoes)
	wrong.Header.Set("Authorization", "Bearer wrong")
	if code, _ := do(t, s.Transport(), wrong); code != 500 {
		t.Errorf("got %d, want the fault", code)
	}
	if got := s.Quantities(); len(got) != 0 {
		t.Errorf("got %v, want nothing", got)
	}
}

func TestAFaultThatAcknowledgesLeavesARefusalAsItIs(t *testing.T) {
	t.Parallel()
	for _, fault := range []string{"slow,delay=1us", "empty", "204", "gzip", "truncated", "large", "endless", "drip,delay=1us"} {
		f, err := mockapi.ParseFault(fault)
		if err != nil {
			t.Fatal(err)
		}
		s := mockapi.New(mockapi.Options{Token: "secret", Faults: []mockapi.Fault{f}})
		wrong := request(t.Context(), t, "http://api.test", shoes)
		wrong.Header.Set("Authorization", "Bearer wrong")
		if code, _ := do(t, s.Transport(), wrong); code != 401 {
			t.Errorf("%s: got %d for a wrong token, want 401", fault, code)
		}
	}
}

func TestAPlainRecorderWorksToo(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		fault  string
		status int
	}{{"", 200}, {"truncated", 200}, {"endless", 200}, {"drip,delay=1us", 200}, {"503", 503}} {
		s := mockapi.New(mockapi.Options{})
		if c.fault != "" {
			f, err := mockapi.ParseFault(c.fault)
			if err != nil {
				t.Fatal(err)
			}
			_ = s.Inject(f)
		}
		rec := httptest.NewRecorder()
		s.ServeHTTP(rec, request(t.Context(), t, "", shoes))
		if rec.Code != c.status {
			t.Errorf("%s: got %d, want %d", c.fault, rec.Code, c.status)
		}
		if bytes.Equal(rec.Body.Bytes(), []byte(`{"success":true}`)) && c.fault == "truncated" {
			t.Error("truncated: got the whole body")
		}
	}
}

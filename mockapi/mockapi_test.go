package mockapi_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"tillpost/mockapi"
	"tillpost/testkit"
)

const (
	shoes = `{"upc":"849632048260","store":"3","quantity":12}`
	suit  = `{"sku":"ZOOT-SUIT","size":"34","width":"D","store":"3","quantity":44}`
)

var (
	shoesKey = mockapi.Key{Store: "3", UPC: "849632048260"}
	suitKey  = mockapi.Key{Store: "3", SKU: "ZOOT-SUIT", Size: "34", Width: "D"}
)

// shoesAt is an update of the shoes to n units.
func shoesAt(n int) string {
	return fmt.Sprintf(`{"upc":"849632048260","store":"3","quantity":%d}`, n)
}

// request is an update as the contract has it; url is where the server is.
func request(ctx context.Context, t testing.TB, url, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url+mockapi.Path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer secret")
	r.Header.Set("Content-Type", "application/json")
	return r
}

// post sends an update in-process and returns the answer's status and body.
func post(t testing.TB, s *mockapi.Server, body string) (int, string) {
	t.Helper()
	return do(t, s.Transport(), request(t.Context(), t, "http://api.test", body))
}

// do returns the answer's status and body.
func do(t testing.TB, transport http.RoundTripper, r *http.Request) (int, string) {
	t.Helper()
	res, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

// listen serves s on a real socket and returns its URL and a client without redirects, each of whose requests has a
// connection of its own.
func listen(t testing.TB, s *mockapi.Server) (string, *http.Client) {
	t.Helper()
	server := httptest.NewServer(s)
	transport := &http.Transport{DisableCompression: true, DisableKeepAlives: true}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		server.Close()
	})
	return server.URL, &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// holds fails unless the server has exactly this quantity for the key; a want below 0 is none.
func holds(t testing.TB, s *mockapi.Server, k mockapi.Key, want int64) {
	t.Helper()
	got, ok := s.Quantity(k)
	if !ok {
		got = -1
	}
	if got != want {
		t.Errorf("%v: got %d units, want %d", k, got, want)
	}
}

// clean fails if the server has something to say against its clients.
func clean(t testing.TB, s *mockapi.Server) {
	t.Helper()
	if got := s.Check(); len(got) > 0 {
		t.Errorf("got violations %q, want none", got)
	}
}

// eventually fails unless ok comes true within ten seconds.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	if !testkit.Within(10*time.Second, ok) {
		t.Fatalf("not within ten seconds: %s", what)
	}
}

func TestTheDocumentedRequestsAreAppliedAndAcknowledged(t *testing.T) {
	t.Parallel()
	s := mockapi.New(mockapi.Options{Token: "secret"})
	for _, body := range []string{shoes, suit} {
		if code, answer := post(t, s, body); code != 200 || answer != `{"success":true}` {
			t.Errorf("%s: got %d %s, want 200 and success", body, code, answer)
		}
	}
	holds(t, s, shoesKey, 12)
	holds(t, s, suitKey, 44)
	clean(t, s)
	if got := s.Quantities(); len(got) != 2 || got[shoesKey] != 12 || got[suitKey] != 44 {
		t.Errorf("got %v, want both quantities", got)
	}
}

func TestTheQuantityAppliedLastCounts(t *testing.T) {
	t.Parallel()
	s := mockapi.New(mockapi.Options{Token: "secret", History: 3})
	for n := range 5 {
		post(t, s, shoesAt(n))
	}
	holds(t, s, shoesKey, 4)
	item := s.State().Items[0]
	var history []int64
	for _, e := range item.History {
		history = append(history, e.Quantity)
		if e.Status != 200 || e.AppliedAt.IsZero() || e.AppliedAt.Before(e.At) {
			t.Errorf("got %+v, want one answered by 200 and applied after its arrival", e)
		}
	}
	if !slices.Equal(history, []int64{2, 3, 4}) || item.Applied != 5 || item.Requests != 5 {
		t.Errorf("got history %v, %d applied, %d requests; want the newest three of five", history, item.Applied, item.Requests)
	}
}

func TestWhatTheAPIDoesNotKnowIsRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		options mockapi.Options
		want    string
	}{
		{"a product on the list", mockapi.Options{Unknown: []string{"849632048260"}}, "Unknown product: 849632048260"},
		{"a product that is not known", mockapi.Options{Known: func(k mockapi.Key) bool { return k != shoesKey }}, "Unknown product: 849632048260"},
		{"a store that is not on the list", mockapi.Options{Stores: []string{"1", "2"}}, "Unknown store: 3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := mockapi.New(c.options)
			if code, answer := post(t, s, shoes); code != 404 || answer != `{"error":"`+c.want+`"}` {
				t.Errorf("got %d %s, want 404 and %q", code, answer, c.want)
			}
			holds(t, s, shoesKey, -1)
			clean(t, s)
		})
	}
}

func TestAProductThatIsCreatedLaterIsTaken(t *testing.T) {
	t.Parallel()
	s := mockapi.New(mockapi.Options{Unknown: []string{"ZOOT-SUIT"}})
	if code, _ := post(t, s, suit); code != 404 {
		t.Errorf("got %d, want 404", code)
	}
	s.SetUnknown()
	if code, _ := post(t, s, suit); code != 200 {
		t.Errorf("got %d, want 200", code)
	}
	holds(t, s, suitKey, 44)
}

func TestTheTokenCanBeChangedAndTheAPITakenDown(t *testing.T) {
	t.Parallel()
	s := mockapi.New(mockapi.Options{Token: "secret"})
	steps := []struct {
		name string
		turn func()
		want int
	}{
		{"another token", func() { s.SetToken("other") }, 401},
		{"the right token", func() { s.SetToken("secret") }, 200},
		{"any token", func() { s.SetToken("") }, 200},
		{"down", func() { s.SetDown(503) }, 503},
		{"down with what is no status", func() { s.SetDown(42) }, 503},
		{"up again", func() { s.SetDown(0) }, 200},
	}
	for n, step := range steps {
		step.turn()
		before, _ := s.Quantity(shoesKey)
		code, _ := post(t, s, shoesAt(n+100))
		after, _ := s.Quantity(shoesKey)
		if code != step.want || (code == 200) != (before != after) {
			t.Errorf("%s: got %d, from %d to %d units; want %d, and only 200 applied", step.name, code, before, after, step.want)
		}
	}
	clean(t, s)
}

func TestAResetForgetsEverythingButTheSwitches(t *testing.T) {
	t.Parallel()
	s := mockapi.New(mockapi.Options{Token: "secret", Journal: 10})
	post(t, s, shoes)
	post(t, s, "nonsense")
	s.Reset()
	holds(t, s, shoesKey, -1)
	clean(t, s)
	if got := s.Counters(); got.Requests != 0 || got.Keys != 0 || len(got.Statuses) != 0 || len(s.Journal()) != 0 {
		t.Errorf("got %+v and %v, want nothing", got, s.Journal())
	}
	post(t, s, suit)
	holds(t, s, suitKey, 44)
	if j := s.Journal(); len(j) != 1 || j[0].Seq != 3 {
		t.Errorf("got %v, want the third request", j)
	}
}

func TestThereIsRoomForSoManyKeysOnly(t *testing.T) {
	t.Parallel()
	s := mockapi.New(mockapi.Options{MaxKeys: 1})
	for _, c := range []struct {
		body string
		want int
	}{{shoes, 200}, {suit, 507}, {shoesAt(3), 200}} {
		if code, _ := post(t, s, c.body); code != c.want {
			t.Errorf("%s: got %d, want %d", c.body, code, c.want)
		}
	}
	holds(t, s, shoesKey, 3)
	holds(t, s, suitKey, -1)
	clean(t, s)
}

func TestOptionsOutOfRangeAreNamed(t *testing.T) {
	t.Parallel()
	err := mockapi.Options{
		Latency: -1, Jitter: -1, ClientTimeout: -1, RateLimit: -1, Burst: -1, ErrorRate: 1.5, Journal: -1, MaxKeys: -1,
		Faults: []mockapi.Fault{{Name: "nonsense"}},
	}.Validate()
	if err == nil {
		t.Fatal("got no error")
	}
	for _, want := range []string{"latency", "jitter", "client time-out", "rate limit", "burst", "error rate", "journal", "keys", "nonsense"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %q, want %q in it", err, want)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("New took them")
		}
	}()
	mockapi.New(mockapi.Options{Latency: -1})
}

func TestKeysReadAsPeopleSayThem(t *testing.T) {
	t.Parallel()
	for want, k := range map[string]mockapi.Key{
		"upc 849632048260, store 3":   shoesKey,
		"sku ZOOT-SUIT 34 D, store 3": suitKey,
		"sku SOCK, store 3":           {Store: "3", SKU: "SOCK"},
	} {
		if got := k.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

package mockapi_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"tillpost/mockapi"
)

// get returns the answer to a GET without a token.
func get(t *testing.T, s *mockapi.Server, url string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://api.test"+url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return do(t, s.Transport(), r)
}

// state returns what GET /state says.
func state(t *testing.T, s *mockapi.Server, query string) mockapi.State {
	t.Helper()
	code, body := get(t, s, "/state"+query)
	var got mockapi.State
	if err := json.Unmarshal([]byte(body), &got); err != nil || code != 200 {
		t.Fatalf("got %d %s: %v", code, body, err)
	}
	return got
}

func TestTheStateIsOneDocument(t *testing.T) {
	t.Parallel()
	s := mockapi.New(mockapi.Options{Token: "secret"})
	if got := state(t, s, ""); len(got.Items) != 0 || got.Items == nil || got.Violations == nil {
		t.Errorf("got %+v, want empty lists", got)
	}
	post(t, s, suit)
	post(t, s, shoes)
	post(t, s, "nonsense")
	got := state(t, s, "")
	if got.Seq != 3 || got.Requests != 3 || got.Statuses[200] != 2 || got.Statuses[400] != 1 || len(got.Violations) != 1 || got.Keys != 2 {
		t.Errorf("got %+v", got)
	}
	if len(got.Items) != 2 || got.Items[0].Key != suitKey || got.Items[1].Key != shoesKey {
		t.Fatalf("got %+v, want suit and shoes", got.Items)
	}
	if i := got.Items[1]; i.Quantity != 12 || i.Applied != 1 || i.AppliedAt.IsZero() || i.Requests != 1 || i.History != nil {
		t.Errorf("got %+v", i)
	}
	with := state(t, s, "?history=1")
	if h := with.Items[0].History; len(h) != 1 || h[0].Seq != 1 || h[0].Quantity != 44 || h[0].Status != 200 {
		t.Errorf("got history %+v", h)
	}
	if _, body := get(t, s, "/state?history=1"); strings.Contains(body, "secret") {
		t.Error("the token is in it")
	}
}

func TestTheStateSinceALookHasOnlyWhatChanged(t *testing.T) {
	t.Parallel()
	s := mockapi.New(mockapi.Options{})
	post(t, s, suit)
	before := state(t, s, "")
	post(t, s, shoes)
	if got := state(t, s, "?since="+jsonText(t, before.Changes)); len(got.Items) != 1 || got.Items[0].Key != shoesKey {
		t.Errorf("got %+v, want the shoes", got.Items)
	}
}

func jsonText(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestAStateThatCannotBeGivenSaysWhy(t *testing.T) {
	t.Parallel()
	s := mockapi.New(mockapi.Options{})
	for _, url := range []string{"/state?since=x", "/state?since=-1", "/state?history=maybe"} {
		if code, body := get(t, s, url); code != 400 || !strings.Contains(body, "since") {
			t.Errorf("%s: got %d %s, want 400", url, code, body)
		}
	}
	r := request(t.Context(), t, "http://api.test", shoes)
	r.URL.Path = "/state"
	if code, _ := do(t, s.Transport(), r); code != 405 {
		t.Errorf("POST: got %d, want 405", code)
	}
}

// control posts body to /control.
func control(t *testing.T, s *mockapi.Server, token, body string) (int, string) {
	t.Helper()
	r := request(t.Context(), t, "http://api.test", body)
	r.URL.Path = "/control"
	r.Header.Set("Authorization", "Bearer "+token)
	return do(t, s.Transport(), r)
}

func TestEverySwitchTurnsOverHTTP(t *testing.T) {
	t.Parallel()
	s := mockapi.New(mockapi.Options{Token: "secret", Faults: []mockapi.Fault{{Name: "500"}}})
	turn := func(body, want string) {
		t.Helper()
		if code, got := control(t, s, "secret", body); code != 200 || strings.TrimSpace(got) != want {
			t.Errorf("%s: got %d %s, want %s", body, code, got, want)
		}
	}
	answers := func(want int) {
		t.Helper()
		if code, _ := post(t, s, shoes); code != want {
			t.Errorf("got %d, want %d", code, want)
		}
	}
	turn(`{}`, `{"faults":["500"]}`)
	answers(500)
	turn(`{"clear":true,"inject":["502,next=1","429,next=1"]}`, `{"faults":["502,next=1","429,next=1"]}`)
	answers(502)
	answers(429)
	answers(200)
	turn(`{"down":503}`, `{"faults":[]}`)
	answers(503)
	turn(`{"down":0,"unknown":["849632048260"]}`, `{"faults":[]}`)
	answers(404)
	turn(`{"unknown":[],"rate_limit":0.001,"burst":1}`, `{"faults":[]}`)
	answers(200)
	answers(429)
	turn(`{"rate_limit":0,"latency":"1ms","jitter":"1ms"}`, `{"faults":[]}`)
	answers(200)
	turn(`{"reset":true}`, `{"faults":[]}`)
	holds(t, s, shoesKey, -1)
	turn(`{"token":"other"}`, `{"faults":[]}`)
	answers(401)
	if code, _ := control(t, s, "secret", `{}`); code != 401 {
		t.Errorf("the old token: got %d, want 401", code)
	}
}

func TestAWrongControlTurnsNothing(t *testing.T) {
	t.Parallel()
	s := mockapi.New(mockapi.Options{Token: "secret"})
	for body, want := range map[string]string{
		``:                       "EOF",
		`[]`:                     "array",
		`{"down":503} x`:         "data after",
		`{"up":true}`:            "unknown field",
		`{"down":99}`:            "no status",
		`{"down":600}`:           "no status",
		`{"latency":"5"}`:        "latency",
		`{"jitter":"-5s"}`:       "jitter",
		`{"rate_limit":-1}`:      "rate_limit",
		`{"burst":-1}`:           "burst",
		`{"inject":["nothing"]}`: "there is no fault",
		`{"down":503,"inject":["500","nothing"]}`:         "there is no fault",
		`{"token":"` + strings.Repeat("x", 70_000) + `"}`: "unexpected EOF",
	} {
		if code, got := control(t, s, "secret", body); code != 400 || !strings.Contains(got, want) {
			t.Errorf("%.60s: got %d %s, want 400 and %q", body, code, got, want)
		}
	}
	if code, _ := post(t, s, shoes); code != 200 || len(s.ActiveFaults()) != 0 {
		t.Errorf("got %d and faults %v, want none of it done", code, s.ActiveFaults())
	}
	if code, _ := control(t, s, "wrong", `{"down":503}`); code != 401 {
		t.Errorf("a wrong token: got %d, want 401", code)
	}
	r := request(t.Context(), t, "http://api.test", "")
	r.Method, r.URL.Path = http.MethodGet, "/control"
	if code, _ := do(t, s.Transport(), r); code != 405 {
		t.Errorf("GET: got %d, want 405", code)
	}
}

func TestARequestThatIsCutOffIsNothing(t *testing.T) {
	t.Parallel()
	s := mockapi.New(mockapi.Options{})
	url, _ := listen(t, s)
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	const head = "POST " + mockapi.Path + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\nContent-Type: application/json\r\nContent-Length: 51\r\n\r\n"
	if _, err := io.WriteString(conn, head+`{"upc":"849632048260"`); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the request is here", func() bool { return s.Counters().InFlight == 1 })
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the request has ended", func() bool { return s.Counters().InFlight == 0 })
	if n := s.Counters(); n.Statuses[0] != 1 || n.Malformed != 0 {
		t.Errorf("got %+v, want one without an answer", n)
	}
	clean(t, s)
}

func TestABodyThatIsAnnouncedTooLongIsRefusedUnread(t *testing.T) {
	t.Parallel()
	url, _ := listen(t, mockapi.New(mockapi.Options{}))
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() // its end says nothing
	const head = "POST " + mockapi.Path + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\nContent-Type: application/json\r\nContent-Length: 1048576\r\n\r\n"
	if _, err := io.WriteString(conn, head); err != nil { // and nothing of the body: the server may close before it is sent
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != 413 {
		t.Errorf("got %d, want 413", res.StatusCode)
	}
}

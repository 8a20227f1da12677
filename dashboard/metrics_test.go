package dashboard

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

// begun is when everything of the samples was.
var begun = time.Unix(1_790_000_000, 500_000_000)

// sample is a status with something of everything.
func sample() Status {
	last := &Export{Name: "stock.csv", At: begun, Rows: 1000, Changed: 12, Unchanged: 980, Rejects: 8}
	return Status{At: begun, Version: "1.2.3", State: "running", Since: begun, Ready: true,
		Problems: []Problem{{Code: "dead-letters", Grade: Needs, Words: "the API's words"}, {Code: "overdue", Grade: Waits, Source: "main"}, {Code: "overdue", Grade: Waits, Source: "main"}},
		Products: 900, Pending: 5, InFlight: 2, ToConfirm: 1, Failing: 1, Oldest: 90 * time.Second, ETA: time.Second,
		Dead: 7, Unknown: 4, Held: 1, Listed: 8, LastDelivery: begun, LastExport: begun, Delivered: 5000, Unchanged: 40_000, Rejects: 80,
		Reasons: map[string]int64{"upc": 60, "quantity": 20}, API: API{State: "ok", Words: "the API's words"},
		Sources:   []Source{{Name: "main", State: "ok", Looked: begun, Expect: time.Hour, Overdue: true, Last: last, Products: 990}, {Name: "other", State: "folder missing"}},
		Loops:     []Loop{{Name: "drain", Turned: begun.Add(-2 * time.Second)}, {Name: "source main"}},
		Requests:  []Count{{"acknowledged", 50}, {"later", 2}},
		Latency:   Histogram{Bounds: []float64{0.1, 1}, Counts: []uint64{40, 51}, Count: 52, Sum: 20},
		Heartbeat: Link{On: true, Fails: 3, Wrong: "no connection"}, Push: Link{}}
}

func always(s Status, err error) func(context.Context) (Status, error) {
	return func(context.Context) (Status, error) { return s, err }
}

// scrape is what /metrics says.
func scrape(t *testing.T, p *Page) string {
	t.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil)
	r.Header.Set("Accept-Encoding", "gzip")
	r.Header.Set("Accept", "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5") // Prometheus 2.42
	p.metrics(w, r)
	if w.Code != http.StatusOK || w.Header().Get("Content-Encoding") != "" {
		t.Fatalf("got %d, %q, want 200 without an encoding", w.Code, w.Header())
	}
	return w.Body.String()
}

func TestMetricsKeepToPrometheusConventions(t *testing.T) {
	t.Parallel()
	problems, err := testutil.GatherAndLint(Metrics(always(sample(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func TestAScrapeSaysWhatTheStatusSays(t *testing.T) {
	t.Parallel()
	text := scrape(t, New(Options{Status: always(sample(), nil)}))
	for _, want := range []string{
		"tillpost_status_ok 1", `tillpost_state{state="running"} 1`, `tillpost_state{state="stopped"} 0`, "tillpost_start_timestamp_seconds 1.7900000005e+09",
		`tillpost_problem{grade="needs",problem="dead-letters",source=""} 1`, `tillpost_problem{grade="waits",problem="overdue",source="main"} 1`,
		"tillpost_updates_pending 5", "tillpost_oldest_pending_seconds 90", "tillpost_updates_delivered_total 5000", `tillpost_rejects_by_class_total{class="upc"} 60`,
		`tillpost_dead_letters{kind="refused"} 3`, `tillpost_dead_letters{kind="unknown"} 4`, `tillpost_source_ok{source="other"} 0`,
		`tillpost_source_expected_seconds{source="main"} 3600`, `tillpost_source_last_export_rows{source="main"} 1000`, `tillpost_source_last_export_taken{source="main"} 1`,
		`tillpost_requests_total{outcome="later"} 2`, `tillpost_request_duration_seconds_bucket{le="1"} 51`, `tillpost_request_duration_seconds_bucket{le="+Inf"} 52`,
		`tillpost_loop_ok{loop="drain"} 1`, "tillpost_heartbeat_ok 0", "tillpost_heartbeat_failures_total 3", "go_goroutines ", "process_start_time_seconds "} {
		if !strings.Contains(text, "\n"+want) {
			t.Errorf("got no %q", want)
		}
	}
	for _, never := range []string{"the API's words", "stock.csv", "metrics_push_ok", `expected_seconds{source="other"}`, `last_export_rows{source="other"}`, `turned_timestamp_seconds{loop="source`} {
		if strings.Contains(text, never) {
			t.Errorf("got %q, want none", never)
		}
	}
	if _, ours, _ := strings.Cut(text, "# HELP tillpost_"); t.Failed() {
		t.Log(ours)
	}
}

func TestOnlyWhatKeepsExportsFromBeingReadIsWrongWithASource(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]int{"folder_silent": 0, "exports_not_taken": 0, "exports_unreadable": 0, "sources_contradict": 1, "exports_not_put_away": 1, "": 1} {
		s := sample()
		s.Sources[0].State, s.Problems = "problem", []Problem{{Code: code, Grade: Needs, Source: "main"}, {Code: "folder_missing", Source: "other"}}
		if text := scrape(t, New(Options{Status: always(s, nil)})); !strings.Contains(text, fmt.Sprintf("\ntillpost_source_ok{source=%q} %d\n", "main", want)) {
			t.Errorf("%s: want %d", code, want)
		}
	}
}

func TestAScrapeGoesOnWhereTheStatusFails(t *testing.T) {
	t.Parallel()
	text := scrape(t, New(Options{Status: always(Status{}, errors.New("the disk said something"))}))
	if !strings.Contains(text, "\ntillpost_status_ok 0\n") || !strings.Contains(text, "\ngo_goroutines ") || strings.Contains(text, "tillpost_updates_pending") || strings.Contains(text, "disk") {
		t.Errorf("got\n%s", text)
	}
}

func TestWhatNoLabelCanHoldBreaksNoScrape(t *testing.T) {
	t.Parallel()
	s := sample()
	s.Sources[0].Name, s.Sources[1].Name = "caf\xe9", "same"
	s.Sources = append(s.Sources, s.Sources[1])
	if text := scrape(t, New(Options{Status: always(s, nil)})); strings.Count(text, "tillpost_source_ok{") != 2 || !strings.Contains(text, `tillpost_source_ok{source="caf?"} 1`) {
		t.Errorf("got\n%s", text)
	}
}

func TestEachScrapeAsksOnce(t *testing.T) {
	t.Parallel()
	asked := 0
	p := New(Options{Status: func(context.Context) (Status, error) { asked++; return sample(), nil }})
	scrape(t, p)
	scrape(t, p)
	if asked != 2 {
		t.Errorf("got %d, want 2", asked)
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	stuck := sample()
	stuck.Loops[1].Wrong = "the folder has not answered"
	stopped := sample()
	stopped.State = "stopped"
	starting := sample()
	starting.Ready = false
	good := `{"live":true,"ready":%t,"loops":[{"name":"drain","ok":true,"wrong":"","turned_s":2},{"name":"source main","ok":true,"wrong":"","turned_s":null}]}`
	cases := map[string]struct {
		status           Status
		err              error
		all, live, ready int
		want             string
	}{
		"all is well":                {status: sample(), all: 200, live: 200, ready: 200, want: fmt.Sprintf(good, true)},
		"a folder was not looked at": {status: starting, all: 200, live: 200, ready: 503, want: fmt.Sprintf(good, false)},
		"between two agents":         {status: stopped, all: 200, live: 200, ready: 503, want: fmt.Sprintf(good, false)},
		"a loop does not turn": {status: stuck, all: 503, live: 503, ready: 200,
			want: `{"live":false,"ready":true,"loops":[{"name":"drain","ok":true,"wrong":"","turned_s":2},{"name":"source main","ok":false,"wrong":"the folder has not answered","turned_s":null}]}`},
		"nothing is known": {err: errors.New("a stranger's words"), all: 503, live: 503, ready: 503, want: `{"live":false,"ready":false,"error":"the agent cannot say how it is","loops":[]}`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := New(Options{Status: always(c.status, c.err)})
			for path, want := range map[string]int{"/healthz": c.all, "/healthz/live": c.live, "/healthz/ready": c.ready} {
				w := httptest.NewRecorder()
				p.health(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
				body, err := io.ReadAll(w.Body)
				if err != nil || w.Code != want || strings.TrimSpace(string(body)) != c.want || w.Header().Get("Content-Type") != "application/json" {
					t.Errorf("%s: got %d %s, %v, want %d %s", path, w.Code, body, err, want, c.want)
				}
			}
		})
	}
}

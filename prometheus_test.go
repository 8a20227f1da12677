package main_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"tillpost/agent"
	"tillpost/dashboard"
	"tillpost/testkit"
)

// sampleStatus is the n-th status of an agent of which there is something of everything to say: what is counted grows.
func sampleStatus(n uint64) dashboard.Status {
	now := time.Now()
	last := &dashboard.Export{At: now.Add(-time.Hour), Rows: 1000, Changed: 12, Unchanged: 980, Rejects: 8}
	return dashboard.Status{At: now, Version: "1.2.3", State: "running", Since: now.Add(-24 * time.Hour), Ready: true,
		Problems: []dashboard.Problem{{Code: "dead-letters", Grade: dashboard.Needs}, {Code: "overdue", Grade: dashboard.Waits, Source: "main"}},
		Products: 900, Pending: 5, InFlight: 2, ToConfirm: 1, Failing: 1, Oldest: 90 * time.Second, ETA: time.Second,
		Dead: 7, Unknown: 4, Held: 1, Listed: 8, LastDelivery: now, LastExport: last.At, Delivered: int64(5000 + n), Unchanged: int64(40_000 + n), Rejects: int64(80 + n),
		Reasons: map[string]int64{"upc": int64(60 + n), "quantity": 20}, API: dashboard.API{State: "ok"},
		Sources:   []dashboard.Source{{Name: "main", State: "ok", Looked: now, Expect: time.Hour, Overdue: true, Last: last, Products: 990}},
		Loops:     []dashboard.Loop{{Name: "drain", Turned: now}, {Name: "source main", Turned: now}},
		Requests:  []dashboard.Count{{Name: "acknowledged", N: 50 + n}, {Name: "later", N: 2}},
		Latency:   dashboard.Histogram{Bounds: []float64{0.1, 1}, Counts: []uint64{40 + n, 51 + n}, Count: 52 + n, Sum: 20 + float64(n)},
		Heartbeat: dashboard.Link{On: true, Last: now}, Push: dashboard.Link{On: true, Last: now}}
}

// prom is a Prometheus that runs on a loopback port, with our rules.
type prom struct {
	t       *testing.T
	address string // of its API: http://127.0.0.1:PORT
}

// startPrometheus starts one that scrapes the target, a URL whose path is /metrics, as the instance "scraped", and takes what is
// pushed.
func startPrometheus(t *testing.T, target string) *prom {
	t.Helper()
	testkit.NeedTool(t, "prometheus", "--version")
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	rules, err := filepath.Abs(filepath.FromSlash(rulesFile))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	config := fmt.Sprintf(`{"global": {"scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "1s"}, "rule_files": [%q],
		"scrape_configs": [{"job_name": "tillpost", "static_configs": [{"targets": [%q], "labels": {"instance": "scraped"}}]}]}`, rules, u.Host) // JSON is YAML
	if err := os.WriteFile(filepath.Join(dir, "prometheus.yml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	said := &buffer{}
	cmd := exec.CommandContext(t.Context(), "prometheus", "--config.file="+filepath.Join(dir, "prometheus.yml"), "--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address=127.0.0.1:0", "--web.enable-remote-write-receiver")
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, said, said
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 20 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // by now the test's context has ended, and so has the process, or is about to
		_ = cmd.Wait() // an interrupt's status
		if t.Failed() {
			t.Log(said.String())
		}
	})
	p := &prom{t: t}
	listens := regexp.MustCompile(`msg="Listening on" address=(127\.0\.0\.1:\d+)`)
	if !testkit.Within(30*time.Second, func() bool {
		found := listens.FindStringSubmatch(said.String())
		if found == nil {
			return false
		}
		p.address = "http://" + found[1]
		return p.ready()
	}) {
		t.Fatal("prometheus is not ready")
	}
	return p
}

func (p *prom) ready() bool {
	response, err := http.Get(p.address + "/-/ready")
	if err != nil {
		return false
	}
	defer response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// query answers the labels of each series that a query finds now.
func (p *prom) query(query string) (series []map[string]string, err error) {
	response, err := http.PostForm(p.address+"/api/v1/query", url.Values{"query": {query}})
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Error string
		Data  struct {
			Result []struct{ Metric map[string]string }
		}
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.Error != "" {
		return nil, fmt.Errorf("%s: %w", body, err)
	}
	for _, one := range answer.Data.Result {
		series = append(series, one.Metric)
	}
	return series, nil
}

// has waits until a query finds something.
func (p *prom) has(query string) {
	p.t.Helper()
	var err error
	if !testkit.Within(20*time.Second, func() bool {
		var found []map[string]string
		found, err = p.query(query)
		return err == nil && len(found) > 0
	}) {
		p.t.Errorf("%s finds nothing: %v", query, err)
	}
}

// plotted are all queries of the dashboard, for a store.
func plotted(t *testing.T, store string) (list []string) {
	t.Helper()
	var file struct {
		Panels []struct{ Targets []struct{ Expr string } }
	}
	if err := json.Unmarshal([]byte(read(t, plotsFile)), &file); err != nil {
		t.Fatal(err)
	}
	for _, panel := range file.Panels {
		for _, target := range panel.Targets {
			list = append(list, strings.NewReplacer("$store", store, "$__rate_interval", "1m").Replace(target.Expr))
		}
	}
	if len(list) < 40 {
		t.Fatalf("got %d queries, want the whole dashboard's", len(list))
	}
	return list
}

// monitored checks that every query of the dashboard finds something of a store, and that Prometheus takes each alert.
func (p *prom) monitored(store string) {
	p.t.Helper()
	p.has(fmt.Sprintf(`count_over_time(tillpost_status_ok{instance=%q}[1m]) >= 3`, store)) // what grows needs two
	for _, query := range plotted(p.t, store) {
		p.has(query)
	}
	for _, a := range alerts(p.t) {
		if _, err := p.query(a.Expr); err != nil {
			p.t.Errorf("%s: %v", a.Alert, err)
		}
	}
}

func TestARealPrometheusSeesAllThatTheDashboardShows(t *testing.T) {
	t.Parallel()
	var asked atomic.Uint64
	registry := dashboard.Metrics(func(context.Context) (dashboard.Status, error) { return sampleStatus(asked.Add(1)), nil })
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	server := httptest.NewServer(mux)
	defer server.Close()
	p := startPrometheus(t, server.URL+"/metrics")

	push, err := agent.NewPush(agent.PushOptions{URL: p.address + "/api/v1/write", Every: time.Second, Metrics: registry, Instance: "pushed", Version: "1.2.3", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- push.Run(ctx) }()
	p.monitored("scraped")
	p.monitored("pushed")
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if got := push.Link(); got.Wrong != "" || got.Fails != 0 {
		t.Errorf("got %+v", got)
	}
	p.has(`up{job="tillpost"} == 1`)
	p.has(`count by (le) (tillpost_request_duration_seconds_bucket{le="1"}) == 2`) // both ways write bounds alike
	p.has(`ALERTS{alertname="TillpostExportHeld", alertstate="pending", instance="scraped"}`)
	p.has(`ALERTS{alertname="TillpostExportHeld", alertstate="pending", instance="pushed"}`)
}

func TestARealPrometheusSeesARealAgent(t *testing.T) {
	t.Parallel()
	s := newShop(t, "", "")
	page := freePort(t)
	edit(`listen: "off"`, fmt.Sprintf("listen: %q", page))(s)
	p := startPrometheus(t, "http://"+page+"/metrics")
	edit("sources:", fmt.Sprintf("metrics_push: {url: %q, every: 1s}\nsources:", p.address+"/api/v1/write"))(s)
	s.start()
	s.drop("stock-1.csv", append(full(60, fives), upc(60)+",1O")...)
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for _, store := range []string{"scraped", host} {
		for _, query := range []string{
			`tillpost_updates_delivered_total{instance=%q} == 60`, `tillpost_up_to_date_products{instance=%q} == 60`, `tillpost_rejects_listed{instance=%q} == 1`,
			`tillpost_source_last_export_rows{instance=%q,source="main"} == 61`, `tillpost_requests_total{instance=%q,outcome="acknowledged"} == 60`,
			`tillpost_request_duration_seconds_count{instance=%q} == 60`, `tillpost_ready{instance=%q} == 1`, `tillpost_loop_ok{instance=%q,loop="source main"} == 1`,
			`tillpost_metrics_push_ok{instance=%q} == 1`} {
			p.has(fmt.Sprintf(query, store))
		}
		for _, query := range plotted(t, store) {
			if _, err := p.query(query); err != nil {
				t.Errorf("%s: %v", query, err)
			}
		}
	}
	s.api.SetToken("another")
	changed(s)
	for _, store := range []string{"scraped", host} {
		p.has(fmt.Sprintf(`tillpost_problem{instance=%q,problem="token",grade="stops"} == 1`, store))
		p.has(fmt.Sprintf(`ALERTS{alertname=~"Tillpost.*",instance=%q}`, store))
	}
}

// freePort is an address on a loopback port that nobody used a moment ago.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

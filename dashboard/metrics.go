package dashboard

import (
	"context"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// asking is how long a status may take until a scrape or a check of the health goes on without it.
const asking = 10 * time.Second

// MetricDoc says of one metric what whoever looks at it must know; the table in docs/monitoring.md is made of these.
type MetricDoc struct {
	Name, Kind string // counter, gauge, histogram
	Labels     []string
	Help       string
}

// MetricDocs are all metrics but Go's and the process's, in the order in which they are explained.
func MetricDocs() []MetricDoc {
	var docs []MetricDoc
	for _, m := range metricTable() {
		kind := "gauge"
		if m.kind == prometheus.CounterValue {
			kind = "counter"
		}
		docs = append(docs, MetricDoc{Name: m.name, Kind: kind, Labels: m.labels, Help: m.help})
	}
	return append(docs, MetricDoc{Name: statusOKName, Kind: "gauge", Help: statusOKHelp},
		MetricDoc{Name: durationName, Kind: "histogram", Help: durationHelp})
}

// Metrics makes a registry of what the status says, beside what Go and the system say of the process. The status is asked once
// for each scrape; where that fails the scrape says so (tillpost_status_ok is 0) and has the rest.
func Metrics(status func(context.Context) (Status, error)) *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(newCollector(status), collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

const (
	statusOKName = "tillpost_status_ok"
	statusOKHelp = "1 where the agent could say how it is; 0 = it could not, and all of its other metrics are missing."
	durationName = "tillpost_request_duration_seconds"
	durationHelp = "How long requests to the API took, from the connection to the answer's end; those that found no connection are left out."
)

// collector makes metrics of a status. It is safe for scrapes at the same time.
type collector struct {
	status   func(context.Context) (Status, error)
	rows     []metric
	descs    []*prometheus.Desc // of rows, in their order
	ok       *prometheus.Desc
	duration *prometheus.Desc
}

func newCollector(status func(context.Context) (Status, error)) *collector {
	c := &collector{status: status, rows: metricTable()}
	for _, m := range c.rows {
		c.descs = append(c.descs, prometheus.NewDesc(m.name, m.help, m.labels, nil))
	}
	c.ok = prometheus.NewDesc(statusOKName, statusOKHelp, nil, nil)
	c.duration = prometheus.NewDesc(durationName, durationHelp, nil, nil)
	return c
}

// Describe is prometheus.Collector's.
func (c *collector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		to <- d
	}
	to <- c.ok
	to <- c.duration
}

// Collect is prometheus.Collector's.
func (c *collector) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), asking)
	defer cancel()
	s, err := c.status(ctx)
	to <- prometheus.MustNewConstMetric(c.ok, prometheus.GaugeValue, truth(err == nil))
	if err != nil {
		return
	}
	for i, m := range c.rows {
		if m.kept && s.State == "stopped" {
			continue // nobody knows it now, and a counter at 0 would count all of it again afterwards
		}
		given := map[string]bool{} // a series that comes twice would break the whole scrape
		m.give(s, func(value float64, labels ...string) {
			for j, l := range labels {
				labels[j] = strings.ToValidUTF8(l, "?")
			}
			if key := strings.Join(labels, "\x00"); !given[key] {
				given[key] = true
				to <- prometheus.MustNewConstMetric(c.descs[i], m.kind, value, labels...)
			}
		})
	}
	buckets := map[float64]uint64{}
	for i, bound := range s.Latency.Bounds {
		buckets[bound] = s.Latency.Counts[i]
	}
	to <- prometheus.MustNewConstHistogram(c.duration, s.Latency.Count, s.Latency.Sum, buckets)
}

// scraper answers scrapes. The zero value makes its registry at the first one.
type scraper struct {
	once    sync.Once
	handler http.Handler
}

// metrics answers a scrape of /metrics. What it says is small and stays on this machine, so it is never compressed. It is always
// the text format: in OpenMetrics the bounds of a histogram are written in another way than where metrics are pushed.
func (p *Page) metrics(w http.ResponseWriter, r *http.Request) {
	p.scraper.once.Do(func() {
		p.scraper.handler = promhttp.HandlerFor(Metrics(p.opts.Status), promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError, DisableCompression: true})
	})
	p.scraper.handler.ServeHTTP(w, r)
}

// put gives one series of a metric: its value, and its labels in the order of the metric's.
type put func(value float64, labels ...string)

// metric is a row of the table of metrics.
type metric struct {
	name, help string
	kind       prometheus.ValueType
	labels     []string // all of few values: the config's sources, and words of this program
	kept       bool     // it is a figure of the outbox: missing while no agent has that open
	give       func(Status, put)
}

// metricTable is the one table of all metrics but the two that are not made of figures.
func metricTable() []metric {
	counts := countMetrics()
	for i := range counts {
		counts[i].kept = true
	}
	return append(append(stateMetrics(), counts...), append(sourceMetrics(), linkMetrics()...)...)
}

// gauge is a metric with one series.
func gauge(name, help string, value func(Status) float64) metric {
	return metric{name: name, help: help, kind: prometheus.GaugeValue, give: func(s Status, put put) { put(value(s)) }}
}

// counter is a metric with one series that only grows.
func counter(name, help string, value func(Status) float64) metric {
	m := gauge(name, help, value)
	m.kind = prometheus.CounterValue
	return m
}

// momentMetric is a metric of a time; there is no series while it was never.
func momentMetric(name, help string, value func(Status) time.Time) metric {
	return metric{name: name, help: help, kind: prometheus.GaugeValue, give: func(s Status, put put) {
		if t := value(s); !t.IsZero() {
			put(unixSeconds(t))
		}
	}}
}

// stateMetrics say how the agent is.
func stateMetrics() []metric {
	return []metric{
		{name: "tillpost_build_info", help: "Which program it is; always 1.", kind: prometheus.GaugeValue, labels: []string{"version", "goversion"},
			give: func(s Status, put put) { put(1, s.Version, runtime.Version()) }},
		{name: "tillpost_state", help: "1 for the state that the agent is in: running, paused (by command or by itself) or stopped.", kind: prometheus.GaugeValue, labels: []string{"state"},
			give: func(s Status, put put) {
				for _, state := range []string{"running", "paused", "stopped"} {
					put(truth(s.State == state), state)
				}
			}},
		momentMetric("tillpost_start_timestamp_seconds", "When the agent started.", func(s Status) time.Time { return s.Since }),
		gauge("tillpost_ready", "1 once each folder was looked at and what was found there dealt with.", func(s Status) float64 { return truth(s.Ready) }),
		gauge("tillpost_paused", "1 while a person has paused sending.", func(s Status) float64 { return truth(s.Paused) }),
		gauge("tillpost_api_ok", "1 while the API takes updates.", func(s Status) float64 { return truth(s.API.State == "ok") }),
		{name: "tillpost_api_state", help: "1 for how the API takes updates: ok, or why it does not.", kind: prometheus.GaugeValue, labels: []string{"state"},
			give: func(s Status, put put) { put(1, s.API.State) }},
		{name: "tillpost_problem", help: "1 for each problem there is. The grade stops is the gravest, then needs (somebody must look), waits (heals by itself) and notice.",
			kind: prometheus.GaugeValue, labels: []string{"problem", "grade", "source"}, give: func(s Status, put put) {
				for _, p := range s.Problems {
					put(1, p.Code, p.Grade.String(), p.Source)
				}
			}},
		{name: "tillpost_loop_ok", help: "1 while a part of the agent that must turn does: the drain, and each source.", kind: prometheus.GaugeValue, labels: []string{"loop"},
			give: func(s Status, put put) {
				for _, l := range s.Loops {
					put(truth(l.Wrong == ""), l.Name)
				}
			}},
		{name: "tillpost_loop_turned_timestamp_seconds", help: "When such a part was seen to turn last.", kind: prometheus.GaugeValue, labels: []string{"loop"},
			give: func(s Status, put put) {
				for _, l := range s.Loops {
					if !l.Turned.IsZero() {
						put(unixSeconds(l.Turned), l.Name)
					}
				}
			}},
	}
}

// countMetrics say what waits, and what was done.
func countMetrics() []metric {
	return []metric{
		gauge("tillpost_up_to_date_products", "Products of which the API has acknowledged the newest quantity.", func(s Status) float64 { return float64(s.Products) }),
		gauge("tillpost_updates_pending", "Updates that wait, those in flight included; dead letters are not.", func(s Status) float64 { return float64(s.Pending) }),
		gauge("tillpost_updates_in_flight", "Of the pending: sent, and not answered yet.", func(s Status) float64 { return float64(s.InFlight) }),
		gauge("tillpost_updates_to_confirm", "Of the pending: sent once more to be sure, because an older request may land late.", func(s Status) float64 { return float64(s.ToConfirm) }),
		gauge("tillpost_updates_failing", "Of the pending: failed three times in a row or more.", func(s Status) float64 { return float64(s.Failing) }),
		gauge("tillpost_oldest_pending_seconds", "How long the oldest pending update has waited; 0 = nothing waits.", func(s Status) float64 { return s.Oldest.Seconds() }),
		{name: "tillpost_eta_seconds", help: "How long until all is sent; missing where it cannot be told.", kind: prometheus.GaugeValue, give: func(s Status, put put) {
			if s.ETA >= 0 {
				put(s.ETA.Seconds())
			}
		}},
		counter("tillpost_updates_delivered_total", "Updates that the API has acknowledged, since the data folder began.", func(s Status) float64 { return float64(s.Delivered) }),
		counter("tillpost_rows_unchanged_total", "Rows that were not sent because nothing had changed, since the data folder began.", func(s Status) float64 { return float64(s.Unchanged) }),
		counter("tillpost_rejects_total", "Rows that could not become an update, since the data folder began.", func(s Status) float64 { return float64(s.Rejects) }),
		{name: "tillpost_rejects_by_class_total", help: "The same by what was wrong with them.", kind: prometheus.CounterValue, labels: []string{"class"},
			give: func(s Status, put put) {
				for class, n := range s.Reasons {
					put(float64(n), class)
				}
			}},
		gauge("tillpost_rejects_listed", "Rejects of the newest exports, each row once: what there is to mend.", func(s Status) float64 { return float64(s.Listed) }),
		{name: "tillpost_dead_letters", help: "Updates that the API has refused for good: unknown = it does not know the product or the store, refused = anything else.",
			kind: prometheus.GaugeValue, labels: []string{"kind"}, give: func(s Status, put put) {
				put(float64(s.Unknown), "unknown")
				put(float64(s.Dead-s.Unknown), "refused")
			}},
		gauge("tillpost_exports_held", "Exports that a guard holds until a person releases or discards them.", func(s Status) float64 { return float64(s.Held) }),
		momentMetric("tillpost_last_delivery_timestamp_seconds", "When the API acknowledged an update last.", func(s Status) time.Time { return s.LastDelivery }),
		momentMetric("tillpost_last_export_timestamp_seconds", "When an export was taken last, of any source.", func(s Status) time.Time { return s.LastExport }),
		{name: "tillpost_requests_total", help: "Requests to the API by what came of them, since the agent started: acknowledged, refused, token, not_our_api, later, no_connection.",
			kind: prometheus.CounterValue, labels: []string{"outcome"}, give: func(s Status, put put) {
				for _, c := range s.Requests {
					put(float64(c.N), c.Name)
				}
			}},
	}
}

// ofSources is a metric with a series for each source of which there is something to say.
func ofSources(name, help string, value func(Source) (v float64, ok bool)) metric {
	return metric{name: name, help: help, kind: prometheus.GaugeValue, labels: []string{"source"}, give: func(s Status, put put) {
		for _, source := range s.Sources {
			if v, ok := value(source); ok {
				put(v, source.Name)
			}
		}
	}}
}

// ofExports is a metric of each source's newest export.
func ofExports(name, help string, value func(Export) float64) metric {
	return ofSources(name, help, func(s Source) (float64, bool) {
		if s.Last == nil {
			return 0, false
		}
		return value(*s.Last), true
	})
}

// unread reports whether the folder of a source cannot be read, or its exports cannot be taken: other problems of a source are none
// of its reading.
func (s Status) unread(source string) bool {
	return slices.ContainsFunc(s.Problems, func(p Problem) bool {
		return p.Source == source && slices.Contains([]string{"folder_missing", "folder_silent", "exports_not_taken", "exports_unreadable"}, p.Code)
	})
}

// sourceMetrics say how each source is.
func sourceMetrics() []metric {
	return []metric{
		{name: "tillpost_source_ok", help: "1 while a source's folder can be read and its exports taken.", kind: prometheus.GaugeValue, labels: []string{"source"},
			give: func(s Status, put put) {
				for _, source := range s.Sources {
					put(truth(source.State != "folder missing" && source.State != "stopped" && !s.unread(source.Name)), source.Name)
				}
			}},
		ofSources("tillpost_source_overdue", "1 where no export has come for longer than the config's expect.", func(s Source) (float64, bool) { return truth(s.Overdue), true }),
		ofSources("tillpost_source_expected_seconds", "How often an export is expected; missing where the config says nothing.", func(s Source) (float64, bool) { return s.Expect.Seconds(), s.Expect > 0 }),
		ofSources("tillpost_source_looked_timestamp_seconds", "When the folder was looked at last.", func(s Source) (float64, bool) { return unixSeconds(s.Looked), !s.Looked.IsZero() }),
		ofSources("tillpost_source_products", "Products that the source named last.", func(s Source) (float64, bool) { return float64(s.Products), true }),
		ofExports("tillpost_source_last_export_timestamp_seconds", "When the source's newest export was taken, held or refused.", func(e Export) float64 { return unixSeconds(e.At) }),
		ofExports("tillpost_source_last_export_taken", "1 where the source's newest export was taken; 0 = it is held, or was refused.", func(e Export) float64 { return truth(!e.Held && e.Refused == "") }),
		ofExports("tillpost_source_last_export_rows", "Rows of it.", func(e Export) float64 { return float64(e.Rows) }),
		ofExports("tillpost_source_last_export_changed_rows", "Rows of it that are new or changed something.", func(e Export) float64 { return float64(e.Changed) }),
		ofExports("tillpost_source_last_export_unchanged_rows", "Rows of it that changed nothing.", func(e Export) float64 { return float64(e.Unchanged) }),
		ofExports("tillpost_source_last_export_rejects", "Rows of it that could not become an update.", func(e Export) float64 { return float64(e.Rejects) }),
	}
}

// ofLink is a metric of something that calls out; there is no series where it is off.
func ofLink(name, help string, kind prometheus.ValueType, link func(Status) Link, value func(Link) float64) metric {
	return metric{name: name, help: help, kind: kind, give: func(s Status, put put) {
		if l := link(s); l.On {
			put(value(l))
		}
	}}
}

// linkMetrics say how the heartbeat and the push go.
func linkMetrics() []metric {
	heartbeat, push := func(s Status) Link { return s.Heartbeat }, func(s Status) Link { return s.Push }
	works, fails := func(l Link) float64 { return truth(l.Wrong == "") }, func(l Link) float64 { return float64(l.Fails) }
	return []metric{
		ofLink("tillpost_heartbeat_ok", "1 while the heartbeat gets through; missing where it is off.", prometheus.GaugeValue, heartbeat, works),
		ofLink("tillpost_heartbeat_failures_total", "Heartbeats that did not get through, since the agent started.", prometheus.CounterValue, heartbeat, fails),
		ofLink("tillpost_metrics_push_ok", "1 while metrics can be pushed; missing where that is off.", prometheus.GaugeValue, push, works),
		ofLink("tillpost_metrics_push_failures_total", "Pushes of metrics that did not get through, since the agent started.", prometheus.CounterValue, push, fails),
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// unixSeconds is a time in seconds since 1970.
func unixSeconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

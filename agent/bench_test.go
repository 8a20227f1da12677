package agent_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tillpost/agent"
	"tillpost/config"
	"tillpost/mockapi"
	"tillpost/outbox"
)

// benchExport is an export of n rows of about 93 bytes. Another salt gives the same rows in other bytes.
func benchExport(n int, salt string) []byte {
	var b bytes.Buffer
	b.WriteString("Item Number,UPC,Description,Size,Width,Store,Department,On Hand,Price,Changed\n")
	for i := range n {
		fmt.Fprintf(&b, "A%07d,%s,Trail Runner %d,10.5,D,3,Footwear %s,%d,119.99,2026-11-23 12:00\n",
			i, withCheckDigit(fmt.Sprintf("%011d", 84_000_000_000+i*7)), i%100, salt, 1+i%9)
	}
	return b.Bytes()
}

// BenchmarkMillionRows takes in a million rows through the whole agent, from the file to the outbox: all new, then the
// same rows in other bytes. The ratio is to a bare encoding/csv loop with ReuseRecord over the same bytes.
func BenchmarkMillionRows(b *testing.B) {
	const rows = 1_000_000
	fresh, same := benchExport(rows, "a"), benchExport(rows, "b")
	var freshTook, sameTook, csvTook time.Duration
	var peak uint64
	for b.Loop() {
		csvTook += bareCSV(b, same)
		r := newRig(b, "  url: http://127.0.0.1:1\n")
		r.pause(b)
		stop := watchHeap(&peak)
		freshTook += r.take(b, "stock-1.csv", fresh)
		sameTook += r.take(b, "stock-2.csv", same)
		stop()
	}
	n := float64(b.N)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(csvTook.Seconds()/n, "csv-s")
	b.ReportMetric(freshTook.Seconds()/n, "new-s")
	b.ReportMetric(sameTook.Seconds()/n, "same-s")
	b.ReportMetric(float64(sameTook)/float64(csvTook), "same/csv")
	b.ReportMetric(float64(peak)/(1<<20), "heap-MiB")
}

func bareCSV(b *testing.B, data []byte) time.Duration {
	b.Helper()
	runtime.GC()
	start := time.Now()
	r := csv.NewReader(bytes.NewReader(data))
	r.ReuseRecord = true
	for {
		_, err := r.Read()
		if errors.Is(err, io.EOF) {
			return time.Since(start)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

// watchHeap keeps the greatest heap seen, in bytes, until stop is called.
func watchHeap(peak *uint64) (stop func()) {
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				*peak = max(*peak, m.HeapInuse)
			}
		}
	})
	return func() { close(done); wg.Wait() }
}

// rig is a store on the real clock.
type rig struct {
	dir    string
	config *config.Config
	took   chan time.Duration // how long each export took, from its log line: without looking for it and sending
}

// newRig makes a store with this api section.
func newRig(b *testing.B, api string) *rig {
	b.Helper()
	dir := b.TempDir()
	text := fmt.Sprintf("api:\n%s  rate: unlimited\ndata_dir: %s\nstatus: {listen: \"off\"}\nsources:\n  - folder: %s\n    settle: 0s\n    settle_last: 0s\n",
		api, filepath.Join(dir, "data"), filepath.Join(dir, "in"))
	c, err := config.Parse(filepath.Join(dir, "tillpost.yaml"), []byte(text))
	if err != nil {
		b.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "in"), 0o700); err != nil {
		b.Fatal(err)
	}
	return &rig{dir: dir, config: c, took: make(chan time.Duration, 10)}
}

// Write takes the agent's log.
func (r *rig) Write(line []byte) (int, error) {
	if _, after, ok := strings.Cut(string(line), "took="); ok {
		if d, err := time.ParseDuration(strings.TrimSpace(after)); err == nil {
			r.took <- d
		}
	}
	return len(line), nil
}

func (r *rig) drop(b *testing.B, name string, data []byte) {
	b.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, "in", name), data, 0o600); err != nil {
		b.Fatal(err)
	}
	runtime.GC()
}

func (r *rig) agent(b *testing.B) *agent.Agent {
	b.Helper()
	a, err := agent.New(agent.Options{Config: r.config, Version: "bench",
		Log: slog.New(slog.NewTextHandler(r, nil)), Token: func() (string, error) { return goodToken, nil }})
	if err != nil {
		b.Fatal(err)
	}
	return a
}

// pause makes the agent read and not send.
func (r *rig) pause(b *testing.B) {
	b.Helper()
	box, err := outbox.Open(r.config.DataDir, outbox.Options{Destination: r.config.API.URL})
	if err == nil {
		err = errors.Join(box.Pause(true), box.Close())
	}
	if err != nil {
		b.Fatal(err)
	}
}

// take runs the agent until it has taken the export.
func (r *rig) take(b *testing.B, name string, data []byte) time.Duration {
	b.Helper()
	r.drop(b, name, data)
	ctx, stop := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.agent(b).Run(ctx) }()
	took := <-r.took
	stop()
	if err := <-ended; err != nil {
		b.Fatal(err)
	}
	return took
}

// BenchmarkDeliver delivers 50,000 updates through the whole agent, each acknowledged durably, to a server in the same
// process that does nothing. The ratio is to a bare net/http loop that posts the same bodies to the same server.
func BenchmarkDeliver(b *testing.B) {
	const rows = 50_000
	data := benchExport(rows, "a")
	for _, concurrency := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("concurrency=%d", concurrency), func(b *testing.B) {
			sink := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
			}))
			defer sink.Close()
			var bare, ours time.Duration
			for b.Loop() {
				bare += blast(b, sink.URL+mockapi.Path, rows, concurrency)
				r := newRig(b, fmt.Sprintf("  url: %s\n  concurrency: %d\n", sink.URL, concurrency))
				r.pause(b)
				r.take(b, "stock.csv", data)
				box, err := outbox.Open(r.config.DataDir, outbox.Options{})
				if err == nil {
					err = errors.Join(box.Pause(false), box.Close())
				}
				if err != nil {
					b.Fatal(err)
				}
				runtime.GC()
				start := time.Now()
				if s, err := r.agent(b).Sync(b.Context(), func(agent.Status) {}); err != nil || s.Delivered != rows {
					b.Fatal(s.Delivered, err)
				}
				ours += time.Since(start)
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(rows*float64(b.N)/bare.Seconds(), "bare/s")
			b.ReportMetric(rows*float64(b.N)/ours.Seconds(), "ours/s")
			b.ReportMetric(float64(bare)/float64(ours), "ours/bare")
		})
	}
}

// blast posts n bodies with a bare net/http client.
func blast(b *testing.B, url string, n, concurrency int) time.Duration {
	b.Helper()
	runtime.GC()
	transport := &http.Transport{MaxIdleConnsPerHost: concurrency, DisableCompression: true}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	start := time.Now()
	var next atomic.Int64
	var wg sync.WaitGroup
	for range concurrency {
		wg.Go(func() {
			for i := next.Add(1); i <= int64(n); i = next.Add(1) {
				body := fmt.Appendf(nil, `{"upc":"%012d","store":"3","quantity":%d}`, 840_000_000_000+i, 1+i%9)
				req, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
				if err != nil {
					b.Error(err)
					return
				}
				req.Header.Set("Authorization", "Bearer "+goodToken)
				req.Header.Set("Content-Type", "application/json")
				res, err := client.Do(req)
				if err != nil {
					b.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, res.Body)
				_ = res.Body.Close()
			}
		})
	}
	wg.Wait()
	return time.Since(start)
}

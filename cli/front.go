package cli

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tillpost/agent"
	"tillpost/config"
	"tillpost/dashboard"
)

const (
	frontAgain = 5 * time.Second // before it is tried again to open the port
	frontEnd   = time.Second     // that answers have when the process ends
	mostConns  = 128             // at a time: whoever on this machine opens more takes no files and no memory from the agent
)

// front is the process's door to whoever looks on: the status page, /metrics and /healthz, at `status.listen`. It outlives the
// agents of the process, and tells so where there is none.
type front struct {
	listen string // empty = it is off
	vitals *vitals
	begun  time.Time

	metrics prometheus.Gatherer // what /metrics says too

	page atomic.Pointer[dashboard.Page] // nil = the port is not open
	mu   sync.Mutex                     // guards what follows
	url  string
}

func newFront(c *config.Config, v *vitals) *front {
	f := &front{listen: c.Status.Listen, vitals: v, begun: time.Now()}
	f.metrics = dashboard.Metrics(f.status)
	v.front = f
	return f
}

// URL is the page's; empty = it is not served.
func (f *front) URL() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.url
}

// Link makes a link that opens a session of the page.
func (f *front) Link() (string, error) {
	p := f.page.Load()
	if p == nil {
		return "", fmt.Errorf("it cannot be served at %s: another program may have that port", f.listen)
	}
	return p.Link(), nil
}

// serve serves until ctx ends. A port that cannot be opened keeps no agent from its work: it is tried again.
func (f *front) serve(ctx context.Context) {
	if f.listen == "" {
		return
	}
	told := false
	for ctx.Err() == nil {
		err := f.open(ctx)
		if ctx.Err() != nil {
			return
		}
		f.vitals.notes.Note(agent.PageNotServed, err.Error())
		if log := f.vitals.logger(); !told {
			told = true
			log.Warn("the status page cannot be served; it is tried again", "err", err)
		}
		timer := time.NewTimer(frontAgain)
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
}

// open serves at the port until ctx ends (nil), or it cannot be.
func (f *front) open(ctx context.Context) error {
	l, err := net.Listen("tcp", f.listen)
	if err != nil {
		return err
	}
	at := l.Addr().String()
	page := dashboard.New(dashboard.Options{Address: at, Status: f.status, Desk: f.desk})
	s := &http.Server{Handler: page, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute,
		MaxHeaderBytes: 16 << 10, ConnState: atMost(mostConns),
		ErrorLog: log.New(portLog{f.vitals}, "", 0)}
	f.page.Store(page)
	f.set("http://" + at + "/")
	f.vitals.notes.Note(agent.PageNotServed, "")
	f.vitals.logger().Info("the status page is served", "url", f.URL())
	defer func() {
		f.set("")
		f.page.Store(nil)
	}()
	down := make(chan struct{})
	running := context.AfterFunc(ctx, func() {
		defer close(down)
		page.Close()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), frontEnd)
		defer cancel()
		if s.Shutdown(ctx) != nil {
			_ = s.Close()
		}
	})
	err = s.Serve(l)
	if !running() {
		<-down
	}
	page.Close()
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve the status page: %w", err)
}

// portLog takes what the server says of its connections, for whichever agent logs at the moment.
type portLog struct{ vitals *vitals }

func (l portLog) Write(line []byte) (int, error) {
	l.vitals.logger().Debug("a connection to the status page has failed", "err", strings.TrimSpace(string(line)))
	return len(line), nil
}

// atMost closes connections that are more than so many.
func atMost(most int32) func(net.Conn, http.ConnState) {
	var open atomic.Int32
	return func(c net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			if open.Add(1) > most {
				_ = c.Close() // the server sees it as the other side's
			}
		case http.StateClosed, http.StateHijacked:
			open.Add(-1)
		}
	}
}

func (f *front) set(url string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.url = url
}

// works is the agent that works, with its config; nil = none does.
func (f *front) works() *working {
	w := f.vitals.agent.Load()
	if w == nil || !w.agent.Works() {
		return nil
	}
	return w
}

func (f *front) status(context.Context) (dashboard.Status, error) {
	w := f.works()
	if w == nil {
		return pageBetween(f.vitals.notes, f.begun), nil
	}
	s, err := pageStatus(w.agent, w.config)
	if err != nil && f.vitals.agent.Load() != w {
		return pageBetween(f.vitals.notes, f.begun), nil // it has ended meanwhile
	}
	return s, err
}

func (f *front) desk() dashboard.Desk {
	w := f.works()
	if w == nil {
		return nil
	}
	return &pageDesk{agent: w.agent, config: w.config, log: f.vitals.tail}
}

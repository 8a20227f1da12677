package agent

import (
	"context"
	"fmt"
	"os"

	"golang.org/x/sync/errgroup"

	"tillpost/dashboard"
)

// caller makes what calls out by itself: the heartbeat and the push of metrics, where the config wants them. Its errors are the
// config's.
func (a *Agent) caller() error {
	c := a.opts.Config
	var err error
	if c.Heartbeat.URL != "" {
		a.heartbeat, err = NewHeartbeat(HeartbeatOptions{URL: c.Heartbeat.URL, Every: c.Heartbeat.Every, Well: a.Well, Version: a.opts.Version, Log: a.log})
		if err != nil {
			return err
		}
	}
	if c.MetricsPush.URL != "" && a.opts.Metrics != nil {
		host, herr := os.Hostname()
		if herr != nil {
			host = "unknown" // the system does not know it either
		}
		a.push, err = NewPush(PushOptions{URL: c.MetricsPush.URL, Every: c.MetricsPush.Every, Metrics: a.opts.Metrics, Instance: host, Version: a.opts.Version, Log: a.log})
	}
	return err
}

// callOut lets them call until ctx ends.
func (a *Agent) callOut(ctx context.Context, g *errgroup.Group) {
	if a.heartbeat != nil {
		g.Go(func() error { return a.heartbeat.Run(ctx) })
	}
	if a.push != nil {
		g.Go(func() error { return a.push.Run(ctx) })
	}
}

// Well reports whether all is well, and if not why, in words of our own: nothing needs anybody.
func (a *Agent) Well() (ok bool, reason string) {
	s, err := a.Status()
	if err != nil {
		return false, "Its state cannot be read."
	}
	if len(s.Problems) == 0 || s.Problems[0].Grade > dashboard.Needs { // the gravest is the first
		return true, ""
	}
	p := s.Problems[0]
	if reason = p.What; p.Source != "" {
		reason = p.Source + ": " + reason
	}
	if s.Pending > 0 {
		reason += fmt.Sprintf(" Waiting updates: %s.", dashboard.Number(s.Pending))
	}
	return false, reason
}

// changes tells whoever waits for it that the state may be another one now.
func (a *Agent) changes() {
	signal(a.quiet)
	if a.heartbeat != nil {
		a.heartbeat.Look()
	}
}

// calls are how the heartbeat and the push go; those that are off are not on.
func (a *Agent) calls() (heartbeat, push dashboard.Link) {
	if a.heartbeat != nil {
		heartbeat = a.heartbeat.Link()
	}
	if a.push != nil {
		push = a.push.Link()
	}
	return heartbeat, push
}

// Calls is what metrics tell of what goes out: requests by what came of them, how long they took, and how the heartbeat and the
// push of metrics go.
type Calls struct {
	Requests        []dashboard.Count
	Latency         dashboard.Histogram
	Heartbeat, Push dashboard.Link
}

// Calls tells of what goes out.
func (a *Agent) Calls() Calls {
	c := Calls{Requests: a.tally.counts(), Latency: a.tally.latency()}
	c.Heartbeat, c.Push = a.calls()
	return c
}

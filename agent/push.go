package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/exp/api/remote"
	"github.com/prometheus/client_golang/prometheus"
)

const (
	// pushTimeout is how long a push may take.
	pushTimeout = 30 * time.Second
	// firstPush is how long after the start the first is: by then something has been looked at.
	firstPush = 10 * time.Second
)

// PushOptions say what is pushed, where to, and when.
type PushOptions struct {
	URL       string // a secret: it may hold a key, or a user and password
	Every     time.Duration
	Metrics   prometheus.Gatherer
	Instance  string // the label instance of all that is pushed: this machine's name
	Version   string
	Log       *slog.Logger
	Transport http.RoundTripper // in place of the network: for simulation
}

// Push pushes metrics to a Prometheus by remote write, for stores that nobody can scrape. What does not get through is not kept:
// the next push has newer values.
type Push struct {
	link
	opts    PushOptions
	line    *pushLine
	api     *remote.API
	sent    map[string]bool // the series of the last push that got through
	trouble trouble
}

// NewPush checks the options. Its errors do not quote the URL.
func NewPush(opts PushOptions) (*Push, error) {
	out, err := newOutward(opts.URL, opts.Transport)
	if err != nil {
		return nil, fmt.Errorf("metrics push: %w", err)
	}
	// The library names in its errors what it calls, so it gets a stand-in, and line knows the URL. It keeps what it sends for
	// its tries, which are one.
	line := &pushLine{outward: out, name: "tillpost/" + opts.Version}
	client := &http.Client{Transport: line}
	api, err := remote.NewAPI("http://metrics.invalid", remote.WithAPIPath(""), remote.WithAPIHTTPClient(client), remote.WithAPINoRetryOnRateLimit(),
		remote.WithAPIBackoff(remote.BackoffConfig{MaxRetries: -1})) // 0 would be for ever
	if err != nil {
		return nil, fmt.Errorf("metrics push: %w", err)
	}
	return &Push{opts: opts, line: line, api: api, trouble: trouble{log: opts.Log, below: aWarning}}, nil
}

// pushLine carries the requests of one push at a time, says who pushes, and keeps what was wrong: the library's errors do not.
type pushLine struct {
	outward
	name  string
	wrong error // in our words
}

// RoundTrip is http.RoundTripper's. A status that is no success is an error here already, so that no redirect is followed and
// nothing of an answer is read.
func (l *pushLine) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("User-Agent", l.name)
	response, err := l.outward.RoundTrip(r)
	if err != nil {
		l.wrong = unreached(r.Context(), err)
		return nil, l.wrong
	}
	if l.wrong = unwell(response.StatusCode); l.wrong != nil {
		_ = response.Body.Close() // nobody wants to know what it says
		return nil, l.wrong
	}
	return response, nil
}

// Run pushes until ctx ends.
func (p *Push) Run(ctx context.Context) error {
	timer := time.NewTimer(min(p.opts.Every, firstPush))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		begun := time.Now()
		err := p.push(ctx, begun)
		if ctx.Err() != nil {
			return nil
		}
		p.note(err)
		if err != nil {
			p.trouble.begin("metrics cannot be pushed", err)
		} else {
			p.trouble.end("metrics can be pushed again")
		}
		timer.Reset(max(p.opts.Every/2, p.opts.Every-time.Since(begun)))
	}
}

// push pushes once.
func (p *Push) push(ctx context.Context, now time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, pushTimeout)
	defer cancel()
	families, err := p.opts.Metrics.Gather()
	if err != nil && len(families) == 0 {
		return errors.New("there are no metrics")
	}
	// Version 1 of the protocol: Prometheus takes version 2 only since 3.0, and takes both then.
	p.line.wrong = nil
	request, there := writeRequest(families, p.opts.Instance, now, p.sent)
	_, err = p.api.Write(ctx, remote.WriteV1MessageType, request)
	switch {
	case p.line.wrong != nil:
		return p.line.wrong
	case err != nil:
		return unreached(ctx, err)
	}
	p.sent = there
	return nil
}

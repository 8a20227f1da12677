package agent

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	// beatApart is the least time between two heartbeats, unless the config asks for more of them, and before the first: by then a
	// bad token or a folder that is missing has shown, so that a restart does not tell that all is well where it is not.
	beatApart = 10 * time.Second
	// beatAgain is how long after one that did not get through the next is tried, where that is sooner than usual.
	beatAgain = time.Minute
	// beatLook is how often it is asked whether all is well: what waits to heal by itself is for a person once it lasts.
	beatLook = time.Minute
	// beatTimeout is how long one may take.
	beatTimeout = 10 * time.Second
	// maxReason is how long the reason may be, in characters.
	maxReason = 200
)

// HeartbeatOptions say whom a heartbeat calls, and when.
type HeartbeatOptions struct {
	URL       string // a secret: it may hold a key
	Every     time.Duration
	Well      func() (ok bool, reason string) // whether all is well, and if not why, in our own words
	Version   string
	Log       *slog.Logger
	Transport http.RoundTripper // in place of the network: for simulation
}

// Heartbeat calls a dead man's switch: a GET of the URL while all is well, of URL/fail when not, at once when that changes. When
// the agent stops it says nothing: the switch rings by itself.
type Heartbeat struct {
	link
	opts    HeartbeatOptions
	out     outward
	turned  chan struct{} // Well may answer something else than before
	trouble trouble
}

// NewHeartbeat checks the options. Its errors do not quote the URL.
func NewHeartbeat(opts HeartbeatOptions) (*Heartbeat, error) {
	out, err := newOutward(opts.URL, opts.Transport)
	if err != nil {
		return nil, fmt.Errorf("heartbeat: %w", err)
	}
	return &Heartbeat{opts: opts, out: out, turned: make(chan struct{}, 1), trouble: trouble{log: opts.Log, below: aWarning}}, nil
}

// Look lets the heartbeat ask whether all is well, now. Anybody may call it, as often as they like.
func (h *Heartbeat) Look() { signal(h.turned) }

// Run calls until ctx ends.
func (h *Heartbeat) Run(ctx context.Context) error {
	apart := min(beatApart, h.opts.Every)
	next, soonest := apart, apart // after the last: the next is due, and may go where something has turned
	timer := time.NewTimer(apart)
	defer timer.Stop()
	last := time.Now()
	told := true // what got through last; at first what a switch takes for granted
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		case <-h.turned:
		}
		ok, reason := h.opts.Well()
		since := time.Since(last)
		switch {
		case since < next && ok == told:
			timer.Reset(min(next-since, beatLook))
			continue
		case since < soonest:
			timer.Reset(soonest - since)
			continue
		}
		err := h.beat(ctx, ok, reason)
		if ctx.Err() != nil {
			return nil
		}
		last = time.Now()
		if next, soonest = h.opts.Every, apart; err == nil {
			told = ok
		} else {
			next = min(next, beatAgain)
			soonest = next
		}
		timer.Reset(min(next, beatLook))
	}
}

// beat calls once.
func (h *Heartbeat) beat(ctx context.Context, ok bool, reason string) error {
	short, cancel := context.WithTimeout(ctx, beatTimeout)
	defer cancel()
	err := h.call(short, ok, reason)
	if ctx.Err() != nil {
		return err // the agent stops: that is nobody's fault
	}
	h.note(err)
	if err != nil {
		h.trouble.begin("the heartbeat does not get through", err)
		return err
	}
	h.trouble.end("the heartbeat gets through again")
	return nil
}

// call makes the request and reads its answer.
func (h *Heartbeat) call(ctx context.Context, ok bool, reason string) error {
	r := (&http.Request{Method: http.MethodGet, URL: h.out.to, Host: h.out.to.Host, Header: http.Header{}}).WithContext(ctx)
	agent := "tillpost/" + h.opts.Version
	if !ok {
		reason = short(reason)
		r.URL = failing(h.out.to, reason)
		agent += " (" + plainASCII(reason) + ")"
	}
	r.Header.Set("User-Agent", agent)
	response, err := h.out.send(r)
	if err != nil {
		return unreached(ctx, err)
	}
	_, err = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close() // it was read, and the connection is not used again
	if bad := unwell(response.StatusCode); bad != nil {
		return bad
	}
	if err != nil && ctx.Err() != nil {
		return unreached(ctx, err)
	}
	return nil // a status that was read is an answer, whatever became of the rest
}

// failing is the URL that says that something is wrong: /fail at the end of its path, and the reason.
func failing(to *url.URL, reason string) *url.URL {
	u := to.JoinPath("fail")
	query := "msg=" + url.QueryEscape(reason)
	if u.RawQuery != "" {
		query = u.RawQuery + "&" + query
	}
	u.RawQuery = query
	return u
}

// short cuts a reason at maxReason characters.
func short(reason string) string {
	runes := []rune(strings.ToValidUTF8(reason, "?"))
	if len(runes) <= maxReason {
		return string(runes)
	}
	return string(runes[:maxReason-1]) + "…"
}

// plainASCII makes a text fit for a comment in a header.
func plainASCII(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || strings.ContainsRune(`()\`, r) {
			return '?'
		}
		return r
	}, text)
}

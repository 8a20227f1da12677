package dashboard

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"time"
)

const (
	mostStreams = 8 // of those that have a session, and of those that have none, who so keep nobody out
	lookEvery   = time.Second
	beatEvery   = 15 * time.Second // how often a stream that has nothing to tell says so
	writeWithin = 10 * time.Second // what a browser may take for one event
)

// events tells a browser whenever the live part of the page has changed. All of it happens in the request that asked: when the
// browser goes, or the page is closed, nothing is left.
func (p *Page) events(w http.ResponseWriter, r *http.Request) {
	streams := &p.streams[0]
	if p.session(r) != nil {
		streams = &p.streams[1]
	}
	if streams.Add(1) > mostStreams {
		streams.Add(-1)
		w.Header().Set("Retry-After", "10")
		http.Error(w, "too many look on", http.StatusServiceUnavailable)
		return
	}
	defer func() {
		if streams.Add(-1); !p.watched() {
			p.looks.forget()
		}
	}()
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	if r.Method == http.MethodHead {
		return
	}
	to := http.NewResponseController(w)
	_ = to.SetReadDeadline(time.Time{}) // where there is none to set, none is in the way
	p.stream(r.Context(), to, w, r)
}

// watched reports whether anybody looks on.
func (p *Page) watched() bool { return p.streams[0].Load()+p.streams[1].Load() > 0 }

// stream writes events until the browser is gone.
func (p *Page) stream(ctx context.Context, to *http.ResponseController, w http.ResponseWriter, r *http.Request) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	var last []byte
	var wrote time.Time
	for {
		live, err := p.live(ctx, p.session(r) != nil)
		if err != nil {
			return // the browser is gone, or does not get what it should: it asks again
		}
		var event []byte
		switch now := time.Now(); {
		case !bytes.Equal(live.html, last):
			event = liveEvent(live.html)
			last, wrote = live.html, now
		case now.Sub(wrote) >= beatEvery:
			event = fmt.Appendf(nil, ": still here\nevent: beat\ndata: %d\n\n", now.Unix())
			wrote = now
		}
		if event != nil {
			_ = to.SetWriteDeadline(time.Now().Add(writeWithin))
			if _, err := w.Write(event); err != nil || to.Flush() != nil {
				return
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-p.ended:
			return
		case <-tick.C:
		}
	}
}

// liveEvent is HTML as an event: a line of data for each of its lines.
func liveEvent(html []byte) []byte {
	event := []byte("event: live\n")
	for line := range bytes.Lines(html) {
		event = append(event, "data: "...)
		event = append(event, bytes.TrimRight(line, "\r\n")...)
		event = append(event, '\n')
	}
	return append(event, '\n')
}

package dashboard

import (
	"context"
	"encoding/json"
	"net/http"
	"path"
	"time"
)

// healthReport is what /healthz answers.
type healthReport struct {
	Live  bool         `json:"live"`            // every loop turns
	Ready bool         `json:"ready"`           // the agent works, and each folder was looked at
	Error string       `json:"error,omitempty"` // why nothing is known
	Loops []loopReport `json:"loops"`
}

// loopReport is one loop in it.
type loopReport struct {
	Name   string   `json:"name"`
	OK     bool     `json:"ok"`
	Wrong  string   `json:"wrong"`
	Turned *float64 `json:"turned_s"` // how long ago it was seen to turn, in seconds; null = it has not begun
}

// health answers /healthz, /healthz/live and /healthz/ready, all with the same JSON. The first two are 200 while every loop turns,
// whatever is wrong with the API or a folder: only a restart could help where one does not. /healthz/ready is 200 once each folder
// was looked at, until the agent stops. Else they are 503. All the words in it are the program's own.
func (p *Page) health(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), asking)
	defer cancel()
	s, err := p.opts.Status(ctx)
	h := healthOf(s)
	if err != nil {
		h = healthReport{Error: "the agent cannot say how it is", Loops: []loopReport{}}
	}
	ok := h.Live
	if path.Base(r.URL.Path) == "ready" {
		ok = h.Ready
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if !ok {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(h) // whoever asked has gone
}

// healthOf is what a status says of the health.
func healthOf(s Status) healthReport {
	h := healthReport{Live: true, Ready: s.Ready && s.State != "stopped", Loops: []loopReport{}}
	for _, l := range s.Loops {
		one := loopReport{Name: l.Name, OK: l.Wrong == "", Wrong: l.Wrong}
		if !l.Turned.IsZero() {
			one.Turned = new(max(0, s.At.Sub(l.Turned)).Round(time.Millisecond).Seconds())
		}
		h.Live = h.Live && one.OK
		h.Loops = append(h.Loops, one)
	}
	return h
}

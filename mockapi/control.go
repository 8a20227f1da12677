package mockapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Control is the JSON object that POST /control takes. What is absent stays as it is; either all of it is done or, with
// 400 and {"error":...}, nothing. The answer is {"faults":[...]}: those in force then, as ParseFault reads them.
type Control struct {
	Reset     bool      `json:"reset,omitempty"`      // Reset
	Token     *string   `json:"token,omitempty"`      // SetToken
	Down      *int      `json:"down,omitempty"`       // SetDown: 0, or 200 to 599
	Latency   *string   `json:"latency,omitempty"`    // SetLatency, as `50ms`; the jitter becomes 0 unless it is given
	Jitter    *string   `json:"jitter,omitempty"`     // SetLatency; the latency becomes 0 unless it is given
	RateLimit *float64  `json:"rate_limit,omitempty"` // SetRateLimit: requests a second, 0 for none
	Burst     int       `json:"burst,omitempty"`      // with rate_limit
	Unknown   *[]string `json:"unknown,omitempty"`    // SetUnknown
	Clear     bool      `json:"clear,omitempty"`      // ClearFaults, before those of inject
	Inject    []string  `json:"inject,omitempty"`     // Inject, as ParseFault reads them
}

func (s *Server) serveControl(w http.ResponseWriter, r *http.Request) {
	x := exchange{s: s, w: w, r: r}
	if words := x.unauthorized(s.conduct.Load()); words != "" {
		writeJSON(w, http.StatusUnauthorized, words)
		return
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		writeJSON(w, http.StatusMethodNotAllowed, "Method not allowed")
		return
	}
	if err := s.control(r.Body); err != nil {
		writeJSON(w, http.StatusBadRequest, err.Error())
		return
	}
	answer := struct {
		Faults []string `json:"faults"`
	}{[]string{}}
	for _, f := range s.ActiveFaults() {
		answer.Faults = append(answer.Faults, f.String())
	}
	w.Header()["Content-Type"] = jsonType
	_ = json.NewEncoder(w).Encode(answer) // an error is the client's going
}

// control reads one Control and does what it says.
func (s *Server) control(r io.Reader) error {
	var c Control
	d := json.NewDecoder(io.LimitReader(r, maxBody))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("data after the object")
	}
	latency, err := c.duration("latency", c.Latency)
	if err != nil {
		return err
	}
	jitter, err := c.duration("jitter", c.Jitter)
	if err != nil {
		return err
	}
	if c.Down != nil && *c.Down != 0 && (*c.Down < 200 || *c.Down > 599) {
		return fmt.Errorf("down: %d is no status of an answer", *c.Down)
	}
	if c.RateLimit != nil && *c.RateLimit < 0 || c.Burst < 0 {
		return errors.New("rate_limit and burst: want 0 or more")
	}
	faults := make([]Fault, len(c.Inject))
	for i, text := range c.Inject {
		if faults[i], err = ParseFault(text); err != nil {
			return err
		}
	}
	if c.Clear {
		s.ClearFaults()
	}
	for _, f := range faults {
		s.faults.add(f)
	}
	s.turn(c, latency, jitter)
	return nil
}

// turn turns the switches that c names. All in it has been checked.
func (s *Server) turn(c Control, latency, jitter time.Duration) {
	if c.Latency != nil || c.Jitter != nil {
		s.SetLatency(latency, jitter)
	}
	if c.RateLimit != nil {
		s.SetRateLimit(*c.RateLimit, c.Burst)
	}
	if c.Unknown != nil {
		s.SetUnknown(*c.Unknown...)
	}
	if c.Down != nil {
		s.SetDown(*c.Down)
	}
	if c.Token != nil {
		s.SetToken(*c.Token)
	}
	if c.Reset {
		s.Reset()
	}
}

func (c Control) duration(name string, text *string) (time.Duration, error) {
	if text == nil {
		return 0, nil
	}
	d, err := time.ParseDuration(*text)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%s: %q is no duration from 0, as 50ms", name, *text)
	}
	return d, nil
}

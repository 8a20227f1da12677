package agent

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// card is what <data_dir>/agent.json says of the running agent: where commands are served, and the key that they must
// bring. Who can read the data folder can command the agent; nobody else can.
type card struct {
	Address string `json:"address"` // host:port, loopback
	Key     string `json:"key"`
	PID     int    `json:"pid"`
}

const (
	keyHeader  = "X-Tillpost-Key"
	maxCommand = 4 << 20 // bytes of a command
)

func cardPath(dataDir string) string { return filepath.Join(dataDir, "agent.json") }

func readCard(dataDir string) (c card, err error) {
	data, err := os.ReadFile(cardPath(dataDir))
	if err != nil {
		return c, err
	}
	return c, json.Unmarshal(data, &c)
}

// listener serves the commands on a loopback port.
type listener struct {
	a    *Agent
	net  net.Listener
	card card
}

// listen opens the port and writes the card.
func listen(a *Agent) (*listener, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("open a loopback port for commands: %w", err)
	}
	c := card{Address: l.Addr().String(), Key: rand.Text(), PID: pid}
	data, err := json.Marshal(c)
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	path := cardPath(a.opts.Config.DataDir)
	err = os.WriteFile(path+".tmp", data, 0o600)
	if err == nil {
		err = os.Rename(path+".tmp", path)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("write where commands are served: %w", err), l.Close())
	}
	return &listener{a: a, net: l, card: c}, nil
}

// serve serves until ctx ends.
func (l *listener) serve(ctx context.Context) error {
	s := &http.Server{Handler: l.guard(l.routes()), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second,
		WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10}
	defer context.AfterFunc(ctx, func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		if s.Shutdown(ctx) != nil {
			_ = s.Close()
		}
	})()
	err := s.Serve(l.net)
	if rerr := os.Remove(cardPath(l.a.opts.Config.DataDir)); rerr != nil && !errors.Is(rerr, os.ErrNotExist) {
		l.a.log.Warn("a file stays behind", "err", rerr)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve commands: %w", err)
}

// guard lets nobody in without the key, and no browser at all, whatever it brings.
func (l *listener) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := r.Header
		key := h.Get(keyHeader)
		if r.Host != l.card.Address || h.Get("Origin") != "" || h.Get("Referer") != "" || h.Get("Sec-Fetch-Site") != "" ||
			subtle.ConstantTimeCompare([]byte(key), []byte(l.card.Key)) != 1 {
			http.Error(w, "forbidden", http.StatusForbidden)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxCommand)
		next.ServeHTTP(w, r)
	})
}

func (l *listener) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) {
		s, err := l.a.Status()
		reply(w, s, err)
	})
	mux.HandleFunc("POST /pause", func(w http.ResponseWriter, r *http.Request) {
		var paused bool
		err := json.NewDecoder(r.Body).Decode(&paused)
		if err == nil {
			err = l.a.Pause(paused)
		}
		reply(w, struct{}{}, err)
	})
	mux.HandleFunc("POST /wanted", func(w http.ResponseWriter, r *http.Request) {
		var keys [][]byte
		var list []*int64
		err := json.NewDecoder(r.Body).Decode(&keys)
		if err == nil {
			list, err = wanted(l.a.box, keys)
		}
		reply(w, list, err)
	})
	return mux
}

func reply(w http.ResponseWriter, v any, err error) {
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		v = map[string]string{"error": err.Error()}
	}
	_ = json.NewEncoder(w).Encode(v) // the other side went away
}

// netDesk speaks with a running agent.
type netDesk struct {
	card   card
	client *http.Client
}

// dial finds the running agent and sees that it answers.
func dial(ctx context.Context, dataDir string) (*netDesk, error) {
	c, err := readCard(dataDir)
	if err != nil {
		return nil, err
	}
	d := &netDesk{card: c, client: &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{Proxy: nil}}}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	if _, err := d.Status(ctx); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

func (d *netDesk) Status(ctx context.Context) (s Status, err error) {
	return s, d.call(ctx, http.MethodGet, "/status", nil, &s)
}

func (d *netDesk) Pause(ctx context.Context, paused bool) error {
	return d.call(ctx, http.MethodPost, "/pause", paused, &struct{}{})
}

func (d *netDesk) Wanted(ctx context.Context, keys [][]byte) (list []*int64, err error) {
	return list, d.call(ctx, http.MethodPost, "/wanted", keys, &list)
}

func (d *netDesk) Close() error {
	d.client.CloseIdleConnections()
	return nil
}

func (d *netDesk) call(ctx context.Context, method, path string, in, out any) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("ask the running tillpost (process %d): %w", d.card.PID, err)
		}
	}()
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://"+d.card.Address+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set(keyHeader, d.card.Key)
	res, err := d.client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(io.LimitReader(res.Body, 64<<20))
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		var said struct {
			Error string `json:"error"`
		}
		if json.Unmarshal(data, &said) == nil && said.Error != "" {
			return errors.New(said.Error)
		}
		return errors.New(res.Status)
	}
	return json.Unmarshal(data, out)
}

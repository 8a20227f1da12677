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
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"time"
)

// card is what <data_dir>/agent.json says of the running agent: where commands are served, the key that they must bring,
// and the proof that an answer must bring, so that a program which got the port of an agent that died is not believed.
// Who can read the data folder can command the agent; nobody else can.
type card struct {
	Address string `json:"address"` // host:port, loopback
	Key     string `json:"key"`
	Proof   string `json:"proof"` // never leaves the machine but in an answer to the key
	PID     int    `json:"pid"`
}

const (
	keyHeader   = "X-Tillpost-Key"
	proofHeader = "X-Tillpost-Proof"
	maxCommand  = 4 << 20  // bytes of a command
	maxReply    = 64 << 20 // bytes of what is answered
)

func cardPath(dataDir string) string { return filepath.Join(dataDir, "agent.json") }

// readCard reads the card. The error wraps fs.ErrNotExist where there is none.
func readCard(dataDir string) (c card, err error) {
	data, err := os.ReadFile(cardPath(dataDir))
	if err != nil {
		return c, err
	}
	if err := json.Unmarshal(data, &c); err != nil {
		return card{}, fmt.Errorf("read %s: %w", cardPath(dataDir), err)
	}
	at, err := netip.ParseAddrPort(c.Address)
	if err != nil || !at.Addr().IsLoopback() || c.Key == "" || c.Proof == "" {
		return card{PID: c.PID}, fmt.Errorf("read %s: it is not a running tillpost's", cardPath(dataDir))
	}
	return c, nil
}

// write puts the card in its place, readable by this account alone.
func (c card) write(dataDir string) error {
	data, err := json.Marshal(c)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(dataDir, "agent-*.tmp") // its mode is 0600, whatever lies there
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Close())
	for try := 0; err == nil; try++ {
		if err = os.Rename(f.Name(), cardPath(dataDir)); err == nil || try == cardTries {
			break
		}
		time.Sleep(cardPause) // Windows: a command may be reading the old one
		err = nil
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

const (
	cardTries = 10
	cardPause = 50 * time.Millisecond
)

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
	c := card{Address: l.Addr().String(), Key: rand.Text(), Proof: rand.Text(), PID: os.Getpid()}
	if err := c.write(a.opts.Config.DataDir); err != nil {
		return nil, errors.Join(fmt.Errorf("write where commands are served: %w", err), l.Close())
	}
	return &listener{a: a, net: l, card: c}, nil
}

// serve serves until ctx ends.
func (l *listener) serve(ctx context.Context) error {
	s := &http.Server{Handler: l.guard(l.routes()), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second,
		WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(l.a.log.Handler(), slog.LevelDebug)}
	down := make(chan struct{})
	running := context.AfterFunc(ctx, func() {
		defer close(down)
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		if s.Shutdown(ctx) != nil {
			_ = s.Close()
		}
	})
	err := s.Serve(l.net)
	if !running() {
		<-down // commands that are being answered
	}
	if rerr := os.Remove(cardPath(l.a.opts.Config.DataDir)); rerr != nil && !errors.Is(rerr, os.ErrNotExist) {
		l.a.log.Warn("what says where commands are served stays behind", "err", rerr)
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
		w.Header().Set(proofHeader, l.card.Proof)
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
	mux.HandleFunc("POST /pause", command(func(paused bool) (struct{}, error) { return struct{}{}, l.a.Pause(paused) }))
	mux.HandleFunc("POST /wanted", command(func(keys [][]byte) ([]*int64, error) { return wanted(l.a.box, keys) }))
	mux.HandleFunc("POST /verify", l.serveVerify)
	return mux
}

// command serves what takes one JSON value and answers one.
func command[In, Out any](do func(In) (Out, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in In
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			status := http.StatusBadRequest
			if _, big := errors.AsType[*http.MaxBytesError](err); big {
				status = http.StatusRequestEntityTooLarge
			}
			http.Error(w, http.StatusText(status), status)
			return
		}
		out, err := do(in)
		reply(w, out, err)
	}
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
	d := &netDesk{card: c, client: &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{Proxy: nil},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}} // the key goes nowhere else
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
	if subtle.ConstantTimeCompare([]byte(res.Header.Get(proofHeader)), []byte(d.card.Proof)) != 1 {
		return errors.New("what answers is not the tillpost that works on this data folder")
	}
	data, err := io.ReadAll(io.LimitReader(res.Body, maxReply))
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

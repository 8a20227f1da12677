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
	maxCommand  = 4 << 20          // bytes of a command
	maxReply    = 64 << 20         // bytes of what is answered
	replyTime   = 30 * time.Second // for what only looks something up
	commandTime = 10 * time.Minute // for what reads or writes all of the outbox: 2 s for a million keys where the disk is fast
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
	d := l.a.Desk()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, r *http.Request) {
		s, err := d.Status(r.Context())
		reply(w, s, err)
	})
	mux.HandleFunc("POST /pause", command(func(ctx context.Context, paused bool) (struct{}, error) { return struct{}{}, d.Pause(ctx, paused) }))
	mux.HandleFunc("POST /wanted", command(d.Wanted))
	mux.HandleFunc("POST /dead", command(d.Dead))
	mux.HandleFunc("POST /dead/retry", command(d.RetryDead))
	mux.HandleFunc("POST /dead/discard", command(d.DiscardDead))
	mux.HandleFunc("POST /held", command(d.Held))
	mux.HandleFunc("POST /held/release", command(d.ReleaseHeld))
	mux.HandleFunc("POST /held/discard", command(d.DiscardHeld))
	mux.HandleFunc("POST /rejects", command(d.Rejects))
	mux.HandleFunc("POST /why", command(d.Why))
	mux.HandleFunc("POST /resend", command(d.Resend))
	mux.HandleFunc("POST /open", command(func(ctx context.Context, _ struct{}) (string, error) { return d.Link(ctx) }))
	mux.HandleFunc("POST /recent", command(d.Recent))
	mux.HandleFunc("POST /log", command(func(ctx context.Context, _ struct{}) ([]string, error) { return d.LogTail(ctx) }))
	mux.HandleFunc("POST /verify", command(func(ctx context.Context, _ struct{}) (Verified, error) { return d.Verify(ctx) }))
	return mux
}

// command serves what takes one JSON value and answers one. A million records are not read or written in a moment, so it
// has its time; it ends when the one who asked goes away, or the agent stops.
func command[In, Out any](do func(context.Context, In) (Out, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c, end := http.NewResponseController(w), time.Now().Add(commandTime)
		_, _ = c.SetReadDeadline(end), c.SetWriteDeadline(end) // without them it ends sooner
		var in In
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			status := http.StatusBadRequest
			if _, big := errors.AsType[*http.MaxBytesError](err); big {
				status = http.StatusRequestEntityTooLarge
			}
			http.Error(w, http.StatusText(status), status)
			return
		}
		_, _ = io.Copy(io.Discard, r.Body) // only then it is noticed that the other side goes away
		out, err := do(r.Context(), in)
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
	d := &netDesk{card: c, client: &http.Client{Transport: &http.Transport{Proxy: nil},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}} // the key goes nowhere else
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	if _, err := d.Status(ctx); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

func (d *netDesk) Status(ctx context.Context) (Status, error) {
	return ask[Status](ctx, d, "/status", nil)
}

func (d *netDesk) Pause(ctx context.Context, paused bool) error {
	_, err := ask[struct{}](ctx, d, "/pause", paused)
	return err
}

func (d *netDesk) Wanted(ctx context.Context, keys [][]byte) ([]*int64, error) {
	return ask[[]*int64](ctx, d, "/wanted", keys)
}

func (d *netDesk) Dead(ctx context.Context, after string) (DeadPage, error) {
	return ask[DeadPage](ctx, d, "/dead", after)
}

func (d *netDesk) RetryDead(ctx context.Context, which Which) (Acted, error) {
	return ask[Acted](ctx, d, "/dead/retry", which)
}

func (d *netDesk) DiscardDead(ctx context.Context, which Which) (Acted, error) {
	return ask[Acted](ctx, d, "/dead/discard", which)
}

func (d *netDesk) Held(ctx context.Context, _ string) ([]HeldExport, error) {
	return ask[[]HeldExport](ctx, d, "/held", "")
}

func (d *netDesk) ReleaseHeld(ctx context.Context, which Which) (Acted, error) {
	return ask[Acted](ctx, d, "/held/release", which)
}

func (d *netDesk) DiscardHeld(ctx context.Context, which Which) (Acted, error) {
	return ask[Acted](ctx, d, "/held/discard", which)
}

func (d *netDesk) Rejects(ctx context.Context, after string) (RejectPage, error) {
	return ask[RejectPage](ctx, d, "/rejects", after)
}

func (d *netDesk) Why(ctx context.Context, code string) (Why, error) {
	return ask[Why](ctx, d, "/why", code)
}

func (d *netDesk) Resend(ctx context.Context, which Selection) (Acted, error) {
	return ask[Acted](ctx, d, "/resend", which)
}

func (d *netDesk) Verify(ctx context.Context) (Verified, error) {
	return ask[Verified](ctx, d, "/verify", struct{}{})
}

func (d *netDesk) Close() error {
	d.client.CloseIdleConnections()
	return nil
}

// ask asks the agent. What only looks something up is answered soon or not at all.
func ask[Out any](ctx context.Context, d *netDesk, path string, in any) (out Out, err error) {
	most := replyTime
	switch path {
	case "/dead/retry", "/dead/discard", "/held/release", "/held/discard", "/resend", "/why", "/verify":
		most = commandTime
	}
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	defer func() {
		if err != nil {
			err = fmt.Errorf("ask the running tillpost (process %d): %w", d.card.PID, err)
		}
	}()
	method := http.MethodPost
	if in == nil {
		method = http.MethodGet
	}
	body, err := json.Marshal(in)
	if err != nil {
		return out, err
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://"+d.card.Address+path, bytes.NewReader(body))
	if err != nil {
		return out, err
	}
	req.Header.Set(keyHeader, d.card.Key)
	res, err := d.client.Do(req)
	if err != nil {
		return out, err
	}
	defer res.Body.Close()
	if subtle.ConstantTimeCompare([]byte(res.Header.Get(proofHeader)), []byte(d.card.Proof)) != 1 {
		return out, errors.New("what answers is not the tillpost that works on this data folder")
	}
	data, err := io.ReadAll(io.LimitReader(res.Body, maxReply))
	if err != nil {
		return out, err
	}
	if res.StatusCode != http.StatusOK {
		var said struct {
			Error string `json:"error"`
		}
		if json.Unmarshal(data, &said) == nil && said.Error != "" {
			return out, errors.New(said.Error)
		}
		return out, errors.New(res.Status)
	}
	err = json.Unmarshal(data, &out)
	return out, err
}

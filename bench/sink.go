package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// apiPath is the endpoint's, as the API documents it.
const apiPath = "/api/product/inventory"

// answer is what the API is thought to say of an update that it took.
const answer = `{"success":true}`

// sinkHello is what a sink prints once it serves.
type sinkHello struct {
	URL     string `json:"url"`
	Control string `json:"control"`
}

// sinkSpec is what a sink counts from now on.
type sinkSpec struct {
	Catalogue catalogue     `json:"catalogue"` // which keys there are
	Delay     time.Duration `json:"delay"`     // before each answer
}

// sinkCount is what a sink has seen since it was told what to count.
type sinkCount struct {
	Requests int64 `json:"requests"`
	Keys     int64 `json:"keys"`    // that came at least once
	Strange  int64 `json:"strange"` // requests for no key of the catalogue
	First    int64 `json:"first"`   // when the first request came, in nanoseconds since 1970; 0 = none came
	Last     int64 `json:"last"`    // when the last answer was given
	Most     int64 `json:"most"`    // requests at a time
}

// took is the time from the first request to the last answer.
func (c sinkCount) took() time.Duration { return time.Duration(c.Last - c.First) }

// rate is how many requests a second that were.
func (c sinkCount) rate() float64 { return float64(c.Requests) / c.took().Seconds() }

// tally is what a sink counts. A row of the catalogue is a key.
type tally struct {
	spec      sinkSpec
	quantity  []atomic.Int32 // what was said last
	seen      []atomic.Int32 // how often
	keys      atomic.Int64
	requests  atomic.Int64
	strange   atomic.Int64
	first     atomic.Int64
	last      atomic.Int64
	now, most atomic.Int64
}

func newTally(spec sinkSpec) *tally {
	n := spec.Catalogue.Rows
	return &tally{spec: spec, quantity: make([]atomic.Int32, n), seen: make([]atomic.Int32, n)}
}

// sink is the API's place, bare.
type sink struct {
	tally   atomic.Pointer[tally]
	buffers sync.Pool
}

var jsonType = []string{"application/json"}

func (s *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	t := s.tally.Load()
	if t.first.Load() == 0 {
		t.first.CompareAndSwap(0, time.Now().UnixNano())
	}
	greatest(&t.most, t.now.Add(1))
	buffer := s.buffers.Get().(*[512]byte)
	n, _ := io.ReadFull(r.Body, buffer[:]) // a body that is cut short names no key
	t.count(r.URL.Path, buffer[:n])
	s.buffers.Put(buffer)
	if t.spec.Delay > 0 {
		time.Sleep(t.spec.Delay)
	}
	w.Header()["Content-Type"] = jsonType
	_, _ = io.WriteString(w, answer) // a client that has gone asks again
	t.now.Add(-1)
	greatest(&t.last, time.Now().UnixNano())
}

func greatest(a *atomic.Int64, n int64) {
	for was := a.Load(); n > was && !a.CompareAndSwap(was, n); was = a.Load() {
	}
}

func (t *tally) count(path string, body []byte) {
	t.requests.Add(1)
	row, quantity, ok := t.spec.Catalogue.parseBody(body)
	if !ok || path != apiPath {
		t.strange.Add(1)
		return
	}
	t.quantity[row].Store(int32(quantity))
	if t.seen[row].Add(1) == 1 {
		t.keys.Add(1)
	}
}

// parseBody finds the row that a request is about, and its quantity.
func (c catalogue) parseBody(body []byte) (row, quantity int, ok bool) {
	upc, ok1 := number(body, `"upc":"`)
	store, ok2 := number(body, `"store":"`)
	quantity, ok3 := number(body, `"quantity":`)
	product := (upc/10 - firstUPC) / stepUPC
	row = product*c.Stores + store - firstStore
	return row, quantity, ok1 && ok2 && ok3 && product >= 0 && row >= 0 && row < c.Rows && store-firstStore < c.Stores
}

// number reads the digits after name.
func number(body []byte, name string) (n int, ok bool) {
	at := bytes.Index(body, []byte(name))
	if at < 0 {
		return 0, false
	}
	for _, c := range body[at+len(name):] {
		if c < '0' || c > '9' {
			break
		}
		n, ok = 10*n+int(c-'0'), true
	}
	return n, ok
}

// wrong counts the keys whose quantity is not the catalogue's.
func (t *tally) wrong(c catalogue) (n int) {
	for i := range t.quantity {
		if i >= c.Rows || t.quantity[i].Load() != int32(c.quantity(i)) {
			n++
		}
	}
	return n
}

// control serves whoever measures, on a port of its own.
func (s *sink) control(w http.ResponseWriter, r *http.Request) {
	t := s.tally.Load()
	var reply any = sinkCount{t.requests.Load(), t.keys.Load(), t.strange.Load(), t.first.Load(), t.last.Load(), t.most.Load()}
	var err error
	switch r.URL.Path {
	case "/reset":
		var spec sinkSpec
		if err = json.NewDecoder(r.Body).Decode(&spec); err == nil {
			s.tally.Store(newTally(spec))
		}
	case "/wrong":
		var c catalogue
		if err = json.NewDecoder(r.Body).Decode(&c); err == nil {
			reply = t.wrong(c)
		}
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	_ = json.NewEncoder(w).Encode(reply) // whoever has gone asks no more
}

// sinkRole serves until standard input ends.
func sinkRole(in *json.Decoder, out *json.Encoder) error {
	s := &sink{buffers: sync.Pool{New: func() any { return new([512]byte) }}}
	s.tally.Store(newTally(sinkSpec{Catalogue: plain(0, "")}))
	var servers []*http.Server
	var group sync.WaitGroup
	serve := func(h http.Handler) (string, error) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return "", err
		}
		server := &http.Server{Handler: h}
		servers = append(servers, server)
		group.Go(func() { _ = server.Serve(l) }) // until it is closed
		return "http://" + l.Addr().String(), nil
	}
	url, err1 := serve(s)
	control, err2 := serve(http.HandlerFunc(s.control))
	if err := errors.Join(err1, err2, out.Encode(sinkHello{url, control})); err != nil {
		return err
	}
	var ignored any
	for in.Decode(&ignored) == nil { // to its end
	}
	var err error
	for _, server := range servers {
		err = errors.Join(err, server.Close())
	}
	group.Wait()
	return err
}

// sinkClient is the sink as whoever measures sees it.
type sinkClient struct {
	sinkHello
	close func() error
}

// post asks the sink for something.
func (s *sinkClient) post(path string, question, reply any) error {
	body, err := json.Marshal(question)
	if err != nil {
		return err
	}
	res, err := http.Post(s.Control+path, "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	text, err := io.ReadAll(res.Body)
	if err = errors.Join(err, res.Body.Close()); err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("the sink says %s: %s", res.Status, text)
	}
	return json.Unmarshal(text, reply)
}

// reset makes it count anew.
func (s *sinkClient) reset(spec sinkSpec) error {
	var was sinkCount
	return s.post("/reset", spec, &was)
}

func (s *sinkClient) count() (c sinkCount, err error) {
	err = s.post("/count", nil, &c)
	return c, err
}

// wrong counts the keys whose last quantity is not the catalogue's.
func (s *sinkClient) wrong(c catalogue) (n int, err error) {
	err = s.post("/wrong", c, &n)
	return n, err
}

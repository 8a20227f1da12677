package agent_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/exp/api/remote"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/protobuf/encoding/protowire"

	"tillpost/agent"
	"tillpost/dashboard"
	"tillpost/testkit"
)

// receiver takes what is pushed, in the way of version 1.
type receiver struct {
	mu     sync.Mutex // guards what follows
	pushes [][]string // each one's series with their samples
	status int
	from   string // the user, password and user agent of the last
}

// Store is what the library's handler asks of a storage.
func (r *receiver) Store(req *http.Request, of remote.WriteMessageType) (*remote.WriteResponse, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil || of != remote.WriteV1MessageType {
		return nil, fmt.Errorf("got %v, %w", of, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	user, password, _ := req.BasicAuth()
	r.from = user + " " + password + " " + req.Header.Get("User-Agent") + " " + req.URL.RequestURI()
	response := remote.NewWriteResponse()
	response.SetStatusCode(r.status)
	if r.status/100 != 2 {
		return response, fmt.Errorf("a stranger's words")
	}
	r.pushes = append(r.pushes, seriesOf(body))
	return response, nil
}

// is lets the receiver answer so from now on.
func (r *receiver) is(status int) {
	r.mu.Lock()
	r.status = status
	r.mu.Unlock()
}

// got are the pushes so far.
func (r *receiver) got() [][]string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.pushes)
}

// fields gives the fields of a message: their number, and their bytes or number.
func fields(message []byte, field func(n protowire.Number, bytes []byte, number uint64)) {
	for len(message) > 0 {
		n, kind, size := protowire.ConsumeTag(message)
		message = message[size:]
		var b []byte
		var v uint64
		switch kind {
		case protowire.BytesType:
			b, size = protowire.ConsumeBytes(message)
		case protowire.Fixed64Type:
			v, size = protowire.ConsumeFixed64(message)
		case protowire.VarintType:
			v, size = protowire.ConsumeVarint(message)
		}
		if size < 0 {
			panic(protowire.ParseError(size))
		}
		message = message[size:]
		field(n, b, v)
	}
}

// seriesOf reads a prometheus.WriteRequest.
func seriesOf(body []byte) (list []string) {
	fields(body, func(_ protowire.Number, series []byte, _ uint64) {
		text := ""
		fields(series, func(n protowire.Number, b []byte, _ uint64) {
			var texts []string
			var value, at uint64
			fields(b, func(m protowire.Number, text []byte, number uint64) {
				texts = append(texts, string(text))
				if m == 1 {
					value = number
				} else {
					at = number
				}
			})
			if n == 1 {
				text += strings.Join(texts, "=") + " "
			} else {
				number := fmt.Sprint(math.Float64frombits(value))
				if value == 0x7ff0000000000002 { // Prometheus' mark of a series that is gone
					number = "stale"
				}
				text += fmt.Sprintf("%s @%d", number, at)
			}
		})
		list = append(list, text)
	})
	return list
}

// figures are metrics of each kind.
func figures() *prometheus.Registry {
	r := prometheus.NewRegistry()
	gauge := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "wait", Help: "h"}, []string{"source", "empty"})
	gauge.WithLabelValues("main", "").Set(2.5)
	counter := prometheus.NewCounter(prometheus.CounterOpts{Name: "done_total", Help: "h"})
	counter.Add(7)
	histogram := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "took_seconds", Help: "h", Buckets: []float64{0.005, 1}})
	histogram.Observe(0.5)
	summary := prometheus.NewSummary(prometheus.SummaryOpts{Name: "pause_seconds", Help: "h", Objectives: map[float64]float64{0.5: 0.1}})
	summary.Observe(3)
	r.MustRegister(gauge, counter, histogram, summary)
	return r
}

// pushing runs a push every minute in a bubble.
func pushing(t *testing.T, test func(r *receiver, push *agent.Push, log *lockedBuffer)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r, log := &receiver{status: 204}, &lockedBuffer{}
		push, err := agent.NewPush(agent.PushOptions{URL: "https://me:s3cret@metrics.example/api/v1/write/?key=s3cret", Every: time.Minute, Metrics: figures(), Instance: "till-7", Version: "1.2.3",
			Log: slog.New(slog.NewTextHandler(log, nil)), Transport: inProcess{remote.NewWriteHandler(r, remote.MessageTypes{remote.WriteV1MessageType})}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- push.Run(ctx) }()
		test(r, push, log)
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if text := log.String() + push.Link().Wrong; strings.Contains(text, "s3cret") || strings.Contains(text, "stranger") {
			t.Errorf("got %q", text)
		}
	})
}

// inProcess calls a handler in the place of the network.
type inProcess struct{ http.Handler }

func (h inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	return rec.Result(), nil
}

func TestAPushSaysAllThatIsMeasured(t *testing.T) {
	t.Parallel()
	pushing(t, func(r *receiver, push *agent.Push, log *lockedBuffer) {
		begun := time.Now()
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		pushes := r.got()
		if len(pushes) != 2 {
			t.Fatalf("got %d pushes, want 2", len(pushes))
		}
		at := fmt.Sprintf("@%d", begun.Add(10*time.Second).UnixMilli())
		who := "instance=till-7 job=tillpost "
		want := []string{
			"__name__=done_total " + who + "7 " + at,
			"__name__=pause_seconds_sum " + who + "3 " + at,
			"__name__=pause_seconds_count " + who + "1 " + at,
			"__name__=pause_seconds " + who + "quantile=0.5 3 " + at,
			"__name__=took_seconds_sum " + who + "0.5 " + at,
			"__name__=took_seconds_count " + who + "1 " + at,
			"__name__=took_seconds_bucket " + who + "le=0.005 0 " + at,
			"__name__=took_seconds_bucket " + who + "le=1 1 " + at,
			"__name__=took_seconds_bucket " + who + "le=+Inf 1 " + at,
			"__name__=wait " + who + "source=main 2.5 " + at,
		}
		if !slices.Equal(pushes[0], want) {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(pushes[0], "\n"), strings.Join(want, "\n"))
		}
		if want := "me s3cret tillpost/1.2.3 /api/v1/write/?key=s3cret"; r.from != want {
			t.Errorf("got %q, want %q", r.from, want)
		}
		if got := push.Link(); !got.On || got.Fails != 0 || !got.Last.Equal(begun.Add(70*time.Second)) || log.String() != "" {
			t.Errorf("got %+v, log %s", got, log)
		}
	})
}

func TestAPushThatDoesNotGetThroughIsOneLineAndTheNextHasNewValues(t *testing.T) {
	t.Parallel()
	pushing(t, func(r *receiver, push *agent.Push, log *lockedBuffer) {
		for _, status := range []int{400, 429, 503} {
			r.is(status)
			time.Sleep(time.Minute)
			synctest.Wait()
			if got, want := push.Link().Wrong, fmt.Sprintf("the answer is %d %s", status, http.StatusText(status)); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		}
		if got := push.Link().Fails; got != 3 { // once each: nothing is tried again
			t.Errorf("got %d failures, want 3", got)
		}
		r.is(204)
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := push.Link(); got.Wrong != "" || got.Fails != 3 || len(r.got()) != 1 {
			t.Errorf("got %+v, %d pushes", got, len(r.got()))
		}
		if text := log.String(); strings.Count(text, "\n") != 2 || !strings.Contains(text, "metrics can be pushed again\" failures=3 lasted=3m0s") {
			t.Errorf("got %s", text)
		}
	})
}

func TestAPushSaysWhatIsNotThereAnyMore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, registry := &receiver{status: 204}, prometheus.NewRegistry()
		problems := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "problem", Help: "h"}, []string{"problem"})
		registry.MustRegister(problems)
		problems.WithLabelValues("token").Set(1)
		push, err := agent.NewPush(agent.PushOptions{URL: "https://metrics.example/write", Every: 10 * time.Second, Metrics: registry, Instance: "till-7", Version: "1",
			Log: slog.New(slog.DiscardHandler), Transport: inProcess{remote.NewWriteHandler(r, remote.MessageTypes{remote.WriteV1MessageType})}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- push.Run(ctx) }()
		time.Sleep(11 * time.Second)
		problems.Reset()
		problems.WithLabelValues("disk").Set(1)
		r.is(503) // the next does not get through, and the one after it says so
		time.Sleep(10 * time.Second)
		r.is(204)
		time.Sleep(20 * time.Second)
		synctest.Wait()
		const of = "__name__=problem instance=till-7 job=tillpost problem="
		var got []string
		for _, push := range r.got() {
			for _, series := range push {
				text, _, _ := strings.Cut(series, " @")
				got = append(got, text)
			}
		}
		if want := []string{of + "token 1", of + "disk 1", of + "token stale", of + "disk 1"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestAPushOverARealConnection(t *testing.T) {
	t.Parallel()
	good := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.CopyN(w, zeros{}, 10<<20) // whoever calls does not read it all
	}))
	defer good.Close()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	moved := httptest.NewServer(http.RedirectHandler(good.URL, http.StatusTemporaryRedirect))
	defer moved.Close()
	stranger := httptest.NewUnstartedServer(http.NotFoundHandler())
	stranger.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	stranger.StartTLS()
	defer stranger.Close()
	old := httptest.NewUnstartedServer(http.NotFoundHandler())
	old.Config.ErrorLog, old.TLS = stranger.Config.ErrorLog, &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	old.StartTLS()
	defer old.Close()
	for url, want := range map[string]string{
		good.URL:                     "",
		gone.URL:                     "no connection",
		moved.URL:                    "the answer is 307 Temporary Redirect, a redirect, which is not followed",
		stranger.URL:                 "no connection: its certificate does not hold",
		old.URL:                      "the connection broke off, or never came about",
		"https://nosuchhost.invalid": "no connection: there is no such host",
	} {
		push, err := agent.NewPush(agent.PushOptions{URL: url + "/s3cret", Every: time.Millisecond, Metrics: figures(), Instance: "till-7", Version: "1", Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- push.Run(ctx) }()
		var got dashboard.Link
		if !testkit.Within(10*time.Second, func() bool { got = push.Link(); return got.Fails > 0 || !got.Last.IsZero() }) || !strings.HasPrefix(got.Wrong, want) || want == "" && got.Wrong != "" {
			t.Errorf("%s: got %+v, want %q", url, got, want)
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func TestAPushThatIsNotAnsweredIsGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &callee{begun: time.Now(), status: 200, wait: time.Hour}
		push, err := agent.NewPush(agent.PushOptions{URL: "https://metrics.example/write", Every: time.Minute, Metrics: figures(), Version: "1", Log: slog.New(slog.DiscardHandler), Transport: c})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- push.Run(ctx) }()
		time.Sleep(2 * time.Minute)
		c.want(t, "10 /write", "70 /write")
		if got := push.Link(); got.Wrong != "no answer in time" || got.Fails != 2 {
			t.Errorf("got %+v", got)
		}
		time.Sleep(15 * time.Second) // in the middle of the third
		stop()
		if err := <-done; err != nil || push.Link().Fails != 2 {
			t.Errorf("got %v, %+v", err, push.Link())
		}
	})
}

package dashboard_test

import (
	"bufio"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tillpost/dashboard"
	"tillpost/testkit"
)

// stream is what a browser gets that follows a page.
type stream struct {
	header http.Header
	status int
	cancel context.CancelFunc
	ended  chan struct{}

	mu   sync.Mutex
	body strings.Builder
}

func (s *stream) Header() http.Header    { return s.header }
func (s *stream) WriteHeader(status int) { s.status = status }
func (s *stream) Flush()                 {}

func (s *stream) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.body.Write(p)
}

// text is what has come so far.
func (s *stream) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.body.String()
}

// follow follows a page, until its first event has come or it was refused.
func follow(t *testing.T, p http.Handler, cookie string) *stream {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	s := &stream{header: http.Header{}, cancel: cancel, ended: make(chan struct{})}
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/events", nil)
	r.Header.Set("Cookie", cookie)
	go func() {
		defer close(s.ended)
		p.ServeHTTP(s, r)
	}()
	t.Cleanup(func() {
		cancel()
		<-s.ended
	})
	if !testkit.Within(10*time.Second, func() bool { return s.text() != "" }) {
		t.Fatal("no event has come")
	}
	return s
}

func TestAStreamTellsWhatChangedAndThatItIsAlive(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(time.Now())
		p := newPage(t, d)
		cookie, form := enter(t, p)
		with, without := follow(t, p, cookie), follow(t, p, "")
		if !strings.HasPrefix(with.text(), "event: live\ndata: ") || !strings.Contains(with.text(), "stock-0412") || strings.Contains(without.text(), "stock-0412") {
			t.Errorf("got %s", with.text())
		}
		_, before := d.counts()
		time.Sleep(14 * time.Second)
		if _, asked := d.counts(); asked-before > 2*15 {
			t.Errorf("the agent was asked %d times in 14 s", asked-before)
		}
		if got := strings.Count(with.text(), "event: "); got != 1 {
			t.Errorf("got %d events where nothing has changed", got)
		}
		time.Sleep(2 * time.Second)
		if !strings.Contains(with.text(), "\n: still here\nevent: beat\n") {
			t.Error("it does not say that it is alive")
		}
		d.edit(func(d *desk) { d.status.Pending = 31337 })
		time.Sleep(2 * time.Second)
		if !strings.Contains(with.text(), "31,337") || !strings.Contains(without.text(), "31,337") {
			t.Error("the change has not come")
		}
		press(t, p, cookie, form, "/leave", nil)
		time.Sleep(2 * time.Second)
		if last := with.text(); !strings.Contains(last[strings.LastIndex(last, "event: live"):], `id="locked"`) {
			t.Error("the stream goes on as with a session that was left")
		}
	})
}

func TestNobodyIsAskedOnceNobodyLooks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(time.Now())
		p := newPage(t, d)
		one, two, three := follow(t, p, ""), follow(t, p, ""), follow(t, p, "")
		_, before := d.counts()
		time.Sleep(10 * time.Second)
		if _, asked := d.counts(); asked-before < 8 || asked-before > 12 {
			t.Errorf("three look for 10 s: the agent was asked %d times, want once a second", asked-before)
		}
		one.cancel()
		two.cancel()
		synctest.Wait()
		<-one.ended
		<-two.ended
		p.Close()
		<-three.ended
		_, before = d.counts()
		time.Sleep(time.Hour)
		if _, asked := d.counts(); asked != before {
			t.Errorf("the agent was asked %d times while nobody looks", asked-before)
		}
	})
}

func TestListsThatTakeLongAreReadMoreSeldom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(time.Now())
		d.takes = 2 * time.Second
		p := newPage(t, d)
		cookie, _ := enter(t, p)
		follow(t, p, cookie)
		for range 200 {
			d.edit(func(d *desk) { d.status.Dead++ })
			time.Sleep(time.Second)
		}
		d.edit(func(d *desk) {
			if d.grouped > 7 {
				t.Errorf("lists that take 2 s were read %d times in 200 s, want every 40 s at the most", d.grouped)
			}
		})
	})
}

func TestAtMostEightWithoutASessionLookOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPage(t, newDesk(time.Now()))
		var list []*stream
		for range 8 {
			list = append(list, follow(t, p, ""))
		}
		if s := follow(t, p, ""); s.status != http.StatusServiceUnavailable || s.header.Get("Retry-After") == "" {
			t.Errorf("the ninth: got %d", s.status)
		}
		cookie, _ := enter(t, p)
		if s := follow(t, p, cookie); s.status != 0 {
			t.Errorf("one with a session, whom those without keep out: got %d", s.status)
		}
		list[3].cancel()
		<-list[3].ended
		if s := follow(t, p, ""); s.status != 0 {
			t.Errorf("after one has gone: got %d", s.status)
		}
	})
}

func TestAtMostTwoLongListsAreReadAtATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(time.Now())
		p := newPage(t, d)
		cookie, _ := enter(t, p)
		slow := make(chan struct{})
		d.edit(func(d *desk) { d.slow = slow })
		var wait sync.WaitGroup
		for range 2 {
			wait.Go(func() { get(t, p, "/dead.csv", "Cookie", cookie) })
		}
		synctest.Wait()
		for _, path := range []string{"/dead.csv", "/rejects.csv", "/why?code=1"} {
			answer := ask(t, p, http.MethodGet, path, "", "Cookie", cookie)
			if answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") == "" {
				t.Errorf("%s: got %d, want 503", path, answer.StatusCode)
			}
		}
		time.Sleep(2 * time.Second)
		if status, body := get(t, p, "/", "Cookie", cookie); status != http.StatusOK || !strings.Contains(body, "Others read long lists") {
			t.Errorf("the page: got %d", status)
		}
		close(slow)
		wait.Wait()
		if status, _ := get(t, p, "/why?code=1", "Cookie", cookie); status != http.StatusOK {
			t.Errorf("got %d", status)
		}
	})
}

func TestAStreamOverARealConnection(t *testing.T) {
	t.Parallel()
	d := newDesk(time.Now())
	server := httptest.NewUnstartedServer(nil)
	page := dashboard.New(dashboard.Options{Address: server.Listener.Addr().String(), Status: d.Status, Desk: func() dashboard.Desk { return d }})
	server.Config.Handler = page
	server.Config.ReadTimeout, server.Config.WriteTimeout = 500*time.Millisecond, 500*time.Millisecond // as a careful server has
	server.Start()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := server.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, 1<<20)
	until := func(want string) {
		t.Helper()
		for lines.Scan() {
			if strings.Contains(lines.Text(), want) {
				return
			}
		}
		t.Fatalf("the stream ended before %q: %v", want, lines.Err())
	}
	until("412")
	for _, n := range []int64{1111, 2222, 3333} { // longer than the server's time-outs
		d.edit(func(d *desk) { d.status.Pending = n })
		until(string(rune('0'+n/1000)) + ",")
	}
	page.Close()
	for lines.Scan() {
	}
	if err := lines.Err(); err != nil {
		t.Errorf("the stream does not end well: %v", err)
	}
	server.Close() // waits for the requests
}

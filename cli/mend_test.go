package cli

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tillpost/mockapi"
	"tillpost/outbox"
	"tillpost/testkit"
)

// upcOf is the valid UPC of a product's number.
func upcOf(n int) string {
	digits := fmt.Sprintf("%011d", 84_963_000_000+n)
	sum := 0
	for i, c := range digits {
		sum += int(c-'0') * (3 - 2*(i%2))
	}
	return digits + fmt.Sprint((10-sum%10)%10)
}

// stockOf is an export of store 3, and what the API is to hold after it.
func stockOf(n int, of func(i int) int) (text string, want map[string]int64) {
	var b strings.Builder
	b.WriteString("Store,UPC,Qty\n")
	want = map[string]int64{}
	for i := range n {
		fmt.Fprintf(&b, "3,%s,%d\n", upcOf(i), of(i))
		want[upcOf(i)] = int64(of(i))
	}
	return b.String(), want
}

// holds are the quantities of the store's API.
func (s *store) holds() map[string]int64 {
	got := map[string]int64{}
	for k, q := range s.api.Quantities() {
		got[k.UPC] = q
	}
	return got
}

func (s *store) data(name string) string { return filepath.Join(s.dir, "data", name) }

// mark marks the outbox as one that was not closed in order.
func (s *store) mark() { s.write("data/outbox.open", "") }

func (s *store) aside() []string {
	s.t.Helper()
	list, err := outbox.Aside(filepath.Join(s.dir, "data"))
	if err != nil {
		s.t.Fatal(err)
	}
	return list
}

func (s *store) bytesOf(name string) []byte {
	s.t.Helper()
	data, err := os.ReadFile(s.data(name))
	if err != nil {
		s.t.Fatal(err)
	}
	return data
}

// delivers runs the agent until the API holds what it should, does more with it, and ends it.
func (s *store) delivers(want map[string]int64, more func(log *buffer)) (log *buffer) {
	s.t.Helper()
	_, log, stop := start(s.t, "run", "--config", s.config)
	s.eventuallyHolds(log, want)
	if more != nil {
		more(log)
	}
	if code := stop(); code != statusDone {
		s.t.Errorf("run: got %d, want 0; its log:\n%s", code, log)
	}
	for _, v := range s.api.Check() {
		s.t.Errorf("the API was told wrongly: %s", v)
	}
	return log
}

func (s *store) eventuallyHolds(log *buffer, want map[string]int64) {
	s.t.Helper()
	if !testkit.Within(time.Minute, func() bool { return maps.Equal(s.holds(), want) }) {
		s.t.Fatalf("after a minute the API holds %d of %d quantities; the log:\n%s", len(s.holds()), len(want), log)
	}
}

func TestAHealthyOutboxOutlivesAnUncleanStop(t *testing.T) { // promise 1: it is never set aside
	t.Parallel()
	w := newTills(t, 50)
	s := w.again(t)
	s.mark()
	log := s.delivers(changed(w), func(*buffer) {})
	if strings.Contains(log.String(), "level=ERROR") || strings.Contains(log.String(), "level=WARN") || len(s.aside()) > 0 {
		t.Errorf("its log:\n%s", log)
	}
	if _, err := os.Stat(s.data("outbox.open")); err == nil {
		t.Error("the mark outlives the end in order")
	}
}

// changed is what the second export has changed.
func changed(w *tills) map[string]int64 {
	want := maps.Clone(w.want)
	maps.DeleteFunc(want, func(upc string, q int64) bool { return w.delivered[upc] == q })
	return want
}

func TestStatusAndCheckTellOfADamagedOutbox(t *testing.T) { // promise 11, I21
	t.Parallel()
	s := newTills(t, 20).again(t)
	data := s.bytesOf("outbox.db")
	clear(data[2*os.Getpagesize():])
	if err := os.WriteFile(s.data("outbox.db"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"status", "check"} {
		out, errs, code := s.run(command)
		if code != statusFailed || !strings.Contains(out+errs, "damaged") || !strings.Contains(out+errs, "sets the damaged outbox aside by itself") {
			t.Errorf("%s: got %d, %q, %q; want that it is damaged, and what to do", command, code, out, errs)
		}
	}
	out, errs, code := s.run("sync")
	if code != statusDone || !strings.Contains(out, "20 updates delivered") {
		t.Errorf("sync: got %d, %q, %q; want all delivered anew", code, out, errs)
	}
	if out, _, code := s.run("status"); code != 0 || !strings.Contains(out, "made anew ") || !strings.Contains(out, "outbox.db.damaged-") {
		t.Errorf("status: got %d, %q; want that the outbox was made anew", code, out)
	}
	if out, _, code := s.run("status", "--json"); code != 0 || !strings.Contains(out, `"rebuilt":{"at":"`) {
		t.Errorf("status --json: got %d, %q; want that the outbox was made anew", code, out)
	}
	if out, _, code := s.run("check"); code != 0 || !strings.Contains(out, "warning  outbox") || !strings.Contains(out, "was damaged and set aside") {
		t.Errorf("check: got %d, %q; want a warning", code, out)
	}
	if err := os.Remove(s.aside()[0]); err != nil {
		t.Fatal(err)
	}
	if out, _, code := s.run("check"); code != 0 || !strings.Contains(out, "ok       outbox") {
		t.Errorf("check: got %d, %q; want that all is well", code, out)
	}
}

func TestHeldExportsAndAPauseOutliveTheDamage(t *testing.T) { // promises 10 and 11
	t.Parallel()
	for _, c := range []struct {
		name string
		harm func(s *store) error
	}{
		{"damaged", func(s *store) error {
			data := s.bytesOf("outbox.db")
			clear(data[2*os.Getpagesize():])
			return os.WriteFile(s.data("outbox.db"), data, 0o600)
		}},
		{"nothing left", func(s *store) error { return os.WriteFile(s.data("outbox.db"), nil, 0o600) }},
		{"deleted", func(s *store) error { return os.Remove(s.data("outbox.db")) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newStore(t, mockapi.Options{})
			good, want := stockOf(100, func(i int) int { return 1 + i%9 })
			s.write("pos/stock-1.csv", good)
			bad, _ := stockOf(100, func(i int) int { return 0 * i })
			s.delivers(want, func(log *buffer) {
				s.write("pos/stock-2.csv", bad)
				eventually(t, "the second is held", func() bool { return strings.Contains(log.String(), "export held") })
			})
			if err := c.harm(s); err != nil {
				t.Fatal(err)
			}
			s.mark()
			s.api.Reset()
			_, log, stop := start(t, "run", "--config", s.config)
			s.eventuallyHolds(log, want)
			st, ok := s.status()
			if !ok || st.Held != 1 || st.Rebuilt == nil {
				t.Errorf("got %+v, want one that is held, in a new outbox; the log:\n%s", st, log)
			}
			// The same bytes under another name are no first export either.
			s.write("pos/stock-3.csv", bad)
			eventually(t, "they are held too", func() bool { return strings.Contains(log.String(), "export held") })
			if code := stop(); code != statusDone {
				t.Errorf("run: got %d; its log:\n%s", code, log)
			}
			if got := s.holds(); !maps.Equal(got, want) {
				t.Errorf("the API holds something else than what was good; the log:\n%s", log)
			}
		})
	}
}

func TestAPauseOutlivesTheDamage(t *testing.T) { // promise 11
	t.Parallel()
	s := newTills(t, 400).again(t)
	if out, errs, code := s.run("pause"); code != 0 {
		t.Fatalf("pause: got %d, %q, %q", code, out, errs)
	}
	data := s.bytesOf("outbox.db")
	page := os.Getpagesize()
	harmed := 0
	for n := 2; n < len(data)/page; n++ { // the leaves with the records
		if b := data[n*page : (n+1)*page]; binary.NativeEndian.Uint16(b[8:]) == 2 && bytes.Contains(b, []byte(upcOf(7))) {
			clear(b)
			harmed++
		}
	}
	if err := os.WriteFile(s.data("outbox.db"), data, 0o600); err != nil || harmed == 0 {
		t.Fatal(harmed, err)
	}
	s.mark()
	_, log, stop := start(t, "run", "--config", s.config)
	eventually(t, "the new outbox waits", func() bool {
		st, ok := s.status()
		return ok && st.State == "paused" && st.Pending == 400 && st.Rebuilt != nil && st.Delivered == 400
	})
	if n := s.api.Counters().Requests; n > 0 {
		t.Errorf("%d requests left in spite of the pause", n)
	}
	if code := stop(); code != statusDone {
		t.Errorf("run: got %d; its log:\n%s", code, log)
	}
}

func TestTheMenderNeverHurries(t *testing.T) { // B7, D7
	t.Parallel()
	m := &mender{}
	now := time.Now()
	var list []string
	for range 10 {
		list = append(list, m.pause(now, true).String())
	}
	if want := "[1s 2s 4s 1m0s 2m0s 4m0s 8m0s 16m0s 30m0s 30m0s]"; fmt.Sprint(list) != want {
		t.Errorf("damaged: got %v, want %s", list, want)
	}
	if p := m.pause(now.Add(2*time.Hour), true); p != time.Second {
		t.Errorf("two hours later: got %v, want 1s", p)
	}
	m, list = &mender{}, nil
	for range 9 {
		list = append(list, m.pause(now, false).String())
	}
	if want := "[1s 2s 4s 8s 16s 32s 1m0s 1m0s 1m0s]"; fmt.Sprint(list) != want {
		t.Errorf("cannot be opened: got %v, want %s", list, want)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if m.again(ctx, outbox.ErrDamaged, nil) {
		t.Error("it goes on though the agent is to end")
	}
}

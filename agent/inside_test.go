package agent

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"tillpost/api"
	"tillpost/config"
	"tillpost/dashboard"
	"tillpost/inventory"
	"tillpost/outbox"
	"tillpost/watcher"
)

// newTestDrain is a drain without goroutines: what it decides is looked at.
func newTestDrain(log *slog.Logger) *drain {
	a := &Agent{log: log, wake: make(chan struct{}, 1), quiet: make(chan struct{}, 1), limiter: rate.NewLimiter(rate.Inf, 1),
		tokens: keepToken(func() (string, error) { return "t", nil }, log)}
	a.opts.Config = &config.Config{API: config.API{Rate: 5, Concurrency: 4, RetryMin: time.Second, RetryMax: 5 * time.Minute}}
	return newDrain(a)
}

func TestAWakeUpThatComesWhileTheClerkWorksIsNotLost(t *testing.T) {
	t.Parallel()
	d := newTestDrain(slog.New(slog.DiscardHandler))
	d.more = false
	d.turning = true // the clerk has looked, and found nothing
	d.more = true    // something was queued, and woke the drain
	if err := d.accept(turn{order: order{n: 5}}); err != nil {
		t.Fatal(err)
	}
	if !d.more {
		t.Error("the drain sleeps, though it was woken")
	}
}

func TestAFullDiskIsWaitedForWithoutABusyLoop(t *testing.T) { // D4
	t.Parallel()
	var text strings.Builder
	d := newTestDrain(slog.New(slog.NewTextHandler(&text, nil)))
	full := &outbox.FullError{Dir: "/data", Err: errors.New("no space")}
	failed := order{results: []outbox.Result{{Outcome: outbox.Acknowledged}}, n: 5}
	for range 3 {
		d.turning = true
		if err := d.accept(turn{order: failed, err: full}); err != nil {
			t.Fatal(err)
		}
		d.answered, d.since = []outbox.Result{{}}, time.Now().Add(-time.Minute) // an answer came meanwhile
		now := time.Now()
		if at := d.wakeAt(now, time.Time{}); at.Sub(now) < time.Second {
			t.Errorf("the drain looks again after %v, want the pause for the disk", at.Sub(now))
		}
		if ok, _ := d.pace.may(now, 0); ok {
			t.Error("something is sent, though no answer can be stored")
		}
		if len(d.retry.results) != 1 {
			t.Error("the answers that could not be stored are lost")
		}
	}
	d.turning = true
	if err := d.accept(turn{order: failed}); err != nil {
		t.Fatal(err)
	}
	if ok, _ := d.pace.may(time.Now(), 0); !ok {
		t.Error("nothing is sent, though answers can be stored")
	}
	if n := strings.Count(text.String(), "cannot be stored"); n != 1 {
		t.Errorf("it was told %d times, want once", n)
	}
}

func TestWhileAnExportIsAppliedWhatIsDueIsNotAskedForAgainAndAgain(t *testing.T) {
	t.Parallel()
	d := newTestDrain(slog.New(slog.DiscardHandler))
	d.more, d.turning = false, true
	if err := d.accept(turn{order: order{n: 5}, due: time.Now().Add(-time.Minute)}); err != nil {
		t.Fatal(err)
	}
	if now := time.Now(); d.more || d.wakeAt(now, time.Time{}).Sub(now) < heldPause/2 {
		t.Error("the drain asks again at once")
	}
}

func TestTheWaitGrowsAndStaysWithinItsBounds(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		least, most time.Duration
		n           int
		atMost      time.Duration
	}{
		{time.Second, 5 * time.Minute, 1, time.Second},
		{time.Second, 5 * time.Minute, 4, 8 * time.Second},
		{time.Second, 5 * time.Minute, 1_000_000_000, 5 * time.Minute},
		{time.Hour, 1 << 62, 1_000_000_000, 1 << 62},
		{10 * time.Minute, 30 * time.Second, 3, 30 * time.Second},
		{1, 1, 5, 1},
	} {
		p := &pace{a: &Agent{chance: rand.New(rand.NewPCG(1, 2))}}
		for range 100 {
			if got := p.jitter(x.least, x.most, x.n); got <= 0 || got > x.atMost || got < min(x.least, x.most)/10 {
				t.Fatalf("jitter(%v, %v, %d): got %v", x.least, x.most, x.n, got)
			}
		}
	}
}

func TestATroubleIsOneLineOfEachKind(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	tr := trouble{log: slog.New(slog.NewTextHandler(&text, nil))}
	for range 100 {
		tr.begin("this", errors.New("x"))
		tr.begin("that", errors.New("x"))
	}
	tr.end("over")
	tr.end("over")
	tr.begin("this", errors.New("x"))
	if n := strings.Count(text.String(), "\n"); n != 4 || !strings.Contains(text.String(), "failures=200") {
		t.Errorf("got %d lines:\n%s", n, &text)
	}
}

func TestADenialCountsAsTheKeysOwnOnlyWhereALaterRequestPassed(t *testing.T) { // I13
	t.Parallel()
	key := inventory.Key{Store: "3", UPC: "849632048260"}.Encode()
	other := inventory.Key{Store: "3", UPC: "036000291452"}.Encode()
	noon := time.Now()
	forbidden := api.Answer{Verdict: api.TokenBad, Status: 403}
	for name, x := range map[string]struct {
		passed time.Duration // when the other request left, after the first that was denied; <0 = before it
		want   outbox.Outcome
	}{
		"one that left after it":  {time.Second, outbox.Refused},
		"one that left before it": {-time.Second, outbox.Unsent},
	} {
		d := newTestDrain(slog.New(slog.DiscardHandler))
		d.pace.judge(answered{lease: &outbox.Lease{Key: key}, answer: forbidden, sent: noon}, noon)
		d.pace.judge(answered{lease: &outbox.Lease{Key: other}, answer: api.Answer{Verdict: api.Acknowledged}, sent: noon.Add(x.passed)}, noon.Add(time.Minute))
		r, _ := d.pace.judge(answered{lease: &outbox.Lease{Key: key}, answer: forbidden, sent: noon.Add(2 * time.Minute)}, noon.Add(2*time.Minute))
		if r.Outcome != x.want {
			t.Errorf("%s: got %v, want %v", name, r.Outcome, x.want)
		}
	}
}

// TestAnExportKeepsTheRankThatItHadWhenItArrived: it waits for room on the disk, or for the right to read it, and what came
// later is read before it.
func TestAnExportKeepsTheRankThatItHadWhenItArrived(t *testing.T) { // promise 8, I6
	t.Parallel()
	box, err := outbox.Open(t.TempDir(), outbox.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer box.Close()
	s := &source{a: &Agent{box: box}, ranks: map[string]arrival{}}
	now := time.Now()
	file := func(name string, at time.Time) watcher.File {
		return watcher.File{Name: name, Stat: watcher.Stat{Size: 9, Modified: at.UnixNano(), Changed: at.UnixNano(), Index: 7}, Arrived: at}
	}
	older, newer := file("2.csv", now), file("3.csv", now.Add(9*time.Second))
	for _, look := range []watcher.Look{{Files: []watcher.File{older}, At: now}, {Files: []watcher.File{newer}, At: newer.Arrived}} {
		if err := s.arrive(look); err != nil {
			t.Fatal(err)
		}
	}
	late := now.Add(time.Minute)
	last := s.rank(newer, nil, late)
	older.Changed++ // somebody was given the right to read it
	if first := s.rank(older, nil, late); first >= last {
		t.Errorf("got %d for what arrived first and %d for what came after it", first, last)
	}
}

func TestADrainThatHangsHasNoPulse(t *testing.T) { // P10
	t.Parallel()
	d := newTestDrain(slog.New(slog.DiscardHandler))
	d.a.pulses = make(chan chan<- error)
	d.a.life.Store(&life{begun: time.Now()})
	d.a.drains.Store(true) // and nobody answers
	ctx, cancel := context.WithTimeoutCause(t.Context(), 10*time.Millisecond, errors.New("too late"))
	defer cancel()
	if err := d.a.Pulse(ctx); err == nil || !strings.Contains(err.Error(), "too late") {
		t.Errorf("got %v of a loop that does not answer, want why", err)
	}
	now := time.Now()
	d.turning, d.turnedAt = true, now.Add(-stuckTurn)
	if err := d.pulse(now); err != nil {
		t.Errorf("got %v of a clerk that is slow, want a pulse", err)
	}
	if err := d.pulse(now.Add(time.Second)); err == nil {
		t.Error("got a pulse of a clerk that has hung for longer")
	}
	if d.turning = false; d.pulse(now.Add(time.Hour)) != nil {
		t.Error("got none of a clerk that has nothing to do")
	}
	d.a.drains.Store(false)
	for name, l := range map[string]*life{
		"begins for ever": {begun: now.Add(-longOpening - time.Minute)},
		"ends for ever":   {begun: now.Add(-time.Hour), ending: now.Add(-longEnd - time.Minute)},
	} {
		d.a.life.Store(l)
		if d.a.Pulse(t.Context()) == nil {
			t.Errorf("got a pulse of an agent that %s", name)
		}
	}
	for name, l := range map[string]*life{
		"begins":     {begun: now.Add(-longOpening / 2)},
		"ends":       {begun: now.Add(-time.Hour), ending: now.Add(-longEnd / 2)},
		"is no more": nil,
	} {
		d.a.life.Store(l)
		if err := d.a.Pulse(t.Context()); err != nil {
			t.Errorf("got %v of an agent that %s", err, name)
		}
	}
}

func TestAnExportThatIsOpenElsewhereNeedsSomebodyOnlyWhereThatLasts(t *testing.T) { // W19
	t.Parallel()
	for since, want := range map[time.Duration]dashboard.Grade{time.Second: dashboard.Waits, 5 * time.Minute: dashboard.Waits, 16 * time.Minute: dashboard.Needs} {
		if got := problem(badReading, "An export cannot", "", time.Now().Add(-since)).Grade; got != want {
			t.Errorf("after %v: got %v, want %v", since, got, want)
		}
	}
}

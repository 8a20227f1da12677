package agent

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"tillpost/inventory"
	"tillpost/outbox"
)

const (
	// flapMany is how often a product's quantity may pass from one source to another within a flapSpan: the newest
	// counts, whichever source it is of. More is flapping (I8): they contradict each other.
	flapMany = 3
	flapSpan = time.Hour
	// flapKeys is of how many products that is counted at once.
	flapKeys = 20_000
)

// flaps watches for products whose quantity goes back and forth between two sources. What it counts it forgets when the
// agent ends. It may be used by several goroutines.
type flaps struct {
	a *Agent

	mu    sync.Mutex                          // guards what follows
	turns map[string]*[flapMany + 1]time.Time // by encoded key: the last times that it has passed
	pairs map[[2]string]*flap                 // by the names of the sources, in order
}

// flap is two sources that contradict each other.
type flap struct {
	trouble trouble
	key     string    // for people: a product that shows it, and
	at      time.Time // when it did last
}

func newFlaps(a *Agent) *flaps {
	return &flaps{a: a, turns: map[string]*[flapMany + 1]time.Time{}, pairs: map[[2]string]*flap{}}
}

// count takes in which keys passed from one source to another in a look that was committed.
func (f *flaps) count(list []outbox.Handover, now time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, h := range list {
		if !f.turn(string(h.Key), now) {
			continue
		}
		from, err := f.a.box.SourceOf(h.From)
		if err != nil {
			return err
		}
		key, err := inventory.DecodeKey(h.Key)
		if err != nil || from == "" {
			continue
		}
		pair := [2]string{min(from, h.To), max(from, h.To)}
		p := f.pairs[pair]
		if p == nil {
			p = &flap{trouble: trouble{log: f.a.log.With("source", pair[0], "other", pair[1]), below: aWarning}}
			f.pairs[pair] = p
		}
		p.key, p.at = key.String(), now
		p.trouble.begin("two sources contradict each other: a product's quantity goes back and forth between them, the newest counts",
			fmt.Errorf("more than %d times within an hour", flapMany), "key", p.key)
	}
	return nil
}

// turn notes that a key passes now, and reports whether that is flapping.
func (f *flaps) turn(key string, now time.Time) bool {
	t := f.turns[key]
	if t == nil {
		if len(f.turns) >= flapKeys {
			f.sweep(now)
		}
		if len(f.turns) >= flapKeys {
			return false
		}
		t = &[flapMany + 1]time.Time{}
		f.turns[key] = t
	}
	copy(t[:], t[1:])
	t[flapMany] = now
	return now.Sub(t[0]) <= flapSpan
}

// sweep forgets keys that have not passed for long.
func (f *flaps) sweep(now time.Time) {
	for key, t := range f.turns {
		if now.Sub(t[flapMany]) > flapSpan {
			delete(f.turns, key)
		}
	}
}

// look notes what is over.
func (f *flaps) look(now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for pair, p := range f.pairs {
		if now.Sub(p.at) > flapSpan {
			p.trouble.end("two sources do not contradict each other any more")
			delete(f.pairs, pair)
		}
	}
}

// problem says for the status which source a source contradicts, the one that it did last; "" = none.
func (f *flaps) problem(source string) (text string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var last time.Time
	for pair, p := range f.pairs {
		if i := slices.Index(pair[:], source); i >= 0 && p.at.After(last) {
			last = p.at
			text = fmt.Sprintf("it contradicts the source %s: %s went back and forth between them more than %d times within an hour",
				pair[1-i], p.key, flapMany)
		}
	}
	return text
}

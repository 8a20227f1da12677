package outbox_test

import (
	"slices"
	"time"

	"tillpost/outbox"
)

// canary asks for a key that tells whether the API takes anything.
func (w *world) canary() {
	l, ok, err := w.box.Canary(w.now)
	w.must(err)
	if w.half {
		if ok || l != nil {
			w.Fatalf("got the canary %+v, %t, before what was accepted is applied", l, ok)
		}
		return
	}
	might := w.mightSing()
	if !ok || (l != nil) != (len(might) > 0) {
		w.Fatalf("got the canary %+v, %t, they may be %v", l, ok, might)
	}
	if l == nil {
		return
	}
	name := nameOf(l.Key)
	k := w.key(name)
	if !slices.Contains(might, name) || !l.Canary || l.Again || l.Known != (k.acked != nil) || l.Ledger == k.pending {
		w.Fatalf("key %s is handed out as a canary: %+v, they may be %v", name, l, might)
	}
	for _, other := range might {
		if w.keys[other].sung() < k.sung() {
			w.Fatalf("the canary is %s, %s is a better one", name, other)
		}
	}
	f := &flight{lease: l, key: name, rev: k.rev, idle: !k.pending, idleRev: k.rev}
	if w.moment++; f.idle {
		k.pending, k.confirm, k.sings, k.since = true, true, true, w.moment
	}
	k.due = time.Time{}
	w.flights = append(w.flights, f)
}

// sung ranks canaries: the best has 0.
func (k *modelKey) sung() (rank int) {
	if k.pending {
		rank += 2
	}
	if k.acked == nil {
		rank += 2
	}
	if *k.wanted <= 0 {
		rank++
	}
	return rank
}

// mightSing are the keys that can be canaries.
func (w *world) mightSing() (names []string) {
	for name, k := range w.keys {
		flies := slices.ContainsFunc(w.flights, func(f *flight) bool { return f.key == name })
		switch {
		case flies || k.dead || k.wanted == nil || k.confirm && !k.due.IsZero():
		case k.pending || same(k.acked, k.wanted):
			names = append(names, name)
		}
	}
	return names
}

// stands is what becomes of a canary for which nothing waits: it is as before, unless it was acknowledged.
func (w *world) stands(k *modelKey, res *outbox.Result) {
	if res.Outcome != outbox.Acknowledged {
		k.pending, k.confirm, k.sings, k.dead, k.tries, k.due = false, false, false, false, 0, time.Time{}
	}
}

// waitAgain lets what was refused lately wait again.
func (w *world) waitAgain() {
	if w.chance("all refused", 2) {
		w.allRefused()
	}
	since := w.now.Add(-time.Duration(w.draw("since", 0, 120)) * time.Second)
	want := 0
	for _, k := range w.keys {
		again := !w.half && k.dead && k.due.IsZero()
		if w.half || !k.dead || again || k.tries > 1 || k.refused.Before(since) {
			continue
		}
		want++
		k.dead, k.pending, k.tries, k.due, k.since = false, true, 0, time.Time{}, w.moment
	}
	if w.half {
		return
	}
	n, err := w.box.WaitAgain(since, w.now)
	w.must(err)
	w.moment++
	if int(n) != want {
		w.Fatalf("%d dead letters wait again, want %d", n, want)
	}
}

package outbox_test

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"tillpost/inventory"
	"tillpost/outbox"
)

// takeOne lets a request leave.
func (w *world) takeOne() {
	for _, f := range w.flights {
		if !f.taken && !w.half {
			w.take(f)
			return
		}
	}
}

// take must give the newest quantity: promise 3.
func (w *world) take(f *flight) {
	k := w.key(f.key)
	f.taken, f.rev = true, k.rev
	f.quantity = w.box.Take(f.lease)
	if f.quantity != *k.wanted {
		w.Fatalf("key %s: %d is sent, want %d", f.key, f.quantity, *k.wanted)
	}
}

// turn answers some of what is in flight and asks for more.
func (w *world) turn() {
	if w.half {
		w.nothingComes()
		return
	}
	var results []outbox.Result
	w.flights = slices.DeleteFunc(w.flights, func(f *flight) bool {
		if w.chance("not answered yet", 3) {
			return false
		}
		results = append(results, w.answer(f))
		return true
	})
	w.turnWith(results, w.draw("n", 0, 4))
}

// answer decides what comes of a request.
func (w *world) answer(f *flight) outbox.Result {
	if !f.taken && w.chance("take", 2) {
		w.take(f)
	}
	if !f.taken {
		return w.comes(f, modelUnsent)
	}
	return w.comes(f, w.draw("outcome", modelRefused, modelDeliveredToo))
}

// What may come of a request.
const (
	modelUnsent = iota - 1
	modelRefused
	modelFailed
	modelFailedToo
	modelNobodyKnows
	modelDelivered
	modelDeliveredToo
)

// comes says what that makes of the key.
func (w *world) comes(f *flight, outcome int) outbox.Result {
	res := outbox.Result{Lease: f.lease}
	k := w.key(f.key)
	if f.idle && f.idleRev == k.rev {
		defer w.stands(k, &res)
	}
	same := f.rev == k.rev
	switch outcome {
	case modelUnsent:
		return res
	case modelRefused:
		w.errors++
		res.Outcome, res.Unknown, res.Status = outbox.Refused, true, 404
		if same {
			k.pending, k.confirm, k.sings, k.dead = false, false, false, true
			k.tries++
			k.refused = w.now
			k.due = w.now.Add(min(7*24*time.Hour, modelDeadRetry<<(k.tries-1)))
		}
	case modelFailed, modelFailedToo:
		w.errors++
		res.Outcome, res.Due = outbox.Failed, w.now.Add(time.Duration(w.draw("backoff", 0, 200))*time.Second)
		res.Doubt = w.chance("doubt", 2)
		if same {
			k.due = res.Due
		}
	case modelNobodyKnows:
		res.Doubt = w.chance("doubt", 2)
	default:
		res.Outcome = outbox.Acknowledged
		w.acknowledged(f, k, same)
	}
	if res.Doubt {
		w.unanswered(f)
	}
	return res
}

// allRefused has the API refuse all that it is sent, new or again.
func (w *world) allRefused() {
	w.retryDead()
	w.turnWith(nil, 2)
	var results []outbox.Result
	for _, f := range w.flights {
		if !f.taken {
			w.take(f)
		}
		results = append(results, w.comes(f, modelRefused))
	}
	w.flights = nil
	w.turnWith(results, 0)
}

func (w *world) acknowledged(f *flight, k *modelKey, same bool) {
	w.api[w.destination][f.key] = f.quantity
	w.delivered++
	w.proven = true
	k.acked = &f.quantity
	if !same {
		return
	}
	confirmed := k.confirm && !k.sings
	k.pending, k.dead, k.confirm, k.sings, k.tries = false, false, false, false, 0
	if confirmed { // what was sent before the quiet time has landed
		k.perhaps = false
		k.doubts = slices.DeleteFunc(k.doubts, func(d doubt) bool { return w.now.Sub(d.at) >= modelConfirm })
	}
	for _, d := range k.doubts {
		if d.quantity != f.quantity {
			k.perhaps = true
			k.confirm = k.confirm || w.now.Sub(d.at) < modelConfirm
		}
	}
}

// turnWith gives the results to the outbox and checks what it hands out.
func (w *world) turnWith(results []outbox.Result, n int) {
	leases, err := w.box.Turn(results, n, w.now)
	w.must(err)
	w.moment++
	for _, res := range results {
		if res.Outcome == outbox.Acknowledged {
			w.confirmation(nameOf(res.Lease.Key))
		}
	}
	if n == 0 {
		return
	}
	for _, k := range w.keys {
		if !k.due.IsZero() && !k.due.After(w.now) {
			k.due = time.Time{}
		}
	}
	ready := w.ready()
	if len(leases) != min(n, len(ready)) {
		w.Fatalf("got %d leases, want %d of %v", len(leases), min(n, len(ready)), ready)
	}
	for _, l := range leases {
		name := nameOf(l.Key)
		i := slices.Index(ready, name)
		if i < 0 {
			w.Fatalf("key %s is handed out, ready are %v", name, ready)
		}
		w.inOrder(name, ready)
		w.requests++
		if l.Known != (w.key(name).acked != nil) || l.Canary {
			w.Fatalf("key %s: got the lease %+v", name, l)
		}
		ready = slices.Delete(ready, i, i+1)
		w.flights = append(w.flights, &flight{lease: l, key: name, rev: w.key(name).rev})
		if l.Again != w.key(name).dead {
			w.Fatalf("key %s: got again %t, dead is %t", name, l.Again, w.key(name).dead)
		}
	}
}

// confirmation settles whether an acknowledged key waits to be sent once more: it must where a request with another
// quantity may still land, and may where the outbox cannot know better.
func (w *world) confirmation(name string) {
	k := w.key(name)
	if k.pending || k.dead {
		return
	}
	got, err := w.box.Lookup(modelBytes(name))
	w.must(err)
	if got.Confirm && k.perhaps {
		k.confirm = true
	}
	if k.confirm {
		k.pending, k.since, k.due = true, w.moment, w.now.Add(modelConfirm)
	}
}

// ready lists the keys that can be sent now.
func (w *world) ready() (names []string) {
	for _, name := range slices.Sorted(maps.Keys(w.keys)) {
		k := w.keys[name]
		flies := slices.ContainsFunc(w.flights, func(f *flight) bool { return f.key == name })
		if (k.pending || k.dead) && k.due.IsZero() && !flies {
			names = append(names, name)
		}
	}
	return names
}

// inOrder checks promise 9: name is handed out first of what is ready.
func (w *world) inOrder(name string, ready []string) {
	k := w.key(name)
	stocked := slices.ContainsFunc(ready, func(name string) bool { return w.keys[name].pending && w.keys[name].urgency() > 0 })
	for _, other := range ready {
		o := w.key(other)
		switch {
		case !w.proven && !k.dead && stocked && w.requests%2 == 0:
			if k.urgency() == 0 || o.urgency() > 0 && o.pending && o.outdoes(k) {
				w.Fatalf("request %d: nothing is acknowledged yet, and %s goes before what has stock, %s", w.requests, name, other)
			}
		case o.dead:
		case k.dead:
			w.Fatalf("the dead letter %s goes before %s", name, other)
		case w.proven && w.requests%4 == 3:
			if o.since < k.since {
				w.Fatalf("request %d: %s is not the oldest, %s is older", w.requests, name, other)
			}
		case o.outdoes(k):
			w.Fatalf("request %d: %s goes before %s", w.requests, name, other)
		}
	}
}

// outdoes reports whether k goes before o.
func (k *modelKey) outdoes(o *modelKey) bool {
	return k.urgency() < o.urgency() || k.urgency() == o.urgency() && k.since < o.since
}

func (k *modelKey) urgency() int {
	switch {
	case *k.wanted <= 0:
		return 0
	case k.acked != nil && *k.wanted < *k.acked:
		return 1
	}
	return 2
}

// drainAll acknowledges everything that waits, until nothing does, and compares the API with the truth.
func (w *world) drainAll() {
	w.resume()
	for range 1000 {
		var results []outbox.Result
		for _, f := range w.flights {
			if !f.taken {
				w.take(f)
			}
			w.acknowledged(f, w.key(f.key), f.rev == w.key(f.key).rev)
			results = append(results, outbox.Result{Lease: f.lease, Outcome: outbox.Acknowledged})
		}
		w.flights = nil
		w.turnWith(results, outbox.MaxLease)
		w.compare()
		if len(w.flights) > 0 {
			continue
		}
		at, ok, err := w.box.NextDue()
		w.must(err)
		if !ok {
			w.truth()
			return
		}
		w.advance(int(max(0, at.Sub(w.now).Seconds())) + 1)
	}
	w.Fatal("the drain does not come to an end")
}

func (w *world) truth() {
	w.land(func(zombie) bool { return true })
	s, err := w.box.Stats()
	w.must(err)
	if s.Pending != 0 || s.Dead != 0 {
		w.Fatalf("all is acknowledged: got %+v", s.Counters)
	}
	want := map[string]int64{}
	for name, k := range w.keys {
		if last := k.last(); last != nil {
			want[name] = *last
		} else if q, has := w.api[w.destination][name]; has && k.discarded {
			want[name] = q // it was acknowledged before the ledger was forgotten, and nothing is known of it since
		}
	}
	if got := w.api[w.destination]; !maps.Equal(got, want) {
		w.Fatalf("the API ends at %v, want %v", got, want)
	}
}

// nameOf is the name of an encoded key.
func nameOf(key []byte) string {
	k, err := inventory.DecodeKey(key)
	if err != nil {
		panic(fmt.Sprint(key, err))
	}
	return k.UPC
}

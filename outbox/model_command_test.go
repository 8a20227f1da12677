package outbox_test

import (
	"maps"
	"slices"
	"time"

	"tillpost/inventory"
	"tillpost/outbox"
)

// deadKeys are the keys of dead letters, and the ids that the outbox gives them.
func (w *world) deadKeys() (names, ids []string) {
	page, next, err := w.box.DeadLetters("", 1000)
	w.must(err)
	if next != "" {
		w.Fatal("there is another page")
	}
	for _, d := range page {
		names, ids = append(names, d.Key.UPC), append(ids, d.ID)
	}
	var want []string
	for name, k := range w.keys {
		if k.dead {
			want = append(want, name)
		}
	}
	if slices.Sort(want); !slices.Equal(slices.Sorted(slices.Values(names)), want) {
		w.Fatalf("got the dead letters %v, want %v", names, want)
	}
	return names, ids
}

// some picks one of the ids, or all.
func (w *world) some(names, ids []string) (_, picked []string) {
	if len(ids) == 0 || w.chance("all", 3) {
		return names, nil
	}
	i := w.draw("which", 0, len(ids)-1)
	return names[i : i+1], []string{ids[i], "00000000000000ff"}
}

func (w *world) acted(n int64, unknown []string, err error, names, ids []string) {
	w.must(err)
	if int(n) != len(names) || ids != nil && len(unknown) != 1 {
		w.Fatalf("got %d and the unknown %v, want %d and one", n, unknown, len(names))
	}
}

// retryDead asks for dead letters to be tried at once.
func (w *world) retryDead() {
	if w.half {
		w.resume()
	}
	names, ids := w.some(w.deadKeys())
	n, unknown, err := w.box.RetryDead(ids, w.now)
	w.acted(n, unknown, err, names, ids)
	for _, name := range names {
		w.keys[name].due = time.Time{}
	}
}

// discard forgets dead letters of which no request can land any more.
func (w *world) discard() {
	if w.half {
		w.resume()
	}
	names, ids := w.deadKeys()
	for i, name := range names {
		k := w.keys[name]
		if k.perhaps || len(k.doubts) > 0 || slices.ContainsFunc(w.flights, func(f *flight) bool { return f.key == name }) {
			continue
		}
		n, unknown, err := w.box.DiscardDead([]string{ids[i], "none"})
		w.acted(n, unknown, err, names[i:i+1], ids)
		k.wanted, k.dead, k.due, k.tries, k.export, k.discarded = nil, false, time.Time{}, 0, 0, true
		k.rev++
		return
	}
}

// resendSome puts one key back into the outbox.
func (w *world) resendSome() {
	names := slices.Sorted(maps.Keys(w.keys))
	if len(names) == 0 {
		return
	}
	if w.half {
		w.resume()
	}
	name := names[w.draw("key", 0, len(names)-1)]
	k := w.keys[name]
	n, err := w.box.ResendSome(w.Context(), func(known outbox.Known) bool { return known.Key == inventory.Key{Store: "3", UPC: name} })
	w.must(err)
	w.moment++
	if k.last() == nil {
		if n != 0 {
			w.Fatalf("%d keys are sent again, of one that nobody wants anything of", n)
		}
		return
	}
	if n != 1 {
		w.Fatalf("%d keys are sent again, want 1", n)
	}
	k.perhaps = k.perhaps || len(k.doubts) > 0
	k.wanted, k.acked, k.discarded = k.last(), nil, false
	w.wait(k)
}

// repeat makes some keys pending again, as resend_all does: the API has acknowledged them, and nothing waits for them.
func (w *world) repeat() {
	n, waits := w.draw("slice", 1, 3), false
	for name, k := range w.keys {
		waits = waits || k.pending && k.due.IsZero() && !slices.ContainsFunc(w.flights, func(f *flight) bool { return f.key == name })
	}
	rep, err := w.box.Repeat(time.Minute, n, w.now)
	w.must(err)
	w.moment++
	made := 0
	for name, k := range w.keys {
		if k.pending || k.dead || k.acked == nil || w.half {
			continue
		}
		known, err := w.box.Lookup(modelBytes(name))
		w.must(err)
		if !known.Pending {
			if rep.Ended && rep.Begun {
				w.Fatalf("key %s was left out of a round", name)
			}
			continue
		}
		made++
		k.perhaps = k.perhaps || len(k.doubts) > 0
		k.wanted, k.discarded = k.last(), false
		w.wait(k)
	}
	if made > n || made > 0 && waits {
		w.Fatalf("%d keys are sent once more, want %d at most, and none while another waits: %t", made, n, waits)
	}
}

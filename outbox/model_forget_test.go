package outbox_test

import (
	"errors"
	"maps"
	"slices"
	"time"

	"tillpost/outbox"
)

// forget lets more than 400 days pass and exports come, and forgets the keys at 0 that none has named since.
func (w *world) forget() {
	w.advance(401 * 24 * 3600)
	w.late = nil   // last rows came long ago
	clear(w.taken) // the records of exports are forgotten
	w.look()
	if w.half {
		w.resume()
	}
	n, err := w.box.ForgetKeys(w.Context(), w.now)
	w.must(err)
	limit := min(w.now.UnixNano(), int64(w.rank)) - 400*24*int64(time.Hour)
	for _, name := range slices.Sorted(maps.Keys(w.keys)) {
		k := w.keys[name]
		if k.wanted == nil && !k.discarded {
			continue // it was named, and never understood
		}
		_, err := w.box.Lookup(modelBytes(name))
		gone := errors.Is(err, outbox.ErrUnknown)
		if !gone {
			w.must(err)
		}
		flies := slices.ContainsFunc(w.flights, func(f *flight) bool { return f.key == name })
		over := !k.pending && !k.dead && !flies && (k.wanted == nil || *k.wanted == 0) && (k.acked == nil || *k.acked == 0)
		switch {
		case gone && (!over || int64(k.named) >= limit):
			w.Fatalf("key %s is forgotten: got %+v at the limit %d", name, *k, limit)
		case !gone && over && !k.perhaps && len(k.doubts) == 0 && int64(k.named) < limit-int64(time.Hour):
			w.Fatalf("key %s is not forgotten: got %+v at the limit %d", name, *k, limit)
		case gone:
			n--
			nothingKnown := k.discarded && k.acked == nil // nobody wants anything of it, and the ledger was forgotten
			if q := w.api[w.destination][name]; q != 0 && !nothingKnown {
				w.Fatalf("key %s is forgotten, and the API has %d of it", name, q)
			}
			delete(w.keys, name)
			for _, held := range w.api {
				delete(held, name)
			}
		}
	}
	if n != 0 {
		w.Fatalf("it says that %d more keys are forgotten than are gone", n)
	}
}

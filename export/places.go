package export

import (
	"fmt"
	"strings"

	"github.com/cespare/xxhash/v2"
)

const (
	maxPlaced = 8192 // keys that are looked at
	maxNamed  = 256  // places whose names are kept
)

// places looks, over the whole export, at a column that may be the store and is not read, where the config says one store for
// all rows: two rows for one key must not have two places and two quantities. It knows far more keys than apart does, for a
// second store may have few products of the first one's; those with the least hashes.
type places struct {
	column int
	most   uint64
	keys   map[uint64]placed
	names  map[uint64]string // by their hash
	found  *teller           // the first two places of one key; nil = none
}

// placed is where a key is, and how many of it.
type placed struct {
	name   uint64 // its hash
	figure int64
}

// placesOf finds the column that is looked at, and lets it be read; nil = there is none.
func (p *pipeline) placesOf() *places {
	l := &p.layout
	if l.hasStore() || p.addUp() || p.duplicates == "reject" {
		return nil
	}
	for column, h := range l.headings {
		if h.mayBe(Store) && !h.unseen && !l.serves(column) {
			l.watched = column + 1
			return &places{column: column, most: 1<<64 - 1, keys: map[uint64]placed{}, names: map[uint64]string{}}
		}
	}
	return nil
}

// see takes an update.
func (s *places) see(p *pipeline, rec *record, figure int64) {
	hash := xxhash.Sum64(p.key)
	if hash > s.most || s.found != nil {
		return
	}
	cell := clean(cellOf(rec, s.column))
	if len(cell) == 0 {
		return
	}
	here := placed{xxhash.Sum64(cell), figure}
	if _, known := s.names[here.name]; !known && len(s.names) < maxNamed {
		text, _ := p.decode(cell)
		s.names[here.name] = clip(strings.ToValidUTF8(string(text), "\ufffd"))
	}
	if before, known := s.keys[hash]; known && before.name != here.name && before.figure != figure {
		s.found = &teller{column: s.column, one: s.names[before.name], other: s.names[here.name], line: rec.line}
		return
	}
	s.keys[hash] = here
	for len(s.keys) > maxPlaced {
		s.most /= 2
		for hash := range s.keys {
			if hash > s.most {
				delete(s.keys, hash)
			}
		}
	}
}

// severalStores refuses an export that is to be one store's, and in which the rows for one product differ in a column that
// may be the store.
func (p *pipeline) severalStores(t teller) *Refused {
	return &Refused{
		Code: RefusedStore,
		Reason: fmt.Sprintf("the config says one store for all rows, but there are several rows for one product, with %q and %q in %s: it is the store, or `duplicates: sum` must add them up",
			t.one, t.other, p.layout.name(t.column)),
		Write: "columns: {store: " + p.layout.stated(t.column) + "}",
	}
}

package outbox

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"go.etcd.io/bbolt"
)

// Held is an export that a guard stopped. Its bytes lie in held/, one a source and file family, until it is released,
// discarded, or superseded by the next good export of the family that names at least half its keys.
type Held struct {
	Export             // as it was recorded, its ID and its rank among it; Refused says why it is held
	File     string    `json:"file"` // in held/: its bytes
	Set      string    `json:"set"`  // in held/: the keys that it names
	Keys     int64     `json:"keys"` // of these
	Kind     string    `json:"kind"` // which guard holds it
	Figures  []Figures `json:"figures"`
	Released bool      `json:"released,omitempty"` // by a person; it is about to be read
	Final    bool      `json:"final"`              // its last row counts though it has no line end
}

// Figures are what made a guard act in one store.
type Figures struct {
	Store   string `json:"store"`
	Known   int64  `json:"known"`             // keys of the source that are known there
	Stocked int64  `json:"stocked"`           // of those, with more than nothing
	Zero    int64  `json:"zero"`              // keys that the export would bring from something to nothing
	Changed int64  `json:"changed"`           // keys that it would change, new ones and those to nothing included
	Missing int64  `json:"missing,omitempty"` // with `missing: zero`: keys that it lacks
}

// StoreCounts are what an export says of one store, compared with what was last wanted.
type StoreCounts struct{ New, Changed, Zero int64 }

// StoreKeys are what is known of a source's keys in one store.
type StoreKeys struct{ Keys, Stocked int64 }

// maxStores is how many stores are counted one by one; the others count together, as the store "".
const maxStores = 10_000

// ofStore counts for the store of an encoded key.
func ofStore[T any](stores map[string]*T, key []byte) *T {
	d := decoder{b: key[1:]}
	name := d.bytes(d.uvarint())
	if c := stores[string(name)]; c != nil {
		return c
	}
	if len(stores) >= maxStores {
		name = nil
		if c := stores[""]; c != nil {
			return c
		}
	}
	c := new(T)
	stores[string(name)] = c
	return c
}

// KnownKeys counts the keys of a source in each store: those whose quantity one of its exports has set, or that the
// newest large one of a file family names. It looks at every record, unless the source never had an export.
func (o *Outbox) KnownKeys(source string) (map[string]*StoreKeys, error) {
	stores := map[string]*StoreKeys{}
	by, err := o.NamedBy(source)
	if errors.Is(err, ErrUnknown) {
		return stores, nil
	}
	if err != nil {
		return nil, err
	}
	s, err := o.Source(source)
	if err != nil {
		return nil, err
	}
	if s.Last == 0 && len(s.Sets) == 0 {
		return stores, nil
	}
	return stores, o.view(func(tx *bbolt.Tx) error {
		return tx.Bucket(bucketKeys).ForEach(func(disk, v []byte) error {
			r, err := parseRecord(disk, v)
			if err != nil {
				return fmt.Errorf("record %x: %w", disk, err)
			}
			if !r.is(flagWanted) {
				return nil
			}
			if r.source != s.Number || s.Number == 0 {
				k, err := known(disk, &r)
				if err != nil || !by(k) {
					return err
				}
			}
			c := ofStore(stores, disk[8:])
			c.Keys++
			if r.wanted > 0 {
				c.Stocked++
			}
			return nil
		})
	})
}

// HeldKeys collects the keys that a held export names, and then where its bytes are.
type HeldKeys struct {
	o    *Outbox
	keys []setKey
}

// NewHeldKeys begins to collect.
func (o *Outbox) NewHeldKeys() *HeldKeys { return &HeldKeys{o: o} }

// Add adds an encoded key.
func (h *HeldKeys) Add(key []byte) {
	h.keys = append(h.keys, setKey{hash: hashOf(key), check: checkOf(key)})
}

// NewHeldFile makes a file for the bytes of a held export. Whoever gets it closes it; it is swept at the next start
// unless Hold was told of it.
func (o *Outbox) NewHeldFile() (*os.File, error) {
	return os.CreateTemp(filepath.Join(o.dir, "held"), "*.export")
}

// Hold says that an export of the intake, which was dropped, is held, and for what. Its bytes are in file, which must be
// written whole.
func (in *Intake) Hold(export int, kind string, figures []Figures, keys *HeldKeys, file *os.File, final bool) error {
	in.reheld = true // whatever comes of it, Close sweeps
	if !in.o.opts.NoSync {
		if err := file.Sync(); err != nil {
			return err
		}
	}
	slices.SortFunc(keys.keys, func(a, b setKey) int {
		return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.check, b.check))
	})
	keys.keys = slices.Compact(keys.keys)
	w, err := newSetWriter(filepath.Join(in.o.dir, "held"), nil, !in.o.opts.NoSync, false)
	if err != nil {
		return err
	}
	defer w.abort() // nothing once it is finished
	for _, k := range keys.keys {
		if err := w.add(k); err != nil {
			return err
		}
	}
	ref, err := w.finish()
	if err != nil {
		return err
	}
	w.path = "" // the outbox refers to it, or the next sweep takes it
	in.exports[export].hold = &Held{File: filepath.Base(file.Name()), Set: ref.File, Keys: ref.Keys, Kind: kind, Figures: figures, Final: final}
	return nil
}

func heldKey(source, family string) []byte { return fileKey(source, family) }

// keepHeld writes down which exports the intake holds, and removes those that were released, that a newer one of their
// family replaces, or that a good export supersedes.
func (in *Intake) keepHeld(t *txn, exports []Export) error {
	b := t.tx.Bucket(bucketHeld)
	for i, x := range in.exports {
		key := heldKey(x.Source, x.Family)
		switch h := x.hold; {
		case h != nil && exports[i].ID != 0:
			in.reheld = true
			var newer Held
			err := getJSON(b, key, &newer)
			if err != nil && !errors.Is(err, ErrUnknown) {
				return err
			}
			if newer.Rank > x.rank || in.outlived(i) {
				continue // its files go with the next sweep
			}
			h.Export = exports[i]
			if err := putJSON(b, key, h); err != nil {
				return err
			}
		case !x.dropped && (x.Releases != 0 || in.supersedes(i)):
			var h Held
			err := getJSON(b, key, &h)
			if errors.Is(err, ErrUnknown) || err == nil && x.Releases != 0 && x.Releases != h.ID {
				continue
			}
			in.reheld = true
			if err := errs(err, b.Delete(key)); err != nil {
				return err
			}
		}
	}
	return nil
}

// supersedes reports whether an export names at least half the keys of the one that was held of its family before it.
func (in *Intake) supersedes(export int) bool {
	x := in.exports[export]
	for _, s := range in.old {
		if s.held == 0 || s.by != nil || s.source != x.Source || s.family != x.Family {
			continue
		}
		if s.heldRank < x.rank {
			return 2*s.named[export] >= s.held
		}
		return x.Rereads != nil && s.heldRank == x.rank // it is the same export, read in yet another way
	}
	return false
}

// outlived reports whether a newer export of the intake supersedes one that the intake holds.
func (in *Intake) outlived(export int) bool {
	x := in.exports[export]
	for _, s := range in.old {
		if s.by != x {
			continue
		}
		for i, n := range s.named {
			if other := in.exports[i]; !other.dropped && other.rank > x.rank && 2*n >= s.held {
				return true
			}
		}
	}
	return false
}

// heldSets are the sets of the keys of what is held, and of what the intake is about to hold.
func (in *Intake) heldSets() (list []*namedSet, err error) {
	held, err := in.o.Held()
	if err != nil {
		return nil, err
	}
	set := func(file, source, family string, keys int64, rank uint64, by *incoming) *namedSet {
		return &namedSet{path: filepath.Join(in.o.dir, "held", file), source: source, family: family, held: keys, heldRank: rank, named: map[int]int64{}, by: by}
	}
	var all []*namedSet
	for _, h := range held {
		all = append(all, set(h.Set, h.Source, h.Family, h.Keys, h.Rank, nil))
	}
	for _, x := range in.exports {
		if x.hold != nil {
			all = append(all, set(x.hold.Set, x.Source, x.Family, x.hold.Keys, x.rank, x))
		}
	}
	for _, s := range all {
		switch ok, err := isWhole(s); {
		case err != nil:
			return nil, err
		case ok:
			list = append(list, s)
		}
	}
	return list, err
}

// Held gives what is held, in the order of sources and families.
func (o *Outbox) Held() (list []Held, err error) {
	err = o.view(func(tx *bbolt.Tx) error {
		b := tx.Bucket(bucketHeld)
		return b.ForEach(func(k, _ []byte) error {
			var h Held
			err := getJSON(b, k, &h)
			list = append(list, h)
			return err
		})
	})
	return list, err
}

// HeldPath is where the bytes of a held export lie.
func (o *Outbox) HeldPath(h Held) string { return filepath.Join(o.dir, "held", h.File) }

// HeldID is the id of a held export as commands take it.
func (h *Held) HeldID() string { return strconv.FormatUint(h.ID, 10) }

// ReleaseHeld lets held exports be read after all, at their own rank; the agent does it. It says how many, and which ids
// name none; ids nil = all.
func (o *Outbox) ReleaseHeld(ids []string) (n int64, unknown []string, err error) {
	o.intake.Lock() // a look may be about to decide on one
	defer o.intake.Unlock()
	return o.eachHeld(ids, func(b *bbolt.Bucket, key []byte, h *Held) error {
		h.Released = true
		return putJSON(b, key, h)
	})
}

// HoldOn takes back the release of an export: it cannot be read now.
func (o *Outbox) HoldOn(id string) error {
	o.intake.Lock()
	defer o.intake.Unlock()
	_, _, err := o.eachHeld([]string{id}, func(b *bbolt.Bucket, key []byte, h *Held) error {
		h.Released = false
		return putJSON(b, key, h)
	})
	return err
}

// DiscardHeld forgets held exports, and their bytes. It answers as ReleaseHeld does.
func (o *Outbox) DiscardHeld(ids []string) (n int64, unknown []string, err error) {
	o.intake.Lock() // over the sweep too: a look may be about to hold one, and nothing refers to its bytes yet
	defer o.intake.Unlock()
	n, unknown, err = o.eachHeld(ids, func(b *bbolt.Bucket, key []byte, _ *Held) error { return b.Delete(key) })
	return n, unknown, errs(err, o.sweepFolder("held"))
}

// eachHeld calls act for the held exports that ids name, nil = all. intake is held.
func (o *Outbox) eachHeld(ids []string, act func(b *bbolt.Bucket, key []byte, h *Held) error) (n int64, unknown []string, err error) {
	held, err := o.Held()
	if err != nil {
		return 0, nil, err
	}
	if ids == nil {
		for i := range held {
			ids = append(ids, held[i].HeldID())
		}
	}
	err = o.update(func(t *txn) error {
		n, unknown = 0, nil
		for _, id := range slices.Compact(slices.Sorted(slices.Values(ids))) {
			i := slices.IndexFunc(held, func(h Held) bool { return h.HeldID() == id })
			if i < 0 {
				unknown = append(unknown, id)
				continue
			}
			h := &held[i]
			if err := act(t.tx.Bucket(bucketHeld), heldKey(h.Source, h.Family), h); err != nil {
				return err
			}
			n++
		}
		return nothing(int(n))
	})
	if errors.Is(err, errNothing) {
		err = nil
	}
	return n, unknown, err
}

// StoreCounts tells what an export would change in each store, as it was settled last, and of how many keys it says more
// than nothing. Stores in which it changes nothing are left out.
func (in *Intake) StoreCounts(export int) (stores map[string]*StoreCounts, stocked int64) {
	return in.exports[export].stores, in.exports[export].stocked
}

// countStores counts what an export says of a key, with what it had counted before that.
func (x *incoming) countStores(key []byte, was Counts, q int64) {
	if q > 0 {
		x.stocked++
	}
	c := &x.counts
	if c.New == was.New && c.Changed == was.Changed {
		return
	}
	if x.stores == nil {
		x.stores = map[string]*StoreCounts{}
	}
	s := ofStore(x.stores, key)
	s.New += c.New - was.New
	s.Changed += c.Changed - was.Changed
	s.Zero += c.Zero - was.Zero
}

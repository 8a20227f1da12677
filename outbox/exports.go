package outbox

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"go.etcd.io/bbolt"
)

// Export is what is kept of an export that was taken or refused.
type Export struct {
	ID       uint64    `json:"id"`
	Source   string    `json:"source"`
	Name     string    `json:"name"` // slash-separated, below the source's folder
	Family   string    `json:"family"`
	Size     int64     `json:"size"` // bytes
	ModTime  time.Time `json:"mod_time"`
	Arrived  time.Time `json:"arrived"`
	Taken    time.Time `json:"taken"`
	Rank     uint64    `json:"rank"`
	Hash     string    `json:"hash"`     // of its bytes
	Digest   string    `json:"digest"`   // of how they were read
	Complete bool      `json:"complete"` // its last row too
	Refused  string    `json:"refused,omitempty"`
	Rows     int64     `json:"rows"`
	Rejects  int64     `json:"rejects"`
	Skipped  int64     `json:"skipped"`
	Reasons  Reasons   `json:"reasons,omitempty"` // of the rejects
	Listed   int64     `json:"listed,omitempty"`  // rejects that no export before it had
	Held     bool      `json:"held,omitempty"`    // refused by a guard: see Held
	Rereads  uint64    `json:"rereads,omitempty"` // the export as it was taken before, in another way
	Unnamed  int64     `json:"unnamed,omitempty"` // keys that the API has and that it does not name any more, read so
	Apart    bool      `json:"apart,omitempty"`   // what it lacks does not count: see Intake.Apart
	Counts
}

// File is what was last seen of a file of a source: so that it is not read again.
type File struct {
	Stat     string    `json:"stat"`     // identity; only compared
	Hash     string    `json:"hash"`     // of its bytes; empty for one that was there before the first start
	Export   uint64    `json:"export"`   // 0 for one that was there before the first start
	Complete bool      `json:"complete"` // its last row too
	ModTime  time.Time `json:"mod_time"`
	At       time.Time `json:"at"`
	Came     time.Time `json:"came,omitzero"` // when this version of it came to rest; zero = not known, as in files of earlier versions
}

// Source is what is kept of a source.
type Source struct {
	Number  uint64             `json:"number"`           // that its keys' records name it by; 0 = none yet, as in format 1
	Started time.Time          `json:"started"`          // its first look was taken
	Last    uint64             `json:"last"`             // the export taken or refused last
	Newest  uint64             `json:"newest"`           // the export taken last, and
	Hash    string             `json:"hash"`             // its bytes, and
	Digest  string             `json:"digest"`           // how they were read
	Sets    map[string]SetRef  `json:"sets,omitempty"`   // by family
	Lists   map[string]ListRef `json:"lists,omitempty"`  // by family: its rejects
	Tracks  map[string]Track   `json:"tracks,omitempty"` // by family: see missing.go

	Trails map[string]TrailRef `json:"trails,omitempty"` // by family: see trail.go
}

// intakeRecord is an accepted look whose delta is not applied whole yet.
type intakeRecord struct {
	Delta   string   `json:"delta"`   // file in spill/
	Size    int64    `json:"size"`    // bytes of it
	Offset  int64    `json:"offset"`  // bytes of it that are applied
	Age     uint64   `json:"age"`     // of the keys that it makes pending
	Exports []uint64 `json:"exports"` // by their places in the delta, and
	Sources []uint64 `json:"sources"` // the numbers of their sources; format 1 had none
	Left    int64    `json:"left"`    // quantities that it holds and that are not applied

	Trail *leftTrail `json:"trail,omitempty"` // that it leaves, once it is applied, unless the state's rev by then is not
	Rev   uint64     `json:"rev,omitempty"`   // what it was, and what is applied has added to it
}

// refs are the exports by their places in the delta.
func (in *intakeRecord) refs() []exportRef {
	refs := make([]exportRef, len(in.Exports))
	for i := range refs {
		refs[i].id = in.Exports[i]
		if i < len(in.Sources) {
			refs[i].source = in.Sources[i]
		}
	}
	return refs
}

func fileKey(source, name string) []byte { return []byte(source + "\x00" + name) }

// Source returns what is kept of a source; ErrUnknown before its first look was taken.
func (o *Outbox) Source(name string) (s Source, err error) {
	err = o.view(func(tx *bbolt.Tx) error { return getJSON(tx.Bucket(bucketSources), []byte(name), &s) })
	return s, err
}

// addSource reads what is kept of a source, if that was not done yet; nothing is where there is nothing.
func addSource(tx *bbolt.Tx, sources map[string]Source, name string) error {
	if _, read := sources[name]; read {
		return nil
	}
	var s Source
	if err := getJSON(tx.Bucket(bucketSources), []byte(name), &s); err != nil && !errors.Is(err, ErrUnknown) {
		return err
	}
	sources[name] = s
	return nil
}

// File returns what was last seen of a file; ErrUnknown where that is nothing.
func (o *Outbox) File(source, name string) (f File, err error) {
	err = o.view(func(tx *bbolt.Tx) error { return getJSON(tx.Bucket(bucketFiles), fileKey(source, name), &f) })
	return f, err
}

// Export returns an export by its id; ErrUnknown where there is none (any more).
func (o *Outbox) Export(id uint64) (e Export, err error) {
	err = o.view(func(tx *bbolt.Tx) error { return getJSON(tx.Bucket(bucketExports), id8(id), &e) })
	return e, err
}

// LastExport returns the export that was taken or refused last for a source; ErrUnknown where there is none.
func (o *Outbox) LastExport(source string) (e Export, err error) {
	err = o.view(func(tx *bbolt.Tx) error {
		var s Source
		if err := getJSON(tx.Bucket(bucketSources), []byte(source), &s); err != nil {
			return err
		}
		return getJSON(tx.Bucket(bucketExports), id8(s.Last), &e)
	})
	return e, err
}

// keyAwaited is of meta: since when an export is waited for, by source.
var keyAwaited = []byte("awaited")

// LastCame is when an export of a source came to rest last, be it with the bytes of the one before; where none has, since when one
// is waited for (Await), and zero where nobody does.
func (o *Outbox) LastCame(source string) (at time.Time, err error) {
	prefix := fileKey(source, "")
	err = o.view(func(tx *bbolt.Tx) error {
		awaited := map[string]time.Time{}
		if err := getJSON(tx.Bucket(bucketMeta), keyAwaited, &awaited); err != nil && !errors.Is(err, ErrUnknown) {
			return err
		}
		at = awaited[source]
		files := tx.Bucket(bucketFiles)
		c := files.Cursor()
		for k, _ := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, _ = c.Next() {
			var f File
			if err := getJSON(files, k, &f); err != nil {
				return err
			}
			if f.Came.After(at) {
				at = f.Came
			}
		}
		return nil
	})
	return at, err
}

// Await notes that from now on an export of a source is waited for.
func (o *Outbox) Await(source string, now time.Time) error {
	return o.update(func(t *txn) error {
		awaited := map[string]time.Time{}
		meta := t.tx.Bucket(bucketMeta)
		if err := getJSON(meta, keyAwaited, &awaited); err != nil && !errors.Is(err, ErrUnknown) {
			return err
		}
		awaited[source] = now.UTC()
		return putJSON(meta, keyAwaited, awaited)
	})
}

// Seen notes files as seen without reading them: at a source's first start the older ones, and such whose bytes turned
// out to be nothing new. It marks the source as started.
func (o *Outbox) Seen(source string, files map[string]File, now time.Time) error {
	return o.update(func(t *txn) error {
		b := t.tx.Bucket(bucketFiles)
		// bbolt splits pages only in the end: the one that takes all of them would be moved for each that comes in no order.
		for _, name := range slices.Sorted(maps.Keys(files)) {
			f := files[name]
			f.At, f.ModTime = now.UTC(), storable(f.ModTime)
			if err := putJSON(b, fileKey(source, name), f); err != nil {
				return err
			}
		}
		_, err := t.source(source, now)
		return err
	})
}

// source reads a source's record; a source that has none is started, and one without a number gets it.
func (t *txn) source(name string, now time.Time) (s Source, err error) {
	b := t.tx.Bucket(bucketSources)
	err = getJSON(b, []byte(name), &s)
	switch {
	case errors.Is(err, ErrUnknown):
		s.Started = now.UTC()
	case err != nil || s.Number != 0:
		return s, err
	}
	t.state.Sources++
	s.Number = t.state.Sources
	return s, putJSON(b, []byte(name), s)
}

// keepExports is how long the records of exports and of files that are gone are kept.
const keepExports = 30 * 24 * time.Hour

// forgetOld removes a few of the oldest exports' records, but never a source's newest.
func (t *txn) forgetOld(now time.Time) error {
	sources := map[string]Source{} // of exports that are old
	stays := func(e Export) (bool, error) {
		err := addSource(t.tx, sources, e.Source)
		s := sources[e.Source]
		return e.ID == s.Newest || e.ID == s.Last, err
	}
	b := t.tx.Bucket(bucketExports)
	var old [][]byte
	c := b.Cursor()
	for k, _ := c.First(); k != nil && len(old) < 100; k, _ = c.Next() {
		var e Export
		if err := getJSON(b, k, &e); err != nil {
			return err
		}
		if now.Sub(e.Taken) < keepExports {
			break
		}
		if stay, err := stays(e); err != nil {
			return err
		} else if !stay {
			old = append(old, bytes.Clone(k))
		}
	}
	for _, k := range old {
		if err := b.Delete(k); err != nil {
			return err
		}
	}
	return nil
}

// Forget removes the records of files of a source that present does not know and that were last seen more than 30 days
// ago, a bounded number at a time. Those of files that were there before the first start stay: one that only seems to be
// gone must not be read when it is back.
func (o *Outbox) Forget(source string, present func(name string) bool, now time.Time) error {
	var gone [][]byte
	err := o.view(func(tx *bbolt.Tx) error {
		prefix := fileKey(source, "")
		b := tx.Bucket(bucketFiles)
		c := b.Cursor()
		for k, _ := c.Seek(prefix); bytes.HasPrefix(k, prefix) && len(gone) < 10_000; k, _ = c.Next() {
			var f File
			if err := getJSON(b, k, &f); err != nil {
				return err
			}
			if f.Hash != "" && now.Sub(f.At) > keepExports && !present(string(k[len(prefix):])) {
				gone = append(gone, bytes.Clone(k))
			}
		}
		return nil
	})
	if err != nil || len(gone) == 0 {
		return err
	}
	return o.update(func(t *txn) error {
		for _, k := range gone {
			if err := t.tx.Bucket(bucketFiles).Delete(k); err != nil {
				return err
			}
		}
		return nil
	})
}

// namedSets lists the sets of all sources. One whose file is damaged or gone is left out: then a late older export may
// win over an unchanged row of a newer one, which the next export mends.
func (o *Outbox) namedSets() (list []*namedSet, err error) {
	err = o.view(func(tx *bbolt.Tx) error {
		b := tx.Bucket(bucketSources)
		return b.ForEach(func(k, _ []byte) error {
			var s Source
			if err := getJSON(b, k, &s); err != nil {
				return err
			}
			for family, ref := range s.Sets {
				list = append(list, &namedSet{path: filepath.Join(o.dir, "named", ref.File),
					source: string(k), family: family, rank: ref.Rank})
			}
			return nil
		})
	})
	whole := list[:0]
	for _, s := range list {
		ok, err := isWhole(s)
		if err != nil {
			return nil, err // it may be read later: nothing is decided without it
		}
		if ok {
			whole = append(whole, s)
		}
	}
	return whole, err
}

// isWhole reports whether a set can be read; one that is damaged or gone cannot.
func isWhole(s *namedSet) (bool, error) {
	err := s.verify()
	if errors.Is(err, ErrDamaged) || errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// storable is a time as it can be stored: what JSON cannot hold becomes the zero time.
func storable(t time.Time) time.Time {
	if y := t.UTC().Year(); y < 1 || y > 9999 {
		return time.Time{}
	}
	return t.UTC()
}

// sweepFolder removes files in spill, named, listed or held that nothing refers to, as far as that can be done: what a crash left,
// and sets that were replaced.
func (o *Outbox) sweepFolder(name string) error {
	used := map[string]bool{}
	err := o.view(func(tx *bbolt.Tx) error {
		intakes, sources := tx.Bucket(bucketIntakes), tx.Bucket(bucketSources)
		err := intakes.ForEach(func(k, _ []byte) error {
			var in intakeRecord
			err := getJSON(intakes, k, &in)
			used[in.Delta] = true
			if in.Trail != nil {
				used[in.Trail.Ref.File] = true
			}
			return err
		})
		held := tx.Bucket(bucketHeld)
		err = errs(err, held.ForEach(func(k, _ []byte) error {
			var h Held
			err := getJSON(held, k, &h)
			used[h.File], used[h.Set], used[h.note()] = true, true, true
			return err
		}))
		if err != nil {
			return err
		}
		return sources.ForEach(func(k, _ []byte) error {
			var s Source
			err := getJSON(sources, k, &s)
			for _, ref := range s.Sets {
				used[ref.File] = true
			}
			for _, ref := range s.Lists {
				used[ref.File] = true
			}
			for _, ref := range s.Tracks {
				used[ref.File] = true
			}
			for _, ref := range s.Trails {
				used[ref.File] = true
			}
			return err
		})
	})
	if err != nil {
		return err
	}
	folder := filepath.Join(o.dir, name)
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		err = os.MkdirAll(folder, 0o700)
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		switch filepath.Ext(e.Name()) {
		case ".spill", ".delta", ".set", ".trail", ".list", ".export", noteExt:
		default:
			continue
		}
		if !used[e.Name()] {
			_ = os.Remove(filepath.Join(folder, e.Name())) // one that a virus scanner has open goes the next time
		}
	}
	return nil
}

package outbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.etcd.io/bbolt"
)

// Rebuilt says that an outbox was made anew, because the one before it could not be used any more.
type Rebuilt struct {
	At   time.Time `json:"at"`
	Why  string    `json:"why"`
	File string    `json:"file,omitempty"` // where the one before it lies now; "" = it is gone
}

// Kept is what a new outbox takes over from the one in whose place it comes.
type Kept struct {
	Paused     bool      `json:"paused"` // by command
	Delivered  int64     `json:"delivered"`
	Unchanged  int64     `json:"unchanged"`
	Rejects    int64     `json:"rejects"`
	Duplicates int64     `json:"duplicates"`
	Errors     int64     `json:"errors"`
	Reasons    Reasons   `json:"reasons,omitempty"`
	Export     uint64    `json:"export"` // the last export's id
	Rank       uint64    `json:"rank"`   // the greatest given
	Created    time.Time `json:"created"`
	LastAck    time.Time `json:"last_ack"`
}

func (s *state) kept() *Kept {
	return &Kept{Paused: s.Paused, Delivered: s.Delivered, Unchanged: s.Unchanged, Rejects: s.Rejects, Duplicates: s.Duplicates, Errors: s.Errors,
		Reasons: s.Reasons, Export: s.Export, Rank: s.Rank, Created: s.Created, LastAck: s.LastAck}
}

// Kept is what a new outbox would take over from this one, as it was committed last.
func (o *Outbox) Kept() *Kept {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.state.kept()
}

// keepAside is how many outboxes that were set aside are kept.
const keepAside = 3

// asidePattern is what the names of those begin with, which were damaged.
const asidePattern = fileName + ".damaged-"

// Rebuild makes a new outbox in dir, which takes over what was kept of the one before it, nil = nothing, and every export
// that was held. was is the damaged file, which is set aside under another name; nil = it is gone. Whatever the new one is
// to know it learns from exports: its ledger is empty. After a crash on the way it is called again, or Open ends it.
func Rebuild(dir string, was os.FileInfo, kept *Kept, why string, opts Options, now time.Time) (r Rebuilt, err error) {
	path := filepath.Join(dir, fileName)
	defer func() {
		if err != nil {
			err = fmt.Errorf("make a new outbox in %s: %w", dir, err)
		}
	}()
	r = Rebuilt{At: now.UTC(), Why: why}
	away := func() error {
		switch there, err := os.Stat(path); {
		case was == nil && errors.Is(err, os.ErrNotExist):
			return nil
		case err != nil:
			return err
		case was == nil || !os.SameFile(was, there):
			return errors.New("another one lies there by now") // which another process made, or a person brought
		}
		return os.Rename(path, r.File)
	}
	if was != nil {
		r.File = freeName(path[:len(path)-len(fileName)] + asidePattern + now.UTC().Format("20060102T150405Z"))
	}
	if kept == nil {
		kept = &Kept{Created: now.UTC()}
	}
	first := state{Destination: opts.Destination, Paused: kept.Paused, Reasons: kept.Reasons, Export: kept.Export, Rank: kept.Rank,
		Created: kept.Created, LastAck: kept.LastAck, Forgotten: true, Rebuilt: &r, Counted: true, OnlyUPCs: true,
		Counters: Counters{Delivered: kept.Delivered, Unchanged: kept.Unchanged, Rejects: kept.Rejects, Duplicates: kept.Duplicates, Errors: kept.Errors}}
	if err := create(dir, path, opts, first, away); err != nil {
		return r, err
	}
	aside, err := Aside(dir)
	for _, old := range aside[:max(0, len(aside)-keepAside)] {
		err = errors.Join(err, os.Remove(old))
	}
	return r, err
}

func freeName(name string) string {
	for n, try := 2, name; ; n++ {
		if _, err := os.Lstat(try); err != nil {
			return try
		}
		try = fmt.Sprintf("%s-%d", name, n)
	}
}

// Aside lists the damaged outboxes of dir that were set aside, the oldest first.
func Aside(dir string) (list []string, err error) {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), asidePattern) {
			list = append(list, filepath.Join(dir, e.Name()))
		}
	}
	slices.Sort(list)
	return list, err
}

// noteExt is the extension of what lies in held/ beside the bytes of a held export: its record once more, so that it stays
// held where the outbox is lost.
const noteExt = ".held"

func (h *Held) note() string { return strings.TrimSuffix(h.File, filepath.Ext(h.File)) + noteExt }

// noteHeld writes down beside their bytes what is held, where that has not been done. What cannot be written is tried
// again with the next, and at the next start.
func (o *Outbox) noteHeld() {
	held, err := o.Held()
	if err != nil {
		return
	}
	for i := range held {
		path := filepath.Join(o.dir, "held", held[i].note())
		if _, err := os.Lstat(path); err == nil {
			continue
		}
		data, err := json.Marshal(&held[i])
		if err != nil {
			continue
		}
		f, err := os.CreateTemp(filepath.Dir(path), "*"+noteExt) // swept where it does not get its name
		if err != nil {
			continue
		}
		_, err = f.Write(seal([]byte(held[i].note()), data))
		if errs(err, closeFile(f, !o.opts.NoSync)) == nil {
			_ = os.Rename(f.Name(), path)
		}
	}
}

// adoptHeld takes over into a new file the exports that were held, as their notes say, none of them released. Where such
// an export still lies in its source's folder it is known for what it is.
func adoptHeld(tx *bbolt.Tx, dir string, first *state) error {
	folder := filepath.Join(dir, "held")
	notes, err := filepath.Glob(filepath.Join(folder, "*"+noteExt))
	if err != nil {
		return err
	}
	b := tx.Bucket(bucketHeld)
	for _, path := range notes {
		h, ok := readNote(path)
		if !ok {
			continue
		}
		key := heldKey(h.Source, h.Family)
		var other Held
		if getJSON(b, key, &other) == nil && other.Rank > h.Rank {
			continue
		}
		first.Export, first.Rank = max(first.Export, h.ID), max(first.Rank, h.Rank)
		file := File{Hash: h.Hash, Export: h.ID, Complete: true, ModTime: storable(h.ModTime), At: h.Taken}
		err := errs(putJSON(b, key, h), putJSON(tx.Bucket(bucketExports), id8(h.ID), h.Export),
			putJSON(tx.Bucket(bucketFiles), fileKey(h.Source, h.Name), file))
		if err != nil {
			return err
		}
	}
	return nil
}

// readNote reads a note, whose export's bytes must be there too.
func readNote(path string) (h Held, ok bool) {
	data, err := os.ReadFile(path)
	if err != nil {
		return h, false
	}
	data, err = unseal([]byte(filepath.Base(path)), data)
	if err != nil || json.Unmarshal(data, &h) != nil || h.note() != filepath.Base(path) || h.File != filepath.Base(h.File) {
		return h, false
	}
	h.Released = false
	_, err = os.Stat(filepath.Join(filepath.Dir(path), h.File))
	return h, err == nil
}

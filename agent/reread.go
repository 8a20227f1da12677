package agent

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"tillpost/outbox"
	"tillpost/watcher"
)

// A source whose mapping was edited has the newest export of each file family read again, at its own rank and under the
// guard: from the folder, or from the archive. Until that is done, or cannot be, nothing is sent, for what waits may be
// what the edit puts right.

// holdsDrain is how much longer than it takes an export to settle the drain waits for what is to be read again.
const holdsDrain = time.Minute

// stale are a source's exports that are to be read again; the newest of each family.
type stale struct {
	exports []outbox.Export
	let     func() // lets the drain go on
}

// of is the stale export that a file holds; nil = none.
func (s *stale) of(name, hash string) *outbox.Export {
	i := slices.IndexFunc(s.exports, func(e outbox.Export) bool { return e.Name == name && e.Hash == hash })
	if i < 0 {
		return nil
	}
	return new(s.exports[i])
}

// done notes that an export need not be read again any more.
func (s *stale) done(id uint64) {
	s.exports = slices.DeleteFunc(s.exports, func(e outbox.Export) bool { return e.ID == id })
	if len(s.exports) == 0 {
		s.let()
	}
}

// findStale finds what is to be read again, and keeps the drain back until it is; not for long where that takes time.
// The function that it returns lets the drain go on in any case.
func (a *Agent) findStale() (let func(), err error) {
	digests := map[string]string{}
	for _, s := range a.sources {
		digests[s.conf.Name] = s.digest
	}
	list, err := a.box.ReadOtherwise(digests)
	for _, s := range a.sources {
		s.stale = stale{exports: list[s.conf.Name], let: func() {}}
		if len(s.stale.exports) == 0 {
			continue
		}
		release := a.box.HoldBack()
		timer := time.AfterFunc(s.conf.Settle+holdsDrain, sync.OnceFunc(func() {
			release()
			signal(a.wake)
		}))
		s.stale.let = sync.OnceFunc(func() {
			timer.Stop()
			release()
			signal(a.wake)
		})
		a.log.Info("exports are read again, for they were read in another way", "source", s.conf.Name, "exports", len(s.stale.exports))
	}
	return func() {
		for _, s := range a.sources {
			s.stale.let()
		}
	}, err
}

// elsewhere reads from the archive what is to be read again and does not lie in the folder any more. It answers what is
// gone.
func (t *taking) elsewhere(look watcher.Look) (gone []outbox.Export, err error) {
	s := t.s
	if look.Missing != "" {
		s.stale.let()
		return nil, nil
	}
	if look.Pending > 0 {
		return nil, nil
	}
	for i := range s.stale.exports {
		e := s.stale.exports[i]
		if slices.ContainsFunc(t.readings, func(r reading) bool { return r.again != nil && r.again.ID == e.ID }) {
			continue
		}
		path := ""
		if s.conf.After == "archive" {
			path = findArchived(s.archive, &e)
		}
		if path == "" {
			gone = append(gone, e)
			continue
		}
		if err := t.readArchived(&e, path); err != nil {
			return gone, err
		}
	}
	return gone, nil
}

// findArchived finds an export in the archive by its size, time and bytes; "" = it is not there, or cannot be read.
func findArchived(folder string, e *outbox.Export) string {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return ""
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || !info.Mode().IsRegular() || info.Size() != e.Size || !info.ModTime().Equal(e.ModTime) {
			continue
		}
		path := filepath.Join(folder, entry.Name())
		if f, err := os.Open(path); err == nil {
			hash := newContentHash()
			_, err = io.Copy(hash, f)
			_ = f.Close() // only read
			if err == nil && hash.String() == e.Hash {
				return path
			}
		}
	}
	return ""
}

// readArchived reads an export in the archive into the intake.
func (t *taking) readArchived(e *outbox.Export, path string) error {
	r := reading{again: e, path: path, rank: e.Rank, file: watcher.File{Name: e.Name, Final: true}}
	known, err := t.s.a.box.File(e.Source, e.Name)
	if err != nil && !errors.Is(err, outbox.ErrUnknown) {
		return err
	}
	spec := t.specOf(e, known.Stat)
	spec.Rereads = e
	x, err := t.openAt(&r, spec, path, e.Hash)
	if full, ok := errors.AsType[*outbox.FullError](err); ok {
		return full
	}
	if err != nil {
		t.in.Drop(x)
		r.dropped = true
		t.s.a.log.Warn("an archived export cannot be read again", "source", e.Source, "export", e.Name, "err", err)
		t.s.stale.done(e.ID)
	} else {
		t.judge(&r, x, outbox.File{}, false)
	}
	t.readings = append(t.readings, r)
	return nil
}

// specOf says how an export of which there is a record is taken at its own rank.
func (t *taking) specOf(e *outbox.Export, stat string) outbox.Reading {
	s := t.s
	return outbox.Reading{Source: e.Source, Name: e.Name, Family: e.Family, Size: e.Size, ModTime: e.ModTime, Arrived: e.Arrived,
		Stat: stat, Digest: s.digest, Stock: stockOf(s.conf), Settle: duplicatesOf(s.conf), Missing: s.zeroesMissing(), Rank: e.Rank}
}

// openAt reads the bytes at path, which must have the hash, into the intake.
func (t *taking) openAt(r *reading, spec outbox.Reading, path, hash string) (x int, err error) {
	x = t.in.Begin(spec, t.now)
	f, err := os.Open(path)
	if err != nil {
		return x, err
	}
	defer f.Close() // it is only read
	sum := newContentHash()
	if err := t.rows(r, x, io.TeeReader(f, sum), false); err != nil {
		return x, err
	}
	if _, err := io.Copy(sum, f); err != nil {
		return x, err
	}
	if r.hash = sum.String(); r.hash != hash {
		return x, errOtherBytes
	}
	return x, nil
}

// bytesOf opens what a reading reads.
func (t *taking) bytesOf(r *reading) (io.ReadCloser, error) {
	if r.path != "" {
		return os.Open(r.path)
	}
	return t.s.watcher.Open(r.file)
}

// rereadDone notes what was read again, and says what is gone, unless a newer export of its family was taken instead.
func (t *taking) rereadDone(exports []outbox.Export, gone []outbox.Export) {
	for x, e := range exports {
		if again := t.readings[x].again; again != nil && e.ID != 0 {
			t.s.stale.done(again.ID)
		}
	}
	missed, name := 0, ""
	for _, old := range gone {
		t.s.stale.done(old.ID)
		if !slices.ContainsFunc(exports, func(e outbox.Export) bool { return e.ID != 0 && e.Refused == "" && e.Family == old.Family }) {
			missed, name = missed+1, old.Name
		}
	}
	if missed > 0 {
		t.s.a.log.Warn("the newest export is gone and cannot be read in the new way; the next one will be the first", "source", t.s.conf.Name, "export", name, "exports", missed)
	}
}

package outbox

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"

	"go.etcd.io/bbolt"

	"tillpost/inventory"
)

// Found is everything that is known of one key.
type Found struct {
	Known
	InFlight bool
	Letter   *DeadLetter // nil = it is none
	Failure  *Failure    // what came of the last try; nil = none has failed since the last acknowledgement
	Set      Export      // the export that set the quantity, and
	Named    Export      // the one that named the key last; each zero where its record is gone
}

// Find gives what is known of the keys that match, up to most of them; more says that there are others.
func (o *Outbox) Find(match func(inventory.Key) bool, most int) (list []Found, more bool, err error) {
	for k, err := range o.All() {
		if err != nil {
			return nil, false, err
		}
		if !match(k.Key) {
			continue
		}
		if len(list) == most {
			more = true
			break
		}
		list = append(list, Found{Known: k})
	}
	if len(list) == 0 {
		return nil, false, nil
	}
	for i := range list {
		if err := o.fill(&list[i]); err != nil {
			return nil, false, err
		}
	}
	return list, more, o.nameExports(list)
}

// fill reads what lies beside the record.
func (o *Outbox) fill(f *Found) error {
	disk := diskKey(f.Key.Encode())
	o.mu.Lock()
	l := o.leases[string(disk[8:])]
	f.InFlight = l != nil && l.sent
	o.mu.Unlock()
	return o.db.View(func(tx *bbolt.Tx) error {
		err := getJSON(tx.Bucket(bucketExports), id8(f.Export), &f.Set)
		if err != nil && !errors.Is(err, ErrUnknown) {
			return err
		}
		if f.Dead {
			d, err := (&txn{dead: tx.Bucket(bucketDead)}).deadLetter(disk)
			if err == nil {
				f.Letter = &d
			} else if !errors.Is(err, ErrUnknown) { // it was delivered or discarded since
				return err
			}
		}
		var last Failure
		err = getJSON(tx.Bucket(bucketFailed), disk, &last)
		if err == nil {
			f.Failure = &last
		} else if !errors.Is(err, ErrUnknown) {
			return err
		}
		return nil
	})
}

// nameExports finds which export named each key last: the one of the greatest rank, by its record and the named sets.
func (o *Outbox) nameExports(list []Found) error {
	sources, err := o.allSources()
	if err != nil {
		return err
	}
	wanted := map[uint64][]int{}
	for i := range list {
		key := list[i].Key.Encode()
		rank := list[i].RankNamed
		for _, s := range sources {
			for _, ref := range s.Sets {
				if ref.Rank <= rank {
					continue
				}
				in, err := inSet(filepath.Join(o.dir, "named", ref.File), setKey{hash: hashOf(key), check: checkOf(key)})
				if err != nil && !errors.Is(err, ErrDamaged) && !errors.Is(err, os.ErrNotExist) {
					return err
				}
				if in {
					rank = ref.Rank
				}
			}
		}
		list[i].RankNamed = rank
		wanted[rank] = append(wanted[rank], i)
	}
	return o.db.View(func(tx *bbolt.Tx) error {
		b := tx.Bucket(bucketExports)
		return b.ForEach(func(k, _ []byte) error {
			var e Export
			if err := getJSON(b, k, &e); err != nil {
				return err
			}
			if e.Refused == "" {
				for _, i := range wanted[e.Rank] { // of two with one rank, the later
					list[i].Named = e
				}
			}
			return nil
		})
	})
}

// NamedBy returns a function that tells whether a source's exports have named a key: one of them has set its quantity, or
// the newest large one of a file family names it. What was set by an outbox of format 1 counts in the latter case only.
func (o *Outbox) NamedBy(source string) (func(Known) bool, error) {
	s, err := o.Source(source)
	if err != nil {
		return nil, err
	}
	var sets [][]byte
	for _, ref := range s.Sets {
		data, err := os.ReadFile(filepath.Join(o.dir, "named", ref.File))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
		sets = append(sets, data)
	}
	return func(k Known) bool {
		if k.Source != 0 && k.Source == s.Number {
			return true
		}
		key := k.Key.Encode()
		want := setKey{hash: hashOf(key), check: checkOf(key)}
		for _, set := range sets {
			if in, err := searchSet(len(set)/setEntry-1, want, func(i int) ([]byte, error) { return set[i*setEntry:], nil }); in && err == nil {
				return true
			}
		}
		return false
	}, nil
}

// inSet reports whether a named set holds a key, without reading all of it.
func inSet(path string, want setKey) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close() // only read
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return false, err
	}
	if size < setEntry || size%setEntry != 0 {
		return false, fmt.Errorf("%s: %w", path, ErrDamaged)
	}
	var b [setEntry]byte
	return searchSet(int(size/setEntry)-1, want, func(i int) ([]byte, error) { // the last is the trailer
		_, err := f.ReadAt(b[:], int64(i)*setEntry)
		return b[:], err
	})
}

// searchSet reports whether one of the n entries of a named set is the wanted one.
func searchSet(n int, want setKey, entry func(i int) ([]byte, error)) (bool, error) {
	var bad error
	at := func(i int) setKey {
		b, err := entry(i)
		if bad = errs(bad, err); bad != nil {
			return setKey{}
		}
		return setKey{hash: binary.BigEndian.Uint64(b), check: binary.BigEndian.Uint32(b[8:])}
	}
	n = max(0, n)
	i := sort.Search(n, func(i int) bool { return !at(i).less(want) })
	return i < n && at(i) == want && bad == nil, bad
}

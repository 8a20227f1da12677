package outbox

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.etcd.io/bbolt"
)

// A ledger tells what the API holds only as long as there is one of it. Where the data folder was copied to another
// machine, or is a backup from last week, what it says was acknowledged may not be so any more. Each opening by an agent
// therefore compares what the file says of itself with what is found. I19.

// identity is what the file says of itself; each part that is zero says nothing.
type identity struct {
	Machine string `json:"machine,omitempty"` // the hash of the machine's id
	File    fileID `json:"file,omitzero"`
	Opened  uint64 `json:"opened"` // how often agents have opened it; outbox.mark says so too
}

// fileID tells a file from a copy of it, on file systems where it stays the same as long as the file is there.
type fileID struct {
	Index uint64 `json:"index,omitempty"` // inode; Windows' file index
	Born  int64  `json:"born,omitempty"`  // when the file was made, nanoseconds since 1970: an index may be given again
}

// mark is what outbox.mark says; unknown: it is there and cannot be read, which says nothing.
type mark struct {
	Opened  uint64 `json:"opened"`
	unknown bool
}

// Why a ledger is not trusted.
const (
	otherMachine = "it was made on another machine"
	otherFile    = "it is a copy of the file that was here before"
	otherTime    = "it is not from the same time as " + markName + ": one of the two was restored, copied or removed"
)

// markName is the small file beside outbox.db that is written anew at each opening by an agent. A backup that brings one
// of the two back brings them apart.
const markName = "outbox.mark"

// foreign says why the file is not the one that agents have worked with here until now; "" = it is. A crash, or a power
// cut, between the writing of the file and that of the mark leaves the mark one behind.
func (id identity) foreign(machine string, file fileID, m mark) string {
	switch {
	case id.Machine != "" && machine != "" && id.Machine != machine:
		return otherMachine
	case differ(id.File.Index, file.Index) || differ(id.File.Born, file.Born):
		return otherFile
	case !m.unknown && m.Opened != id.Opened && m.Opened+1 != id.Opened:
		return otherTime
	}
	return ""
}

func differ[T uint64 | int64](a, b T) bool { return a != 0 && b != 0 && a != b }

// identify finds out whether the ledger is to be trusted, and makes everything pending again where it is not. The mark is
// never more than one behind the file: it catches up first. What cannot be written now is written the next time.
func (o *Outbox) identify() error {
	if o.opts.looksOnly() {
		return nil
	}
	machine, file, m := machineHash(), idOf(o.db.Path()), readMark(o.dir)
	id := identity{}
	if o.state.Identity != nil {
		id = *o.state.Identity
	}
	why := id.foreign(machine, file, m)
	if why == "" && m.Opened != id.Opened && o.writeMark(id.Opened) != nil {
		return nil
	}
	id = identity{Machine: either(machine, id.Machine), File: either(file, id.File), Opened: max(id.Opened, m.Opened) + 1}
	err := o.update(func(t *txn) error {
		if k, _ := t.keys.Cursor().First(); k == nil {
			why = "" // there is nothing that could be trusted
		}
		t.state.Identity = &id
		if why == "" {
			return nil
		}
		t.state.Resending, t.state.Resent, t.state.Forgotten = true, nil, true
		t.state.Round = Round{Began: time.Now().UTC()}
		return t.dropMissing(o.dir)
	})
	if _, full := errors.AsType[*FullError](err); full {
		return nil // it is found out the next time
	}
	if err != nil {
		return err
	}
	o.opening.Foreign = why
	_ = o.writeMark(id.Opened) // else it is one behind, and catches up the next time
	return nil
}

// either is what was found, or else what was known.
func either[T comparable](found, known T) T {
	var zero T
	if found == zero {
		return known
	}
	return found
}

// dropMissing forgets named sets, tracks and lists of rejects that were not restored with the file.
func (t *txn) dropMissing(dir string) error {
	b := t.tx.Bucket(bucketSources)
	sources := map[string]Source{}
	err := b.ForEach(func(k, _ []byte) error {
		var s Source
		err := getJSON(b, k, &s)
		sources[string(k)] = s
		return err
	})
	if err != nil {
		return err
	}
	gone := func(folder, file string) bool {
		_, err := os.Stat(filepath.Join(dir, folder, file))
		return errors.Is(err, fs.ErrNotExist)
	}
	for name, s := range sources {
		for family, ref := range s.Sets {
			if gone("named", ref.File) {
				delete(s.Sets, family)
			}
		}
		for family, ref := range s.Lists {
			if gone("listed", ref.File) {
				delete(s.Lists, family)
			}
		}
		for family, ref := range s.Tracks {
			if gone("named", ref.File) {
				delete(s.Tracks, family)
			}
		}
		if err := putJSON(b, []byte(name), s); err != nil {
			return err
		}
	}
	return nil
}

// keepIdentity makes a copy of the file that takes its place, at path, say of itself that it is the file.
func keepIdentity(tx *bbolt.Tx, path string) error {
	var s state
	meta := tx.Bucket(bucketMeta)
	if meta == nil {
		return fmt.Errorf("%w: bucket %s is missing", ErrDamaged, bucketMeta)
	}
	if err := getJSON(meta, keyState, &s); err != nil || s.Identity == nil {
		return err
	}
	s.Identity.File = idOf(path)
	return putJSON(meta, keyState, s)
}

// readMark reads outbox.mark; one that is missing says that no agent has opened the outbox.
func readMark(dir string) (m mark) {
	data, err := os.ReadFile(filepath.Join(dir, markName))
	if errors.Is(err, fs.ErrNotExist) {
		return mark{}
	}
	if err != nil || json.Unmarshal(data, &m) != nil {
		return mark{unknown: true}
	}
	return m
}

// machineHash stands for this machine without telling its id to whoever gets the file; "" = not known.
func machineHash() string {
	id := strings.TrimSpace(machineID())
	if len(id) < 16 { // none, or the word that stands for none
		return ""
	}
	sum := sha256.Sum256([]byte("tillpost outbox\n" + id))
	return hex.EncodeToString(sum[:16])
}

// writeMark writes outbox.mark, durably.
func (o *Outbox) writeMark(opened uint64) (err error) {
	data, err := json.Marshal(mark{Opened: opened})
	if err != nil {
		return err
	}
	path := filepath.Join(o.dir, markName)
	f, err := os.OpenFile(path+".tmp", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil && !o.opts.NoSync {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(path+".tmp", path); err != nil || o.opts.NoSync {
		return err
	}
	return syncDir(o.dir)
}

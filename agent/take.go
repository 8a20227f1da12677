package agent

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"

	"tillpost/export"
	"tillpost/outbox"
	"tillpost/watcher"
)

// taking is one look's exports on their way into the outbox.
type taking struct {
	s    *source
	in   *outbox.Intake
	now  time.Time
	last outbox.Source // the source's newest export: as recorded, then as read in this look

	readings []reading              // by their numbers in the intake
	same     map[string]outbox.File // nothing new, but seen in another state
	done     []doneFile             // to be put away
	more     bool                   // something is to be come back to
}

// reading is one export that was read.
type reading struct {
	file    watcher.File
	hash    string
	refused string // why nothing of it is taken
	dropped bool   // it leaves no trace
	taken   outbox.Taken
}

// doneFile is an export that the outbox has whole.
type doneFile struct {
	file watcher.File
	hash string
}

func (t *taking) begin() (err error) {
	t.same = map[string]outbox.File{}
	t.last, err = t.s.a.box.Source(t.s.conf.Name)
	if errors.Is(err, outbox.ErrUnknown) {
		return nil
	}
	return err
}

// read reads one export into the intake, unless it is known. What concerns the export alone is dealt with here; an
// error concerns the whole look.
func (t *taking) read(f watcher.File) error {
	known, err := t.s.a.box.File(t.s.conf.Name, f.Name)
	switch {
	case errors.Is(err, outbox.ErrUnknown):
	case err != nil:
		return err
	case known.Stat == statText(f.Stat) && !f.Recheck && known.Hash == "":
		return nil // there before the first start, or refused before it could be read to its end
	case known.Stat == statText(f.Stat) && !f.Recheck && known.Complete:
		return t.taken(f, known)
	case known.Stat == statText(f.Stat) && !f.Recheck && !f.Final:
		t.again(f)
		return nil
	}
	r := reading{file: f}
	x, err := t.open(&r, known)
	t.readings = append(t.readings, r)
	if full, ok := errors.AsType[*outbox.FullError](err); ok {
		return full
	}
	if err != nil {
		t.in.Drop(x)
		return t.unread(f, err)
	}
	return nil
}

// taken deals with an export that was taken whole, or refused, in an earlier look.
func (t *taking) taken(f watcher.File, known outbox.File) error {
	if t.s.conf.After == "keep" {
		return nil
	}
	e, err := t.s.a.box.Export(known.Export)
	switch {
	case errors.Is(err, outbox.ErrUnknown): // forgotten: it was taken long ago
	case err != nil:
		return err
	case e.Refused != "":
		return nil // it stays where a person can look at it
	}
	t.done = append(t.done, doneFile{f, known.Hash})
	return nil
}

// again waits for the last row of an export.
func (t *taking) again(f watcher.File) {
	t.more = true
	t.s.watcher.Again(f)
}

// unread deals with an export that could not be read this time.
func (t *taking) unread(f watcher.File, err error) error {
	log := t.s.a.log.With("source", t.s.conf.Name, "export", f.Name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		log.Warn("the export was gone before it was read", "err", err)
	case errors.Is(err, watcher.ErrChanged):
		log.Info("the export changed while it was read; it is read again once it lies still")
		t.more = true
	default:
		t.more = true
		t.s.trouble.begin("an export cannot be read; it is tried again", fmt.Errorf("%s: %w", f.Name, err))
		t.s.watcher.Retry(f)
	}
	return nil
}

// open opens the export and reads all of it, which is one number of the intake whatever comes of it. The error is that
// of the file or the disk; what is wrong with the export itself is in r.
func (t *taking) open(r *reading, known outbox.File) (x int, err error) {
	f, s := r.file, t.s
	spec := outbox.Reading{Source: s.conf.Name, Name: f.Name, Family: family(f.Name), Size: f.Size, ModTime: f.ModTime(),
		Arrived: f.Arrived, Stat: statText(f.Stat), Digest: s.digest, Stock: stockOf(s.conf), Settle: duplicatesOf(s.conf)}
	if known.Export != 0 && !known.Complete {
		// Perhaps these are the bytes of which all but the last row was taken: known once they are read.
		if e, err := s.a.box.Export(known.Export); err == nil && e.Size == f.Size && e.Refused == "" {
			spec.Completes = &e
		}
	}
	x = t.in.Begin(spec, t.now)
	snap, err := s.watcher.Open(f)
	if err != nil {
		return x, err
	}
	defer snap.Close() // it is only read
	hash := newContentHash()
	if err := t.rows(r, io.TeeReader(snap, hash), spec.Completes != nil); err != nil {
		return x, err
	}
	if _, err := io.Copy(hash, snap); err != nil { // what a refused export still holds
		return x, err
	}
	if err := snap.Unchanged(); err != nil {
		return x, err
	}
	r.hash = hash.String()
	if c := spec.Completes; c != nil && c.Hash != r.hash {
		// Other bytes of the same length: an export of its own. It is read as such at the next look.
		if err := t.forgetPartial(f); err != nil {
			return x, err
		}
		return x, fmt.Errorf("its first part was taken: %w", errOtherBytes)
	}
	t.judge(r, x, known, spec.Completes != nil)
	return x, nil
}

// errOtherBytes makes an export be read anew.
var errOtherBytes = errors.New("it holds other bytes than before")

// forgetPartial forgets that a part of an export was taken, so that what lies under its name is read as a new one.
func (t *taking) forgetPartial(f watcher.File) error {
	return t.s.a.box.Seen(t.s.conf.Name, map[string]outbox.File{f.Name: {Stat: "", Complete: false}}, t.now)
}

// rows adds the export's rows to the intake. With counted, all but the last were counted in an earlier reading.
func (t *taking) rows(r *reading, src io.Reader, counted bool) error {
	rows, err := t.s.reader.Read(src)
	if refused, ok := errors.AsType[*export.Refused](err); ok {
		r.refused = refused.Error()
		return nil
	}
	if err != nil {
		return err
	}
	held := int64(0) // the last row, where it may be cut
	for row, err := range rows.All() {
		if err != nil {
			reject, bad := errors.AsType[*export.Reject](err)
			if refused, ok := errors.AsType[*export.Refused](err); ok {
				r.refused = refused.Error()
				return nil
			}
			switch {
			case !bad:
				return err
			case reject.Unterminated && !r.file.Final:
				held++
			case !counted || reject.Unterminated:
				r.taken.Rejects++
			}
			continue
		}
		if row.Unterminated && !r.file.Final {
			held++
			continue
		}
		if err := t.in.Add(uint64(row.Line), row.Key, row.Figure, counted && !row.Unterminated); err != nil {
			return err
		}
	}
	sum := rows.Summary()
	r.taken.Complete = held == 0
	r.taken.Rows = int64(sum.Rows) - held
	r.taken.Skipped = int64(sum.Skipped)
	if counted {
		r.taken.Rows, r.taken.Skipped = min(1, r.taken.Rows), 0
	}
	if sum.Updates == 0 && held == 0 {
		r.refused = fmt.Sprintf("not one of its %d rows is an update: %d were rejected, %d say nothing of stock", sum.Rows, sum.Rejects, sum.Skipped)
	}
	return nil
}

// judge decides what becomes of an export that was read whole.
func (t *taking) judge(r *reading, x int, known outbox.File, completes bool) {
	f := r.file
	file := outbox.File{Stat: statText(f.Stat), Hash: r.hash, Export: known.Export, Complete: true, ModTime: f.ModTime()}
	switch {
	case r.refused != "" && known.Hash == r.hash:
		r.dropped = true // refused before
		t.same[f.Name] = file
	case r.refused != "":
		r.dropped = true
		r.taken = outbox.Taken{Refused: r.refused, Rows: r.taken.Rows, Rejects: r.taken.Rejects, Skipped: r.taken.Skipped, Complete: true}
	case completes && !r.taken.Complete:
		r.dropped = true // only its time has changed: its last row still waits
		file.Complete = false
		t.same[f.Name] = file
		t.again(f)
	case completes:
	case known.Hash == r.hash && known.ModTime.Equal(f.ModTime()), r.hash == t.last.Hash && t.s.digest == t.last.Digest:
		// The same bytes again, and no other export of the source since. Promise 6.
		r.dropped = true
		file.Complete = r.taken.Complete || known.Complete
		t.same[f.Name] = file
		if file.Complete {
			t.done = append(t.done, doneFile{f, r.hash})
		} else {
			t.again(f)
		}
	case r.taken.Rows == r.taken.Skipped+r.taken.Rejects && !r.taken.Complete:
		r.dropped = true // nothing but a last row that may be cut: it waits
		t.again(f)
	}
	if r.dropped {
		t.in.Drop(x)
	}
	if r.refused == "" && !r.dropped {
		t.last.Hash, t.last.Digest = r.hash, t.s.digest
	}
	r.taken.Hash = r.hash
}

// commit settles the intake and hands it to the outbox.
func (t *taking) commit(ctx context.Context) error {
	if len(t.readings) == 0 {
		return nil
	}
	// Guards decide between Settle and Commit, on the counts that Settle returns; what they hold is dropped and settled anew.
	_, err := t.in.Settle(func(x int, _ uint64) { t.readings[x].taken.Rejects++ })
	if err != nil {
		return err
	}
	for x, r := range t.readings {
		if !r.dropped || r.taken.Refused != "" {
			t.in.Finish(x, r.taken)
		}
	}
	exports, err := t.in.Commit(ctx, t.now)
	if err != nil {
		return err
	}
	for x, e := range exports {
		if e.ID != 0 {
			t.tell(&t.readings[x], e)
		}
	}
	return nil
}

// tell logs what came of an export, and puts it on the list for what comes after.
func (t *taking) tell(r *reading, e outbox.Export) {
	log := t.s.a.log.With("source", e.Source, "export", e.Name)
	if e.Refused != "" {
		log.Error("export refused: nothing of it was taken", "err", e.Refused)
		return
	}
	log.Info("export taken", "rows", e.Rows, "new", e.New, "changed", e.Changed, "to_zero", e.Zero, "unchanged", e.Unchanged,
		"older", e.Older, "rejects", e.Rejects, "complete", e.Complete, "took", time.Since(t.now).Round(time.Millisecond))
	if !e.Complete {
		t.again(r.file)
		return
	}
	t.done = append(t.done, doneFile{r.file, r.hash})
}

// family is a name but for its digits: exports of one kind share it.
func family(name string) string {
	var b strings.Builder
	digits := false
	for _, c := range name {
		if c >= '0' && c <= '9' {
			if !digits {
				b.WriteByte('#')
			}
			digits = true
			continue
		}
		digits = false
		b.WriteRune(c)
	}
	return b.String()
}

// statText is a file's identity as the outbox keeps it.
func statText(s watcher.Stat) string {
	return fmt.Sprintf("%d %d %d %d %d", s.Size, s.Modified, s.Changed, s.Volume, s.Index)
}

// contentHash tells two exports apart by their bytes: 128 bits, two differently seeded xxhash64. Nobody gains by forging
// one who could not as well write the export that he wants.
type contentHash struct{ a, b *xxhash.Digest }

func newContentHash() contentHash {
	return contentHash{xxhash.New(), xxhash.NewWithSeed(0x7469_6c6c_706f_7374)}
}

func (h contentHash) Write(p []byte) (int, error) {
	_, _ = h.a.Write(p) // never fails, nor does the other
	return h.b.Write(p)
}

func (h contentHash) String() string { return hex.EncodeToString(h.b.Sum(h.a.Sum(nil))) }

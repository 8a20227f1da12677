package outbox

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.etcd.io/bbolt"
)

// Taken is what came of reading an export.
type Taken struct {
	Hash     string // of its bytes
	Complete bool   // its last row too
	Refused  string // why nothing of it was taken; such an export must be dropped too
	Rows     int64  // that were not counted in an earlier reading, as are
	Skipped  int64  // and
	Reasons  Reasons
}

// Finish says what came of reading an export of the intake. One that was dropped and not finished leaves no trace.
func (in *Intake) Finish(export int, t Taken) { in.exports[export].taken = t }

// Commit accepts the exports of the intake as they were settled last: what they change is durable when it returns, and
// has been handed to the drain whole. It returns the records of the exports, in the order of Begin; those of exports
// that left no trace are zero. Promises 1 and 6 of the contract.
//
// When ctx ends while a large change is applied, or the disk is full, Commit returns the error beside the records: the
// exports are taken all the same. The rest is applied by Resume or by the next Settle, in this life or another.
func (in *Intake) Commit(ctx context.Context, now time.Time) ([]Export, error) {
	if !in.settled {
		return nil, errors.New("commit of an intake that is not settled")
	}
	in.settled = false
	o := in.o
	delta, err := in.deltas.finish()
	if err != nil {
		return nil, diskError(o.dir, fmt.Errorf("write down what the exports change: %w", err))
	}
	sets := make([]SetRef, len(in.exports))
	for i, x := range in.exports {
		if x.kept != nil {
			sets[i] = SetRef{File: x.kept.File, Keys: x.kept.Keys, Rank: x.rank}
		}
		if x.set == nil {
			continue
		}
		if sets[i], err = x.set.finish(); err != nil {
			return nil, diskError(o.dir, fmt.Errorf("write down which keys %s names: %w", x.Name, err))
		}
		sets[i].Rank = x.rank
	}
	tracks, err := in.finishTracks()
	if err != nil {
		return nil, diskError(o.dir, fmt.Errorf("write down which keys the exports name: %w", err))
	}
	trail := in.finishTrail(sets)
	in.dropLists()
	if err := in.lists(now); err != nil {
		return nil, err
	}
	defer o.holdBack()() // from before it is accepted until it is applied
	var exports []Export
	var id uint64
	err = o.update(func(t *txn) error {
		id, exports, err = in.accept(t, delta, sets, tracks, trail, now)
		return err
	})
	if err == nil || errors.Is(err, ErrUncertain) {
		in.disown() // from here on the files belong to the outbox, or may
		in.keptLists()
	}
	if err != nil {
		return nil, fmt.Errorf("accept %d exports: %w", len(in.exports), err)
	}
	if delta != "" {
		if err = o.apply(ctx, id); err != nil {
			o.interrupted(err)
		}
	}
	if in.reheld {
		o.noteHeld()
	}
	swept := len(in.old) > 0 || slices.ContainsFunc(sets, func(s SetRef) bool { return s.File != "" })
	in.discard() // closes the sets that were read, so that those which go can be removed
	in.along.close()
	if swept {
		err = errors.Join(err, o.sweepFolder("named"))
	}
	return exports, err
}

// interrupted notes that err ended the applying of something accepted. Until it is finished the drain gets nothing,
// but on a full disk: what was applied goes out, for that may be what makes room.
func (o *Outbox) interrupted(err error) {
	_, full := errors.AsType[*FullError](err)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.unresumed = err != nil && !full
}

// holdBack keeps the drain from getting anything until the function that it returns is called.
func (o *Outbox) holdBack() (release func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.hold++
	return func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.hold--
	}
}

// accept is the one transaction that takes the exports; a small delta is applied in it.
func (in *Intake) accept(t *txn, delta string, sets []SetRef, tracks map[[2]string]Track, trail *leftTrail, now time.Time) (id uint64, _ []Export, err error) {
	exports := make([]Export, len(in.exports))
	refs := make([]exportRef, len(in.exports))
	sources := map[string]*Source{}
	for i, x := range in.exports {
		if x.dropped && x.taken.Refused == "" {
			continue
		}
		e := x.record(now)
		if x.Completes == nil {
			t.state.Export++
			e.ID = t.state.Export
		}
		s := sources[x.Source]
		if s == nil {
			read, err := t.source(x.Source, now)
			if err != nil {
				return 0, nil, err
			}
			s, sources[x.Source] = &read, &read
		}
		exports[i], refs[i] = e, exportRef{e.ID, s.Number}
		s.Last = max(s.Last, e.ID)
		if e.Refused == "" && (x.Completes == nil || s.Newest == e.ID) { // a last row makes no export the newest again
			older, err := t.older(e.Rank, s.Newest)
			if err != nil {
				return 0, nil, err
			}
			switch {
			case older && x.Rereads != nil: // which is no export since the newest
			case older:
				s.Hash = "" // the newest's bytes, and its own, are news from now on
			default:
				s.Newest, s.Hash, s.Digest = e.ID, e.Hash, e.Digest
			}
		}
		if sets[i].File != "" {
			if s.Sets == nil {
				s.Sets = map[string]SetRef{}
			}
			s.Sets[x.Family] = sets[i]
			delete(s.Trails, x.Family)
		}
		t.state.Unchanged += x.counts.Unchanged
		t.state.Rejects += x.taken.Reasons.Total()
		t.state.Reasons = t.state.Reasons.plus(x.taken.Reasons)
		t.state.Duplicates += x.counts.Duplicates
		if err := errs(putJSON(t.tx.Bucket(bucketExports), id8(e.ID), e), x.keepFile(t, e, now)); err != nil {
			return 0, nil, err
		}
	}
	t.state.Rank = max(t.state.Rank, in.rank)
	in.keepLists(sources)
	if err := in.keepHeld(t, exports); err != nil {
		return 0, nil, err
	}
	if err := in.putSources(t, sources, tracks); err != nil {
		return 0, nil, err
	}
	if err := t.forgetOld(now); err != nil { // which reads what was just written
		return 0, nil, err
	}
	age := t.nextAge(now)
	if delta == "" {
		return 0, exports, errs(t.applyChunk(in.deltas.chunk, refs, age), t.keepTrail(trail))
	}
	t.state.Row++
	id = t.state.Row
	record := intakeRecord{Delta: delta, Size: in.deltas.size, Age: age, Left: in.deltas.wants, Trail: trail, Rev: t.state.Rev}
	for _, r := range refs {
		record.Exports, record.Sources = append(record.Exports, r.id), append(record.Sources, r.source)
	}
	return id, exports, putJSON(t.tx.Bucket(bucketIntakes), id8(id), record)
}

// older reports whether a rank is less than that of an export, which may be forgotten.
func (t *txn) older(rank, export uint64) (bool, error) {
	var e Export
	err := getJSON(t.tx.Bucket(bucketExports), id8(export), &e)
	if errors.Is(err, ErrUnknown) {
		err = nil
	}
	return rank < e.Rank, err
}

// keepFile writes down that the export's file was read. Under the name of one that is released, or read again, may lie
// another by now.
func (x *incoming) keepFile(t *txn, e Export, now time.Time) error {
	b, key := t.tx.Bucket(bucketFiles), fileKey(x.Source, x.Name)
	var was File
	err := getJSON(b, key, &was)
	if x.Releases != 0 || x.Rereads != nil {
		if errors.Is(err, ErrUnknown) || err == nil && was.Export != x.Releases && (x.Rereads == nil || was.Hash != x.Rereads.Hash) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	came := was.Came
	if err != nil || was.Stat != x.Stat {
		came = now.UTC()
	}
	return putJSON(b, key, File{Stat: x.Stat, Hash: e.Hash, Export: e.ID, Complete: e.Complete, ModTime: x.ModTime, At: now.UTC(), Came: came})
}

// putSources writes the sources of the intake, without the sets that were evicted.
func (in *Intake) putSources(t *txn, sources map[string]*Source, tracks map[[2]string]Track) error {
	for _, s := range in.old {
		if src := sources[s.source]; s.evicted && src != nil {
			delete(src.Sets, s.family)
			delete(src.Trails, s.family)
		}
	}
	for name, s := range sources {
		s.keepTracks(name, tracks)
		if err := putJSON(t.tx.Bucket(bucketSources), []byte(name), s); err != nil {
			return err
		}
	}
	return nil
}

func (x *incoming) record(now time.Time) Export {
	e := Export{Source: x.Source, Name: x.Name, Family: x.Family, Size: x.Size, ModTime: x.ModTime, Arrived: x.Arrived,
		Taken: now.UTC(), Rank: x.rank, Hash: x.taken.Hash, Digest: x.Digest, Complete: x.taken.Complete, Refused: x.taken.Refused,
		Rows: x.taken.Rows, Rejects: x.taken.Reasons.Total(), Skipped: x.taken.Skipped, Reasons: x.taken.Reasons, Listed: x.fresh, Held: x.hold != nil, Apart: x.lacks.mode == lacksApart, Unnamed: x.unnamedAll, Counts: x.counts}
	if x.Rereads != nil {
		e.Rereads = x.Rereads.ID
	}
	if c := x.Completes; c != nil {
		e.ID, e.Arrived = c.ID, c.Arrived
		e.Rows += c.Rows
		e.Rejects += c.Rejects
		e.Reasons = e.Reasons.plus(c.Reasons)
		e.Skipped += c.Skipped
		e.New += c.New
		e.Changed += c.Changed
		e.Zero += c.Zero
		e.Unchanged += c.Unchanged
		e.Older += c.Older
		e.Missing += c.Missing
		e.Duplicates += c.Duplicates
		e.Rereads, e.Unnamed = c.Rereads, e.Unnamed+c.Unnamed
	}
	return e
}

// Resume applies what another life, or an interrupted Commit, has accepted and not applied. Until it has returned once
// without an error that ended it, Turn hands out nothing. lost are the exports whose changes could not be applied
// because their delta is damaged or gone: they count as never read.
func (o *Outbox) Resume(ctx context.Context) (lost []Export, err error) {
	o.intake.Lock()
	defer o.intake.Unlock()
	return o.resume(ctx)
}

// resume is Resume with intake held.
func (o *Outbox) resume(ctx context.Context) (lost []Export, err error) {
	defer o.holdBack()()
	defer func() { o.interrupted(err) }()
	var ids []uint64
	err = o.view(func(tx *bbolt.Tx) error {
		return tx.Bucket(bucketIntakes).ForEach(func(k, _ []byte) error {
			d := decoder{b: k}
			ids = append(ids, d.uint64())
			return nil
		})
	})
	for _, id := range ids {
		if err == nil {
			err = o.apply(ctx, id)
		}
		if errors.Is(err, errDelta) || errors.Is(err, fs.ErrNotExist) {
			var forgotten []Export
			forgotten, err = o.forgetIntake(id)
			lost = append(lost, forgotten...)
		}
	}
	if err != nil {
		return lost, err
	}
	_, err = o.resend(ctx)
	return lost, err
}

// apply brings an accepted delta into the records and the queue, a chunk a transaction, from where it has come to.
func (o *Outbox) apply(ctx context.Context, id uint64) (err error) {
	var in intakeRecord
	if err := o.view(func(tx *bbolt.Tx) error { return getJSON(tx.Bucket(bucketIntakes), id8(id), &in) }); err != nil {
		return err
	}
	refs := in.refs()
	path := filepath.Join(o.dir, "spill", in.Delta)
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() {
		if _ = f.Close(); err == nil { // it was only read
			_ = os.Remove(path) // else the sweep at the next start takes it
		}
	}()
	for in.Offset < in.Size {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		chunk, next, err := readChunk(f, in.Offset)
		if err != nil {
			return err
		}
		in.Offset = next
		err = o.update(func(t *txn) error {
			rev := t.state.Rev
			err := t.applyChunk(chunk, refs, in.Age)
			in.Left -= t.wants
			in.Rev += t.state.Rev - rev
			return errs(err, putJSON(t.tx.Bucket(bucketIntakes), id8(id), in))
		})
		if err != nil {
			return err
		}
	}
	return o.update(func(t *txn) error {
		if t.state.Rev != in.Rev { // something else has changed meanwhile
			in.Trail = nil
		}
		return errs(t.keepTrail(in.Trail), t.tx.Bucket(bucketIntakes).Delete(id8(id)))
	})
}

// finish applies what is accepted and not applied, so that an intake is compared with what was accepted before it. intake
// is held.
func (o *Outbox) finish() error {
	left := false
	err := o.view(func(tx *bbolt.Tx) error {
		k, _ := tx.Bucket(bucketIntakes).Cursor().First()
		left = k != nil
		return nil
	})
	if err != nil || !left {
		return err
	}
	lost, err := o.resume(context.Background())
	if err == nil && len(lost) > 0 {
		names := make([]string, len(lost))
		for i, e := range lost {
			names[i] = e.Source + ": " + e.Name
		}
		err = fmt.Errorf("what %s changed could not be read back: to be read again", strings.Join(names, ", "))
	}
	return err
}

// forgetIntake gives up an intake whose delta cannot be read: its exports are to be read again.
func (o *Outbox) forgetIntake(id uint64) (lost []Export, err error) {
	err = o.update(func(t *txn) error {
		var in intakeRecord
		if err := getJSON(t.tx.Bucket(bucketIntakes), id8(id), &in); err != nil {
			return err
		}
		for _, export := range in.Exports {
			var e Export
			if err := getJSON(t.tx.Bucket(bucketExports), id8(export), &e); err != nil {
				continue // dropped, or forgotten
			}
			lost = append(lost, e)
			s, err := t.source(e.Source, time.Now())
			if err != nil {
				return err
			}
			s.Newest, s.Hash = 0, ""
			delete(s.Sets, e.Family)
			delete(s.Tracks, e.Family)
			delete(s.Trails, e.Family)
			err = errs(putJSON(t.tx.Bucket(bucketSources), []byte(e.Source), s),
				t.tx.Bucket(bucketFiles).Delete(fileKey(e.Source, e.Name)))
			if err != nil {
				return err
			}
		}
		return t.tx.Bucket(bucketIntakes).Delete(id8(id))
	})
	return lost, err
}

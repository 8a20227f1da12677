package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"

	"tillpost/export"
	"tillpost/outbox"
	"tillpost/watcher"
)

// taking is one look's exports on their way into the outbox.
type taking struct {
	s      *source
	in     *outbox.Intake
	now    time.Time
	newest newest        // of the source: as recorded, then as read in this look
	record outbox.Export // of the newest export as recorded; zero = there is none

	held     []outbox.Held                // when the look began
	known    map[string]*outbox.StoreKeys // by store: the source's keys, once a guard has asked for them
	readings []reading                    // by their numbers in the intake
	same     map[string]outbox.File       // nothing new, but seen in another state
	done     []doneFile                   // to be put away
	exports  []outbox.Export              // what came of the readings
	more     bool                         // something is to be come back to
}

// newest is what an export with the same bytes is compared with.
type newest struct {
	id           uint64 // 0 = it was read in this look
	hash, digest string
	complete     bool // its last row too
}

// reading is one export that was read.
type reading struct {
	file    watcher.File
	hash    string
	refused string    // why nothing of it is taken
	ended   bool      // it ends with a line end
	came    time.Time // when this version of the file came to rest
	dropped bool      // it leaves no trace, or only that it was refused
	taken   outbox.Taken
	how     export.Detected
	own     outbox.Reasons  // of the rejects, without those that fell for other rows of the export
	fallen  []outbox.Reject // those, and
	spared  int64           // how many more of them are only counted
	rank    uint64
	blind   int64            // rejects that name no product
	held    *outbox.Held     // that is released; nil = it is none
	again   *outbox.Export   // as it was taken before, in another way; nil = it was not
	path    string           // where its bytes lie; "" = in the folder
	list    string           // where the keys are listed that it does not name any more, and
	unnamed []outbox.Unnamed // the first of them
}

// doneFile is an export that the outbox has whole.
type doneFile struct {
	file watcher.File
	hash string
}

func (t *taking) begin() error {
	t.same = map[string]outbox.File{}
	box := t.s.a.box
	last, err := box.Source(t.s.conf.Name)
	if err == nil && last.Newest != 0 {
		t.record, err = box.Export(last.Newest)
	}
	if err != nil && !errors.Is(err, outbox.ErrUnknown) {
		return err
	}
	t.newest = newest{last.Newest, last.Hash, last.Digest, t.record.Complete}
	t.held, err = box.Held()
	return err
}

// read reads one export into the intake, unless it is known. What concerns the export alone is dealt with here; an
// error concerns the whole look.
func (t *taking) read(f watcher.File) error {
	known, err := t.s.a.box.File(t.s.conf.Name, f.Name)
	if err != nil && !errors.Is(err, outbox.ErrUnknown) {
		return err
	}
	r := reading{file: f, came: known.Came}
	if lies := err == nil && known.Stat == statText(f.Stat); !lies {
		r.came = t.now
		t.s.comes(t.now)
	} else {
		unread := false
		if known, unread, err = t.seen(&r, known); err != nil || !unread {
			return err
		}
	}
	x, err := t.open(&r, known)
	if err != nil {
		t.in.Drop(x)
		r.dropped = true
	}
	t.readings = append(t.readings, r)
	if full, ok := errors.AsType[*outbox.FullError](err); ok {
		return full
	}
	if err != nil {
		t.unread(f, err)
		return nil
	}
	t.s.reading.well(f.Name)
	t.s.changing.well(f.Name)
	return nil
}

// seen deals with a file that lies there as it did in an earlier look. It reports whether it must be read all the same,
// and as what.
func (t *taking) seen(r *reading, known outbox.File) (_ outbox.File, unread bool, err error) {
	f := r.file
	if known.Hash == "" {
		return known, false, nil // it was there before the first start, and is left alone for good
	}
	if r.again = t.s.stale.of(f.Name, known.Hash); r.again != nil {
		return outbox.File{}, true, nil
	}
	e, err := t.s.a.box.Export(known.Export)
	forgotten := errors.Is(err, outbox.ErrUnknown)
	if err != nil && !forgotten {
		return known, false, err
	}
	otherwise := !forgotten && e.Digest != t.s.digest // it would be read in another way than it was
	switch {
	case otherwise && e.Refused != "":
		return outbox.File{}, true, nil
	case otherwise && !known.Complete:
		r.again = &e
		return outbox.File{}, true, nil
	case f.Recheck:
		return known, true, nil
	case !known.Complete && f.Final:
		return known, true, nil
	case !known.Complete:
		t.again(f)
	case t.s.conf.After == "keep" || e.Refused != "": // what was refused stays where a person can look at it
	case forgotten:
		return known, true, nil // was it taken, or refused? Reading it tells
	default:
		t.done = append(t.done, doneFile{f, known.Hash})
	}
	return known, false, nil
}

// again waits for the last row of an export.
func (t *taking) again(f watcher.File) {
	t.more = true
	t.s.watcher.Again(f)
}

// unread deals with an export that could not be read this time.
func (t *taking) unread(f watcher.File, err error) {
	log := t.s.a.log.With("source", t.s.conf.Name, "export", f.Name)
	switch {
	case errors.Is(err, watcher.ErrChanged) && errors.Is(err, fs.ErrNotExist):
		log.Warn("the export was gone before it was read", "err", err)
		t.s.reading.well(f.Name)
		t.s.changing.well(f.Name)
	case errors.Is(err, watcher.ErrChanged):
		t.s.changing.fail(f.Name, "an export changed while it was read; it is read again once it lies still", err)
		t.more = true
		t.s.reading.well(f.Name)
	case errors.Is(err, errOtherBytes):
		log.Info("the export was replaced by another of the same length; it is read anew")
		t.more = true
		t.s.watcher.Retry(f)
	default:
		t.more = true
		t.s.reading.fail(f.Name, "an export cannot be read; it is tried again", err)
		t.s.watcher.Retry(f)
	}
}

// open opens the export and reads all of it, which is one number of the intake whatever comes of it. The error is that
// of the file or the disk; what is wrong with the export itself is in r.
func (t *taking) open(r *reading, known outbox.File) (x int, err error) {
	f, s := r.file, t.s
	spec := outbox.Reading{Source: s.conf.Name, Name: f.Name, Family: family(f.Name), Size: f.Size, ModTime: f.ModTime(),
		Arrived: f.Arrived, Stat: statText(f.Stat), Digest: s.digest, Stock: stockOf(s.conf), Settle: duplicatesOf(s.conf), Missing: s.zeroesMissing()}
	if r.again != nil {
		spec.Rereads, spec.Rank, r.file.Final = r.again, r.again.Rank, f.Final || r.again.Complete
	} else {
		spec.Rank = s.rank(f, t.held, t.now)
	}
	if known.Export != 0 && !known.Complete {
		// Perhaps these are the bytes of which all but the last row was taken: known once they are read.
		e, err := s.a.box.Export(known.Export)
		if err == nil && e.Size == f.Size && e.Digest == s.digest && e.Refused == "" && !e.Complete {
			spec.Completes = &e
		}
	}
	r.rank = spec.Rank
	if spec.Completes != nil {
		r.rank = spec.Completes.Rank
	}
	x = t.in.Begin(spec, t.now)
	snap, err := s.watcher.Open(f)
	if err != nil {
		return x, err
	}
	defer snap.Close() // it is only read
	hash := newContentHash()
	if err := t.rows(r, x, io.TeeReader(snap, hash), spec.Completes != nil); err != nil {
		return x, err
	}
	if _, err := io.Copy(hash, io.LimitReader(snap, mostUnread-hash.size%mostUnread)); err != nil { // what a refused export still holds
		return x, err
	}
	if err := snap.Unchanged(); err != nil {
		return x, err
	}
	r.hash, r.ended = hash.String(), hash.ended()
	if c := cmp.Or(spec.Completes, spec.Rereads); c != nil && c.Hash != r.hash {
		// Other bytes of the same length: an export of its own. It is read as such at the next look.
		if err := t.forgetPartial(f); err != nil {
			return x, err
		}
		return x, fmt.Errorf("it was taken before: %w", errOtherBytes)
	}
	t.judge(r, x, known, spec.Completes != nil)
	return x, nil
}

// mostUnread is how many bytes of an export are hashed, or a multiple of them, that was refused before they were read: a sparse
// file may have gigabytes of them, and all that their hash is for is not to tell the same refusal twice. How far it had been
// read by then is a matter of chance.
const mostUnread = 64 << 20

// errOtherBytes makes an export be read anew.
var errOtherBytes = errors.New("it holds other bytes than before")

// forgetPartial forgets that a part of an export was taken, so that what lies under its name is read as a new one.
func (t *taking) forgetPartial(f watcher.File) error {
	return t.s.a.box.Seen(t.s.conf.Name, map[string]outbox.File{f.Name: {Stat: "", Complete: false}}, t.now)
}

// rows adds the export's rows to the intake. With counted, all but the last were counted in an earlier reading.
func (t *taking) rows(r *reading, x int, src io.Reader, counted bool) error {
	to := newFeed(t.in)
	err := t.feed(r, x, src, counted, to)
	if ferr := to.close(); err == nil {
		err = ferr
	}
	return err
}

func (t *taking) feed(r *reading, x int, src io.Reader, counted bool, to *feed) error {
	rows, err := t.s.reader.Read(src)
	if refused, ok := errors.AsType[*export.Refused](err); ok {
		r.refused = t.s.a.tokens.redact(refused.Error())
		return nil
	}
	if err != nil {
		return err
	}
	r.how, r.taken.Reasons = rows.Detected(), outbox.Reasons{}
	if rows.Whole = t.s.zeroesMissing(); !rows.Whole {
		if rows.Whole, err = t.s.a.box.KnowsSKUs(); err != nil {
			return err
		}
	}
	held, last := int64(0), int64(0) // the rows at the end that may be cut: those that wait, and those that count
	for row, err := range rows.All() {
		if err != nil {
			reject, bad := errors.AsType[*export.Reject](err)
			if refused, ok := errors.AsType[*export.Refused](err); ok {
				r.refused = t.s.a.tokens.redact(refused.Error())
				return nil
			}
			switch {
			case !bad:
				return err
			case reject.Unterminated && !r.file.Final:
				held++
				continue
			case !counted || reject.Unterminated:
				r.taken.Reasons[reject.Code]++
			}
			if err := t.in.Reject(x, t.s.reject(reject)); err != nil {
				return err
			}
			if reject.Key != nil {
				to.void(reject)
			} else {
				r.blind++
			}
			if reject.Unterminated {
				last++
			}
			continue
		}
		if row.Unterminated && !r.file.Final {
			held++
			continue
		}
		if row.Unterminated {
			last++
		}
		to.add(row, counted && !row.Unterminated)
	}
	t.in.Listed(x, t.s.redactAll(r.how.Headings), r.how.Delimiter)
	sum := rows.Summary()
	r.taken.Complete = held == 0
	r.taken.Rows = int64(sum.Rows) - held
	r.taken.Skipped = int64(sum.Skipped)
	if counted {
		r.taken.Rows, r.taken.Skipped = min(last, r.taken.Rows), 0
	}
	switch {
	case sum.Updates > 0 || held > 0:
	case sum.Rows == 0:
		r.refused = "it has no rows below its header"
	default:
		r.refused = fmt.Sprintf("not one of its rows (%d) is an update: rejected %d, without a quantity %d", sum.Rows, sum.Rejects, sum.Skipped)
	}
	return nil
}

// judge decides what becomes of an export that was read whole.
func (t *taking) judge(r *reading, x int, known outbox.File, completes bool) {
	f := r.file
	file := outbox.File{Stat: statText(f.Stat), Hash: r.hash, Export: known.Export, Complete: true, ModTime: f.ModTime(), Came: r.came}
	switch {
	case r.refused != "" && !f.Final && !r.ended:
		r.dropped = true // it may still be being written
		t.again(f)
	case known.Hash == r.hash && t.refusedBefore(r, known):
		r.dropped = true
		t.same[f.Name] = file
	case r.refused != "":
		r.dropped = true
		r.taken = outbox.Taken{Refused: r.refused, Rows: r.taken.Rows, Reasons: r.taken.Reasons, Skipped: r.taken.Skipped, Complete: true}
	case completes && !r.taken.Complete:
		r.dropped = true // only its time has changed: its last row still waits
		file.Complete = false
		t.same[f.Name] = file
		t.again(f)
	case completes, r.again != nil && r.taken.Rows > r.taken.Skipped+r.taken.Reasons.Total():
	case r.hash == t.newest.hash && t.s.digest == t.newest.digest && (known.Hash == r.hash && known.ModTime.Equal(f.ModTime()) || !t.holds()):
		// The same bytes again, and no other export of the source since, not even one that is held. Promise 6.
		r.dropped = true
		file.Export, file.Complete = t.newest.id, t.newest.complete
		t.nothingNew(f, file)
	case known.Hash == r.hash && known.ModTime.Equal(f.ModTime()):
		r.dropped = true // the same version
		file.Complete = known.Complete || r.taken.Complete
		t.nothingNew(f, file)
	case r.taken.Rows == r.taken.Skipped+r.taken.Reasons.Total() && !r.taken.Complete:
		r.dropped = true // nothing but a last row that may be cut: it waits
		t.again(f)
	}
	if r.dropped {
		t.in.Drop(x)
	}
	if !r.dropped && (r.again == nil || r.again.ID == t.record.ID) {
		t.newest = newest{0, r.hash, t.s.digest, r.taken.Complete}
	}
	r.taken.Hash = r.hash
}

// refusedBefore reports whether an export was refused, or held, when it was read last, and is to stay so.
func (t *taking) refusedBefore(r *reading, known outbox.File) bool {
	if r.refused != "" {
		return true
	}
	e, err := t.s.a.box.Export(known.Export)
	return err == nil && e.Held && e.Digest == t.s.digest && known.ModTime.Equal(r.file.ModTime())
}

// holds reports whether an export of the source was held when the look began: then the same bytes as before it are news.
func (t *taking) holds() bool {
	return slices.ContainsFunc(t.held, func(h outbox.Held) bool { return h.Source == t.s.conf.Name })
}

// nothingNew notes that an export's bytes were taken before. Where that was without their last row, they wait for it like
// the export that they were taken from, which may be gone.
func (t *taking) nothingNew(f watcher.File, file outbox.File) {
	t.same[f.Name] = file
	switch {
	case file.Complete:
		t.done = append(t.done, doneFile{f, file.Hash})
	case f.Final:
		t.more = true
		t.s.watcher.Retry(f) // then as what completes it
	default:
		t.again(f)
	}
}

// commit settles the intake and hands it to the outbox.
func (t *taking) commit(ctx context.Context) error {
	if !slices.ContainsFunc(t.readings, func(r reading) bool { return !r.dropped || r.taken.Refused != "" }) {
		return nil
	}
	t.track()
	if err := errors.Join(t.settle(), ctx.Err()); err != nil {
		return err
	}
	if err := errors.Join(t.stillReleased(), t.guard(), t.listFallen(), t.listUnnamed()); err != nil {
		return err
	}
	for x, r := range t.readings {
		if !r.dropped || r.taken.Refused != "" {
			t.in.Finish(x, r.taken)
		}
	}
	handed := t.in.Handovers()
	exports, err := t.in.Commit(ctx, t.now)
	if _, full := errors.AsType[*outbox.FullError](err); full && len(exports) > 0 {
		t.s.a.unapplied.Store(true) // they are taken; the rest of them is applied once there is room
		t.s.trouble.begin("the disk is full: what exports change is queued once there is room", err)
		err = nil
	}
	if err == nil {
		err = t.tellSuperseded(exports)
	}
	for x, e := range exports {
		if e.Held {
			t.alike(&t.readings[x], e.ID)
		}
		if e.ID != 0 {
			t.tell(&t.readings[x], e)
			t.tellUnnamed(&t.readings[x], e)
		}
		if report, ok := t.in.Report(x); ok && e.ID != 0 {
			t.s.report(report, t.now)
		}
	}
	t.exports = exports
	if err != nil {
		return err
	}
	return t.s.a.flaps.count(handed, t.now)
}

// tell logs what came of an export, and puts it on the list for what comes after.
func (t *taking) tell(r *reading, e outbox.Export) {
	log := t.s.a.log.With("source", e.Source, "export", e.Name)
	if e.Held {
		log.Error("export held: nothing of it was taken until a person releases it", "err", e.Refused, "id", fmt.Sprint(e.ID))
		return
	}
	if e.Refused != "" {
		log.Error("export refused: nothing of it was taken", "err", e.Refused)
		return
	}
	log.Info("export taken", "rows", e.Rows, "new", e.New, "changed", e.Changed, "to_zero", e.Zero, "missing", e.Missing, "unchanged", e.Unchanged,
		"older", e.Older, "rejects", e.Rejects, "complete", e.Complete, "took", time.Since(t.now).Round(time.Millisecond))
	t.s.tellLeftOut(log, r.how.LeftOut)
	if r.held == nil {
		t.s.dated(e, t.now)
	}
	if !e.Complete {
		t.again(r.file)
		return
	}
	if r.held != nil || r.path != "" {
		return // where it still lies it is put away at the next look that is told of it
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

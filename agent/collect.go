package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tillpost/config"
	"tillpost/export"
	"tillpost/inventory"
	"tillpost/outbox"
	"tillpost/watcher"
)

// source is one watched folder on its way into the outbox.
type source struct {
	a       *Agent
	conf    config.Source
	reader  *export.Reader
	watcher *watcher.Watcher
	digest  string // of how its exports are read
	archive string // where they go
	pruned  time.Time
	forgot  time.Time

	stale stale              // exports that are to be read again
	ranks map[string]arrival // exports that arrived and are not taken, for what was wrong with them; by name

	missing      trouble // with reading the folder
	blind        trouble // with notifications
	ahead        trouble // with exports that are dated in the future
	trouble      trouble // with the outbox's disk
	litter       trouble // with removing temporary files
	forgetting   trouble // with files that are gone
	pruning      trouble // with the archive and the reports of rejects
	rejects      told
	reading      fileTrouble // with reading exports
	changing     fileTrouble // with exports that change while they are read
	away         fileTrouble // with putting them away
	listing      fileTrouble // with writing down rejects
	leftOut      []string    // columns that were said to be left out
	relist       atomic.Bool // some could not be written down, or another source has taken their name
	begun        bool        // what an earlier life could not write down has been looked for
	first        bool        // the look is the source's first
	archiveAsked bool        // whether the archive is to be read; then
	archiveDue   bool        // says so

	mu    sync.Mutex // guards what follows
	state sourceState
}

// arrival is the rank that a version of a file got when it arrived: what arrives later stays newer, however long it takes
// until this one can be read.
type arrival struct {
	stat watcher.Stat
	rank uint64
}

// arrive gives the files of a look their ranks, before anything can keep them from being read: however long that takes,
// and whichever of them can be read first, what arrived later stays newer.
func (s *source) arrive(look watcher.Look) error {
	if len(look.Files) == 0 {
		return nil
	}
	held, err := s.a.box.Held()
	_, serr := s.a.box.Source(s.conf.Name)
	if s.first = errors.Is(serr, outbox.ErrUnknown); s.first {
		serr = nil
	}
	for _, f := range inTime(look.Files) {
		s.rank(f, held, look.At)
	}
	return errors.Join(err, serr)
}

// inTime are files in the order of their modification times, ties as they came.
func inTime(files []watcher.File) []watcher.File {
	files = slices.Clone(files)
	slices.SortStableFunc(files, func(a, b watcher.File) int {
		return cmp.Or(cmp.Compare(a.Modified, b.Modified), cmp.Compare(a.Seq, b.Seq))
	})
	return files
}

// rank returns the rank of an export that is read now, perhaps once more, where others are held.
func (s *source) rank(f watcher.File, held []outbox.Held, now time.Time) uint64 {
	if a, ok := s.ranks[f.Name]; ok && a.stat.SameBytes(f.Stat) {
		return a.rank
	}
	arrived := f.Arrived
	if s.first && slices.ContainsFunc(held, func(h outbox.Held) bool { return h.Source == s.conf.Name && h.ModTime.After(f.ModTime()) }) {
		arrived = time.Time{} // it was there before what an outbox before this one has held, and is not fresh
	}
	rank := s.a.box.Rank(f.ModTime(), arrived, now)
	s.ranks[f.Name] = arrival{f.Stat, rank}
	return rank
}

// sourceState is what the status tells of a source.
type sourceState struct {
	looked time.Time        // the last look
	came   time.Time        // when an export came to rest last, in this life
	busy   bool             // with what the look found
	idle   bool             // nothing is left to wait for
	faults map[string]fault // what is wrong, by the code of the problem
}

// fault is what is wrong with a source, and since when.
type fault struct {
	figure, words string
	since         time.Time
}

// faultLocked notes what is wrong, or with words empty that it is not any more.
func (s *sourceState) faultLocked(code, figure, words string) {
	if words == "" {
		delete(s.faults, code)
		return
	}
	f, there := s.faults[code]
	if !there {
		f.since = time.Now()
	}
	f.figure, f.words = figure, words
	s.faults[code] = f
}

// fault is faultLocked.
func (s *source) fault(code, figure, words string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.faultLocked(code, figure, words)
}

func newSource(a *Agent, c config.Source) (*source, error) {
	s := &source{a: a, conf: c, digest: c.ReadingDigest(), archive: archiveOf(a.opts.Config, c), ranks: map[string]arrival{},
		state: sourceState{faults: map[string]fault{}}}
	log := a.log.With("source", c.Name)
	folder := log.With("folder", c.Folder)
	s.missing, s.blind, s.ahead = trouble{log: folder}, trouble{log: folder, below: aWarning}, trouble{log: folder, below: aWarning}
	s.trouble, s.rejects = trouble{log: log}, newTold(a.log)
	s.litter, s.forgetting, s.pruning = trouble{log: log, below: aWarning}, trouble{log: log, below: aWarning}, trouble{log: log, below: aWarning}
	s.changing = fileTrouble{trouble: trouble{log: log, below: forInfo}, over: "no export changes any more while it is read"}
	s.reading = fileTrouble{trouble: trouble{log: log}, over: "every export can be read again"}
	s.listing = fileTrouble{trouble: trouble{log: log}, over: "rejects can be written down again"}
	s.away = fileTrouble{trouble: trouble{log: log}, over: "exports can be put away again"}
	var err error
	if s.reader, err = export.New(readerOptions(c)); err != nil {
		return nil, err
	}
	var exclude []string
	if c.Archive.Folder != "" {
		exclude = []string{c.Archive.Folder}
	}
	s.watcher, err = watcher.New(watcher.Options{Folder: c.Folder, Files: c.Files, Recursive: c.Recursive, Exclude: exclude,
		Settle: c.Settle, SettleLast: c.SettleLast, Rescan: c.Rescan, Ready: c.Ready, NoNotify: a.opts.NoNotify, Hub: &a.hub})
	return s, err
}

// collect takes in what each look at the folder finds, until ctx ends.
func (s *source) collect(ctx context.Context) error {
	looked := false
	for look := range s.watcher.Looks(ctx) {
		s.tell(look)
		idle, err := s.take(ctx, look)
		if ctx.Err() != nil {
			return nil // what was interrupted is read again at the next start
		}
		if err != nil {
			return fmt.Errorf("source %s: %w", s.conf.Name, err)
		}
		s.reportAgain()
		s.prune(ctx, look.At)
		s.a.flaps.look(look.At)
		s.settle(look, idle)
		if !looked {
			looked = true
			s.a.hasLooked()
		}
		s.a.changes()
	}
	return nil
}

// settle notes how the folder is after a look was dealt with.
func (s *source) settle(look watcher.Look, idle bool) {
	idle = idle && look.Pending == 0 && look.Missing == ""
	if idle {
		clear(s.ranks)
		s.reading.none()
		s.changing.none()
		s.away.none()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.busy, s.state.idle = false, idle || look.Missing != ""
	files := func(code string, t *fileTrouble, what string) {
		n, words := int64(len(t.files)), ""
		if n > 0 {
			words = fmt.Sprintf("exports that cannot be %s: %d", what, n)
		}
		s.state.faultLocked(code, countOf(n, "An export cannot", "%s exports cannot"), words)
	}
	files(badReading, &s.reading, "read")
	files(badAfter, &s.away, "put away")
	files(badListing, &s.listing, "reported on")
}

func (s *source) isIdle() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.idle
}

// tell notes and logs what a look says of the folder.
func (s *source) tell(look watcher.Look) {
	s.mu.Lock()
	s.state.looked, s.state.busy = look.At, true
	s.state.faultLocked(badFolder, "", look.Missing)
	s.state.faultLocked(badNotify, "", look.Blind)
	s.mu.Unlock()
	if look.Missing != "" {
		s.missing.begin("the folder cannot be read; it is waited for", errors.New(look.Missing))
	} else {
		s.missing.end("the folder can be read again")
	}
	if look.Blind != "" {
		s.blind.begin("the system tells nothing of new files; they are found by looking", errors.New(look.Blind), "rescan", s.conf.Rescan)
	} else {
		s.blind.end("the system tells of new files again")
	}
	if n := len(look.Gone); n > 0 {
		s.a.log.Warn("the export was gone before it was read", "source", s.conf.Name, "export", look.Gone[0], "exports", n)
	}
	for _, skip := range look.Skipped {
		s.a.log.Warn("not an export, left alone", "source", s.conf.Name, "export", skip.Name, "err", skip.Why)
	}
}

// comes notes that an export has come to rest.
func (s *source) comes(now time.Time) {
	s.mu.Lock()
	s.state.came = now
	s.mu.Unlock()
	signal(s.a.arrived)
}

// dated tells of exports that are dated in the future. They count as of now, so that they stop no later ones (promise 8).
func (s *source) dated(e outbox.Export, now time.Time) {
	if e.ModTime.Sub(now) <= time.Minute {
		s.ahead.end("exports are not dated in the future any more")
		s.fault(badClock, "", "")
		return
	}
	s.fault(badClock, "", e.Name+" is dated "+e.ModTime.UTC().Format("2006-01-02 15:04 UTC"))
	s.ahead.begin("an export is dated in the future and counts as of now; is the clock right on the machine that writes it?",
		fmt.Errorf("its time is %s", e.ModTime.UTC().Format("2006-01-02 15:04 UTC")), "export", e.Name)
}

// setFull notes why exports cannot be taken in; "" = they can.
func (s *source) setFull(why string) {
	s.fault(badTaking, "", why)
}

// take takes in what a look found, together. It reports whether nothing is left to come back to. A full disk is not an
// error: the exports are tried again.
func (s *source) take(ctx context.Context, look watcher.Look) (idle bool, err error) {
	if err := s.arrive(look); err != nil {
		return false, s.putOff(err, look.Files)
	}
	released, err := s.hasReleased()
	if err != nil {
		return false, s.putOff(err, look.Files)
	}
	archived, err := s.needsArchive()
	if err != nil {
		return false, s.putOff(err, look.Files)
	}
	if len(look.Files) == 0 && !released && !archived && len(s.stale.exports) == 0 && !s.a.unapplied.Load() {
		if look.Pending == 0 && look.Missing == "" {
			s.trouble.end("exports that could not be taken in are gone")
			s.setFull("")
		}
		return true, nil
	}
	defer signal(s.a.wake) // the drain gets nothing while something is applied, and does not look for its end
	if err := s.a.resume(ctx); err != nil {
		return false, s.putOff(err, look.Files)
	}
	if err := s.a.box.Room(min(bytesOf(look.Files), mostRoom)); err != nil {
		return false, s.putOff(err, look.Files)
	}
	files, err := s.fresh(look)
	if err != nil {
		return false, s.putOff(err, look.Files)
	}
	t := &taking{s: s, in: s.a.box.NewIntake(), now: look.At}
	defer func() {
		if cerr := t.in.Close(); cerr != nil {
			s.litter.begin("a temporary file stays behind until the next start", cerr)
		} else {
			s.litter.end("temporary files can be removed again")
		}
	}()
	archived = archived && look.Missing == ""
	if archived {
		if err := t.archived(ctx, files); err != nil {
			return false, s.putOff(err, look.Files)
		}
	}
	if err := t.takeAll(ctx, look, files); err != nil {
		return false, s.putOff(err, look.Files)
	}
	if ctx.Err() != nil {
		return false, nil
	}
	s.archiveDue = s.archiveDue && !archived
	if !s.a.unapplied.Load() {
		s.trouble.end("exports can be taken in again")
	}
	s.setFull("")
	s.finish(t)
	return !t.more, nil
}

// takeAll reads the exports and hands them to the outbox.
func (t *taking) takeAll(ctx context.Context, look watcher.Look, files []watcher.File) error {
	if err := errors.Join(t.begin(), t.released(ctx)); err != nil {
		return err
	}
	for _, f := range files {
		if ctx.Err() != nil {
			return nil
		}
		if err := t.read(f); err != nil {
			return err
		}
	}
	gone, err := t.elsewhere(look)
	if err != nil {
		return err
	}
	if err := t.commit(ctx); err != nil {
		return err
	}
	t.rereadDone(t.exports, gone)
	for _, r := range t.readings {
		if _, same := t.same[r.file.Name]; same || !r.dropped || r.taken.Refused != "" {
			delete(t.s.ranks, r.file.Name)
		}
	}
	if len(t.same) > 0 {
		return t.s.a.box.Seen(t.s.conf.Name, t.same, t.now)
	}
	return nil
}

// putOff asks for the files of a look once more, unless err says that the outbox itself must be opened anew.
func (s *source) putOff(err error, files []watcher.File) error {
	if Mendable(err) {
		return err
	}
	if full, ok := errors.AsType[*outbox.FullError](err); ok && full.Err != nil {
		err = full.For(bytesOf(files))
	}
	s.trouble.begin("exports cannot be taken in; deliveries go on", err)
	s.setFull(err.Error())
	for _, f := range files {
		s.watcher.Retry(f)
	}
	return nil
}

// mostRoom is for how many bytes of exports there must be room before they are read: what is greater may be nothing but a
// hole in a file, and finds out while it is read.
const mostRoom = 128 << 20

// bytesOf is how large files are together.
func bytesOf(files []watcher.File) (n int64) {
	for _, f := range files {
		n += f.Size
	}
	return n
}

// day is how far back a source's first look goes for exports that are not the newest of their family. Promise 8.
const day = 24 * time.Hour

// fresh answers the files of a look that must be read, in the order of their modification times. At a source's first
// start that is the newest of each family and those of the last 24 hours; the others are noted as seen. What is held, by an
// outbox before this one, is not the newest: it says nothing of what was wanted.
func (s *source) fresh(look watcher.Look) ([]watcher.File, error) {
	files := inTime(look.Files)
	if len(files) == 0 {
		return nil, nil
	}
	if !s.first {
		return files, nil
	}
	held, err := s.a.box.Held()
	if err != nil {
		return nil, err
	}
	newest := map[string]int{} // family -> index of its newest
	for i, f := range files {
		if !slices.ContainsFunc(held, func(h outbox.Held) bool {
			return h.Source == s.conf.Name && h.Name == f.Name && h.ModTime.Equal(f.ModTime())
		}) {
			newest[family(f.Name)] = i
		}
	}
	old := map[string]outbox.File{}
	var wanted []watcher.File
	for i, f := range files {
		if n, ok := newest[family(f.Name)]; !ok || i >= n || look.At.Sub(f.ModTime()) <= day {
			wanted = append(wanted, f)
			continue
		}
		old[f.Name] = outbox.File{Stat: statText(f.Stat), Complete: true, ModTime: f.ModTime()}
	}
	if len(old) > 0 {
		s.a.log.Info("first start: older exports are left alone", "source", s.conf.Name, "exports", len(old))
	}
	return wanted, s.a.box.Seen(s.conf.Name, old, look.At)
}

// finish does with the exports that were taken what `after` says.
func (s *source) finish(t *taking) {
	for _, d := range t.done {
		if err := s.after(d); err != nil {
			t.more = true
			s.away.fail(d.file.Name, "an export cannot be put away; it is tried again", err)
			s.watcher.Retry(d.file)
			continue
		}
		s.away.well(d.file.Name)
	}
	if len(t.done) > 0 {
		s.forget(t.now)
	}
}

// after archives or deletes an export that the outbox has whole. One that is in use is come back to.
func (s *source) after(d doneFile) error {
	same := func(r io.Reader) (bool, error) {
		h := newContentHash()
		if _, err := io.Copy(h, r); err != nil {
			return false, err
		}
		return h.String() == d.hash, nil
	}
	var err error
	switch s.conf.After {
	case "archive":
		err = s.watcher.Archive(d.file, s.archive, same)
	case "delete":
		err = s.watcher.Remove(d.file, same)
	}
	if errors.Is(err, watcher.ErrChanged) {
		return nil // a new version, which is told by itself, or the POS took it away; not an archive that is missing
	}
	return err
}

// forget lets the outbox forget files that are long gone, once a day. It is called when an export was just taken, so that
// a share that is not mounted is not mistaken for an empty folder.
func (s *source) forget(now time.Time) {
	if now.Sub(s.forgot) < day {
		return
	}
	s.forgot = now
	present := func(name string) bool {
		_, err := os.Lstat(filepath.Join(s.conf.Folder, filepath.FromSlash(name)))
		return !errors.Is(err, fs.ErrNotExist)
	}
	if err := s.a.box.Forget(s.conf.Name, present, now); err != nil {
		s.forgetting.begin("files that are gone cannot be forgotten; it is tried once a day", err)
	} else {
		s.forgetting.end("files that are gone can be forgotten again")
	}
}

// prune empties the archive, the reports of rejects and the outbox of what is too old, once a day.
func (s *source) prune(ctx context.Context, now time.Time) {
	if now.Sub(s.pruned) < day {
		return
	}
	s.pruned = now
	var err error
	if s == s.a.sources[0] {
		err = errors.Join(s.a.pruneReports(now), s.a.forgetKeys(ctx, now))
	}
	if s.conf.After == "archive" {
		err = errors.Join(err, watcher.PruneArchive(s.archive, s.conf.Archive.Keep, now))
	}
	if err != nil {
		s.pruning.begin("what is old cannot be removed; it is tried once a day", err)
		return
	}
	s.pruning.end("what is old can be removed again")
}

// readerOptions is the config's way to read an export, as package export wants it.
func readerOptions(c config.Source) export.Options {
	o := export.Options{Preset: c.Preset, Sheet: c.Sheet, Row: c.Row, SplitSize: c.SplitSize, Format: c.Format, Encoding: c.Encoding, Delimiter: c.Delimiter, Decimal: c.Decimal,
		Columns: map[export.Field]export.Column{}, Defaults: map[export.Field]string{}, Stores: c.Stores,
		IdentifyBy: c.IdentifyBy, UPC: c.UPC, CheckDigitMissing: c.UPCCheckDigit == "missing", SKUNeeds: []export.Field{},
		RejectNegative: c.Negative == "reject", RejectFractions: c.Fractions == "reject", Duplicates: c.Duplicates}
	switch {
	case c.Header.None:
		o.Header = export.HeaderNone
	case c.Header.Line > 0:
		o.Header = c.Header.Line
	}
	for name, col := range c.Columns {
		o.Columns[field(name)] = export.Column(col)
	}
	for name, text := range c.Defaults {
		o.Defaults[field(name)] = text
	}
	for _, name := range c.SKUNeeds {
		o.SKUNeeds = append(o.SKUNeeds, field(name))
	}
	return o
}

// field is the field of a name that the config has checked.
func field(name string) (f export.Field) {
	if err := f.UnmarshalText([]byte(name)); err != nil {
		panic(err)
	}
	return f
}

// stockOf is what a source's figures become.
func stockOf(c config.Source) inventory.Stock {
	return inventory.Stock{KeepNegative: c.Negative == "keep", Reserve: c.Reserve}
}

func duplicatesOf(c config.Source) inventory.Duplicates {
	switch c.Duplicates {
	case "sum":
		return inventory.DuplicatesSum
	case "reject":
		return inventory.DuplicatesReject
	}
	return inventory.DuplicatesLast
}

package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"sync"
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
	trouble trouble
	pruned  time.Time

	mu    sync.Mutex // guards what follows
	state sourceState
}

// sourceState is what the status tells of a source.
type sourceState struct {
	looked  time.Time // the last look
	missing string    // why the folder cannot be read
	blind   string    // why no notifications come
	problem string    // why exports could not be taken in
	idle    bool      // nothing is left to wait for
}

func newSource(a *Agent, c config.Source) (*source, error) {
	s := &source{a: a, conf: c, digest: c.ReadingDigest(), archive: c.Archive.Folder}
	s.trouble = trouble{log: a.log.With("source", c.Name)}
	if s.archive == "" {
		s.archive = filepath.Join(a.opts.Config.DataDir, "archive", c.Name)
	}
	var err error
	if s.reader, err = export.New(readerOptions(c)); err != nil {
		return nil, err
	}
	var exclude []string
	if c.Archive.Folder != "" {
		exclude = []string{c.Archive.Folder}
	}
	s.watcher, err = watcher.New(watcher.Options{Folder: c.Folder, Files: c.Files, Recursive: c.Recursive, Exclude: exclude,
		Settle: c.Settle, SettleLast: c.SettleLast, Rescan: c.Rescan, Ready: c.Ready, NoNotify: a.opts.NoNotify})
	return s, err
}

// collect takes in what each look at the folder finds, until ctx ends.
func (s *source) collect(ctx context.Context) error {
	for look := range s.watcher.Looks(ctx) {
		s.tell(look)
		idle, err := s.take(ctx, look)
		if ctx.Err() != nil {
			return nil // what was interrupted is read again at the next start
		}
		if err != nil {
			return fmt.Errorf("source %s: %w", s.conf.Name, err)
		}
		s.prune(look.At)
		s.mu.Lock()
		s.state.idle = idle && look.Pending == 0 && look.Missing == ""
		s.mu.Unlock()
		signal(s.a.quiet)
	}
	return nil
}

func (s *source) isIdle() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.idle
}

// tell notes and logs what a look says of the folder.
func (s *source) tell(look watcher.Look) {
	s.mu.Lock()
	was := s.state
	s.state.looked, s.state.missing, s.state.blind = look.At, look.Missing, look.Blind
	s.mu.Unlock()
	log := s.a.log.With("source", s.conf.Name, "folder", s.conf.Folder)
	switch {
	case look.Missing != "" && look.Missing != was.missing:
		log.Error("the folder cannot be read; it is waited for", "err", look.Missing)
	case look.Missing == "" && was.missing != "":
		log.Info("the folder can be read again")
	}
	if look.Blind != "" && look.Blind != was.blind {
		log.Warn("the system tells nothing of new files; they are found by looking", "every", s.conf.Rescan, "err", look.Blind)
	}
	for _, skip := range look.Skipped {
		log.Warn("not an export, left alone", "export", skip.Name, "err", skip.Why)
	}
}

// setProblem notes why exports cannot be taken in; "" = they can.
func (s *source) setProblem(what string) {
	s.mu.Lock()
	s.state.problem = what
	s.mu.Unlock()
}

// take takes in what a look found, together. It reports whether nothing is left to come back to. A full disk is not an
// error: the exports are tried again.
func (s *source) take(ctx context.Context, look watcher.Look) (idle bool, err error) {
	files, err := s.fresh(look)
	if err != nil || len(files) == 0 {
		return err == nil, err
	}
	if _, err := s.a.box.Resume(ctx); err != nil { // what a full disk kept from being applied
		return false, s.full(err, files)
	}
	t := &taking{s: s, in: s.a.box.NewIntake(), now: look.At}
	defer func() {
		if cerr := t.in.Close(); cerr != nil {
			s.a.log.Warn("a temporary file stays behind until the next start", "source", s.conf.Name, "err", cerr)
		}
	}()
	if err := t.begin(); err != nil {
		return false, err
	}
	for _, f := range files {
		if ctx.Err() != nil {
			return false, nil
		}
		if err := t.read(f); err != nil {
			return false, s.full(err, files)
		}
	}
	if err := t.commit(ctx); err != nil {
		return false, s.full(err, files)
	}
	s.trouble.end("exports can be taken in again")
	s.setProblem("")
	if err := s.finish(t); err != nil {
		return false, err
	}
	signal(s.a.wake)
	return !t.more, nil
}

// full asks for the files once more where the disk had no room, and returns any other error.
func (s *source) full(err error, files []watcher.File) error {
	if _, full := errors.AsType[*outbox.FullError](err); !full {
		return err
	}
	s.trouble.begin("exports cannot be taken in; deliveries go on", err)
	s.setProblem(err.Error())
	for _, f := range files {
		s.watcher.Retry(f)
	}
	return nil
}

// day is how far back a source's first look goes for exports that are not the newest of their family. Promise 8.
const day = 24 * time.Hour

// fresh answers the files of a look that must be read, in the order of their modification times. At a source's first
// start that is the newest of each family and those of the last 24 hours; the others are noted as seen.
func (s *source) fresh(look watcher.Look) ([]watcher.File, error) {
	files := slices.Clone(look.Files)
	if len(files) == 0 {
		return nil, nil
	}
	slices.SortStableFunc(files, func(a, b watcher.File) int {
		return cmp.Or(cmp.Compare(a.Modified, b.Modified), cmp.Compare(a.Seq, b.Seq))
	})
	_, err := s.a.box.Source(s.conf.Name)
	if !errors.Is(err, outbox.ErrUnknown) {
		return files, err
	}
	newest := map[string]int{} // family -> index of its newest
	for i, f := range files {
		newest[family(f.Name)] = i
	}
	old := map[string]outbox.File{}
	var wanted []watcher.File
	for i, f := range files {
		if newest[family(f.Name)] == i || look.At.Sub(f.ModTime()) <= day {
			wanted = append(wanted, f)
			continue
		}
		old[f.Name] = outbox.File{Stat: statText(f.Stat), Complete: true, ModTime: f.ModTime()}
	}
	if len(old) > 0 {
		s.a.log.Info("first start: older exports are left alone", "source", s.conf.Name, "count", len(old))
	}
	return wanted, s.a.box.Seen(s.conf.Name, old, look.At)
}

// finish does with the exports that were taken what `after` says, and remembers what was nothing new.
func (s *source) finish(t *taking) error {
	if len(t.same) > 0 {
		if err := s.a.box.Seen(s.conf.Name, t.same, t.now); err != nil {
			return err
		}
	}
	for _, d := range t.done {
		if err := s.after(d); err != nil {
			t.more = true
			s.watcher.Retry(d.file)
		}
	}
	return nil
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
	default:
		return nil
	}
	switch {
	case err == nil:
		s.trouble.end("exports can be put away again")
	case errors.Is(err, watcher.ErrChanged), errors.Is(err, fs.ErrNotExist):
		return nil // a new version, which is told by itself, or the POS took it away
	default:
		s.trouble.begin("an export cannot be put away; it is tried again", err)
	}
	return err
}

// prune empties the archive of what is too old, once a day.
func (s *source) prune(now time.Time) {
	if s.conf.After != "archive" || now.Sub(s.pruned) < day {
		return
	}
	s.pruned = now
	if err := watcher.PruneArchive(s.archive, s.conf.Archive.Keep, now); err != nil {
		s.a.log.Warn("the archive cannot be tidied", "source", s.conf.Name, "err", err)
	}
}

// readerOptions is the config's way to read an export, as package export wants it.
func readerOptions(c config.Source) export.Options {
	o := export.Options{Format: c.Format, Encoding: c.Encoding, Delimiter: c.Delimiter, Decimal: c.Decimal,
		Columns: map[export.Field]export.Column{}, Defaults: map[export.Field]string{}, Stores: c.Stores,
		IdentifyBy: c.IdentifyBy, UPC: c.UPC, CheckDigitMissing: c.UPCCheckDigit == "missing", SKUNeeds: []export.Field{},
		RejectNegative: c.Negative == "reject", RejectFractions: c.Fractions == "reject"}
	switch {
	case c.Header.None:
		o.Header = export.HeaderNone
	case c.Header.Line > 0:
		o.Header = c.Header.Line
	}
	for name, col := range c.Columns {
		o.Columns[field(name)] = export.Column{Heading: col.Heading, Number: col.Number}
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

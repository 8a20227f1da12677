package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tillpost/config"
	"tillpost/export"
	"tillpost/inventory"
	"tillpost/outbox"
)

// Why is everything that is known of one product.
type Why struct {
	Keys    []KeyStory `json:"keys"`    // one for each store, and for each way to name the product; at most mostKeys
	Rejects []Reject   `json:"rejects"` // rows that name it and could not become updates; at most mostKeys
	More    bool       `json:"more"`    // there are others
}

// mostKeys is how many keys and rejects `why` tells of.
const mostKeys = 500

// KeyStory is everything that is known of one key.
type KeyStory struct {
	Key            inventory.Key `json:"key"`
	State          string        `json:"state"`    // delivered, waiting, in flight, confirming, dead, discarded
	Quantity       *int64        `json:"quantity"` // last wanted; null = nothing is
	Acknowledged   *int64        `json:"acknowledged"`
	AcknowledgedAt *time.Time    `json:"acknowledged_at"`
	WaitsSince     *time.Time    `json:"waits_since,omitempty"`
	Next           *time.Time    `json:"next,omitempty"` // when it is tried again
	Failures       uint64        `json:"failures,omitempty"`
	InDoubt        bool          `json:"in_doubt,omitempty"` // an older request may still land
	Last           *Try          `json:"last,omitempty"`     // the last try that failed; since the last acknowledgement
	Set            *Mention      `json:"set,omitempty"`      // the export that set the quantity
	Named          *Mention      `json:"named,omitempty"`    // the export that named the key last
}

// Try is a request that failed.
type Try struct {
	Quantity int64     `json:"quantity"`
	Kind     string    `json:"kind,omitempty"`   // of a dead letter
	ID       string    `json:"id,omitempty"`     // of a dead letter
	Status   int       `json:"status,omitempty"` // HTTP; 0 = there was no answer
	Error    string    `json:"error"`
	At       time.Time `json:"at"`
}

// Mention is where an export names a key.
type Mention struct {
	Source string    `json:"source"`
	Export string    `json:"export"`
	At     time.Time `json:"at"`             // when the export was taken
	Line   uint64    `json:"line,omitempty"` // 0 = not known: see Locate
	Path   string    `json:"path,omitempty"` // where the export still lies, with the line
	// Missing says that the export does not name the key, nor did those before it: `missing: zero`.
	Missing bool `json:"missing,omitempty"`

	// What Locate looks for, and takes away.
	Size int64  `json:"size,omitempty"` // of the export, in bytes
	Hash string `json:"hash,omitempty"` // of them
}

func (d *boxDesk) Why(_ context.Context, text string) (out Why, err error) {
	c := newCode(text)
	found, more, err := d.box.Find(c.names, mostKeys)
	if err != nil {
		return out, err
	}
	out.More, out.Keys, out.Rejects = more, []KeyStory{}, []Reject{}
	for i := range found {
		out.Keys = append(out.Keys, storyOf(&found[i]))
	}
	for after := ""; ; {
		page, next, err := d.box.Rejects(after, pageSize)
		if err != nil {
			return out, err
		}
		for _, r := range page {
			if !c.in(&r) {
				continue
			}
			if len(out.Rejects) == mostKeys {
				out.More = true
				return out, nil
			}
			out.Rejects = append(out.Rejects, rejectOf(&r))
		}
		if after = next; after == "" {
			return out, nil
		}
	}
}

func storyOf(f *outbox.Found) KeyStory {
	s := KeyStory{Key: f.Key, State: "delivered", Quantity: f.Wanted, Acknowledged: f.Acked, Failures: f.Attempts, InDoubt: f.Doubt,
		AcknowledgedAt: moment(f.AckedAt), Next: moment(f.Due), Set: mention(&f.Set), Named: mention(&f.Named)}
	switch {
	case f.Wanted == nil:
		s.State = "discarded"
	case f.Dead:
		s.State = "dead"
	case f.InFlight:
		s.State = "in flight"
	case f.Confirm:
		s.State = "confirming"
	case f.Pending:
		s.State = "waiting"
	}
	if f.Pending {
		s.WaitsSince = moment(f.Since)
	}
	if s.Set != nil {
		s.Set.Line, s.Set.Missing = f.Line, f.Line == 0
		if s.Named != nil && f.Named.ID == f.Set.ID {
			s.Named.Line, s.Named.Missing = f.Line, f.Line == 0
		}
	}
	switch {
	case f.Letter != nil:
		d := deadLetter(&outbox.Dead{ID: outbox.IDOf(f.Key), Known: f.Known, Letter: *f.Letter})
		s.Last = &Try{Quantity: d.Quantity, Kind: d.Kind, ID: d.ID, Status: d.Status, Error: d.Error, At: d.At}
	case f.Failure != nil:
		s.Last = &Try{Quantity: f.Failure.Quantity, Status: f.Failure.Status, Error: f.Failure.Words, At: f.Failure.At}
	}
	return s
}

// moment is a time for JSON; nil where there is none.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return new(t.UTC())
}

func mention(e *outbox.Export) *Mention {
	if e.ID == 0 {
		return nil
	}
	return &Mention{Source: e.Source, Export: e.Name, At: e.Taken, Size: e.Size, Hash: e.Hash}
}

// Locate finds where the exports that named the keys last still lie, and the lines there. It reads them, with this
// account's rights; what it does not find it leaves out.
func (w *Why) Locate(ctx context.Context, c *config.Config) error {
	defer func() {
		for _, k := range w.Keys {
			for _, m := range []*Mention{k.Set, k.Named} {
				if m != nil {
					m.Size, m.Hash = 0, ""
				}
			}
		}
	}()
	type place struct{ source, hash string }
	wanted := map[place]map[string]*Mention{} // by the encoded key
	for i := range w.Keys {
		s := &w.Keys[i]
		if s.Named == nil {
			continue
		}
		p := place{s.Named.Source, s.Named.Hash}
		if wanted[p] == nil {
			wanted[p] = map[string]*Mention{}
		}
		wanted[p][string(s.Key.Encode())] = s.Named
	}
	for p, keys := range wanted {
		for _, conf := range c.Sources {
			if conf.Name != p.source {
				continue
			}
			if err := locate(ctx, c, conf, keys); err != nil {
				return err
			}
		}
	}
	return nil
}

// locate finds one export, and the lines of its keys.
func locate(ctx context.Context, c *config.Config, conf config.Source, keys map[string]*Mention) error {
	var any *Mention
	for _, m := range keys {
		any = m
	}
	for _, path := range whereabouts(c, conf, any.Export) {
		about, err := os.Lstat(path)
		if err != nil || !about.Mode().IsRegular() || about.Size() != any.Size {
			continue
		}
		lines, err := linesIn(ctx, path, conf, any.Hash, keys)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			continue // another file by now, or not for this account
		}
		for key, m := range keys {
			m.Path = path
			if line, ok := lines[key]; ok {
				m.Line = line
			}
		}
		return nil
	}
	return nil
}

// whereabouts are the paths under which an export may still lie: its own, and those in the archive that begin like it.
func whereabouts(c *config.Config, conf config.Source, name string) []string {
	paths := []string{filepath.Join(conf.Folder, filepath.FromSlash(name))}
	archive := archiveOf(c, conf)
	flat := strings.ReplaceAll(name, "/", "_")
	stem := strings.TrimSuffix(flat, filepath.Ext(flat))
	entries, err := os.ReadDir(archive)
	if err != nil {
		return paths
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), stem) {
			paths = append(paths, filepath.Join(archive, e.Name()))
		}
	}
	return paths
}

// archiveOf is where a source's exports are archived.
func archiveOf(c *config.Config, conf config.Source) string {
	if conf.Archive.Folder != "" {
		return conf.Archive.Folder
	}
	return filepath.Join(c.DataDir, "archive", conf.Name)
}

// errOtherExport says that a file is not the export that is looked for.
var errOtherExport = errors.New("it holds other bytes")

// linesIn finds the line of each key in the export at path, which must have the hash: the last where there are several.
func linesIn(ctx context.Context, path string, conf config.Source, hash string, keys map[string]*Mention) (map[string]uint64, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() // it is only read
	reader, err := export.New(readerOptions(conf))
	if err != nil {
		return nil, err
	}
	h := newContentHash()
	src := io.TeeReader(f, h)
	rows, err := reader.Read(src)
	if err != nil {
		return nil, err
	}
	lines := map[string]uint64{}
	for row, err := range rows.All() {
		if _, bad := errors.AsType[*export.Reject](err); bad {
			continue
		}
		if err = errors.Join(err, ctx.Err()); err != nil {
			return nil, err
		}
		if _, ok := keys[string(row.Key)]; ok {
			lines[string(row.Key)] = uint64(row.Line)
		}
	}
	if _, err := io.Copy(h, f); err != nil {
		return nil, err
	}
	if h.String() != hash {
		return nil, fmt.Errorf("%s: %w", path, errOtherExport)
	}
	return lines, nil
}

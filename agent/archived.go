package agent

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"tillpost/outbox"
	"tillpost/watcher"
)

// stamp is what the watcher adds to the name of an export in the archive that holds one of that name already.
var stamp = regexp.MustCompile(`~\d{8}T\d{6}Z(-\d+)?`)

// archivedExport is an export that lies in a source's archive.
type archivedExport struct {
	file   string // its name there
	export string // its name in the folder, but for the folder below that
	about  os.FileInfo
}

// needsArchive reports whether the source's newest exports are to be read from its archive: the outbox is new and knows
// nothing of the source, because the one that knew it is lost, and they do not lie in the folder any more. Promise 11.
func (s *source) needsArchive() (bool, error) {
	if s.conf.After != "archive" || s.archiveAsked {
		return s.archiveDue, nil
	}
	source, err := s.a.box.Source(s.conf.Name)
	if err != nil && !errors.Is(err, outbox.ErrUnknown) {
		return false, err
	}
	stats, err := s.a.box.Stats()
	if err != nil {
		return false, err
	}
	s.archiveAsked, s.archiveDue = true, source.Last == 0 && stats.Rebuilt != nil // its first look may have been interrupted
	return s.archiveDue, nil
}

// newestArchived are the newest archived export of each file family of which none as new lies among files.
func (s *source) newestArchived(root *os.Root, files []watcher.File) (list []archivedExport, err error) {
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return nil, err
	}
	newest := map[string]archivedExport{}
	for _, e := range entries {
		about, err := e.Info()
		if err != nil || !about.Mode().IsRegular() || e.Name()[0] == '.' {
			continue
		}
		a := archivedExport{file: e.Name(), export: stamp.ReplaceAllString(e.Name(), ""), about: about}
		if was, ok := newest[family(a.export)]; !ok || was.about.ModTime().Before(about.ModTime()) {
			newest[family(a.export)] = a
		}
	}
	for name, a := range newest {
		if !slices.ContainsFunc(files, func(f watcher.File) bool { return family(f.Name) == name && !f.ModTime().Before(a.about.ModTime()) }) {
			list = append(list, a)
		}
	}
	slices.SortFunc(list, func(a, b archivedExport) int { return a.about.ModTime().Compare(b.about.ModTime()) })
	return list, nil
}

// archived reads the newest exports from the archive, at the ranks that they had. One that cannot be read is left out.
func (t *taking) archived(ctx context.Context, files []watcher.File) error {
	root, err := os.OpenRoot(t.s.archive)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer root.Close()
	list, err := t.s.newestArchived(root, files)
	if err != nil {
		return err
	}
	for _, a := range list {
		if ctx.Err() != nil {
			return nil
		}
		r := reading{path: filepath.Join(t.s.archive, a.file), rank: t.s.a.box.Rank(a.about.ModTime(), time.Time{}, t.now), file: watcher.File{Name: a.export, Final: true}}
		x, err := t.openArchived(root, &r, a)
		if full, ok := errors.AsType[*outbox.FullError](err); ok {
			return full
		}
		if err != nil {
			t.in.Drop(x)
			r.dropped = true
			t.s.a.log.Error("an export in the archive cannot be read; what it says is not sent again", "source", t.s.conf.Name, "export", a.file, "err", err)
		}
		t.readings = append(t.readings, r)
	}
	return nil
}

func (t *taking) openArchived(root *os.Root, r *reading, a archivedExport) (x int, err error) {
	at := a.about.ModTime()
	x = t.in.Begin(outbox.Reading{Source: t.s.conf.Name, Name: a.export, Family: family(a.export), Size: a.about.Size(), ModTime: at, Arrived: at,
		Digest: t.s.digest, Stock: stockOf(t.s.conf), Settle: duplicatesOf(t.s.conf), Missing: t.s.zeroesMissing(), Rank: r.rank}, t.now)
	f, err := root.Open(a.file)
	if err != nil {
		return x, err
	}
	defer f.Close() // it is only read
	hash := newContentHash()
	if err := t.rows(r, x, io.TeeReader(f, hash), false); err != nil {
		return x, err
	}
	if _, err := io.Copy(hash, f); err != nil {
		return x, err
	}
	if r.refused != "" {
		return x, errors.New(r.refused)
	}
	r.hash = hash.String()
	r.taken.Hash = r.hash
	return x, nil
}

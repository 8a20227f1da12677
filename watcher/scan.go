package watcher

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
)

const (
	maxDepth   = 32        // folders below each other
	maxEntries = 1_000_000 // names in one look
	batch      = 1024      // names read at once
)

// scan is one walk through the folder.
type scan struct {
	w     *Watcher
	table *table
	enter func(name string, d *os.File, id fileID) // or nil: told of each folder before it is listed, so that nothing falls between

	missing   string // why the folder could not be read, or ""
	excluded  []fileID
	seen      int
	leftovers []string // set aside and not being moved now
}

// entries yields the regular files that could be exports, and the triggers.
func (s *scan) entries(yield func(entry) bool) {
	root, err := openRoot(s.w.opts.Folder)
	if err != nil {
		s.missing = missingWords(err)
		return
	}
	defer root.Close()
	if s.w.opts.Recursive {
		s.exclude()
	}
	_, err = s.walk(root, ".", nil, 0, yield)
	if err != nil {
		s.missing = missingWords(err)
	}
}

// exclude finds out which folders are not to be walked, by identity, however their paths are written.
func (s *scan) exclude() {
	for _, folder := range s.w.opts.Exclude {
		d, err := os.Open(folder)
		if err != nil {
			continue // what is not there is not walked
		}
		if i, err := statOf(d); err == nil {
			s.excluded = append(s.excluded, i.stat.id())
		}
		d.Close()
	}
}

// walk lists the folder dir and those below it. want is what dir was when its parent was listed, nil for the top. It
// returns false when the look is to end; an error is about dir itself.
func (s *scan) walk(root *os.Root, dir string, want *fileID, depth int, yield func(entry) bool) (bool, error) {
	d, err := openDir(root, dir)
	if err != nil {
		return true, err
	}
	defer d.Close()
	self, err := statOf(d)
	if err != nil {
		return true, err
	}
	if want != nil && *want != self.stat.id() {
		return true, fmt.Errorf("%w: it was replaced", ErrChanged)
	}
	if s.enter != nil {
		s.enter(dir, d, self.stat.id())
	}
	for {
		bases, err := d.Readdirnames(batch)
		for _, base := range bases {
			if s.seen++; s.seen > maxEntries {
				s.table.skip("", fmt.Sprintf("there are more than %d files and folders in it: the rest is not looked at", maxEntries))
				return false, nil
			}
			if !s.one(root, d, self, path.Join(dir, base), depth, yield) {
				return false, nil
			}
		}
		if errors.Is(err, io.EOF) {
			return true, nil
		}
		if err != nil {
			return true, err
		}
	}
}

// one looks at one name in the folder d. It returns false when the look is to end.
func (s *scan) one(root *os.Root, d *os.File, dir info, name string, depth int, yield func(entry) bool) bool {
	base := path.Base(name)
	if _, ok := fromAside(base); ok {
		s.leftovers = append(s.leftovers, name)
		return true
	}
	c := s.w.names.classify(base)
	if c == odd {
		s.table.skip(name, "its name holds control characters or is not valid text")
		return true
	}
	walkable := s.w.opts.Recursive && !temporary(strings.ToLower(base)) && !strings.EqualFold(base, "$recycle.bin")
	if c == other && !walkable {
		return true
	}
	i, err := statAt(d, base)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return true
	case err != nil:
		if c == export {
			s.table.skip(name, "it cannot be examined: "+missingWords(err))
		}
		return true
	case i.kind.IsDir() && walkable:
		return s.descend(root, name, i.stat.id(), depth+1, yield)
	case i.kind == 0 && c == trigger:
		return yield(entry{name: name, stat: i.stat, trigger: true})
	case c != export:
		return true
	}
	if why := unfit(base, i, dir); why != "" {
		s.table.skip(name, why)
		return true
	}
	if i.kind != 0 {
		return true
	}
	return yield(entry{name: name, stat: i.stat})
}

// descend walks a folder below the top. What is wrong with it is told and ends nothing.
func (s *scan) descend(root *os.Root, name string, id fileID, depth int, yield func(entry) bool) bool {
	for _, e := range s.excluded {
		if e == id {
			return true
		}
	}
	if depth > maxDepth {
		s.table.skip(name, fmt.Sprintf("it lies more than %d folders deep", maxDepth))
		return true
	}
	more, err := s.walk(root, name, &id, depth, yield)
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, ErrChanged) {
		s.table.skip(name, "the folder cannot be read: "+missingWords(err))
	}
	return more
}

// unfit says why a file whose name is an export's is none, or "". A folder is worth a word only if its name looks like a
// file's.
func unfit(base string, i, dir info) string {
	switch {
	case i.kind.IsDir():
		if path.Ext(base) == "" {
			return ""
		}
		return "it is a folder"
	case i.kind&fs.ModeSymlink != 0:
		return "it is a link; only files themselves are read"
	case i.kind&fs.ModeNamedPipe != 0:
		return "it is a pipe"
	case i.kind&fs.ModeSocket != 0:
		return "it is a socket"
	case i.kind&fs.ModeDevice != 0:
		return "it is a device"
	case i.kind != 0:
		return "it is not a regular file"
	case foreign(i.origin, dir.origin):
		return "it is a hard link to a file that belongs to somebody else"
	}
	return ""
}

// restoreLeftovers gives the files that a crash left set aside their names back. The next look finds them.
func (s *scan) restoreLeftovers() {
	for _, name := range s.leftovers {
		err := s.w.restore(name)
		switch {
		case err == nil:
			s.w.Wake()
		case !errors.Is(err, fs.ErrNotExist):
			s.table.skip(name, "it was left behind by a crash and cannot be given its name back: "+missingWords(err))
		}
	}
}

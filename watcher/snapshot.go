package watcher

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Snapshot is an export that is being read. What was read counts only if Unchanged answers nil afterwards.
type Snapshot struct {
	folder string
	name   string
	stat   Stat
	file   *os.File
	offset int64
}

// Open opens f for reading. The error wraps ErrChanged where f is not the regular file that was told, and ErrBusy where
// another program keeps it locked. Promise 6.
func (w *Watcher) Open(f File) (*Snapshot, error) {
	s, err := w.open(f.Name, f.Stat)
	if pe, ok := err.(*fs.PathError); ok {
		err = pe.Err // the path is told in full
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", w.path(f.Name), err)
	}
	return s, nil
}

func (w *Watcher) open(name string, want Stat) (*Snapshot, error) {
	root, err := openRoot(w.opts.Folder)
	if err != nil {
		return nil, matches(info{}, err, want)
	}
	defer root.Close()
	if err := expect(root, name, want); err != nil {
		return nil, err
	}
	file, err := root.OpenFile(filepath.FromSlash(name), os.O_RDONLY|fileFlags, 0)
	if err != nil {
		return nil, matches(info{}, err, want)
	}
	i, err := statOf(file) // and not a link, nor what took its place since
	if err := matches(i, err, want); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &Snapshot{folder: w.opts.Folder, name: name, stat: want, file: file}, nil
}

// Size is how many bytes there are to read.
func (s *Snapshot) Size() int64 { return s.stat.Size }

// Read reads on, up to Size bytes in all, however the file grows. Where the file has become shorter the error wraps
// ErrChanged and not io.EOF, so that a torn export is never taken for a whole one.
func (s *Snapshot) Read(p []byte) (int, error) {
	n, err := s.ReadAt(p, s.offset)
	s.offset += int64(n)
	if n > 0 && errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}

// ReadAt is Read at an offset of its own. It answers io.EOF at Size.
func (s *Snapshot) ReadAt(p []byte, offset int64) (int, error) {
	if offset < 0 {
		return 0, fmt.Errorf("read %s: negative offset", s.file.Name())
	}
	left := max(0, s.stat.Size-offset)
	cut := int64(len(p)) > left
	if cut {
		p = p[:left]
	}
	n, err := s.file.ReadAt(p, offset)
	switch {
	case errors.Is(err, io.EOF) && n < len(p):
		return n, fmt.Errorf("read %s: %w: it is shorter", s.file.Name(), ErrChanged)
	case err != nil && !errors.Is(err, io.EOF):
		return n, busy(err) // it has the path already
	case cut:
		return n, io.EOF
	}
	return n, nil
}

// Unchanged reports, after the reading, whether the file was the same all the while and its name is still its own. The
// error wraps ErrChanged where not. Promise 6.
func (s *Snapshot) Unchanged() error {
	err := s.stillNamed()
	if err == nil {
		var i info
		i, err = statOf(s.file)
		err = matches(i, err, s.stat)
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", s.file.Name(), err)
	}
	return nil
}

func (s *Snapshot) stillNamed() error {
	root, err := openRoot(s.folder)
	if err != nil {
		return matches(info{}, err, s.stat)
	}
	defer root.Close()
	return expect(root, s.name, s.stat)
}

// Close closes the file.
func (s *Snapshot) Close() error { return s.file.Close() }

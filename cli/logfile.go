package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
)

// logFile is the file of the log, which is put aside when it is full: tillpost.log becomes tillpost-000001.log, and so
// on, and the newest of those are kept. They are told apart by numbers, for a store's clock may leap, and none is renamed
// twice, for Windows renames no file that somebody looks at. Where the full file cannot be put aside either, it grows on
// to twice its size and then begins anew.
//
// The file is looked for before each write: it may have been moved or deleted, and its folder with it. Another process
// may append to it as well. It is nobody's to read but this account's; an existing one keeps its mode.
//
// It belongs to one goroutine.
type logFile struct {
	path string
	max  int64 // bytes; a line that is longer stays whole
	keep int   // full files; 0 = none, and the file begins anew

	file  *os.File // nil = it is not open
	size  int64
	torn  bool  // it ends within a line
	limit int64 // bytes, beyond which it is to be put aside: max, or more while it cannot be
	aside error // why the last full file was not put aside
	left  error // why a full file too many was not removed
}

// Write appends whole lines. The error is that of the file; n then ends the last line that was written whole.
func (l *logFile) Write(p []byte) (n int, err error) {
	for n < len(p) {
		if err := l.open(); err != nil {
			return n, err
		}
		part := l.fitting(p[n:])
		if len(part) == 0 {
			if err := l.begin(); err != nil {
				return n, err
			}
			continue
		}
		whole, err := l.append(part)
		n += whole
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// fitting are the lines at the beginning of p that the file has room for: at least one where it is empty.
func (l *logFile) fitting(p []byte) []byte {
	room := l.limit - l.size
	if int64(len(p)) <= room {
		return p
	}
	if room > 0 {
		if end := bytes.LastIndexByte(p[:room], '\n') + 1; end > 0 {
			return p[:end]
		}
	}
	if l.size > 0 {
		return nil
	}
	if end := bytes.IndexByte(p, '\n') + 1; end > 0 {
		return p[:end]
	}
	return p
}

// append writes lines to the end of the open file, and returns where the last ends that is whole.
func (l *logFile) append(lines []byte) (whole int, err error) {
	if l.torn { // the rest of that line was lost
		n, err := l.file.Write([]byte("\n"))
		l.size += int64(n)
		if err != nil {
			return 0, err
		}
		l.torn = false
	}
	n, err := l.file.Write(lines)
	l.size += int64(n)
	if err == nil {
		return n, nil
	}
	whole = bytes.LastIndexByte(lines[:n], '\n') + 1
	l.torn = whole < n
	return whole, err
}

// open makes sure that what is open is what lies under the file's name.
func (l *logFile) open() error {
	about, err := os.Stat(l.path)
	if err == nil && !about.Mode().IsRegular() { // opening a FIFO would wait for its reader
		l.close()
		return &fs.PathError{Op: "open", Path: l.path, Err: errors.New("it is not a regular file")}
	}
	if err == nil && l.file != nil {
		if mine, err := l.file.Stat(); err == nil && os.SameFile(mine, about) {
			l.size = mine.Size()
			return nil
		}
	}
	l.close()
	if err := os.MkdirAll(filepath.Dir(l.path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(l.path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if about, err = f.Stat(); err != nil {
		return errors.Join(err, f.Close())
	}
	l.file, l.size, l.limit = f, about.Size(), max(l.limit, l.max)
	last := [1]byte{'\n'}              // of an empty file
	_, _ = f.ReadAt(last[:], l.size-1) // what cannot be read is taken as whole
	l.torn = last[0] != '\n'
	l.left = l.tidy()
	_ = debug.SetCrashOutput(f, debug.CrashOptions{}) // the trace of a crash is worth a try, and no more
	return nil
}

// close closes the file, if it is open.
func (l *logFile) close() {
	if l.file == nil {
		return
	}
	_ = debug.SetCrashOutput(nil, debug.CrashOptions{}) // it holds the file open too
	_ = l.file.Close()                                  // what was written is beyond help
	l.file = nil
}

// begin puts the full file aside and begins a new one. It goes on with the old one while it cannot be put aside.
func (l *logFile) begin() error {
	l.close()
	l.aside = nil
	if l.keep > 0 {
		if l.aside = l.putAside(); l.aside != nil && l.limit < 2*l.max {
			l.limit += l.max/8 + 1
			return l.open()
		}
	}
	l.limit = l.max
	if l.keep == 0 || l.aside != nil {
		if err := os.Truncate(l.path, 0); err != nil {
			return err
		}
	}
	return l.open()
}

// putAside gives the file its number.
func (l *logFile) putAside() error {
	numbers, err := l.numbers()
	if err != nil {
		return err
	}
	next := uint64(1)
	if len(numbers) > 0 {
		next = numbers[len(numbers)-1] + 1
	}
	return os.Rename(l.path, l.numbered(next))
}

// tidy removes the oldest full files where there are too many.
func (l *logFile) tidy() error {
	numbers, err := l.numbers()
	if err != nil {
		return err
	}
	for _, n := range numbers[:max(0, len(numbers)-l.keep)] {
		if rerr := os.Remove(l.numbered(n)); rerr != nil && !errors.Is(rerr, fs.ErrNotExist) {
			err = errors.Join(err, rerr)
		}
	}
	return err
}

// numbered is the name of the n-th full file.
func (l *logFile) numbered(n uint64) string {
	ext := filepath.Ext(l.path)
	return fmt.Sprintf("%s-%06d%s", strings.TrimSuffix(l.path, ext), n, ext)
}

// numbers are those of the full files, the oldest first.
func (l *logFile) numbers() (list []uint64, err error) {
	dir, name := filepath.Split(l.path)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	ext := filepath.Ext(name)
	for _, e := range entries {
		digits := strings.TrimSuffix(strings.TrimPrefix(e.Name(), strings.TrimSuffix(name, ext)+"-"), ext)
		n, err := strconv.ParseUint(digits, 10, 32)
		if err == nil && filepath.Base(l.numbered(n)) == e.Name() && e.Type().IsRegular() {
			list = append(list, n)
		}
	}
	slices.Sort(list)
	return list, nil
}

package watcher

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// Remove deletes f, and its trigger, provided that it still is what was read: same is given the bytes and says so. It is
// for `after: delete`, once all of f is durable elsewhere.
//
// The file is renamed to a name that nobody knows before same reads it, so that what is deleted is what was compared.
// The error wraps ErrChanged where it is not what was read: it then has its name back, or a name beside it where a new
// file has taken that, and will be told as a new version. It wraps ErrBusy where another program keeps it open: call
// again later. After any other error f has its name back too, and is not told again. Promise 7.
func (w *Watcher) Remove(f File, same func(io.Reader) (bool, error)) error {
	err := w.letGo(f, same, func(root *os.Root, a *aside) error {
		return root.Remove(filepath.FromSlash(a.name))
	})
	if err != nil {
		return fmt.Errorf("delete %s: %w", w.path(f.Name), err)
	}
	return nil
}

// Archive is Remove, but that f and its trigger go into the folder to, which is created where it is missing. There f
// keeps its name (a sub folder's name and `_` before it), or gets the time and then a number added where that is taken.
func (w *Watcher) Archive(f File, to string, same func(io.Reader) (bool, error)) error {
	err := w.makeFolder(to)
	if err == nil {
		err = w.letGo(f, same, func(_ *os.Root, a *aside) error { return w.moveInto(to, a) })
	}
	if err != nil {
		return fmt.Errorf("archive %s in %s: %w", w.path(f.Name), to, err)
	}
	return nil
}

// makeFolder makes a folder, and those above it that are missing, so that no power cut takes them away with what is moved there.
// The first time it flushes their names also where they are there: a crash may have come between.
func (w *Watcher) makeFolder(path string) error {
	if info, err := os.Stat(path); err == nil && info.IsDir() && w.isFlushed(path) {
		return nil
	}
	missing := ""
	for p := filepath.Clean(path); ; p = filepath.Dir(p) {
		if _, err := os.Lstat(p); !errors.Is(err, fs.ErrNotExist) || p == filepath.Dir(p) {
			break
		}
		missing = p
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return err
	}
	for p := filepath.Clean(path); p != filepath.Dir(p); p = filepath.Dir(p) {
		made := len(p) >= len(missing) && missing != ""
		if err := syncDir(filepath.Dir(p)); err != nil && made {
			return err // one that this account may not flush was there before it
		}
	}
	w.mu.Lock()
	w.flushed = path
	w.mu.Unlock()
	return nil
}

func (w *Watcher) isFlushed(path string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.flushed == path
}

// aside is a file that has left its name for the time of a Remove or Archive.
type aside struct {
	original string
	name     string // while it is set aside; slash-separated, as original
	stat     Stat   // after the renaming
}

// letGo sets the export and its trigger aside, verifies the export, and finishes both. Whatever goes wrong, what is
// still there gets its name back.
func (w *Watcher) letGo(f File, same func(io.Reader) (bool, error), finish func(*os.Root, *aside) error) (err error) {
	root, err := openRoot(w.opts.Folder)
	if err != nil {
		return matches(info{}, err, f.Stat)
	}
	defer root.Close()
	export, err := w.setAside(root, f.Name, f.Stat)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = w.putBack(root, export, errors.Is(err, ErrChanged), err)
		}
		w.stopMoving(export)
	}()
	if err := w.verify(export, same); err != nil {
		return err
	}
	var mark *aside
	if f.Trigger != "" {
		mark, err = w.setAside(root, f.Trigger, f.trigger)
		if err != nil && !errors.Is(err, ErrChanged) { // a new trigger is for a new export, and stays
			return err
		}
	}
	if mark == nil {
		return busy(finish(root, export))
	}
	defer w.stopMoving(mark)
	if err := finish(root, export); err != nil {
		return w.putBack(root, mark, true, busy(err))
	}
	if e := finish(root, mark); e != nil {
		// The export has gone: this is all that is wrong, and a trigger that stays is older than any new export.
		_ = w.putBack(root, mark, true, e)
	}
	return nil
}

// setAside renames the file name, which must be what want says, to a name of its own. When its metadata changed does not
// count, for an earlier try that failed has changed them; verify is the judge.
func (w *Watcher) setAside(root *os.Root, name string, want Stat) (*aside, error) {
	i, err := statIn(root, name)
	if err == nil && !i.holds(want) {
		err = ErrChanged
	}
	if err != nil {
		return nil, matches(info{}, err, want)
	}
	a := &aside{original: name, name: path.Join(path.Dir(name), asideFor(path.Base(name)))}
	w.mu.Lock()
	w.moving[a.name] = true
	w.mu.Unlock()
	if err := root.Rename(filepath.FromSlash(name), filepath.FromSlash(a.name)); err != nil {
		w.stopMoving(a)
		return nil, matches(info{}, err, want)
	}
	i, err = statIn(root, a.name)
	if err == nil && !i.holds(want) {
		err = ErrChanged
	}
	if err != nil {
		err = w.putBack(root, a, true, err)
		w.stopMoving(a)
		return nil, err
	}
	a.stat = i.stat
	return a, nil
}

func (w *Watcher) stopMoving(a *aside) {
	w.mu.Lock()
	delete(w.moving, a.name)
	w.mu.Unlock()
}

// verify has same read what was set aside, all of which must stay as it is meanwhile.
func (w *Watcher) verify(a *aside, same func(io.Reader) (bool, error)) (err error) {
	s, err := w.open(a.name, a.stat)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	ok, err := same(s)
	switch {
	case err != nil:
		return err
	case !ok:
		return fmt.Errorf("%w: its content is not what was read", ErrChanged)
	}
	return s.Unchanged()
}

// putBack gives a file that was set aside its name back after cause, and returns cause. Either it is to be told anew, or
// it is the version that was told, whatever the renaming did to its Stat, and is not.
func (w *Watcher) putBack(root *os.Root, a *aside, anew bool, cause error) error {
	name, err := giveName(root, a.name, a.original)
	if err != nil {
		return errors.Join(cause, fmt.Errorf("give %s its name %s back: %w", w.path(a.name), path.Base(a.original), err))
	}
	if anew {
		w.ask(ask{kind: askForget, name: a.original})
	} else if i, err := statIn(root, name); err == nil && name == a.original {
		w.ask(ask{kind: askGiven, name: name, stat: i.stat})
	}
	return cause
}

// restore gives a file that a crash left set aside its name back.
func (w *Watcher) restore(name string) error {
	w.mu.Lock()
	moving := w.moving[name]
	w.mu.Unlock()
	if moving {
		return fs.ErrNotExist // it soon will not
	}
	base, ok := fromAside(path.Base(name))
	if !ok {
		return fs.ErrNotExist
	}
	root, err := openRoot(w.opts.Folder)
	if err != nil {
		return err
	}
	defer root.Close()
	if i, err := statIn(root, name); err != nil || i.kind != 0 {
		return errors.Join(err, fs.ErrNotExist) // a link or a folder of that name is none of ours
	}
	_, err = giveName(root, name, path.Join(path.Dir(name), base))
	return err
}

// giveName renames from to the name to, or to a displaced one beside it where to is taken, and answers which. It
// replaces nothing: a new export may appear under the name at any moment.
func giveName(root *os.Root, from, to string) (string, error) {
	for _, name := range []string{to, path.Join(path.Dir(to), displacedFor(path.Base(to)))} {
		err := renameFree(root, from, name)
		if !errors.Is(err, fs.ErrExist) {
			return name, busy(err)
		}
	}
	return "", fs.ErrExist
}

// renameFree renames from to the name to, and answers fs.ErrExist where that is taken. Link and remove do it at once;
// where a file system has no hard links, an examination goes before the renaming.
func renameFree(root *os.Root, from, to string) error {
	oldName, newName := filepath.FromSlash(from), filepath.FromSlash(to)
	err := root.Link(oldName, newName)
	if err == nil {
		return root.Remove(oldName)
	}
	old, err := statIn(root, from)
	if err != nil {
		return err
	}
	there, err := statIn(root, to)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return root.Rename(oldName, newName)
	case err != nil:
		return err
	case there.stat == old.stat: // a crash came between link and remove
		return root.Remove(oldName)
	}
	return fs.ErrExist
}

// moveInto moves a file that was set aside into the folder to, under a name that is free there.
func (w *Watcher) moveInto(to string, a *aside) (err error) {
	target, err := reserve(to, strings.ReplaceAll(a.original, "/", "_"), a.stat.ModTime())
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(target))
		}
	}()
	err = os.Rename(w.path(a.name), target)
	if err == nil || !isOtherDevice(err) {
		return err
	}
	return w.copyOver(a, target)
}

// reserve creates an empty file in folder whose name is free, to be replaced. Were it looked for only, another source's
// export could take the name in between.
func reserve(folder, name string, at time.Time) (string, error) {
	name = shorten(name, maxName-len("~20060102T150405Z-9999"))
	ext := path.Ext(name)
	stem := strings.TrimSuffix(name, ext)
	stamped := stem + at.UTC().Format("~20060102T150405Z")
	for n := range 10_000 {
		try := name
		switch {
		case n == 1:
			try = stamped + ext
		case n > 1:
			try = fmt.Sprintf("%s-%d%s", stamped, n, ext)
		}
		target := filepath.Join(folder, try)
		f, err := os.OpenFile(target, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err == nil {
			return target, f.Close()
		}
		if !errors.Is(err, fs.ErrExist) {
			return "", err
		}
	}
	return "", fmt.Errorf("no name is free for %s", name)
}

// copyOver moves a file to target on another device: it is whole and durable there before it goes here.
func (w *Watcher) copyOver(a *aside, target string) (err error) {
	temp := filepath.Join(filepath.Dir(target), asideFor(filepath.Base(target)))
	if err := w.copyTo(a, temp); err != nil {
		return errors.Join(err, removeIfThere(temp))
	}
	if err := os.Rename(temp, target); err != nil {
		return errors.Join(err, removeIfThere(temp))
	}
	if err := syncDir(filepath.Dir(target)); err != nil {
		return err
	}
	return os.Remove(w.path(a.name))
}

func (w *Watcher) copyTo(a *aside, temp string) (err error) {
	in, err := w.open(a.name, a.stat)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	out, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if err == nil {
		err = in.Unchanged()
	}
	if err == nil {
		err = out.Sync()
	}
	err = errors.Join(err, out.Close())
	if err == nil {
		err = os.Chtimes(temp, time.Time{}, a.stat.ModTime())
	}
	return err
}

func removeIfThere(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// PruneArchive deletes the regular files directly in folder that were archived longer than keep ago: that is when their
// metadata last changed, where the file system says so, else when they were written. A keep of 0 keeps all; a folder
// that is missing is empty. The first error is returned after all were tried.
func PruneArchive(folder string, keep time.Duration, now time.Time) (err error) {
	if keep <= 0 {
		return nil
	}
	root, err := openRoot(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("prune the archive %s: %w", folder, err)
	}
	defer root.Close()
	d, err := openDir(root, ".")
	if err != nil {
		return fmt.Errorf("prune the archive %s: %w", folder, err)
	}
	defer d.Close()
	var first error
	for {
		bases, err := d.Readdirnames(batch)
		for _, base := range bases {
			if e := prune(root, d, base, now.Add(-keep)); e != nil && first == nil {
				first = e
			}
		}
		if err != nil {
			if !errors.Is(err, io.EOF) && first == nil {
				first = err
			}
			break
		}
	}
	if first != nil {
		return fmt.Errorf("prune the archive %s: %w", folder, first)
	}
	return nil
}

func prune(root *os.Root, d *os.File, base string, before time.Time) error {
	i, err := statAt(d, base)
	if errors.Is(err, fs.ErrNotExist) || err == nil && i.kind != 0 {
		return nil
	}
	if err != nil {
		return err
	}
	at := i.stat.Changed
	if at == 0 {
		at = i.stat.Modified
	}
	if at >= before.UnixNano() {
		return nil
	}
	return busy(root.Remove(base))
}

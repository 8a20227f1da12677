//go:build !windows

package cli

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// exampleFolder is a folder as a person may type it.
const exampleFolder = "/srv/pos/export"

// exportRoots are the places where a POS may drop its exports.
func exportRoots() (roots []findRoot) {
	roots = append(roots, findRoot{"/srv", 3}, findRoot{"/opt", 2}, findRoot{"/var/lib/samba", 2}, findRoot{"/mnt", 0}, findRoot{"/media", 0})
	homes, _ := filepath.Glob("/home/*") // the pattern is a right one
	if home, err := os.UserHomeDir(); err == nil {
		homes = append(homes, home)
	}
	for _, home := range homes {
		roots = append(roots, findRoot{home, 3})
	}
	for _, mounted := range []string{"/mnt/*", "/media/*", "/media/*/*", "/run/media/*/*"} {
		places, _ := filepath.Glob(mounted) // as above
		for _, place := range places {
			roots = append(roots, findRoot{place, 2})
		}
	}
	return roots
}

// elevated reports whether this process may do what Windows lets only administrators do in earnest. Here the modes of files say it.
func elevated() bool { return true }

// makeAsAbove makes a folder, which then belongs to whom the folder above it does: the POS is to write into it.
func makeAsAbove(dir string) error {
	above, err := os.Stat(filepath.Dir(dir))
	if errors.Is(err, os.ErrNotExist) {
		if err = makeAsAbove(filepath.Dir(dir)); err == nil {
			above, err = os.Stat(filepath.Dir(dir))
		}
	}
	if err != nil {
		return err
	}
	if err := os.Mkdir(dir, above.Mode().Perm()); err != nil {
		return err
	}
	if s, ok := above.Sys().(*syscall.Stat_t); ok && os.Geteuid() == 0 {
		return os.Lchown(dir, int(s.Uid), int(s.Gid))
	}
	return nil
}

// likeBefore lets a new file be read by whom the one at path could be, which may have held a proxy's password; by all where there is none.
func likeBefore(f *os.File, path string) error {
	about, err := os.Stat(path)
	if err != nil {
		return f.Chmod(0o644)
	}
	if s, ok := about.Sys().(*syscall.Stat_t); ok && os.Geteuid() == 0 {
		err = f.Chown(int(s.Uid), int(s.Gid))
	}
	return errors.Join(err, f.Chmod(about.Mode().Perm()))
}

// shareOf is the share that a drive letter stands for: there are none.
func shareOf(string) string { return "" }

// keyboard is a terminal's input for one form. The forms' own way to give up a reading leaves a goroutine behind that may
// take the next key, and with it what the next form is told. It is a terminal to them, by its methods, and no file.
type keyboard struct {
	terminal *os.File
	woken    *os.File // closed at its other end, once the form is left

	mu   sync.Mutex // held while it reads; guards what follows
	left bool
}

// keyboardOf is what a form reads from. leave ends the reading, and returns once nothing reads any more.
func keyboardOf(terminal *os.File) (_ io.Reader, leave func(), err error) {
	woken, wake, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	k := &keyboard{terminal: terminal, woken: woken}
	return k, func() {
		_ = wake.Close() // nothing is written to it
		k.mu.Lock()
		defer k.mu.Unlock()
		k.left = true
		_ = woken.Close() // as above
	}, nil
}

func (k *keyboard) Read(p []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for !k.left {
		ready := []unix.PollFd{{Fd: int32(k.terminal.Fd()), Events: unix.POLLIN}, {Fd: int32(k.woken.Fd()), Events: unix.POLLIN}}
		_, err := unix.Poll(ready, -1)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return 0, os.NewSyscallError("poll", err)
		case ready[1].Revents != 0:
			return 0, io.EOF
		default:
			return k.terminal.Read(p)
		}
	}
	return 0, io.EOF
}

func (k *keyboard) Write(p []byte) (int, error) { return k.terminal.Write(p) }
func (k *keyboard) Close() error                { return nil } // the terminal stays
func (k *keyboard) Fd() uintptr                 { return k.terminal.Fd() }

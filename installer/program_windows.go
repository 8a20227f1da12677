package installer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc/mgr"
)

// programFolder is where the program lies: only administrators can write there.
func programFolder() (string, error) {
	dir, err := windows.KnownFolderPath(windows.FOLDERID_ProgramFiles, 0)
	if err != nil {
		return "", fmt.Errorf("find the folder Program Files: %w", err)
	}
	return filepath.Join(dir, Name), nil
}

// placeProgram answers the program that the service is to run: the one that runs now, where it lies in its place in Program Files, else
// a copy of it there. For that a service that runs is stopped, and started again by undo; it reports whether it was.
func placeProgram(ctx context.Context, o Options, s *mgr.Service, u *undoing) (program string, wasRunning bool, err error) {
	self, err := os.Executable()
	if err != nil {
		return "", false, fmt.Errorf("find the program's file: %w", err)
	}
	dir, err := programFolder()
	if err != nil {
		return "", false, err
	}
	registered := registeredProgram(s)
	switch {
	case o.InPlace, inside(self, dir), packaged() && strings.EqualFold(self, registered):
		return self, false, nil
	case packaged() && registered != "":
		return "", false, &PackagedError{Program: registered, Ours: self}
	}
	program = filepath.Join(dir, Name+".exe")
	if same, err := sameContent(self, program); err != nil || same {
		return program, false, err
	}
	if err := NotOlder(ctx, o.Version, program); err != nil {
		return "", false, err
	}
	if s != nil {
		if wasRunning, err = halt(ctx, s); err != nil {
			return "", false, rights("stop the service, so that its program can be replaced", err)
		}
		if wasRunning {
			u.add(func() error { return s.Start() })
		}
	}
	switch err := os.Mkdir(dir, 0o755); {
	case err == nil:
		u.add(func() error { return os.Remove(dir) })
	case !errors.Is(err, fs.ErrExist):
		return "", wasRunning, err
	}
	if err := replaceProgram(ctx, self, program, o.Tell, u); err != nil {
		return "", wasRunning, fmt.Errorf("copy the program: %w", err)
	}
	o.Tell("the program is %s, a copy of %s", program, self)
	return program, wasRunning, nil
}

// registeredProgram is the program that the service starts; "" = none.
func registeredProgram(s *mgr.Service) string {
	if s == nil {
		return ""
	}
	e, err := entryOf(s)
	if err != nil {
		return ""
	}
	args, err := windows.DecomposeCommandLine(e.command)
	if err != nil || len(args) == 0 {
		return ""
	}
	return args[0]
}

func inside(path, dir string) bool {
	return strings.HasPrefix(strings.ToLower(path), strings.ToLower(dir)+`\`)
}

// lockTime is how long a file is waited for that another program has open, such as a virus scanner.
const lockTime = time.Minute

// replaceProgram copies the program into its place in one step.
func replaceProgram(ctx context.Context, from, to string, tell func(string, ...any), u *undoing) error {
	next, old := to+".new", to+".old"
	if err := copyFile(from, next); err != nil {
		return err
	}
	_, err := os.Stat(to)
	had := err == nil
	if had {
		_ = os.Remove(old) // of the time before; what is still in use stays, and the rename tells
		if err := waitUnlocked(ctx, to, tell, func() error { return os.Rename(to, old) }); err != nil {
			return errors.Join(err, os.Remove(next))
		}
	}
	if err := waitUnlocked(ctx, to, tell, func() error { return os.Rename(next, to) }); err != nil {
		if had {
			err = errors.Join(err, os.Rename(old, to))
		}
		return errors.Join(err, os.Remove(next))
	}
	u.add(func() error {
		if !had {
			return os.Remove(to)
		}
		if err := os.Rename(to, next); err != nil {
			return err
		}
		return errors.Join(os.Rename(old, to), os.Remove(next))
	})
	return nil
}

// waitUnlocked does something with a file, and waits while another program keeps it from it.
func waitUnlocked(ctx context.Context, path string, tell func(string, ...any), do func() error) error {
	told := false
	var last error
	ok, err := until(ctx, lockTime, func() (bool, error) {
		last = do()
		switch {
		case last == nil:
			return true, nil
		case !errors.Is(last, windows.ERROR_SHARING_VIOLATION) && !errors.Is(last, windows.ERROR_ACCESS_DENIED) && !errors.Is(last, windows.ERROR_LOCK_VIOLATION):
			return false, last
		}
		if !told {
			told = true
			tell("%s is in use by another program; it is waited for", path)
		}
		return false, nil
	})
	switch {
	case ok || err != nil:
		return err
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return last
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close() // it is only read
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}

// removeProgram removes the program from Program Files, unless it is the one that runs: Windows keeps that.
func removeProgram(tell func(string, ...any)) error {
	dir, err := programFolder()
	if err != nil {
		return err
	}
	program := filepath.Join(dir, Name+".exe")
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if inside(self, dir) {
		tell("the program stays, for it runs at this moment: the folder %s can be deleted", dir)
		return nil
	}
	for _, name := range []string{program, program + ".old", program + ".new"} {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	_ = os.Remove(dir) // where nothing else is in it
	return nil
}

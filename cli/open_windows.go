package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"golang.org/x/sys/windows"
)

// openRights is what to do where this account may not ask the agent.
const openRights = "confirm it when Windows asks, or run it in a console that was started as an administrator"

// viewer is whoever sits at the desktop on which the browser is to open.
type viewer struct {
	elevated bool // this process has more rights than the browser may have
}

// findViewer finds whom a browser can be shown: nil in the session that has no desktop, such as that of services and of SSH.
func findViewer() *viewer {
	var session uint32
	if err := windows.ProcessIdToSessionId(windows.GetCurrentProcessId(), &session); err != nil || session == 0 {
		return nil
	}
	return &viewer{elevated: windows.GetCurrentProcessToken().IsElevated()}
}

// giveToSudoer does nothing: who makes a file can read it.
func giveToSudoer(*os.File) error { return nil }

// write writes the page into the person's own folder for what is temporary, which is for them and administrators alone.
func (v *viewer) write(page []byte) (string, error) { return writePage(page, os.TempDir()) }

func (v *viewer) remove(path string) error { return os.Remove(path) }

// start opens the page. Where this process has more rights, Windows' own desktop opens it, which has none.
func (v *viewer) start(path string, _ chan<- error) error {
	if !v.elevated {
		return shellExecute("open", path, "", windows.SW_SHOWNORMAL)
	}
	dir, err := windows.GetWindowsDirectory()
	if err != nil {
		return err
	}
	cmd := exec.Command(filepath.Join(dir, "explorer.exe"), path)
	if err := cmd.Start(); err != nil {
		return err
	}
	return cmd.Process.Release() // its exit status says nothing
}

func shellExecute(verb, file, args string, show int32) error {
	v, verr := windows.UTF16PtrFromString(verb)
	f, ferr := windows.UTF16PtrFromString(file)
	a, aerr := windows.UTF16PtrFromString(args)
	if err := errors.Join(verr, ferr, aerr); err != nil {
		return err
	}
	if err := windows.ShellExecute(0, v, f, a, nil, show); err != nil {
		return fmt.Errorf("%s %s: %w", verb, file, err)
	}
	return nil
}

const (
	aboveTime = 30 * time.Second // that the one with more rights may take
	abovePoll = 100 * time.Millisecond
)

// linkFromAbove starts this program again, with the rights that Windows asks the person for.
func (v *viewer) linkFromAbove(ctx context.Context, config string) (link string, err error) {
	if v.elevated {
		return "", errNobodyAbove
	}
	program, err := os.Executable()
	if err != nil {
		return "", err
	}
	file, err := v.write(nil)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, v.remove(file)) }()
	args := windows.ComposeCommandLine([]string{"open", "--config", config, "--" + toFlag, file})
	if err := shellExecute("runas", program, args, windows.SW_HIDE); err != nil {
		if errors.Is(err, windows.ERROR_CANCELLED) || errors.Is(err, windows.ERROR_ACCESS_DENIED) {
			return "", errNobodyAbove
		}
		return "", err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, aboveTime, errors.New("the program that was started with more rights gave no answer"))
	defer cancel()
	tick := time.NewTicker(abovePoll)
	defer tick.Stop()
	for {
		link, ok, err := takeOver(file)
		if ok || err != nil && !isLocked(err) {
			return link, err
		}
		select {
		case <-ctx.Done():
			return "", context.Cause(ctx)
		case <-tick.C:
		}
	}
}

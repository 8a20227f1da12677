//go:build !windows

package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// openRights is what to do where this account may not ask the agent.
const openRights = "`sudo tillpost open` opens it; the browser is yours then, not root's"

// viewer is whoever sits at the desktop on which the browser is to open.
type viewer struct {
	opener string   // the program that opens files
	home   string   // "" = not known
	person *person  // nil = whoever runs this
	env    []string // of the opener; nil = this process's
}

// person is somebody who has made root run this.
type person struct{ uid, gid int }

// findViewer finds whom a browser can be shown: nil where there is no desktop, or it would be root's own browser.
func findViewer() *viewer {
	if os.Getenv("DISPLAY") == "" && os.Getenv("WAYLAND_DISPLAY") == "" {
		return nil
	}
	opener, err := exec.LookPath("xdg-open")
	if err != nil {
		return nil
	}
	if os.Geteuid() != 0 {
		home, _ := os.UserHomeDir() // where there is none, the file lies elsewhere
		return &viewer{opener: opener, home: home}
	}
	p, u := sudoer()
	if p == nil {
		return nil
	}
	return &viewer{opener: opener, home: u.HomeDir, person: p, env: environmentOf(u)}
}

// sudoer is who has become root by sudo or pkexec for this command; nil where nobody has.
func sudoer() (*person, *user.User) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"SUDO_UID", "PKEXEC_UID"} {
		u, err := user.LookupId(os.Getenv(name))
		if err != nil {
			continue
		}
		uid, uerr := strconv.Atoi(u.Uid)
		gid, gerr := strconv.Atoi(u.Gid)
		if uerr == nil && gerr == nil && uid != 0 {
			return &person{uid, gid}, u
		}
	}
	return nil, nil
}

// giveToSudoer gives a file that root has made to the person for whom root made it.
func giveToSudoer(f *os.File) error {
	if p, _ := sudoer(); p != nil {
		return f.Chown(p.uid, p.gid)
	}
	return nil
}

// environmentOf is what a program needs at the desktop of a person, of an environment that is root's.
func environmentOf(u *user.User) []string {
	env := []string{"HOME=" + u.HomeDir, "USER=" + u.Username, "LOGNAME=" + u.Username}
	for _, name := range []string{"PATH", "LANG", "LC_ALL", "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "XDG_CURRENT_DESKTOP", "XDG_DATA_DIRS"} {
		if value, set := os.LookupEnv(name); set {
			env = append(env, name+"="+value)
		}
	}
	run := filepath.Join("/run/user", u.Uid)
	if _, err := os.Stat(run); err == nil {
		env = append(env, "XDG_RUNTIME_DIR="+run, "DBUS_SESSION_BUS_ADDRESS=unix:path="+run+"/bus")
	}
	return env
}

// as does something with the rights of the person.
func (v *viewer) as(do func() error) error {
	if v.person == nil {
		return do()
	}
	if err := be(v.person.uid, v.person.gid, false); err != nil {
		return fmt.Errorf("be the user %d: %w", v.person.uid, err)
	}
	return errors.Join(do(), beRoot())
}

// write writes the page where the person's browser can read it.
func (v *viewer) write(page []byte) (path string, err error) {
	if err := beRoot(); err != nil { // looking for the agent may have made this process its account
		return "", err
	}
	folders := []string{os.TempDir()}
	if v.home != "" {
		folders = []string{v.home, os.TempDir()}
	}
	err = v.as(func() (err error) {
		path, err = writePage(page, folders...)
		return err
	})
	return path, err
}

func (v *viewer) remove(path string) error { return v.as(func() error { return os.Remove(path) }) }

// start starts the opener, which may last as long as the browser does. If it fails, the error goes to failed.
func (v *viewer) start(path string, failed chan<- error) error {
	cmd := exec.Command(v.opener, path)
	cmd.Env = v.env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // no Ctrl-C of this terminal reaches the browser
	if p := v.person; p != nil {
		c := &syscall.Credential{Uid: uint32(p.uid), Gid: uint32(p.gid)}
		for _, g := range groupsOf(p.uid, p.gid) {
			c.Groups = append(c.Groups, uint32(g))
		}
		cmd.SysProcAttr.Credential, cmd.Dir = c, "/"
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	var one sync.WaitGroup // which is not waited for
	one.Go(func() {
		if err := cmd.Wait(); err != nil {
			failed <- fmt.Errorf("%s: %w", v.opener, err)
		}
	})
	return nil
}

// linkFromAbove lets pkexec ask for an administrator's password, and this program print the link with root's rights.
func (v *viewer) linkFromAbove(ctx context.Context, config string) (string, error) {
	pkexec, err := exec.LookPath("pkexec")
	if err != nil || os.Geteuid() == 0 {
		return "", errNobodyAbove
	}
	program, err := os.Executable()
	if err != nil {
		return "", err
	}
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, pkexec, program, "open", "--print", "--config", config)
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	if e, ok := errors.AsType[*exec.ExitError](err); ok && e.ExitCode() != 126 && e.ExitCode() != 127 { // those are pkexec's own
		return "", saidAbove(errs.String())
	}
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	if err != nil {
		return "", errNobodyAbove
	}
	return strings.TrimSpace(out.String()), nil
}

// saidAbove is the error that this program, started again, has told of on standard error.
func saidAbove(text string) error {
	var what, hints []string
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if said, ok := strings.CutPrefix(line, "tillpost: error: "); ok {
			what = append(what, said)
		}
		if said, ok := strings.CutPrefix(line, "tillpost: hint: "); ok {
			hints = append(hints, said)
		}
	}
	if what == nil {
		return errors.New("ask with more rights for the link: it failed")
	}
	return hinted(errors.New(strings.Join(what, "\n")), hints)
}

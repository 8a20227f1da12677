//go:build !windows

package installer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// needRoot is the error for whoever is not root.
func needRoot(what string) error {
	if os.Geteuid() != 0 {
		return &RightsError{What: what}
	}
	return nil
}

// Query asks the service manager for the service.
func Query(ctx context.Context) (State, error) {
	if hasSystemd() {
		return querySystemd(ctx)
	}
	return queryOther()
}

// Install makes the service, or brings the one that is there into order, lets it start with the computer, and starts it. A
// program that others than root could change is copied to /usr/local/bin first; one that runs already is started anew where
// anything has changed. The error is a *RightsError, a *PackagedError, a *NewerError, or an *EndedError where the service does not stay up;
// it is then installed all the same.
func Install(ctx context.Context, o Options) error {
	if err := needRoot("install the service"); err != nil {
		return err
	}
	if !hasSystemd() {
		return installOther(ctx, o)
	}
	before, err := querySystemd(ctx)
	if err != nil {
		return err
	}
	u := &undoing{}
	changed, err := installSystemd(ctx, o, before, u)
	if err != nil {
		return u.back(err)
	}
	if o.NoStart {
		return nil
	}
	return bringUp(ctx, o.Tell, before.Running && changed)
}

// installSystemd is Install up to the start, and reports whether a service that runs must be started anew.
func installSystemd(ctx context.Context, o Options, before State, u *undoing) (changed bool, err error) {
	program, renewed, err := placeProgram(ctx, o, before, u)
	if err != nil {
		return false, err
	}
	if err := makeUser(ctx, o, u); err != nil {
		return false, err
	}
	if err := makePrivate(o, u); err != nil {
		return false, err
	}
	back := context.WithoutCancel(ctx) // what is begun is taken back, also where it is a person who has ended it
	u.add(func() error { return systemdAgain(back, before) })
	wrote, bared, err := placeUnit(program, o, before, u)
	if err != nil {
		return false, fmt.Errorf("write the unit: %w", err)
	}
	added, err := placeDropIn(o, u)
	if err != nil {
		return false, fmt.Errorf("write what the unit needs for this config: %w", err)
	}
	if wrote || bared || added {
		if _, err := systemctl(ctx, "daemon-reload"); err != nil {
			return false, err
		}
	}
	if !before.Enabled || bared {
		u.add(func() error { _, err := systemctl(back, "disable", unitName); return err })
		if _, err := systemctl(ctx, "reenable", unitName); err != nil { // what led to a unit that is no more is led to the other
			return false, err
		}
	}
	o.Tell("the service %s starts with the computer, as the user %s", Name, Name)
	return renewed || wrote || bared || added, nil
}

// systemdAgain lets systemd know the unit as it was before, once its files are.
func systemdAgain(ctx context.Context, before State) error {
	if _, err := systemctl(ctx, "daemon-reload"); err != nil || !before.Enabled {
		return err
	}
	_, err := systemctl(ctx, "reenable", unitName)
	return err
}

// placeUnit writes the unit, unless a package has brought one for that program: then ours, which would hide it, is removed (bared).
func placeUnit(program string, o Options, before State, u *undoing) (wrote, bared bool, err error) {
	if before.Packaged {
		return false, false, nil
	}
	if packaged := packagedUnit(); packaged != "" && programOf(packaged) == program {
		if bared, err = removeFile(ownUnit, u); bared && err == nil {
			o.Tell("the unit is the package's, %s; %s, which hid it, is removed", packaged, ownUnit)
		}
		return false, bared, err
	}
	if wrote, err = placeFile(ownUnit, unitFor(program), u); wrote && err == nil {
		o.Tell("the unit is %s", ownUnit)
	}
	return wrote, false, err
}

// placeDropIn writes what the unit needs besides, or removes what it does not need any more.
func placeDropIn(o Options, u *undoing) (changed bool, err error) {
	text := dropInFor(o)
	if text == "" {
		return removeFile(dropIn, u)
	}
	if changed, err = placeFile(dropIn, text, u); changed && err == nil {
		o.Tell("what it needs for this config is in %s", dropIn)
	}
	return changed, err
}

// placeProgram answers the program that the service is to run: the one that runs now, where programs lie and only root
// can change them, else a copy of it.
func placeProgram(ctx context.Context, o Options, before State, u *undoing) (program string, renewed bool, err error) {
	self, err := os.Executable()
	if err != nil {
		return "", false, fmt.Errorf("find the program's file: %w", err)
	}
	if real, err := filepath.EvalSymlinks(self); err == nil {
		self = real
	}
	if before.Packaged && before.Command != self {
		return "", false, &PackagedError{Program: before.Command, Ours: self}
	}
	if before.Packaged || inPlace(self) && rootAlone(self) {
		return self, false, nil
	}
	same, err := sameContent(self, ownProgram)
	if err != nil {
		return "", false, err
	}
	if same {
		return ownProgram, false, nil
	}
	if err := NotOlder(ctx, o.Version, ownProgram); err != nil {
		return "", false, err
	}
	data, err := os.ReadFile(self)
	if err != nil {
		return "", false, err
	}
	old, oldErr := os.ReadFile(ownProgram)
	u.add(func() error {
		if oldErr == nil {
			return writeFile(ownProgram, old, 0o755)
		}
		return os.Remove(ownProgram)
	})
	if err := writeFile(ownProgram, data, 0o755); err != nil {
		return "", false, fmt.Errorf("copy the program: %w", err)
	}
	o.Tell("the program is %s, a copy of %s", ownProgram, self)
	return ownProgram, true, nil
}

// inPlace reports whether a program lies where programs do, and so stays there.
func inPlace(path string) bool {
	return strings.HasPrefix(path, "/usr/") || strings.HasPrefix(path, "/opt/")
}

// rootAlone reports whether nobody but root can change the file, or put another one into its place, and everybody can run it.
func rootAlone(path string) bool {
	for at := path; ; at = filepath.Dir(at) {
		about, err := os.Stat(at)
		if err != nil {
			return false
		}
		s, ok := about.Sys().(*syscall.Stat_t)
		if !ok || s.Uid != 0 || about.Mode().Perm()&0o022 != 0 || about.Mode().Perm()&0o005 != 0o005 {
			return false
		}
		if at == filepath.Dir(at) {
			return true
		}
	}
}

// makeUser makes the account that the service runs as, where there is none. It can log in nowhere.
func makeUser(ctx context.Context, o Options, u *undoing) error {
	if _, err := user.Lookup(Name); err == nil {
		return nil
	}
	if _, err := command(ctx, "useradd", "--system", "--user-group", "--no-create-home", "--home-dir", dataHome, "--shell", "/usr/sbin/nologin", Name); err != nil {
		return fmt.Errorf("make the user %s: %w", Name, err)
	}
	back := context.WithoutCancel(ctx)
	u.add(func() error { _, err := command(back, "userdel", Name); return err })
	o.Tell("the user %s is made; it can log in nowhere", Name)
	return nil
}

// account is the service's user.
func account() (uid, gid int, err error) {
	u, err := user.Lookup(Name)
	if err != nil {
		return 0, 0, err
	}
	uid, uerr := strconv.Atoi(u.Uid)
	gid, gerr := strconv.Atoi(u.Gid)
	return uid, gid, errors.Join(uerr, gerr)
}

// makePrivate makes folders and files the service's alone. What systemd makes by itself (StateDirectory) is left to it.
func makePrivate(o Options, u *undoing) error {
	uid, gid, err := account()
	if err != nil {
		return err
	}
	for _, dir := range o.Private {
		if dir == dataHome {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
			return err
		}
		switch err := os.Mkdir(dir, 0o700); {
		case err == nil:
			u.add(func() error { return os.Remove(dir) })
		case !errors.Is(err, fs.ErrExist):
			return err
		}
		if err := ownAll(dir, uid, gid); err != nil {
			return fmt.Errorf("give %s to the user %s: %w", dir, Name, err)
		}
	}
	for _, file := range o.Secrets {
		if err := ownSecret(file, uid, gid, o); err != nil {
			return err
		}
	}
	return nil
}

// ownSecret gives a file to the service, unless it is somebody's who is not root. No link is followed.
func ownSecret(file string, uid, gid int, o Options) (err error) {
	f, err := os.OpenFile(file, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	about, err := f.Stat()
	if err != nil {
		return err
	}
	s, ok := about.Sys().(*syscall.Stat_t)
	switch {
	case !ok || !about.Mode().IsRegular():
		return fmt.Errorf("%s is not a regular file", file)
	case int(s.Uid) == uid && about.Mode().Perm()&0o077 == 0:
		return nil
	case s.Uid != 0 && int(s.Uid) != uid:
		return &OwnerError{Path: file, Owner: accountName(s.Uid)}
	}
	if err := errors.Join(f.Chmod(0o600), f.Chown(uid, gid)); err != nil {
		return fmt.Errorf("give %s to the user %s: %w", file, Name, err)
	}
	o.Tell("%s is the service's alone", file)
	return nil
}

func accountName(uid uint32) string {
	if u, err := user.LookupId(strconv.Itoa(int(uid))); err == nil {
		return u.Username
	}
	return "the account " + strconv.Itoa(int(uid))
}

// ownAll gives a folder and what is in it to an account, and lets nobody else into it. No link leads out of it, and none to it but
// those that are root's.
func ownAll(dir string, uid, gid int) error {
	if link, err := os.Lstat(dir); err == nil && link.Mode()&fs.ModeSymlink != 0 {
		if s, ok := link.Sys().(*syscall.Stat_t); ok && s.Uid != 0 {
			return &OwnerError{Path: dir, Owner: accountName(s.Uid)}
		}
		if dir, err = filepath.EvalSymlinks(dir); err != nil {
			return err
		}
	}
	d, err := os.OpenFile(dir, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_DIRECTORY, 0) // and none that has come since
	if err != nil {
		return err
	}
	defer d.Close() // it is only read
	root, err := os.OpenRoot(fmt.Sprintf("/proc/self/fd/%d", d.Fd()))
	if err != nil {
		return err
	}
	err = fs.WalkDir(root.FS(), ".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return root.Lchown(path, uid, gid)
	})
	return errors.Join(err, root.Chmod(".", 0o700), root.Close())
}

// MakeHome does nothing: the folder of the config is for all to read, and root's.
func MakeHome(string) error { return nil }

// bringUp starts the service, or starts it anew, and waits until it is up.
func bringUp(ctx context.Context, tell func(string, ...any), again bool) error {
	action := "start"
	if again {
		action = "restart"
	}
	before, err := properties(ctx)
	if err != nil {
		return err
	}
	if before["ActiveState"] == "active" && !again {
		tell("the service runs already")
		return nil
	}
	_, err = systemctl(ctx, action, unitName)
	up, uerr := until(ctx, startTime, func() (bool, error) {
		p, perr := properties(ctx)
		return p["ActiveState"] == "active" || p["ActiveState"] == "failed" || p["SubState"] == "auto-restart" || p["ConditionResult"] == "no", perr
	})
	if uerr != nil {
		return uerr
	}
	p, perr := properties(ctx)
	switch {
	case perr != nil:
		return perr
	case p["ActiveState"] == "active":
		tell("the service is started")
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case p["ConditionResult"] == "no":
		return &EndedError{Why: "its config is not there"}
	case !up:
		return fmt.Errorf("the service is not up after %v: systemd says %s, %s", startTime, p["ActiveState"], p["SubState"])
	}
	why := problemOf(p)
	if why == "" && err != nil {
		why = err.Error()
	}
	return &EndedError{Why: strings.TrimSpace(why + lastWords(ctx))}
}

// lastWords is what the service said last of an error, from the journal; "" = nobody knows.
func lastWords(ctx context.Context) string {
	out, err := command(ctx, "journalctl", "--unit="+unitName, "--lines=20", "--output=cat", "--no-pager", "--quiet")
	if err != nil {
		return ""
	}
	words := ""
	for line := range strings.Lines(out) {
		if said, ok := strings.CutPrefix(strings.TrimSpace(line), "tillpost: error: "); ok {
			words = said
		}
	}
	if words == "" {
		return ""
	}
	return ": " + words
}

// Start starts the service, where it does not run yet. The error wraps ErrNotInstalled, or is a *RightsError or an *EndedError.
func Start(ctx context.Context, tell func(string, ...any)) error {
	return act(ctx, "start the service", func(State) error { return bringUp(ctx, tell, false) }, func() error { return startOther(tell) })
}

// Restart stops the service, where it runs, and starts it. Its errors are those of Start.
func Restart(ctx context.Context, tell func(string, ...any)) error {
	return act(ctx, "restart the service", func(s State) error { return bringUp(ctx, tell, s.Running) }, func() error { return restartOther(tell) })
}

// Stop ends the service, where it runs: requests on their way have 10 s. It starts with the computer again.
func Stop(ctx context.Context, tell func(string, ...any)) error {
	return act(ctx, "stop the service", func(s State) error {
		p, err := properties(ctx)
		if err != nil {
			return err
		}
		if !s.Running && p["SubState"] != "auto-restart" && p["ActiveState"] != "deactivating" {
			tell("the service does not run")
			return nil
		}
		if _, err := systemctl(ctx, "stop", unitName); err != nil {
			return err
		}
		tell("the service is stopped; it starts again with the computer")
		return nil
	}, func() error { return stopOther(tell) })
}

// act does something with a service that is there.
func act(ctx context.Context, what string, systemd func(State) error, other func() error) error {
	s, err := Query(ctx)
	if err != nil {
		return err
	}
	if !s.Installed {
		return ErrNotInstalled
	}
	if err := needRoot(what); err != nil {
		return err
	}
	if s.Manager == "systemd" {
		return systemd(s)
	}
	return other()
}

// Uninstall stops the service and takes it off the computer. What it has on disk stays but for what p names. It is no error
// where there is none.
func Uninstall(ctx context.Context, p Purging, tell func(string, ...any)) error {
	if err := needRoot("uninstall the service"); err != nil {
		return err
	}
	s, err := Query(ctx)
	switch {
	case errors.Is(err, ErrNoManager):
	case err != nil:
		return err
	case !s.Installed:
		tell("the service is not installed")
	case s.Manager == "systemd":
		err = uninstallSystemd(ctx, s, tell)
	default:
		err = uninstallOther(tell)
	}
	if err != nil && !errors.Is(err, ErrNoManager) {
		return err
	}
	if err := purge(p, tell); err != nil {
		return err
	}
	if _, err := user.Lookup(Name); err == nil && p.User && !s.Packaged {
		if _, err := command(ctx, "userdel", Name); err != nil {
			return fmt.Errorf("remove the user %s: %w", Name, err)
		}
		tell("the user %s is removed", Name)
	}
	return nil
}

func uninstallSystemd(ctx context.Context, s State, tell func(string, ...any)) error {
	if _, err := systemctl(ctx, "disable", "--now", unitName); err != nil {
		return err
	}
	none := &undoing{}
	_, err := removeFile(dropIn, none)
	if err == nil && !s.Packaged {
		if _, err = removeFile(ownUnit, none); err == nil && s.Command == ownProgram {
			_, err = removeFile(ownProgram, none)
		}
	}
	if err != nil {
		return err
	}
	if _, err := systemctl(ctx, "daemon-reload"); err != nil {
		return err
	}
	_, _ = systemctl(ctx, "reset-failed", unitName) // which it knows only where it had failed
	if s.Packaged {
		tell("the service is stopped and does not start any more; its package is still there")
		return nil
	}
	tell("the service is removed")
	return nil
}

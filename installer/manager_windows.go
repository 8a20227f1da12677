package installer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"
	"unsafe"

	"github.com/kardianos/service"
	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/eventlog"
	"golang.org/x/sys/windows/svc/mgr"
)

const securityAttributesSize = uint32(unsafe.Sizeof(windows.SecurityAttributes{}))

// serviceAccount is the account that Windows makes for the service alone. It can do little on the computer, and is the computer's
// own account on the network.
const serviceAccount = `NT SERVICE\` + Name

// recovery is what Windows does when the service fails: the last goes on for ever. After a day without a failure it begins anew.
var recovery = [...]mgr.RecoveryAction{
	{Type: mgr.ServiceRestart, Delay: 5 * time.Second},
	{Type: mgr.ServiceRestart, Delay: 30 * time.Second},
	{Type: mgr.ServiceRestart, Delay: 2 * time.Minute},
}

const recoveryReset = 86400 // seconds

// connect opens the service and its manager with rights; s is nil where the service is not installed.
func connect(what string, managing, using uint32) (m *mgr.Mgr, s *mgr.Service, err error) {
	h, err := windows.OpenSCManager(nil, nil, managing)
	if err != nil {
		return nil, nil, rights(what, err)
	}
	m = &mgr.Mgr{Handle: h}
	name, err := windows.UTF16PtrFromString(Name)
	if err != nil {
		return nil, nil, errors.Join(err, m.Disconnect())
	}
	sh, err := windows.OpenService(h, name, using)
	switch {
	case errors.Is(err, windows.ERROR_SERVICE_DOES_NOT_EXIST):
		return m, nil, nil
	case err != nil:
		return nil, nil, errors.Join(rights(what, err), m.Disconnect())
	}
	return m, &mgr.Service{Handle: sh, Name: Name}, nil
}

// release closes what connect has opened.
func release(m *mgr.Mgr, s *mgr.Service) {
	if s != nil {
		_ = s.Close() // a handle too many is no harm
	}
	_ = m.Disconnect()
}

// rights is err, as a *RightsError where it is one.
func rights(what string, err error) error {
	if errors.Is(err, windows.ERROR_ACCESS_DENIED) {
		return &RightsError{What: what, Err: err}
	}
	return fmt.Errorf("%s: %w", what, err)
}

// commandLine is how the service manager starts the program.
func commandLine(program, config string) (exe string, args []string) {
	args = []string{"run", "--service"}
	if config != "" {
		args = append(args, "--config", config)
	}
	return program, args
}

// quotedLine is a command line; the program stands in quotes, whether it needs them or not (CWE-428).
func quotedLine(program string, args []string) string {
	line := `"` + program + `"`
	for _, a := range args {
		line += " " + windows.EscapeArg(a)
	}
	return line
}

// MayInstall is a *RightsError where this account may not install a service.
func MayInstall() error {
	m, s, err := connect("install the service", windows.SC_MANAGER_CREATE_SERVICE, windows.SERVICE_QUERY_STATUS)
	if err != nil {
		return err
	}
	release(m, s)
	return nil
}

// Install makes the service, or brings the one that is there into order, lets it start with Windows, and starts it. The program
// is copied into Program Files first, where it does not lie there. The error is a *RightsError, an *OwnerError or a *NewerError, or an
// *EndedError where the service does not stay up; it is then installed all the same.
func Install(ctx context.Context, o Options) error {
	m, s, err := connect("install the service", windows.SC_MANAGER_ALL_ACCESS, windows.SERVICE_ALL_ACCESS)
	if err != nil {
		return err
	}
	defer func() { release(m, s) }()
	account, sids, err := accountOf(s)
	if err != nil {
		return err
	}
	u := &undoing{}
	if err := makePrivate(o, sids, u); err != nil { // before there is anything that uses it
		return u.back(err)
	}
	program, wasRunning, err := placeProgram(ctx, o, s, u)
	if err == nil && s == nil {
		s, err = create(m, program, o, u)
	}
	changed := false
	if err == nil {
		changed, err = reconcile(s, program, o, account)
	}
	if err != nil {
		return u.back(err)
	}
	_ = os.Remove(program + ".old") // there is nothing to take back any more; one that still runs keeps it, until the next time
	o.Tell("the service %s starts with Windows, as the account %s", Name, account)
	if recovers(s) {
		o.Tell("Windows starts it again wherever it fails, after 5 s, 30 s, and then every 2 minutes")
	}
	letInto(o, account, sids)
	if changed {
		was, err := halt(ctx, s) // it still runs as it was
		if err != nil {
			return rights("stop the service", err)
		}
		wasRunning = wasRunning || was
	}
	if o.NoStart && !wasRunning {
		return nil
	}
	return bringUp(ctx, s, o.Tell)
}

// accountOf is the account that the service runs as, or is to, and whom its folders are for: the account that Windows makes for it,
// and one that a person has chosen. Where nobody knows that one at this moment, as without the domain, sids is nil: what it was let
// into stays as it is.
func accountOf(s *mgr.Service) (account string, sids []string, err error) {
	account, sids = serviceAccount, []string{serviceSID(Name)}
	if s == nil {
		return account, sids, nil
	}
	e, err := entryOf(s)
	if err != nil || !chosen(e.account) {
		return account, sids, nil
	}
	sid, _, _, err := windows.LookupSID("", strings.TrimPrefix(e.account, `.\`))
	if err != nil {
		return e.account, nil, nil
	}
	return e.account, append(sids, sid.String()), nil
}

// chosen reports whether an account is one that a person has given the service, such as one that a network share knows.
func chosen(account string) bool {
	for _, ours := range []string{"", serviceAccount, "LocalSystem", `.\LocalSystem`, `NT AUTHORITY\SYSTEM`} {
		if strings.EqualFold(account, ours) {
			return false
		}
	}
	return true
}

// letInto lets the service into the folders of the exports, and tells where that cannot be done; `check` tells what is missing.
func letInto(o Options, account string, sids []string) {
	let := func(dirs []string, rights windows.ACCESS_MASK) {
		for _, dir := range dirs {
			var err error
			for _, sid := range sids {
				err = errors.Join(err, letIn(dir, sid, rights))
			}
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				o.Tell("%s: the account %s cannot be let in there: %v; an administrator can, in the folder's properties, under Security", dir, account, err)
			}
		}
	}
	let(o.Reads, rightsRead)
	let(o.Writes, rightsChange)
	if o.Logs != "" && !strings.EqualFold(o.Logs, o.Home) { // what lies at home it only reads, the config above all
		let([]string{o.Logs}, rightsChange)
	}
}

// create makes the service's entry and its source of events.
func create(m *mgr.Mgr, program string, o Options, u *undoing) (*mgr.Service, error) {
	exe, args := commandLine(program, o.Config)
	k, err := kardianos(exe, args, serviceAccount, service.KeyValue{"DelayedAutoStart": true})
	if err != nil {
		return nil, err
	}
	if err := k.Install(); err != nil {
		if errors.Is(err, windows.ERROR_SERVICE_MARKED_FOR_DELETE) {
			err = fmt.Errorf("the one before is still about to be removed; close every window that shows the services of this computer: %w", err)
		}
		return nil, fmt.Errorf("make the service: %w", err)
	}
	u.add(k.Uninstall)
	s, err := m.OpenService(Name)
	if err != nil {
		return nil, fmt.Errorf("open the service that was made: %w", err)
	}
	return s, nil
}

// reconcile brings the service's entry into order, whoever made it, and reports whether it would run otherwise than before.
func reconcile(s *mgr.Service, program string, o Options, account string) (changed bool, err error) {
	old, err := entryOf(s)
	if err != nil {
		return false, fmt.Errorf("read the service's entry: %w", err)
	}
	exe, args := commandLine(program, o.Config)
	text := quotedLine(exe, args)
	line, err := windows.UTF16PtrFromString(text)
	if err != nil {
		return false, err
	}
	if err := listen(); err != nil {
		return false, err
	}
	var as *uint16 // nil = as it is: an account that a person has chosen has a password, which nobody knows here
	if account == serviceAccount {
		if as, err = windows.UTF16PtrFromString(account); err != nil {
			return false, err
		}
	}
	err = windows.ChangeServiceConfig(s.Handle, windows.SERVICE_WIN32_OWN_PROCESS, mgr.StartAutomatic, mgr.ErrorNormal, line, nil, nil, nil, as, nil, nil)
	if err != nil {
		return false, fmt.Errorf("bring the service's entry into order: %w", err)
	}
	delayed := windows.SERVICE_DELAYED_AUTO_START_INFO{IsDelayedAutoStartUp: 1}
	if err := windows.ChangeServiceConfig2(s.Handle, windows.SERVICE_CONFIG_DELAYED_AUTO_START_INFO, (*byte)(unsafe.Pointer(&delayed))); err != nil {
		return false, fmt.Errorf("let the service start after what Windows needs itself: %w", err)
	}
	sidType := uint32(windows.SERVICE_SID_TYPE_UNRESTRICTED)
	err = windows.ChangeServiceConfig2(s.Handle, windows.SERVICE_CONFIG_SERVICE_SID_INFO, (*byte)(unsafe.Pointer(&sidType)))
	if err != nil && !errors.Is(err, windows.ERROR_INVALID_LEVEL) { // which its own account has anyway
		return false, fmt.Errorf("give the service its identifier: %w", err)
	}
	if err := s.SetRecoveryActions(recovery[:], recoveryReset); err != nil {
		return false, fmt.Errorf("let Windows start the service again where it fails: %w", err)
	}
	if err := s.SetRecoveryActionsOnNonCrashFailures(true); err != nil && !errors.Is(err, windows.ERROR_INVALID_LEVEL) { // recovers tells
		return false, fmt.Errorf("let Windows start the service again where it ends with an error: %w", err)
	}
	return !strings.EqualFold(old.command, text) || account == serviceAccount && !strings.EqualFold(old.account, account), nil
}

// listen makes the source of the service's events, where there is none.
func listen() error {
	err := eventlog.InstallAsEventCreate(Name, eventlog.Error|eventlog.Warning|eventlog.Info)
	if err != nil && !strings.Contains(err.Error(), "exists") {
		return fmt.Errorf("make the service's source of events: %w", err)
	}
	return nil
}

// bringUp starts the service and waits until it is up, and stays so for a moment.
func bringUp(ctx context.Context, s *mgr.Service, tell func(string, ...any)) error {
	if now, err := s.Query(); err == nil && now.State == svc.StopPending {
		if _, err := halt(ctx, s); err != nil { // Windows would say that it runs
			return rights("start the service, which is still about to stop", err)
		}
	}
	err := s.Start()
	switch {
	case errors.Is(err, windows.ERROR_SERVICE_ALREADY_RUNNING):
		tell("the service runs already")
		return nil
	case errors.Is(err, windows.ERROR_SERVICE_LOGON_FAILED):
		return &EndedError{Why: "its account may not run services, or its password has changed"}
	case err != nil:
		return rights("start the service", err)
	}
	up := time.Time{}
	var last svc.Status
	ok, err := until(ctx, startTime, func() (done bool, err error) {
		if last, err = s.Query(); err != nil {
			return false, err
		}
		switch last.State {
		case svc.Stopped:
			return true, nil
		case svc.Running:
			if up.IsZero() {
				up = time.Now()
			}
			return time.Since(up) >= settled, nil
		}
		return false, nil
	})
	switch {
	case err != nil:
		return fmt.Errorf("start the service: %w", err)
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case !ok:
		return fmt.Errorf("the service is not up after %v", startTime)
	case last.State == svc.Stopped:
		why := exitOf(last)
		if why == "" {
			why = "it does not say why"
		}
		return &EndedError{Why: why}
	}
	tell("the service is started")
	return nil
}

// settled is how long a service must have been up: one whose config is wrong ends sooner.
const settled = 2 * time.Second

// halt stops a service and waits until its process has ended: Windows' own answer comes before that.
func halt(ctx context.Context, s *mgr.Service) (wasRunning bool, err error) {
	now, err := s.Query()
	if err != nil {
		return false, err
	}
	if now.State == svc.Stopped {
		return false, nil
	}
	if now.State != svc.StopPending {
		if _, err := s.Control(svc.Stop); err != nil && !errors.Is(err, windows.ERROR_SERVICE_NOT_ACTIVE) {
			return true, err
		}
	}
	process := openProcess(now.ProcessId)
	if process != 0 {
		defer windows.CloseHandle(process)
	}
	ok, err := until(ctx, stopTime, func() (bool, error) {
		now, err := s.Query()
		if err != nil || now.State != svc.Stopped {
			return false, err
		}
		if process == 0 {
			return true, nil
		}
		event, err := windows.WaitForSingleObject(process, 0)
		return event == windows.WAIT_OBJECT_0, err
	})
	switch {
	case err != nil:
		return true, err
	case ctx.Err() != nil:
		return true, context.Cause(ctx)
	case !ok:
		return true, fmt.Errorf("it has not ended after %v; its process is %d", stopTime, now.ProcessId)
	}
	return true, nil
}

func openProcess(pid uint32) windows.Handle {
	if pid == 0 || pid == uint32(os.Getpid()) {
		return 0
	}
	h, err := windows.OpenProcess(windows.SYNCHRONIZE, false, pid)
	if err != nil {
		return 0
	}
	return h
}

const useRights = windows.SERVICE_QUERY_CONFIG | windows.SERVICE_QUERY_STATUS | windows.SERVICE_START | windows.SERVICE_STOP

// act does something with a service that is there.
func act(what string, do func(*mgr.Service) error) error {
	m, s, err := connect(what, windows.SC_MANAGER_CONNECT, useRights)
	if err != nil {
		return err
	}
	defer release(m, s)
	if s == nil {
		return ErrNotInstalled
	}
	return do(s)
}

// Start starts the service, where it does not run yet. The error wraps ErrNotInstalled, or is a *RightsError or an *EndedError.
func Start(ctx context.Context, tell func(string, ...any)) error {
	return act("start the service", func(s *mgr.Service) error { return bringUp(ctx, s, tell) })
}

// Stop ends the service, where it runs: requests on their way have 10 s. It starts with Windows again.
func Stop(ctx context.Context, tell func(string, ...any)) error {
	return act("stop the service", func(s *mgr.Service) error {
		now, qerr := s.Query()
		was, err := halt(ctx, s)
		switch {
		case err != nil:
			return rights("stop the service", err)
		case !was && qerr == nil && exitOf(now) != "":
			tell("the service does not run, for it has failed (%s); Windows may start it again within 2 minutes: then stop it once more", exitOf(now))
			return nil
		case !was:
			tell("the service does not run")
			return nil
		}
		tell("the service is stopped; it starts again with Windows")
		return nil
	})
}

// Restart stops the service, where it runs, and starts it. Its errors are those of Start.
func Restart(ctx context.Context, tell func(string, ...any)) error {
	return act("restart the service", func(s *mgr.Service) error {
		if _, err := halt(ctx, s); err != nil {
			return rights("stop the service", err)
		}
		return bringUp(ctx, s, tell)
	})
}

// Uninstall stops the service and takes it off the computer. What it has on disk stays but for what p names. It is no error
// where there is none.
func Uninstall(ctx context.Context, p Purging, tell func(string, ...any)) error {
	m, s, err := connect("uninstall the service", windows.SC_MANAGER_ALL_ACCESS, windows.SERVICE_ALL_ACCESS)
	if err != nil {
		return err
	}
	defer func() { release(m, s) }()
	if packaged() {
		return ErrPackaged
	}
	if s == nil {
		tell("the service is not installed")
		return purge(p, tell)
	}
	if _, err := halt(ctx, s); err != nil {
		return rights("stop the service", err)
	}
	if err := s.Delete(); err != nil && !errors.Is(err, windows.ERROR_SERVICE_MARKED_FOR_DELETE) {
		return fmt.Errorf("remove the service: %w", err)
	}
	_ = eventlog.Remove(Name) // there may be none
	tell("the service is removed")
	_ = s.Close() // Windows forgets it once nobody has it open
	s = nil
	if err := purge(p, tell); err != nil {
		return err
	}
	return removeProgram(tell)
}

// UnpackFor prepares the removal of the package for Windows' installer, which removes service and program itself: the service is
// stopped, its source of events is removed, and so is what p names.
func UnpackFor(ctx context.Context, p Purging, tell func(string, ...any)) error {
	m, s, err := connect("uninstall the service", windows.SC_MANAGER_ALL_ACCESS, windows.SERVICE_ALL_ACCESS)
	if err != nil {
		return err
	}
	defer release(m, s)
	if s != nil {
		if _, err := halt(ctx, s); err != nil {
			return rights("stop the service", err)
		}
	}
	_ = eventlog.Remove(Name) // there may be none
	return purge(p, tell)
}

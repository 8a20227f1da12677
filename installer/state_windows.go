package installer

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/mgr"
)

// Query asks the service manager for the service.
func Query(context.Context) (State, error) {
	state := State{Manager: "Windows"}
	m, s, err := connect("ask Windows for the service", windows.SC_MANAGER_CONNECT, windows.SERVICE_QUERY_CONFIG|windows.SERVICE_QUERY_STATUS)
	if err != nil {
		return state, err
	}
	defer release(m, s)
	if s == nil {
		return state, nil
	}
	state.Installed = true
	now, err := s.Query()
	if err != nil {
		return state, fmt.Errorf("ask Windows for the service: %w", err)
	}
	state.Running, state.PID = now.State == svc.Running || now.State == svc.StartPending, int(now.ProcessId)
	if code := exitOf(now); code != "" && now.State == svc.Stopped {
		state.Problem = "its program ended with " + code
	}
	e, err := entryOf(s)
	if err != nil {
		return state, fmt.Errorf("ask Windows for the service: %w", err)
	}
	state.Account, state.Command, state.Enabled = e.account, e.command, e.start == mgr.StartAutomatic
	state.Recovers, state.Disorder, state.Config = recovers(s), disorder(e), configOf(e.command)
	state.Packaged = packaged()
	return state, nil
}

// exitOf is what a service that has ended says of it; "" = nothing, or that it was never started.
func exitOf(s svc.Status) string {
	switch windows.Errno(s.Win32ExitCode) {
	case windows.NO_ERROR, windows.ERROR_SERVICE_NEVER_STARTED:
		return ""
	case windows.ERROR_SERVICE_SPECIFIC_ERROR:
		return fmt.Sprintf("the code %d of its own", s.ServiceSpecificExitCode)
	}
	return fmt.Sprintf("%q", strings.TrimSpace(windows.Errno(s.Win32ExitCode).Error()))
}

// recovers reports whether Windows starts the service again, also after an exit with an error.
func recovers(s *mgr.Service) bool {
	actions, err := s.RecoveryActions()
	if err != nil || len(actions) == 0 || actions[len(actions)-1].Type != mgr.ServiceRestart {
		return false
	}
	also, err := s.RecoveryActionsOnNonCrashFailures()
	return err == nil && also
}

// disorder is what Install would mend about the entry; "" = nothing.
func disorder(e entry) string {
	if !strings.HasPrefix(e.command, `"`) && strings.Contains(before(e.command, ".exe"), " ") {
		return "the path of its program has blanks and no quotes, so that another program could be started in its place"
	}
	return ""
}

// entry is what the service manager keeps of a service. mgr.Service.Config reads more, which not every Windows knows.
type entry struct {
	command, account string
	start            uint32
}

func entryOf(s *mgr.Service) (entry, error) {
	for n := uint32(4 << 10); ; {
		b := make([]uint64, n/8+1) // aligned as what it holds
		p := (*windows.QUERY_SERVICE_CONFIG)(unsafe.Pointer(&b[0]))
		err := windows.QueryServiceConfig(s.Handle, p, n, &n)
		if err == nil {
			return entry{command: windows.UTF16PtrToString(p.BinaryPathName), account: windows.UTF16PtrToString(p.ServiceStartName), start: p.StartType}, nil
		}
		if !errors.Is(err, windows.ERROR_INSUFFICIENT_BUFFER) || int(n) <= 8*len(b) {
			return entry{}, err
		}
	}
}

// configOf is the config that a command line names; "" = none.
func configOf(line string) string {
	args, err := windows.DecomposeCommandLine(line)
	if err != nil {
		return ""
	}
	for i, a := range args {
		if a == "--config" && i+1 < len(args) {
			return args[i+1]
		}
	}
	return ""
}

// packaged reports whether the program came by Windows' installer, whose package leaves its version there.
func packaged() bool {
	k, err := registry.OpenKey(registry.LOCAL_MACHINE, PackageKey, registry.QUERY_VALUE)
	if err != nil {
		return false
	}
	defer k.Close() // it is only read
	version, _, err := k.GetStringValue("Package")
	return err == nil && version != ""
}

// PackageKey is where the package for Windows' installer keeps what it was told, below HKEY_LOCAL_MACHINE.
const PackageKey = `SOFTWARE\tillpost`

// Lacks says what Install would change for a config; "" = nothing that is known.
func Lacks(Options) string { return "" }

func before(s, sep string) string {
	head, _, _ := strings.Cut(strings.ToLower(s), sep)
	return head
}

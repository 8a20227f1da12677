//go:build !windows

package installer

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/kardianos/service"
)

// otherService is the service under a service manager that is not systemd, as github.com/kardianos/service knows it.
func otherService(program string, o Options) (service.Service, error) {
	args := []string{"run"}
	if o.Config != "" {
		args = append(args, "--config", o.Config)
	}
	s, err := kardianos(program, args, "", nil)
	if errors.Is(err, service.ErrNoServiceSystemDetected) {
		return nil, ErrNoManager
	}
	return s, err
}

func queryOther() (State, error) {
	s, err := otherService(ownProgram, Options{})
	if err != nil {
		return State{}, err
	}
	state := State{Manager: s.Platform(), Command: ownProgram, Account: "root"}
	now, err := s.Status()
	switch known := hasScript(); {
	case errors.Is(err, service.ErrNotInstalled), !known && now != service.StatusRunning:
		return state, nil // the library takes any trouble with a status for a service that is there
	case now == service.StatusRunning:
		state.Running = true
	case err != nil && now == service.StatusUnknown:
		state.Problem = err.Error()
	}
	state.Installed, state.Enabled = true, true
	return state, nil
}

// hasScript reports whether a service manager other than systemd has been told of the service.
func hasScript() bool {
	for _, path := range []string{"/etc/init.d/" + Name, "/etc/init/" + Name + ".conf", "/etc/rc.d/" + Name} {
		if _, err := os.Stat(path); err == nil {
			return true
		}
	}
	return false
}

func installOther(ctx context.Context, o Options) error {
	before, err := queryOther()
	if err != nil {
		return err
	}
	u := &undoing{}
	program, _, err := placeProgram(ctx, o, before, u)
	if err != nil {
		return u.back(err)
	}
	s, err := otherService(program, o)
	if err != nil {
		return u.back(err)
	}
	if before.Installed {
		if before.Running {
			_ = s.Stop() // it may have ended meanwhile
		}
		if err := s.Uninstall(); err != nil {
			return u.back(fmt.Errorf("replace the service that is there: %w", err))
		}
	}
	if err := s.Install(); err != nil {
		return u.back(fmt.Errorf("install the service by %s: %w", s.Platform(), err))
	}
	o.Tell("the service %s is installed by %s; it runs as root, and nothing starts it again where it fails: systemd would do better", Name, s.Platform())
	if o.NoStart {
		return ctx.Err()
	}
	return startOther(o.Tell)
}

func startOther(tell func(string, ...any)) error {
	return withOther(func(s service.Service) error {
		if now, _ := s.Status(); now == service.StatusRunning {
			tell("the service runs already")
			return nil
		}
		if err := s.Start(); err != nil {
			return err
		}
		tell("the service is started")
		return nil
	})
}

func restartOther(tell func(string, ...any)) error {
	return withOther(func(s service.Service) error {
		if err := s.Restart(); err != nil {
			return err
		}
		tell("the service is started anew")
		return nil
	})
}

func stopOther(tell func(string, ...any)) error {
	return withOther(func(s service.Service) error {
		if now, err := s.Status(); now == service.StatusStopped && err == nil {
			tell("the service does not run")
			return nil
		}
		if err := s.Stop(); err != nil {
			return err
		}
		tell("the service is stopped")
		return nil
	})
}

func uninstallOther(tell func(string, ...any)) error {
	return withOther(func(s service.Service) error {
		if now, _ := s.Status(); now == service.StatusRunning {
			if err := s.Stop(); err != nil {
				return err
			}
		}
		if err := s.Uninstall(); err != nil {
			return err
		}
		tell("the service is removed")
		return nil
	})
}

func withOther(do func(service.Service) error) error {
	s, err := otherService(ownProgram, Options{})
	if err != nil {
		return err
	}
	return do(s)
}

package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"tillpost/config"
	"tillpost/installer"
)

// askService asks the service manager for the service, and lets root look as the account that it runs as.
func (u *checkup) askService(ctx context.Context) {
	type asked struct {
		state installer.State
		err   error
	}
	a, ok := within(ctx, fileTime, func(ctx context.Context) (a asked) {
		a.state, a.err = installer.Query(ctx)
		return a
	})
	switch {
	case !ok:
		u.serviceErr = fmt.Errorf("the service manager does not answer within %v", fileTime)
		return
	case a.err != nil:
		u.serviceErr = a.err
		return
	}
	u.service = a.state
	u.ours = a.state.Installed && (a.state.Config == u.conf.File || a.state.Config == "" && u.conf.File == config.Place())
	if !u.ours {
		return
	}
	if o, err := u.con.installOptions(u.conf); err == nil && a.state.Disorder == "" {
		u.service.Disorder = installer.Lacks(o)
	}
	err := beOwnerOf(u.conf.DataDir, false)
	if err == nil && a.state.Account != "" {
		err = beAccount(a.state.Account) // where there is no data folder yet
	}
	if err != nil {
		u.con.warn("%s", errorText(err))
	}
}

// configFound is what is found about a config that can be read.
func (u *checkup) configFound() finding {
	text := fmt.Sprintf("%s: %s", u.conf.File, plural(len(u.conf.Sources), "source"))
	if who := config.ChangeableBy(u.conf.File); u.ours && who != "" {
		return warning(ownConfigHint, "%s; %s can change it, and so where the service sends the token", text, who)
	}
	return fine("%s", text)
}

// serviceFound is what is found about the service.
func (u *checkup) serviceFound() finding {
	s := u.service
	switch {
	case errors.Is(u.serviceErr, installer.ErrNoManager):
		return fine("this computer has no service manager that tillpost knows")
	case u.serviceErr != nil:
		return warning("look again as an administrator", "%s", errorText(u.serviceErr))
	case !u.ours && u.conf.File != config.Place():
		return fine("none is installed for this config")
	case !u.ours && s.Installed:
		return warning("`tillpost install` lets the service use this config", "the one that is installed uses another config: %s", s.Config)
	case !u.ours:
		return warning("`tillpost install` makes one, as an administrator: without it nothing is sent once nobody is logged in", "none is installed")
	}
	text := u.serviceText()
	switch {
	case s.Problem != "" && !s.Running:
		return failure("mend what the other lines say; then `tillpost start`", "%s; it does not run: %s", text, s.Problem)
	case s.Problem != "":
		return failure("mend what the other lines say; it is started again by itself", "%s; it fails again and again: %s", text, s.Problem)
	case !s.Enabled:
		return warning("`tillpost install` mends it", "%s; it does not start with the computer", text)
	case !s.Running:
		return warning("`tillpost start` starts it", "%s; it does not run", text)
	case !s.Recovers:
		return warning("`tillpost install` mends it", "%s; where it fails nothing starts it again", text)
	case s.Disorder != "":
		return warning("`tillpost install` mends it", "%s; %s", text, s.Disorder)
	}
	return fine("%s; it is started again wherever it fails", text)
}

// serviceText is what is said of any service.
func (u *checkup) serviceText() string {
	text := "installed (" + u.service.Manager + ")"
	if u.service.PID != 0 {
		text = fmt.Sprintf("runs as process %d (%s)", u.service.PID, u.service.Manager)
	}
	if u.service.Account != "" {
		text += ", as the account " + u.service.Account
	}
	return text
}

// asComputer reports whether the service goes to other computers as this computer, and not as a person.
func (u *checkup) asComputer() bool {
	return u.ours && strings.HasPrefix(strings.ToUpper(u.service.Account), `NT SERVICE\`)
}

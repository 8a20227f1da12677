// Package installer is tillpost's life as a service of Windows or Linux: it installs one, starts and stops it, and is what
// stands between the service manager and the work.
//
// # Promises
//
//  1. Every function does what is not done yet, works a second time, and tells what it did, a line each.
//  2. Where Install fails on the way, what it has made is taken away again, and what it has replaced is put back. What it has
//     given to the service, such as a token, stays the service's.
//  3. Who lacks the rights is told so by a *RightsError, before anything was changed.
//  4. No secret is passed to a service manager: nothing is in a unit, an argument or an environment but paths.
//  5. A service that fails is started again, for ever; one whose work hangs is ended, and so started again too.
//
// # What does it
//
// On Windows the service manager, through golang.org/x/sys: github.com/kardianos/service makes the entry and the source of
// events; the account, recovery with growing delays, also after an exit with an error (its issue 401, its pull request 420),
// and a stop that ends (its issue 337) are done here. On Linux systemd, through systemctl and a unit of our own, which is the
// packages' too (tillpost.service). Where Linux has another service manager, github.com/kardianos/service does as it can.
package installer

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Name is the service's, and that of the account that it runs as: the user tillpost, or NT SERVICE\tillpost.
const Name = "tillpost"

const (
	title       = "tillpost"
	description = "Brings the stock exports of the point of sale to the web shop"
)

// Options of Install. Paths are absolute.
type Options struct {
	Version string   // of the program that runs now
	Config  string   // of the service; "" = the platform's place
	Home    string   // the folder of config and token, for administrators and, to read, the service; "" = it is for all (Linux)
	Private []string // folders for the service and administrators alone; they are made where they are missing
	Secrets []string // files for the service and administrators alone; those that are missing are passed over
	Reads   []string // folders whose files the service reads
	Writes  []string // folders in which it must write too
	Logs    string   // the folder of its log, in which it must write as well; "" = none of its own
	NoStart bool
	InPlace bool // the program stays where it lies: its package answers for that

	Tell func(format string, args ...any) // about what was done; one line, without its end
}

// Purging is what Uninstall is to remove besides the service.
type Purging struct {
	Trees   []string // folders with all that is in them, and files
	Files   []string // files
	Folders []string // removed where nothing is left in them, in this order
	User    bool     // the account on Linux
}

// State is how a service is.
type State struct {
	Manager   string // Windows, systemd, ...; "" = there is none that is known
	Installed bool
	Packaged  bool   // it came in a package, which owns its program
	Enabled   bool   // it starts with the computer
	Running   bool   // or is about to
	Account   string // "" = not known
	Command   string // its command line, or its program
	Config    string // the config that it reads; "" = the platform's place
	PID       int    // 0 = none
	Recovers  bool   // it is started again, however it ends
	Disorder  string // what Install would mend; "" = nothing
	Problem   string // why it does not run, as the service manager tells it
}

// ErrNotInstalled says that there is no service to start or stop.
var ErrNotInstalled = errors.New("the service tillpost is not installed")

// ErrPackaged says that the service came in a package, which removes it.
var ErrPackaged = errors.New("the service came in a package, which is what removes it")

// ErrNoManager says that nothing on this computer keeps services.
var ErrNoManager = errors.New("no service manager was found on this computer")

// RightsError says that a command needs rights that its account does not have.
type RightsError struct {
	What string // such as `install the service`
	Err  error  // nil = none
}

func (e *RightsError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: this account may not: %s", e.What, e.Err)
	}
	return e.What + ": this account may not"
}

func (e *RightsError) Unwrap() error { return e.Err }

// EndedError says that the service was started and has ended again.
type EndedError struct {
	Why string // as the service manager tells it
}

func (e *EndedError) Error() string {
	return "the service tillpost was started and has ended again: " + e.Why
}

// PackagedError says that the service's program belongs to a package, so that only the package manager may change it.
type PackagedError struct {
	Program string // the package's
	Ours    string // the one that was to be installed
}

func (e *PackagedError) Error() string {
	return fmt.Sprintf("%s came in a package, and %s would take its place", e.Program, e.Ours)
}

// OwnerError says that a file or folder belongs to somebody who could change what the service does.
type OwnerError struct {
	Path  string
	Owner string
}

func (e *OwnerError) Error() string {
	return fmt.Sprintf("%s belongs to %s, who is no administrator and could change what the service does", e.Path, e.Owner)
}

const (
	startTime = 90 * time.Second // for a service to come up: systemd waits for the first look at the folders, at most a minute
	stopTime  = 60 * time.Second // for one to end: requests on their way have 10 s, and a slow disk needs its time
	pollEvery = 200 * time.Millisecond
)

// undoing keeps what takes back what was done.
type undoing struct{ list []func() error }

func (u *undoing) add(undo func() error) { u.list = append(u.list, undo) }

// back takes all of it back, the last first, and answers err with what went wrong meanwhile.
func (u *undoing) back(err error) error {
	for i := len(u.list) - 1; i >= 0; i-- {
		if uerr := u.list[i](); uerr != nil {
			err = errors.Join(err, fmt.Errorf("take back what was done: %w", uerr))
		}
	}
	return err
}

// until polls done until it answers true, and reports whether it did before limit or the end of ctx.
func until(ctx context.Context, limit time.Duration, done func() (bool, error)) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		if ok, err := done(); ok || err != nil {
			return ok, err
		}
		select {
		case <-ctx.Done():
			return false, nil
		case <-tick.C:
		}
	}
}

//go:build !windows

package cli

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
)

// outliveReaders lets a write to an output whose reader went away fail. It would end the process otherwise, and with it
// the agent.
func outliveReaders() { signal.Ignore(syscall.SIGPIPE) }

// stopSignals are the signals that let a command come to its end.
func stopSignals() []os.Signal {
	list := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // as nohup does
		list = append(list, syscall.SIGHUP)
	}
	return list
}

// readerGone reports whether a write failed because whoever read the output went away.
func readerGone(err error) bool { return errors.Is(err, syscall.EPIPE) }

// shieldFromCtrlC keeps the terminal's Ctrl-C from a command that is started: it is ended by whoever starts it.
func shieldFromCtrlC(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

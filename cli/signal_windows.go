package cli

import (
	"errors"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/windows"
)

// outliveReaders does nothing: a write to an output whose reader went away fails by itself.
func outliveReaders() {}

// stopSignals are the signals that let a command come to its end; the second is a console that is closed.
func stopSignals() []os.Signal { return []os.Signal{os.Interrupt, syscall.SIGTERM} }

// readerGone reports whether a write failed because whoever read the output went away.
func readerGone(err error) bool {
	return errors.Is(err, windows.ERROR_BROKEN_PIPE) || errors.Is(err, windows.ERROR_NO_DATA)
}

// shieldFromCtrlC keeps the console's Ctrl-C from a command that is started: it is ended by whoever starts it.
func shieldFromCtrlC(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP}
}

package cli

import (
	"os"
	"syscall"
)

// outliveReaders does nothing: a write to an output whose reader went away fails by itself.
func outliveReaders() {}

// stopSignals are the signals that let a command come to its end; the second is a console that is closed.
func stopSignals() []os.Signal { return []os.Signal{os.Interrupt, syscall.SIGTERM} }

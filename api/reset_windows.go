package api

import (
	"errors"
	"syscall"

	"golang.org/x/sys/windows"
)

// wasReset reports whether the other side, or something between, has torn the connection down. Windows answers with
// codes of its own, which are not those of package syscall.
func wasReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, windows.WSAECONNRESET) || errors.Is(err, windows.WSAECONNABORTED)
}

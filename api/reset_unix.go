//go:build unix

package api

import (
	"errors"
	"syscall"
)

// wasReset reports whether the other side, or something between, has torn the connection down.
func wasReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

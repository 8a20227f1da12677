package installer

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Life is how the work of a service shows that it lives.
type Life struct {
	Ready <-chan struct{}             // closed once it works in earnest; nil = from the start
	Pulse func(context.Context) error // whether it still does; nil = nobody can tell
	Words func(error) string          // an error as a person reads it
}

// alive asks the work whether it lives, and gives it limit to answer.
func (l Life) alive(ctx context.Context, limit time.Duration) error {
	if l.Pulse == nil {
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("no answer within %v", limit))
	defer cancel()
	return l.Pulse(ctx)
}

// errNotAsService says that a program was to be a Windows service and was not started by the service manager.
var errNotAsService = errors.New("--service is for the service manager alone")

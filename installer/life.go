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

// readyMost is how long the service manager waits for Ready: a dead share must not keep the service from being one.
const readyMost = time.Minute

// pulseTime is how long the work has to show that it lives, where the service manager does not say it.
const pulseTime = 5 * time.Minute

// stopError is the cause of the end of a service that its manager stops.
type stopError struct{ shutdown bool }

func (e *stopError) Error() string {
	if e.shutdown {
		return "the computer shuts down"
	}
	return "the service manager stops the service"
}

// Grace is how long requests on their way have: Windows leaves a service 5 s when it shuts down.
func (e *stopError) Grace() time.Duration {
	if e.shutdown {
		return 3 * time.Second
	}
	return 10 * time.Second
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

func (l Life) words(err error) string {
	if l.Words == nil {
		return err.Error()
	}
	return l.Words(err)
}

// errNotAsService says that a program was to be a Windows service and was not started by the service manager.
var errNotAsService = errors.New("--service is for the service manager alone")

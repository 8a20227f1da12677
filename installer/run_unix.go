//go:build !windows

package installer

import (
	"context"
	"os"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// Run does the work until ctx ends or it fails. Where systemd has started the program it is told when the work is ready, again
// and again that it lives, and that it stops. asService is for Windows alone.
func Run(ctx context.Context, asService bool, work func(context.Context) error, life Life) error {
	switch {
	case asService:
		return errNotAsService
	case os.Getenv("NOTIFY_SOCKET") == "":
		return work(ctx)
	}
	telling, end := context.WithCancel(context.WithoutCancel(ctx))
	var teller sync.WaitGroup
	teller.Go(func() { tellSystemd(ctx, telling, life) })
	err := work(ctx)
	end()
	teller.Wait()
	return err
}

// readyMost is how long the service manager waits for Ready: a dead share must not keep the service from being one.
const readyMost = time.Minute

// tellSystemd tells systemd how the work is until telling ends. What it does not take is told in vain: systemd then starts the
// service again.
func tellSystemd(ctx, telling context.Context, life Life) {
	var beat <-chan time.Time // nil = nobody waits for it
	every, err := daemon.SdWatchdogEnabled(false)
	if err == nil && every > 0 {
		ticker := time.NewTicker(every / 3)
		defer ticker.Stop()
		beat = ticker.C
	}
	late := time.NewTimer(readyMost)
	defer late.Stop()
	ready, stopping := life.Ready, ctx.Done()
	if ready == nil {
		ready = closed()
	}
	isReady := func() {
		_, _ = daemon.SdNotify(false, daemon.SdNotifyReady)
		ready = nil
		late.Stop()
	}
	for {
		select {
		case <-telling.Done():
			return
		case <-ready:
			isReady()
		case <-late.C:
			isReady()
		case <-stopping:
			_, _ = daemon.SdNotify(false, daemon.SdNotifyStopping)
			stopping = nil
		case <-beat:
			if life.alive(telling, every/3) == nil {
				_, _ = daemon.SdNotify(false, daemon.SdNotifyWatchdog)
			}
		}
	}
}

func closed() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}

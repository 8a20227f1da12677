package installer

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// manager is systemd's end of the socket on which a service tells how it is.
func manager(t *testing.T) *net.UnixConn {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	return c
}

// hears waits for a message, and fails where another one that is not in passing comes first.
func hears(t *testing.T, c *net.UnixConn, want string, passing ...string) {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 1000)
	for {
		n, err := c.Read(b)
		switch got := string(b[:n]); {
		case err != nil:
			t.Fatalf("waiting for %q: %v", want, err)
		case got == want:
			return
		case !slices.Contains(passing, got):
			t.Fatalf("got %q, want %q", got, want)
		}
	}
}

func TestSystemdIsToldHowTheWorkIs(t *testing.T) { // not parallel: it has an environment
	systemd := manager(t)
	t.Setenv("WATCHDOG_USEC", "60000")
	ready := make(chan struct{})
	var alive atomic.Bool
	alive.Store(true)
	life := Life{Ready: ready, Pulse: func(ctx context.Context) error {
		if alive.Load() {
			return nil
		}
		<-ctx.Done()
		return ctx.Err()
	}}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	failed := errors.New("why it failed")
	release := make(chan struct{})
	go func() {
		ended <- Run(ctx, false, func(ctx context.Context) error {
			<-ctx.Done()
			<-release
			return failed
		}, life)
	}()
	hears(t, systemd, "WATCHDOG=1")
	close(ready)
	hears(t, systemd, "READY=1", "WATCHDOG=1")
	hears(t, systemd, "WATCHDOG=1")

	alive.Store(false) // from here on it tells nothing, until it stops
	hung := time.Now()
	for time.Since(hung) < 300*time.Millisecond {
		_ = systemd.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
		if n, _ := systemd.Read(make([]byte, 100)); n > 0 && time.Since(hung) > 100*time.Millisecond { // one may have been on its way
			t.Fatal("systemd was told that work lives which hangs")
		}
	}
	stop()
	hears(t, systemd, "STOPPING=1")
	close(release)
	if err := <-ended; !errors.Is(err, failed) {
		t.Errorf("got %v, want what the work ended with", err)
	}
}

func TestWithoutSystemdTheWorkIsDoneAllTheSame(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	why := errors.New("its error")
	if err := Run(t.Context(), false, func(context.Context) error { return why }, Life{}); !errors.Is(err, why) {
		t.Errorf("got %v, want the work's error", err)
	}
	err := Run(t.Context(), true, func(context.Context) error { return nil }, Life{})
	if err == nil || !strings.Contains(err.Error(), "--service") {
		t.Errorf("got %v, want that a Windows service is none here", err)
	}
}

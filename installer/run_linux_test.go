package installer

import (
	"context"
	"errors"
	"net"
	"path/filepath"
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

// hears waits for a message, and answers how often systemd was told meanwhile, and by it, that the work lives. Any other message
// that comes first is wrong.
func hears(t *testing.T, c *net.UnixConn, want string) (lives int) {
	t.Helper()
	const life = "WATCHDOG=1"
	if err := c.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	for b := make([]byte, 1000); ; {
		n, err := c.Read(b)
		got := string(b[:n])
		if err != nil {
			t.Fatalf("waiting for %q: %v", want, err)
		}
		if got == life {
			lives++
		}
		switch {
		case got == want:
			return lives
		case got != life:
			t.Fatalf("got %q, want %q", got, want)
		}
	}
}

func TestSystemdIsToldHowTheWorkIs(t *testing.T) { // not parallel: it has an environment
	systemd := manager(t)
	t.Setenv("WATCHDOG_USEC", "60000")
	ready := make(chan struct{})
	hung := make(chan struct{}, 100) // a message for each pulse that failed
	var alive atomic.Bool
	var beats atomic.Int64 // pulses that did not
	alive.Store(true)
	life := Life{Ready: ready, Pulse: func(ctx context.Context) error {
		if alive.Load() {
			beats.Add(1)
			return nil
		}
		<-ctx.Done()
		hung <- struct{}{}
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
	told := hears(t, systemd, "WATCHDOG=1")
	close(ready)
	told += hears(t, systemd, "READY=1")
	told += hears(t, systemd, "WATCHDOG=1")

	alive.Store(false)
	for range 3 {
		<-hung
	}
	stop()
	told += hears(t, systemd, "STOPPING=1")
	if beats := int(beats.Load()); told != beats {
		t.Errorf("systemd was told %d times that the work lives, which said so %d times", told, beats)
	}
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

package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tillpost/mockapi"
)

func (con *console) mockAPICommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "mock-api --listen ADDR [--token T]",
		Short: "the stand-in API by itself",
		Long:  mockAPIHelp(),
		Example: "  tillpost mock-api --listen 127.0.0.1:8461 --token secret\n" +
			"  tillpost mock-api --listen 127.0.0.1:0 --latency 50ms --fault 500=10% --fault 403,code=849632048260",
		Args: noArguments,
	}
	listen := cmd.Flags().String("listen", "127.0.0.1:8461", "the address of this machine to listen on, `HOST:PORT`; port 0 takes a free one")
	token := cmd.Flags().String("token", "", "the bearer `TOKEN` to ask for (default: $TILLPOST_TOKEN, which no list of processes shows)")
	options := mockAPIFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		o := options()
		if o.Token = cmp.Or(*token, strings.TrimSpace(os.Getenv("TILLPOST_TOKEN"))); o.Token == "" {
			return wrongUse(cmd, "there is no token: give --token, or set TILLPOST_TOKEN")
		}
		if err := o.Validate(); err != nil {
			return wrongUse(cmd, "%s", err)
		}
		if err := checkLoopback(*listen); err != nil {
			return wrongUse(cmd, "--listen: %s", err)
		}
		l, err := net.Listen("tcp", *listen)
		if err != nil {
			return fmt.Errorf("start the stand-in API: %w", err)
		}
		con.printf("listening on http://%s\n", l.Addr())
		return serve(cmd.Context(), l, mockapi.New(o))
	}
	return cmd
}

func mockAPIHelp() string {
	var b strings.Builder
	b.WriteString("mock-api serves the documented API at " + mockapi.Path + ", judges each request strictly, and keeps what it was told:\n" +
		"GET /state lists it. Its first line says where it listens. A fault is NAME[=RATE][,option=value]...; options are\n" +
		"code, store, nth, next, apply, delay, retry-after, location and words. The faults:\n\n")
	width := 0
	for _, f := range mockapi.Faults() {
		width = max(width, len(f.Name))
	}
	for _, f := range mockapi.Faults() {
		fmt.Fprintf(&b, "  %-*s  %s\n", width, f.Name, f.About)
	}
	return strings.TrimRight(b.String(), "\n")
}

// mockAPIFlags gives a command the flags of the stand-in API, and answers what reads them.
func mockAPIFlags(cmd *cobra.Command) func() mockapi.Options {
	latency := flagOf(cmd, "latency", "how long every answer takes, a `DURATION`", parseDuration)
	jitter := flagOf(cmd, "jitter", "up to a `DURATION` more, by chance", parseDuration)
	limit := flagOf(cmd, "rate-limit", "so many requests a second, a `NUMBER`, then 429", parseNumber)
	burst := flagOf(cmd, "burst", "so many at once within the rate limit, a `NUMBER` (default 1)", parseWhole)
	errorRate := flagOf(cmd, "error-rate", "the `SHARE` of requests that get a 5xx, such as 10%", parseShare)
	faults := listOf(cmd, "fault", "how answers go wrong, a `FAULT`; can be given several times", parseFault)
	complete(cmd, "fault", faultChoices)
	unknown := listOf(cmd, "unknown", "a `CODE`, UPC or SKU, that it does not know; can be given several times", parseText)
	stores := listOf(cmd, "store", "a `STORE` that it knows (default: every one); can be given several times", parseText)
	seed := flagOf(cmd, "seed", "a `NUMBER` that all chance comes from", parseSeed)
	negative := cmd.Flags().Bool("negative", false, "take quantities below 0")
	return func() mockapi.Options {
		return mockapi.Options{Latency: *latency, Jitter: *jitter, RateLimit: *limit, Burst: *burst, ErrorRate: *errorRate,
			Faults: *faults, Unknown: *unknown, Stores: *stores, Seed: *seed, Negative: *negative}
	}
}

func parseFault(text string) (mockapi.Fault, error) {
	f, err := mockapi.ParseFault(text)
	if err != nil {
		return f, fmt.Errorf("is not a fault: %w", errors.Unwrap(err)) // its outermost words quote the text once more
	}
	return f, nil
}

// checkLoopback says why an address is not one of this machine alone.
func checkLoopback(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%q is not an address such as 127.0.0.1:8461", address)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("%q is not an address of this machine alone, as 127.0.0.1 or localhost are", address)
	}
	return nil
}

// serve serves until ctx ends; requests that are on their way then have a second.
func serve(ctx context.Context, l net.Listener, h http.Handler) error {
	s := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog: log.New(io.Discard, "", 0)}
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(done)
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		if s.Shutdown(ctx) != nil {
			_ = s.Close() // what hangs is cut
		}
	})
	err := s.Serve(l)
	if !stop() {
		<-done
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve the stand-in API: %w", err)
}

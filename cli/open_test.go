package cli

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tillpost/agent"
	"tillpost/config"
	"tillpost/mockapi"
)

const testLink = "http://127.0.0.1:8460/open?once=ONETIMEKEY"

// paged runs the store's agent with a status page that is only its link.
func (s *store) paged(link func() (string, error)) {
	s.t.Helper()
	c, err := config.Load(s.config)
	if err != nil {
		s.t.Fatal(err)
	}
	a, err := agent.New(agent.Options{Config: c, Token: func() (string, error) { return "secret", nil }, Log: slog.New(slog.DiscardHandler), Version: "test", Link: link})
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(s.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	s.t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			s.t.Error(err)
		}
	})
	eventually(s.t, "the agent runs", func() bool {
		status, ok := s.status()
		return ok && status.State == "running"
	})
}

// served is paged with a config that wants a status page.
func (s *store) served(link func() (string, error)) {
	s.t.Helper()
	s.edit("listen: off", "listen: 127.0.0.1:0")
	s.paged(link)
}

func TestOpenPrintsTheLinkForWhoeverAsks(t *testing.T) {
	t.Parallel()
	s := newStore(t, mockapi.Options{})
	s.served(func() (string, error) { return testLink, nil })
	if out, errs, code := s.run("open", "--print"); code != statusDone || out != testLink+"\n" || errs != "" {
		t.Errorf("--print: got %d, %q, %q; want the link alone", code, out, errs)
	}
	if out, errs, code := s.run("open", "--json"); code != statusDone || out != `{"url":"`+testLink+`"}`+"\n" || errs != "" {
		t.Errorf("--json: got %d, %q, %q; want the link alone", code, out, errs)
	}
}

func TestOpenSaysWhyThereIsNoStatusPage(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		setUp     func(*store)
		want, try string
	}{
		"no agent has ever run": {func(*store) {}, "outbox", "`tillpost run` starts one"},
		"none runs": {func(s *store) { s.write("pos/stock.csv", "Store,UPC,Qty\n3,849632048260,12\n"); s.run("sync") },
			"no agent runs, so there is no status page", "`tillpost start` starts the service"},
		"the page is off": {func(s *store) { s.paged(func() (string, error) { return testLink, nil }) }, "the status page is off", "write `status: {listen: 127.0.0.1:8460}`"},
		"the port is taken": {func(s *store) {
			s.served(func() (string, error) { return "", errors.New("the port is taken") })
		}, "the port is taken", "the log says why"},
		"it serves none": {func(s *store) { s.served(nil) }, "serves no status page", "the log says why"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStore(t, mockapi.Options{})
			x.setUp(s)
			out, errs, code := s.run("open", "--print")
			if code != statusFailed || out != "" || !strings.Contains(errs, x.want) || !strings.Contains(errs, "hint: ") || !strings.Contains(errs, x.try) {
				t.Errorf("got %d, %q, %q; want %q and the hint %q", code, out, errs, x.want, x.try)
			}
		})
	}
}

func TestAHandedLinkGoesIntoAFileThatWasMadeForIt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := file("tillpost-open-1.html", "")
	if _, ok, err := takeOver(good); ok || err != nil {
		t.Errorf("before: got %t, %v; want nothing yet", ok, err)
	}
	if err := handOver(good, testLink, nil); err != nil {
		t.Fatal(err)
	}
	if link, ok, err := takeOver(good); link != testLink || !ok || err != nil {
		t.Errorf("got %q, %t, %v; want the link", link, ok, err)
	}
	failed := file("tillpost-open-2.html", "")
	if err := handOver(failed, "", agent.ErrNotRunning); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := takeOver(failed); !ok || err == nil || err.Error() != "no agent runs" || !strings.Contains(hint(err), "tillpost start") {
		t.Errorf("got %t, %v; want the error and its hint", ok, err)
	}
	for _, path := range []string{good, file("other.txt", ""), filepath.Join(dir, "tillpost-open-3.html"), dir} {
		before, _ := os.ReadFile(path)
		if err := handOver(path, testLink, nil); err == nil {
			t.Errorf("%s: got no error, want one", path)
		}
		if after, _ := os.ReadFile(path); string(after) != string(before) {
			t.Errorf("%s has changed", path)
		}
	}
}

func TestALinkIsToThisMachine(t *testing.T) {
	t.Parallel()
	for link, want := range map[string]bool{testLink: true, "http://[::1]:1/": true, "http://localhost:1/": true, "": false, "https://127.0.0.1/": false,
		"http://10.0.0.1/": false, "http://shop.example/": false, "javascript:alert(1)": false, testLink + " x": false, "file:///etc/passwd": false} {
		if got := isLink(link); got != want {
			t.Errorf("%q: got %t, want %t", link, got, want)
		}
	}
}

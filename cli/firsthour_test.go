//go:build !windows

package cli

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"tillpost/mockapi"
)

// On Windows much of it is in the words of the system, in its language.

// TestFirstHour sets up what goes wrong in the first hour of a store, for real, and compares what a person then sees, word
// for word, with testdata/firsthour.want, which `-update` writes anew for a person to read: as the owner's nephew, who has
// this text and nobody to ask. must is what it has to say of each: what is wrong, where, why, and what to do.
func TestFirstHour(t *testing.T) {
	t.Parallel()
	testHours(t, firstHour, "testdata/firsthour.want", func(t *testing.T, c hourCase) string { return newHour(t, c).live(c) })
}

// testHours compares what a person sees of each case, as see answers it, with a file.
func testHours(t *testing.T, cases []hourCase, file string, see func(*testing.T, hourCase) string) {
	t.Helper()
	said := make([]string, len(cases))
	t.Run("cases", func(t *testing.T) {
		for i, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				said[i] = see(t, c)
				for _, must := range c.must {
					if !strings.Contains(said[i], must) {
						t.Errorf("got\n%s\nwant in it %q", said[i], must)
					}
				}
			})
		}
	})
	var got strings.Builder
	for i, c := range cases {
		fmt.Fprintf(&got, "## %s\n%s\n", c.name, said[i])
	}
	compare(t, file, got.String())
}

// hourCase is one thing that goes wrong.
type hourCase struct {
	name  string
	files map[string]string       // beside those of a store where all is well, or in their place; "" = it is not there
	set   func(*testing.T, *hour) // what no text can set up
	do    []any                   // a command, or an agent that runs
	must  []string
}

// agentRuns starts the agent, waits for a line in its log with this in it, and then for a status with that in it. The line
// and the status are what a person sees; without a status it is not asked for.
type agentRuns struct {
	log, status string
	meanwhile   func(*hour) // what happens once the first export is delivered
}

// hour is a store in its first hour.
type hour struct {
	t    *testing.T
	dir  string
	fill *strings.Replacer // the places of files and servers into a text
	hide *strings.Replacer // and out of it again
	said strings.Builder
}

const (
	goodConfig = "api:\n  url: $API\n  token_file: token\n  retry: {min: 10ms, max: 1s}\n" + goodRest
	goodRest   = "data_dir: data\nstatus: {listen: off}\nsources:\n" + goodSource
	goodSource = "  - name: main\n    folder: pos\n    settle: 50ms\n    settle_last: 50ms\n    rescan: 200ms\n"
	goodExport = "UPC,Store,Qty\n849632048260,3,12\n"
)

func newHour(t *testing.T, c hourCase) *hour {
	t.Helper()
	h := &hour{t: t, dir: t.TempDir()}
	serve := func(handler http.HandlerFunc) string {
		s := httptest.NewServer(handler)
		t.Cleanup(s.Close)
		return s.URL
	}
	page := func(status int, title string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, "<!doctype html><html><head><title>"+title+"</title></head></html>")
		}
	}
	api := httptest.NewServer(mockapi.New(mockapi.Options{Token: "secret", Stores: []string{"3"}}))
	t.Cleanup(api.Close)
	secure := httptest.NewUnstartedServer(page(200, ""))
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	t.Cleanup(secure.Close)
	dead := httptest.NewServer(nil)
	dead.Close()
	places := []string{"$API", api.URL, "$404", serve(page(404, "Not Found")), "$503", serve(page(503, "Maintenance")), "$LOGIN", serve(page(200, "Guest Wi-Fi")),
		"$MOVED", serve(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://www.example.com/", http.StatusMovedPermanently)
		}), "$TLS", secure.URL, "$DEAD", dead.URL, "$DIR", h.dir}
	h.fill = strings.NewReplacer(places...)
	var back []string
	for i := 0; i < len(places); i += 2 {
		back = append(back, places[i+1], places[i], strings.TrimPrefix(strings.TrimPrefix(places[i+1], "https://"), "http://"), places[i])
	}
	h.hide = strings.NewReplacer(back...)
	files := map[string]string{"tillpost.yaml": goodConfig, "token": "secret\n", "pos/stock.csv": goodExport}
	for name, text := range c.files {
		files[name] = text
	}
	for name, text := range files {
		if text != "" {
			h.write(name, text)
		}
	}
	if c.set != nil {
		c.set(t, h)
	}
	return h
}

func (h *hour) path(name string) string { return filepath.Join(h.dir, filepath.FromSlash(name)) }

func (h *hour) write(name, text string) {
	h.t.Helper()
	if err := os.MkdirAll(filepath.Dir(h.path(name)), 0o700); err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(h.path(name), []byte(h.fill.Replace(text)), 0o600); err != nil {
		h.t.Fatal(err)
	}
}

// args are a command's words, with the config's place.
func (h *hour) args(command string) []string {
	words := strings.Fields(h.fill.Replace(command))
	if words[0] != "tillpost" && !strings.Contains(command, "--config") {
		words = append([]string{words[0], "--config", h.path("tillpost.yaml")}, words[1:]...)
	}
	return words
}

// live does the steps of a case, and answers what a person sees.
func (h *hour) live(c hourCase) string {
	h.t.Helper()
	for _, step := range c.do {
		h.do(step)
	}
	return h.said.String()
}

// do does a step of a case, and notes what a person sees.
func (h *hour) do(step any) {
	h.t.Helper()
	switch step := step.(type) {
	case string:
		out, errs, status := runIn(h.t.Context(), h.args(step)...)
		h.tell("$ tillpost "+step, out, errs, fmt.Sprintf("= %d", status))
	case agentRuns:
		h.run(step)
	}
}

func (h *hour) run(step agentRuns) {
	h.t.Helper()
	_, log, stop := start(h.t, h.args("run")...)
	if step.meanwhile != nil {
		eventually(h.t, "the first export is delivered", func() bool {
			status, _, _ := runIn(h.t.Context(), h.args("status")...)
			return strings.Contains(status, "1 update, the last")
		})
		step.meanwhile(h)
	}
	line := ""
	eventually(h.t, "the log says "+step.log, func() bool {
		for text := range strings.Lines(log.String()) {
			if strings.Contains(text, step.log) {
				line = text
				return true
			}
		}
		return false
	})
	h.tell("$ tillpost run", "", line, "")
	if step.status != "" {
		var status, hints string
		eventually(h.t, "the status says "+step.status, func() bool {
			status, hints, _ = runIn(h.t.Context(), h.args("status")...)
			return strings.Contains(status, step.status)
		})
		h.tell("$ tillpost status", status, hints, "")
	}
	if code := stop(); code != statusDone {
		h.t.Errorf("got %d from run after it was stopped, want 0; its log:\n%s", code, log)
	}
}

// tell notes a command, its output, what it said besides, and how it ended, without what differs from run to run.
func (h *hour) tell(command, out, errs, end string) {
	fmt.Fprintf(&h.said, "%s\n", command)
	for line := range strings.Lines(unsteady(h.hide.Replace(out))) {
		h.said.WriteString("  " + strings.TrimRight(line, "\n") + "\n")
	}
	for line := range strings.Lines(unsteady(h.hide.Replace(errs))) {
		h.said.WriteString("! " + strings.TrimRight(line, "\n") + "\n")
	}
	if end != "" {
		h.said.WriteString(end + "\n")
	}
}

// unsteady hides what differs from run to run of an agent.
func unsteady(text string) string {
	for _, v := range []struct{ from, to string }{
		{`time=\S+ `, ``},
		{`process \d+`, `process N`},
		{`process id is \d+`, `process id is N`},
		{`pid=\d+`, `pid=N`},
		{`( is full): [^")]*`, `$1: …`},
		{`\b\d+ failures\b`, `N failures`},
		{`\b\d+ s\b`, `N s`},
		{`since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d`, `since TIME`},
		{`clock says [0-9: -]+ UTC`, `clock says TIME UTC`},
		{`(to send +).*`, `$1…`},
	} {
		text = regexp.MustCompile(v.from).ReplaceAllString(text, v.to)
	}
	return text
}

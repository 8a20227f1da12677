package cli

import (
	"archive/zip"
	"encoding/json"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"tillpost/mockapi"
)

// unzipped is what is in a zip, by its names.
func unzipped(t *testing.T, path string) map[string]string {
	t.Helper()
	z, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	parts := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		parts[f.Name] = string(data)
	}
	return parts
}

// supported runs `support` and returns what it made.
func (s *store) supported(name string) (made parcelMade, parts map[string]string) {
	s.t.Helper()
	file := filepath.Join(s.dir, name)
	out, errs, code := s.run("support", "--json", "--output", file)
	if code != statusDone || errs != "" {
		s.t.Fatalf("support: got %d, %q, %q; want 0", code, out, errs)
	}
	if err := json.Unmarshal([]byte(out), &made); err != nil {
		s.t.Fatalf("support printed %q: %v", out, err)
	}
	return made, unzipped(s.t, file)
}

// TestNoSecretIsInTheZipForWhoeverHelps plants the token and passwords wherever a stranger, or a person, may put them.
func TestNoSecretIsInTheZipForWhoeverHelps(t *testing.T) {
	t.Parallel()
	const token, password, pinged = `tok+en/"1<2>&3=secret`, "p@ss-word?1", "0f1e2d3c4b5a69788796"
	tokens, tokenTraces := written(token)
	passwords, passwordTraces := written(password)
	pings, pingTraces := written(pinged)
	planted, traces := slices.Concat(tokens, passwords, pings), slices.Concat(tokenTraces, passwordTraces, pingTraces)
	s := newStore(t, mockapi.Options{})
	api := mockapi.New(mockapi.Options{Token: token})
	server := httptest.NewServer(api)
	t.Cleanup(server.Close)
	if err := api.Inject(mockapi.Fault{Name: "422", Code: "849632040042", Words: strings.Join(tokens, " ") + " Authorization: Bearer " + token}); err != nil {
		t.Fatal(err)
	}
	s.write("token", token+"\n")
	log := filepath.Join(s.dir, "data", "logs", "tillpost.log")
	s.write("tillpost.yaml", fmt.Sprintf("# %s %s\napi: {url: %q, token_file: token, rate: unlimited} # %s\nlog: {file: %q}\n"+
		"data_dir: data\nsources:\n  - {name: main, folder: pos, settle: 50ms, settle_last: 50ms, rescan: 200ms, stores: {\"3\": \"3\"}}\n", token, password, server.URL, token, log))
	_, _, stop := start(t, "run", "--config", s.config)
	rows := "Store,UPC,Qty,Note\n3,849632048260,5,\n3,849632040042,1,\n"
	for i, form := range planted {
		rows += fmt.Sprintf("3,\"%s\",x%d,\"%s\"\n", strings.ReplaceAll(form, `"`, `""`), i, strings.ReplaceAll(form, `"`, `""`))
	}
	s.write("pos/stock.csv", rows)
	s.write("pos/"+strings.Map(func(r rune) rune {
		if strings.ContainsRune(`<>:"/\|?*`, r) {
			return '-'
		}
		return r
	}, pinged)+".txt", "nothing")
	eventually(t, "all is delivered or refused", func() bool {
		status, ok := s.status()
		return ok && status.Delivered == 1 && status.Dead == 1 && status.Rejects > 0
	})
	f, err := os.OpenFile(log, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(strings.Join(planted, "\n") + "\nhttps://kim:" + password + "@proxy.example:1/\n"); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	// What the config names besides must be gone too; the agent goes on with the config of before.
	config := read(t, s.config)
	s.write("tillpost.yaml", strings.Replace(config, "rate: unlimited}", "rate: unlimited, proxy: \"http://kim:p%40ss-word%3F1@127.0.0.1:9\"}", 1)+
		"heartbeat: {url: \"https://hc.example/ping/"+pinged+"\"}\n")
	made, parts := s.supported("one.zip")
	for name, text := range parts {
		for _, trace := range traces {
			if strings.Contains(text, trace) {
				t.Errorf("%s: got %q in\n%s", name, trace, text)
			}
		}
	}
	for name, want := range map[string]string{"log.txt": "proxy.example", "about.txt": "tillpost", "config.yaml": "rate: unlimited"} {
		if !strings.Contains(parts[name], want) {
			t.Errorf("%s: got\n%s\nwant %q in it", name, parts[name], want)
		}
	}
	if len(made.Parts) != len(parts) {
		t.Errorf("got %v, want what is in the zip: %d parts", made.Parts, len(parts))
	}

	s.write("tillpost.yaml", config) // one that can be used, for all parts
	_, parts = s.supported("two.zip")
	for _, name := range []string{"check.txt", "status.txt", "status.json", "outbox.txt", "exports.txt", "rejects.ndjson", "dead.ndjson"} {
		if parts[name] == "" {
			t.Errorf("there is no %s; errors: %s", name, parts["errors.txt"])
		}
		for _, trace := range tokenTraces {
			if strings.Contains(parts[name], trace) {
				t.Errorf("%s: got %q in\n%s", name, trace, parts[name])
			}
		}
	}
	for _, name := range []string{"rejects.ndjson", "dead.ndjson", "status.json"} {
		for line := range strings.Lines(parts[name]) {
			if !json.Valid([]byte(line)) {
				t.Errorf("%s: got %q, want JSON", name, line)
			}
		}
	}
	if code := stop(); code != statusDone {
		t.Errorf("run: got %d, want 0", code)
	}
}

func TestSupportWorksWhereNothingElseDoes(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		harm func(*store)
		want map[string]string // part -> what is in it
	}{
		"no agent has ever run": {func(*store) {}, map[string]string{"errors.txt": "the agent and its outbox: ", "check.txt": "ok", "config.yaml": "main"}},
		"the config is wrong": {func(s *store) { s.write("tillpost.yaml", "api: {url: [}\nsources: nothing\n") },
			map[string]string{"config-problems.txt": "tillpost.yaml:", "check.txt": "failed", "config.yaml": "api: [hidden]\nsources: [hidden]\n"}},
		"there is no config": {func(s *store) { _ = os.Remove(s.config) }, map[string]string{"errors.txt": "config.yaml: ", "about.txt": "memory"}},
		"there is no token":  {func(s *store) { _ = os.Remove(filepath.Join(s.dir, "token")) }, map[string]string{"check.txt": "token"}},
		"the outbox is damaged": {func(s *store) { s.write("data/outbox.db", strings.Repeat("x", 100_000)) },
			map[string]string{"errors.txt": "the agent and its outbox: ", "outbox.txt": "outbox.db"}},
		"the data folder is a file": {func(s *store) { s.write("data", "") }, map[string]string{"errors.txt": "outbox.txt: "}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStore(t, mockapi.Options{})
			s.write("pos/stock.csv", "Store,UPC,Qty\n3,849632048260,12\n")
			x.harm(s)
			made, parts := s.supported("help.zip")
			for part, want := range x.want {
				if !strings.Contains(parts[part], want) {
					t.Errorf("%s: got %q, want %q in it; all: %v", part, parts[part], want, made)
				}
			}
			if parts["about.txt"] == "" || parts["check.txt"] == "" {
				t.Errorf("got %v, want about.txt and check.txt whatever happens", made)
			}
		})
	}
}

func TestSupportSaysWhatItMadeAndWritesOverNothing(t *testing.T) {
	t.Parallel()
	s := newStore(t, mockapi.Options{})
	s.write("pos/stock.csv", "Store,UPC,Qty\n3,849632048260,12\n")
	if _, errs, code := s.run("sync"); code != statusDone {
		t.Fatalf("sync: got %d, %q", code, errs)
	}
	file := filepath.Join(s.dir, "help.zip")
	out, errs, code := s.run("support", "--output", file)
	if code != statusDone || !strings.Contains(out, "holds no secret") || !strings.Contains(out, "exports.txt ") || !strings.Contains(errs, "warning: log.txt: ") {
		t.Errorf("got %d, %q, %q; want what is in it, and that there is no log", code, out, errs)
	}
	about, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if mode := about.Mode().Perm(); mode != 0o600 && runtime.GOOS != "windows" {
		t.Errorf("got the mode %o, want 600", mode)
	}
	if parts := unzipped(t, file); !strings.Contains(parts["exports.txt"], "stock.csv") || !strings.Contains(parts["status.txt"], "delivered") {
		t.Errorf("got %v, want the export and the status of the stopped agent", parts)
	}
	if _, errs, code := s.run("support", "--output", file); code != statusFailed || !strings.Contains(errs, "is there already") || !strings.Contains(errs, "hint: name another file") {
		t.Errorf("a second time: got %d, %q; want 1 and a hint", code, errs)
	}
	if after, err := os.Stat(file); err != nil || after.Size() != about.Size() {
		t.Errorf("the file that was there has changed: %v", err)
	}
}

func TestTheEndOfTheLogIsWholeLinesOfAllItsFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "tillpost.log")
	line := strings.Repeat("y", 99) + "\n"
	for name, lines := range map[string]int{"tillpost-000001.log": 9000, "tillpost-000002.log": 9000, "tillpost.log": 3} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(strings.Repeat(line, lines)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text, err := endOfLog(path)
	if err != nil || len(text)%100 != 0 || len(text) > logPart || len(text) < logPart-200 {
		t.Errorf("got %d bytes, %v; want whole lines, about %d bytes", len(text), err, logPart)
	}
}

func TestSupportHasTheLogThatTheRunningAgentStillKnows(t *testing.T) {
	t.Parallel()
	s := newStore(t, mockapi.Options{})
	s.write("pos/stock.csv", "Store,UPC,Qty\n3,849632048260,12\n")
	_, _, stop := start(t, "run", "--config", s.config)
	eventually(t, "the export is delivered", func() bool { return len(s.api.Quantities()) == 1 })
	if _, parts := s.supported("help.zip"); !strings.Contains(parts["log.txt"], `msg="export taken"`) {
		t.Errorf("got the log %q", parts["log.txt"])
	}
	stop()
}

package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"tillpost/agent"
	"tillpost/config"
	"tillpost/mockapi"
)

// hostile are names as no POS gives them: a line end, a terminal's commands in one byte and in two, text that runs
// backwards, a line end of Unicode, what is no UTF-8, and a sign beyond 16 bits that does not print.
var hostile = []string{"a\nlevel=ERROR msg=forged", "\x1b[2J", "\u009b2J", "\u202egpj.exe", "\u2028", "\xff\xfe", "\U000e0001", "\x00\x7f\r\t", `"},{"`}

func TestTheLogEscapesWhatDoesNotPrint(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"text", "json"} {
		for _, name := range hostile {
			var b bytes.Buffer
			log := newLogger(&b, config.Log{Level: "warn", Format: format}).With("source", name)
			log.Info("not at this level")
			log.Warn("an export", "export", name, "err", errors.New(name), "lasted", time.Minute)
			got := b.String()
			if line, ok := strings.CutSuffix(got, "\n"); !ok || plain(line) != line || strings.Contains(got, "level=INFO") {
				t.Errorf("%s: got %q, want one line in which all prints", format, got)
			}
			if !strings.Contains(got, "1m0s") {
				t.Errorf("%s: got %q, want a duration as people write it", format, got)
			}
			var said map[string]string
			if format == "json" && (json.Unmarshal(b.Bytes(), &said) != nil || said["export"] != strings.ToValidUTF8(name, "\ufffd") && name != "\xff\xfe") {
				t.Errorf("%s: got %q, want the name %q in it", format, got, name)
			}
		}
	}
}

func TestTheJSONOfACommandHoldsNothingThatDoesNotPrint(t *testing.T) {
	t.Parallel()
	for _, name := range hostile {
		var b bytes.Buffer
		writeJSON(&b, map[string]string{"export": name})
		if line, ok := strings.CutSuffix(b.String(), "\n"); !ok || plain(line) != line || !json.Valid(b.Bytes()) {
			t.Errorf("got %q, want one line of JSON in which all prints", b.String())
		}
	}
}

// toFile gives a store's log a file, and returns its path.
func (s *store) toFile(format string) (path string) {
	s.t.Helper()
	s.write("tillpost.yaml", read(s.t, s.config)+"log: {level: debug, file: logs/till.log, format: "+format+"}\n")
	return filepath.Join(s.dir, "logs", "till.log")
}

func TestRunAndSyncLogToTheFile(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"text", "json"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			s := newStore(t, mockapi.Options{})
			path := s.toFile(format)
			s.write("pos/stock.csv", "Store,UPC,Qty\n3,849632048260,12\n3,secret,1\n")
			out, errs, code := s.run("sync")
			if code != statusPartial || !strings.HasPrefix(out, "1 update delivered") || errs != "" {
				t.Errorf("sync: got %d, %q, %q; want 3, a summary, and nothing on standard error", code, out, errs)
			}
			_, stderr, stop := start(t, "run", "--config", s.config)
			eventually(t, "the agent runs", func() bool { st, ok := s.status(); return ok && st.State == "running" })
			_, errs, code = s.run("run")
			if code != statusFailed || !strings.Contains(errs, "tillpost: error: another tillpost works on ") || !strings.Contains(errs, "tillpost: hint: ") {
				t.Errorf("a second run: got %d, %q; want 1, an error and a hint on standard error", code, errs)
			}
			s.write("tillpost.yaml", strings.Replace(read(t, s.config), "token_file: token", "token_file: nowhere", 1))
			if _, errs, code = s.run("run"); code != statusUsage || !strings.Contains(errs, "tillpost: error: read the token: ") {
				t.Errorf("without a token: got %d, %q; want 2 and why", code, errs)
			}
			if code := stop(); code != statusDone || stderr.String() != "" {
				t.Errorf("run: got %d, %q; want 0 and nothing on standard error", code, stderr)
			}
			log := read(t, path)
			for what, want := range map[string]int{"started": 2, "stopped": 2, "row set aside": 1, "tillpost failed": 2, "another tillpost works on": 1, "read the token: ": 1} {
				if n := strings.Count(log, what); n != want {
					t.Errorf("the log has %q %d times, want %d:\n%s", what, n, want, log)
				}
			}
			for line := range strings.Lines(log) {
				if json.Valid([]byte(line)) != (format == "json") {
					t.Errorf("got the line %q in the format %s", line, format)
				}
			}
			if strings.Contains(log, "secret") {
				t.Errorf("the token is in the log:\n%s", log)
			}
			if about, err := os.Stat(path); runtime.GOOS != "windows" && (err != nil || about.Mode().Perm() != 0o600) {
				t.Errorf("got %v, %v; want a file for this account alone", about, err)
			}
		})
	}
}

func TestAnAgentWithoutItsLogFileLogsToStderrUntilThereIsOne(t *testing.T) { // P14
	t.Parallel()
	s := newStore(t, mockapi.Options{})
	path := s.toFile("text")
	s.write("logs", "this is no folder\n")
	_, stderr, stop := start(t, "run", "--config", s.config)
	s.write("pos/stock.csv", "Store,UPC,Qty\n3,849632048260,12\n")
	eventually(t, "it says so, and delivers", func() bool {
		return strings.Contains(stderr.String(), "msg=started") && s.api.Counters().Requests == 1 && strings.Contains(stderr.String(), "export taken")
	})
	if err := os.Remove(filepath.Dir(path)); err != nil {
		t.Fatal(err)
	}
	if code := stop(); code != statusDone {
		t.Errorf("got %d, want 0", code)
	}
	for what, want := range map[string]int{"the log file cannot be written; the log goes to standard error until it can": 1,
		"the log file can be written again": 1, "msg=stopped": 0, "msg=started": 1} {
		if n := strings.Count(stderr.String(), what); n != want {
			t.Errorf("got %q %d times on standard error, want %d:\n%s", what, n, want, stderr)
		}
	}
	log := read(t, path)
	if !strings.Contains(log, "msg=stopped") || strings.Contains(log, "msg=started") {
		t.Errorf("got %q, want what came after there could be a file", log)
	}
}

func TestWhatIsMissingInTheLogFileIsToldThere(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "logs")
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var stderr buffer
	con := newConsole(io.Discard, &stderr)
	log := con.logger(config.Log{Level: "info", Format: "json", File: filepath.Join(dir, "till.log"), MaxSize: 1 << 20, Keep: 1}, nil)
	for i := range 3 {
		log.Info("lost", "line", i)
		con.file.flush()
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	log.Info("written", "line", 3)
	con.file.flush()
	con.exit(&agent.UnfinishedError{Pending: 3})
	text := read(t, filepath.Join(dir, "till.log"))
	var got []string
	for line := range strings.Lines(text) {
		got = append(got, strings.TrimSpace(afterMessage(line)))
	}
	want := []string{`"written","line":3}`,
		`"log lines are missing before this one: they went to standard error, or could not be written in time","lines":3}`,
		`"tillpost failed","err":"3 updates still wait"}`}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if n := strings.Count(stderr.String(), `"msg":"lost"`); n != 3 {
		t.Errorf("got %d of the lost lines on standard error, want all 3:\n%s", n, &stderr)
	}
	if !strings.Contains(stderr.String(), `"failures":3,`) {
		t.Errorf("got %q, want how often it failed", &stderr)
	}
}

func TestAPersonIsToldWhereTheLogGoes(t *testing.T) {
	t.Parallel()
	for terminal, want := range map[bool]string{true: "tillpost: the log goes to ", false: ""} {
		var stderr buffer
		con := newConsole(io.Discard, &stderr)
		con.err.terminal = terminal
		con.logger(config.Log{File: filepath.Join(t.TempDir(), "till.log"), MaxSize: 1 << 20}, nil)
		con.exit(nil)
		if got := stderr.String(); !strings.HasPrefix(got, want) || (got == "") != (want == "") {
			t.Errorf("on a terminal %t: got %q, want %q", terminal, got, want)
		}
	}
}

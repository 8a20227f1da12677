//go:build !windows

package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"tillpost/mockapi"
)

// TestHostileNamesAndWordsCommandNothing: names of exports, what is in them and what the API says, as whoever wishes ill
// would write them, in the log, in what each command prints, and in the report of rejects.
func TestHostileNamesAndWordsCommandNothing(t *testing.T) { // X4
	t.Parallel()
	const script = "<script>alert(1)<!--"
	s := newStore(t, mockapi.Options{})
	s.write("tillpost.yaml", strings.Replace(read(t, s.config), "rescan: 200ms", "rescan: 200ms, guard: {zero: 1%, min: 1}", 1))
	if err := s.api.Inject(mockapi.Fault{Name: "422", Code: "849632040042", Words: "\x1b]0;evil\x07" + script + "\u202e\nlevel=ERROR msg=forged"}); err != nil {
		t.Fatal(err)
	}
	names := []string{script + ".csv", "\u202egpj.csv", `"},{"a":".csv`, "=cmd|' '!A1.csv", strings.Repeat("ä", 125) + "z.csv", strings.Repeat("x", 251) + ".csv"}
	for i, name := range append(names, "\x1b[2J.csv", "a\nlevel=ERROR msg=forged.csv", "\u009b2J.csv", "\xff\xfe.csv") {
		text := "Store,UPC,Qty,\"Note\x1b[2J\"\n3,849632048260,5,\n3,849632040042,1,\n3,849632040011,\x1b]0;x\x07" + script + ",\n" + script + ",849632040028,\u202e," + fmt.Sprint(i) + "\n"
		s.writeNow("pos/"+name, text)
	}
	_, log, stop := start(t, "run", "--config", s.config)
	eventually(t, "what is no name is told, and the others are taken", func() bool {
		status, ok := s.status()
		return ok && status.Delivered == 1 && status.Dead == 1 && status.Rejects == int64(2*len(names)) && strings.Count(log.String(), "left alone") == 4
	})
	s.writeNow("pos/"+names[0], "Store,UPC,Qty\n3,849632048260,0\n3,849632040042,0\n")
	eventually(t, "an export is held", func() bool { status, ok := s.status(); return ok && status.Held == 1 })

	seen := 0
	for _, args := range [][]string{{"status"}, {"rejects"}, {"held", "list"}, {"dead", "list"}, {"why", "849632048260"}, {"why", "849632040042"}, {"why", script}, {"preview", s.path("pos/" + names[2])}} {
		for _, format := range [][]string{nil, {"--json"}} {
			out, errs, _ := runIn(t.Context(), append(append(args, "--config", s.config), format...)...)
			for line := range strings.Lines(out + errs) {
				line = strings.TrimSuffix(line, "\n")
				if !prints(line) {
					t.Errorf("%v%v: got %q, want nothing in it that does not print", args, format, line)
				}
			}
			if strings.Contains(out, "script") {
				seen++
			}
			for line := range strings.Lines(out) {
				if format != nil && !json.Valid([]byte(line)) {
					t.Errorf("%v%v: got %q, want JSON", args, format, line)
				}
			}
		}
	}
	if seen < 8 {
		t.Errorf("the script was seen in %d outputs only: does the test look at it?", seen)
	}
	if code := stop(); code != statusDone {
		t.Errorf("run: got %d", code)
	}
	for line := range strings.Lines(log.String()) {
		if line = strings.TrimSuffix(line, "\n"); !prints(line) || !strings.HasPrefix(line, "time=") || strings.HasPrefix(line, "level=ERROR msg=forged") {
			t.Errorf("the log has the line %q", line)
		}
	}
	reports, err := os.ReadDir(s.path("data/rejects"))
	if err != nil || len(reports) < len(names)-1 {
		t.Errorf("got %d reports, %v", len(reports), err)
	}
	for _, e := range reports {
		if text := read(t, filepath.Join(s.path("data/rejects"), e.Name())); strings.ContainsAny(text, "\x1b\x07") || len(e.Name()) > 255 {
			t.Errorf("the report %q holds %q", e.Name(), text)
		}
	}
}

// prints reports whether all of a text prints.
func prints(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) })
}

func (s *store) path(name string) string { return filepath.Join(s.dir, filepath.FromSlash(name)) }

// writeNow writes a file whose name leaves no room for another beside it.
func (s *store) writeNow(name, text string) {
	s.t.Helper()
	if err := os.MkdirAll(filepath.Dir(s.path(name)), 0o700); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(s.path(name), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"tillpost/config"
)

// hurried is a person who takes what stands out, and where something is to be typed, the first thing that is taken.
type hurried struct {
	t     *testing.T
	asked []string
	codes int
}

var quantityLike = regexp.MustCompile(`(?i)qty|quantity|stock|avail|balance|inventory|menge|cantidad|aantal`)

func (h *hurried) choose(_ context.Context, q question, options []option, first string) (string, error) {
	h.asked = append(h.asked, q.title)
	if q.title == "Which column is the quantity?" {
		for _, o := range options {
			if quantityLike.MatchString(o.text) {
				return o.value, nil
			}
		}
	}
	if q.title == "Which column is the store?" {
		return options[len(options)-2].value, nil // it is one store
	}
	for i, o := range options {
		for _, other := range options[:i] {
			if o.value == other.value {
				h.t.Errorf("%s: got two options that mean %q", q.title, o.value)
			}
		}
		if o.value == first {
			return first, nil
		}
	}
	h.t.Errorf("%s: no option stands out", q.title)
	return "", errLeft
}

func (h *hurried) text(_ context.Context, q question, given string, right func(string) error) (string, error) {
	h.asked = append(h.asked, q.title)
	if strings.HasPrefix(q.title, "What is the API's code") {
		h.codes++
		return fmt.Sprint(h.codes), nil
	}
	for _, text := range []string{given, "3", "1-4"} {
		if text != "" && right(text) == nil {
			return text, nil
		}
	}
	return "", fmt.Errorf("%s: nothing is taken", q.title)
}

func (h *hurried) secret(ctx context.Context, q question, right func(string) error) (string, error) {
	return h.text(ctx, q, "", right)
}

func TestNoExportKeepsAPersonForEver(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/exports/*")
	if err != nil || len(files) < 40 {
		t.Fatalf("got %d exports, %v; want the lot", len(files), err)
	}
	good := 0
	for _, file := range files {
		dir := t.TempDir()
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Join(dir, "pos"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "pos", filepath.Base(file)), text, 0o600); err != nil {
			t.Fatal(err)
		}
		var stdout, stderr strings.Builder
		con := newConsole(&stdout, &stderr)
		h := &hurried{t: t}
		s := &setup{con: con, cmd: con.initCommand(nil), ask: h, look: &checkup{con: con}}
		s.o = &initFlags{stores: new([]wordPair), columns: new([]wordPair)}
		s.o.config, s.o.url, s.o.folders, s.o.offline = filepath.Join(dir, "tillpost.yaml"), "https://api.example.com", []string{filepath.Join(dir, "pos")}, true
		status := con.exit(s.run(t.Context()))
		if status != statusDone && status != statusPartial || len(h.asked) > 10*mostQuestions {
			t.Errorf("%s: got %d after %q:\n%s%s", filepath.Base(file), status, h.asked, &stdout, &stderr)
		}
		if _, err := config.Load(s.draft.path); err != nil {
			t.Errorf("%s: %v", filepath.Base(file), err)
		}
		if status == statusDone {
			good++
		} else {
			t.Logf("%s: %s %.300q %s %s", filepath.Base(file), "", h.asked, &stdout, &stderr)
		}
	}
	if good*4 < len(files)*3 {
		t.Errorf("got %d of %d exports that are read after the first answers that come to mind, want three quarters", good, len(files))
	}
}

func TestALineIsAskedForUntilItIsRight(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	a := &lineAsker{in: bufio.NewReader(strings.NewReader("x\n9\n 2 \n\nwrong\n right \n\nsecret\n")), out: &out}
	two := []option{{"one\x1b[2J", "1"}, {"two", "2"}}
	if got, err := a.choose(t.Context(), question{"Which?\x1b", "a\nb\x07"}, two, "1"); got != "2" || err != nil {
		t.Errorf("got %q, %v; want the second", got, err)
	}
	if got, err := a.choose(t.Context(), question{title: "Which?"}, two, "2"); got != "2" || err != nil {
		t.Errorf("got %q, %v; want the one that stands out", got, err)
	}
	right := func(text string) error {
		if text != "right" && text != "secret" {
			return errors.New("not right: " + text + "\x1b")
		}
		return nil
	}
	if got, err := a.text(t.Context(), question{title: "What?"}, "", right); got != "right" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if got, err := a.text(t.Context(), question{title: "What?"}, "right", right); got != "right" || err != nil {
		t.Errorf("got %q, %v; want what was given", got, err)
	}
	if got, err := a.secret(t.Context(), question{title: "What?"}, right); got != "secret" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := a.text(t.Context(), question{title: "What?"}, "", right); !errors.Is(err, errLeft) {
		t.Errorf("at the end: got %v, want that the person has left", err)
	}
	if strings.ContainsAny(out.String(), "\x1b\a") || strings.Contains(out.String(), "secret") {
		t.Errorf("got %q, want nothing that commands a terminal, and no secret", out.String())
	}
}

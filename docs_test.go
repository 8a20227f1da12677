package main_test

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"tillpost/cli"
	"tillpost/config"
)

var update = flag.Bool("update", false, "write anew what README.md, docs/reliability.md and docs/monitoring.md have from the code")

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestREADMEHasWhatTheCodeSays(t *testing.T) {
	// Not parallel: with -update it writes what the others read.
	const name = "README.md"
	text := read(t, name)
	want := block(t, name, text, "keys", keyTables(config.Keys()))
	want = block(t, name, want, "commands", commandTable(t))
	written(t, name, text, want)
}

// written compares a document with what it should be, or writes it.
func written(t *testing.T, name, text, want string) {
	t.Helper()
	if text == want {
		return
	}
	if !*update {
		t.Fatalf("%s is out of date; `go test . -run HasWhat -update` writes it anew. Got\n%s\nwant\n%s", name, text, want)
	}
	if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

// block puts content between the two comments of a name in a document.
func block(t *testing.T, document, text, name, content string) string {
	t.Helper()
	begin, end := "<!-- "+name+": `go test . -run HasWhat -update` writes them -->\n", "<!-- end of "+name+" -->\n"
	before, rest, ok := strings.Cut(text, begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the %s: %q and %q", document, name, begin, end)
	}
	return before + begin + "\n" + content + "\n" + end + after
}

// commandTable is the table of commands, in Markdown, as `tillpost --help` names them.
func commandTable(t *testing.T) string {
	t.Helper()
	var help bytes.Buffer
	if status := cli.Main([]string{"--help"}, &help, io.Discard); status != 0 {
		t.Fatalf("tillpost --help: got exit status %d, want 0", status)
	}
	_, list, _ := strings.Cut(help.String(), "\nCommands:\n")
	list, _, _ = strings.Cut(list, "\n\n")
	rows := regexp.MustCompile(`(?m)^  ([a-z][a-z-]*) +(.+)$`).FindAllStringSubmatch(list, -1)
	if len(rows) == 0 {
		t.Fatalf("tillpost --help names no command:\n%s", help.String())
	}
	var b strings.Builder
	b.WriteString("| command | does |\n| --- | --- |\n")
	for _, row := range rows {
		if row[1] != "help" {
			fmt.Fprintf(&b, "| `%s` | %s |\n", row[1], cell(row[2]))
		}
	}
	return b.String()
}

// keyTables are the tables of keys, in Markdown: the API's, the agent's, a source's.
func keyTables(keys []config.KeyDoc) string {
	var parts [3]strings.Builder
	for _, k := range keys {
		part, name := 1, k.Path
		if strings.HasPrefix(name, "api.") {
			part = 0
		} else if short, ok := strings.CutPrefix(name, "sources[]."); ok {
			part, name = 2, short
		}
		allowed := strings.Replace(k.Allowed, "a duration such as 500ms, 30s, 5m, 24h or 30d", "a duration", 1) // README.md says it once
		fmt.Fprintf(&parts[part], "| `%s` | %s | %s | %s |\n", name, cell(defaultOf(k)), cell(allowed), cell(k.Meaning))
	}
	var b strings.Builder
	for i, title := range []string{"The API", "The agent", "Each entry of `sources`"} {
		if i > 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "**%s**\n\n| key | without it | can be | what it is |\n| --- | --- | --- | --- |\n%s", title, parts[i].String())
	}
	return b.String()
}

// defaultOf is a key's default: YAML as code, words as they are.
func defaultOf(k config.KeyDoc) string {
	switch {
	case k.Required:
		return "**must be there**"
	case k.Default == "", strings.Contains(k.Default, "`"):
		return k.Default
	case strings.Contains(k.Default, " ") && !strings.HasPrefix(k.Default, "["):
		return k.Default
	}
	return "`" + k.Default + "`"
}

func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

func TestTheConfigsOfTheREADMEAreRight(t *testing.T) {
	t.Parallel()
	blocks := regexp.MustCompile("(?s)```yaml\\n(.*?)```").FindAllStringSubmatch(read(t, "README.md"), -1)
	if len(blocks) < 2 {
		t.Fatalf("got %d configs, want the short and the usual one", len(blocks))
	}
	path := regexp.MustCompile(`\bC:\\\S+`) // README.md is for Windows first
	for _, block := range blocks {
		dir := t.TempDir()
		text := path.ReplaceAllStringFunc(block[1], func(windows string) string {
			return filepath.Join(dir, strings.NewReplacer(`:`, ``, `\`, `-`).Replace(windows))
		})
		text = strings.ReplaceAll(text, "YOUR_URL", "api.example.com")
		if _, err := config.Parse("tillpost.yaml", []byte(text)); err != nil {
			t.Errorf("%v\n%s", err, text)
		}
	}
}

func TestREADMENamesTheTwoCommands(t *testing.T) {
	t.Parallel()
	text := read(t, "README.md")
	for _, command := range []string{"go run . demo", "go test ./..."} {
		if !regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(command) + `(\s|$)`).MatchString(text) {
			t.Errorf("README.md has no line %q", command)
		}
	}
}

func TestARCHITECTURENamesEveryPackage(t *testing.T) {
	t.Parallel()
	text := read(t, "ARCHITECTURE.md")
	named := map[string]bool{".": true}
	for _, f := range goFiles(t) {
		if !named[f.folder] && !strings.Contains(text, "| `"+f.folder+"` |") {
			t.Errorf("ARCHITECTURE.md's table of packages lacks `%s`", f.folder)
		}
		named[f.folder] = true
	}
}

func TestLinksOfTheDocumentsLeadSomewhere(t *testing.T) {
	t.Parallel()
	link := regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`) // without a colon: below this folder
	docs, err := filepath.Glob("docs/*.md")
	if err != nil || len(docs) == 0 {
		t.Fatalf("got %v, %v", docs, err)
	}
	for _, name := range append(docs, "README.md", "ARCHITECTURE.md", "CHANGELOG.md") {
		for _, found := range link.FindAllStringSubmatch(read(t, name), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(name), filepath.FromSlash(found[1]))); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

var (
	fenced   = regexp.MustCompile("(?s)```(\\w*)\n(.*?)```\n")
	lineOf   = regexp.MustCompile("`((?:columns|stores|defaults): \\{[^`]*\\})`")
	fileName = regexp.MustCompile(`(?m)^(?:tillpost: error: )?([a-z]+\.csv): `)
)

// TestTheExamplesOfTheDocsAreWhatPreviewSays reads docs/exports.md as a person does: an export, what preview says of it, and,
// once the lines between are in the config, what it says then.
func TestTheExamplesOfTheDocsAreWhatPreviewSays(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/exports.md")
	if err != nil {
		t.Fatal(err)
	}
	_, steps, _ := strings.Cut(string(text), "## 3. ")
	steps, _, _ = strings.Cut(steps, "\n## 4. ")
	shown := 0
	for _, example := range strings.Split(steps, "\n### ")[1:] {
		title, rest, _ := strings.Cut(example, "\n")
		t.Run(title, func(t *testing.T) {
			export, source := "", map[string]any{}
			for _, m := range fenced.FindAllStringSubmatchIndex(rest, -1) {
				kind, block := rest[m[2]:m[3]], rest[m[4]:m[5]]
				name := fileName.FindStringSubmatch(block)
				switch {
				case kind == "yaml":
					takeLines(t, source, block)
				case name == nil:
					export, source = block, map[string]any{}
				case export == "":
					t.Errorf("there is no export for\n%s", block)
				default:
					if got := previewed(t, name[1], export, source); !strings.Contains(got, block) {
						t.Errorf("got\n%s\nwant in it\n%s", got, block)
					}
					shown++
				}
				after := rest[m[1]:]
				if next := fenced.FindStringIndex(after); next != nil {
					after = after[:next[0]]
				}
				for _, line := range lineOf.FindAllStringSubmatch(after, -1) {
					takeLines(t, source, line[1])
				}
			}
		})
	}
	if shown < 10 {
		t.Errorf("got %d outputs, want at least 10", shown)
	}
}

// takeLines puts lines of a config into a source: those of its first source, or by themselves.
func takeLines(t *testing.T, source map[string]any, text string) {
	t.Helper()
	var read map[string]any
	if err := yaml.Unmarshal([]byte(text), &read); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	if list, ok := read["sources"].([]any); ok {
		read, _ = list[0].(map[string]any)
	}
	for key, value := range read {
		if key != "folder" {
			source[key] = value
		}
	}
}

// previewed is what preview says of an export, with a config where the source says anything, without the indentation.
func previewed(t *testing.T, name, export string, source map[string]any) string {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(export), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"preview", path}
	if len(source) > 0 {
		source["name"], source["folder"] = "main", "pos"
		text, err := yaml.Marshal(map[string]any{"api": map[string]any{"url": "https://localhost"}, "data_dir": "data", "sources": []any{source}})
		if err != nil {
			t.Fatal(err)
		}
		config := filepath.Join(dir, "tillpost.yaml")
		if err := os.WriteFile(config, text, 0o600); err != nil {
			t.Fatal(err)
		}
		args = []string{"preview", "--config", config, path}
	}
	out, errs, _ := runIn(t.Context(), args...)
	return strings.ReplaceAll(out+errs, path, name)
}

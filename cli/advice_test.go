package cli

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// TestAdviceThatIsFollowedLeadsOn is the nephew with an export that nobody has seen before: he lets preview look at it, and
// writes into the config what it says, word for word, until it says nothing more. What is to be put in place of ... he
// knows. testdata/advice.want has what he wrote for each of testdata/exports, and what came of it; `-update` writes it
// anew, for a person to read: nothing in it may be a quantity that the export does not give for that store and product.
func TestAdviceThatIsFollowedLeadsOn(t *testing.T) {
	t.Parallel()
	// What he knows of exports that cannot say it.
	known := map[string]map[string]any{
		"balance.csv":            {"quantity": "Balance"},
		"colours.csv":            {"duplicates": "reject"},
		"sections-two-cells.csv": {"duplicates": "reject"},
		"double-header.csv":      {"quantity": 4, "store": "2"},
		"locally.txt":            {"quantity": 2, "store": nil},
		"name-only.csv":          {"quantity": "Price", "upc": "Product"},
		"noheader.csv":           {"quantity": 3, "store": 2},
		"noheader-two.txt":       {"quantity": 2, "store": nil},
		"rgis.txt":               {"quantity": []int{46, 51}},
		"side-by-side.csv":       {"quantity": 2, "upc": 1},
		"two-quantities.csv":     {"quantity": 4},
		"upc-twice.csv":          {"upc": 4},
	}
	files, err := filepath.Glob("testdata/exports/*")
	if err != nil || len(files) < 40 {
		t.Fatalf("got %d exports, %v; want the lot", len(files), err)
	}
	var got strings.Builder
	for _, file := range files {
		name := filepath.Base(file)
		n := nephew{t: t, dir: t.TempDir(), export: file, known: known[name], source: map[string]any{"name": "main", "folder": "pos"}}
		fmt.Fprintf(&got, "%s\n%s\n", name, n.follow())
	}
	compare(t, "testdata/advice.want", got.String())
}

// compare compares a text with the file that holds it, or writes the file anew.
func compare(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	is, should := strings.Split(got, "\n"), strings.Split(string(want), "\n")
	for i := range max(len(is), len(should)) {
		if i >= len(is) || i >= len(should) || is[i] != should[i] {
			around := func(lines []string) string {
				return strings.Join(lines[min(max(0, i-5), len(lines)):min(i+5, len(lines))], "\n")
			}
			t.Errorf("%s, line %d: got\n%s\nwant\n%s", file, i+1, around(is), around(should))
			return
		}
	}
}

// nephew sets a source up for an export.
type nephew struct {
	t      *testing.T
	dir    string
	export string
	known  map[string]any // field -> what he knows of it; nil = that the export has no column for it
	source map[string]any // what he has written
}

const mostSteps = 6

// follow writes what preview says into the config until it says nothing more, and answers what was written and what came
// of it, indented.
func (n *nephew) follow() string {
	n.t.Helper()
	var b strings.Builder
	args := []string{"preview", n.export}
	for range mostSteps {
		out, errs, _ := runIn(n.t.Context(), args...)
		line, why := advice(out, errs)
		if line == "" {
			for _, line := range strings.Split(strings.TrimSpace(strings.ReplaceAll(out+"\n"+errs, n.export, "EXPORT")), "\n") {
				if line != "" {
					b.WriteString("    " + strings.TrimSpace(line) + "\n")
				}
			}
			return b.String()
		}
		fmt.Fprintf(&b, "  %s: %s\n", why, n.write(line))
		text, err := yaml.Marshal(map[string]any{"api": map[string]any{"url": "https://localhost"}, "data_dir": "data", "sources": []any{n.source}})
		if err != nil {
			n.t.Fatal(err)
		}
		config := filepath.Join(n.dir, "tillpost.yaml")
		if err := os.WriteFile(config, text, 0o600); err != nil {
			n.t.Fatal(err)
		}
		args = []string{"preview", "--config", config, n.export}
	}
	n.t.Errorf("%s: it goes on for ever:\n%s", n.export, b.String())
	return b.String()
}

var (
	toWrite  = regexp.MustCompile("write `(.*)`\n")
	toRemedy = regexp.MustCompile("`((?:columns|defaults|split_size): .*)` in the config")
)

// advice is the line that preview says is to be written, and why: because the export was refused, or for rows that were.
func advice(out, errs string) (line, why string) {
	if found := toWrite.FindStringSubmatch(errs); found != nil {
		return found[1], "refused"
	}
	if found := toRemedy.FindStringSubmatch(out); found != nil && strings.Contains(out, "rows: 0 updates") {
		return found[1], "rejected"
	}
	return "", ""
}

// write adds a line to the source, with what he knows in place of ..., and answers it as it was written.
func (n *nephew) write(line string) string {
	n.t.Helper()
	var read map[string]any
	if err := yaml.Unmarshal([]byte(line), &read); err != nil || len(read) != 1 {
		n.t.Fatalf("%s: `%s` is not a line of YAML: %v", n.export, line, err)
	}
	for key, value := range read {
		group, ok := value.(map[string]any)
		if !ok {
			if value == "..." {
				if value, ok = n.known[key]; !ok {
					n.t.Fatalf("%s: nothing is known of %s", n.export, key)
				}
				read[key] = value
			}
			n.source[key] = value
			continue
		}
		for field, value := range group {
			if value != "..." {
				continue
			}
			if value, ok := n.knows(key, field); ok {
				group[field] = value
			} else {
				delete(group, field)
			}
		}
		before, _ := n.source[key].(map[string]any)
		after := maps.Clone(group)
		for field, value := range before {
			if _, again := after[field]; again {
				n.t.Errorf("%s: it says twice what the %s is", n.export, field)
			}
			after[field] = value
		}
		n.source[key] = after
	}
	var fields []string
	for key, value := range read {
		group, _ := value.(map[string]any)
		for _, field := range slices.Sorted(maps.Keys(group)) {
			fields = append(fields, fmt.Sprintf("%s.%s = %v", key, field, group[field]))
		}
		if group == nil {
			fields = append(fields, fmt.Sprintf("%s = %v", key, value))
		}
	}
	return strings.Join(fields, ", ")
}

// knows is what he puts in place of ... for a field; false where he leaves the field out.
func (n *nephew) knows(key, field string) (value any, ok bool) {
	value, ok = n.known[field]
	switch {
	case key == "stores":
		return "code of " + field, true
	case key == "defaults" && field == "store" && value == nil:
		return "3", true
	case key == "defaults" && field != "store":
		return "", true
	}
	return value, ok && value != nil
}

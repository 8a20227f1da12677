package export_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tillpost/export"
)

// statedOnly are the presets that no heading tells: the config must name them.
var statedOnly = []string{"rics", "hand-held"}

func TestEachPresetHasASampleThatGivesUpdates(t *testing.T) {
	t.Parallel()
	for _, name := range export.PresetNames() {
		wants, err := filepath.Glob("testdata/preset-" + name + "*/want.ndjson")
		if err != nil {
			t.Fatal(err)
		}
		seen := false
		for _, file := range wants {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			stated := false
			if options, err := os.ReadFile(filepath.Join(filepath.Dir(file), "options.json")); err == nil {
				stated = strings.Contains(string(options), `"Preset"`)
			}
			known := strings.Contains(string(text), `"preset":"`+name+`"`) && !stated
			for _, only := range statedOnly {
				known = known || name == only && stated
			}
			seen = seen || known && strings.Contains(string(text), `"update":`)
		}
		if !seen {
			t.Errorf("%s: no sample is read by it, and gives updates", name)
		}
	}
}

func TestTheIndexOfTheCasesNamesCasesThatAreThere(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/README.md")
	if err != nil {
		t.Fatal(err)
	}
	named := 0
	for _, row := range strings.Split(string(text), "\n") {
		cells := strings.Split(row, "|")
		if len(cells) != 4 || strings.Contains(row, "---") || strings.Contains(row, "cases") {
			continue
		}
		for _, name := range strings.Split(cells[2], ",") {
			name = strings.Trim(strings.TrimSpace(name), "`")
			if found, err := filepath.Glob("testdata/" + name + "/want.ndjson"); err != nil || len(found) != 1 {
				t.Errorf("there is no case %q", name)
			}
			named++
		}
	}
	if named < 50 {
		t.Errorf("got %d names, want at least 50", named)
	}
}

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

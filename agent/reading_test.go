package agent_test

import (
	"slices"
	"strings"
	"testing"

	"tillpost/config"
	"tillpost/export"
)

func TestTheConfigKnowsEveryPreset(t *testing.T) {
	t.Parallel()
	names := export.PresetNames()
	slices.Sort(names)
	for _, k := range config.Keys() {
		if k.Path == "sources[].preset" && k.Allowed != strings.Join(names, " | ") {
			t.Errorf("got %s, want %s", k.Allowed, strings.Join(names, " | "))
		}
	}
}

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// TestQuick measures everything once, small: that it works, and that tillpost keeps its promises meanwhile. The figures
// of so little say nothing.
func TestQuick(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	binary := filepath.Join(dir, "tillpost")
	build := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", binary, "tillpost")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	report, err := os.Create(filepath.Join(dir, "report"))
	if err != nil {
		t.Fatal(err)
	}
	defer report.Close()
	o := options{quick: true, binary: binary, folder: dir, results: filepath.Join(dir, "results")}.withDefaults()
	if err := measure(t.Context(), o, report); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"report", "results.json", "results.txt"} {
		if text, err := os.ReadFile(filepath.Join(dir, name)); err != nil || len(text) < 1000 {
			t.Errorf("%s: got %d bytes, %v", name, len(text), err)
		}
	}
	left, err := filepath.Glob(filepath.Join(dir, "tillpost-bench-*"))
	if err != nil || !slices.Equal(left, nil) {
		t.Errorf("it left %q behind, %v", left, err)
	}
}

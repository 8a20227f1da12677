package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"tillpost/mockapi"
)

// completions asks as a shell's script does, and returns what would be completed, without the descriptions.
func completions(t *testing.T, args ...string) (list []string, directive string) {
	t.Helper()
	out, errs, code := runIn(t.Context(), append([]string{"__complete"}, args...)...)
	if code != statusDone || strings.Contains(errs, "tillpost: ") {
		t.Errorf("%q: got %d, %q; want 0 and no word for a person", args, code, errs)
	}
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	for _, line := range lines[:len(lines)-1] {
		choice, _, _ := strings.Cut(line, "\t")
		list = append(list, choice)
	}
	return list, lines[len(lines)-1]
}

func TestCommandsFlagsAndSomeValuesAreCompleted(t *testing.T) {
	t.Parallel()
	s := newStore(t, mockapi.Options{})
	s.write("tillpost.yaml", read(t, s.config)+"  - {name: 'till 2', folder: pos2}\n  - {name: other, folder: pos3}\n")
	s.write("wrong.yaml", "sources: 1\n")
	const nothing, files, goesOn = ":4", ":0", ":6"
	for _, c := range []struct {
		line []string
		want string // joined by commas
		then string // the directive
	}{
		{[]string{"pre"}, "preview", nothing},
		{[]string{"preview", "--s"}, "--source,--store", nothing},
		{[]string{"preview", "--config", s.config, "--source", ""}, "main,till 2,other", nothing},
		{[]string{"preview", "--config", s.config, "--source", "t"}, "till 2", nothing},
		{[]string{"preview", "--config", s.config, "--source=o"}, "other", nothing},
		{[]string{"preview", "--config", filepath.Join(s.dir, "wrong.yaml"), "--source", ""}, "", nothing},
		{[]string{"preview", "--config", filepath.Join(s.dir, "nowhere"), "--source", ""}, "", nothing},
		{[]string{"preview", "--config", s.dir, "--source", ""}, "", nothing},
		{[]string{"preview", ""}, "", files},
		{[]string{"preview", "one.csv", ""}, "", files},
		{[]string{"preview", "--store", ""}, "", nothing},
		{[]string{"run", "--config", ""}, "", files},
		{[]string{"run", ""}, "", nothing},
		{[]string{"mock-api", "--fault", "50"}, "500,501,502,503,504,507", goesOn},
		{[]string{"mock-api", "--token", ""}, "", nothing},
		{[]string{"init", "--missing", ""}, "keep,zero", nothing},
		{[]string{"init", "--preset", "sq"}, "square", nothing},
		{[]string{"init", "--folder", ""}, "", files},
		{[]string{"init", "--url", ""}, "", nothing},
		{[]string{"help", "pre"}, "preview", nothing},
		{[]string{"help", "preview", ""}, "", nothing},
		{[]string{"help", "nonsense", ""}, "", nothing},
		{[]string{"completion", ""}, strings.Join(shellNames[:], ","), nothing},
		{[]string{"nonsense", ""}, "", nothing},
	} {
		list, directive := completions(t, c.line...)
		if got := strings.Join(list, ","); got != c.want || directive != c.then {
			t.Errorf("%q: got %s %s, want %s %s", c.line, got, directive, c.want, c.then)
		}
	}
	if _, err := os.Stat(filepath.Join(s.dir, "data")); !os.IsNotExist(err) {
		t.Errorf("got %v, want that the data folder was not touched", err)
	}
}

func TestEveryCommandIsCompleted(t *testing.T) {
	t.Parallel()
	list, _ := completions(t, "")
	known := strings.Join(list, " ") + " "
	con := newConsole(os.Stdout, os.Stderr)
	for _, cmd := range con.root().Commands() {
		if cmd.IsAvailableCommand() && !strings.Contains(known, cmd.Name()+" ") {
			t.Errorf("got %q, want %s among them", list, cmd.Name())
		}
	}
}

func TestEachShellHasItsScript(t *testing.T) {
	t.Parallel()
	cmd := newConsole(os.Stdout, os.Stderr).root()
	if n := len(shells(cmd)); n != len(shellNames) {
		t.Errorf("got %d scripts, want one for each of %q", n, shellNames)
	}
	for _, name := range shellNames {
		out, errs, code := runIn(t.Context(), "completion", name)
		if code != statusDone || errs != "" || !strings.Contains(out, cobra.ShellCompRequestCmd) || strings.Contains(out, "cli.test") {
			t.Errorf("%s: got %d, %q and %d bytes; want the script of tillpost", name, code, errs, len(out))
		}
		if !strings.Contains(out, "2>/dev/null") && !strings.Contains(out, "2> /dev/null") && !strings.Contains(out, "2>&1 | Out-Null") {
			t.Errorf("%s: what tillpost prints to standard error would come to the terminal", name)
		}
	}
}

package installer

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tillpost/testkit"
)

func TestTheUnitStartsItsProgramWhateverThatIsCalled(t *testing.T) {
	t.Parallel()
	if unitFor(unitProgram) == unit {
		t.Error("the program was not put into the unit")
	}
	for path, want := range map[string]string{
		"/usr/local/bin/tillpost":    `ExecStart="/usr/local/bin/tillpost" run`,
		"/opt/a shop/tillpost":       `ExecStart="/opt/a shop/tillpost" run`,
		"/opt/100%/tillpost":         `ExecStart="/opt/100%%/tillpost" run`,
		`/opt/say "till"/tillpost`:   `ExecStart="/opt/say \"till\"/tillpost" run`,
		"/opt/pr\u00e9t/tillpost":    "ExecStart=\"/opt/pr\u00e9t/tillpost\" run",
		"/opt/2 percent %h/tillpost": `ExecStart="/opt/2 percent %%h/tillpost" run`,
	} {
		text := unitFor(path)
		if !strings.Contains(text, "\n"+want+"\n") || strings.Count(text, "ExecStart=") != 1 {
			t.Errorf("%s: got\n%s\nwant %s", path, text, want)
		}
	}
}

func TestTheUnitHasWhatAConfigNeeds(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		o    Options
		want string // all of it; "" = there is no drop-in
	}{
		"nothing":                {Options{Writes: []string{dataHome, dataHome + "/archive"}}, ""},
		"no config is named":     {Options{}, ""},
		"folders to write in":    {Options{Writes: []string{"/srv/pos export", "/mnt/50%"}}, "[Service]\nReadWritePaths=\"-/srv/pos export\"\nReadWritePaths=\"-/mnt/50%%\"\n"},
		"a config somewhere":     {Options{Config: "/srv/a b/till.yaml"}, "[Unit]\nConditionPathExists=\nConditionPathExists=/srv/a b/till.yaml\nRequiresMountsFor=\"/srv/a b/till.yaml\"\n\n[Service]\nEnvironment=\"TILLPOST_CONFIG=/srv/a b/till.yaml\"\n"},
		"what it has elsewhere":  {Options{Private: []string{"/mnt/data"}, Logs: "/mnt/50%"}, "[Unit]\nRequiresMountsFor=\"/mnt/50%%\"\nRequiresMountsFor=\"/mnt/data\"\n\n[Service]\nReadWritePaths=\"-/mnt/50%%\"\n"},
		"what it has at home":    {Options{Private: []string{dataHome}, Logs: dataHome + "/logs"}, ""},
		"a name like the outbox": {Options{Writes: []string{dataHome + "-2"}}, "[Service]\nReadWritePaths=\"-" + dataHome + "-2\"\n"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := dropInFor(test.o)
			_, body, _ := strings.Cut(got, "\n") // below the line that says whose it is
			if body != test.want || (got == "") != (test.want == "") {
				t.Errorf("got %q, want %q", got, test.want)
			}
			path := filepath.Join(t.TempDir(), "drop-in")
			if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
				t.Fatal(err)
			}
			if found := configOf(path); found != test.o.Config {
				t.Errorf("its config is read back as %q, want %q", found, test.o.Config)
			}
		})
	}
}

func TestSystemdHasNothingToSayAgainstTheUnit(t *testing.T) {
	t.Parallel()
	testkit.NeedTool(t, "systemd-analyze", "--version")
	dir := t.TempDir()
	path := filepath.Join(dir, unitName)
	program := filepath.Join(dir, "a till", "tillpost")
	if err := os.MkdirAll(filepath.Dir(program), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(program, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(unitFor(program)), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "systemd-analyze", "verify", path).CombinedOutput(); err != nil || strings.Contains(string(out), path) {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
	if out, err := exec.CommandContext(t.Context(), "systemd-analyze", "security", "--offline=true", "--threshold=15", "--no-pager", path).CombinedOutput(); err != nil {
		t.Errorf("systemd-analyze security: %v\n%s", err, out)
	}
}

func TestAFileIsPlacedOnceAndTakenBack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "sub", "unit")
	read := func() string {
		text, _ := os.ReadFile(path) // "" where it is not there
		return string(text)
	}
	first, second := &undoing{}, &undoing{}
	for i, step := range []struct {
		u       *undoing
		text    string
		changed bool
	}{{first, "one", true}, {first, "one", false}, {second, "two", true}} {
		if changed, err := placeFile(path, step.text, step.u); changed != step.changed || err != nil || read() != step.text {
			t.Errorf("step %d: got %v, %v and %q", i, changed, err, read())
		}
	}
	if removed, err := removeFile(path, second); !removed || err != nil || read() != "" {
		t.Errorf("got %v, %v and %q; want it removed", removed, err, read())
	}
	if err := second.back(nil); err != nil || read() != "one" {
		t.Errorf("got %v and %q, want what was there before", err, read())
	}
	if err := first.back(nil); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Dir(path)); err == nil {
		t.Error("the folder that was made for it is left")
	}
}

func TestAProgramThatOthersCouldChangeIsNotInPlace(t *testing.T) {
	t.Parallel()
	own := filepath.Join(t.TempDir(), "tillpost")
	if err := os.WriteFile(own, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{own: false, "/usr/bin/env": true, "/usr/bin/no-such-program": false} {
		if got := inPlace(path) && rootAlone(path); got != want {
			t.Errorf("%s: got %v, want %v", path, got, want)
		}
	}
	loose := filepath.Join(t.TempDir(), "loose")
	if err := os.WriteFile(loose, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(loose, 0o777); err != nil {
		t.Fatal(err)
	}
	if rootAlone(loose) {
		t.Error("a file that everybody may write counts as root's alone")
	}
}

func TestWhatSystemdSaysOfATroubleIsToldInWords(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		p    map[string]string
		want string
	}{
		"it runs":                {map[string]string{"ActiveState": "active", "Result": "success", "ExecMainStatus": "0"}, ""},
		"it was never started":   {map[string]string{"ActiveState": "inactive", "Result": "success", "ExecMainStatus": "0", "ConditionResult": "no"}, ""},
		"it was stopped":         {map[string]string{"ActiveState": "inactive", "Result": "success", "ExecMainStatus": "0", "ConditionResult": "yes"}, ""},
		"its config is wrong":    {map[string]string{"ActiveState": "activating", "Result": "exit-code", "ExecMainStatus": "2"}, "its program ended with the status 2"},
		"it hung":                {map[string]string{"ActiveState": "activating", "Result": "watchdog", "ExecMainStatus": "0"}, "systemd says: watchdog"},
		"its credential is gone": {map[string]string{"ActiveState": "failed", "Result": "exit-code", "ExecMainStatus": "243"}, "its program ended with the status 243"},
	} {
		if got := problemOf(test.p); got != test.want {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
}

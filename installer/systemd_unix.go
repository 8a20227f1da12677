//go:build !windows

package installer

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// unit is the service as systemd knows it: the packages' too, so that both live alike. Its program is unitProgram.
//
//go:embed tillpost.service
var unit string

const (
	unitProgram = "/usr/bin/tillpost"
	unitName    = Name + ".service"
	ownUnit     = "/etc/systemd/system/" + unitName
	dropIn      = "/etc/systemd/system/" + unitName + ".d/50-config.conf" // what Install adds to the unit of this computer's config
	ownProgram  = "/usr/local/bin/tillpost"
	dataHome    = "/var/lib/tillpost"
)

// systemctl runs it, and answers what it printed.
func systemctl(ctx context.Context, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	return command(ctx, "systemctl", args...)
}

// command runs a program of the system. Its error has what the program said.
func command(ctx context.Context, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "SYSTEMD_COLORS=0")
	cmd.WaitDelay = time.Second
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		said := strings.Join(strings.Fields(errs.String()), " ")
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		if said != "" {
			return out.String(), fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, said)
		}
		return out.String(), fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return out.String(), nil
}

// hasSystemd reports whether systemd runs this system.
func hasSystemd() bool {
	about, err := os.Stat("/run/systemd/system")
	return err == nil && about.IsDir()
}

// properties are the unit's, by their names.
func properties(ctx context.Context) (map[string]string, error) {
	out, err := systemctl(ctx, "show", unitName, "--property="+strings.Join([]string{"LoadState", "ActiveState", "SubState", "UnitFileState",
		"FragmentPath", "User", "MainPID", "Restart", "Result", "ExecMainStatus", "ConditionResult", "NeedDaemonReload"}, ","))
	if err != nil {
		return nil, err
	}
	p := map[string]string{}
	for line := range strings.Lines(out) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		p[name] = value
	}
	return p, nil
}

// querySystemd asks systemd for the service.
func querySystemd(ctx context.Context) (State, error) {
	s := State{Manager: "systemd"}
	p, err := properties(ctx)
	if err != nil {
		return s, fmt.Errorf("ask systemd for the service: %w", err)
	}
	if p["LoadState"] == "not-found" || p["FragmentPath"] == "" {
		return s, nil
	}
	s.Installed, s.Packaged = true, p["FragmentPath"] != ownUnit
	s.Enabled = strings.HasPrefix(p["UnitFileState"], "enabled")
	s.Running = p["ActiveState"] == "active" || p["ActiveState"] == "activating" || p["ActiveState"] == "reloading"
	s.Account, s.Command = p["User"], programOf(p["FragmentPath"])
	s.PID, _ = strconv.Atoi(p["MainPID"]) // 0 where it is none
	s.Recovers = p["Restart"] == "always"
	s.Config = configOf(dropIn)
	if p["NeedDaemonReload"] == "yes" {
		s.Disorder = "its unit has changed since systemd read it"
	}
	if packaged := packagedUnit(); !s.Packaged && packaged != "" {
		s.Disorder = "its unit, " + ownUnit + ", hides that of a package, " + packaged + ", which is not used"
	}
	s.Problem = problemOf(p)
	if p["LoadState"] != "loaded" {
		s.Problem = "systemd cannot read its unit: " + p["LoadState"]
	}
	return s, nil
}

// packagedUnit is the unit that a package has brought; "" = none.
func packagedUnit() string {
	for _, dir := range []string{"/usr/lib/systemd/system/", "/lib/systemd/system/"} {
		if _, err := os.Stat(dir + unitName); err == nil {
			return dir + unitName
		}
	}
	return ""
}

// Lacks says what Install would change for a config; "" = nothing.
func Lacks(o Options) string {
	text, err := os.ReadFile(dropIn)
	if err != nil && !errors.Is(err, fs.ErrNotExist) || string(text) == dropInFor(o) {
		return ""
	}
	return "its unit is for another config: folders that it must write in, or the config's place"
}

// problemOf is why the unit does not run, or begins again and again.
func problemOf(p map[string]string) string {
	status := p["ExecMainStatus"]
	switch {
	case p["ActiveState"] == "active":
		return ""
	case p["Result"] == "exit-code" || status != "0" && status != "":
		return "its program ended with the status " + status
	case p["Result"] != "success" && p["Result"] != "":
		return "systemd says: " + p["Result"]
	}
	return ""
}

// programOf is the program that the unit at path starts.
func programOf(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "ExecStart="); ok {
			if quoted, ok := strings.CutPrefix(rest, `"`); ok {
				program, _, _ := strings.Cut(quoted, `"`)
				return program
			}
			program, _, _ := strings.Cut(rest, " ")
			return program
		}
	}
	return ""
}

// configOf is the config that a drop-in of ours names; "" = none.
func configOf(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "ConditionPathExists=/"); ok {
			return "/" + strings.ReplaceAll(rest, "%%", "%")
		}
	}
	return ""
}

// unitFor is the unit with another program.
func unitFor(program string) string {
	return strings.Replace(unit, "ExecStart="+unitProgram+" ", "ExecStart="+quoted(program)+" ", 1)
}

// quoted is a path as systemd reads it: % begins a specifier there.
func quoted(path string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, `%`, `%%`).Replace(path) + `"`
}

// dropInFor is what the unit needs for this computer's config; "" = nothing.
func dropInFor(o Options) string {
	var b strings.Builder
	var unit []string
	if o.Config != "" {
		unit = append(unit, "ConditionPathExists=", "ConditionPathExists="+strings.ReplaceAll(o.Config, "%", "%%"))
	}
	// What lies on a disk that comes later is waited for: a data folder below an empty mount point would be another one.
	for _, path := range append([]string{o.Config, o.Logs}, o.Private...) {
		if path != "" && path != dataHome && !strings.HasPrefix(path, dataHome+"/") {
			unit = append(unit, "RequiresMountsFor="+quoted(path))
		}
	}
	if len(unit) > 0 {
		fmt.Fprintf(&b, "[Unit]\n%s\n\n", strings.Join(unit, "\n"))
	}
	var service []string
	if o.Config != "" {
		service = append(service, "Environment="+quoted("TILLPOST_CONFIG="+o.Config))
	}
	for _, dir := range append(slices.Clone(o.Writes), o.Logs) {
		if dir == "" || dir == dataHome || strings.HasPrefix(dir, dataHome+"/") {
			continue
		}
		// The minus lets the service start while the folder is missing.
		service = append(service, "ReadWritePaths="+quoted("-"+dir))
	}
	if len(service) > 0 {
		fmt.Fprintf(&b, "[Service]\n%s\n", strings.Join(service, "\n"))
	}
	if b.Len() == 0 {
		return ""
	}
	return "# Written by `tillpost install`, which writes it anew each time; a file of your own beside it stays.\n" + b.String()
}

// placeFile writes a file in one step, where it is not there like that, and adds to undo what was there before.
func placeFile(path, text string, u *undoing) (changed bool, err error) {
	before, err := os.ReadFile(path)
	switch {
	case err == nil && string(before) == text:
		return false, nil
	case err == nil:
		u.add(func() error { return writeFile(path, before, 0o644) })
	case errors.Is(err, fs.ErrNotExist):
		u.add(func() error {
			err := os.Remove(path)
			_ = os.Remove(filepath.Dir(path)) // where it was alone in its folder
			return err
		})
	default:
		return false, err
	}
	return true, writeFile(path, []byte(text), 0o644)
}

// removeFile removes a file where there is one, and adds to undo what was in it.
func removeFile(path string, u *undoing) (changed bool, err error) {
	before, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	u.add(func() error { return writeFile(path, before, 0o644) })
	if err := os.Remove(path); err != nil {
		return false, err
	}
	_ = os.Remove(filepath.Dir(path)) // where it was alone in its folder
	return true, nil
}

// writeFile puts a file into its place in one step; what had its name before stays whole for whoever has it open.
func writeFile(path string, data []byte, mode fs.FileMode) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".tillpost-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

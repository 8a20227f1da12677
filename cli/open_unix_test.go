//go:build !windows

package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"tillpost/mockapi"
)

const nobody = 65534

// desktop is where somebody sits, with programs that only write down what they are given.
type desktop struct {
	*store
	bin, said, home string
	program         string // this one, where everybody can start it
	env             []string
}

func newDesktop(t *testing.T) *desktop {
	t.Helper()
	d := &desktop{store: newStore(t, mockapi.Options{})}
	d.bin, d.said, d.home = filepath.Join(d.dir, "bin"), filepath.Join(d.dir, "said"), filepath.Join(d.dir, "home")
	for _, dir := range []string{d.bin, d.said, d.home} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(dir, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{d.dir, filepath.Dir(d.dir)} {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	d.program = filepath.Join(d.bin, "tillpost")
	from, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(d.program, data, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	d.env = []string{"TILLPOST_TEST_BE_TILLPOST=1", "PATH=" + d.bin + ":/usr/bin:/bin", "HOME=" + d.home, "TMPDIR=" + d.home, "DISPLAY=:9", "SAID=" + d.said}
	if os.Getuid() == 0 {
		d.env = append(d.env, fmt.Sprintf("SUDO_UID=%d", nobody))
	}
	return d
}

// has gives the desktop a program.
func (d *desktop) has(name, script string) {
	d.t.Helper()
	if err := os.WriteFile(filepath.Join(d.bin, name), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		d.t.Fatal(err)
	}
}

// opener writes down its arguments and environment, and what the file holds. It is whole when its last file is there.
func (d *desktop) opener(then string) {
	d.has("xdg-open", "S="+d.said+"\nprintf '%s\\n' \"$@\" >$S/args\nid -u >$S/uid\nenv >$S/env\nstat -c '%a %u' \"$1\" >$S/mode\ncat \"$1\" >$S/page\n"+
		"cat /proc/*/cmdline 2>/dev/null | tr '\\0' ' ' >$S/processes\nmv $S/page $S/whole\n"+then+"\n")
}

func (d *desktop) saidOf(name string) string {
	d.t.Helper()
	return strings.TrimSpace(read(d.t, filepath.Join(d.said, name)))
}

func (d *desktop) command(args ...string) (cmd *exec.Cmd, out, errs *bytes.Buffer) {
	cmd = exec.Command(d.program, append(args, "--config", d.config)...)
	out, errs = &bytes.Buffer{}, &bytes.Buffer{}
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = d.env, d.home, out, errs
	return cmd, out, errs
}

func (d *desktop) left() []string {
	left, _ := filepath.Glob(filepath.Join(d.home, "*")) // the pattern is a right one
	return left
}

func TestOpenGivesTheBrowserAFileThatItsPersonAloneCanRead(t *testing.T) {
	t.Parallel()
	d := newDesktop(t)
	d.served(func() (string, error) { return testLink, nil })
	d.opener("sleep 600 & wait") // a browser that stays open
	cmd, out, errs := d.command("open")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the browser has the page", func() bool { _, err := os.Stat(filepath.Join(d.said, "whole")); return err == nil })
	uid := os.Getuid()
	if uid == 0 {
		uid = nobody
	}
	if got := d.saidOf("args"); strings.Contains(got, "ONETIMEKEY") || strings.Contains(got, "\n") || !strings.HasPrefix(got, d.home+"/tillpost-open-") {
		t.Errorf("got the arguments %q, want the file's path alone", got)
	}
	if got := d.saidOf("processes"); strings.Contains(got, "ONETIMEKEY") {
		t.Errorf("the link is in a process's arguments: %q", got)
	}
	if got, want := d.saidOf("mode"), fmt.Sprintf("600 %d", uid); got != want {
		t.Errorf("got the mode and owner %q, want %q", got, want)
	}
	if got, want := d.saidOf("uid"), fmt.Sprint(uid); got != want {
		t.Errorf("the browser runs as %s, want %s", got, want)
	}
	if got := d.saidOf("whole"); !strings.Contains(got, `http-equiv="refresh" content="0; url=`+testLink+`"`) || !strings.Contains(got, `<a href="`+testLink+`"`) {
		t.Errorf("got the page\n%s", got)
	}
	if got := d.saidOf("env"); os.Getuid() == 0 && (strings.Contains(got, "SUDO_UID") || strings.Contains(got, "SAID=") || !strings.Contains(got, "DISPLAY=:9")) {
		t.Errorf("got the environment\n%s", got)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil || out.Len() != 0 || errs.Len() != 0 {
		t.Errorf("got %v, %q, %q; want it done without a word", err, out, errs)
	}
	if left := d.left(); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestOpenPrintsTheLinkWhereNoBrowserCanBeShown(t *testing.T) {
	t.Parallel()
	d := newDesktop(t)
	d.served(func() (string, error) { return testLink, nil })
	d.opener("exit 3")
	cmd, out, errs := d.command("open")
	if err := cmd.Run(); err != nil || out.String() != linkAdvice+":\n"+testLink+"\n" || !strings.Contains(errs.String(), "warning: no browser could be opened") {
		t.Errorf("the opener fails: got %v, %q, %q; want the link", err, out, errs)
	}
	for name, env := range map[string][]string{"no desktop": {"DISPLAY="}, "root's own": {"SUDO_UID="}} {
		if name == "root's own" && os.Getuid() != 0 {
			continue
		}
		_ = os.Remove(filepath.Join(d.said, "whole"))
		cmd, out, errs := d.command("open")
		cmd.Env = append(cmd.Env, env...)
		if err := cmd.Run(); err != nil || out.String() != linkAdvice+":\n"+testLink+"\n" || errs.Len() != 0 {
			t.Errorf("%s: got %v, %q, %q; want the link", name, err, out, errs)
		}
		if _, err := os.Stat(filepath.Join(d.said, "whole")); err == nil {
			t.Errorf("%s: a browser was opened", name)
		}
	}
	if left := d.left(); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestOpenAsksForMoreRightsWhereItNeedsThem lets somebody open the page who may not read the data folder.
func TestOpenAsksForMoreRightsWhereItNeedsThem(t *testing.T) {
	t.Parallel()
	d := newDesktop(t)
	d.served(func() (string, error) { return testLink, nil })
	d.opener("")
	less := func(args ...string) (*exec.Cmd, *bytes.Buffer, *bytes.Buffer) {
		cmd, out, errs := d.command(args...)
		if os.Getuid() == 0 {
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		}
		return cmd, out, errs
	}
	if os.Getuid() != 0 {
		if err := os.Chmod(filepath.Join(d.dir, "data", "agent.json"), 0); err != nil {
			t.Fatal(err)
		}
	}
	d.has("pkexec", "exit 126")
	for _, args := range [][]string{{"open"}, {"open", "--print"}} { // the second asks nobody
		cmd, out, errs := less(args...)
		if err := cmd.Run(); err == nil || out.Len() != 0 || !strings.Contains(errs.String(), "permission denied") || !strings.Contains(errs.String(), "hint: `sudo tillpost open`") {
			t.Errorf("%v without them: got %v, %q, %q; want why, and sudo", args, err, out, errs)
		}
	}
	const said = "tillpost: error: no agent runs\ntillpost: hint: start one\n"
	d.has("pkexec", "printf '"+said+"' >&2; exit 1")
	cmd, out, errs := less("open")
	if err := cmd.Run(); err == nil || out.Len() != 0 || errs.String() != said {
		t.Errorf("where it fails above: got %v, %q, %q; want why", err, out, errs)
	}
	d.has("pkexec", "printf '%s ' \"$@\" >"+d.said+"/above\necho "+testLink+"\n")
	cmd, out, errs = less("open")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the browser has the page", func() bool { _, err := os.Stat(filepath.Join(d.said, "whole")); return err == nil })
	if got, want := d.saidOf("above"), d.program+" open --print --config "+d.config; got != want {
		t.Errorf("got %q started with more rights, want %q", got, want)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("got %v, %q, %q; want it done", err, out, errs)
	}
	if left := d.left(); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestOpenFromAMenuShowsWhatGoesWrongInTheBrowser(t *testing.T) {
	t.Parallel()
	d := newDesktop(t)
	d.served(func() (string, error) { return "", errors.New("the port is <taken>") })
	d.opener("")
	cmd, _, errs := d.command("open", "--menu")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the browser has the page", func() bool { _, err := os.Stat(filepath.Join(d.said, "whole")); return err == nil })
	if got := d.saidOf("whole"); !strings.Contains(got, "the port is &lt;taken&gt;</p>") || !strings.Contains(got, "<p>the log says why") {
		t.Errorf("got the page\n%s", got)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil || !strings.Contains(errs.String(), "the port is <taken>") {
		t.Errorf("got %v, %q; want the error", err, errs)
	}
	if left := d.left(); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

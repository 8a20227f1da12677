package installer

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/mgr"
)

func TestAServicesIdentifierFollowsFromItsName(t *testing.T) {
	t.Parallel()
	// As Windows itself has it: TrustedInstaller owns the system's files.
	const want = "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"
	if got := serviceSID("TrustedInstaller"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := serviceSID("trustedinstaller"); got != want {
		t.Errorf("in small letters: got %s, want %s", got, want)
	}
}

func TestACommandLineIsReadBackAsItWasWritten(t *testing.T) {
	t.Parallel()
	for _, program := range []string{`C:\Program Files\tillpost\tillpost.exe`, `D:\till\tillpost.exe`} {
		for _, config := range []string{"", `C:\a b\till.yaml`, `C:\till.yaml`, `\\server\a share\till.yaml`, `C:\50%\it's.yaml`} {
			line := quotedLine(commandLine(program, config))
			if !strings.HasPrefix(line, `"`+program+`" run --service`) {
				t.Errorf("got %s, want the program in quotes", line)
			}
			if got := configOf(line); got != config {
				t.Errorf("%s: got the config %q, want %q", line, got, config)
			}
			if d := disorder(entry{command: line}); d != "" {
				t.Errorf("%s: %s", line, d)
			}
		}
	}
	if disorder(entry{command: `C:\Program Files\tillpost\tillpost.exe run --service`}) == "" {
		t.Error("a path with blanks and without quotes is not noticed")
	}
}

func TestAccessListsAreOnesThatWindowsReads(t *testing.T) {
	t.Parallel()
	for _, list := range []string{privateList(rightsChange, true, []string{serviceSID(Name)}), privateList(rightsRead, false, []string{serviceSID(Name), "S-1-5-21-1-2-3-1001"})} {
		sd, err := windows.SecurityDescriptorFromString(list)
		if err != nil {
			t.Fatalf("%s: %v", list, err)
		}
		control, _, err := sd.Control()
		if err != nil || control&windows.SE_DACL_PROTECTED == 0 {
			t.Errorf("%s: got %x, %v; want nothing inherited", list, control, err)
		}
		if !isPrivate(sd, []string{serviceSID(Name), "S-1-5-21-1-2-3-1001"}) {
			t.Errorf("%s: it is not known for private", list)
		}
		if text := sd.String(); strings.Contains(text, ";WD)") || strings.Contains(text, ";BU)") || strings.Contains(text, ";AU)") || !strings.Contains(text, "S-1-5-80-") {
			t.Errorf("got %s, want the service let in and no stranger", text)
		}
	}
}

func TestAPrivateFolderIsMadeOnceAndKeepsWhatIsInIt(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new", "data")
	told := 0
	o := Options{Private: []string{dir}, Secrets: []string{filepath.Join(dir, "token"), filepath.Join(dir, "none")}, Tell: func(string, ...any) { told++ }}
	for range 2 {
		if err := makePrivate(o, []string{serviceSID(Name)}, &undoing{}); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "token"), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if text, err := os.ReadFile(filepath.Join(dir, "token")); string(text) != "x" || err != nil || told != 1 {
		t.Errorf("got %q, %v and %d lines; want the file as it was, and one line", text, err, told)
	}
	file := filepath.Join(dir, "token")
	if err := makePrivate(Options{Private: []string{file}, Tell: o.Tell}, nil, &undoing{}); err == nil || !strings.Contains(err.Error(), "is not a folder") {
		t.Errorf("got %v for a file in a folder's place", err)
	}
}

func TestAFileThatAnotherProgramHasIsWaitedFor(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	from, to := filepath.Join(dir, "downloaded.exe"), filepath.Join(dir, "tillpost.exe")
	for path, text := range map[string]string{from: "new", to: "old"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	held, err := os.Open(to) // which lets nobody rename or delete it
	if err != nil {
		t.Fatal(err)
	}
	told := make(chan struct{})
	tell := func(format string, _ ...any) {
		if strings.Contains(format, "in use by another program") {
			close(told)
		}
	}
	done := make(chan error, 1)
	u := &undoing{}
	go func() { done <- replaceProgram(t.Context(), from, to, tell, u) }()
	select {
	case err := <-done:
		t.Fatalf("got %v while the file is in use, want that it is waited for", err)
	case <-told:
	}
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	is := func(want string) {
		t.Helper()
		if text, err := os.ReadFile(to); string(text) != want || err != nil {
			t.Errorf("got %q, %v; want %q", text, err, want)
		}
	}
	is("new")
	if left, _ := filepath.Glob(filepath.Join(dir, "*.new")); len(left) > 0 {
		t.Errorf("got %q left", left)
	}
}

// serve runs a handler as the service manager would, and answers what it is told and how to tell it something.
func serve(t *testing.T, work func(context.Context) error, life Life) (requests chan svc.ChangeRequest, states chan svc.Status, ended chan uint32) {
	t.Helper()
	requests, states, ended = make(chan svc.ChangeRequest), make(chan svc.Status, 100), make(chan uint32, 1)
	h := &handler{ctx: t.Context(), work: work, life: life, events: &events{}}
	go func() {
		_, code := h.Execute(nil, requests, states)
		ended <- code
	}()
	return requests, states, ended
}

func TestTheServiceManagerStopsTheWorkInOrder(t *testing.T) {
	t.Parallel()
	for cmd, want := range map[svc.Cmd]time.Duration{svc.Stop: 10 * time.Second, svc.Shutdown: 3 * time.Second} {
		release := make(chan struct{})
		causes := make(chan error, 1)
		requests, states, ended := serve(t, func(ctx context.Context) error {
			<-ctx.Done()
			causes <- context.Cause(ctx)
			<-release
			return nil
		}, Life{})
		for _, want := range []svc.State{svc.StartPending, svc.Running} {
			if got := <-states; got.State != want {
				t.Fatalf("got the state %d, want %d", got.State, want)
			}
		}
		requests <- svc.ChangeRequest{Cmd: svc.Interrogate}
		if got := <-states; got.State != svc.Running || got.Accepts != svc.AcceptStop|svc.AcceptShutdown {
			t.Errorf("asked, it says %+v", got)
		}
		requests <- svc.ChangeRequest{Cmd: cmd}
		if got := <-states; got.State != svc.StopPending || got.WaitHint == 0 {
			t.Errorf("to be stopped, it says %+v", got)
		}
		cause, ok := errors.AsType[*stopError](<-causes)
		if !ok || cause.Grace() != want {
			t.Errorf("got the cause %v, want one that leaves %v", cause, want)
		}
		requests <- svc.ChangeRequest{Cmd: svc.Interrogate}
		if got := <-states; got.State != svc.StopPending {
			t.Errorf("asked while it stops, it says %+v", got)
		}
		close(release)
		if code := <-ended; code != 0 {
			t.Errorf("got the exit code %d, want 0", code)
		}
	}
}

func TestWorkThatFailsIsAFailureOfTheService(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{"with an error": errors.New("the config is wrong"), "for no reason": nil} {
		_, states, ended := serve(t, func(context.Context) error { return err }, Life{})
		if code := <-ended; code == 0 {
			t.Errorf("%s: got the exit code 0, and Windows would not start it again", name)
		}
		for range len(states) {
			if got := <-states; got.State == svc.Stopped {
				t.Errorf("%s: it says that it stopped, before its exit code", name)
			}
		}
	}
}

func TestAListThatLetsOthersInIsNotPrivate(t *testing.T) {
	t.Parallel()
	for _, list := range []string{"D:(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)", "D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;0x1200a9;;;BU)", "D:P(A;OICI;FA;;;BA)(A;OICI;0x1301bf;;;S-1-5-21-1-2-3-1001)", "D:P(A;OICI;FA;;;WD)"} {
		sd, err := windows.SecurityDescriptorFromString(list)
		if err != nil {
			t.Fatalf("%s: %v", list, err)
		}
		if isPrivate(sd, []string{serviceSID(Name)}) {
			t.Errorf("%s: it passes for private", list)
		}
	}
}

func TestRecoveryGrowsAndNeverEnds(t *testing.T) {
	t.Parallel()
	before := time.Duration(0)
	for _, action := range recovery {
		if action.Type != mgr.ServiceRestart || action.Delay <= before || action.Delay > 2*time.Minute {
			t.Errorf("got %+v after a delay of %v, want a restart, later than before, within 2 min", action, before)
		}
		before = action.Delay
	}
	if len(recovery) == 0 || recoveryReset < 3600 {
		t.Errorf("got %d actions, forgotten after %d s", len(recovery), recoveryReset)
	}
}

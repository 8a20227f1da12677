package cli

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tillpost/testkit"
)

// wizard is tillpost on a terminal, and a person before it.
type wizard struct {
	t       *testing.T
	person  *os.File
	program *os.File
	cmd     *exec.Cmd
	ended   chan error

	mu   sync.Mutex // guards what follows
	seen []byte
	from int // in seen: what the last answer was given to
}

// wizardOf starts tillpost on a terminal, in an environment of its own.
func wizardOf(t *testing.T, env []string, args ...string) *wizard {
	t.Helper()
	person, program := terminal(t)
	if err := unix.IoctlSetWinsize(int(program.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 40, Col: 120}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	w := &wizard{t: t, person: person, program: program, ended: make(chan error, 1)}
	w.cmd = exec.CommandContext(ctx, os.Args[0], args...)
	w.cmd.Env = append(os.Environ(), append([]string{"TERM=xterm", "NO_COLOR=1"}, env...)...)
	w.cmd.Stdin, w.cmd.Stdout, w.cmd.Stderr = program, program, program
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { // until the terminal is closed
		buf := make([]byte, 4096)
		for {
			n, err := person.Read(buf)
			if err != nil {
				return
			}
			w.mu.Lock()
			w.seen = append(w.seen, buf[:n]...)
			w.mu.Unlock()
		}
	}()
	go func() { w.ended <- w.cmd.Wait() }()
	return w
}

var escapes = regexp.MustCompile(`\x1b\[[0-9;?=>]*[a-zA-Z]|\x1b[()=>78][A-B0]?`)

// bare is what stands on a screen, without what moves its cursor, and without blanks.
func bare(text string) string {
	return strings.Join(strings.Fields(escapes.ReplaceAllString(text, "")), "")
}

// screen is what was shown since the last answer.
func (w *wizard) screen() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return string(w.seen[w.from:])
}

// answer waits for a question, and answers it by keys.
func (w *wizard) answer(question, keys string) {
	w.t.Helper()
	w.waitFor(question)
	w.mu.Lock()
	w.from = len(w.seen)
	w.mu.Unlock()
	if _, err := w.person.WriteString(keys); err != nil {
		w.t.Fatal(err)
	}
}

func (w *wizard) waitFor(text string) {
	w.t.Helper()
	if !testkit.Within(20*time.Second, func() bool { return strings.Contains(bare(w.screen()), bare(text)) }) {
		w.t.Fatalf("after 20 s %q is not shown; got\n%q\nall %s", text, w.screen(), w.all())
	}
}

// end waits for the end, and until all that was shown is seen, and answers the exit status.
func (w *wizard) end() int {
	w.t.Helper()
	if err := <-w.ended; err != nil && w.cmd.ProcessState == nil {
		w.t.Fatal(err)
	}
	const mark = "(that was all)"
	if _, err := w.program.WriteString(mark); err != nil {
		w.t.Fatal(err)
	}
	w.waitFor(mark)
	return w.cmd.ProcessState.ExitCode()
}

func (w *wizard) all() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return string(bytes.Clone(w.seen))
}

// echoes reports whether a terminal shows what is typed, and waits for lines, as it does before and after a form.
func (w *wizard) echoes() bool {
	state, err := unix.IoctlGetTermios(int(w.program.Fd()), unix.TCGETS)
	return err == nil && state.Lflag&unix.ECHO != 0 && state.Lflag&unix.ICANON != 0
}

const (
	enter = "\r"
	down  = "\x1b[B"
	up    = "\x1b[A"
	ctrlC = "\x03"
)

func TestTheWizardAsksAPersonAndWritesWhatIsAnswered(t *testing.T) {
	t.Parallel()
	p := newInitPlace(t)
	if err := os.Remove(filepath.Join(p.dir, "pos", "stock.csv")); err != nil {
		t.Fatal(err)
	}
	p.write("home/POS Export/stock.csv", "Store,UPC,Pcs Avail,Price\nMain Street,849632048260,12,9\nAirport,849632040011,0,9\nAirport,849632040028,3,9\n")
	sales := p.write("home/POS Export/sales.csv", "Date,Amount\n2026-11-28,9\n")
	if err := os.Chtimes(sales, time.Now(), time.Now().Add(time.Second)); err != nil { // the newest stands first
		t.Fatal(err)
	}
	w := wizardOf(t, []string{"HOME=" + filepath.Join(p.dir, "home")}, "init", "--config", p.config, "--data-dir", filepath.Join(p.dir, "data"), "--line", "settle: 10ms")
	w.answer("What is the address", "http://api.example.com"+enter)
	w.answer("would show the token", strings.Repeat("\x7f", 30)+p.url+enter)
	w.answer("What is the API's token?", "wrong"+enter)
	w.answer("The API does not take the token. What now?", enter)
	w.answer("What is the API's token?", initToken+enter)
	w.answer("Into which folder", down+enter) // one that is typed, whatever else this machine has
	w.waitFor("The whole path")
	w.answer("The whole path", `"`+filepath.Join(p.dir, "home", "POS Export")+`"`+enter)
	w.answer("all files in it", up+enter)
	w.answer("Which column is which?", enter)
	w.answer("Which column is the quantity?", down+down+enter)
	w.answer("Does the API know the stores by these words too?", enter)
	w.answer(`the store "Airport"?`, "4"+enter)
	w.answer(`the store "Main Street"?`, enter) // is left out
	w.answer("Write the config?", enter)
	w.answer("Install tillpost as a service", down+enter) // not now, and never in a test
	if status := w.end(); status != statusDone || !w.echoes() || strings.Contains(w.all(), "SECRET") {
		t.Errorf("got %d, echo %v,\n%s", status, w.echoes(), w.all())
	}
	s := p.load().Sources[0]
	if s.Folder != filepath.Join(p.dir, "home", "POS Export") || len(s.Files) != 1 || s.Files[0] != "stock.csv" || s.Columns["quantity"].Heading != "Pcs Avail" || len(s.Stores) != 1 || s.Stores["Airport"] != "4" {
		t.Errorf("got %+v, of\n%s", s, read(t, p.config))
	}
	if token := strings.TrimSpace(read(t, filepath.Join(p.dir, "etc", "token"))); token != initToken {
		t.Errorf("got another token than the right one")
	}
}

func TestTheWizardIsLeftByCtrlCWithNothingWritten(t *testing.T) {
	t.Parallel()
	steps := []struct{ question, keys string }{
		{"What is the address", "$URL" + enter},
		{"What is the API's token?", initToken + enter},
		{"Which column is which?", enter},
		{"Which column is the quantity?", down + down + enter},
		{"Does the API know the stores", enter},
		{`the store "Main Street"?`, "3" + enter},
		{"Write the config?", enter},
	}
	for n, last := range steps {
		t.Run(last.question, func(t *testing.T) {
			t.Parallel()
			p := newInitPlace(t)
			p.write("pos/stock.csv", "Store,UPC,Pcs Avail\nMain Street,849632048260,12\n")
			w := wizardOf(t, nil, "init", "--config", p.config, "--folder", filepath.Join(p.dir, "pos"))
			for _, s := range steps[:n] {
				w.answer(s.question, strings.ReplaceAll(s.keys, "$URL", p.url))
			}
			w.answer(last.question, ctrlC)
			if status := w.end(); status != statusFailed || !w.echoes() || !strings.Contains(w.all(), "stopped; nothing was written") {
				t.Errorf("got %d, echo %v,\n%s", status, w.echoes(), w.all())
			}
			p.nothing("after Ctrl-C")
		})
	}
}

func TestTheWizardEndsWithItsProcessAndRestoresTheTerminal(t *testing.T) {
	t.Parallel()
	for _, env := range []string{"TERM=xterm", "TERM=dumb"} {
		p := newInitPlace(t)
		w := wizardOf(t, []string{env}, "init", "--config", p.config, "--url", p.url)
		w.waitFor("What is the API's token?")
		eventually(t, "it reads without echo", func() bool { return !w.echoes() })
		if err := w.cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		if status := w.end(); status != statusFailed || !w.echoes() {
			t.Errorf("%s: got %d, echo %v,\n%s", env, status, w.echoes(), w.all())
		}
		p.nothing("after the end of its process")
	}
}

func TestTheWizardAsksBeforeItReplacesAConfig(t *testing.T) {
	t.Parallel()
	p := newInitPlace(t)
	before := "api: {url: " + p.url + "}\nsources: [{folder: " + filepath.Join(p.dir, "pos") + "}]\n"
	p.write("etc/tillpost.yaml", before)
	p.write("etc/token", initToken)
	w := wizardOf(t, nil, "init", "--config", p.config)
	w.answer("There is a config already.", enter)
	if status := w.end(); status != statusFailed || read(t, p.config) != before {
		t.Errorf("got %d, %q; want it as it was", status, read(t, p.config))
	}
	w = wizardOf(t, []string{"HOME=" + p.dir}, "init", "--config", p.config)
	w.answer("There is a config already.", down+enter)
	w.answer("What is the address", enter) // that of before stands there
	w.answer("A token is stored already.", enter)
	w.answer("Into which folder", up+enter)
	w.answer("The whole path", enter)
	w.answer("Write the config?", enter)
	w.answer("Install tillpost as a service", down+enter) // not now, and never in a test
	if status := w.end(); status != statusDone {
		t.Errorf("got %d,\n%s", status, w.all())
	}
	copies, err := filepath.Glob(p.config + ".*.bak")
	if err != nil || len(copies) != 1 || read(t, copies[0]) != before {
		t.Errorf("got the copies %v, %v; want one of the config before", copies, err)
	}
	if c := p.load(); c.API.URL != p.url+"/api/product/inventory" || c.Sources[0].Folder != filepath.Join(p.dir, "pos") {
		t.Errorf("got %+v, want what was there before", c)
	}
}

func TestTheWizardAsksLineByLineWhereNothingCanBeDrawn(t *testing.T) {
	t.Parallel()
	for _, env := range []string{"TERM=dumb", "ACCESSIBLE=1", "TERM="} {
		t.Run(env, func(t *testing.T) {
			t.Parallel()
			p := newInitPlace(t)
			p.write("pos/stock.csv", "UPC,Location,Qty\n849632048260,Main Street,12\n849632040011,Airport,3\n")
			w := wizardOf(t, []string{env, "HOME=" + p.dir}, "init", "--config", p.config)
			w.answer("What is the address", "nonsense\n")
			w.answer("does not begin with http", p.url+"\n")
			w.waitFor("it is not shown")
			eventually(t, "it reads without echo", func() bool { return !w.echoes() })
			w.answer("What is the API's token?", initToken+"\n")
			typed := func(folder string) {
				w.waitFor("another one: I type it")
				number := regexp.MustCompile(`(\d+)  another one: I type it`).FindStringSubmatch(w.screen())
				w.answer("another one: I type it", "99\n")
				w.answer("none of these numbers", number[1]+"\n")
				w.answer("The whole path", folder+"\n")
			}
			typed(filepath.Join(p.dir, "later"))
			w.answer("This folder cannot be read.", "3\n")
			typed(filepath.Join(p.dir, "pos"))
			w.answer("What says which store it is?", "\n") // the column that may be it
			w.answer("Does the API know the stores", "2\n")
			w.answer("Write the config?", "\n")
			w.answer("Install tillpost as a service", "2\n") // not now, and never in a test
			if status := w.end(); status != statusDone || !w.echoes() || strings.Contains(w.all(), "SECRET") || strings.Contains(w.all(), "\x1b") {
				t.Errorf("got %d, echo %v,\n%s", status, w.echoes(), w.all())
			}
			if s := p.load().Sources[0]; s.Columns["store"].Heading != "Location" || len(s.Stores) != 0 {
				t.Errorf("got %+v, of\n%s", s, read(t, p.config))
			}
		})
	}
}

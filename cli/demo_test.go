package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"tillpost/agent"
	"tillpost/testkit"
)

func TestDemoPlaysItsDayAndLeavesNothing(t *testing.T) {
	t.Parallel()
	out, errs, code := runIn(t.Context(), "demo", "--once")
	wants := []string{
		"1,500 updates delivered in ",
		"9 of 1,500 rows have changed: 9 requests, ",
		"3 rows set aside; 12 updates of the good rows delivered in ",
		`"8.49632E+11" is a code that a spreadsheet has destroyed`,
		`line 1 has the headings "Store",`,
		": Service Unavailable",
		"says of the API: token not accepted: Invalid bearer token",
		"are still in its folder on the disk, while nothing runs.",
		"sent a second time: ",
		"The API holds 1,500 quantities, and each is the one in the newest export.",
		"The day in figures\n",
	}
	unwrapped := strings.ReplaceAll(out, "\n"+strings.Repeat(" ", tellIndent), " ")
	for _, want := range wants {
		if !strings.Contains(unwrapped, want) {
			t.Errorf("it did not print %q", want)
		}
	}
	for _, s := range demoDay() {
		if !strings.Contains(out, s.clock+"  "+s.happens+"\n") || !strings.Contains(out, "       Safe: "+s.safe+"\n") {
			t.Errorf("it did not tell of what happens at %s, and why that is safe", s.clock)
		}
	}
	if code != statusDone || errs != "" || t.Failed() {
		t.Errorf("got %d, %q, and printed\n%s", code, errs, out)
	}
	gone(t, demoFolder(t, out))
}

func TestTheDemosDayIsTold(t *testing.T) {
	t.Parallel()
	clock := ""
	for _, s := range demoDay() {
		if s.clock <= clock || s.do == nil || s.until.what == "" || s.until.holds == nil || s.result == nil {
			t.Errorf("the step at %s after %s: something of it is missing", s.clock, clock)
		}
		clock = s.clock
		for _, line := range []string{s.happens, "Safe: " + s.safe} {
			if n := utf8.RuneCountInString(line); n < 12 || n > tellWidth-tellIndent || !strings.HasSuffix(line, ".") {
				t.Errorf("at %s: %q has %d characters, want a sentence that fits into a line", s.clock, line, n)
			}
		}
	}
}

func TestDemoThatIsStoppedInTheMiddleEndsInOrder(t *testing.T) {
	t.Parallel()
	for _, last := range []string{"what the API holds", " waiting, ", "\n14:20"} {
		t.Run(last, func(t *testing.T) {
			t.Parallel()
			stdout, stderr, stop := start(t, "demo", "--once")
			comesTo(t, stdout, last)
			code := stop()
			if want := "The demo was stopped; its folder is removed.\n"; code != statusDone || stderr.String() != "" || !strings.HasSuffix(stdout.String(), want) {
				t.Errorf("got %d, %q, %q; want 0 and %q at the end", code, stdout, stderr, want)
			}
			gone(t, demoFolder(t, stdout.String()))
		})
	}
}

func TestDemoTakesExportsUntilItIsStopped(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	stdout, stderr := &buffer{}, &buffer{}
	ended := make(chan error, 1)
	go func() { ended <- newConsole(stdout, stderr).demo(ctx, tempoOf(true), false) }()
	comesTo(t, stdout, "Now drop exports of your own into ")
	folder := demoFolder(t, stdout.String())
	for name, text := range map[string]string{"mine.csv": "UPC,Qty\n849632048260,12\n", "bad.csv": "Name\na\n"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "it tells of both", func() bool {
		return strings.Contains(stdout.String(), "1 update delivered\n") && strings.Contains(stderr.String(), "bad.csv")
	})
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("got %v after it was stopped; it said\n%s", err, stderr)
	}
	gone(t, folder)
}

// comesTo waits until the demo has printed a text: for longer than eventually, for much may have to happen before.
func comesTo(t *testing.T, stdout *buffer, text string) {
	t.Helper()
	if !testkit.Within(2*time.Minute, func() bool { return strings.Contains(stdout.String(), text) }) {
		t.Fatalf("it does not come to %q:\n%s", text, stdout)
	}
}

// demoFolder is the folder that the demo's till writes into.
func demoFolder(t *testing.T, out string) string {
	t.Helper()
	_, rest, _ := strings.Cut(out, "the till's exports  ")
	folder, _, ok := strings.Cut(rest, "\n")
	if !ok {
		t.Fatalf("got no folder in\n%s", out)
	}
	return folder
}

func gone(t *testing.T, folder string) {
	t.Helper()
	if _, err := os.Stat(filepath.Dir(folder)); !os.IsNotExist(err) {
		t.Errorf("the demo's folder %s: got %v, want it gone", filepath.Dir(folder), err)
	}
}

// never is a goal that is never reached.
func never() demoGoal {
	return demoGoal{"the end of the rainbow", func(*demo, agent.Status) (bool, error) { return false, nil }}
}

func TestAStepOfTheDemoThatIsNotReachedIsAnError(t *testing.T) {
	t.Parallel()
	nothing := func(context.Context, *demo) error { return nil }
	good := demoScene{clock: "10:00", do: nothing, until: demoGoal{holds: func(*demo, agent.Status) (bool, error) { return true, nil }},
		result: func(*demo) (string, error) { return "so it is", nil }}
	late, wrong, misread := good, good, good
	late.until = never()
	wrong.result = func(*demo) (string, error) { return "", errors.New("the API holds 3") }
	misread.until.holds = func(*demo, agent.Status) (bool, error) { return false, errors.New("it was refused") }
	tests := []struct {
		name  string
		scene demoScene
		want  string // "" = no error
	}{
		{"reached", good, ""},
		{"never reached", late, "the end of the rainbow was not reached in 20ms: 0 waiting, 0 delivered, 0/s, the API is \"\"; the agent's last words:\nmsg=9\n"},
		{"reached, with a wrong result", wrong, "the API holds 3"},
		{"something else came of it", misread, "it was refused"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d := &demo{con: newConsole(io.Discard, io.Discard), dir: t.TempDir(), tempo: demoTempo{look: time.Millisecond, bound: 20 * time.Millisecond}}
			var log strings.Builder
			for i := range 19 {
				fmt.Fprintf(&log, "msg=%d\n", i)
			}
			if err := os.WriteFile(d.path("agent.log"), []byte(log.String()), 0o600); err != nil {
				t.Fatal(err)
			}
			err := d.play(t.Context(), test.scene)
			if (err == nil) != (test.want == "") || err != nil && !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestTheDemosTradeChangesAsManyRowsAsItSays(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	rows := newDemoStock(rng)
	for _, n := range []int{0, 1, 120} {
		before := newDemoStock(rand.New(rand.NewPCG(1, 2)))
		copy(before, rows)
		trade(rows, rng, n)
		changed := 0
		for i, row := range rows {
			if row.quantity < 0 {
				t.Fatalf("%v is %d", row.key, row.quantity)
			}
			if row.quantity != before[i].quantity {
				changed++
			}
		}
		if changed != n {
			t.Errorf("got %d changes, want %d", changed, n)
		}
	}
}

func TestLinesAreBrokenAtBlanks(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"": "", "one": "one", "one two": "one two", "one two three": "one two|three", "antidisestablish on": "antidisestablish|on", "  a\tb  ": "a b", "äöü äöü": "äöü äöü"} {
		if got := strings.Join(wrapWords(in, 8), "|"); got != want {
			t.Errorf("wrapWords(%q, 8): got %q, want %q", in, got, want)
		}
	}
}

func TestTheDemosRateIsThatOfTheLastSeconds(t *testing.T) {
	t.Parallel()
	var p demoPulse
	now := time.Now()
	for i, sample := range []struct{ delivered, want int64 }{{0, 0}, {50, 50}, {150, 75}, {150, 50}, {150, 0}, {160, 5}} {
		if got := p.rate(now.Add(time.Duration(i)*time.Second), sample.delivered); got != sample.want {
			t.Errorf("after %d s: got %d/s, want %d/s", i, got, sample.want)
		}
	}
}

func TestAnAgentOnALeashEndsWithItsInput(t *testing.T) {
	t.Parallel()
	r, w := io.Pipe()
	var cause error
	ended := make(chan error, 1)
	go func() {
		ended <- onLeash(t.Context(), r, func(ctx context.Context) error {
			<-ctx.Done()
			cause = context.Cause(ctx)
			return nil
		})
	}()
	if _, err := io.Copy(w, bytes.NewReader(make([]byte, 1<<16))); err != nil { // what comes is not minded
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil || !errors.Is(cause, errInputEnded) {
		t.Errorf("got %v, %v; want the end of the input as the cause", err, cause)
	}
}

package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"

	"tillpost/agent"
	"tillpost/config"
	"tillpost/outbox"
)

// stopped is a context that a signal has ended.
func stopped(t *testing.T) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("interrupted"))
	return ctx, func() {}
}

// broken is a stdout that takes nothing.
type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestOutputThatCannotBeWrittenIsAFailure(t *testing.T) {
	t.Parallel()
	var errs bytes.Buffer
	code := execute(t.Context(), []string{"version", "--json"}, broken{}, &errs)
	if want := "tillpost: error: write the output: no space left on device\n"; code != statusFailed || errs.String() != want {
		t.Errorf("got %d, %q; want 1, %q", code, errs.String(), want)
	}
}

func TestAReaderThatHasGoneNeedsNoMessage(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close() // nothing is in it
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	var errs bytes.Buffer
	if code := execute(t.Context(), []string{"version"}, w, &errs); code != statusFailed || errs.String() != "" {
		t.Errorf("got %d, %q; want 1 and no word", code, errs.String())
	}
}

func TestPlainEscapesWhatDoesNotPrint(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, in, want string }{
		{"letters and signs stay", "Größe 10½ “D”", "Größe 10½ “D”"},
		{"an escape sequence", "a\x1b[2Jb", `a\x1b[2Jb`},
		{"a line end", "a\nb", `a\nb`},
		{"a bell behind a C1 control", "\u009b\a", `\u009b\a`},
		{"a change of direction", "a\u202eb", `a\u202eb`},
		{"bytes that are no text", "a\xffb", `a\xffb`},
		{"a replacement character that was there before", "a\uFFFD\x01", "a\uFFFD" + `\x01`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := plain(test.in); got != test.want {
				t.Errorf("plain(%q): got %q, want %q", test.in, got, test.want)
			}
		})
	}
}

func TestNumbersReadAsAPersonWritesThem(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -12: "-12", -123: "-123", -1234: "-1,234"} {
		if got := number(n); got != want {
			t.Errorf("number(%d): got %q, want %q", n, got, want)
		}
	}
	for d, want := range map[time.Duration]string{0: "0 s", 119 * time.Second: "119 s", 3 * time.Minute: "3 min", 5 * time.Hour: "5 h", 100 * time.Hour: "4 days"} {
		if got := span(d); got != want {
			t.Errorf("span(%s): got %q, want %q", d, got, want)
		}
	}
}

func TestAProgressBarIsDrawnOnATerminalAlone(t *testing.T) {
	t.Parallel()
	var pipe, terminal bytes.Buffer
	for _, s := range []*screen{{w: &pipe}, {w: &terminal, terminal: true}} {
		s.progress(0, 10, "reading")
		s.progress(5, 10, "sending")
		if _, err := s.Write([]byte("a line of the log\n")); err != nil {
			t.Fatal(err)
		}
		s.progress(10, 10, "sending")
		s.progress(10, 20, "sending")
		s.end()
		s.end()
	}
	if got, want := pipe.String(), "a line of the log\n"; got != want {
		t.Errorf("in a pipe: got %q, want %q", got, want)
	}
	got := terminal.String()
	if !strings.Contains(got, "reading") || !strings.Contains(got, "\ra line of the log\n") || !strings.HasSuffix(got, "\r") {
		t.Errorf("on a terminal: got %q, want a bar that makes room for the log and is gone at the end", got)
	}
}

func TestErrorsHaveTheirExitStatusAndHint(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		err    error
		status int
		hint   string // a part of it; "" = none
	}{
		{"nothing wrong", nil, 0, ""},
		{"done, but with rejects", errPartial, 3, ""},
		{"a failure that was told", errSaid, 1, ""},
		{"anything else", errors.New("x"), 1, ""},
		{"another agent, known", &agent.InUseError{Dir: "d", PID: 7}, 1, "end process 7 first"},
		{"another agent, not known", fmt.Errorf("x: %w", &agent.InUseError{Dir: "d"}), 1, "end it first"},
		{"an agent that hangs", &noAnswerError{err: &agent.InUseError{Dir: "d", PID: 7}, pid: 7}, 1, "end process 7, or restart its service"},
		{"an agent that hangs, not known", fmt.Errorf("x: %w", &noAnswerError{err: &agent.InUseError{Dir: "d"}}), 1, "end its process"},
		{"no outbox", fmt.Errorf("x: %w", outbox.ErrNoOutbox), 1, "`tillpost run` starts one"},
		{"an outbox of a newer tillpost", fmt.Errorf("x: %w", outbox.ErrNewer), 1, "or a newer one"},
		{"a full disk", &outbox.FullError{Dir: "/data", Err: errors.New("x")}, 1, "make room on the disk of /data"},
		{"a write that may count", outbox.ErrUncertain, 1, "start again"},
		{"no token", &setupError{err: fmt.Errorf("%w: x", config.ErrNoToken), token: true}, 2, "`token_file` under `api`"},
		{"a token that others can read", &setupError{err: &config.ExposedTokenError{Path: "/t", Mode: 0o644}, token: true}, 2, "`chmod 600 /t`"},
		{"a token file that is not there", &setupError{err: fs.ErrNotExist, token: true}, 2, "`token_file` in the config names that file"},
		{"no config anywhere", &setupError{err: fs.ErrNotExist, missing: true}, 2, "looked for at --config, then $TILLPOST_CONFIG"},
		{"a config that may not be read", &setupError{err: fs.ErrPermission}, 2, "the account that tillpost runs as"},
		{"updates that wait", &agent.UnfinishedError{Pending: 3}, 1, "nothing is lost"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := exitStatus(test.err); got != test.status {
				t.Errorf("got the status %d, want %d", got, test.status)
			}
			if got := hint(test.err); (got == "") != (test.hint == "") || !strings.Contains(got, test.hint) {
				t.Errorf("got the hint %q, want %q in it", got, test.hint)
			}
		})
	}
}

package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"text/tabwriter"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"tillpost/dashboard"
)

// console is where a command prints.
type console struct {
	out    *output
	err    *screen
	behind *backlog // below err

	service bool // the command is Windows' service

	file *backlog     // above the log's file; nil = the log does not go to one
	log  *slog.Logger // to it
}

func newConsole(stdout, stderr io.Writer) *console {
	behind := newBacklog(stderr)
	return &console{
		out:    &output{w: stdout, terminal: isTerminal(stdout)},
		err:    &screen{w: behind, terminal: isTerminal(stderr), columns: columns(stderr), file: terminalFile(stderr)},
		behind: behind,
	}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// terminalFile is a terminal as a file, or nil.
func terminalFile(w io.Writer) *os.File {
	if f, ok := w.(*os.File); ok && isTerminal(w) {
		return f
	}
	return nil
}

// columns is how wide a terminal is; 0 = nobody knows.
func columns(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return width
}

// printf prints for a person. What comes from outside must have gone through plain.
func (con *console) printf(format string, args ...any) {
	_, _ = fmt.Fprintf(con.out, format, args...) // the output keeps the error
}

// json prints v as one line.
func (con *console) json(v any) { writeJSON(con.out, v) }

// writeJSON writes v as one line. The errors of its writer are for whoever made that.
func writeJSON(w io.Writer, v any) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // what we print can be encoded
	_, _ = w.Write(printableJSON(b.Bytes()))
}

// printableJSON escapes in a line of JSON what does not print, which stands nowhere but in its strings.
func printableJSON(line []byte) []byte {
	hidden := func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }
	if !bytes.ContainsFunc(line, hidden) {
		return line
	}
	var b bytes.Buffer
	for _, r := range string(line) {
		if !hidden(r) {
			b.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&b, `\u%04x`, unit)
		}
	}
	return b.Bytes()
}

// warn tells of what a command goes on in spite of.
func (con *console) warn(format string, args ...any) {
	con.say("warning", fmt.Sprintf(format, args...))
	con.behind.flush() // before what follows on stdout
}

// fail tells of an error, and what to do about it.
func (con *console) fail(err error) {
	con.say("error", errorText(err))
	if h := hint(err); h != "" {
		con.say("hint", h)
	}
	con.behind.flush() // before what follows on stdout
}

// hints tells what can be done.
func (con *console) hints(hints []string) {
	for _, h := range hints {
		con.say("hint", h)
	}
}

// say prints a message, each of its lines with what it is.
func (con *console) say(what, text string) {
	var b strings.Builder
	for line := range strings.Lines(text) {
		fmt.Fprintf(&b, "tillpost: %s: %s\n", what, plain(strings.TrimRight(line, "\r\n")))
	}
	_, _ = io.WriteString(con.err, b.String()) // there is nowhere left to tell of it
}

// plain makes a text of unknown origin fit for a terminal: what does not print is escaped as in Go.
func plain(s string) string { return dashboard.Plain(s) }

// clip is plain, cut to at most a number of characters.
func clip(s string, most int) string {
	s = plain(s)
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most-1]) + "…"
}

// number shows n with commas: 1,234.
func number[T int | int64 | uint64](n T) string { return dashboard.Number(int64(n)) }

// plural is `1 row`, `2 rows`.
func plural[T int | int64 | uint64](n T, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return number(n) + " " + what + "s"
}

// span shows how long something takes, as a person says it.
func span(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

// clock shows a moment as the clock on the wall did.
func clock(t time.Time) string { return t.Local().Format(time.DateTime) }

// columnWriter aligns the cells of rows, which stand between tabs, and prints them when it is flushed.
type columnWriter struct{ w *tabwriter.Writer }

func newColumns(con *console) columnWriter {
	return columnWriter{tabwriter.NewWriter(con.out, 0, 0, 2, ' ', 0)} // con.out keeps the errors
}

func (c columnWriter) row(cells string) { _, _ = fmt.Fprintln(c.w, cells) }

func (c columnWriter) flush() { _ = c.w.Flush() }

// output is stdout, and keeps its first error.
type output struct {
	w        io.Writer
	terminal bool
	err      error
}

func (o *output) Write(p []byte) (int, error) {
	if o.err != nil {
		return 0, o.err
	}
	n, err := o.w.Write(p)
	if err != nil {
		o.err = fmt.Errorf("write the output: %w", err)
	}
	return n, o.err
}

// screen is stderr, with a progress bar in its last line where it is a terminal. Its methods may be called from several
// goroutines.
type screen struct {
	terminal bool
	columns  int      // of it; 0 = not known
	file     *os.File // that terminal, for what draws on it by itself; nil = it is none

	mu  sync.Mutex // guards what follows
	w   io.Writer
	bar *progressbar.ProgressBar // nil = none is drawn
}

// Write writes above the progress bar.
func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bar != nil {
		_ = s.bar.Clear() // it is only decoration
	}
	return s.w.Write(p)
}

// tell says something that only a person wants to know, at a terminal.
func (s *screen) tell(text string) {
	if s.terminal {
		_, _ = io.WriteString(s, "tillpost: "+text+"\n") // there is nowhere left to tell of it
	}
}

const (
	barWidth  = 30 // characters, where there is room for them
	besideBar = 32 // characters that a bar's line has besides, and besides what it says
)

// progress draws how much of a total is done, and what it is that is done. It does nothing where there is no terminal.
func (s *screen) progress(done, total int64, what string) {
	if !s.terminal {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	// A bar that was full once is never drawn again, but the total may still grow: it is full when end takes it away.
	total = max(total, 1)
	done = min(done, total-1)
	if s.bar == nil {
		width := barWidth
		if s.columns > 0 {
			width = max(0, min(width, s.columns-besideBar-utf8.RuneCountInString(what)))
		}
		s.bar = progressbar.NewOptions64(total, progressbar.OptionSetWriter(s.w), progressbar.OptionSetDescription(what), progressbar.OptionSetWidth(width),
			progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionSetPredictTime(false), progressbar.OptionShowCount())
	}
	// Its errors are those of the terminal.
	if s.bar.GetMax64() != total {
		s.bar.ChangeMax64(total)
	}
	_ = s.bar.Set64(done)
	s.bar.Describe(what) // which draws at once
}

// end takes the progress bar away.
func (s *screen) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bar != nil {
		_ = s.bar.Clear() // it is only decoration
	}
	s.bar = nil
}

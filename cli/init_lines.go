package cli

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/term"
)

// lineAsker asks by lines that are read one by one, for screen readers and terminals that cannot draw.
type lineAsker struct {
	in   *bufio.Reader
	file *os.File // that in reads; nil = it is no terminal, and echoes nothing
	out  io.Writer
}

func (a *lineAsker) choose(ctx context.Context, q question, options []option, first string) (string, error) {
	a.tell(q)
	number := ""
	for i, o := range options {
		a.printf("  %d  %s\n", i+1, shown(o.text))
		if o.value == first {
			number = strconv.Itoa(i + 1)
		}
	}
	number = cmp.Or(number, "1")
	for {
		line, err := a.line(ctx, fmt.Sprintf("1 to %d [%s]: ", len(options), number))
		if err != nil {
			return "", err
		}
		n, err := strconv.Atoi(cmp.Or(line, number))
		if err == nil && n >= 1 && n <= len(options) {
			return options[n-1].value, nil
		}
		a.printf("%q is none of these numbers\n", line)
	}
}

func (a *lineAsker) text(ctx context.Context, q question, given string, right func(string) error) (string, error) {
	a.tell(q)
	prompt := ": "
	if given != "" {
		prompt = "[" + shown(given) + "]: "
	}
	for {
		line, err := a.line(ctx, prompt)
		if err != nil {
			return "", err
		}
		line = cmp.Or(line, given)
		if err = right(line); err == nil {
			return line, nil
		}
		a.printf("%s\n", shown(err.Error()))
	}
}

func (a *lineAsker) secret(ctx context.Context, q question, right func(string) error) (string, error) {
	a.tell(q)
	for {
		text, err := a.hidden(ctx)
		if err != nil {
			return "", err
		}
		text = strings.TrimSpace(text)
		if err = right(text); err == nil {
			return text, nil
		}
		a.printf("%s\n", shown(err.Error()))
	}
}

// hidden reads a line without echo.
func (a *lineAsker) hidden(ctx context.Context) (string, error) {
	const prompt = "it is not shown: "
	if a.file == nil {
		return a.line(ctx, prompt)
	}
	fd := int(a.file.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", fmt.Errorf("ask at this terminal: %w", err)
	}
	a.printf("%s", prompt)
	text, err := await(ctx, func() (string, error) {
		text, err := term.ReadPassword(fd)
		return string(text), err
	})
	a.printf("\n")
	if ctx.Err() != nil {
		_ = term.Restore(fd, before) // else the shell would show nothing that is typed
	}
	return text, err
}

func (a *lineAsker) tell(q question) {
	a.printf("\n%s\n", shown(q.title))
	if q.about != "" {
		a.printf("%s\n", shownLines(q.about))
	}
}

func (a *lineAsker) printf(format string, args ...any) {
	_, _ = fmt.Fprintf(a.out, format, args...) // a terminal that is gone ends the next reading
}

// line reads a line, without the blanks around it.
func (a *lineAsker) line(ctx context.Context, prompt string) (string, error) {
	a.printf("%s", prompt)
	line, err := await(ctx, func() (string, error) { return a.in.ReadString('\n') })
	return strings.TrimSpace(line), err
}

// await waits for a reading, or for the end of ctx: then the reading is left alone, for it may never return.
func await(ctx context.Context, read func() (string, error)) (string, error) {
	type answer struct {
		text string
		err  error
	}
	answers := make(chan answer, 1)
	var reader sync.WaitGroup // which is not waited for
	reader.Go(func() {
		text, err := read()
		answers <- answer{text, err}
	})
	select {
	case a := <-answers:
		if errors.Is(a.err, io.EOF) {
			return "", errLeft
		}
		return a.text, a.err
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

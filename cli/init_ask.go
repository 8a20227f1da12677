package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"

	tea "charm.land/bubbletea/v2"
	"charm.land/huh/v2"
)

// question is what a person is asked. Its texts, and those of its options, may come from outside: whoever asks makes them fit
// for a terminal.
type question struct {
	title string
	about string // what helps to answer it; may have several lines
}

// option is an answer to choose.
type option struct {
	text  string
	value string // what choosing it means to whoever asked; none is another one's
}

// asker asks a person. Every error is final: the person has left, or the terminal has.
type asker interface {
	// choose answers the value of one of the options; at first the one with the value given stands out.
	choose(ctx context.Context, q question, options []option, first string) (string, error)
	// text answers a line that right says nothing against, without the blanks around it; given is what stands there at first.
	text(ctx context.Context, q question, given string, right func(string) error) (string, error)
	// secret is text without echo.
	secret(ctx context.Context, q question, right func(string) error) (string, error)
}

// errLeft is the error of a person who has left.
var errLeft = errors.New("stopped; nothing was written")

// askerOf is who asks at a terminal of so many columns: forms, or lines where it cannot draw or a person cannot see.
func askerOf(in, out *os.File, columns int) asker {
	name := os.Getenv("TERM")
	if os.Getenv("ACCESSIBLE") != "" || name == "dumb" || name == "" && runtime.GOOS != "windows" || columns == 0 {
		return &lineAsker{in: bufio.NewReader(in), file: in, out: out}
	}
	return &formAsker{in, out}
}

// formAsker asks by forms: arrow keys, Enter, Ctrl-C.
type formAsker struct{ in, out *os.File }

func (a *formAsker) choose(ctx context.Context, q question, options []option, first string) (string, error) {
	list := make([]huh.Option[string], len(options))
	for i, o := range options {
		list[i] = huh.NewOption(shown(o.text), o.value)
	}
	answer := first
	field := huh.NewSelect[string]().Title(shown(q.title)).Description(shownLines(q.about)).Options(list...).Value(&answer)
	if len(list) > mostRows {
		field.Height(mostRows + 2 + strings.Count(q.about, "\n"))
	}
	err := a.run(ctx, field, len(list) > mostRows)
	return answer, err
}

const mostRows = 12 // options that are shown at once

func (a *formAsker) text(ctx context.Context, q question, given string, right func(string) error) (string, error) {
	return a.input(ctx, q, given, right, huh.EchoModeNormal)
}

func (a *formAsker) secret(ctx context.Context, q question, right func(string) error) (string, error) {
	return a.input(ctx, q, "", right, huh.EchoModePassword)
}

func (a *formAsker) input(ctx context.Context, q question, given string, right func(string) error, echo huh.EchoMode) (string, error) {
	answer := given
	field := huh.NewInput().Title(shown(q.title)).Description(shownLines(q.about)).Prompt("> ").EchoMode(echo).
		Validate(func(text string) error { return right(strings.TrimSpace(text)) }).Value(&answer)
	err := a.run(ctx, field, false)
	return strings.TrimSpace(answer), err
}

// run shows one field until it is answered. With filter a / lets a person type what to choose.
func (a *formAsker) run(ctx context.Context, field huh.Field, filter bool) error {
	keys := huh.NewDefaultKeyMap()
	keys.Select.Filter.SetEnabled(filter)
	in, leave, err := keyboardOf(a.in)
	if err != nil {
		return fmt.Errorf("ask at this terminal: %w", err)
	}
	defer leave()
	form := huh.NewForm(huh.NewGroup(field)).WithAccessible(false).WithTheme(huh.ThemeFunc(plainTheme)).WithKeyMap(keys).
		WithProgramOptions(tea.WithoutSignalHandler()). // Main has one: ctx ends
		WithInput(in).WithOutput(a.out).
		WithViewHook(func(v tea.View) tea.View {
			v.ReportFocus = false // nobody needs to know
			return v
		})
	err = form.RunWithContext(ctx)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, huh.ErrUserAborted):
		return errLeft
	case err != nil:
		return fmt.Errorf("ask at this terminal: %w", err)
	}
	return nil
}

// plainTheme looks the same on dark and light terminals, and needs no color.
func plainTheme(dark bool) *huh.Styles {
	t := huh.ThemeBase(dark)
	t.Focused.Title = t.Focused.Title.Bold(true)
	t.Focused.SelectedOption = t.Focused.SelectedOption.Bold(true)
	return t
}

// shown is a text fit for a terminal, and short enough for one question.
func shown(text string) string { return clip(text, 300) }

// shownLines is shown for each line of a text.
func shownLines(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		lines = append(lines, clip(strings.TrimRight(line, "\r\n"), 1000))
	}
	return strings.Join(lines, "\n")
}

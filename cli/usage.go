package cli

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// usageTemplate is what --help prints after the description, in the language of cobra's templates.
const usageTemplate = `Usage:
  {{.UseLine}}{{if .HasAvailableSubCommands}}

Commands:{{range .Commands}}{{if .IsAvailableCommand}}
  {{rpad .Name .NamePadding}}  {{.Short}}{{end}}{{end}}{{end}}{{if .HasExample}}

Examples:
{{.Example}}{{end}}{{if .HasAvailableLocalFlags}}

Flags:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}{{if .HasAvailableSubCommands}}

` + "`{{.CommandPath}} COMMAND --help` says more about a command." + `{{end}}
`

// usageError is a command line that cannot be understood.
type usageError struct {
	text  string
	cmd   *cobra.Command
	meant []string // commands that were perhaps meant
}

func (e *usageError) Error() string { return e.text }

// wrongUse is a usageError of a command.
func wrongUse(cmd *cobra.Command, format string, args ...any) error {
	return &usageError{text: fmt.Sprintf(format, args...), cmd: cmd}
}

func unknownCommand(root *cobra.Command, name string) error {
	return &usageError{text: fmt.Sprintf("there is no command %q", name), cmd: root, meant: root.SuggestionsFor(name)}
}

// flagError says what is wrong with a flag, in our words.
func flagError(cmd *cobra.Command, err error) error {
	if e, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		cause := e.Unwrap().Error()
		if e.GetFlag().Value.Type() == "bool" {
			cause = "is not true or false"
		}
		return wrongUse(cmd, "--%s: %q %s", e.GetFlag().Name, e.GetValue(), cause)
	}
	if e, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		return wrongUse(cmd, "--%s: its value is missing", e.GetFlag().Name)
	}
	if e, ok := errors.AsType[*pflag.NotExistError](err); ok {
		if short := e.GetSpecifiedShortnames(); short != "" {
			return wrongUse(cmd, "there is no flag -%s", short)
		}
		return wrongUse(cmd, "there is no flag --%s", e.GetSpecifiedName())
	}
	return wrongUse(cmd, "%s", err)
}

// noArguments is for commands that take flags alone.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return wrongUse(cmd, "it takes no %q", args[0])
	}
	return nil
}

// value is a flag's value; parse says what is wrong with a text, as in `is not a duration`.
type value[T any] struct {
	to    *T
	parse func(string) (T, error)
	text  string
}

func (v *value[T]) String() string { return v.text }
func (v *value[T]) Type() string   { return "value" }
func (v *value[T]) Set(text string) (err error) {
	if *v.to, err = v.parse(text); err == nil {
		v.text = text
	}
	return err
}

// flagOf gives a command a flag of any type.
func flagOf[T any](cmd *cobra.Command, name, usage string, parse func(string) (T, error)) *T {
	to := new(T)
	cmd.Flags().Var(&value[T]{to: to, parse: parse}, name, usage)
	return to
}

// listOf is flagOf for a flag that can be given several times.
func listOf[T any](cmd *cobra.Command, name, usage string, parse func(string) (T, error)) *[]T {
	list := new([]T)
	cmd.Flags().Var(&value[[]T]{to: list, parse: func(text string) ([]T, error) {
		one, err := parse(text)
		if err != nil {
			return *list, err
		}
		return append(*list, one), nil
	}}, name, usage)
	return list
}

func parseDuration(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, errors.New("is not a duration such as 30s, 5m or 1h30m")
	}
	return d, nil
}

func parsePositive(text string) (time.Duration, error) {
	d, err := parseDuration(text)
	if err == nil && d == 0 {
		err = errors.New("is not more than 0")
	}
	return d, err
}

func parseNumber(text string) (float64, error) {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || !(n >= 0) || math.IsInf(n, 0) {
		return 0, errors.New("is not a number from 0")
	}
	return n, nil
}

func parseWhole(text string) (int, error) {
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return 0, errors.New("is not a whole number from 0")
	}
	return int(n), nil
}

func parseSeed(text string) (uint64, error) {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, errors.New("is not a whole number from 0")
	}
	return n, nil
}

// parseShare reads 10% or 0.1.
func parseShare(text string) (float64, error) {
	number, percent := strings.CutSuffix(text, "%")
	n, err := parseNumber(number)
	if percent {
		n /= 100
	}
	if err != nil || n > 1 {
		return 0, errors.New("is not a share such as 10% or 0.1")
	}
	return n, nil
}

func parseText(text string) (string, error) {
	if text == "" {
		return "", errors.New("is empty")
	}
	return text, nil
}

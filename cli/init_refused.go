package cli

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v4"

	"tillpost/export"
)

// hole is what stands in a line of advice where a person must put something else.
const hole = "..."

// advised are lines in a reason that help where it is as the reason says. They say how an export is read, and nothing else: a
// reason quotes what strangers wrote.
var advised = regexp.MustCompile("`((?:columns|defaults|stores|duplicates|identify_by|upc_check_digit|split_size|decimal|header): [^`]+)`")

// remediesOf are the lines of a config that answer a refusal: the one that it asks for, then those that its reason names.
func remediesOf(refused *export.Refused) (lines []string) {
	all := []string{refused.Write}
	for _, m := range advised.FindAllStringSubmatch(refused.Reason, -1) {
		all = append(all, m[1])
	}
	for _, line := range all {
		var d draft
		if d.write(line) == nil && !slices.Contains(lines, line) && line != "duplicates: "+hole {
			lines = append(lines, line)
		}
	}
	if line := otherColumns(refused); line != "" && !slices.Contains(lines, line) {
		lines = append(lines, line)
	}
	if refused.Code == export.RefusedDuplicates && strings.Contains(refused.Write, hole) {
		for _, line := range []string{"duplicates: sum", "duplicates: last", "duplicates: reject"} {
			if !slices.Contains(lines, line) {
				lines = append(lines, line)
			}
		}
	}
	return lines
}

// otherColumns is the line that a refusal asks for with a hole for each column that it proposes, where there are others to
// choose from; "" = it proposes none.
func otherColumns(refused *export.Refused) string {
	var d draft
	if len(refused.Headings) == 0 || d.write(refused.Write) != nil {
		return ""
	}
	columns := find(&d.reading, "columns")
	if columns == nil || mixesNumbers(refused.Write) {
		return ""
	}
	var fields []string
	for i := 0; i+1 < len(columns.Content); i += 2 {
		fields = append(fields, columns.Content[i].Value+": "+hole)
	}
	return "columns: {" + strings.Join(fields, ", ") + "}"
}

// askRefused asks the person what the refusal of an export asks. It answers false where it is left open.
func (s *setup) askRefused(ctx context.Context, name string, refused *export.Refused) (answered bool, err error) {
	var options []option
	for _, line := range remediesOf(refused) {
		options = append(options, option{meaningOf(line), line})
	}
	options = append(options, option{"none of these: I look at it later", goOn})
	line, err := s.ask.choose(ctx, question{titleOf(refused), s.look.redact(name + ": " + refused.Reason)}, options, options[0].value)
	if err != nil || line == goOn {
		return false, err
	}
	before := s.draft.copy()
	if err := s.fill(ctx, line, refused); errors.Is(err, errUnknown) {
		s.draft = before
		return false, nil
	} else if err != nil {
		return false, err
	}
	if err := s.draft.wrong(); err != nil {
		s.draft = before
		s.warn("that cannot be: %s", err)
	}
	return true, nil
}

// errUnknown is the answer of a person who does not know.
var errUnknown = errors.New("not known")

// titleOf is what a refusal asks, in short.
func titleOf(refused *export.Refused) string {
	switch refused.Code {
	case export.RefusedStore:
		return "What says which store it is?"
	case export.RefusedHeader, export.RefusedColumn, export.RefusedAmbiguous:
		return "Which column is which?"
	case export.RefusedDuplicates:
		return "There are several rows for one product. What is in stock?"
	case export.RefusedWide:
		return "Which stores are these?"
	}
	return "How is this export to be read?"
}

// meaningOf says in plain words what a line of the config means.
func meaningOf(line string) string {
	switch line {
	case `defaults: {store: "..."}`:
		return "all of it is one store: I type its code"
	case "duplicates: sum":
		return "their sum: they are parts of one stock"
	case "duplicates: last":
		return "the last of them"
	case "duplicates: reject":
		return "none of them is right: set them aside"
	case "upc_check_digit: missing":
		return "the UPCs lack their last digit, the check digit: add it"
	}
	var d draft
	if d.write(line) != nil {
		return line
	}
	if columns := find(&d.reading, "columns"); columns != nil && len(d.reading.Content) == 2 {
		return meaningOfColumns(columns, line)
	}
	if stores := find(&d.reading, "stores"); stores != nil && strings.Contains(line, hole) {
		return "these are stores: I type the API's code of each"
	}
	return "in the config: " + line
}

// meaningOfColumns is meaningOf for a line about columns.
func meaningOfColumns(columns *yaml.Node, line string) string {
	var open, stated []string
	for i := 0; i+1 < len(columns.Content); i += 2 {
		field, column := columns.Content[i].Value, columns.Content[i+1]
		switch {
		case column.Kind != yaml.ScalarNode:
			open = append(open, "the "+field)
		case column.Value == hole:
			open = append(open, "the "+field)
		case strings.Contains(column.Value, "{"):
			return "in the config: " + line
		case column.Tag == "!!int":
			stated = append(stated, fmt.Sprintf("column %s is the %s", column.Value, field))
		default:
			stated = append(stated, fmt.Sprintf("%q is the %s", column.Value, field))
		}
	}
	if len(open) > 0 {
		stated = append(stated, "I say which column is "+strings.Join(open, ", and which "))
	}
	return strings.Join(stated, "; ")
}

// fill asks what belongs in the holes of a line, and writes it into the draft.
func (s *setup) fill(ctx context.Context, line string, refused *export.Refused) error {
	var d draft
	if err := d.write(line); err != nil {
		return fmt.Errorf("read %q: %w", line, err)
	}
	for i := 0; i+1 < len(d.reading.Content); i += 2 {
		key, value := d.reading.Content[i].Value, d.reading.Content[i+1]
		if key == "stores" && strings.Contains(line, hole) {
			var words []string
			for j := 0; j+1 < len(value.Content); j += 2 {
				words = append(words, value.Content[j].Value)
			}
			if err := s.askCodes(ctx, words); err != nil {
				return err
			}
			continue
		}
		filled, err := s.fillGroup(ctx, key, value, refused)
		if err != nil {
			return err
		}
		s.draft.set(key, filled)
	}
	return nil
}

// fillGroup is a value with answers in its holes.
func (s *setup) fillGroup(ctx context.Context, key string, value *yaml.Node, refused *export.Refused) (*yaml.Node, error) {
	switch {
	case value.Kind == yaml.MappingNode:
		group := &yaml.Node{Kind: yaml.MappingNode}
		for j := 0; j+1 < len(value.Content); j += 2 {
			one, err := s.fillOne(ctx, key, value.Content[j].Value, value.Content[j+1], refused, append(scalarsOf(value), scalarsOf(group)...))
			if errors.Is(err, errOneStore) {
				continue
			}
			if err != nil {
				return nil, err
			}
			put(group, value.Content[j].Value, one)
		}
		return group, nil
	case value.Kind == yaml.ScalarNode && value.Value == hole:
		word, err := s.ask.text(ctx, question{fmt.Sprintf("What is the right `%s`?", key), s.look.redact(refused.Reason)}, "", func(text string) error {
			d := draft{}
			d.setWord(key, text)
			return d.wrong()
		})
		return scalar(word), err
	}
	return value, nil
}

// scalarsOf are the single values in a group.
func scalarsOf(group *yaml.Node) (texts []string) {
	for i := 1; i < len(group.Content); i += 2 {
		if value := group.Content[i]; value.Kind == yaml.ScalarNode {
			texts = append(texts, value.Value)
		}
	}
	return texts
}

// fillOne is the value of a key in a group, asked for where there is a hole; taken is what the group says already.
func (s *setup) fillOne(ctx context.Context, group, field string, value *yaml.Node, refused *export.Refused, taken []string) (*yaml.Node, error) {
	ranged := value.Kind == yaml.SequenceNode && len(value.Content) == 2 && value.Content[0].Value == "FROM"
	switch {
	case ranged:
		return s.askColumn(ctx, field, question{fmt.Sprintf("Which characters of a line are the %s?", field), "The first and the last, counted from 1, such as 15-20. " + s.look.redact(refused.Reason)})
	case value.Kind != yaml.ScalarNode || value.Value != hole:
		return value, nil
	case group == "columns" && len(refused.Headings) > 0:
		return s.chooseColumn(ctx, field, refused, taken)
	case group == "columns":
		return s.askColumn(ctx, field, question{fmt.Sprintf("Which column is the %s?", field), "Its heading, or its number, counted from 1. " + s.look.redact(refused.Reason)})
	}
	return s.askCode(ctx, field)
}

// askCode asks for the API's code of what all rows of an export have.
func (s *setup) askCode(ctx context.Context, field string) (*yaml.Node, error) {
	code, err := s.ask.text(ctx, question{fmt.Sprintf("What is the API's code of this %s?", field), "Your retailer knows it."}, "", wrongCode)
	if err == nil {
		s.tell("%-11s %s\n", field, plain(code))
	}
	return scalar(code), err
}

// errOneStore says that no column is the store: all of the export is one, of which the draft has the code.
var errOneStore = errors.New("it is one store")

// askColumn asks for a column by its heading, number or range.
func (s *setup) askColumn(ctx context.Context, field string, q question) (*yaml.Node, error) {
	text, err := s.ask.text(ctx, q, "", func(text string) error {
		if text == "" {
			return errNothing
		}
		d := draft{}
		d.setIn("columns", field, columnOf(text))
		return d.wrong()
	})
	return columnOf(text), err
}

// chooseColumn lets a column be chosen by its heading, of those that are not taken. Where that is no name, or two have it, its
// number is what counts.
func (s *setup) chooseColumn(ctx context.Context, field string, refused *export.Refused, taken []string) (*yaml.Node, error) {
	const most = 200
	headings := refused.Headings[:min(most, len(refused.Headings))]
	var options []option
	for i, h := range headings {
		if slices.Contains(taken, fmt.Sprint(i+1)) || slices.Contains(taken, h) && !bareNumber.MatchString(h) {
			continue
		}
		options = append(options, option{s.look.redact(fmt.Sprintf("%d  %s", i+1, clip(h, 60))), fmt.Sprint(i)})
	}
	const oneStore = "one"
	if field == "store" {
		options = append(options, option{"none of these: all of it is one store", oneStore})
	}
	options = append(options, option{"none of these, or I do not know", goOn})
	answer, err := s.ask.choose(ctx, question{fmt.Sprintf("Which column is the %s?", field), ""}, options, options[0].value)
	if err != nil {
		return nil, err
	}
	switch answer {
	case oneStore:
		code, err := s.askCode(ctx, field)
		if err != nil {
			return nil, err
		}
		s.draft.setIn("defaults", field, code)
		return nil, errOneStore
	case goOn:
		return nil, errUnknown
	}
	i, err := strconv.Atoi(answer)
	if err != nil {
		return nil, fmt.Errorf("which column is the %s: %w", field, err)
	}
	s.tell("%-11s %s\n", field, plain(headings[i]))
	same := 0
	for _, h := range refused.Headings {
		if strings.EqualFold(h, headings[i]) {
			same++
		}
	}
	numbered := same > 1 || !strings.ContainsFunc(headings[i], unicode.IsLetter) || strings.ContainsFunc(headings[i], unicode.IsControl) ||
		strings.ContainsAny(headings[i], "{}") || mixesNumbers(refused.Write)
	if numbered {
		return columnOf(fmt.Sprint(i + 1)), nil
	}
	return scalar(headings[i]), nil
}

// mixesNumbers reports whether a line names columns by their numbers, as where there are no headings.
func mixesNumbers(line string) bool {
	return regexp.MustCompile(`: [0-9]+[,}]`).MatchString(line)
}

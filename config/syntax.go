package config

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// source is a config's text as UTF-8, and what its quoting went wrong with.
type source struct {
	text    string
	lines   []int           // where each line begins in text
	escapes map[mark]string // values in double quotes whose backslashes were no escapes: place -> what stands in the quotes
}

// readTree parses text into the node of its one group of keys, or nil where there is none. What is wrong goes to list;
// values in double quotes whose backslashes were mended go to the source's escapes.
func readTree(text []byte, list *problems) (*yaml.Node, *source) {
	src := &source{escapes: map[mark]string{}}
	if len(text) > maxSize {
		list.add(mark{1, 1}, "", "the config is longer than 1 MiB")
		return nil, src
	}
	src.set(decodeText(text))
	if at, what := src.notText(); what != "" {
		list.add(at, "", what)
		return nil, src
	}
	doc, second, err := src.parse()
	switch {
	case err != nil:
		src.reportEscapes(list)
		at, what := src.reword(err)
		list.add(at, "", what)
		return nil, src
	case second != nil:
		list.add(mark{second.Line, second.Column}, "", "a second document begins here; a config is one document")
	}
	if doc == nil || len(doc.Content) == 0 || isNull(doc.Content[0]) {
		list.add(mark{1, 1}, "", "the config is empty; the lines it needs are `api: {url: https://YOUR_URL}`, `sources:` and "+
			"`  - folder: /srv/pos/export`, with the real URL and folder")
		return nil, src
	}
	if root := deref(doc.Content[0]); root != nil && root.Kind == yaml.MappingNode {
		return root, src
	}
	root := doc.Content[0]
	list.add(mark{root.Line, root.Column}, "", "a config is a group of keys, such as `api:` and `sources:`; this is "+kindOf(root))
	return nil, src
}

// decodeText makes UTF-8 of what an editor saved: UTF-8 with or without a byte order mark, or UTF-16 with one.
func decodeText(text []byte) string {
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(text, []byte{0xFF, 0xFE}):
		order = binary.LittleEndian
	case bytes.HasPrefix(text, []byte{0xFE, 0xFF}):
		order = binary.BigEndian
	default:
		return strings.TrimPrefix(string(text), "\uFEFF")
	}
	units := make([]uint16, 0, len(text)/2)
	for text = text[2:]; len(text) >= 2; text = text[2:] {
		units = append(units, order.Uint16(text))
	}
	return string(utf16.Decode(units))
}

// lineEnd is what YAML takes for the end of a line.
var lineEnd = regexp.MustCompile("\r\n|[\n\r\u0085\u2028\u2029]")

func (s *source) set(text string) {
	s.text, s.lines = text, []int{0}
	for _, end := range lineEnd.FindAllStringIndex(text, -1) {
		s.lines = append(s.lines, end[1])
	}
}

// line is the text of the line with that number, 1-based, its end included.
func (s *source) line(n int) string {
	if n < 1 || n > len(s.lines) {
		return ""
	}
	if n == len(s.lines) {
		return s.text[s.lines[n-1]:]
	}
	return s.text[s.lines[n-1]:s.lines[n]]
}

// from is the rest of the line from a place on.
func (s *source) from(at mark) string {
	line := s.line(at.line)
	for range at.column - 1 {
		_, n := utf8.DecodeRuneInString(line)
		line = line[n:]
	}
	return line
}

// place is where the byte at offset stands.
func (s *source) place(offset int) mark {
	n := 1
	for n < len(s.lines) && s.lines[n] <= offset {
		n++
	}
	return mark{n, utf8.RuneCountInString(s.text[s.lines[n-1]:offset]) + 1}
}

// quoted is what stands as written in the first double quotes from a place on, to the end of the line at most.
func (s *source) quoted(at mark) string {
	_, inner, _ := strings.Cut(s.from(at), `"`) // an anchor may stand before them
	inner = strings.TrimRight(inner, "\r\n")
	for i := 0; i < len(inner); i++ {
		switch inner[i] {
		case '\\':
			i++
		case '"':
			return inner[:i]
		}
	}
	return inner
}

// notText says where the text is none, and why; "" where it is text.
func (s *source) notText() (mark, string) {
	for i, r := range s.text {
		if r == utf8.RuneError {
			if _, n := utf8.DecodeRuneInString(s.text[i:]); n == 1 {
				return s.place(i), "this character is not UTF-8; save the config as UTF-8 in the editor"
			}
		}
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r >= 0x7F && r < 0xA0 && r != 0x85 || r == 0xFFFE || r == 0xFFFF {
			return s.place(i), fmt.Sprintf("a control character (U+%04X) has no place in a config", r)
		}
	}
	return mark{}, ""
}

// parse parses the text; second is the document after the first, if there is one. A value in double quotes whose
// backslashes are no escapes is mended in the text and remembered, so that one parse finds all that is wrong.
func (s *source) parse() (doc, second *yaml.Node, err error) {
	for range max(1, min(50, 4*maxSize/(len(s.text)+1))) { // a long text has fewer tries: the time is bounded
		doc, second, err = s.parseOnce()
		if err == nil || !s.mend(err) {
			break
		}
	}
	return doc, second, err
}

func (s *source) parseOnce() (doc, second *yaml.Node, err error) {
	loader, err := yaml.NewLoader(strings.NewReader(s.text))
	if err != nil {
		return nil, nil, err
	}
	for _, into := range []**yaml.Node{&doc, &second} {
		var n yaml.Node
		if err := loader.Load(&n); errors.Is(err, io.EOF) {
			return doc, second, nil
		} else if err != nil {
			return nil, nil, err
		}
		*into = &n
	}
	return doc, second, nil
}

// unclosed finds a path of Windows in double quotes whose last backslash takes the closing quote with it.
var unclosed = regexp.MustCompile(`"((?:[A-Za-z]:|\\)\\[^"]*[^"\\]\\)"[ \t]*[]},]*[ \t]*(?:#.*)?[\r\n]*$`)

// mend turns the backslashes that broke the parse into slashes, which moves no other place in the text. It answers
// false where they are not the reason.
func (s *source) mend(failed error) bool {
	var le *yaml.LoadError
	if !errors.As(failed, &le) {
		return false
	}
	if le.ContextMsg == "while scanning a quoted scalar" && isEscape(le.Message) {
		at := mark{le.ContextMark.Line, le.ContextMark.Column}
		inner := strings.TrimPrefix(s.from(at), `"`)
		if end := strings.IndexByte(inner, '"'); end > 0 && looksLikePath(inner) {
			return s.replace(at, inner[:end], strings.ReplaceAll(inner[:end], `\`, "/"))
		}
		return s.mendOne(at, mark{le.Mark.Line, le.Mark.Column})
	}
	for n := min(le.Mark.Line, len(s.lines)); n >= 1; n-- {
		if found := unclosed.FindStringSubmatchIndex(s.line(n)); found != nil {
			at := s.place(s.lines[n-1] + found[0])
			inner := s.line(n)[found[2]:found[3]]
			return s.replace(at, inner, strings.ReplaceAll(inner, `\`, "/"))
		}
	}
	return false
}

// mendOne mends the one backslash that stands at or shortly before the place bad, in the value that begins at at.
func (s *source) mendOne(at, bad mark) bool {
	line := s.line(bad.line)
	before := len(line) - len(s.from(bad))
	i := strings.LastIndexByte(line[:min(before+1, len(line))], '\\')
	if i < 0 {
		return false
	}
	if _, known := s.escapes[at]; !known {
		s.escapes[at] = s.quoted(at)
	}
	offset := s.lines[bad.line-1] + i
	s.text = s.text[:offset] + "/" + s.text[offset+1:]
	return true
}

func (s *source) replace(at mark, old, mended string) bool {
	offset := s.lines[at.line-1] + len(s.line(at.line)) - len(s.from(at)) + 1
	if old == mended || !strings.HasPrefix(s.text[offset:], old) {
		return false
	}
	s.escapes[at] = old
	s.text = s.text[:offset] + mended + s.text[offset+len(old):]
	return true
}

// reportEscapes reports the mended values that nobody took, such as those of unknown keys.
func (s *source) reportEscapes(list *problems) {
	for at, inner := range s.escapes {
		list.add(at, "", explainEscape(inner))
	}
}

func isEscape(message string) bool {
	return strings.Contains(message, "unknown escape") || strings.Contains(message, "hexadecimal number") ||
		strings.Contains(message, "Unicode character escape")
}

func looksLikePath(inner string) bool {
	return strings.HasPrefix(inner, `\\`) || hasDrive(inner) && len(inner) > 2 && inner[2] == '\\'
}

// explainEscape says how to write what stands in double quotes with its backslashes.
func explainEscape(inner string) string {
	share := strings.HasPrefix(inner, `\\`)
	inner = strings.TrimSuffix(strings.ReplaceAll(inner, `\\`, `\`), `\`)
	if share {
		inner = `\` + inner
	}
	what := "in double quotes a backslash begins an escape; write '" + strings.ReplaceAll(cut(inner), "'", "''") + "' in single quotes"
	if looksLikePath(inner) {
		what += ", or " + cut(strings.ReplaceAll(inner, `\`, "/")) + " with slashes"
	}
	return what
}

// reword makes a plain sentence of YAML's error, and finds the place where it helps to look.
func (s *source) reword(err error) (mark, string) {
	const other = "this is not valid YAML: look at the quotes, brackets, colons and blanks of this line and the one before"
	var le *yaml.LoadError
	if !errors.As(err, &le) {
		return mark{1, 1}, other
	}
	at, context := mark{le.Mark.Line, le.Mark.Column}, mark{le.ContextMark.Line, le.ContextMark.Column}
	if at.line > len(s.lines) || s.line(at.line) == "" {
		at = s.place(len(strings.TrimRight(s.text, " \t\r\n"))) // the end of the text, where there is something to see
	}
	message := le.ContextMsg + ": " + le.Message
	for _, r := range rewordings {
		if strings.Contains(message, r.yaml) {
			if r.context && context.line > 0 {
				at = context
			}
			return at, r.plain
		}
	}
	switch next := s.from(at); {
	case strings.Contains(message, "tab"), strings.HasPrefix(next, "\t"):
		return at, "a tab stands in the indentation; YAML allows blanks only"
	case strings.Contains(message, "cannot start any token") && next != "":
		r, _ := utf8.DecodeRuneInString(next)
		return at, fmt.Sprintf("a value cannot begin with %c; put it in single quotes", r)
	}
	return at, other
}

// rewordings are YAML's words, and what to tell a person instead. context is whether the place to look at is where the
// thing begins, rather than where the parser gave up.
var rewordings = []struct {
	yaml    string
	context bool
	plain   string
}{
	{"quoted scalar: found unexpected end", true, "the quote that opens here is never closed"},
	{"quoted scalar: found unexpected document", true, "the quote that opens here is never closed"},
	{"mapping values are not allowed", false, "a colon has no place here: the line above lacks the blank behind its colon, or a value that holds a colon and a blank is not in quotes, or the keys of a group do not begin in one column"},
	{"could not find expected ':'", true, "this line is not `key: value`: its colon and the blank after it are missing, or it is indented wrongly"},
	{"expected ',' or ']'", true, "the list that [ opens here is not closed with ], or lacks a comma"},
	{"expected ',' or '}'", true, "the group that { opens here is not closed with }, or lacks a comma"},
	{"did not find expected key", false, "this line does not fit those before it: the keys of a group must begin in one column, and a quote must end its value"},
	{"expected '-' indicator", false, "this line begins in the column of the list before it, but not with a -: indent it as far as the keys that it belongs to"},
	{"block sequence entries", false, "a list's - has no place here: it begins a line of its own, below its key"},
	{"did not find expected node content", false, "a value is missing here, or begins with a character that must be in quotes"},
	{"unknown anchor", false, `a value that begins with * must be in quotes, such as "*.csv" (without them it is an alias, and nothing before has its name)`},
	{"while scanning an alias", true, `a value that begins with * must be in quotes, such as "*.csv"`},
	{"while scanning an anchor", true, "a value that begins with & must be in quotes"},
	{"expected alphabetic or numeric", true, "a value that begins with * or & must be in quotes"},
	{"while scanning a tag", true, "a value that begins with ! must be in quotes"},
	{"tag handle", false, "a value that begins with ! must be in quotes"},
	{"exceeded max depth", false, "this is nested too deep"},
	{"expected <document start>", false, "the config ends before this: a bracket or brace too many, or a line indented less than the first"},
	{"block scalar", true, "a value cannot begin with | or >; put it in quotes"},
	{"directive", false, "a line cannot begin with %"},
	{"incompatible YAML document", false, "the config is for a YAML of another version; leave the line with %YAML out"},
}

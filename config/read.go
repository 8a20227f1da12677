package config

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v4"
)

// one makes the reader of a value that is one word.
func one[T comparable](parse func(string) (T, error), into func(target) *T) reader {
	return func(w *walker, f field, t target) {
		text, ok := w.word(f)
		if !ok {
			return
		}
		v, err := parse(text)
		switch {
		case err != nil:
			w.refuse(f, text, err)
		default:
			*into(t) = v
		}
	}
}

// oneOf makes the reader of a value that is one of the words that its key allows, which stand there between bars.
func oneOf(into func(target) *string) reader {
	return func(w *walker, f field, t target) {
		one(func(text string) (string, error) {
			known := strings.Split(f.key.allowed, " | ")
			if slices.Contains(known, text) {
				return text, nil
			}
			if near := nearest(text, known); near != "" {
				return "", errors.New("is not known; did you mean " + near + "?")
			}
			return "", errors.New("is not known")
		}, into)(w, f, t)
	}
}

// stated makes the reader of a value that is kept only where a config says it.
func stated(read reader) reader {
	return func(w *walker, f field, t target) {
		if !w.defaults {
			read(w, f, t)
		}
	}
}

// pathOf makes the reader of a path, which is made absolute.
func pathOf(into func(target) *string) reader {
	return func(w *walker, f field, t target) {
		text, ok := w.word(f)
		if !ok {
			return
		}
		if f.node.Style&yaml.DoubleQuotedStyle != 0 && !w.defaults {
			if inner := w.src.quoted(mark{f.node.Line, f.node.Column}); escapedByChance(inner, text) {
				w.problem(f, explainEscape(inner))
				return
			}
		}
		abs, err := "", error(nil)
		switch {
		case text == "" && f.key.def != `""`:
			err = errors.New("is empty")
		case f.key.secret && looksLikeToken(text):
			err = errors.New("looks like the token itself, which has no place in a config")
		case text != "":
			abs, err = w.p.abs(w.base, text)
		}
		switch {
		case err != nil:
			w.refuse(f, text, err)
		default:
			*into(t) = abs
		}
	}
}

// chance finds the escapes in double quotes that no path is written with on purpose: all but \\, \", \/, \u and \U.
var chance = regexp.MustCompile(`^(?:[^\\]|\\[\\"/uU])*\\[^\\"/uU]`)

// escapedByChance tells whether a path in double quotes holds escapes that were meant as backslashes: "C:\new" is valid
// YAML, and means C:, a line end, and ew.
func escapedByChance(inner, text string) bool {
	return chance.MatchString(inner) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
}

// looksLikeToken tells a long word of letters and digits from a path, so that a token pasted in the wrong place is in
// no error.
func looksLikeToken(text string) bool {
	return len(text) >= 32 && !strings.ContainsAny(text, `/\`) && (!strings.Contains(text, ".") || strings.HasPrefix(text, "eyJ"))
}

// words makes the reader of a list of words, each checked by parse.
func words(parse func(key *key, word string) error, into func(target) *[]string) reader {
	return func(w *walker, f field, t target) {
		if f.node.Kind != yaml.SequenceNode {
			w.problem(f, "is "+kindOf(f.node)+", not a list; allowed: "+f.key.allowed)
			return
		}
		list := []string{}
		for _, e := range w.elements(f) {
			text, ok := w.word(e)
			if !ok {
				continue
			}
			if err := parse(f.key, text); err != nil {
				w.refuse(e, text, err)
			} else if slices.Contains(list, text) {
				w.problem(e, quote(text)+" stands in the list twice")
			} else {
				list = append(list, text)
			}
		}
		*into(t) = list
	}
}

// glob checks an element of `files`.
func glob(_ *key, text string) error {
	_, bad := path.Match(text, "")
	lower := strings.ToLower(text)
	switch {
	case text == "":
		return errors.New("is empty")
	case strings.ContainsAny(text, `/\`):
		return errors.New("names a folder; that is for the key folder, and recursive for those below it")
	case strings.ContainsFunc(text, unicode.IsControl):
		return errors.New("holds a control character")
	case bad != nil:
		return errors.New("lacks a closing ]")
	case strings.ContainsAny(text, "{}"):
		return errors.New("holds braces, which mean nothing here: list one name for each ending")
	case strings.HasSuffix(lower, ".tmp"), strings.HasSuffix(lower, ".part"), strings.HasPrefix(lower, "."), strings.HasPrefix(lower, "~$"):
		return errors.New("matches temporary names only, which are never read")
	}
	return nil
}

// need checks an element of `sku_needs`.
func need(_ *key, text string) error {
	if text != "size" && text != "width" {
		return errors.New("is not known")
	}
	return nil
}

// readColumn reads where an export holds the field that the key is named for.
func readColumn(w *walker, f field, t target) {
	name := f.key.path[strings.LastIndexByte(f.key.path, '.')+1:]
	if f.node.Kind == yaml.SequenceNode {
		if c, ok := w.span(f); ok {
			t.s.Columns[name] = c
		}
		return
	}
	text, ok := w.word(f)
	if !ok {
		return
	}
	c := Column{Heading: text}
	if f.node.Tag == "!!int" { // a number in quotes is a heading
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 10_000 {
			w.refuse(f, text, errors.New("is not a column's number"))
			return
		}
		c = Column{Number: n}
	}
	switch {
	case c == Column{}, strings.TrimSpace(text) == "":
		w.refuse(f, text, errors.New("is empty"))
	case text == placeholder:
		w.refuse(f, text, errors.New("stands for what you know: write that in its place"))
	case strings.ContainsFunc(text, unicode.IsControl):
		w.refuse(f, text, errors.New("holds a control character"))
	case isPattern(text) && name != "quantity":
		w.refuse(f, text, errors.New("stands for a column for each store or size, which only the quantity can have"))
	case strings.Count(text, "{store}")+strings.Count(text, "{size}") > 1:
		w.refuse(f, text, errors.New("has more than one name in it: a column is for one store, or for one size"))
	default:
		t.s.Columns[name] = c
	}
}

// isPattern says that a heading stands for a column for each store, or for each size.
func isPattern(heading string) bool {
	return strings.Contains(heading, "{store}") || strings.Contains(heading, "{size}")
}

// span reads a range of characters.
func (w *walker) span(f field) (c Column, ok bool) {
	var ends []int
	for _, n := range f.node.Content {
		n = deref(n)
		if n == nil || n.Kind != yaml.ScalarNode || n.Tag != "!!int" {
			break
		}
		end, err := strconv.Atoi(n.Value)
		if err != nil {
			break
		}
		ends = append(ends, end)
	}
	if len(f.node.Content) != 2 || len(ends) != 2 || ends[0] < 1 || ends[1] < ends[0] || ends[1] > maxCharacter {
		w.problem(f, fmt.Sprintf("is not a range of characters; allowed: [from, to], 1-based and inclusive, up to %d, such as [1, 12]", maxCharacter))
		return c, false
	}
	return Column{From: ends[0], To: ends[1]}, true
}

// maxCharacter is the last character of a line of fixed width that a range can have.
const maxCharacter = 10_000

// readDefault reads what a field is that has no column.
func readDefault(w *walker, f field, t target) {
	name := f.key.path[strings.LastIndexByte(f.key.path, '.')+1:]
	var v string
	one(code, func(target) *string { return &v })(w, f, t)
	if w.sound(f.path) {
		t.s.Defaults[name] = v
	}
}

// readStores reads the POS's words for stores, which are free.
func readStores(w *walker, f field, t target) {
	switch {
	case isNull(f.node):
		return
	case f.node.Kind != yaml.MappingNode:
		w.problem(f, "is "+kindOf(f.node)+", not a group of keys; allowed: "+f.key.allowed)
		return
	}
	for _, p := range w.pairs(f) {
		e := field{key: f.key, path: join(f.path, plain(p.word)), node: p.value}
		w.at[e.path] = mark{p.value.Line, p.value.Column}
		word := strings.TrimSpace(p.word)
		if _, err := code(word); err != nil || word == "" {
			w.list.add(p.at, e.path, "is not a word for a store: it is empty, too long, or holds a control character")
			continue
		}
		text, ok := w.word(e)
		if !ok {
			continue
		}
		v, err := code(text)
		_, twice := t.s.Stores[word]
		switch {
		case err != nil:
			w.refuse(e, text, err)
		case v == "":
			w.refuse(e, text, errors.New("is empty"))
		case twice:
			w.list.add(p.at, e.path, "is stated twice, but for the blanks around it")
		default:
			t.s.Stores[word] = v
		}
	}
}

// readGuard reads `off`, or the group of shares.
func readGuard(w *walker, f field, t target) {
	switch {
	case isNull(f.node) && !w.defaults:
		return
	case f.node.Kind == yaml.MappingNode:
		w.group(f, t)
	default:
		var share Percent
		one(func(text string) (Percent, error) {
			if text == "off" {
				return Off, nil
			}
			return 0, errors.New("is not known")
		}, func(target) *Percent { return &share })(w, f, t)
		if w.sound(f.path) {
			t.s.Guard.Zero, t.s.Guard.Change, t.s.Guard.Rows = share, share, share
		}
	}
}

// readSources reads the list of sources.
func readSources(w *walker, f field, t target) {
	switch {
	case f.node.Kind == yaml.MappingNode:
		w.problem(f, "is one group of keys, not a list: put a dash and a blank before the first key of each source, such as `- folder:`")
		return
	case isNull(f.node) || f.node.Kind == yaml.SequenceNode && len(f.node.Content) == 0:
		w.problem(f, "names no source; allowed: "+f.key.allowed)
		return
	case f.node.Kind != yaml.SequenceNode:
		w.problem(f, "is one value, not a list; allowed: "+f.key.allowed)
		return
	case len(f.node.Content) > maxSources:
		w.problem(f, "names more than "+strconv.Itoa(maxSources)+" sources")
		return
	}
	for _, e := range w.elements(f) {
		if e.node.Kind != yaml.MappingNode {
			w.problem(e, "is "+kindOf(e.node)+", not a group of keys such as `- folder: /srv/pos/export`")
			t.c.Sources = append(t.c.Sources, Source{}) // the others keep their numbers
			continue
		}
		s := w.source // with all the defaults
		s.Files, s.SKUNeeds = slices.Clone(s.Files), slices.Clone(s.SKUNeeds)
		s.Columns, s.Defaults, s.Stores = map[string]Column{}, map[string]string{}, map[string]string{}
		e.key = w.keys["sources[]"]
		w.group(e, target{t.c, &s})
		w.finishSource(e, t.c, &s)
	}
}

// finishSource fills in what follows from the rest of a source, and takes it.
func (w *walker) finishSource(f field, c *Config, s *Source) {
	if path := f.path + ".name"; s.Name == "" && !w.wrong[path] && s.Folder != "" {
		s.Name = w.p.base(s.Folder)
		if why := wrongName(s.Name); why != "" {
			w.wrong[path] = true
			w.list.add(mark{f.node.Line, f.node.Column}, path, "is missing, and the folder's own name cannot stand for it: it "+why)
		}
	}
	c.Sources = append(c.Sources, *s)
}

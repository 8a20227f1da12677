package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// maxSaid is how much a text may say once its aliases are followed: the bytes of its keys and values, and 8 for each.
// Without aliases no text says more than that; with them, a short one could go on for hours.
const maxSaid = 10 * maxSize

// maxSources bounds the work of comparing each source with each other.
const maxSources = 1000

// walker reads a tree of nodes into a Config, along the table of keys.
type walker struct {
	p        platform
	src      *source
	list     *problems
	base     string              // the config's folder
	keys     map[string]*key     // by path
	below    map[string][]string // a group's path -> the words of its keys, in the table's order
	source   Source              // one with all the defaults
	at       map[string]mark     // where each key's value stands, by its full path, such as sources[0].upc
	wrong    map[string]bool     // full paths whose value is a problem, so that nothing more is said of them
	said     int
	spent    bool // more than maxSaid was said
	defaults bool // the table's defaults are being read, which are not bound to what is available
}

// target is what a value is read into: the Config, and the source where the key is a source's.
type target struct {
	c *Config
	s *Source
}

// field is one value of the text.
type field struct {
	key  *key
	path string     // full, such as sources[0].files[1]
	node *yaml.Node // no alias
}

// reader reads a field's value into its place.
type reader func(w *walker, f field, t target)

func newWalker(p platform, src *source, list *problems) *walker {
	w := &walker{
		p: p, src: src, list: list, base: p.dir(list.file),
		keys: map[string]*key{}, below: map[string][]string{}, at: map[string]mark{}, wrong: map[string]bool{},
	}
	for _, k := range table() {
		w.keys[k.path] = &k
		if strings.HasSuffix(k.path, "[]") {
			continue
		}
		parent, word := "", k.path
		if i := strings.LastIndexByte(k.path, '.'); i >= 0 {
			parent, word = k.path[:i], k.path[i+1:]
		}
		w.below[parent] = append(w.below[parent], word)
	}
	return w
}

// config reads the root of a text into c.
func (w *walker) config(root *yaml.Node, c *Config) {
	w.setDefaults(c)
	w.group(field{key: &key{}, node: root}, target{c: c})
	if c.DataDir == "" {
		c.DataDir = w.p.dataDir
	}
}

// setDefaults reads the table's defaults like values of a text.
func (w *walker) setDefaults(c *Config) {
	w.defaults = true
	for path, k := range w.keys {
		if k.read == nil || k.def == "" {
			continue
		}
		var doc yaml.Node
		if err := yaml.Load([]byte(k.def), &doc); err != nil {
			w.problem(field{key: k, path: path, node: &doc}, "the default is no YAML")
			continue
		}
		k.read(w, field{key: k, path: path, node: doc.Content[0]}, target{c: c, s: &w.source})
	}
	w.defaults = false
}

// group reads a group of keys. Its key's path in the table is where its keys are found there.
func (w *walker) group(f field, t target) {
	stated := map[string]bool{}
	known := w.below[f.key.path]
	for _, pair := range w.pairs(f) {
		word := pair.word
		path := join(f.path, plain(word))
		k := w.keys[join(f.key.path, word)]
		if k == nil || !slices.Contains(known, word) {
			w.list.add(pair.at, path, w.unknown(f, word))
			continue
		}
		stated[word] = true
		w.at[path] = mark{pair.value.Line, pair.value.Column}
		w.value(field{key: k, path: path, node: pair.value}, t)
	}
	for _, word := range known {
		if k := w.keys[join(f.key.path, word)]; k.required && !stated[word] && !w.spent {
			w.missing(f, word, k)
		}
	}
}

// missing reports a required key that a group lacks: at the group, or at the group that would hold it.
func (w *walker) missing(f field, word string, k *key) {
	path := join(f.path, word)
	w.wrong[path] = true
	if sub := w.below[k.path]; len(sub) > 0 && k.read == nil { // a whole group: name its required keys
		for _, s := range sub {
			if inner := w.keys[join(k.path, s)]; inner.required {
				w.list.add(mark{f.node.Line, f.node.Column}, join(path, s), "is required: "+inner.allowed)
			}
		}
		return
	}
	w.list.add(mark{f.node.Line, f.node.Column}, path, "is required: "+k.allowed)
}

// value reads one value of a group.
func (w *walker) value(f field, t target) {
	switch {
	case f.key.read != nil:
		f.key.read(w, f, t)
	case isNull(f.node): // a group with nothing in it, as where all its keys are comments
		f.node = &yaml.Node{Kind: yaml.MappingNode, Line: f.node.Line, Column: f.node.Column}
		w.group(f, t)
	case f.node.Kind != yaml.MappingNode:
		w.problem(f, "is "+kindOf(f.node)+", not a group of keys; known here: "+strings.Join(w.below[f.key.path], ", "))
	default:
		w.group(f, t)
	}
}

// unknown says of a key that there is none of that name, and which one may have been meant.
func (w *walker) unknown(f field, word string) string {
	known := w.below[f.key.path]
	switch fold(word) {
	case "token", "apitoken", "apikey", "bearer", "bearertoken":
		return "unknown key; the token itself has no place in a config: put it into a file, and that file's path into api.token_file"
	}
	if k := nearest(word, known); k != "" {
		return "unknown key; did you mean " + k + "?"
	}
	var elsewhere []string // it may only be indented wrongly
	for _, path := range slices.Sorted(maps.Keys(w.keys)) {
		if strings.HasSuffix(path, "."+word) && f.key.path != "sources[].columns" && f.key.path != "sources[].defaults" {
			elsewhere = append(elsewhere, path)
		}
	}
	if len(elsewhere) > 0 {
		return "unknown key here; did you mean " + strings.Join(elsewhere, " or ") + "?"
	}
	return "unknown key; known here: " + strings.Join(known, ", ")
}

// pair is a key of a group and its value.
type pair struct {
	word  string
	at    mark
	value *yaml.Node // no alias
}

// pairs are a group's keys and values, those it merges with `<<` included. What is wrong with the keys is reported.
func (w *walker) pairs(f field) []pair {
	return w.mergedPairs(f, f.node, 0)
}

func (w *walker) mergedPairs(f field, n *yaml.Node, depth int) []pair {
	var own, merged []pair
	lines := map[string]int{} // of the group's own keys
	for i := 0; i+1 < len(n.Content); i += 2 {
		at := mark{n.Content[i].Line, n.Content[i].Column}
		word, value := deref(n.Content[i]), deref(n.Content[i+1])
		if !w.visit(word) || !w.visit(value) {
			break
		}
		switch {
		case word.Kind != yaml.ScalarNode:
			w.list.add(at, f.path, "a key must be one word")
		case word.Tag == "!!merge":
			merged = append(merged, w.merge(f, value, depth)...)
		case lines[word.Value] > 0:
			w.list.add(at, join(f.path, plain(word.Value)), fmt.Sprintf("is stated twice, first on line %d", lines[word.Value]))
		default:
			lines[word.Value] = max(at.line, 1)
			own = append(own, pair{word.Value, at, value})
		}
	}
	for _, p := range merged {
		if lines[p.word] == 0 {
			lines[p.word] = max(p.at.line, 1)
			own = append(own, p)
		}
	}
	return own
}

// merge are the pairs of what `<<` names: a group, or a list of groups of which the first counts most.
func (w *walker) merge(f field, n *yaml.Node, depth int) []pair {
	groups := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		groups = n.Content
	}
	var pairs []pair
	for _, g := range groups {
		if g = deref(g); !w.visit(g) {
			break
		}
		switch {
		case depth >= 20:
			w.list.add(mark{n.Line, n.Column}, f.path, "a group merges itself, or too many others")
			return pairs
		case g.Kind != yaml.MappingNode:
			w.list.add(mark{n.Line, n.Column}, f.path, "<< takes a group of keys, or a list of such")
		default:
			pairs = append(pairs, w.mergedPairs(f, g, depth+1)...)
		}
	}
	return pairs
}

// elements are a list's values with their full paths.
func (w *walker) elements(f field) []field {
	var list []field
	for i, n := range f.node.Content {
		if n = deref(n); !w.visit(n) {
			break
		}
		path := fmt.Sprintf("%s[%d]", f.path, i)
		w.at[path] = mark{n.Line, n.Column}
		list = append(list, field{key: f.key, path: path, node: n})
	}
	return list
}

// visit counts what a node says, and answers false where there is no node, or the text said too much.
func (w *walker) visit(n *yaml.Node) bool {
	if n == nil {
		return false // YAML refuses an alias of nothing before it comes here
	}
	if w.said += 8 + len(n.Value); w.said > maxSaid && !w.spent {
		w.spent = true
		w.list.add(mark{n.Line, n.Column}, "", "the config says too much once its aliases are followed; write less of it with * and <<")
	}
	return !w.spent
}

// problem reports that a value is wrong; what follows the key's name.
func (w *walker) problem(f field, what string) {
	w.wrong[f.path] = true
	w.list.add(mark{f.node.Line, f.node.Column}, f.path, what)
}

// refuse reports that a value is not allowed, for the reason why, and what is.
func (w *walker) refuse(f field, text string, why error) {
	shown := quote(text)
	if f.key.secret {
		shown = "the value"
	}
	w.problem(f, shown+" "+why.Error()+"; allowed: "+f.key.allowed)
}

// word is the text of a value that must be one word; ok is false where it is none, which is reported.
func (w *walker) word(f field) (text string, ok bool) {
	at := mark{f.node.Line, f.node.Column}
	switch inner, escaped := w.src.escapes[at]; {
	case f.node.Kind != yaml.ScalarNode:
		w.problem(f, "is "+kindOf(f.node)+", not one value; allowed: "+f.key.allowed)
	case escaped && f.node.Style&yaml.DoubleQuotedStyle != 0 && !w.defaults:
		delete(w.src.escapes, at)
		w.problem(f, explainEscape(inner))
	case f.node.Style&yaml.TaggedStyle != 0 && f.node.Tag != "!!str":
		w.problem(f, "has a YAML tag, which has no place here; a value that begins with ! must be in quotes")
	case f.node.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		w.problem(f, "is a block of lines; a value that begins with | or > must be in quotes; allowed: "+f.key.allowed)
	case isNull(f.node) && f.key.def == `""`:
		return "", true
	case isNull(f.node):
		w.problem(f, "has no value; allowed: "+f.key.allowed)
	default:
		return f.node.Value, true
	}
	return "", false
}

// deref follows aliases. It answers nil where they lead nowhere.
func deref(n *yaml.Node) *yaml.Node {
	for range 10 {
		if n == nil || n.Kind != yaml.AliasNode {
			return n
		}
		n = n.Alias
	}
	return nil
}

func isNull(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Tag == "!!null" && n.Style&yaml.TaggedStyle == 0
}

func kindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a group of keys"
	case yaml.SequenceNode:
		return "a list"
	}
	return "one value"
}

func join(group, word string) string {
	if group == "" {
		return word
	}
	return group + "." + word
}

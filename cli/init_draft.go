package cli

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"tillpost/config"
)

// draft is a config that is being made. What is not known yet is empty.
type draft struct {
	path      string // of the config
	url       string
	tokenFile string // "" = the platform's place
	dataDir   string // "" = the platform's place
	folders   []drafted
	reading   yaml.Node // a group of what all sources say besides name and folder
	api       yaml.Node // a group of what is said under api besides url and token_file
	agent     yaml.Node // a group of what is said of the agent besides api, data_dir and sources
}

// drafted is a source's folder.
type drafted struct{ name, folder string }

// watch adds the folder of a source, under its name in the config before, or one that no other source has.
func (d *draft) watch(folder string, old *config.Config) {
	if slices.ContainsFunc(d.folders, func(f drafted) bool { return samePath(f.folder, folder) }) {
		return // named twice
	}
	name := ""
	if old != nil {
		for _, s := range old.Sources {
			if s.Folder == folder {
				name = s.Name
			}
		}
	}
	if name == "" {
		name = nameOf(folder)
	}
	taken := func(name string) bool {
		return slices.ContainsFunc(d.folders, func(f drafted) bool { return strings.EqualFold(f.name, name) })
	}
	for n, stem := 2, name; taken(name); n++ {
		name = fmt.Sprintf("%s-%d", stem, n)
	}
	d.folders = append(d.folders, drafted{name, folder})
}

// nameOf is a name for the source that watches a folder. The config takes it: it could be a file's.
func nameOf(folder string) string {
	name := strings.Map(func(r rune) rune {
		if r == utf8.RuneError || r < ' ' || strings.ContainsRune(`/\<>:"|?*`, r) {
			return '-'
		}
		return r
	}, filepath.Base(folder))
	for len(name) > 60 {
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
	name = strings.Trim(name, " .-")
	d := draft{folders: []drafted{{name, "folder"}}}
	if _, err := d.config(); err != nil {
		return "main"
	}
	return name
}

// write adds a line of YAML, such as `duplicates: sum`, to what the sources say. A group is joined with the one of before.
func (d *draft) write(line string) error {
	var doc yaml.Node
	if err := yaml.Load([]byte(line), &doc); err != nil || len(doc.Content) != 1 || doc.Content[0].Kind != yaml.MappingNode || len(doc.Content[0].Content) == 0 {
		return errors.New("is not a line of the config, such as `duplicates: sum`")
	}
	if !isPlainYAML(doc.Content[0]) {
		return errors.New("has something of YAML's in it that has no place here: a line such as `duplicates: sum` is enough")
	}
	for i := 0; i+1 < len(doc.Content[0].Content); i += 2 {
		d.set(doc.Content[0].Content[i].Value, doc.Content[0].Content[i+1])
	}
	return nil
}

// keep takes over what a config said of the API and the agent that no question is about, such as a proxy.
func (d *draft) keep(text []byte) {
	var doc yaml.Node
	if err := yaml.Load(text, &doc); err != nil || len(doc.Content) != 1 || doc.Content[0].Kind != yaml.MappingNode {
		return // its copy has it
	}
	take := func(from, to *yaml.Node, but ...string) {
		for i := 0; i+1 < len(from.Content); i += 2 {
			if key := from.Content[i].Value; !slices.Contains(but, key) && isPlainYAML(from.Content[i+1]) {
				put(to, key, from.Content[i+1])
			}
		}
	}
	take(doc.Content[0], &d.agent, "api", "data_dir", "sources")
	if api := find(doc.Content[0], "api"); api != nil && api.Kind == yaml.MappingNode {
		take(api, &d.api, "url", "token_file")
	}
}

// isPlainYAML reports whether a value is made of groups, lists and words in one line alone.
func isPlainYAML(n *yaml.Node) bool {
	switch n.Kind {
	case yaml.ScalarNode:
		return n.Anchor == "" && n.Style&(yaml.TaggedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0
	case yaml.MappingNode, yaml.SequenceNode:
		return n.Anchor == "" && n.Style&yaml.TaggedStyle == 0 && !slices.ContainsFunc(n.Content, func(one *yaml.Node) bool { return !isPlainYAML(one) })
	}
	return false
}

// set says what a key of the sources is. A group is joined with the one of before.
func (d *draft) set(key string, value *yaml.Node) {
	before := find(&d.reading, key)
	if before == nil || before.Kind != yaml.MappingNode || value.Kind != yaml.MappingNode {
		put(&d.reading, key, value)
		return
	}
	for i := 0; i+1 < len(value.Content); i += 2 {
		put(before, value.Content[i].Value, value.Content[i+1])
	}
}

// setWord is set for one word.
func (d *draft) setWord(key, word string) { d.set(key, scalar(word)) }

// setIn says what a key in a group of the sources is.
func (d *draft) setIn(group, key string, value *yaml.Node) {
	var n yaml.Node
	n.Kind = yaml.MappingNode
	put(&n, key, value)
	d.set(group, &n)
}

// says reports whether the sources say something of a key, or of a key in a group.
func (d *draft) says(key string, below ...string) bool {
	n := find(&d.reading, key)
	for _, k := range below {
		if n == nil {
			return false
		}
		n = find(n, k)
	}
	return n != nil
}

// copy is a draft of its own with the same content.
func (d *draft) copy() draft {
	c := *d
	c.folders = slices.Clone(d.folders)
	c.reading.Content, c.api.Content, c.agent.Content = slices.Clone(d.reading.Content), slices.Clone(d.api.Content), slices.Clone(d.agent.Content)
	for i, n := range c.reading.Content {
		group := *n
		group.Content = slices.Clone(n.Content)
		c.reading.Content[i] = &group
	}
	return c
}

// scalar is a word that means itself.
func scalar(word string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Style: yaml.DoubleQuotedStyle, Value: word}
}

// find is the value of a key in a group; nil = it has none.
func find(group *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(group.Content); i += 2 {
		if group.Content[i].Value == key {
			return group.Content[i+1]
		}
	}
	return nil
}

// put sets the value of a key in a group.
func put(group *yaml.Node, key string, value *yaml.Node) {
	for i := 0; i+1 < len(group.Content); i += 2 {
		if group.Content[i].Value == key {
			group.Content[i+1] = value
			return
		}
	}
	group.Content = append(group.Content, scalar(key), value)
}

// config reads the draft as the agent will. What is not known yet is made up. The error is a *config.Problems where a value
// is wrong.
func (d *draft) config() (*config.Config, error) {
	whole := d.copy()
	whole.url = cmp.Or(d.url, "https://localhost")
	if len(d.folders) == 0 {
		whole.folders = []drafted{{"main", besideData(d.dataDir)}}
	}
	return config.Parse(cmp.Or(d.path, "tillpost.yaml"), []byte(whole.text()))
}

// besideData is a folder for exports that is certainly neither in a data folder ("" = the platform's place) nor above it.
func besideData(dataDir string) string {
	return strings.TrimRight(cmp.Or(dataDir, config.DataPlace()), `/\`) + "-exports"
}

// wrong says why a draft's value is none, in the config's words; nil where it is one.
func (d *draft) wrong() error {
	_, err := d.config()
	problems, ok := errors.AsType[*config.Problems](err)
	if !ok {
		return err
	}
	return errors.New(problems.List[0].What)
}

// errNothing is what is wrong with an answer that is none.
var errNothing = errors.New("there is nothing yet")

// wrongURL says why the API's address is none, or nil.
func wrongURL(url string) error {
	if url == "" {
		return errNothing
	}
	return (&draft{url: url}).wrong()
}

// wrongCode says why a store's code is none, or nil.
func wrongCode(code string) error {
	if code == "" {
		return errNothing
	}
	var d draft
	d.setIn("defaults", "store", scalar(code))
	return d.wrong()
}

// wrongFolder says why a folder cannot be watched, or nil.
func (d *draft) wrongFolder(folder string) error {
	one := draft{path: d.path, dataDir: d.dataDir, tokenFile: d.tokenFile, folders: []drafted{{"main", folder}}}
	return one.wrong()
}

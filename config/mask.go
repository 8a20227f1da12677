package config

import (
	"cmp"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Shareable is a config that can be shown to anybody.
type Shareable struct {
	Text string // YAML without comments; every value that may be a secret is hidden

	// Secrets are what was hidden, as far as it may stand elsewhere too: passwords, and URLs whose path is a key.
	Secrets []string

	Shown     map[string]string // by path, such as log.file: values of the text that are one word, as written
	TokenFile string            // as written; "" = not stated
}

// Share reads the config at path, right or wrong, for somebody who is to help and must see no secret. Only values of keys that
// there are, and that hold none, are shown.
func Share(path string) (Shareable, error) {
	text, err := readText(path)
	if err != nil {
		return Shareable{}, err
	}
	return share(text), nil
}

const hidden = "[hidden]"

func share(text []byte) Shareable {
	root, src := readTree(text, &problems{})
	m := newMasker()
	if root == nil {
		return Shareable{Text: m.outline(src.text)}
	}
	out, err := yaml.Marshal(m.group(root, &key{}, 0))
	if err != nil {
		return Shareable{Text: m.outline(src.text), Secrets: m.secrets, Shown: m.shown, TokenFile: m.tokenFile}
	}
	return Shareable{Text: string(out), Secrets: m.secrets, Shown: m.shown, TokenFile: m.tokenFile}
}

// masker copies a tree of nodes, without what may be a secret.
type masker struct {
	keys    map[string]*key // by path
	words   map[string]bool // of all keys
	left    int             // nodes that may still be copied: aliases can make many of few
	secrets []string
	shown   map[string]string

	tokenFile string
}

func newMasker() *masker {
	m := &masker{keys: map[string]*key{}, words: map[string]bool{"<<": true}, left: 50_000, shown: map[string]string{}}
	for _, k := range table() {
		m.keys[k.path] = &k
		m.words[k.path[strings.LastIndexByte(k.path, '.')+1:]] = true
	}
	return m
}

// group copies a group of keys, of which k is the key.
func (m *masker) group(n *yaml.Node, k *key, depth int) *yaml.Node {
	out := &yaml.Node{Kind: yaml.MappingNode, Style: n.Style & yaml.FlowStyle}
	for i := 0; i+1 < len(n.Content); i += 2 {
		word, value := deref(n.Content[i]), n.Content[i+1]
		name := hidden
		if word != nil && word.Kind == yaml.ScalarNode && m.words[word.Value] {
			name = word.Value
		}
		inner := m.keys[join(k.path, name)]
		if name == "<<" {
			inner = k
		}
		out.Content = append(out.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: name}, m.value(value, inner, depth+1))
	}
	return out
}

// value copies the value of a key; nil = there is no such key.
func (m *masker) value(n *yaml.Node, k *key, depth int) *yaml.Node {
	n = deref(n)
	m.left--
	if n == nil || m.left < 0 || depth > 30 {
		return hide()
	}
	if k == nil || k.secret {
		m.keep(n, k, depth)
		return hide()
	}
	grouped := k.read == nil || k.path == "sources[].guard"
	switch {
	case n.Kind == yaml.MappingNode && grouped:
		return m.group(n, k, depth)
	case n.Kind == yaml.MappingNode: // words that a person chooses, such as those for stores
		out := &yaml.Node{Kind: yaml.MappingNode, Style: n.Style & yaml.FlowStyle}
		for _, one := range n.Content {
			out.Content = append(out.Content, m.value(one, &key{read: k.read}, depth+1))
		}
		return out
	case n.Kind == yaml.SequenceNode:
		out := &yaml.Node{Kind: yaml.SequenceNode, Style: n.Style & yaml.FlowStyle}
		for _, one := range n.Content {
			out.Content = append(out.Content, m.value(one, cmp.Or(m.keys[k.path+"[]"], k), depth+1))
		}
		return out
	case n.Kind != yaml.ScalarNode, k.read == nil && !isNull(n):
		m.keep(n, nil, depth)
		return hide()
	}
	m.shown[k.path] = n.Value
	return &yaml.Node{Kind: yaml.ScalarNode, Value: MaskURLs(n.Value), Tag: n.Tag, Style: n.Style &^ yaml.TaggedStyle}
}

func hide() *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Value: hidden} }

// keep takes down what is hidden and may stand elsewhere too. Whatever stands under a key that there is none of counts where
// it looks like a secret.
func (m *masker) keep(n *yaml.Node, k *key, depth int) {
	n = deref(n)
	m.left--
	if n == nil || m.left < 0 || depth > 30 {
		return
	}
	for _, one := range n.Content {
		m.keep(one, k, depth+1)
	}
	if n.Kind != yaml.ScalarNode {
		return
	}
	text := strings.TrimSpace(n.Value)
	u, err := url.Parse(text)
	isURL := err == nil && u.Scheme != "" && u.Host != ""
	switch {
	case isURL:
		m.keepURL(u, k != nil && k.path == "api.url")
	case k == nil && looksLikePhrase(text):
	case k != nil && k.path == "api.token_file" && !looksLikeToken(text):
		m.tokenFile = text
	default:
		m.secret(text)
	}
}

// keepURL takes down the secrets of a URL: its user and password, its query, and its path, unless that is the API's.
func (m *masker) keepURL(u *url.URL, api bool) {
	if u.User != nil {
		password, _ := u.User.Password()
		m.secret(password)
		m.secret(u.User.Username())
	}
	for _, values := range u.Query() {
		for _, v := range values {
			m.secret(v)
		}
	}
	if api || strings.Trim(u.Path, "/") == "" {
		return
	}
	m.secret(u.String())
	for part := range strings.SplitSeq(u.Path, "/") {
		if len(part) >= 12 {
			m.secret(part)
		}
	}
}

func (m *masker) secret(text string) {
	if text != "" && !slices.Contains(m.secrets, text) {
		m.secrets = append(m.secrets, text)
	}
}

// looksLikePhrase tells words and short values from what may be a secret.
func looksLikePhrase(text string) bool {
	return len(text) < 12 || strings.ContainsAny(text, " \t\n") || strings.HasPrefix(text, "/") || hasDrive(text)
}

var outlined = regexp.MustCompile(`^([ \t]*(?:- +)*)([a-z_]+)[ \t]*:`)

// outline is what can be shown of a text that is no YAML: where its keys stand.
func (m *masker) outline(text string) string {
	var b strings.Builder
	for _, line := range lineEnd.Split(text, -1) {
		trimmed := strings.TrimSpace(line)
		switch found := outlined.FindStringSubmatch(line); {
		case trimmed == "":
		case strings.HasPrefix(trimmed, "#"):
			b.WriteString("# " + hidden)
		case found != nil && m.words[found[2]] && strings.TrimSpace(line[len(found[0]):]) == "":
			b.WriteString(found[0])
		case found != nil && m.words[found[2]]:
			b.WriteString(found[0] + " " + hidden)
		default:
			b.WriteString(line[:len(line)-len(strings.TrimLeft(line, " \t"))] + hidden)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

var (
	userinfo = regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://)[^\s/?#"'<>]*@`)
	query    = regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://[^\s?#"'<>]*)[?#][^\s"'<>]*`)
)

// MaskURLs hides the user, the password and the query of every URL in a text.
func MaskURLs(text string) string {
	if !strings.Contains(text, "://") {
		return text
	}
	return query.ReplaceAllString(userinfo.ReplaceAllString(text, "${1}"+hidden+"@"), "${1}?"+hidden)
}

package cli

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"tillpost/config"
)

// aside are what a config that init writes says beside its keys.
var aside = map[string]string{
	"url":        "where updates go, as your retailer gave it",
	"token_file": "where the token is: `tillpost token set` stores another one there",
	"data_dir":   "where what is not delivered yet is kept",
	"file":       "what happened",
	"name":       "what the log and `tillpost status` call it",
	"folder":     "the POS drops its exports here",
	"files":      "which files in it are exports",
	"after":      "keep, archive or delete an export once it is taken",
	"preset":     "the POS that writes the exports",
	"columns":    "which column is what",
	"defaults":   "where no column says it",
	"stores":     "the POS's word for a store: the API's code; any other word is rejected",
	"duplicates": "several rows for one product: the last one counts, their sum, or none",
	"missing":    "what an export no longer names: keep its quantity, or zero after two exports in a row",
}

// besides are lines that a person may want, as comments.
const besides = `    # Also possible, without the # before it. README.md has all keys.
    # after: archive               # take exports out of the folder once they are read; keep leaves them
    # missing: zero                # only where every export is the whole list of a store
    # reserve: 1                   # so many units are never shown to the API
`

// writeGroup writes each key of a group in a line.
func writeGroup(b *strings.Builder, indent string, group *yaml.Node) {
	for i := 0; i+1 < len(group.Content); i += 2 {
		writeKey(b, indent, group.Content[i].Value, flow(group.Content[i+1]))
	}
}

// text is the config with its comments. It says just what the draft says.
func (d *draft) text() string {
	var b strings.Builder
	b.WriteString("# What tillpost does in this store, written by `tillpost init`. README.md explains every key.\n" +
		"# A change is taken up while tillpost runs; `tillpost check` looks whether it is right.\n\napi:\n")
	writeKey(&b, "  ", "url", quoted(d.url))
	if d.tokenFile != "" {
		writeKey(&b, "  ", "token_file", quoted(d.tokenFile))
	} else {
		b.WriteString("  # The token is not in here: `tillpost token set` stores it where nobody else can read it.\n")
	}
	writeGroup(&b, "  ", &d.api)
	if find(&d.api, "proxy") == nil {
		b.WriteString("  # proxy: http://HOST:PORT        # where this network wants one\n")
	}
	if find(&d.api, "rate") == nil {
		b.WriteString("  # rate: 5/s                      # how many requests at most\n")
	}
	b.WriteString("\n")
	if d.dataDir != "" {
		writeKey(&b, "", "data_dir", quoted(d.dataDir))
		b.WriteString("\n")
	}
	if len(d.agent.Content) > 0 {
		writeGroup(&b, "", &d.agent)
		b.WriteString("\n")
	}
	b.WriteString("sources:\n")
	for _, f := range d.folders {
		writeKey(&b, "  - ", "name", quoted(f.name))
		writeKey(&b, "    ", "folder", quoted(f.folder))
		for _, key := range d.keys() {
			value := find(&d.reading, key)
			if value.Kind == yaml.MappingNode && len(value.Content) > 2*fewInLine {
				writeKey(&b, "    ", key, "")
				for i := 0; i+1 < len(value.Content); i += 2 {
					fmt.Fprintf(&b, "      %s: %s\n", quoted(value.Content[i].Value), flow(value.Content[i+1]))
				}
				continue
			}
			writeKey(&b, "    ", key, flow(value))
		}
	}
	b.WriteString(besides)
	return b.String()
}

const fewInLine = 3 // keys of a group that stand in one line

// writeKey writes a key with its value and what it is.
func writeKey(b *strings.Builder, indent, key, value string) {
	line := strings.TrimRight(indent+key+": "+value, " ")
	if about := aside[key]; about != "" {
		line = fmt.Sprintf("%-34s # %s", line, about)
	}
	b.WriteString(line + "\n")
}

// keys are what the sources say, in the order of the table of keys; what that does not know comes last.
func (d *draft) keys() (list []string) {
	said := make([]string, 0, len(d.reading.Content)/2)
	for i := 0; i+1 < len(d.reading.Content); i += 2 {
		said = append(said, d.reading.Content[i].Value)
	}
	for _, k := range config.Keys() {
		rest, ok := strings.CutPrefix(k.Path, "sources[].")
		key, _, _ := strings.Cut(rest, ".")
		if ok && slices.Contains(said, key) && !slices.Contains(list, key) {
			list = append(list, key)
		}
	}
	for _, key := range said {
		if !slices.Contains(list, key) {
			list = append(list, key)
		}
	}
	return list
}

// flow is a value in one line.
func flow(n *yaml.Node) string {
	var parts []string
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			parts = append(parts, quoted(n.Content[i].Value)+": "+flow(n.Content[i+1]))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case yaml.SequenceNode:
		for _, one := range n.Content {
			parts = append(parts, flow(one))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	if n.Tag == "!!int" && bareNumber.MatchString(n.Value) { // in quotes, a column's number would be a heading
		return n.Value
	}
	return quoted(n.Value)
}

var (
	bareNumber = regexp.MustCompile(`^[0-9]{1,9}$`)
	bareWord   = regexp.MustCompile(`^[a-z][a-z_-]+$`)
)

// quoted is a text as YAML in one line, in quotes where it needs them.
func quoted(text string) string {
	switch {
	case bareWord.MatchString(text) && !slices.Contains([]string{"null", "true", "false", "yes", "no", "on", "off"}, text):
		return text
	case !strings.ContainsFunc(text, isHidden) && !strings.ContainsAny(text, `\"`):
		return `"` + text + `"`
	case !strings.ContainsFunc(text, breaksLine): // the config takes a backslash in double quotes for a mistake, where a path is
		return "'" + strings.ReplaceAll(text, "'", "''") + "'"
	}
	var b strings.Builder
	for i, r := range text {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(text[i:], "\uFFFD"):
			b.WriteByte(text[i]) // the config is no UTF-8 then, and says so
		case r == '\\' || r == '"':
			b.WriteString(`\` + string(r))
		case unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	return `"` + b.String() + `"`
}

// isHidden says that a character is not seen as itself.
func isHidden(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }

// breaksLine says that a character cannot stand in single quotes.
func breaksLine(r rune) bool {
	return r == utf8.RuneError || unicode.IsControl(r) || strings.ContainsRune("\u2028\u2029\uFEFF", r)
}

package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"tillpost/config"
)

// manOfRoot is tillpost(1).
func manOfRoot(root *cobra.Command) *manPage {
	p := newManPage(root.Name(), 1, "bring a point of sale's stock exports to the Inventory Update API")
	p.synopsis(root)
	p.head("DESCRIPTION")
	p.paragraphs(root.Long)
	p.head("COMMANDS")
	also := []string{"tillpost.yaml(5)"}
	for _, cmd := range visible(root) {
		p.term(strong(strings.TrimPrefix(cmd.CommandPath(), root.Name()+" ")), cmd.Short)
		also = append(also, pageOf(cmd)+"(1)")
	}
	p.flags(root)
	p.head("EXIT STATUS")
	for _, s := range []struct {
		status int
		about  string
	}{
		{statusDone, "done"},
		{statusFailed, "failed"},
		{statusUsage, "wrong usage or config, a missing token included"},
		{statusPartial, "done, but with rejects, dead letters or held exports"},
	} {
		p.term(strong(fmt.Sprint(s.status)), s.about)
	}
	p.head("ENVIRONMENT")
	p.term(strong("TILLPOST_CONFIG"), "the config, where no `--config` names one")
	p.term(strong("TILLPOST_TOKEN"), "the API's token, where neither `token_file` nor the service manager's credential `token` gives one")
	p.head("FILES")
	p.term(strong("/etc/tillpost/tillpost.yaml"), "the config, where neither `--config` nor the environment names one")
	p.term(strong("/etc/tillpost/token"), "the API's token, where the config names no other `token_file`")
	p.term(strong("/var/lib/tillpost"), "the outbox, where the config names no other `data_dir`")
	p.examples(root)
	p.seeAlso(also...)
	return p
}

// pageOf is the name of a command's page.
func pageOf(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

// manOfCommand is a command's page.
func manOfCommand(cmd *cobra.Command) *manPage {
	p := newManPage(pageOf(cmd), 1, cmd.Short)
	p.synopsis(cmd)
	p.head("DESCRIPTION")
	if cmd.Long != "" {
		p.paragraphs(cmd.Long)
	} else {
		p.paragraphs("`" + cmd.CommandPath() + "`: " + cmd.Short + ".")
	}
	p.flags(cmd)
	p.examples(cmd)
	also := []string{"tillpost(1)", "tillpost.yaml(5)"}
	if parent := cmd.Parent(); parent.HasParent() {
		also = append([]string{pageOf(parent) + "(1)"}, also...)
	}
	for _, c := range visible(cmd) {
		also = append(also, pageOf(c)+"(1)")
	}
	p.seeAlso(also...)
	return p
}

// manOfConfig is tillpost.yaml(5).
func manOfConfig(keys []config.KeyDoc) *manPage {
	p := newManPage("tillpost.yaml", 5, "the config of tillpost")
	p.head("DESCRIPTION")
	p.paragraphs("The config is looked for at `--config`, then at the path in `TILLPOST_CONFIG`, then at `/etc/tillpost/tillpost.yaml`. It\n" +
		"is YAML. A key that there is none of is an error that is named with its line, and nothing starts.\n\n" +
		"A duration is a number with its unit, such as `500ms`, `30s`, `5m`, `24h` or `30d`. A relative path is relative to the\n" +
		"config's folder.")
	p.head("EXAMPLE")
	p.paragraphs("  api:\n    url: https://YOUR_URL\n    token_file: /etc/tillpost/token\n  sources:\n    - folder: /srv/pos/export\n" +
		"      files: [\"*.csv\"]\n      defaults: {store: \"3\"}")
	titles := map[string]string{"api": "KEYS OF THE API", "sources[]": "KEYS OF EACH ENTRY OF SOURCES"}
	last := ""
	for _, k := range keys {
		group, name, _ := strings.Cut(k.Path, ".")
		title, own := titles[group]
		if !own {
			title, name = "KEYS OF THE AGENT", k.Path
		} else if group != "sources[]" {
			name = k.Path
		}
		if title != last {
			p.head(title)
			last = title
		}
		p.term(strong(name), aboutKey(k))
	}
	p.seeAlso("tillpost(1)")
	return p
}

// aboutKey is what a person must know of a key, as sentences.
func aboutKey(k config.KeyDoc) string {
	about := k.Meaning + ". It can be " + k.Allowed + "."
	switch {
	case k.Required:
		about += " It must be there."
	case k.Default != "":
		about += " Without it: " + k.Default + "."
	}
	return about
}

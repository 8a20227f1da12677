package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"tillpost/config"
)

func (con *console) manCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "man DIR",
		Short: "write the manual's pages",
		Long: "man writes the manual's pages into the folder DIR, for packages: tillpost(1), one for each command, and\n" +
			"tillpost.yaml(5). They are made of what --help says and of the config's table of keys, and hold no date: the same\n" +
			"program writes the same bytes.",
		Example: "  tillpost man /usr/local/share/man",
		Hidden:  true, // it is for whoever makes packages
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return wrongUse(cmd, "which folder?")
			}
			return nil
		},
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		for _, p := range manPages(cmd.Root()) {
			dir := filepath.Join(args[0], fmt.Sprintf("man%d", p.section))
			if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, p.file()), []byte(p.text()), 0o644)); err != nil {
				return fmt.Errorf("write the manual: %w", err)
			}
		}
		return nil
	}
	return cmd
}

// manPages are all pages of the manual.
func manPages(root *cobra.Command) []*manPage {
	pages := []*manPage{manOfRoot(root), manOfConfig(config.Keys())}
	for _, cmd := range visible(root) {
		pages = append(pages, manOfCommand(cmd))
	}
	return pages
}

// visible are the commands below cmd that --help lists, each before those below it.
func visible(cmd *cobra.Command) (list []*cobra.Command) {
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			list = append(append(list, c), visible(c)...)
		}
	}
	return list
}

// manPage is a page of the manual, in the language of roff's macros for those: man(7).
type manPage struct {
	name    string // such as tillpost-run
	section int
	b       strings.Builder
	begun   bool // a paragraph is begun
}

func (p *manPage) file() string { return fmt.Sprintf("%s.%d", p.name, p.section) }

func (p *manPage) text() string {
	return fmt.Sprintf(".TH %s %d \"\" \"tillpost %s\" \"tillpost\"\n.nh\n.ad l\n", roff(strings.ToUpper(p.name)), p.section, roff(programVersion())) + p.b.String()
}

// newManPage begins a page with its name and what it is about.
func newManPage(name string, section int, about string) *manPage {
	p := &manPage{name: name, section: section}
	p.head("NAME")
	fmt.Fprintf(&p.b, "%s \\- %s\n", roff(name), prose(about))
	return p
}

func (p *manPage) head(title string) {
	fmt.Fprintf(&p.b, ".SH %s\n", title)
	p.begun = true
}

// paragraph begins one, unless there is one that has only begun.
func (p *manPage) paragraph() {
	if !p.begun {
		p.b.WriteString(".PP\n")
	}
	p.begun = true
}

// paragraphs writes a help text: paragraphs between empty lines, and lines that begin with two blanks as they are.
func (p *manPage) paragraphs(text string) {
	fixed := false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		rest, indented := strings.CutPrefix(line, "  ")
		switch {
		case indented && !fixed:
			p.paragraph()
			p.b.WriteString(".RS 4\n.nf\n")
		case !indented && fixed:
			p.b.WriteString(".fi\n.RE\n")
			p.begun = false
		}
		fixed = indented
		switch {
		case indented:
			p.b.WriteString(guarded(roff(rest)))
		case line == "":
			p.begun = false
		default:
			p.paragraph()
			p.b.WriteString(guarded(prose(line)))
		}
	}
	if fixed {
		p.b.WriteString(".fi\n.RE\n")
	}
}

// term writes what is explained, in roff already, and the explanation.
func (p *manPage) term(what, about string) {
	fmt.Fprintf(&p.b, ".TP\n%s%s", guarded(what), guarded(prose(about)))
}

// flags writes a command's flags.
func (p *manPage) flags(cmd *cobra.Command) {
	cmd.InitDefaultHelpFlag()
	p.head("OPTIONS")
	cmd.NonInheritedFlags().VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		value, about := pflag.UnquoteUsage(f)
		what := strong("--" + f.Name)
		if f.Shorthand != "" {
			what = strong("-"+f.Shorthand) + ", " + what
		}
		if value != "" {
			what += " " + slanted(value)
		}
		if d := f.DefValue; d != "" && d != "false" {
			about += " (default " + d + ")"
		}
		p.term(what, about)
	})
}

// synopsis writes how a command is called.
func (p *manPage) synopsis(cmd *cobra.Command) {
	p.head("SYNOPSIS")
	rest := strings.TrimPrefix(cmd.UseLine(), cmd.CommandPath())
	p.b.WriteString(strong(cmd.CommandPath()) + word.ReplaceAllStringFunc(roff(rest), func(w string) string {
		if strings.HasPrefix(w, `\-`) {
			return `\fB` + w + `\fR`
		}
		return `\fI` + w + `\fR`
	}) + "\n")
}

// word is a flag or a placeholder of a synopsis, in roff.
var word = regexp.MustCompile(`(?:\\-)+[a-z](?:[a-z]|\\-)*|[A-Z]+`)

func (p *manPage) examples(cmd *cobra.Command) {
	if cmd.HasExample() {
		p.head("EXAMPLES")
		p.paragraphs(cmd.Example)
	}
}

// seeAlso writes references to other pages, `name(section)`.
func (p *manPage) seeAlso(pages ...string) {
	p.head("SEE ALSO")
	for i, page := range pages {
		name, section, _ := strings.Cut(page, "(")
		end := ","
		if i == len(pages)-1 {
			end = ""
		}
		fmt.Fprintf(&p.b, ".BR %s (%s%s\n", roff(name), section, end)
	}
}

func strong(text string) string  { return `\fB` + roff(text) + `\fR` }
func slanted(text string) string { return `\fI` + roff(text) + `\fR` }

// prose is roff, and what stands in backquotes stands out.
func prose(text string) string {
	var b strings.Builder
	for i, part := range strings.Split(text, "`") {
		if i%2 == 1 {
			b.WriteString(strong(part))
		} else {
			b.WriteString(roff(part))
		}
	}
	return b.String()
}

// roff makes roff print a text as it is: signs that it would replace by others of the same meaning, too.
func roff(text string) string {
	var b strings.Builder
	for _, r := range text {
		if s, special := map[rune]string{'\\': `\e`, '-': `\-`, '\'': `\(aq`, '`': `\(ga`, '"': `\(dq`, '^': `\(ha`, '~': `\(ti`}[r]; special {
			b.WriteString(s)
		} else if r >= utf8.RuneSelf {
			fmt.Fprintf(&b, `\[u%04X]`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// guarded is a line of roff that is none of its commands.
func guarded(line string) string {
	if strings.HasPrefix(line, ".") {
		line = `\&` + line
	}
	return line + "\n"
}

package cli

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"tillpost/config"
)

// manual writes the manual and returns its pages by their names.
func manual(t *testing.T) map[string]string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "not", "there")
	if out, errs, code := runIn(t.Context(), "man", dir); code != statusDone || out != "" || errs != "" {
		t.Fatalf("man: got %d, %q, %q; want 0 and no word", code, out, errs)
	}
	files, err := filepath.Glob(filepath.Join(dir, "man[15]", "*"))
	if err != nil {
		t.Fatal(err)
	}
	pages := map[string]string{}
	for _, file := range files {
		pages[filepath.Base(file)] = read(t, file)
	}
	return pages
}

func TestTheManualHasAPageForEachCommandAndTheConfig(t *testing.T) {
	t.Parallel()
	pages := manual(t)
	want := []string{"tillpost.1", "tillpost.yaml.5"}
	for _, cmd := range visible(newConsole(io.Discard, io.Discard).root()) {
		name := pageOf(cmd) + ".1"
		want = append(want, name)
		if !strings.Contains(pages["tillpost.1"], ".BR "+roff(pageOf(cmd))+" (1)") {
			t.Errorf("tillpost(1) does not refer to %s", name)
		}
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if !f.Hidden && !strings.Contains(pages[name], strong("--"+f.Name)) {
				t.Errorf("%s does not explain --%s", name, f.Name)
			}
		})
	}
	for _, name := range want {
		if pages[name] == "" {
			t.Errorf("there is no page %s", name)
		}
	}
	if len(pages) != len(want) {
		t.Errorf("got %d pages, want %q", len(pages), want)
	}
	for _, k := range config.Keys() {
		if name := "\n" + strong(strings.TrimPrefix(k.Path, "sources[].")) + "\n"; strings.Count(pages["tillpost.yaml.5"], name) != 1 {
			t.Errorf("tillpost.yaml(5) does not explain %s once", k.Path)
		}
	}
}

func TestTheManualIsTheSameEachTime(t *testing.T) {
	t.Parallel()
	first, second := manual(t), manual(t)
	for name, page := range first {
		if page != second[name] {
			t.Errorf("%s: got two different pages", name)
		}
		if !strings.HasPrefix(page, ".TH "+roff(strings.ToUpper(strings.TrimRight(name, ".15")))+" ") || !strings.Contains(strings.SplitN(page, "\n", 2)[0], ` "" "tillpost `) {
			t.Errorf("%s: got %.80q, want its title, and no date", name, page)
		}
	}
}

// macros are those of man(7), and of roff, that the pages use.
var macros = regexp.MustCompile(`^\.(TH|SH|PP|TP|RS|RE|nf|fi|nh|ad|BR)( |$)`)

func TestTheManualIsPlainRoff(t *testing.T) {
	t.Parallel()
	for name, page := range manual(t) {
		for line := range strings.Lines(page) {
			line = strings.TrimSuffix(line, "\n")
			switch {
			case line == "" || strings.HasPrefix(line, "'") || strings.HasPrefix(line, ".") && !macros.MatchString(line):
				t.Errorf("%s: got the line %q", name, line)
			case strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r > '~' || r == '`' }):
				t.Errorf("%s: got a sign that roff may not know in %q", name, line)
			}
		}
	}
}

func TestHelpBecomesAPageOfTheManual(t *testing.T) {
	t.Parallel()
	root := &cobra.Command{Use: "tillpost COMMAND"}
	cmd := &cobra.Command{
		Use: "try-out [--store S] EXPORT...", DisableFlagsInUseLine: true,
		Short: "what `it` does",
		Long:  "It tries,\nwith a pause of ½ s. The rest:\n\n  a  'b' \\n\n.c\n\nThe end.",
		Run:   func(*cobra.Command, []string) {},
	}
	cmd.Flags().String("store", "3", "the `STORE`")
	root.AddCommand(cmd)
	want := `.SH NAME
tillpost\-try\-out \- what \fBit\fR does
.SH SYNOPSIS
\fBtillpost try\-out\fR [\fB\-\-store\fR \fIS\fR] \fIEXPORT\fR...
.SH DESCRIPTION
It tries,
with a pause of \[u00BD] s. The rest:
.PP
.RS 4
.nf
a  \(aqb\(aq \en
.fi
.RE
.PP
\&.c
.PP
The end.
.SH OPTIONS
.TP
\fB\-h\fR, \fB\-\-help\fR
help for try\-out
.TP
\fB\-\-store\fR \fISTORE\fR
the STORE (default 3)
.SH SEE ALSO
.BR tillpost (1),
.BR tillpost.yaml (5)
`
	_, got, _ := strings.Cut(manOfCommand(cmd).text(), ".ad l\n")
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestTheManualNeedsAFolder(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, errs, code := runIn(t.Context(), "man", file); code != statusFailed || !strings.HasPrefix(errs, "tillpost: error: write the manual: ") {
		t.Errorf("got %d, %q; want 1 and why", code, errs)
	}
	if _, errs, code := runIn(t.Context(), "man"); code != statusUsage || !strings.Contains(errs, "which folder?") {
		t.Errorf("got %d, %q; want 2 and what is missing", code, errs)
	}
}

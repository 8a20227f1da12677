package main_test

import (
	"fmt"
	"go/ast"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var (
	faultID  = regexp.MustCompile(`\b[PDWACOXI]\d+\b`)
	promised = regexp.MustCompile(`\bpromises? (\d+(?:(?:, | and )\d+)*)`)
	digits   = regexp.MustCompile(`\d+`)
)

// tagsOf are the faults, invariants and promises that a comment names; promises as p1, p2...
func tagsOf(comment string) (tags []string) {
	tags = faultID.FindAllString(comment, -1)
	for _, m := range promised.FindAllStringSubmatch(comment, -1) {
		for _, n := range digits.FindAllString(m[1], -1) {
			tags = append(tags, "p"+n)
		}
	}
	return tags
}

// taggedTests are the tests that name a fault, an invariant or a promise behind their first line.
func taggedTests(t *testing.T) map[string][]string {
	t.Helper()
	tests := map[string][]string{}
	for _, f := range goFiles(t) {
		if !f.test {
			continue
		}
		behind := map[int]string{} // by line
		for _, c := range f.tree.Comments {
			behind[f.set.Position(c.Pos()).Line] = c.Text()
		}
		for _, d := range f.tree.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Recv != nil || !strings.HasPrefix(fn.Name.Name, "Test") {
				continue
			}
			name := fn.Name.Name
			if f.folder != "." {
				name = f.folder + "." + name
			}
			for _, tag := range tagsOf(behind[f.set.Position(fn.Body.Lbrace).Line]) {
				if !slices.Contains(tests[tag], name) {
					tests[tag] = append(tests[tag], name)
				}
			}
		}
	}
	return tests
}

// TestReliabilityHasWhatTheTestsSay: and every fault is shown, or it says why not.
func TestReliabilityHasWhatTheTestsSay(t *testing.T) {
	// Not parallel: with -update it writes what the others read.
	const name = "docs/reliability.md"
	tests := taggedTests(t)
	text := read(t, name)
	want := block(t, name, text, "promises", promiseTable(t, tests))
	want = block(t, name, want, "mutants", mutantList())
	want = block(t, name, want, "faults", faultTables(t, tests))
	written(t, name, text, want)
}

// shownBy are tests that have one of the tags, in Markdown.
func shownBy(tests map[string][]string, tags ...string) (shown []string) {
	for _, tag := range tags {
		for _, name := range tests[tag] {
			if name = "`" + name + "`"; !slices.Contains(shown, name) {
				shown = append(shown, name)
			}
		}
	}
	slices.Sort(shown)
	return shown
}

func promiseTable(t *testing.T, tests map[string][]string) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("| | what is promised | how it is kept | shown by |\n| --- | --- | --- | --- |\n")
	for i, p := range promises {
		shown := shownBy(tests, append([]string{"p" + strconv.Itoa(i+1)}, p.also...)...)
		if len(shown) < 3 {
			t.Errorf("promise %d is shown by %v alone", i+1, shown)
		}
		fmt.Fprintf(&b, "| %d | %s | %s | %s |\n", i+1, p.what, p.how, strings.Join(shown, "; "))
	}
	return b.String()
}

func mutantList() string {
	var b strings.Builder
	for _, m := range mutants {
		var by []string
		for _, j := range m.judges() {
			by = append(by, j.name)
		}
		fmt.Fprintf(&b, "- %s (%s)\n", m.rule, strings.Join(by, ", "))
	}
	return b.String()
}

func faultTables(t *testing.T, tests map[string][]string) string {
	t.Helper()
	var b strings.Builder
	known := map[string]bool{}
	for i, group := range faults {
		if i > 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "### %s\n\n| | fault | what happens | shown by |\n| --- | --- | --- | --- |\n", group.about)
		for _, f := range group.list {
			known[f.id] = true
			shown := shownBy(tests, f.id)
			if f.elsewhere != "" {
				shown = append(shown, f.elsewhere)
			}
			if len(shown) == 0 {
				t.Errorf("%s, %s: nothing shows it", f.id, f.what)
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", f.id, f.what, f.result, strings.Join(shown, "; "))
		}
	}
	for id, names := range tests {
		if !known[id] && id[0] != 'I' && id[0] != 'p' {
			t.Errorf("%v name the fault %s, which there is not", names, id)
		}
	}
	return b.String()
}

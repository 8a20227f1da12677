package proof

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write anew what docs/reliability.md has from the code")

const document = "../docs/reliability.md"

var (
	testLine = regexp.MustCompile(`(?m)^func (Test\w+)\(\w+ \*testing\.T\) \{ // (.*)$`)
	faultID  = regexp.MustCompile(`\b[PDWACOXI]\d+\b`)
	promised = regexp.MustCompile(`\bpromises? (\d+(?:(?:, | and |\.\.)\d+)*)`)
	number   = regexp.MustCompile(`\d+`)
)

// tagsOf are the faults, invariants and promises that a comment names; promises as p1, p2...
func tagsOf(comment string) (tags []string) {
	tags = faultID.FindAllString(comment, -1)
	for _, m := range promised.FindAllStringSubmatch(comment, -1) {
		list := number.FindAllString(m[1], -1)
		if from, to, ok := strings.Cut(m[1], ".."); ok {
			list = nil
			first, _ := strconv.Atoi(from) // the expression has digits there
			last, _ := strconv.Atoi(to)    // and there
			for n := first; n <= last; n++ {
				list = append(list, strconv.Itoa(n))
			}
		}
		for _, n := range list {
			tags = append(tags, "p"+n)
		}
	}
	return tags
}

// taggedTests are the tests that name a fault, an invariant or a promise behind their first line, by its id.
func taggedTests(t *testing.T) map[string][]string {
	t.Helper()
	tests := map[string][]string{}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		folder := strings.Trim(strings.TrimPrefix(filepath.ToSlash(filepath.Dir(path)), ".."), "/")
		for _, m := range testLine.FindAllStringSubmatch(string(text), -1) {
			for _, id := range tagsOf(m[2]) {
				if name := strings.TrimPrefix(folder+"."+m[1], "."); !slices.Contains(tests[id], name) {
					tests[id] = append(tests[id], name)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return tests
}

// TestTheDocumentNamesWhatShowsEachFault: and every fault is shown, or it says why not.
func TestTheDocumentNamesWhatShowsEachFault(t *testing.T) {
	t.Parallel()
	tests := taggedTests(t)
	var b strings.Builder
	known := map[string]bool{}
	for _, group := range faults {
		fmt.Fprintf(&b, "### %s\n\n| | fault | what happens | shown by |\n| --- | --- | --- | --- |\n", group.about)
		for _, f := range group.list {
			known[f.id] = true
			shown := []string{}
			slices.Sort(tests[f.id])
			for _, name := range tests[f.id] {
				shown = append(shown, "`"+name+"`")
			}
			if f.elsewhere != "" {
				shown = append(shown, f.elsewhere)
			}
			if len(shown) == 0 {
				t.Errorf("%s, %s: nothing shows it", f.id, f.what)
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", f.id, f.what, f.result, strings.Join(shown, "; "))
		}
		b.WriteString("\n")
	}
	for id, names := range tests {
		if !known[id] && id[0] != 'I' && id[0] != 'p' {
			t.Errorf("%v name the fault %s, which there is not", names, id)
		}
	}
	generated(t, "faults", b.String())
	b.Reset()
	b.WriteString("| | what is promised | how it is kept | shown by |\n| --- | --- | --- | --- |\n")
	for i, p := range promises {
		var shown []string
		for _, tag := range append([]string{fmt.Sprint("p", i+1)}, p.also...) {
			for _, name := range tests[tag] {
				if name = "`" + name + "`"; !slices.Contains(shown, name) {
					shown = append(shown, name)
				}
			}
		}
		slices.Sort(shown)
		if len(shown) < 3 {
			t.Errorf("promise %d is shown by %v alone", i+1, shown)
		}
		fmt.Fprintf(&b, "| %d | %s | %s | %s |\n", i+1, p.what, p.how, strings.Join(shown, "; "))
	}
	generated(t, "promises", b.String())
	b.Reset()
	for _, m := range mutants {
		by := []string{}
		for _, h := range m.by {
			by = append(by, h.name)
		}
		fmt.Fprintf(&b, "- %s (%s)\n", m.rule, strings.Join(by, ", "))
	}
	generated(t, "mutants", b.String())
}

// generated compares a part of the document with what it should be, or writes it.
func generated(t *testing.T, name, want string) {
	t.Helper()
	data, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	begin, end := fmt.Sprintf("<!-- %s -->\n\n", name), fmt.Sprintf("\n<!-- end of %s -->", name)
	before, rest, ok := strings.Cut(string(data), begin)
	had, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for %s", document, name)
	}
	want = strings.TrimRight(want, "\n") + "\n"
	if had == want {
		return
	}
	if !*update {
		t.Errorf("%s: %s is not up to date; write it anew by: go test ./proof -update", document, name)
		return
	}
	if err := os.WriteFile(document, []byte(before+begin+want+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

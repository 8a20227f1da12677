package cli

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"

	"tillpost/agent"
	"tillpost/config"
)

func TestReasonsAreNamedTheMostFirst(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		counts map[string]int64
		most   int
		want   string
	}{
		"none":                         {nil, 3, ""},
		"one":                          {map[string]int64{"upc": 1}, 3, "1 with a wrong UPC"},
		"several":                      {map[string]int64{"number": 5, "upc": 1234, "store": 5}, 3, "1,234 with a wrong UPC, 5 without a number as quantity, 5 without a known store"},
		"more than are to be named":    {map[string]int64{"number": 5, "upc": 30, "store": 1, "sku": 1}, 2, "30 with a wrong UPC, 5 without a number as quantity, 2 for other reasons"},
		"a class that has not come up": {map[string]int64{"number": 0, "upc": 2}, 3, "2 with a wrong UPC"},
		"a newer version's class":      {map[string]int64{"colour\x1b": 2}, 3, `2 of the class colour\x1b`},
	} {
		if got := reasonsLine(test.counts, test.most); got != test.want {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
}

func TestEveryClassOfRejectsHasWords(t *testing.T) {
	t.Parallel()
	classes := constants(t, "../export/export.go", "Reject")
	if len(classes) < 10 {
		t.Fatalf("got the classes %v from export.go, want them all", classes)
	}
	for _, code := range classes {
		if reasonWords[code] == "" {
			t.Errorf("the class %q has no words", code)
		}
	}
	if len(reasonWords) != len(classes) {
		t.Errorf("got words for %d classes, want %d", len(reasonWords), len(classes))
	}
}

// constants are the values of a file's constants whose names begin with prefix.
func constants(t *testing.T, path, prefix string) (values []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	for node := range ast.Preorder(file) {
		spec, ok := node.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, prefix) || len(spec.Values) == 0 {
			continue
		}
		lit, ok := spec.Values[0].(*ast.BasicLit)
		if !ok || lit.Kind != token.STRING {
			continue
		}
		value, err := strconv.Unquote(lit.Value)
		if err != nil {
			t.Fatal(err)
		}
		values = append(values, value)
	}
	return values
}

func TestEveryTroubleOfTheAPIHasAHint(t *testing.T) {
	t.Parallel()
	states := constants(t, "../agent/pace.go", "state")
	if len(states) < 5 {
		t.Fatalf("got the states %v from pace.go, want them all", states)
	}
	c := &config.Config{API: config.API{URL: "https://api.example.com", TokenFile: "/etc/token"}}
	for _, state := range states {
		hints := statusHints(c, agent.Status{API: agent.APIStatus{State: state}})
		if (len(hints) == 0) != (state == "ok") {
			t.Errorf("%s: got the hints %q, want one for each trouble and none for none", state, hints)
		}
	}
}

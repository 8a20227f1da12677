package main_test

import (
	"go/ast"
	gotoken "go/token"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// logCalls says of each function that writes to the log where its message stands, -1 for none, and its first fact. Those
// with a folder are that package's own.
var logCalls = map[string]struct {
	message, facts int
	folder         string
}{
	"Debug": {message: 0, facts: 1}, "Info": {message: 0, facts: 1}, "Warn": {message: 0, facts: 1}, "Error": {message: 0, facts: 1},
	"Log":   {message: 2, facts: 3},
	"With":  {message: -1, facts: 0},
	"begin": {message: 0, facts: 2, folder: "agent"},
	"warn":  {message: 0, facts: 1, folder: "agent"},
}

// logCall finds the message, nil for none, and the facts of a call that writes to the log; ok is false for any other.
func logCall(folder string, call *ast.CallExpr) (message ast.Expr, facts []ast.Expr, ok bool) {
	if to, is := call.Fun.(*ast.Ident); is && to.Name == "append" { // append(facts, "err", err)
		list, is := call.Args[0].(*ast.Ident)
		return nil, call.Args[1:], is && list.Name == "facts"
	}
	name, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return nil, nil, false
	}
	c, ok := logCalls[name.Sel.Name]
	from, _ := name.X.(*ast.Ident)
	if !ok || c.folder != "" && c.folder != folder || len(call.Args) <= c.message || len(call.Args) < c.facts || from != nil && from.Name == "http" {
		return nil, nil, false
	}
	if c.message >= 0 {
		message = call.Args[c.message]
	}
	if call.Ellipsis != gotoken.NoPos {
		return message, nil, true // they were stated before
	}
	return message, call.Args[c.facts:], true
}

func TestTheLogHasOneNameForEachFact(t *testing.T) {
	t.Parallel()
	_, text, _ := strings.Cut(read(t, "ARCHITECTURE.md"), "\n## The log\n")
	text, _, _ = strings.Cut(text, "\n## ")
	known := map[string]bool{} // name -> something logs it
	for _, row := range regexp.MustCompile("(?m)^\\| (`.*?`) \\|").FindAllStringSubmatch(text, -1) {
		for _, name := range regexp.MustCompile("`(\\w+)`").FindAllStringSubmatch(row[1], -1) {
			known[name[1]] = false
		}
	}
	for _, f := range goFiles(t) {
		if f.test || f.folder == "installer" { // Windows' event log has no facts
			continue
		}
		ast.Inspect(f.tree, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			message, facts, ok := logCall(f.folder, call)
			if !ok {
				return true
			}
			switch message.(type) {
			case *ast.CallExpr, *ast.BinaryExpr:
				t.Errorf("%s: a message that is made up; what varies is a fact", f.set.Position(call.Pos()))
			}
			for i := 0; i < len(facts); i += 2 {
				literal, ok := facts[i].(*ast.BasicLit)
				if !ok {
					t.Errorf("%s: a fact whose name does not stand there", f.set.Position(facts[i].Pos()))
					continue
				}
				name, err := strconv.Unquote(literal.Value)
				if err != nil {
					t.Fatal(err)
				}
				if _, ok := known[name]; !ok {
					t.Errorf("%s: the fact %q is not in ARCHITECTURE.md's table; is it one that has a name?", f.set.Position(literal.Pos()), name)
				}
				known[name] = true
			}
			return true
		})
	}
	for _, name := range slices.Sorted(maps.Keys(known)) {
		if !known[name] {
			t.Errorf("ARCHITECTURE.md: nothing logs %q", name)
		}
	}
}

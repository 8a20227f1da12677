// Package main_test guards how the house is built: who imports whom, who starts goroutines, what every package says of
// itself, and that README.md and ARCHITECTURE.md are true.
package main_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// layout says which of our packages each package may import. Those for tests alone are marked.
var layout = map[string]struct {
	imports  []string
	forTests bool // only tests import it
}{
	".":                 {imports: []string{"cli"}},
	"cli":               {imports: []string{"agent", "api", "config", "dashboard", "export", "installer", "inventory", "mockapi", "outbox", "watcher"}},
	"installer":         {},
	"agent":             {imports: []string{"api", "config", "dashboard", "export", "inventory", "outbox", "watcher"}},
	"dashboard":         {},
	"watcher":           {},
	"export":            {imports: []string{"inventory"}},
	"outbox":            {imports: []string{"inventory"}},
	"outbox/powercut":   {imports: []string{"testkit"}, forTests: true},
	"testkit":           {forTests: true},
	"outbox/outboxtest": {imports: []string{"inventory", "outbox"}, forTests: true},
	"api":               {imports: []string{"inventory"}},
	"config":            {},
	"inventory":         {},
	"mockapi":           {},

	// A program that measures the others' work and is never shipped. It looks at the real binary from outside.
	"bench": {},

	// Programs that make packages: a module of their own, so that what they need is not what tillpost needs.
	"packaging/tools/icon": {},
	"packaging/tools/sbom": {},
	"packaging/tools/stub": {},
}

// goFile is one parsed file of the project.
type goFile struct {
	path   string // slash-separated, below the project's folder
	folder string // of it; "." for the project's own
	test   bool
	set    *gotoken.FileSet
	tree   *ast.File
}

// ours are the imports that are packages of the project, without `tillpost/`; the project's own folder is ".".
func (f goFile) ours(t *testing.T) (list []string) {
	for _, spec := range f.tree.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatalf("%s: %v", f.path, err)
		}
		if name == "tillpost" {
			list = append(list, ".")
		} else if rest, ok := strings.CutPrefix(name, "tillpost/"); ok {
			list = append(list, rest)
		}
	}
	return list
}

// goFiles parses every Go file of the project, whatever platform it is for.
func goFiles(t *testing.T) (list []goFile) {
	t.Helper()
	for _, name := range files(t) {
		if path.Ext(name) != ".go" || strings.Contains(name, "testdata/") {
			continue
		}
		set := gotoken.NewFileSet()
		tree, err := parser.ParseFile(set, filepath.FromSlash(name), nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, goFile{path: name, folder: path.Dir(name), test: strings.HasSuffix(name, "_test.go"), set: set, tree: tree})
	}
	return list
}

// files are the project's files, slash-separated, but for what git and the Makefile make.
func files(t *testing.T) (list []string) {
	t.Helper()
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name == ".git" || name == "dist" {
			if entry.IsDir() {
				return filepath.SkipDir
			}
			return nil // .git is a file in a second work tree
		}
		if entry.Type().IsRegular() {
			list = append(list, filepath.ToSlash(name))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestAPackageImportsOnlyWhatTheLayoutAllows(t *testing.T) {
	t.Parallel()
	for _, f := range goFiles(t) {
		p, known := layout[f.folder]
		if !known {
			t.Errorf("%s: package %s is not in the layout", f.path, f.folder)
			continue
		}
		for _, name := range f.ours(t) {
			switch {
			case name == "api" && f.folder == "mockapi":
				t.Errorf("%s imports api, which mockapi judges", f.path)
			case f.test:
			case layout[name].forTests && !p.forTests:
				t.Errorf("%s imports %s, which is for tests alone", f.path, name)
			case !slices.Contains(p.imports, name):
				t.Errorf("%s imports %s; %s may import %q", f.path, name, f.folder, p.imports)
			}
		}
	}
}

func TestEveryPackageSaysOnceWhatItPromises(t *testing.T) {
	t.Parallel()
	docs := map[string][]string{} // folder -> files with a package comment
	for _, f := range goFiles(t) {
		if f.test {
			continue
		}
		list := docs[f.folder]
		if f.tree.Doc != nil {
			list = append(list, f.path)
			if name := f.tree.Name.Name; name != "main" && !strings.HasPrefix(f.tree.Doc.Text(), "Package "+name+" ") {
				t.Errorf("%s: the package's comment does not begin with %q", f.path, "Package "+name)
			}
		}
		docs[f.folder] = list
	}
	for folder, list := range docs {
		if len(list) != 1 {
			t.Errorf("package %s has %d package comments %q, want one", folder, len(list), list)
		}
	}
}

func TestMainIsACommentAndOneStatement(t *testing.T) {
	t.Parallel()
	for _, f := range goFiles(t) {
		if f.folder != "." || f.test {
			continue
		}
		decls := slices.DeleteFunc(slices.Clone(f.tree.Decls), func(d ast.Decl) bool {
			g, ok := d.(*ast.GenDecl)
			return ok && g.Tok == gotoken.IMPORT
		})
		if f.path != "main.go" || f.tree.Doc == nil || len(decls) != 1 {
			t.Errorf("%s: got %d declarations, want main.go with a comment and one", f.path, len(decls))
			continue
		}
		if main, ok := decls[0].(*ast.FuncDecl); !ok || main.Name.Name != "main" || len(main.Body.List) != 1 {
			t.Errorf("%s: want main with one statement", f.path)
		}
	}
}

func TestOnlyTheAgentAndTheInstallerSayGo(t *testing.T) {
	t.Parallel()
	for _, f := range goFiles(t) {
		if f.test || f.folder == "agent" || f.folder == "installer" {
			continue
		}
		ast.Inspect(f.tree, func(n ast.Node) bool {
			if s, ok := n.(*ast.GoStmt); ok {
				t.Errorf("%s: a goroutine without an owner", f.set.Position(s.Go))
			}
			return true
		})
	}
}

// homes are folders of the machine that a file was made on. They have no place in a project. A user of one letter is
// nobody.
var homes = regexp.MustCompile(`(?i)(?:/(?:home|Users|root)/|\b[a-z]:[\\/]+Users[\\/]+)[\w.]{2,}`)

func TestNoFileNamesAFolderOfTheMachineItWasMadeOn(t *testing.T) {
	t.Parallel()
	for _, name := range files(t) {
		data, err := os.ReadFile(filepath.FromSlash(name))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.IndexByte(data[:min(len(data), 8000)], 0) >= 0 {
			continue // not text; a binary that was built here names its sources
		}
		if found := homes.Find(data); found != nil {
			t.Errorf("%s holds %q", name, found)
		}
	}
}

// TestNothingIsDueByTheTimeOfDay: what recurs counts durations, so that no hour that comes twice or never can matter.
func TestNothingIsDueByTheTimeOfDay(t *testing.T) { // C4
	t.Parallel()
	ofDay := []string{"Hour", "Minute", "Weekday", "YearDay", "AddDate", "LoadLocation", "Local"}
	for _, f := range goFiles(t) {
		if f.test || f.folder == "mockapi" {
			continue
		}
		ast.Inspect(f.tree, func(n ast.Node) bool {
			s, ok := n.(*ast.SelectorExpr)
			if !ok || !slices.Contains(ofDay, s.Sel.Name) {
				return true
			}
			of, named := s.X.(*ast.Ident)
			ofTime := named && of.Name == "time"
			switch s.Sel.Name {
			case "Hour", "Minute": // as durations
				if ofTime {
					return true
				}
			case "Local": // as what XML calls a name
				if !ofTime {
					return true
				}
			}
			t.Errorf("%s asks for the time of day: %s", f.set.Position(s.Pos()), s.Sel.Name)
			return true
		})
	}
}

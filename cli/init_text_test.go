package cli

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"

	"tillpost/config"
)

// odd is a text as folders, stores and headings are called, and as nobody calls them.
func odd() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		text := rapid.OneOf(
			rapid.StringOfN(rapid.RuneFrom([]rune(`ab 3'"\:#,-{}[]&*!|>%@=?~<é€日👟`), &unicode.RangeTable{R16: []unicode.Range16{{Lo: 0xa0, Hi: 0xff, Stride: 1}, {Lo: 0x2000, Hi: 0x206f, Stride: 1}, {Lo: 0xfeff, Hi: 0xfeff, Stride: 1}}}), 1, 30, -1),
			rapid.SampledFrom([]string{"null", "true", "no", "~", "3", "003", "1e3", "0x1f", ".5", "-", "- a", "a: b", "a #b", "'", `"`, `\`, `\n`, "...", "---", "<<", "=", "x", "2026-11-28", "1_000", "!!int", "%TAG", "Main Street", `O'Neill "Shoes"`, "{a}"}),
		).Draw(t, "text")
		return strings.TrimSpace(strings.Map(func(r rune) rune {
			if unicode.IsControl(r) {
				return -1
			}
			return r
		}, text))
	}).Filter(func(text string) bool { return text != "" && text != "..." })
}

func TestWhatInitWritesIsReadBackAsItWas(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "tillpost.yaml")
	root := "/srv"
	if runtime.GOOS == "windows" {
		root = `C:\POS`
	}
	rapid.Check(t, func(t *rapid.T) {
		folder := filepath.Join(root, strings.Map(func(r rune) rune {
			if strings.ContainsRune(`/\<>:"|?*%`, r) && (runtime.GOOS == "windows" || r == '/') {
				return '-'
			}
			if strings.ContainsRune("\u2028\u2029\uFEFF", r) { // beside a backslash the config takes none of these
				return '-'
			}
			return r
		}, odd().Draw(t, "folder")))
		stores := rapid.MapOf(odd(), odd()).Draw(t, "stores")
		heading, size := odd().Filter(func(s string) bool { return !isPatternText(s) }).Draw(t, "heading"), odd().Draw(t, "size")
		glob := "*" + strings.Map(func(r rune) rune {
			if strings.ContainsRune(`/\[]{}`, r) {
				return '?'
			}
			return r
		}, odd().Draw(t, "glob"))

		d := draft{path: path, url: "https://api.example.com/a'b", dataDir: filepath.Join(root, "data"), tokenFile: filepath.Join(root, "a 'token' #1")}
		d.watch(folder, nil)
		d.watch(folder+"2", nil)
		d.setFiles([]string{glob})
		d.setIn("columns", "quantity", scalar(heading))
		d.setIn("columns", "upc", columnOf("4"))
		d.setIn("defaults", "size", scalar(size))
		for word, code := range stores {
			d.setIn("stores", word, scalar(code))
		}
		if err := os.WriteFile(path, []byte(d.text()), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := config.Load(path)
		if err != nil {
			t.Fatalf("%v\n%s", err, d.text())
		}
		s := c.Sources[0]
		switch {
		case c.API.URL != d.url+"/api/product/inventory", c.DataDir != d.dataDir, c.API.TokenFile != d.tokenFile, s.Folder != folder, c.Sources[1].Folder != folder+"2",
			len(s.Files) != 1 || s.Files[0] != glob, s.Columns["quantity"] != config.Column{Heading: heading}, s.Columns["upc"] != config.Column{Number: 4},
			s.Defaults["size"] != size, len(s.Stores) != len(stores):
			t.Fatalf("got %+v of\n%s", c, d.text())
		}
		for word, code := range stores {
			if s.Stores[word] != code {
				t.Fatalf("store %q: got %q, want %q, of\n%s", word, s.Stores[word], code, d.text())
			}
		}
	})
}

// isPatternText says that a heading stands for a column for each store or size.
func isPatternText(text string) bool {
	return strings.Contains(text, "{store}") || strings.Contains(text, "{size}")
}

func TestNothingThatInitIsToldSaysMoreInTheConfig(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), odd(), rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 20), func(b []byte) string { return string(b) }),
			rapid.SampledFrom([]string{"\xff", "x\ty", "\x00", "a\nb: c", "\r\n- d", "\u2028", "\u0085e: f", "\ufeff", "' , x: y", `", "x": "y`, "a\x1b[2J"}))
		word, code, heading, folder := text.Draw(t, "word"), text.Draw(t, "code"), text.Draw(t, "heading"), text.Draw(t, "folder")
		d := draft{path: "/etc/tillpost.yaml", url: "https://api.example.com"}
		d.folders = []drafted{{"main", folder}}
		d.setIn("stores", word, scalar(code))
		d.setIn("columns", "quantity", scalar(heading))
		c, err := d.config()
		if err != nil {
			return // it says why, and nothing is written
		}
		s := c.Sources[0]
		word = strings.TrimSpace(word) // as cells are
		if got, ok := s.Stores[word]; !ok || got != code || len(s.Stores) != 1 || s.Columns["quantity"].Heading != heading || len(c.Sources) != 1 {
			t.Errorf("got %+v, want the store %q = %q and the quantity %q, of\n%s", s, word, code, heading, d.text())
		}
	})
}

func TestTheCommentsOfInitAreRight(t *testing.T) {
	t.Parallel()
	d := draft{path: filepath.Join(t.TempDir(), "tillpost.yaml"), url: "https://api.example.com", folders: []drafted{{"main", "pos"}}}
	var lines []string
	for line := range strings.Lines(d.text()) {
		if key, _, ok := strings.Cut(line, ": "); ok && strings.Contains(key, "# ") && !strings.Contains(strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(key), "#")), " ") {
			line = strings.Replace(strings.Replace(line, "# ", "", 1), "HOST:PORT", "proxy:3128", 1)
		}
		lines = append(lines, line)
	}
	text := strings.Join(lines, "")
	c, err := config.Parse(d.path, []byte(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if s := c.Sources[0]; s.After != "archive" || s.Missing != "zero" || s.Reserve != 1 || c.API.Proxy == "" {
		t.Errorf("got %+v, want the lines taken that stand there as comments, of\n%s", c, text)
	}
	known := map[string]bool{}
	for _, k := range config.Keys() {
		for _, word := range strings.Split(strings.TrimPrefix(k.Path, "sources[]."), ".") {
			known[word] = true
		}
	}
	for key := range aside {
		if !known[key] {
			t.Errorf("the comment of %s is of no key", key)
		}
	}
}

func TestALineOfAdviceIsTakenAsItStands(t *testing.T) {
	t.Parallel()
	var d draft
	for _, line := range []string{`columns: {quantity: "On Hand", upc: 4}`, "columns: {upc: 5, store: 'a \"b\"'}", "duplicates: sum", "duplicates: last", `stores: {"Main Street": "3"}`,
		`stores: {'Airport': 4, "x y": "5", a: 6}`, "sku_needs: []", "split_size: true", "header: 3", "guard: {zero: off, min: 10}"} {
		if err := d.write(line); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
	d.folders = []drafted{{"main", "pos"}}
	c, err := d.config()
	if err != nil {
		t.Fatalf("%v\n%s", err, d.text())
	}
	s := c.Sources[0]
	if s.Columns["quantity"].Heading != "On Hand" || s.Columns["upc"].Number != 5 || s.Columns["store"].Heading != `a "b"` || s.Duplicates != "last" ||
		s.Stores["Airport"] != "4" || len(s.Stores) != 4 || len(s.SKUNeeds) != 0 || !s.SplitSize || s.Header.Line != 3 || s.Guard.Zero != config.Off || s.Guard.Min != 10 {
		t.Errorf("got %+v, of\n%s", s, d.text())
	}
	for _, line := range []string{"", "sum", "- a", "a: *b", "a: !!str b", "a: |\n  b", "a: b\n---\nc: d", "{}", "a: {b: &c d}", "\t"} {
		if err := d.write(line); err == nil {
			t.Errorf("%q: got no error", line)
		}
	}
}

func TestASourceIsNamedForItsFolder(t *testing.T) {
	t.Parallel()
	for folder, want := range map[string]string{
		"/srv/pos/export": "export", "/srv/Main Street": "Main Street", "/": "main", "/srv/con": "main", "/srv/a\tb": "a-b", "/srv/...": "main", "/srv/ x. ": "x",
		"/srv/" + strings.Repeat("é", 100): strings.Repeat("é", 30), "/srv/a\xffb": "a-b", "/srv/a:b|c": "a-b-c",
	} {
		if got := nameOf(folder); got != want {
			t.Errorf("%q: got %q, want %q", folder, got, want)
		}
	}
	var d draft
	for _, folder := range []string{"/a/export", "/b/Export", "/c/export"} {
		d.watch(folder, nil)
	}
	var names []string
	for _, f := range d.folders {
		names = append(names, f.name)
	}
	if !slices.Equal(names, []string{"export", "Export-2", "export-3"}) {
		t.Errorf("got %q, want names that differ in any case", names)
	}
}

func TestAFamilyIsTheGlobOfItsFiles(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"stock.csv": "stock.csv", "stock-2026-11-28.csv": "stock-*.csv", "1.csv": "*.csv", "a[1]*.csv": "a?*??.csv", "sub/stock7.csv": "stock*.csv", "a[b.csv": "a?b.csv",
	} {
		if got := family(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

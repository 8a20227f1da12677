package config

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
)

// least is the shortest config there is, to put further keys of its source behind.
const least = "api: {url: https://stock.example.com}\nsources:\n  - folder: /srv/pos/export\n"

func TestAConfigThatStatesEveryKeyMeansThat(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/every-key.yaml")
	if err != nil {
		t.Fatal(err)
	}
	got, err := parse(linux, linux.config, text)
	if err != nil {
		t.Fatal(err)
	}
	want := &Config{
		File: "/etc/tillpost/tillpost.yaml",
		API: API{
			URL:       "https://stock.example.com/v2/api/product/inventory",
			TokenFile: "/etc/tillpost/secrets/token",
			Rate:      1.5, Burst: 3, Concurrency: 8,
			Timeout:  20 * time.Second,
			RetryMin: 500 * time.Millisecond, RetryMax: 90 * time.Second,
			Confirm: 40 * time.Second, DeadRetry: 36 * time.Hour,
			Proxy:  "http://user:pass@proxy.example.com:3128",
			CAFile: "/etc/ssl/extra.pem",
		},
		DataDir:     "/etc/data",
		ResendAll:   7 * 24 * time.Hour,
		Status:      Status{Listen: "[::1]:8461"},
		Heartbeat:   Heartbeat{URL: "https://example.com/ping/key", Every: 10 * time.Minute},
		MetricsPush: MetricsPush{URL: "https://user:key@example.com/push", Every: 2 * time.Minute},
		Log:         Log{Level: "debug", Format: "json", File: "/etc/tillpost/log/tillpost.log", MaxSize: 512 << 10, Keep: 0},
		Sources: []Source{{
			Name: "till 1", Folder: "/srv/pos/export",
			Files: []string{"STOCK*.csv", "stock[0-9].txt"}, Recursive: true,
			Settle: 0, SettleLast: time.Minute, Ready: "{stem}.done", Rescan: 50 * time.Millisecond,
			After: "archive", Archive: Archive{Folder: "/srv/pos/archive", Keep: 7 * 24 * time.Hour}, Expect: 26 * time.Hour,
			Guard:  Guard{Zero: 40, Change: Off, Rows: Off, Min: 20},
			Format: "csv", Encoding: "cp850", Delimiter: "\t", Decimal: ",", Header: Header{Line: 3},
			Columns: map[string]Column{
				"upc": {Number: 1}, "sku": {Heading: "Style"}, "size": {Heading: "2"}, "width": {Heading: "Width"},
				"store": {Heading: "Shop/Site"}, "quantity": {Heading: "On Hand"},
			},
			Defaults:   map[string]string{"store": "003", "size": "", "width": "M"},
			Stores:     map[string]string{"Main Street": "3", "7": "0x1F"},
			IdentifyBy: "sku", UPC: "as_is", UPCCheckDigit: "missing", SKUNeeds: []string{"width"},
			Duplicates: "sum", Negative: "keep", Fractions: "reject", Reserve: 2, Missing: "zero", MissingAfter: 3,
		}, byDefault("exports", "/etc/tillpost/exports", "/etc/data")},
	}
	want.Sources[1].Guard = Guard{Zero: Off, Change: Off, Rows: Off, Min: 50}
	same(t, got, want)
}

// byDefault is a source that states its folder alone.
func byDefault(name, folder, dataDir string) Source {
	return Source{
		Name: name, Folder: folder, Files: []string{"*"},
		Settle: 2 * time.Second, SettleLast: 10 * time.Second, Rescan: 30 * time.Second, After: "keep",
		Archive: Archive{Folder: dataDir + "/archive/" + name, Keep: 30 * 24 * time.Hour},
		Guard:   Guard{Zero: 50, Change: 90, Rows: 50, Min: 50},
		Format:  "auto", Encoding: "auto", Delimiter: "auto", Decimal: "auto",
		Columns: map[string]Column{}, Defaults: map[string]string{}, Stores: map[string]string{},
		IdentifyBy: "auto", UPC: "checked", UPCCheckDigit: "present", SKUNeeds: []string{"size", "width"},
		Negative: "zero", Fractions: "floor", Missing: "keep", MissingAfter: 2,
	}
}

func TestWhatIsNotStatedIsTheContractsDefault(t *testing.T) {
	t.Parallel()
	got, err := parse(linux, linux.config, []byte(least))
	if err != nil {
		t.Fatal(err)
	}
	same(t, got, &Config{
		File: "/etc/tillpost/tillpost.yaml",
		API: API{
			URL:  "https://stock.example.com/api/product/inventory",
			Rate: 5, Burst: 5, Concurrency: 4, Timeout: 15 * time.Second,
			RetryMin: time.Second, RetryMax: 5 * time.Minute, Confirm: 2 * time.Minute, DeadRetry: 24 * time.Hour,
		},
		DataDir:     "/var/lib/tillpost",
		Status:      Status{Listen: "127.0.0.1:8460"},
		Heartbeat:   Heartbeat{Every: 5 * time.Minute},
		MetricsPush: MetricsPush{Every: time.Minute},
		Log:         Log{Level: "info", Format: "text", MaxSize: 10 << 20, Keep: 5},
		Sources:     []Source{byDefault("export", "/srv/pos/export", "/var/lib/tillpost")},
	})
}

// same compares field by field, so that a difference is seen.
func same(t *testing.T, got, want *Config) {
	t.Helper()
	if reflect.DeepEqual(got, want) {
		return
	}
	g, w := reflect.ValueOf(*got), reflect.ValueOf(*want)
	for i := range g.NumField() {
		if !reflect.DeepEqual(g.Field(i).Interface(), w.Field(i).Interface()) {
			t.Errorf("%s:\ngot  %+v\nwant %+v", g.Type().Field(i).Name, g.Field(i), w.Field(i))
		}
	}
}

func TestTheTableOfKeysIsWholeAndStatedInTheTests(t *testing.T) {
	t.Parallel()
	list := &problems{}
	newWalker(linux, &source{}, list).setDefaults(&Config{})
	if err := list.err(); err != nil {
		t.Errorf("the defaults: %v", err)
	}
	text, err := os.ReadFile("testdata/every-key.yaml")
	if err != nil {
		t.Fatal(err)
	}
	root, src := readTree(text, &problems{})
	w := newWalker(linux, src, &problems{})
	w.config(root, &Config{})
	for _, k := range Keys() {
		if k.Meaning == "" || k.Allowed == "" {
			t.Errorf("%s: got no meaning, or nothing that is allowed", k.Path)
		}
		_, stated := w.at[strings.Replace(k.Path, "[]", "[0]", 1)]
		if !stated {
			t.Errorf("%s: every-key.yaml does not state it", k.Path)
		}
	}
	if n := len(Keys()); n < 70 {
		t.Errorf("got %d keys, want all", n)
	}
}

func TestYAMLOfAllEditorsIsRead(t *testing.T) {
	t.Parallel()
	text := least + "    columns: {size: Größe}\n"
	utf16As := func(order binary.AppendByteOrder) []byte {
		var b []byte
		for _, unit := range append([]uint16{0xFEFF}, utf16.Encode([]rune(text))...) {
			b = order.AppendUint16(b, unit)
		}
		return b
	}
	for name, text := range map[string][]byte{
		"plain":                       []byte(text),
		"with a byte order mark":      []byte("\uFEFF" + text),
		"with line ends of Windows":   []byte(strings.ReplaceAll(text, "\n", "\r\n")),
		"in UTF-16 as Notepad writes": utf16As(binary.LittleEndian),
		"in UTF-16, big-endian":       utf16As(binary.BigEndian),
		"with a document's marks":     []byte("---\n" + text + "...\n"),
		"without a last line end":     []byte(strings.TrimRight(text, "\n")),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := parse(linux, linux.config, text)
			if err != nil {
				t.Fatal(err)
			}
			if got := c.Sources[0].Columns["size"].Heading; got != "Größe" {
				t.Errorf("got %q, want Größe", got)
			}
		})
	}
}

func TestSourcesShareWhatTheyHaveInCommonByAliases(t *testing.T) {
	t.Parallel()
	c, err := parse(linux, linux.config, []byte(least+
		"    settle: &rest 5s\n    columns: &columns {sku: Style, size: Size}\n    stores: &stores {Main: \"1\"}\n"+
		"  - folder: /srv/b\n    settle: *rest\n    columns: {<<: *columns, size: Taille}\n    stores: *stores\n"))
	if err != nil {
		t.Fatal(err)
	}
	s := c.Sources[1]
	if s.Settle != 5*time.Second || s.Columns["sku"].Heading != "Style" || s.Columns["size"].Heading != "Taille" || s.Stores["Main"] != "1" {
		t.Errorf("got %+v", s)
	}
	if got := c.Sources[0].Columns["size"].Heading; got != "Size" {
		t.Errorf("the first source: got %q, want Size", got)
	}
}

// Each of these would go on for hours, or take all memory, without its bound.
func TestNoTextTakesLong(t *testing.T) {
	t.Parallel()
	many := func(n int, s string) string { return strings.Repeat(s, n) }
	bomb := "api: {url: https://stock.example.com}\nsources:\n- folder: /srv/a\n  stores: &s0 {a: b}\n"
	for i := range 18 {
		bomb += fmt.Sprintf("- folder: /srv/a%d\n  stores: &s%d {<<: [%s]}\n", i, i+1, many(50, fmt.Sprintf("*s%d,", i)))
	}
	for name, text := range map[string]string{
		"groups merged over and over": bomb,
		"a long key many times":       "api: {url: x}\nsources:\n- stores: &s {" + many(200_000, "k") + ": v}\n- stores: {<<: [" + many(20_000, "*s,") + "]}\n",
		"many sources":                "api: {url: x}\nsources: [" + many(20_000, "{},") + "]\n",
		"many sources of one group":   "api: {url: x}\nsources: [&s {folder: /a, stores: {a: " + many(50_000, "x") + "}}," + many(998, "*s,") + "]\n",
		"deep lists":                  many(100_000, "["),
		"many bad escapes":            many(5_000, "a: \"\\q\\q\"\n"),
		"many paths in one line":      "api: {url: x}\nsources: [" + many(900, `{folder: "C:\\x", archive: {folder: "/x\\y"}},`) + many(300_000, " ") + "]\n",
		"too long":                    many(2<<20, "#"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := parse(linux, linux.config, []byte(text))
			p, is := errors.AsType[*Problems](err)
			if !is || len(p.List) == 0 || len(p.List) > maxProblems {
				t.Fatalf("got %.300v, want problems", err)
			}
		})
	}
}

func TestASecretIsInNoProblem(t *testing.T) {
	t.Parallel()
	const secret = "s3cr3t-5up3r-l0ng-t0k3n-0123456789-abcdef"
	for name, text := range map[string]string{
		"a password in the URL":             "api: {url: https://user:" + secret + "@stock.example.com}",
		"a password in a URL that is none":  "api: {url: 'https://user:" + secret + "@stock example.com'}",
		"a password in the proxy's":         "api: {proxy: 'ftp://user:" + secret + "@proxy'}",
		"a token as a key's value":          "api: {token: " + secret + "}",
		"a token for the token's file":      "api: {token_file: " + secret + "}",
		"a token for the group":             "api: " + secret,
		"a token in a heartbeat":            "heartbeat: {url: https://example.com/" + secret + "}",
		"a token in a line that is no YAML": "api:\n  " + secret + "\n  rate: 5/s\n",
		"a token as an alias":               "api: *" + secret,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := parse(linux, linux.config, []byte(text))
			if err == nil || strings.Contains(err.Error(), "s3cr3t") {
				t.Errorf("got %v, want an error without the secret", err)
			}
		})
	}
}

func TestLoadTellsAMissingConfigFromAWrongOne(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := Load(filepath.Join(dir, "none.yaml")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing one: got %v, want fs.ErrNotExist", err)
	}
	if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("a folder: got %v", err)
	}
	file := filepath.Join(dir, "tillpost.yaml")
	write(t, file, "nonsense: 1\n")
	_, err := Load(file)
	p, is := errors.AsType[*Problems](err)
	if !is || len(p.List) != 3 || p.File != file {
		t.Fatalf("a wrong one: got %v, want three problems of %s", err, file)
	}
	if got, want := p.List[2].Key, "sources"; got != want && !slices.ContainsFunc(p.List, func(p Problem) bool { return p.Key == want }) {
		t.Errorf("got %v, want one for %s", p.List, want)
	}
	write(t, file, "api: {url: http://localhost:8080}\ndata_dir: data\nsources: [{folder: in}]\n")
	c, err := Load(file)
	if err != nil {
		t.Fatal(err)
	}
	if c.File != file || c.DataDir != filepath.Join(dir, "data") || c.Sources[0].Folder != filepath.Join(dir, "in") {
		t.Errorf("got %s, %s, %s; want all in %s", c.File, c.DataDir, c.Sources[0].Folder, dir)
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestTheConfigIsFoundByFlagThenEnvironmentThenPlace(t *testing.T) {
	t.Setenv("TILLPOST_CONFIG", "")
	if got := Find(""); got != machine().config {
		t.Errorf("neither: got %s, want %s", got, machine().config)
	}
	t.Setenv("TILLPOST_CONFIG", "from-env.yaml")
	if got := Find(""); got != "from-env.yaml" {
		t.Errorf("environment: got %s", got)
	}
	if got := Find("from-flag.yaml"); got != "from-flag.yaml" {
		t.Errorf("flag: got %s", got)
	}
}

func TestTheReadingDigestTellsWhatDecidesHowExportsAreRead(t *testing.T) {
	t.Parallel()
	digest := func(keys string) string {
		t.Helper()
		c, err := parse(linux, linux.config, []byte(least+"    "+keys+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		return c.Sources[0].ReadingDigest()
	}
	plain := digest("")
	for _, keys := range []string{
		"name: other", "settle: 9s", "rescan: 9s", "after: delete", "archive: {keep: 1d}", "files: ['*.csv']", "guard: off",
		"sku_needs: [width, size]", "missing: keep", "missing_after: 2", "format: auto", "ready: '{name}.ok'", "recursive: true",
	} {
		if got := digest(keys); got != plain {
			t.Errorf("%s: got %s, want %s as without it", keys, got, plain)
		}
	}
	seen := map[string]string{plain: "nothing"}
	for _, keys := range []string{
		"format: csv", "encoding: utf-8", "delimiter: ';'", "decimal: ','", "header: 2", "columns: {upc: EAN}", "columns: {upc: 1}",
		"columns: {sku: EAN}", "defaults: {store: '3'}", "defaults: {size: ''}", "stores: {A: '3'}", "stores: {A: '4'}", "identify_by: upc",
		"upc: as_is", "upc_check_digit: missing", "sku_needs: []", "sku_needs: [size]", "duplicates: sum", "negative: keep", "fractions: reject",
		"reserve: 1",
	} {
		got := digest(keys)
		if other, twice := seen[got]; twice {
			t.Errorf("%s: got the digest of %s", keys, other)
		}
		seen[got] = keys
	}
	// These lie in data folders beside the exports taken: a change would have each export read once more.
	for keys, want := range map[string]string{
		"": "44136fa355b3678a1146ad16f7e8649e",
		"columns: {upc: EAN, quantity: 4}\n    stores: {Main Street: '3'}\n    reserve: 1": "e36bbf83b50ebbfd7ea4b6bc82e7fafe",
	} {
		if got := digest(keys); got != want {
			t.Errorf("%q: got %s, want %s", keys, got, want)
		}
	}
}

func TestUnlimitedAndOffAreNeverExceeded(t *testing.T) {
	t.Parallel()
	c, err := parse(linux, linux.config, []byte("api: {url: https://stock.example.com, rate: unlimited}\nsources: [{folder: /a, guard: off}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	if !math.IsInf(c.API.Rate, 1) || !(c.Sources[0].Guard.Zero > 100) {
		t.Errorf("got %v and %v, want infinite", c.API.Rate, c.Sources[0].Guard.Zero)
	}
}

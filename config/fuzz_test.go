package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzParse: no text crashes or hangs, each problem has its place, and what is accepted keeps what Config promises.
func FuzzParse(f *testing.F) {
	seeds, err := filepath.Glob("testdata/problems/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range append(seeds, "testdata/every-key.yaml") {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(least + "    folder: \"C:\\pos\\\"\n"))
	f.Add([]byte("a: &a {<<: [*a, *a]}\nb: \"\\x\\u12\n\\\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, p := range []platform{linux, windows} {
			c, err := parse(p, p.config, text)
			if err == nil {
				checkPromises(t, p, c)
				continue
			}
			said, is := errors.AsType[*Problems](err)
			if !is || len(said.List) == 0 || c != nil {
				t.Fatalf("got %+v, %v; want problems alone", c, err)
			}
			for _, one := range said.List {
				if one.Line < 1 || one.Column < 1 || one.What == "" || strings.ContainsAny(one.What+one.Key, "\n\r\x00\x1b") {
					t.Errorf("got %q, %q at %d:%d", one.Key, one.What, one.Line, one.Column)
				}
			}
		}
	})
}

func checkPromises(t *testing.T, p platform, c *Config) {
	t.Helper()
	a := c.API
	if !(a.Rate > 0) || a.Burst < 1 || a.Concurrency < 1 || a.Timeout <= 0 || a.RetryMin <= 0 || a.RetryMax < a.RetryMin || a.Confirm < 2*a.Timeout {
		t.Errorf("got %+v", a)
	}
	absolute := func(path string) bool {
		return strings.HasPrefix(path, "/") || p.windows && (strings.HasPrefix(path, `\\`) || len(path) > 2 && path[1:3] == `:\`)
	}
	names := map[string]bool{}
	for _, s := range c.Sources {
		name := strings.ToLower(s.Name)
		if name == "" || names[name] || !absolute(s.Folder) || !absolute(s.Archive.Folder) || p.same(s.Folder, c.DataDir) ||
			s.Rescan <= 0 || s.Reserve < 0 || len(s.ReadingDigest()) != 32 {
			t.Errorf("got %+v", s)
		}
		names[name] = true
	}
	if len(c.Sources) == 0 || !absolute(c.DataDir) || !strings.HasSuffix(a.URL, apiPath) {
		t.Errorf("got %+v", c)
	}
}

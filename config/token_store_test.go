package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestATokenIsStoredWhereItIsLookedForFirst(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	stated, place := filepath.Join(dir, "new", "stated"), filepath.Join(dir, "etc", "token")
	for name, c := range map[string]struct {
		source *TokenSource
		want   string
	}{
		"the stated file":      {&TokenSource{stated: stated, place: place}, stated},
		"the platform's place": {&TokenSource{place: place, env: "from-env"}, place},
	} {
		t.Run(name, func(t *testing.T) {
			path, err := c.source.Store([]byte("\uFEFF stored-token \r\n"))
			if err != nil || path != c.want {
				t.Fatalf("got %q, %v; want %q", path, err, c.want)
			}
			if got, err := c.source.Token(); got != "stored-token" || err != nil {
				t.Errorf("got %q, %v; want the token", got, err)
			}
			if _, err := c.source.Store([]byte("another-token")); err != nil {
				t.Fatal(err)
			}
			if got, err := c.source.Token(); got != "another-token" || err != nil {
				t.Errorf("got %q, %v; want the token that came after it", got, err)
			}
			if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".token-*")); len(left) > 0 {
				t.Errorf("got %q left behind", left)
			}
		})
	}
}

func TestWhatIsNoTokenReplacesNone(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"nothing":       " \n",
		"two lines":     "first-line-0123\nsecond",
		"a header":      "Bearer abc-0123",
		"no text":       "tok\x00en-0123",
		"a whole novel": strings.Repeat("x", maxToken+1),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &TokenSource{stated: filepath.Join(t.TempDir(), "token")}
			if _, err := s.Store([]byte("the-good-one")); err != nil {
				t.Fatal(err)
			}
			_, err := s.Store([]byte(text))
			if err == nil || strings.Contains(err.Error(), "0123") {
				t.Errorf("got %v, want an error without the token", err)
			}
			if got, err := s.Token(); got != "the-good-one" {
				t.Errorf("got %q, %v; want the one from before", got, err)
			}
		})
	}
}

func TestATokenIsStoredInNothingButAFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "token"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "file"), "text")
	for name, s := range map[string]*TokenSource{
		"a folder":     {stated: filepath.Join(dir, "token")},
		"below a file": {stated: filepath.Join(dir, "file", "token")},
	} {
		if _, err := s.Store([]byte("secret-token")); err == nil || strings.Contains(err.Error(), "secret-token") || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: got %v, want an error that names the file", name, err)
		}
	}
}

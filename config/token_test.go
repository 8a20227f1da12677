package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestTheTokenComesFromTheFirstPlaceThatHasOne(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		write(t, path, text)
		return path
	}
	none := filepath.Join(dir, "none")
	stated, place, credential := file("stated", "from-stated\n"), file("place", "\t from-place \r\n"), file("credential", "from-credential")
	for _, c := range []struct {
		name   string
		source *TokenSource
		want   string
		err    error
	}{
		{"the stated file comes first", &TokenSource{stated: stated, place: place, credential: credential, env: "from-env"}, "from-stated", nil},
		{"a stated file must be there", &TokenSource{stated: none, place: place, credential: credential, env: "from-env"}, "", fs.ErrNotExist},
		{"then the platform's place", &TokenSource{place: place, credential: credential, env: "from-env"}, "from-place", nil},
		{"then the service manager's credential", &TokenSource{place: none, credential: credential, env: "from-env"}, "from-credential", nil},
		{"then the environment", &TokenSource{place: none, credential: none, env: " from-env\n"}, "from-env", nil},
		{"a blank environment is none", &TokenSource{place: none, env: "  "}, "", ErrNoToken},
		{"there is none at all", &TokenSource{place: none, credential: none}, "", ErrNoToken},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got, err := c.source.Token(); got != c.want || !errors.Is(err, c.err) {
				t.Errorf("got %q, %v; want %q, %v", got, err, c.want, c.err)
			}
			from := map[string]string{"from-env": "the environment's TILLPOST_TOKEN", "": ""}
			want, other := from[c.want]
			if !other {
				want = filepath.Join(dir, strings.TrimPrefix(c.want, "from-"))
			}
			if got := c.source.From(); got != want {
				t.Errorf("got it from %q, want %q", got, want)
			}
		})
	}
}

func TestAnOddTokenIsRefusedWithoutShowingIt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"an empty file":            {"", "empty"},
		"white space":              {" \r\n\t", "empty"},
		"two lines":                {"s3cr3t\nmore", "more than one line"},
		"a control character":      {"s3cr3t\x01", "that no token has"},
		"a tab inside":             {"s3cr3t\ts3cr3t", "that no token has"},
		"UTF-16":                   {"\xff\xfes\x003\x00c\x00r\x003\x00t\x00", "that no token has"},
		"another script":           {"s3cr3tö", "that no token has"},
		"the whole header's value": {"Bearer s3cr3t", "Bearer"},
		"too long":                 {strings.Repeat("s3cr3t", 20_000), "longer than 64 KiB"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "token")
			write(t, path, c.text)
			got, err := (&TokenSource{stated: path}).Token()
			if got != "" || err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "s3cr3t") {
				t.Errorf("got %q, %v; want an error with %q and the path, and without the token", got, err, c.want)
			}
		})
	}
	if got, err := cleanToken("x", []byte("\uFEFFs3cr3t\r\n")); got != "s3cr3t" || err != nil {
		t.Errorf("a byte order mark before it: got %q, %v", got, err)
	}
}

func TestARotatedTokenIsReadWithoutARestart(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "token")
	s := &TokenSource{stated: path}
	want := func(want string) {
		t.Helper()
		if got, err := s.Token(); err != nil || got != want {
			t.Fatalf("got %q, %v; want %q", got, err, want)
		}
	}
	write(t, path, "one")
	want("one")
	write(t, path, "two") // as long, and maybe at the same tick of the disk's clock
	want("two")
	long := time.Now().Add(-time.Hour)
	if err := os.Chtimes(path, long, long); err != nil {
		t.Fatal(err)
	}
	want("two")
	write(t, path+".new", "six")
	if err := os.Chtimes(path+".new", long, long); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	want("six") // as long and as old, but another file
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Token(); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("gone: got %q, %v", got, err)
	}
	write(t, path, "seven")
	want("seven")
}

func TestManyMayAskForTheTokenAtOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "token")
	write(t, path, "one")
	s := &TokenSource{stated: path}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				if got, err := s.Token(); err != nil || got != "one" {
					t.Errorf("got %q, %v", got, err)
				}
			}
		})
	}
	all.Wait()
}

func TestAFolderIsNoToken(t *testing.T) {
	t.Parallel()
	if got, err := (&TokenSource{stated: t.TempDir()}).Token(); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestTheConfigsTokenSourceKnowsTheEnvironment(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	t.Setenv("TILLPOST_TOKEN", "from-env")
	path := filepath.Join(dir, "stated")
	s := (&Config{API: API{TokenFile: path}}).TokenSource()
	if s.stated != path || s.place != machine().token || s.credential != filepath.Join(dir, "token") || s.env != "from-env" {
		t.Errorf("got %s, %s, %s", s.stated, s.place, s.credential)
	}
}

func BenchmarkTokenUnchanged(b *testing.B) {
	path := filepath.Join(b.TempDir(), "token")
	if err := os.WriteFile(path, []byte("one"), 0o600); err != nil {
		b.Fatal(err)
	}
	long := time.Now().Add(-time.Hour)
	if err := os.Chtimes(path, long, long); err != nil {
		b.Fatal(err)
	}
	s := &TokenSource{stated: path}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Token(); err != nil {
			b.Fatal(err)
		}
	}
}

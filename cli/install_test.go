package cli

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tillpost/config"
)

// installed is a config with a data folder in which others have put things too.
func installed(t *testing.T, names ...string) (*config.Config, string) {
	t.Helper()
	dir := t.TempDir()
	for _, name := range append(names, "etc/tillpost.yaml", "etc/token") {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("a-token"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := config.Parse(filepath.Join(dir, "etc", "tillpost.yaml"), []byte("api: {url: https://localhost, token_file: token}\n"+
		"data_dir: ../data\nsources: [{name: 'till [1]', folder: ../pos}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	return c, dir
}

func TestAPurgeNamesOnlyWhatIsTillposts(t *testing.T) {
	t.Parallel()
	ours := []string{"data/outbox.db", "data/outbox.db.damaged-20261128", "data/agent.json", "data/held/1.export", "data/archive/till [1]/a.csv",
		"data/logs/tillpost.log", "data/logs/tillpost-000001.log", "etc/tillpost.yaml.20261128-101500.bak", "etc/tillpost.yaml.20261128-101500-2.bak"}
	theirs := []string{"data/archive/the POS's/a.csv", "data/archive/till 1/a.csv", "data/logs/pos.log", "data/pos.db", "etc/tillpost.yaml.d/x", "etc/tillpost.yaml.db", "pos/a.csv"}
	c, dir := installed(t, append(slices.Clone(ours), theirs...)...)
	p := purging(c)
	for _, path := range p.Trees {
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range p.Files {
		if strings.HasPrefix(path, dir) {
			if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
		}
	}
	for _, name := range append(ours, "etc/tillpost.yaml", "etc/token") {
		if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(name))); err == nil {
			t.Errorf("%s is left", name)
		}
	}
	for _, name := range theirs {
		if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(name))); err != nil {
			t.Errorf("%v", err)
		}
	}
}

func TestAPurgeLeavesAFolderAloneThatIsNamedAsTheToken(t *testing.T) {
	t.Parallel()
	c, dir := installed(t)
	c.API.TokenFile = filepath.Join(dir, "pos")
	if err := os.Mkdir(c.API.TokenFile, 0o700); err != nil {
		t.Fatal(err)
	}
	if p := purging(c); slices.Contains(p.Trees, c.API.TokenFile) || slices.Contains(p.Files, c.API.TokenFile) {
		t.Errorf("got %+v, want the folder left out", p)
	}
}

func TestADataFolderThatOthersUseTooIsNotTheServices(t *testing.T) {
	t.Parallel()
	for name, ok := range map[string]bool{
		"data/outbox.db": true, "data/logs/x": true, "data/archive/x/y": true, "data/till.log": true, "data/held/1.export": true,
		"data/stock.csv": false, "data/shop.db": false, "data/Documents/x": false,
	} {
		c, _ := installed(t, name)
		_, err := newConsole(&strings.Builder{}, &strings.Builder{}).installOptions(c)
		if (err == nil) != ok || err != nil && !strings.Contains(err.Error(), "must be a folder of its own") {
			t.Errorf("%s: got %v, want that it goes: %v", name, err, ok)
		}
	}
}

func TestTheServiceGetsTheFoldersThatTheConfigNames(t *testing.T) {
	t.Parallel()
	c, dir := installed(t)
	c.Sources[0].After, c.Sources[0].Archive.Folder = "archive", filepath.Join(dir, "away")
	c.Log.File = filepath.Join(dir, "log", "till.log")
	o, err := newConsole(&strings.Builder{}, &strings.Builder{}).installOptions(c)
	if err != nil {
		t.Fatal(err)
	}
	pos := filepath.Join(dir, "pos")
	if !slices.Equal(o.Reads, []string{pos}) || !slices.Equal(o.Writes, []string{pos, filepath.Join(dir, "away"), filepath.Join(dir, "data")}) ||
		o.Logs != filepath.Join(dir, "log") || !slices.Equal(o.Secrets, []string{filepath.Join(dir, "etc", "token")}) || o.Config != c.File {
		t.Errorf("got %+v", o)
	}
}

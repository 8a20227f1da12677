package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestFoldersWithExportsAreFoundTheLikeliestFirst(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string, age time.Duration) {
		t.Helper()
		path := filepath.Join(dir, filepath.FromSlash(name))
		at := time.Now().Add(-age)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	const good, open = "Store,UPC,Qty\n3,849632048260,12\n", "UPC,Qty\n849632048260,12\n"
	write("POS/Export/old.csv", good, 3*time.Hour)
	write("POS/Export/stock.csv", good, 2*time.Hour)
	write("Lightspeed/stock.txt", open, time.Hour) // a store is asked for
	write("Downloads/addresses.csv", "Name,Town\nMeier,Ulm\n", time.Minute)
	write("node/package.json", "{}", time.Second)
	write("notes/todo.txt", "milk", time.Second)
	write(".cache/stock.csv", good, time.Second)
	write("AppData/stock.csv", good, time.Second)
	write("a/b/c/d/stock.csv", good, time.Second) // too deep
	write("empty/stock.csv", "", time.Second)
	for i := range folderLimit + 1 {
		write(fmt.Sprintf("large/%d.csv", i), "", time.Second)
	}
	write("large/stock.csv", good, time.Second)
	elsewhere := t.TempDir()
	if err := os.WriteFile(filepath.Join(elsewhere, "stock.csv"), []byte(good), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(elsewhere, filepath.Join(dir, "link")); err != nil && os.Getenv("CI") != "" {
		t.Fatal(err) // on Windows it takes a right
	}
	var got []string
	for _, f := range findFolders(t.Context(), []findRoot{{dir, 3}, {filepath.Join(dir, "none"), 3}, {filepath.Join(dir, "POS"), 3}}) {
		rel, err := filepath.Rel(dir, f.folder)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, filepath.ToSlash(rel)+"/"+f.newest)
	}
	if want := "Lightspeed/stock.txt POS/Export/stock.csv Downloads/addresses.csv"; strings.Join(got, " ") != want {
		t.Errorf("got %q, want %s", got, want)
	}
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	if got := findFolders(stopped, []findRoot{{dir, 3}}); len(got) != 0 {
		t.Errorf("got %v, want nothing once it is stopped", got)
	}
}

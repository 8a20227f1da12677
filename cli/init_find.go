package cli

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"tillpost/agent"
	"tillpost/config"
	"tillpost/export"
)

// The looking for exports is bounded: a person waits for it, and a share may be dead.
const (
	findTime     = 1500 * time.Millisecond // for one root, all of which are looked at side by side
	graceTime    = 500 * time.Millisecond  // after which one that does not answer is given up
	findEntries  = 20_000                  // of one root
	folderLimit  = 2_000                   // entries of one folder; one with more is no folder of exports
	triedFolders = 16                      // whose newest file is read
	shownFolders = 8
	tryTime      = 300 * time.Millisecond // for one of those
	tryBytes     = 8 << 20                // a file that is longer is not read here
)

// foundFolder is a folder that holds files which look like exports.
type foundFolder struct {
	folder string
	newest string // the name of the newest of them
	at     time.Time
	likely int // 2 = the newest is read as an export, or nearly; 1 = it is called like one; 0 = it may be anything
}

// findRoot is where exports are looked for, and how many folders deep.
type findRoot struct {
	dir   string
	depth int
}

// findFolders finds folders that hold exports, the likeliest first.
func findFolders(ctx context.Context, roots []findRoot) (list []foundFolder) {
	each := make([][]foundFolder, len(roots))
	var looks sync.WaitGroup
	for i, root := range roots {
		looks.Go(func() {
			each[i], _ = within(ctx, findTime+graceTime, func(ctx context.Context) []foundFolder { return findBelow(ctx, root) })
		})
	}
	looks.Wait()
	for _, found := range each {
		for _, f := range found {
			if !slices.ContainsFunc(list, func(g foundFolder) bool { return samePath(f.folder, g.folder) }) {
				list = append(list, f)
			}
		}
	}
	newestFirst := func(a, b foundFolder) int { return b.at.Compare(a.at) }
	slices.SortStableFunc(list, newestFirst)
	for i := range list[:min(triedFolders, len(list))] {
		if path := filepath.Join(list[i].folder, list[i].newest); ctx.Err() == nil {
			if yes, _ := within(ctx, tryTime, func(ctx context.Context) bool { return isExport(ctx, path) }); yes {
				list[i].likely = 2
			}
		}
	}
	list = slices.DeleteFunc(list, func(f foundFolder) bool { return f.likely == 0 })
	slices.SortStableFunc(list, func(a, b foundFolder) int { return cmp.Or(cmp.Compare(b.likely, a.likely), newestFirst(a, b)) })
	return list[:min(shownFolders, len(list))]
}

// findBelow finds folders with exports in one root. Links are not followed.
func findBelow(ctx context.Context, root findRoot) (list []foundFolder) {
	end, left := time.Now().Add(findTime), findEntries
	level := []string{root.dir}
	for depth := 0; depth <= root.depth; depth++ {
		var next []string
		for _, dir := range level {
			if left <= 0 || ctx.Err() != nil || time.Now().After(end) {
				return list
			}
			entries := entriesOf(dir)
			left -= len(entries)
			if f, ok := exportsIn(dir, entries); ok {
				list = append(list, f)
			}
			for _, e := range entries {
				if e.IsDir() && !passedBy(e.Name()) {
					next = append(next, filepath.Join(dir, e.Name()))
				}
			}
		}
		level = next
	}
	return list
}

// entriesOf lists a folder; nothing where it is too large, or cannot be read.
func entriesOf(dir string) []fs.DirEntry {
	d, err := os.Open(dir)
	if err != nil {
		return nil
	}
	defer d.Close() // it is only read
	entries, err := d.ReadDir(folderLimit + 1)
	if err != nil && !errors.Is(err, io.EOF) || len(entries) > folderLimit {
		return nil
	}
	return entries
}

// exportsIn finds the newest file in a folder that is called like an export.
func exportsIn(dir string, entries []fs.DirEntry) (f foundFolder, ok bool) {
	f.folder = dir
	for _, e := range entries {
		likely, is := calledLikeExport(e.Name())
		if !is || !e.Type().IsRegular() {
			continue
		}
		about, err := e.Info()
		if err != nil || about.Size() == 0 {
			continue
		}
		if !ok || about.ModTime().After(f.at) {
			f.newest, f.at, f.likely, ok = e.Name(), about.ModTime(), likely, true
		}
	}
	return f, ok
}

// calledLikeExport knows exports by their names. Files of some kinds are all kinds of things: they are likely ones only if
// they are read as exports.
func calledLikeExport(name string) (likely int, ok bool) {
	lower := strings.ToLower(name)
	if strings.HasPrefix(lower, ".") || strings.HasPrefix(lower, "~$") {
		return 0, false
	}
	switch filepath.Ext(lower) {
	case ".csv", ".tsv", ".xlsx":
		return 1, true
	case ".txt", ".xml", ".json", ".ndjson", ".prn", ".dat", ".zip", ".gz":
		return 0, true
	}
	return 0, false
}

// passedBy knows folders that hold no exports, by their names.
func passedBy(name string) bool {
	lower := strings.ToLower(name)
	return strings.HasPrefix(name, ".") || strings.HasPrefix(name, "$") || strings.HasPrefix(lower, "program files") ||
		slices.Contains([]string{"windows", "winnt", "programdata", "users", "perflogs", "recovery", "system volume information", "appdata", "node_modules",
			"microsoft", "package cache", "tillpost", "intel", "nvidia", "drivers", "windows.old", "archive"}, lower)
}

// isExport reports whether a file is read as an export, or would be, once a line in the config answers a question.
func isExport(ctx context.Context, path string) bool {
	f, err := openExport(path)
	if err != nil {
		return false
	}
	defer f.Close() // it is only read
	if f.size > tryBytes {
		return false
	}
	s, err := plainSource()
	if err != nil {
		return false
	}
	reader, err := export.New(agent.ReadingOf(s).Options)
	if err != nil {
		return false
	}
	_, err = reader.Read(&meter{r: io.LimitReader(f, f.size), ctx: ctx, tell: func(int64) {}})
	refused, ok := errors.AsType[*export.Refused](err)
	return err == nil || ok && slices.Contains([]string{export.RefusedStore, export.RefusedWide, export.RefusedDuplicates, export.RefusedAmbiguous, export.RefusedCheck}, refused.Code)
}

// newestExport is the newest file in the folder of a source that is not the token's; "" = there is none.
func newestExport(f folder, s config.Source, tokens ...string) (name string, at time.Time) {
	for _, file := range slices.Backward(f.Files) {
		path := filepath.Join(s.Folder, filepath.FromSlash(file.Name))
		if !slices.ContainsFunc(tokens, func(token string) bool { return token != "" && sameFile(path, token) }) { // promise 11
			return file.Name, file.ModTime()
		}
	}
	return "", time.Time{}
}

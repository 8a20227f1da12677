package installer

import (
	"errors"
	"io/fs"
	"os"
)

// purge removes what a person wants to be rid of for good.
func purge(p Purging, tell func(string, ...any)) error {
	var problems []error
	away := func(path string, remove func(string) error) {
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			return
		}
		if err := remove(path); err != nil {
			problems = append(problems, err)
			return
		}
		tell("%s is removed", path)
	}
	for _, path := range p.Trees {
		away(path, os.RemoveAll)
	}
	for _, path := range p.Files {
		away(path, os.Remove)
	}
	for _, dir := range p.Folders {
		about, err := os.Lstat(dir)
		if err != nil || !about.IsDir() {
			continue
		}
		if list, err := os.ReadDir(dir); err != nil || len(list) > 0 {
			continue // somebody else's are in it
		}
		if err := os.Remove(dir); err != nil {
			problems = append(problems, err)
			continue
		}
		tell("%s is removed", dir)
	}
	return errors.Join(problems...)
}

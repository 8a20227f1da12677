package installer

import (
	"errors"
	"io/fs"
	"os"
)

// purge removes what a person wants to be rid of for good.
func purge(p Purging, tell func(string, ...any)) error {
	var problems []error
	for _, path := range p.Files {
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := os.RemoveAll(path); err != nil {
			problems = append(problems, err)
			continue
		}
		tell("%s is removed", path)
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

package installer

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
)

// sameContent reports whether two files, such as programs of some 20 MB, hold the same; one that is not there does not.
func sameContent(a, b string) (bool, error) {
	x, err := os.ReadFile(a)
	if err != nil {
		return false, err
	}
	y, err := os.ReadFile(b)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && bytes.Equal(x, y), err
}

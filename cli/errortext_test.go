package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"
)

func TestFileTroubleIsToldWithoutTheSystemsCalls(t *testing.T) {
	t.Parallel()
	gone := &fs.PathError{Op: "GetFileAttributesEx", Path: `C:\pos\stock.csv`, Err: fs.ErrNotExist}
	denied := &fs.PathError{Op: "open", Path: "/etc/token", Err: fs.ErrPermission}
	odd := &fs.PathError{Op: "read", Path: "/srv/in", Err: errors.New("input/output error")}
	for want, err := range map[string]error{
		`read the config: C:\pos\stock.csv: no such file or folder`:                             fmt.Errorf("read the config: %w", gone),
		"/etc/token: permission denied\nread: /srv/in: input/output error":                      errors.Join(denied, fmt.Errorf("read: %w", odd)),
		"a: /etc/token: permission denied and C:\\pos\\stock.csv: no such file or folder, both": fmt.Errorf("a: %w and %w, both", denied, gone),
		"nothing about files": errors.New("nothing about files"),
	} {
		if got := errorText(err); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

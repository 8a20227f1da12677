//go:build !windows

package watcher

import (
	"os"
	"testing"
)

func TestHardLinksToOthersFilesAreForeign(t *testing.T) { // W20
	t.Parallel()
	self := uint32(os.Geteuid())
	pos, stranger := self+1, self+2
	for _, c := range []struct {
		name      string
		file, dir origin
		want      bool
	}{
		{"a file with one name, whoever wrote it", origin{1, stranger}, origin{2, pos}, false},
		{"a backup tool's link to the folder owner's own file", origin{2, pos}, origin{2, pos}, false},
		{"a link to a stranger's file", origin{2, stranger}, origin{2, pos}, true},
		{"a link to the agent's file: no harm, unless the agent is root", origin{2, self}, origin{2, pos}, self == 0},
	} {
		if got := foreign(c.file, c.dir); got != c.want {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}

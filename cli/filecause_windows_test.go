package cli

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"golang.org/x/sys/windows"
)

func TestAFileThatAnotherProgramHasOpenIsToldInOurWords(t *testing.T) {
	t.Parallel()
	for _, cause := range []error{windows.ERROR_SHARING_VIOLATION, windows.ERROR_LOCK_VIOLATION} {
		err := error(&readError{&fs.PathError{Op: "open", Path: `C:\POS\stock.csv`, Err: cause}})
		if got, want := errorText(fmt.Errorf("main: %w", err)), `main: read the export: C:\POS\stock.csv: another program has it open and lets nobody in`; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if got := hint(err); !strings.Contains(got, "close it") {
			t.Errorf("got the hint %q, want to close it", got)
		}
	}
}

package config

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	win "golang.org/x/sys/windows"
)

func TestAStoredTokenIsEncryptedAndItsReadersAreFew(t *testing.T) {
	t.Parallel()
	s := &TokenSource{stated: filepath.Join(t.TempDir(), "token")}
	path, err := s.Store([]byte("stored-token"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil || !isProtected(text) || bytes.Contains(text, []byte("stored")) {
		t.Errorf("got %q, %v; want it encrypted", text, err)
	}
	if win.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() == nil {
		return // Wine keeps no access list of a file
	}
	sd, err := win.GetNamedSecurityInfo(path, win.SE_FILE_OBJECT, win.DACL_SECURITY_INFORMATION)
	if err != nil {
		t.Fatal(err)
	}
	if list := sd.String(); !strings.Contains(list, "D:P") || strings.Contains(list, ";WD)") || strings.Contains(list, ";BU)") {
		t.Errorf("got the access list %s, want none for everyone, and nothing inherited", list)
	}
}

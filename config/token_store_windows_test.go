package config

import (
	"bytes"
	"errors"
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

func TestATokenThatStrangersCanReadIsRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "token")
	write(t, path, "a-token")
	if err := letsStrangersIn(path); err != nil {
		t.Fatalf("got %v of a file that is its owner's alone", err)
	}
	sd, err := win.SecurityDescriptorFromString("D:P(A;;FA;;;SY)(A;;FA;;;BA)(A;;FR;;;WD)")
	if err == nil {
		err = setTokenList(path, sd)
	}
	if err != nil {
		t.Fatal(err)
	}
	err = letsStrangersIn(path)
	if e, ok := errors.AsType[*ExposedTokenError](err); !ok || e.Who != "everyone" {
		t.Errorf("got %v, want that everyone can use it", err)
	}
}

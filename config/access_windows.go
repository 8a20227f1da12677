package config

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"unsafe"

	win "golang.org/x/sys/windows"
)

// strangers are those whom a token is not for, by their security identifiers: whoever uses the computer is one of them.
var strangers = map[string]string{
	"S-1-1-0":      "everyone",
	"S-1-5-2":      "everyone on the network",
	"S-1-5-4":      "everyone who logs in",
	"S-1-5-7":      "people without a name",
	"S-1-5-11":     "everyone who has an account",
	"S-1-5-32-545": "every user of this computer",
	"S-1-5-32-546": "guests",
}

// domainGroups are those of a domain, by the last number of their security identifiers.
var domainGroups = map[string]string{
	"513": "every user of the domain",
	"514": "guests of the domain",
	"515": "every computer of the domain",
}

// allowedCallback is the type of an entry that lets in where a condition holds (ACCESS_ALLOWED_CALLBACK_ACE_TYPE); it begins like
// one without.
const allowedCallback = 9

const (
	// anyChange is the rights to change a file's bytes, to remove it, or to change who may.
	anyChange = win.FILE_WRITE_DATA | win.FILE_APPEND_DATA | win.DELETE | win.WRITE_DAC | win.WRITE_OWNER | win.GENERIC_WRITE | win.GENERIC_ALL
	// anyUse is those, and to read it.
	anyUse = anyChange | win.FILE_READ_DATA | win.GENERIC_READ
	// anyOther is the rights to put another file into the place of one, in a folder.
	anyOther = fileDeleteChild | win.WRITE_DAC | win.WRITE_OWNER | win.GENERIC_ALL

	fileDeleteChild = 0x40 // FILE_DELETE_CHILD of winnt.h
)

// exposed is an *ExposedTokenError where a file's access list lets strangers in. The mode, which Windows does not have, tells
// nothing.
func exposed(path string, _ fs.FileMode) error {
	if underWine() {
		return nil
	}
	return letsStrangersIn(path)
}

// underWine reports whether there are no access lists: Wine makes one of Linux' mode when it is asked, in which the service is everyone.
func underWine() bool {
	return win.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() == nil
}

// letsStrangersIn is exposed wherever there are access lists.
func letsStrangersIn(path string) error {
	who, err := strangerWith(path, anyUse)
	switch {
	case err != nil:
		return fmt.Errorf("read the token: look up who may use %s: %w", path, err)
	case who != "":
		return &ExposedTokenError{Path: path, Who: who}
	}
	return nil
}

// ChangeableBy says who besides administrators can change the file at path, or put another one into its place; "" = nobody that is
// known. A service obeys its config: whoever changes it can have the token sent elsewhere.
func ChangeableBy(path string) (who string) {
	if underWine() {
		return ""
	}
	if who, err := strangerWith(path, anyChange); err == nil && who != "" {
		return who
	}
	who, _ = strangerWith(filepath.Dir(path), anyOther) // "" where it cannot be looked up
	return who
}

// strangerWith is one whom an access list gives one at least of some rights; "" = none.
func strangerWith(path string, rights uint32) (who string, err error) {
	sd, err := win.GetNamedSecurityInfo(path, win.SE_FILE_OBJECT, win.DACL_SECURITY_INFORMATION)
	if err != nil {
		return "", err
	}
	list, _, err := sd.DACL()
	if err != nil || list == nil { // without a list everybody may do all
		return "everyone", nil
	}
	for i := range uint32(list.AceCount) {
		var ace *win.ACCESS_ALLOWED_ACE
		if err := win.GetAce(list, i, &ace); err != nil {
			return "", err
		}
		allows := ace.Header.AceType == win.ACCESS_ALLOWED_ACE_TYPE || ace.Header.AceType == allowedCallback
		if !allows || ace.Header.AceFlags&win.INHERIT_ONLY_ACE != 0 || uint32(ace.Mask)&rights == 0 {
			continue
		}
		sid := (*win.SID)(unsafe.Pointer(&ace.SidStart))
		text := sid.String()
		who, ok := strangers[text]
		if !ok && strings.HasPrefix(text, "S-1-5-21-") {
			who, ok = domainGroups[text[strings.LastIndexByte(text, '-')+1:]]
		}
		if ok {
			return who, nil
		}
	}
	return "", nil
}

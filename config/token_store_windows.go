package config

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strings"
	"unsafe"

	win "golang.org/x/sys/windows"
)

// protectToken answers a token as it is stored: encrypted by Windows (DPAPI) for this machine, so that a copy of the disk or of
// the file tells nothing elsewhere. Any account of the machine could decrypt it; the file's access list keeps them from it.
func protectToken(token []byte) ([]byte, error) {
	in := blobOf(token)
	var out win.DataBlob
	const flags = win.CRYPTPROTECT_LOCAL_MACHINE | win.CRYPTPROTECT_UI_FORBIDDEN
	if err := win.CryptProtectData(&in, nil, nil, 0, nil, flags, &out); err != nil {
		return nil, fmt.Errorf("protect it for this machine: %w", err)
	}
	return []byte(protectedMark + base64.StdEncoding.EncodeToString(takeBlob(&out)) + "\r\n"), nil
}

// revealToken is the reverse of protectToken; a token that is stored as it is, is answered as it is.
func revealToken(path string, text []byte) ([]byte, error) {
	if !isProtected(text) {
		return text, nil
	}
	data, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(text[len(protectedMark):])))
	if err != nil {
		return nil, fmt.Errorf("the token file %s is damaged; `tillpost token set` writes it anew", path)
	}
	in := blobOf(data)
	var out win.DataBlob
	if err := win.CryptUnprotectData(&in, nil, nil, 0, nil, win.CRYPTPROTECT_UI_FORBIDDEN, &out); err != nil {
		return nil, fmt.Errorf("the token file %s was protected on another machine, or by an older Windows on this one; `tillpost token set` writes it anew: %w", path, err)
	}
	return takeBlob(&out), nil
}

func blobOf(data []byte) win.DataBlob {
	if len(data) == 0 {
		return win.DataBlob{}
	}
	return win.DataBlob{Size: uint32(len(data)), Data: &data[0]}
}

// takeBlob copies what Windows has allocated, and frees it.
func takeBlob(b *win.DataBlob) []byte {
	data := append([]byte(nil), unsafe.Slice(b.Data, b.Size)...)
	clear(unsafe.Slice(b.Data, b.Size))
	_, _ = win.LocalFree(win.Handle(unsafe.Pointer(b.Data))) // there is nothing to do about a leak
	return data
}

// ownToken lets nobody but the system, administrators and the service read a token file; what its folder would let others do is
// not inherited. A file that it takes the place of may have a list that names another account of the service: that stays.
func ownToken(file *os.File, path string) error {
	if sd, err := win.GetNamedSecurityInfo(path, win.SE_FILE_OBJECT, win.DACL_SECURITY_INFORMATION); err == nil && exposed(path, 0) == nil && ownedByAdmins(path) {
		if control, _, err := sd.Control(); err == nil && control&win.SE_DACL_PROTECTED != 0 {
			return setTokenList(file.Name(), sd)
		}
	}
	list := "D:P(A;;FA;;;SY)(A;;FA;;;BA)" // the system and administrators
	if sid, _, _, err := win.LookupSID("", `NT SERVICE\tillpost`); err == nil {
		list += "(A;;FR;;;" + sid.String() + ")"
	} else if !errors.Is(err, win.ERROR_NONE_MAPPED) {
		return fmt.Errorf("look up the service's account: %w", err)
	}
	if me := win.GetCurrentProcessToken(); !me.IsElevated() { // no administrator: who writes it runs the agent
		user, err := me.GetTokenUser()
		if err != nil {
			return fmt.Errorf("look up the own account: %w", err)
		}
		list += "(A;;FA;;;" + user.User.Sid.String() + ")"
	}
	sd, err := win.SecurityDescriptorFromString(list)
	if err != nil {
		return err
	}
	return setTokenList(file.Name(), sd)
}

// ownedByAdmins reports whether a file is administrators' or the system's, who alone can have given it its list.
func ownedByAdmins(path string) bool {
	sd, err := win.GetNamedSecurityInfo(path, win.SE_FILE_OBJECT, win.OWNER_SECURITY_INFORMATION)
	if err != nil {
		return false
	}
	owner, _, err := sd.Owner()
	return err == nil && (owner.IsWellKnown(win.WinBuiltinAdministratorsSid) || owner.IsWellKnown(win.WinLocalSystemSid))
}

func setTokenList(file string, sd *win.SECURITY_DESCRIPTOR) error {
	dacl, _, err := sd.DACL()
	if err != nil {
		return err
	}
	return win.SetNamedSecurityInfo(file, win.SE_FILE_OBJECT, win.DACL_SECURITY_INFORMATION|win.PROTECTED_DACL_SECURITY_INFORMATION, nil, nil, dacl, nil)
}

// syncDir does nothing: Windows has no such thing, and its file systems keep a rename that was answered.
func syncDir(string) error { return nil }

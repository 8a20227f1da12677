package installer

import (
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf16"
	"unsafe"

	"golang.org/x/sys/windows"
)

// The rights of files in access lists: to change, and to read and run, as Windows itself puts them together.
const (
	rightsChange windows.ACCESS_MASK = 0x1301bf
	rightsRead   windows.ACCESS_MASK = 0x1200a9
)

// serviceSID is the security identifier that Windows gives the account NT SERVICE\name, whether there is such a service yet or
// not: S-1-5-80 and the SHA-1 of the name in capitals, as `sc showsid` shows it.
func serviceSID(name string) string {
	units := utf16.Encode([]rune(strings.ToUpper(name)))
	text := make([]byte, 0, 2*len(units))
	for _, u := range units {
		text = binary.LittleEndian.AppendUint16(text, u)
	}
	sum := sha1.Sum(text)
	sid := "S-1-5-80"
	for i := 0; i < len(sum); i += 4 {
		sid += fmt.Sprintf("-%d", binary.LittleEndian.Uint32(sum[i:]))
	}
	return sid
}

// privateList is the access list of what is for the system, administrators and the service's accounts alone. Nothing is
// inherited, and with inherit all that lies in a folder gets it.
func privateList(rights windows.ACCESS_MASK, inherit bool, sids []string) string {
	flags := ""
	if inherit {
		flags = "OICI"
	}
	list := fmt.Sprintf("D:P(A;%s;FA;;;SY)(A;%s;FA;;;BA)", flags, flags)
	for _, sid := range sids {
		list += fmt.Sprintf("(A;%s;%#x;;;%s)", flags, uint32(rights), sid)
	}
	return list
}

// setList gives a file or folder an access list, in the language of security descriptors.
func setList(path, list string) error {
	sd, err := windows.SecurityDescriptorFromString(list)
	if err != nil {
		return fmt.Errorf("make the access list of %s: %w", path, err)
	}
	dacl, _, err := sd.DACL()
	if err == nil {
		err = windows.SetNamedSecurityInfo(path, windows.SE_FILE_OBJECT,
			windows.DACL_SECURITY_INFORMATION|windows.PROTECTED_DACL_SECURITY_INFORMATION, nil, nil, dacl, nil)
	}
	if err != nil {
		return fmt.Errorf("set the access list of %s: %w", path, err)
	}
	return nil
}

// makePrivate makes folders and files the system's, administrators' and the service's alone: the home it may read, the others
// it may change too.
func makePrivate(o Options, sids []string, u *undoing) error {
	if o.Home != "" {
		if err := makeOneSafe(o.Home, rightsRead, sids, o, u); err != nil {
			return err
		}
	}
	for _, dir := range o.Private {
		if err := makeOneSafe(dir, rightsChange, sids, o, u); err != nil {
			return err
		}
	}
	for _, file := range o.Secrets {
		if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) || sids == nil {
			continue
		}
		if err := setList(file, privateList(rightsRead, false, sids)); err != nil {
			return err
		}
	}
	return nil
}

// makeOneSafe makes a folder with its access list, or gives one that is there its owner and list, and all that is in it.
func makeOneSafe(dir string, rights windows.ACCESS_MASK, sids []string, o Options, u *undoing) error {
	list := privateList(rights, true, sids)
	made, err := makeFolder(dir, list)
	if err != nil {
		return err
	}
	if made {
		u.add(func() error { return os.Remove(dir) })
		o.Tell("the folder %s is made, for the service and administrators alone", dir)
		return nil
	}
	if err := checkOwner(dir); err != nil {
		return err
	}
	if sids == nil {
		return nil
	}
	before, err := windows.GetNamedSecurityInfo(dir, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		return fmt.Errorf("look up who may use %s: %w", dir, err)
	}
	ours := isPrivate(before, sids)
	if err := setList(dir, list); err != nil { // from here on strangers change nothing in it
		return err
	}
	if err := takeOver(dir, o.Private, ours); err != nil {
		if !ours { // else what was refused would pass for ours the next time
			err = errors.Join(err, giveList(dir, before))
		}
		return err
	}
	return nil
}

// giveList gives a folder the access list that it had.
func giveList(dir string, sd *windows.SECURITY_DESCRIPTOR) error {
	control, _, err := sd.Control()
	if err != nil {
		return err
	}
	list, _, err := sd.DACL()
	if err != nil {
		return err
	}
	kind := windows.SECURITY_INFORMATION(windows.UNPROTECTED_DACL_SECURITY_INFORMATION)
	if control&windows.SE_DACL_PROTECTED != 0 {
		kind = windows.PROTECTED_DACL_SECURITY_INFORMATION
	}
	return windows.SetNamedSecurityInfo(dir, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION|kind, nil, nil, list, nil)
}

// isPrivate reports whether a folder's access list lets in the system, administrators and the service's accounts alone, so that
// nobody else can have put anything into it.
func isPrivate(sd *windows.SECURITY_DESCRIPTOR, sids []string) bool {
	control, _, err := sd.Control()
	if err != nil || control&windows.SE_DACL_PROTECTED == 0 {
		return false
	}
	list, _, err := sd.DACL()
	if err != nil || list == nil { // without a list everybody may do all
		return false
	}
	for i := range uint32(list.AceCount) {
		var ace *windows.ACCESS_ALLOWED_ACE
		if err := windows.GetAce(list, i, &ace); err != nil {
			return false
		}
		sid := (*windows.SID)(unsafe.Pointer(&ace.SidStart))
		if !isWellKnown(sid, windows.WinBuiltinAdministratorsSid, windows.WinLocalSystemSid) && sid.String() != serviceSID(Name) && !slices.Contains(sids, sid.String()) {
			return false
		}
	}
	return true
}

// MakeHome makes the folder of config and token safe before anything is written there: any account of the computer may make a
// folder in ProgramData. The error is an *OwnerError where somebody has who is no administrator.
func MakeHome(dir string) error {
	m, s, err := connect("make "+dir+" safe", windows.SC_MANAGER_CONNECT, windows.SERVICE_QUERY_CONFIG)
	if err != nil {
		return err
	}
	defer release(m, s)
	_, sids, err := accountOf(s)
	if err != nil {
		return err
	}
	return makeOneSafe(dir, rightsRead, sids, Options{Tell: func(string, ...any) {}, Private: []string{filepath.Join(dir, "data")}}, &undoing{})
}

// makeFolder makes a folder with its access list in one step, so that nobody is quicker, and reports whether it was not there.
func makeFolder(dir, list string) (made bool, err error) {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return false, err
	}
	sd, err := windows.SecurityDescriptorFromString(list)
	if err != nil {
		return false, fmt.Errorf("make the access list of %s: %w", dir, err)
	}
	name, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return false, err
	}
	err = windows.CreateDirectory(name, &windows.SecurityAttributes{Length: securityAttributesSize, SecurityDescriptor: sd})
	if errors.Is(err, windows.ERROR_ALREADY_EXISTS) {
		about, err := os.Lstat(dir)
		switch {
		case err != nil:
			return false, err
		case about.Mode()&(os.ModeSymlink|os.ModeIrregular) != 0:
			return false, fmt.Errorf("%s leads somewhere else; it must be a folder", dir)
		case !about.IsDir():
			return false, fmt.Errorf("%s is not a folder", dir)
		}
		return false, nil
	}
	if err != nil {
		return false, &fs.PathError{Op: "make the folder", Path: dir, Err: err}
	}
	return true, nil
}

// checkOwner checks whose a file or folder is that was there before: whoever owns it may change its access list at any time. The error is an
// *OwnerError where it is somebody's who is no administrator, and not whose the installation is.
func checkOwner(path string) error {
	owner, err := ownerOf(path)
	if err != nil {
		return err
	}
	me, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return err
	}
	if !owner.Equals(me.User.Sid) && !isWellKnown(owner, windows.WinBuiltinAdministratorsSid, windows.WinLocalSystemSid) && owner.String() != serviceSID(Name) {
		return &OwnerError{Path: path, Owner: accountName(owner)}
	}
	return nil
}

func isWellKnown(sid *windows.SID, kinds ...windows.WELL_KNOWN_SID_TYPE) bool {
	for _, kind := range kinds {
		if sid.IsWellKnown(kind) {
			return true
		}
	}
	return false
}

// takeOver gives what in a folder is neither administrators', the system's nor the service's to administrators, and lets it have the
// folder's access list and none of its own: whoever made it before may have meant to keep a way in. What is theirs keeps its list, such
// as a token's, which nobody else can have given it. The folders in private have lists of their own. Where the folder's list was not
// ours until now, what is somebody else's is an *OwnerError: a config that a stranger has put there would send the token to them.
func takeOver(dir string, private []string, ours bool) error {
	admins, err := windows.CreateWellKnownSid(windows.WinBuiltinAdministratorsSid)
	if err != nil {
		return err
	}
	sd, err := windows.SecurityDescriptorFromString("D:") // an empty list
	if err != nil {
		return fmt.Errorf("make an empty access list: %w", err)
	}
	empty, _, err := sd.DACL()
	if err != nil {
		return fmt.Errorf("make an empty access list: %w", err)
	}
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil // it has gone meanwhile
		case err != nil:
			return err
		case path != dir && slices.ContainsFunc(private, func(p string) bool { return strings.EqualFold(p, path) }):
			return fs.SkipDir
		case path != dir && entry.Type()&(fs.ModeSymlink|fs.ModeIrregular) != 0:
			return fmt.Errorf("%s leads somewhere else; nothing like that belongs into %s: look at it and remove it", path, dir)
		}
		if !ours && path != dir {
			if err := checkOwner(path); err != nil {
				return err
			}
		}
		owner, err := ownerOf(path)
		if err != nil {
			return err
		}
		if isWellKnown(owner, windows.WinBuiltinAdministratorsSid, windows.WinLocalSystemSid) || owner.String() == serviceSID(Name) {
			return nil
		}
		err = windows.SetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.OWNER_SECURITY_INFORMATION, admins, nil, nil, nil)
		if err != nil {
			return fmt.Errorf("give %s to administrators: %w", path, err)
		}
		if path == dir {
			return nil // it has its list
		}
		err = windows.SetNamedSecurityInfo(path, windows.SE_FILE_OBJECT,
			windows.DACL_SECURITY_INFORMATION|windows.UNPROTECTED_DACL_SECURITY_INFORMATION, nil, nil, empty, nil)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("set the access list of %s: %w", path, err)
		}
		return nil
	})
}

func ownerOf(path string) (*windows.SID, error) {
	sd, err := windows.GetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.OWNER_SECURITY_INFORMATION)
	if err != nil {
		return nil, fmt.Errorf("look up whose %s is: %w", path, err)
	}
	owner, _, err := sd.Owner()
	if err != nil {
		return nil, fmt.Errorf("look up whose %s is: %w", path, err)
	}
	return owner, nil
}

func accountName(sid *windows.SID) string {
	name, domain, _, err := sid.LookupAccount("")
	switch {
	case err != nil:
		return sid.String()
	case domain == "":
		return name
	}
	return domain + `\` + name
}

// letIn adds to a folder's access list what the service needs there; what others may do stays.
func letIn(dir, sid string, rights windows.ACCESS_MASK) error {
	if volume := filepath.VolumeName(dir); strings.HasPrefix(volume, `\\`) || len(dir) <= len(volume)+1 {
		return nil // another computer does not know this one's service; a whole disk is not to be the service's
	}
	sd, err := windows.GetNamedSecurityInfo(dir, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		return err
	}
	before, _, err := sd.DACL()
	if err != nil {
		return err
	}
	who, err := windows.StringToSid(sid)
	if err != nil {
		return err
	}
	after, err := windows.ACLFromEntries([]windows.EXPLICIT_ACCESS{{AccessPermissions: rights, AccessMode: windows.GRANT_ACCESS,
		Inheritance: windows.SUB_CONTAINERS_AND_OBJECTS_INHERIT,
		Trustee:     windows.TRUSTEE{TrusteeForm: windows.TRUSTEE_IS_SID, TrusteeValue: windows.TrusteeValueFromSID(who)}}}, before)
	if err != nil {
		return err
	}
	return windows.SetNamedSecurityInfo(dir, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION, nil, nil, after, nil)
}

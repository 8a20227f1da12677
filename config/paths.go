package config

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"unicode"
)

// platform is what differs between machines: where things lie by default, and how a path is understood.
type platform struct {
	windows                bool
	config, dataDir, token string // absolute paths
}

// abs is the absolute path that text means in a config that lies in the folder base. The error says, after the quoted
// text, why it is none.
func (p platform) abs(base, text string) (string, error) {
	if strings.ContainsFunc(text, unicode.IsControl) {
		return "", errors.New("holds a control character")
	}
	if p.windows {
		return absWindows(base, text)
	}
	switch {
	case hasDrive(text), strings.HasPrefix(text, `\\`):
		return "", errors.New("is a Windows path, but this machine does not run Windows")
	case text == "~", strings.HasPrefix(text, "~/"):
		return "", errors.New("begins with ~, which is not expanded: write the path in full")
	case path.IsAbs(text):
		return path.Clean(text), nil
	}
	return path.Join(base, text), nil
}

func absWindows(base, text string) (string, error) {
	s := strings.ReplaceAll(text, "/", `\`)
	if strings.HasPrefix(s, `\\?\`) || strings.HasPrefix(s, `\\.\`) {
		return s, nil // the caller wants it taken literally
	}
	switch from := strings.IndexByte(s, '%'); {
	case from >= 0 && strings.IndexByte(s[from+1:], '%') > 0:
		return "", errors.New("holds a variable between %, which is not expanded: write the path in full")
	case strings.HasPrefix(s, `\\`):
		server, share, _ := strings.Cut(strings.TrimLeft(s, `\`), `\`)
		if server == "" || strings.Trim(share, `\`) == "" {
			return "", errors.New(`is not a whole network path, which is \\server\share`)
		}
	case strings.HasPrefix(s, `\`):
		return "", fmt.Errorf(`lacks its drive, as in C:%s, or its second backslash, as in \%[1]s`, cut(s))
	case hasDrive(s):
		if len(s) == 2 || s[2] != '\\' {
			return "", fmt.Errorf(`lacks the backslash after its drive, as in %s\%s`, s[:2], cut(s[2:]))
		}
	default:
		s = base + `\` + s
	}
	s = cleanWindows(s)
	if i := strings.IndexAny(s[2:], `<>:"|?*`); i >= 0 {
		return "", fmt.Errorf("holds a %c, which no Windows path can", s[2+i])
	}
	return s, nil
}

// hasDrive tells whether a path begins with a drive: C:
func hasDrive(s string) bool {
	return len(s) >= 2 && s[1] == ':' && (s[0]|0x20 >= 'a' && s[0]|0x20 <= 'z')
}

// cleanWindows is filepath.Clean of Windows for an absolute path, on every platform. However many backslashes a network
// path begins with, it ends up with two: that is what people write where they doubled them for nothing.
func cleanWindows(s string) string {
	s = strings.ReplaceAll(s, "/", `\`)
	volume, rest, fixed := s[:min(2, len(s))], s[min(2, len(s)):], 0
	if strings.HasPrefix(s, `\\`) {
		volume, rest, fixed = `\\`, strings.TrimLeft(s, `\`), 2 // server and share stay, whatever .. says
	}
	var parts []string
	for part := range strings.SplitSeq(rest, `\`) {
		switch {
		case part == "", part == "." && len(parts) >= fixed:
		case part == ".." && len(parts) >= fixed:
			parts = parts[:max(fixed, len(parts)-1)]
		default:
			parts = append(parts, part)
		}
	}
	if fixed == 0 {
		volume += `\`
	}
	return volume + strings.Join(parts, `\`)
}

// dir is the folder that the absolute path file lies in.
func (p platform) dir(file string) string {
	if !p.windows {
		return path.Dir(file)
	}
	i := strings.LastIndexByte(file, '\\')
	if i <= 2 {
		return file[:i+1] // C:\
	}
	return file[:i]
}

// base is the last name in the absolute path folder; "" where it is a disk's root.
func (p platform) base(folder string) string {
	if p.windows {
		return folder[strings.LastIndexByte(folder, '\\')+1:]
	}
	return strings.TrimPrefix(path.Base(folder), "/")
}

// join is the absolute path of what is called names inside folder.
func (p platform) join(folder string, names ...string) string {
	if p.windows {
		return cleanWindows(folder + `\` + strings.Join(names, `\`))
	}
	return path.Join(append([]string{folder}, names...)...)
}

// same tells whether two absolute paths are one, as far as their text tells.
func (p platform) same(a, b string) bool {
	if p.windows {
		return strings.EqualFold(a, b)
	}
	return a == b
}

// inside tells whether the absolute path a lies somewhere below b, as far as their text tells.
func (p platform) inside(a, b string) bool {
	slash := "/"
	if p.windows {
		slash = `\`
		a, b = strings.ToLower(a), strings.ToLower(b)
	}
	b = strings.TrimSuffix(b, slash) + slash
	return len(a) > len(b) && strings.HasPrefix(a, b)
}

// wrongName says why a source cannot be called so, or nothing. Its name is a folder's name in data_dir, on any platform.
func wrongName(name string) string {
	stem, _, _ := strings.Cut(strings.ToUpper(name), ".")
	device := len(stem) == 4 && (strings.HasPrefix(stem, "COM") || strings.HasPrefix(stem, "LPT")) && stem[3] >= '0' && stem[3] <= '9'
	switch {
	case name == "":
		return "is empty"
	case len(name) > 100:
		return "is longer than 100 bytes"
	case strings.ContainsFunc(name, unicode.IsControl):
		return "holds a control character"
	case strings.ContainsAny(name, `/\<>:"|?*`):
		return `holds one of / \ < > : " | ? *`
	case name[0] == ' ' || name[0] == '.' || strings.TrimRight(name, " .") != name:
		return "begins or ends with a blank or a dot"
	case stem == "CON", stem == "PRN", stem == "AUX", stem == "NUL", device:
		return "is the name of a Windows device"
	}
	return ""
}

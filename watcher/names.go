package watcher

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// names decides by base names alone what may be an export. Names and patterns are compared without regard to case: a POS
// that writes STOCK.CSV is not to be missed for a `*.csv`.
type names struct {
	globs          []string // in lower case
	ready          bool
	prefix, suffix string // of a trigger's name, in lower case
	stem           bool   // between them stands the export's name without extension
}

// class is what a base name says of a file.
type class int

const (
	other   class = iota
	export        // matches, and is to be looked at
	trigger       // names an export that is ready
	odd           // matches, but nothing good has such a name
)

func newNames(globs []string, ready string) (*names, error) {
	n := &names{ready: ready != ""}
	for _, g := range globs {
		if strings.Contains(g, "/") {
			return nil, fmt.Errorf("the pattern %q holds a slash, but it is for base names", g)
		}
		g = strings.ToLower(g)
		if _, err := path.Match(g, ""); err != nil {
			return nil, fmt.Errorf("the pattern %q: %w", g, err)
		}
		n.globs = append(n.globs, g)
	}
	if len(n.globs) == 0 {
		n.globs = []string{"*"}
	}
	if !n.ready {
		return n, nil
	}
	ready = strings.ToLower(ready)
	n.stem = strings.Contains(ready, "{stem}")
	parts := strings.Split(strings.ReplaceAll(ready, "{stem}", "{name}"), "{name}")
	if len(parts) != 2 {
		return nil, fmt.Errorf("the trigger %q must hold {name} or {stem}, once", ready)
	}
	n.prefix, n.suffix = parts[0], parts[1]
	if n.prefix+n.suffix == "" {
		return nil, fmt.Errorf("the trigger %q is the export itself", ready)
	}
	if strings.ContainsAny(ready, `/\`) {
		return nil, errors.New("the trigger must lie beside its export")
	}
	return n, nil
}

func (n *names) classify(base string) class {
	lower := strings.ToLower(base)
	if n.ready && len(lower) > len(n.prefix)+len(n.suffix) &&
		strings.HasPrefix(lower, n.prefix) && strings.HasSuffix(lower, n.suffix) {
		return trigger
	}
	if temporary(lower) {
		return other
	}
	lower, _ = undisplaced(lower)
	if !slices.ContainsFunc(n.globs, func(glob string) bool { ok, _ := path.Match(glob, lower); return ok }) {
		return other
	}
	if !utf8.ValidString(base) || strings.ContainsFunc(base, unicode.IsControl) {
		return odd
	}
	return export
}

// triggerOf is the name, in lower case, of the trigger that belongs to the export name.
func (n *names) triggerOf(name string) string {
	dir, base := path.Split(strings.ToLower(name))
	base, _ = undisplaced(base)
	if n.stem {
		base = strings.TrimSuffix(base, path.Ext(base))
	}
	return dir + n.prefix + base + n.suffix
}

// temporary reports whether a base name in lower case is one of a file that its writer has not finished.
func temporary(lower string) bool {
	return strings.HasSuffix(lower, ".tmp") || strings.HasSuffix(lower, ".part") ||
		strings.HasPrefix(lower, "~$") || strings.HasPrefix(lower, ".")
}

// The names that Remove and Archive give. A file is set aside under `.tillpost-` and 16 hex digits, `-` and its name. It
// is displaced when its own name was taken meanwhile: `~tillpost-` and 16 hex digits stand before its extension, and
// such a name matches where the name without it does, so that the export is taken as a new one, after a restart too.
var (
	asideName     = regexp.MustCompile(`(?s)^\.tillpost-[0-9a-f]{16}-(.+)$`)
	displacedName = regexp.MustCompile(`~tillpost-[0-9a-f]{16}`)
)

const maxName = 255 // bytes of a base name that every file system takes

func asideFor(base string) string {
	prefix := ".tillpost-" + random() + "-"
	return prefix + shorten(base, maxName-len(prefix))
}

// shorten cuts the start off a base name that is longer than most bytes: its extension is what must last.
func shorten(base string, most int) string {
	if len(base) <= most {
		return base
	}
	return strings.TrimLeftFunc(base[len(base)-most:], func(r rune) bool { return r == utf8.RuneError })
}

// fromAside is the base name that a file had before it was set aside.
func fromAside(base string) (string, bool) {
	m := asideName.FindStringSubmatch(base)
	if m == nil {
		return "", false
	}
	return m[1], true
}

func displacedFor(base string) string {
	base, _ = undisplaced(base)
	mark := "~tillpost-" + random()
	base = shorten(base, maxName-len(mark))
	ext := path.Ext(base)
	return strings.TrimSuffix(base, ext) + mark + ext
}

// undisplaced is base without the mark of a displaced file, and whether it had one.
func undisplaced(base string) (string, bool) {
	at := displacedName.FindStringIndex(base)
	if at == nil {
		return base, false
	}
	return base[:at[0]] + base[at[1]:], true
}

func random() string {
	var b [8]byte
	rand.Read(b[:]) // never answers an error
	return hex.EncodeToString(b[:])
}

// Package config reads `tillpost.yaml`: what it says, its defaults, and what is wrong in it at which line.
//
// # Promises
//
//  1. All or nothing: Load and Parse answer a whole, checked Config or an error, never half of one.
//  2. Every problem of a text comes at once, each with its line, column, the key's full path, what was found and what
//     is allowed. (An error of YAML's own hides what stands after it; a backslash in double quotes does not.)
//  3. Nothing in the text is ignored: an unknown key is a problem.
//  4. A value means the text as it is written: the store 003 is "003", whatever YAML would make of it.
//  5. No text takes more than a bounded time and memory, whatever its size, nesting and aliases.
//  6. No problem quotes a value that may hold a secret.
//
// The one table of all keys is in keys.go: their defaults, what they allow and mean, and whether they are available.
// Reading a config looks at no file or folder but the config itself; whether the others are there is for `check`.
package config

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"time"
)

// maxSize is the longest config that is read, in bytes. One with a thousand sources stays below it.
const maxSize = 1 << 20

// Config is what a `tillpost.yaml` says, its defaults filled in. All paths are absolute.
type Config struct {
	File        string // the config's own path
	API         API
	DataDir     string
	ResendAll   time.Duration // 0 = never
	Status      Status
	Heartbeat   Heartbeat
	MetricsPush MetricsPush
	Log         Log
	Sources     []Source // at least one; their names are unique, also on disks that do not tell case
}

// API is where and how updates are posted.
type API struct {
	URL         string  // the whole endpoint, its path included
	TokenFile   string  // "" = not stated: the platform's place is looked at, and may be absent
	Rate        float64 // requests a second, more than 0; +Inf = unlimited
	Burst       int     // requests, at least 1
	Concurrency int     // requests, at least 1
	Timeout     time.Duration
	RetryMin    time.Duration // more than 0, at most RetryMax
	RetryMax    time.Duration
	Confirm     time.Duration // at least twice Timeout (Promise 4.)
	DeadRetry   time.Duration // 0 = never by itself
	Proxy       string        // a URL that may hold a password, so it must not be shown; "" = the environment's
	CAFile      string        // "" = the system's root certificates alone
}

// Status is where the status page is served.
type Status struct {
	Listen string // host:port; "" = off
}

// Heartbeat is the dead man's switch to call while all is well.
type Heartbeat struct {
	URL   string // "" = off
	Every time.Duration
}

// MetricsPush is where metrics are pushed to.
type MetricsPush struct {
	URL   string // "" = off
	Every time.Duration
}

// Log is what is logged, and where to.
type Log struct {
	Level   string // debug, info, warn, error
	Format  string // text, json
	File    string // "" = standard error
	MaxSize int64  // bytes, at least 1024
	Keep    int    // full files; 0 = none
}

// Source is a watched folder and how to read its exports.
type Source struct {
	Name       string // fit to be a file's name
	Folder     string
	Files      []string // globs on a file's base name, each valid for path.Match
	Recursive  bool
	Settle     time.Duration
	SettleLast time.Duration
	Ready      string        // "" = none; holds {name} or {stem}
	Rescan     time.Duration // more than 0
	After      string        // keep, archive, delete
	Archive    Archive
	Expect     time.Duration // 0 = no expectation
	Guard      Guard

	// What follows decides how an export is read; ReadingDigest covers it.

	Preset        string // "" = none
	Format        string // auto, csv, fixed, xlsx, xml, json, ndjson
	Encoding      string // auto, utf-8, utf-16, utf-16le, utf-16be, windows-1252, cp437, cp850
	Delimiter     string // auto, or the character itself
	Decimal       string // auto, or the character itself
	Header        Header
	Sheet         string            // "" = the first that has a header
	Row           string            // "" = found by itself
	Columns       map[string]Column // by field: upc, sku, size, width, store, quantity; absent = found by its heading
	Defaults      map[string]string // by field: store, size, width; "" is a value
	Stores        map[string]string // the POS's word for a store, to the API's code
	IdentifyBy    string            // auto, upc, sku
	UPC           string            // checked, as_is
	UPCCheckDigit string            // present, missing
	SKUNeeds      []string          // of size and width
	SplitSize     bool
	Duplicates    string // last, sum, reject; empty = not stated, which is last
	Negative      string // zero, keep, reject
	Fractions     string // floor, reject
	Reserve       int64  // units, 0 or more
	Missing       string // keep, zero
	MissingAfter  int    // exports in a row, at least 1
}

// Archive is where exports go, and for how long.
type Archive struct {
	Folder string
	Keep   time.Duration
}

// Header is where an export's header stands: the zero value is found by itself.
type Header struct {
	None bool
	Line int // 1-based; 0 = found by itself
}

// Column is where an export holds a field: by exactly one of heading, number, or a range in fixed width.
type Column struct {
	Heading  string // in any case; in XML and JSON a path; with {store} or {size} a column for each
	Number   int    // 1-based
	From, To int    // characters of a line in fixed width, 1-based, inclusive
}

// Guard is when an export is held: where more than a share of the keys known would change so, Min of them at least.
type Guard struct {
	Zero, Change, Rows Percent
	Min                int
}

// Percent is a share in percent, 0 to 100, or Off.
type Percent float64

// Off is the share that is never exceeded.
var Off = Percent(math.Inf(1))

// Find names the config to read: flag (`--config`) where it is not empty, else $TILLPOST_CONFIG, else the platform's
// place. The file need not exist.
func Find(flag string) string {
	return cmp.Or(flag, os.Getenv("TILLPOST_CONFIG"), machine().config)
}

// Place is where the config lies on this platform, unless somebody says otherwise.
func Place() string { return machine().config }

// DataPlace is the data folder of a config that does not say it.
func DataPlace() string { return machine().dataDir }

// Load reads the config at path. The error is, or wraps, a *Problems where the text is wrong, and fs.ErrNotExist where
// there is none.
func Load(path string) (*Config, error) {
	text, err := readText(path)
	if err != nil {
		return nil, fmt.Errorf("read the config: %w", err)
	}
	return Parse(path, text)
}

func readText(path string) (_ []byte, err error) {
	about, err := os.Stat(path) // before it is opened: opening a FIFO would wait for its writer
	if err != nil {
		return nil, err
	}
	if !about.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() // it was only read
	return io.ReadAll(io.LimitReader(f, maxSize+1))
}

// Parse reads text as the config in the file called name; relative paths in it are relative to that file's folder. The
// error is a *Problems where the text is wrong.
func Parse(name string, text []byte) (*Config, error) {
	file, err := filepath.Abs(name)
	if err != nil {
		return nil, fmt.Errorf("find the folder of the config %s: %w", name, err)
	}
	return parse(machine(), file, text)
}

// parse is Parse for any platform, so that each can be tested on the other.
func parse(p platform, file string, text []byte) (*Config, error) {
	list := &problems{file: file}
	root, src := readTree(text, list)
	if root == nil {
		return nil, list.err()
	}
	w := newWalker(p, src, list)
	c := &Config{File: file}
	w.config(root, c)
	w.check(c)
	src.reportEscapes(list)
	if err := list.err(); err != nil {
		return nil, err
	}
	return c, nil
}

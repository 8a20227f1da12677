package outbox_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// inode is a file or folder of the traced folder, whatever names it has.
type inode struct {
	folder bool
	base   []byte // what a file held before the trace
}

// traceOp is one call that changes something, makes it durable, or says something.
type traceOp struct {
	what     string // write, resize, sync; make, rename, remove; say
	node     *inode // of write, resize, sync, make
	at       int64  // of write and resize, bytes
	data     []byte // of write and say
	path, to string // of make, rename and remove, below the folder
}

// trace is what a process did in a folder, and said, in order.
type trace struct {
	before map[string]*inode // what was there, by path below the folder
	ops    []traceOp
}

// needTool skips the test where a tool is missing or may not be used; in CI that is an error.
func needTool(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), args[0], args[1:]...).CombinedOutput(); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
		t.Skipf("%v does not work here: %v", args, err)
	}
}

// runTraced runs this test binary with more in its environment, and traces what it does in the folder dir.
func runTraced(t *testing.T, dir string, env ...string) *trace {
	t.Helper()
	needTool(t, "strace", "-f", "true")
	x := &trace{before: map[string]*inode{}}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		node := &inode{folder: d.IsDir()}
		if !node.folder {
			node.base, err = os.ReadFile(path)
		}
		x.before[below(dir, path)] = node
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "trace")
	cmd := exec.CommandContext(t.Context(), "strace", "-f", "-xx", "-s", "100000000", "-o", file,
		"-e", "trace=pwrite64,write,fdatasync,fsync,ftruncate,openat,close,renameat,renameat2,rename,unlinkat,unlink,mkdirat,mkdir", os.Args[0])
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("the traced process: %v\n%s", err, out)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := x.parse(dir, text); err != nil {
		t.Fatal(err)
	}
	return x
}

// below is a path as the trace's maps name it: the folder itself is ".".
func below(dir, path string) string {
	rel, err := filepath.Rel(dir, path)
	if err != nil || strings.HasPrefix(rel, "..") {
		return ""
	}
	return rel
}

var (
	calledWhole   = regexp.MustCompile(`^(\d+) +(\w+)\((.*)\) += (-?\d+)`)
	calledBegun   = regexp.MustCompile(`^(\d+) +(\w+)\((.*) <unfinished \.\.\.>$`)
	calledResumed = regexp.MustCompile(`^(\d+) +<\.\.\. (\w+) resumed>(.*)\) += (-?\d+)`)
)

// parse reads strace's words. A call counts when it has returned.
func (x *trace) parse(dir string, text []byte) error {
	begun := map[string]string{}
	p := &traceParser{trace: x, dir: dir, names: maps.Clone(x.before), open: map[string]*inode{}, at: map[string]int64{}}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if m := calledBegun.FindStringSubmatch(line); m != nil {
			begun[m[1]] = m[3]
			continue
		}
		m := calledWhole.FindStringSubmatch(line)
		if r := calledResumed.FindStringSubmatch(line); r != nil {
			m = []string{"", r[1], r[2], begun[r[1]] + r[3], r[4]}
		}
		if m == nil || strings.HasPrefix(m[4], "-") {
			continue // a signal, an exit, or a call that failed
		}
		if err := p.call(m[2], strings.Split(m[3], ", "), m[4]); err != nil {
			return fmt.Errorf("%.200s: %w", line, err)
		}
	}
	return nil
}

// traceParser follows the names and the descriptors of a traced process.
type traceParser struct {
	*trace
	dir   string
	names map[string]*inode
	open  map[string]*inode // by descriptor
	at    map[string]int64  // where the next write goes, by descriptor
}

func unhex(text string) ([]byte, error) {
	if strings.HasSuffix(text, "...") {
		return nil, fmt.Errorf("the trace is cut short")
	}
	return hex.DecodeString(strings.ReplaceAll(strings.Trim(text, `"`), `\x`, ""))
}

// path is an argument as the maps name it; "" = it lies elsewhere.
func (p *traceParser) path(arg string) (string, error) {
	name, err := unhex(arg)
	return below(p.dir, string(name)), err
}

func (p *traceParser) call(name string, args []string, result string) error {
	switch name {
	case "openat":
		return p.opened(args, result)
	case "close":
		delete(p.open, args[0])
	case "write", "pwrite64":
		data, err := unhex(args[1])
		if err != nil {
			return err
		}
		if n, _ := strconv.Atoi(result); n != len(data) {
			return fmt.Errorf("%d bytes of %d were written", n, len(data))
		}
		node := p.open[args[0]]
		switch {
		case args[0] == "1":
			p.ops = append(p.ops, traceOp{what: "say", data: data})
		case node != nil && name == "write":
			p.ops = append(p.ops, traceOp{what: "write", node: node, at: p.at[args[0]], data: data})
			p.at[args[0]] += int64(len(data))
		case node != nil:
			at, err := strconv.ParseInt(args[3], 10, 64)
			p.ops = append(p.ops, traceOp{what: "write", node: node, at: at, data: data})
			return err
		}
	case "ftruncate":
		if node := p.open[args[0]]; node != nil {
			size, err := strconv.ParseInt(args[1], 10, 64)
			p.ops = append(p.ops, traceOp{what: "resize", node: node, at: size})
			return err
		}
	case "fsync", "fdatasync":
		if node := p.open[args[0]]; node != nil {
			p.ops = append(p.ops, traceOp{what: "sync", node: node})
		}
	default:
		return p.named(name, args)
	}
	return nil
}

func (p *traceParser) opened(args []string, fd string) error {
	path, err := p.path(args[1])
	if err != nil || path == "" {
		return err
	}
	node := p.names[path]
	switch {
	case node == nil && strings.Contains(args[2], "O_CREAT"):
		node = &inode{}
		p.names[path] = node
		p.ops = append(p.ops, traceOp{what: "make", node: node, path: path})
	case node == nil:
		return fmt.Errorf("%s was opened and never made", path)
	case strings.Contains(args[2], "O_TRUNC"):
		p.ops = append(p.ops, traceOp{what: "resize", node: node})
	}
	p.open[fd], p.at[fd] = node, 0
	return nil
}

// named deals with the calls that change names.
func (p *traceParser) named(name string, args []string) error {
	var paths []string
	for _, a := range args {
		if strings.HasPrefix(a, `"`) {
			path, err := p.path(a)
			if err != nil {
				return err
			}
			paths = append(paths, path)
		}
	}
	if len(paths) == 0 || paths[0] == "" {
		return nil
	}
	op := traceOp{path: paths[0]}
	switch {
	case strings.HasPrefix(name, "mkdir"):
		op.what, op.node = "make", &inode{folder: true}
		p.names[op.path] = op.node
	case strings.HasPrefix(name, "rename"):
		op.what, op.to = "rename", paths[1]
		p.names[op.to] = p.names[op.path]
		delete(p.names, op.path)
	default:
		op.what = "remove"
		delete(p.names, op.path)
	}
	p.ops = append(p.ops, op)
	return nil
}

// cut is how much of what was not made durable a power cut leaves.
type cut int

const (
	cutPrefix cut = iota // all of it
	cutSubset            // any of it
	cutTorn              // any of its sectors of 512 bytes, in any order
	cuts
)

// power writes into dir what a power cut before the k-th call leaves there. Names that were not made durable are there up
// to a random one of them, as on a file system with a journal.
func (x *trace) power(dir string, k int, how cut, r *rand.Rand) error {
	names := x.namesAt(k, r)
	for _, path := range slices.Sorted(maps.Keys(names)) {
		node, err := names[path], error(nil)
		if node.folder {
			err = os.MkdirAll(filepath.Join(dir, path), 0o700)
		} else {
			err = os.WriteFile(filepath.Join(dir, path), x.content(node, k, how, r), 0o600)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// namesAt are the names after a power cut before the k-th call.
func (x *trace) namesAt(k int, r *rand.Rand) map[string]*inode {
	now := maps.Clone(x.before)
	synced := map[*inode]int{} // folder -> its last sync
	folder := func(path string) *inode { return now[filepath.Dir(path)] }
	parents := make([]*inode, k) // of each naming call
	var loose []int
	for i, op := range x.ops[:k] {
		switch op.what {
		case "sync":
			synced[op.node] = i
		case "make", "rename", "remove":
			parents[i] = folder(op.path)
			if op.what == "make" && op.node.folder {
				now[op.path] = op.node
			}
		}
	}
	durable := func(i int) bool { s, ok := synced[parents[i]]; return ok && s > i }
	for i := range k {
		if parents[i] != nil && !durable(i) {
			loose = append(loose, i)
		}
	}
	last := k // from here on loose ones are lost
	if n := r.IntN(len(loose) + 1); n < len(loose) {
		last = loose[n]
	}
	names := maps.Clone(x.before)
	for i, op := range x.ops[:k] {
		if parents[i] == nil || i >= last && !durable(i) {
			continue
		}
		switch op.what {
		case "make":
			names[op.path] = op.node
		case "rename":
			if node := names[op.path]; node != nil {
				names[op.to] = node
				delete(names, op.path)
			}
		case "remove":
			delete(names, op.path)
		}
	}
	return names
}

// content is what a file holds after a power cut before the k-th call.
func (x *trace) content(node *inode, k int, how cut, r *rand.Rand) []byte {
	var ops, loose []traceOp
	for _, op := range x.ops[:k] {
		switch {
		case op.node != node:
		case op.what == "sync":
			ops, loose = append(ops, loose...), nil
		case op.what == "write" || op.what == "resize":
			loose = append(loose, op)
		}
	}
	if how == cutTorn {
		loose = sectors(loose)
		r.Shuffle(len(loose), func(i, j int) { loose[i], loose[j] = loose[j], loose[i] })
	}
	data := bytes.Clone(node.base)
	for i, op := range append(ops, loose...) {
		if i >= len(ops) && how != cutPrefix && r.IntN(2) == 0 {
			continue
		}
		size := op.at + int64(len(op.data))
		if n := size - int64(len(data)); n > 0 {
			data = append(data, make([]byte, n)...)
		} else if op.what == "resize" {
			data = data[:size]
		}
		copy(data[op.at:], op.data)
	}
	return data
}

// sectors cuts writes into the pieces that a disk writes whole.
func sectors(ops []traceOp) (list []traceOp) {
	for _, op := range ops {
		if op.what != "write" {
			list = append(list, op)
			continue
		}
		for at := 0; at < len(op.data); at += 512 {
			list = append(list, traceOp{what: "write", node: op.node, at: op.at + int64(at), data: op.data[at:min(at+512, len(op.data))]})
		}
	}
	return list
}

// said is what the process had printed before the k-th call.
func (x *trace) said(k int) string {
	var b strings.Builder
	for _, op := range x.ops[:k] {
		if op.what == "say" {
			b.Write(op.data)
		}
	}
	return b.String()
}

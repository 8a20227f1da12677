package powercut

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

	"tillpost/testkit"
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

// Trace is what a process did in a folder, and said, in order.
type Trace struct {
	before map[string]*inode // what was there, by path below the folder
	ops    []traceOp
}

// Run runs this test binary with arguments and with more in its environment, and traces what it does in the folder dir.
func Run(t testing.TB, dir string, args []string, env ...string) *Trace {
	t.Helper()
	testkit.NeedTool(t, "strace", "-f", "true")
	x := &Trace{before: map[string]*inode{}}
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
		"-e", "trace=pwrite64,write,fdatasync,fsync,ftruncate,openat,close,renameat,renameat2,rename,unlinkat,unlink,mkdirat,mkdir,"+unknown, os.Args[0])
	cmd.Args = append(cmd.Args, args...)
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

// unknown are calls of which a trace knows only that they were not made: nobody has taught it what they leave.
const unknown = "linkat,link,symlinkat,symlink,truncate,fallocate,copy_file_range,sendfile,pwritev,pwritev2,writev,lseek,dup,dup2,dup3"

var (
	calledWhole   = regexp.MustCompile(`^(\d+) +(\w+)\((.*)\) += (-?\d+)`)
	calledBegun   = regexp.MustCompile(`^(\d+) +(\w+)\((.*) <unfinished \.\.\.>$`)
	calledResumed = regexp.MustCompile(`^(\d+) +<\.\.\. (\w+) resumed>(.*)\) += (-?\d+)`)
)

// parse reads strace's words. A call counts when it has returned.
func (x *Trace) parse(dir string, text []byte) error {
	begun := map[string]string{}
	p := &traceParser{Trace: x, dir: dir, names: maps.Clone(x.before), open: map[string]*inode{}, paths: map[string]string{}, at: map[string]int64{}}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if m := calledBegun.FindStringSubmatch(line); m != nil {
			if begun[m[1]] = m[3]; m[2] == "close" { // its descriptor may be given anew before it returns
				p.closed(m[3])
			}
			continue
		}
		m := calledWhole.FindStringSubmatch(line)
		if r := calledResumed.FindStringSubmatch(line); r != nil {
			m = []string{"", r[1], r[2], begun[r[1]] + r[3], r[4]}
		}
		if m == nil || strings.HasPrefix(m[4], "-") || m[2] == "close" && strings.Contains(line, "resumed") {
			continue // a signal, an exit, a call that failed, or one that was dealt with
		}
		if err := p.call(m[2], strings.Split(m[3], ", "), m[4]); err != nil {
			return fmt.Errorf("%.200s: %w", line, err)
		}
	}
	return nil
}

// traceParser follows the names and the descriptors of a traced process.
type traceParser struct {
	*Trace
	dir   string
	names map[string]*inode
	open  map[string]*inode // by descriptor
	paths map[string]string // of folders below the traced one, by descriptor
	at    map[string]int64  // where the next write goes, by descriptor
}

func unhex(text string) ([]byte, error) {
	if strings.HasSuffix(text, "...") {
		return nil, fmt.Errorf("the trace is cut short")
	}
	return hex.DecodeString(strings.ReplaceAll(strings.Trim(text, `"`), `\x`, ""))
}

// path is an argument as the maps name it, after the descriptor of the folder that it is relative to, if any; "" = it lies elsewhere.
func (p *traceParser) path(folder, arg string) (string, error) {
	text, err := unhex(arg)
	name := string(text)
	if at, ok := p.paths[folder]; ok && !filepath.IsAbs(name) {
		name = filepath.Join(p.dir, at, name)
	}
	return below(p.dir, name), err
}

func (p *traceParser) call(name string, args []string, result string) error {
	switch name {
	case "openat":
		return p.opened(args, result)
	case "close":
		p.closed(args[0])
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
		if strings.Contains(","+unknown+",", ","+name+",") {
			if slices.ContainsFunc(args, func(arg string) bool { return p.open[arg] != nil || p.inside(arg) }) {
				return fmt.Errorf("%s: nobody knows what that leaves", name)
			}
			return nil
		}
		return p.named(name, args)
	}
	return nil
}

// inside tells whether an argument is an absolute path in the traced folder.
func (p *traceParser) inside(arg string) bool {
	path, err := p.path("", arg)
	return strings.HasPrefix(arg, `"`) && err == nil && path != ""
}

func (p *traceParser) closed(fd string) {
	delete(p.open, fd)
	delete(p.paths, fd)
}

func (p *traceParser) opened(args []string, fd string) error {
	path, err := p.path(args[0], args[1])
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
	if node.folder {
		p.paths[fd] = path
	}
	return nil
}

// named deals with the calls that change names.
func (p *traceParser) named(name string, args []string) error {
	var paths []string
	for i, a := range args {
		if strings.HasPrefix(a, `"`) {
			path, err := p.path(args[max(0, i-1)], a)
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

// leave writes into dir what a power cut before the k-th call leaves there. Names that were not made durable are there up
// to a random one of them, as on a file system with a journal.
func (x *Trace) leave(dir string, k int, how cut, r *rand.Rand) error {
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
func (x *Trace) namesAt(k int, r *rand.Rand) map[string]*inode {
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
func (x *Trace) content(node *inode, k int, how cut, r *rand.Rand) []byte {
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
func (x *Trace) said(k int) string {
	var b strings.Builder
	for _, op := range x.ops[:k] {
		if op.what == "say" {
			b.Write(op.data)
		}
	}
	return b.String()
}

// Len is how many calls there are.
func (x *Trace) Len() int { return len(x.ops) }

// FirstSaid is the first call that says something.
func (x *Trace) FirstSaid() int {
	for i, op := range x.ops {
		if op.what == "say" {
			return i
		}
	}
	return len(x.ops)
}

// Renamed reports whether a file got the name to.
func (x *Trace) Renamed(to string) bool {
	return slices.ContainsFunc(x.ops, func(op traceOp) bool { return op.what == "rename" && op.to == to })
}

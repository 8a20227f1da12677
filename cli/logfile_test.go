package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// newLogFile is a log file of at most max bytes in a folder of its own that is not there yet.
func newLogFile(t *testing.T, max int64, keep int) *logFile {
	t.Helper()
	l := &logFile{path: filepath.Join(t.TempDir(), "logs", "till.log"), max: max, keep: keep}
	t.Cleanup(l.close)
	return l
}

// add writes numbered lines of ten bytes, from one on, some at a time.
func add(t *testing.T, l *logFile, from, to, atOnce int) {
	t.Helper()
	var b bytes.Buffer
	for i := from; i <= to; i++ {
		fmt.Fprintf(&b, "line %04d\n", i)
		if (i-from+1)%atOnce != 0 && i < to {
			continue
		}
		if n, err := l.Write(b.Bytes()); n != b.Len() || err != nil {
			t.Fatalf("got %d, %v; want %d bytes written", n, err, b.Len())
		}
		b.Reset()
	}
}

// holds are the files of the log's folder, the oldest first, each with its lines: "1: 1-9, till: 10-12".
func holds(t *testing.T, l *logFile) string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(l.path))
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range entries { // till-... stands before till.log
		name := strings.TrimLeft(strings.TrimSuffix(strings.TrimPrefix(e.Name(), "till-"), ".log"), "0")
		list = append(list, name+": "+span10(t, read(t, filepath.Join(filepath.Dir(l.path), e.Name()))))
	}
	return strings.Join(list, ", ")
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// span10 is the first and the last number of lines that follow each other.
func span10(t *testing.T, text string) string {
	t.Helper()
	first, last := 0, 0
	for line := range strings.Lines(text) {
		var n int
		if _, err := fmt.Sscanf(line, "line %d\n", &n); err != nil || len(line) != 10 || first != 0 && n != last+1 {
			t.Fatalf("after line %d: got %q", last, line)
		}
		if last = n; first == 0 {
			first = n
		}
	}
	return fmt.Sprintf("%d-%d", first, last)
}

func TestAFullLogFileIsPutAside(t *testing.T) { // O11
	t.Parallel()
	for _, c := range []struct {
		name        string
		keep        int
		lines, once int
		want        string
	}{
		{"a line at a time", 9, 25, 1, "1: 1-10, 2: 11-20, till: 21-25"},
		{"many lines at a time", 9, 25, 25, "1: 1-10, 2: 11-20, till: 21-25"},
		{"one that is not full stays", 9, 10, 3, "till: 1-10"},
		{"only the newest are kept", 2, 55, 4, "4: 31-40, 5: 41-50, till: 51-55"},
		{"none is kept", 0, 25, 1, "till: 21-25"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := newLogFile(t, 109, c.keep) // ten lines, and nearly another
			add(t, l, 1, c.lines, c.once)
			if got := holds(t, l); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestALineThatIsLongerThanAFileStaysWhole(t *testing.T) {
	t.Parallel()
	l := newLogFile(t, 20, 9)
	long := strings.Repeat("x", 50) + "\n"
	for _, text := range []string{"a\n", long + long + "b\nc\n"} {
		if n, err := l.Write([]byte(text)); n != len(text) || err != nil {
			t.Fatalf("got %d, %v", n, err)
		}
	}
	for name, want := range map[string]string{l.numbered(1): "a\n", l.numbered(2): long, l.numbered(3): long, l.path: "b\nc\n"} {
		if got := read(t, name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

func TestALaterRunGoesOnWithTheLogFile(t *testing.T) {
	t.Parallel()
	l := newLogFile(t, 100, 9)
	add(t, l, 1, 35, 1)
	l.close()
	foreign := []string{"till-1.log", "till-000002.txt", "till-0000003.log", "till-x.log", "other-000001.log"}
	for _, name := range foreign {
		if err := os.WriteFile(filepath.Join(filepath.Dir(l.path), name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l = &logFile{path: l.path, max: 50, keep: 2}
	add(t, l, 36, 37, 1)
	l.close()
	for _, name := range foreign {
		if err := os.Remove(filepath.Join(filepath.Dir(l.path), name)); err != nil {
			t.Errorf("a file that is none of the log's: %v", err)
		}
	}
	if got, want := holds(t, l), "3: 21-30, 4: 31-35, till: 36-37"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestALineThatWasCutShortEndsBeforeTheNext(t *testing.T) {
	t.Parallel()
	l := newLogFile(t, 100, 0)
	add(t, l, 1, 1, 1)
	l.close()
	if err := os.WriteFile(l.path, []byte("line 0001\nline 00"), 0o600); err != nil {
		t.Fatal(err)
	}
	add(t, l, 3, 3, 1)
	if got, want := read(t, l.path), "line 0001\nline 00\nline 0003\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestALogFileThatIsTakenAwayBeginsAnew(t *testing.T) {
	t.Parallel()
	for name, away := range map[string]func(path string) error{
		"deleted":                 os.Remove,
		"moved":                   func(path string) error { return os.Rename(path, path+".old") },
		"deleted with its folder": func(path string) error { return os.RemoveAll(filepath.Dir(path)) },
		"replaced":                func(path string) error { return errors.Join(os.Remove(path), os.WriteFile(path, nil, 0o600)) },
		"emptied":                 func(path string) error { return os.Truncate(path, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLogFile(t, 100, 0)
			add(t, l, 1, 3, 1)
			l.close() // for Windows, which lets nobody take an open file away
			if err := away(l.path); err != nil {
				t.Fatal(err)
			}
			add(t, l, 4, 5, 1)
			if got := span10(t, read(t, l.path)); got != "4-5" {
				t.Errorf("got the lines %s, want those from then on", got)
			}
		})
	}
}

func TestTwoProcessesShareALogFile(t *testing.T) {
	t.Parallel()
	a := newLogFile(t, 100, 9)
	b := &logFile{path: a.path, max: 100, keep: 9}
	t.Cleanup(b.close)
	for i := 1; i <= 34; i += 2 {
		b.close() // for Windows, which renames no file that is open
		add(t, a, i, i, 1)
		a.close()
		add(t, b, i+1, i+1, 1)
	}
	if got, want := holds(t, a), "1: 1-10, 2: 11-20, 3: 21-30, till: 31-34"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestALogFileThatCannotBePutAsideGrowsToTwiceItsSize(t *testing.T) { // O11
	t.Parallel()
	l := newLogFile(t, 100, 9)
	blocks := filepath.Join(l.numbered(1), "it cannot be renamed over a folder")
	if err := os.MkdirAll(blocks, 0o700); err != nil {
		t.Fatal(err)
	}
	add(t, l, 1, 20, 1)
	if got := span10(t, read(t, l.path)); got != "1-20" || l.aside == nil {
		t.Errorf("got the lines %s, %v; want all of them, and why they are not put aside", got, l.aside)
	}
	add(t, l, 21, 25, 1)
	if got := span10(t, read(t, l.path)); got != "21-25" || l.aside == nil {
		t.Errorf("got the lines %s, %v; want the newest alone, and why", got, l.aside)
	}
	if err := os.RemoveAll(l.numbered(1)); err != nil {
		t.Fatal(err)
	}
	add(t, l, 26, 31, 1)
	if got, want := holds(t, l), "1: 21-30, till: 31-31"; got != want || l.aside != nil {
		t.Errorf("got %s, %v; want %s", got, l.aside, want)
	}
}

func TestALogFileThatSomebodyReadsIsWrittenAllTheSame(t *testing.T) {
	t.Parallel()
	l := newLogFile(t, 100, 9)
	add(t, l, 1, 1, 1)
	reader, err := os.Open(l.path) // so that Windows does not let it be renamed
	if err != nil {
		t.Fatal(err)
	}
	add(t, l, 2, 25, 1)
	if (l.aside != nil) != (runtime.GOOS == "windows") {
		t.Errorf("while it is read: got %v", l.aside)
	}
	if err := reader.Close(); err != nil {
		t.Fatal(err)
	}
	add(t, l, 26, 35, 1)
	if got := span10(t, read(t, l.path)); got != "31-35" || l.aside != nil {
		t.Errorf("afterwards: got the lines %s, %v; want those since it was put aside", got, l.aside)
	}
}

func TestWhatIsNoFileIsNoLogFile(t *testing.T) {
	t.Parallel()
	l := newLogFile(t, 100, 9)
	if err := os.MkdirAll(l.path, 0o700); err != nil {
		t.Fatal(err)
	}
	n, err := l.Write([]byte("a line\n"))
	pe, ok := errors.AsType[*fs.PathError](err)
	if n != 0 || !ok || pe.Path != l.path || !strings.Contains(pe.Error(), "not a regular file") {
		t.Errorf("got %d, %v; want that it is not a regular file", n, err)
	}
}

// crash is what a process of the test binary does: it dies while it logs to a file.
func crash(path string) {
	l := &logFile{path: path, max: 1 << 20}
	_, _ = l.Write([]byte("the last line\n")) // the test reads it
	panic("it went wrong")
}

func TestTheTraceOfACrashIsInTheLogFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "till.log")
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "TILLPOST_TEST_CRASH="+path)
	if err := cmd.Run(); err == nil {
		t.Fatal("it did not crash")
	}
	if got := read(t, path); !strings.HasPrefix(got, "the last line\npanic: it went wrong\n") || !strings.Contains(got, "logfile_test.go:") {
		t.Errorf("got %q, want the last line and the trace", got)
	}
}

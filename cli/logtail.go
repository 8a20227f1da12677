package cli

import (
	"bytes"
	"io"
	"slices"
	"sync"
)

const (
	tailLines = 200
	tailLine  = 2000 // bytes of a line that are kept
)

// logTail keeps the newest lines of a log, for the status page. The zero value has none; it may be used by several goroutines.
type logTail struct {
	mu    sync.Mutex // guards what follows
	kept  []string
	first int // of them, the oldest
}

// Write takes one line of the log.
func (t *logTail) Write(line []byte) (int, error) {
	text := string(bytes.ToValidUTF8(bytes.TrimRight(line[:min(len(line), tailLine)], "\n"), []byte("\uFFFD")))
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.kept) < tailLines {
		t.kept = append(t.kept, text)
		return len(line), nil
	}
	t.kept[t.first] = text
	t.first = (t.first + 1) % tailLines
	return len(line), nil
}

// lines are the lines, the oldest first.
func (t *logTail) lines() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Concat(t.kept[t.first:], t.kept[:t.first])
}

// tee writes to w, and what it writes also to the tail. Its result is w's.
type tee struct {
	w    io.Writer
	tail *logTail
}

func (t tee) Write(p []byte) (int, error) {
	_, _ = t.tail.Write(p) // it never fails
	return t.w.Write(p)
}

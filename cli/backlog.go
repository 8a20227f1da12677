package cli

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"time"
)

const (
	backlogSize = 1 << 20     // bytes that may wait, besides those that are being written
	flushTime   = time.Second // for which a command waits for its last words to be taken
)

// backlog is a writer that never lets its callers wait, and never fails: a goroutine of its own passes on what they
// write, and lines are dropped while too much waits. A pipe that nobody reads, or a console in which a person marks text,
// would bring the agent to a standstill otherwise.
type backlog struct {
	w      io.Writer
	writer sync.WaitGroup // of at most one, which is not waited for: its last write may never return

	mu      sync.Mutex // guards what follows
	note    func(lines int) []byte
	waiting []byte
	full    bool          // lines are dropped until what waits is taken
	lost    int           // lines, since the last note
	idle    chan struct{} // closed once all is written; nil = it is
	stuck   bool          // nothing was written for as long as a flush waits
}

func newBacklog(w io.Writer) *backlog {
	return &backlog{w: w, note: func(lines int) []byte {
		return fmt.Appendf(nil, "tillpost: warning: lines that could not be written in time: %d\n", lines)
	}}
}

// noteBy sets how it is told that lines were lost.
func (b *backlog) noteBy(note func(lines int) []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.note = note
}

// Write takes whole lines, or what belongs to none, such as a progress bar.
func (b *backlog) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.full || len(b.waiting)+len(p) > backlogSize {
		b.full = true
		b.lost += bytes.Count(p, []byte("\n"))
	} else {
		b.waiting = append(b.waiting, p...)
	}
	if b.idle == nil {
		b.idle = make(chan struct{})
		b.writer.Go(b.drain)
	}
	return len(p), nil
}

// drain writes until nothing waits.
func (b *backlog) drain() {
	for {
		text, lost, note := b.take()
		if note == nil {
			return
		}
		n, err := b.w.Write(text)
		if err == nil && lost > 0 {
			_, err = b.w.Write(note(lost))
		}
		b.mu.Lock()
		b.stuck = false
		if err != nil { // a reader that went away, or a full disk
			b.lost += lost + bytes.Count(text[min(max(n, 0), len(text)):], []byte("\n"))
		}
		b.mu.Unlock()
	}
}

// take hands out all that waits, how many lines were lost after it, and how to tell of those; nil where nothing waits.
func (b *backlog) take() (text []byte, lost int, note func(lines int) []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.waiting) == 0 && !b.full {
		close(b.idle)
		b.idle = nil
		return nil, 0, nil
	}
	text, lost = b.waiting, b.lost
	b.waiting, b.full, b.lost = nil, false, 0
	return text, lost, b.note
}

// flush waits until all is written, for at most flushTime, and not again while nothing is taken.
func (b *backlog) flush() {
	b.mu.Lock()
	idle, stuck := b.idle, b.stuck
	b.mu.Unlock()
	if idle == nil || stuck {
		return
	}
	select {
	case <-idle:
	case <-time.After(flushTime):
		b.mu.Lock()
		defer b.mu.Unlock()
		b.stuck = b.idle == idle
	}
}

// close flushes, and then closes what is written to, unless that still takes no more. Nothing is written after it.
func (b *backlog) close() {
	b.flush()
	b.mu.Lock()
	defer b.mu.Unlock()
	if c, ok := b.w.(io.Closer); ok && b.idle == nil {
		_ = c.Close() // what was written is beyond help
	}
}

package outbox

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// Disk is what a folder lies on.
type Disk struct {
	Name   string // its mount point or drive letter; "" = not known
	Free   uint64 // bytes that this account can still write
	Share  string // how it is a network's, such as nfs or \\server\share; "" = it is this machine's own
	Mapped string // the drive letter that a user's session gave to the share; "" = none
}

// reserve is how many bytes must be free before exports are taken in: what is left is for acknowledgements, without which
// nothing can be sent.
const reserve = 8 << 20

// What an export needs at the most, in multiples of its own bytes: while it is read and compared, and until all of it
// stands in the file. A short row of text, of which each begins a record of its own, is what needs most.
const (
	neededToRead  = 2
	neededToApply = 12
)

// FullError says that the disk has no room for what must be written. Nothing was changed, and deliveries may go on.
type FullError struct {
	Dir  string
	Disk Disk
	Need uint64 // about how many bytes must be free until it goes on
	Err  error  // what could not be written; nil = it was not tried
}

func (e *FullError) Error() string {
	text := fmt.Sprintf("the disk of %s is full: about %d MB are needed", e.Dir, megabytes(e.Need))
	if e.Disk.Name != "" {
		text = fmt.Sprintf("the disk of %s is full: %s has %d MB free, about %d MB are needed", e.Dir, e.Disk.Name, e.Disk.Free>>20, megabytes(e.Need))
	}
	if e.Err != nil {
		text += fmt.Sprintf(" (%v)", e.Err)
	}
	return text
}

func (e *FullError) Unwrap() error { return e.Err }

// For returns the error as it is for exports of so many bytes, which did not fit into what is free.
func (e *FullError) For(bytes int64) *FullError {
	full := *e
	full.Need = max(full.Need, full.Disk.Free+1<<20, reserve+neededToApply*uint64(max(0, bytes)))
	return &full
}

func megabytes(n uint64) uint64 { return (n + 1<<20 - 1) >> 20 }

// Room reports whether the disk has room to take in exports of so many bytes: a *FullError where it has not. Where that
// cannot be told, it may be tried.
func (o *Outbox) Room(bytes int64) error {
	need := reserve + neededToRead*uint64(max(0, bytes))
	d, err := DiskOf(o.dir)
	if err != nil || d.Free >= need {
		return nil
	}
	return &FullError{Dir: o.dir, Disk: d, Need: need}
}

// diskError makes a FullError of what says that the disk is full.
func diskError(dir string, err error) error {
	if !isDiskFull(err) {
		return err
	}
	d, _ := DiskOf(dir) // without it the error says less
	return &FullError{Dir: dir, Disk: d, Need: reserve, Err: err}
}

func isDiskFull(err error) bool {
	return err != nil && slices.ContainsFunc(fullErrors, func(full error) bool {
		return errors.Is(err, full) || isResize(err) && strings.HasSuffix(err.Error(), full.Error())
	})
}

// isResize reports whether bbolt could not make its file longer, before it wrote anything. It gives the words alone.
func isResize(err error) bool { return strings.Contains(err.Error(), "file resize error: ") }

// isFlush reports whether what failed is not the writing: where a flush fails nobody knows what is on disk, even where
// the cause is that it is full. bbolt answers the bare cause then, or the call's name.
func isFlush(err error) bool {
	call, ok := errors.AsType[*fs.PathError](err)
	return ok && call.Op == "sync" || !ok && !isResize(err)
}

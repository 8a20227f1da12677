package agent

import (
	"sync"

	"tillpost/export"
	"tillpost/outbox"
)

// feed hands rows to an intake in batches, from the second batch on on another core than the one that reads them. An
// export that fits into one batch is handed over at the end.
type feed struct {
	in    *outbox.Intake
	now   *batch      // being filled
	full  chan *batch // nil until there is a second core at work
	empty chan *batch
	hand  sync.WaitGroup
	err   error // of handing over; read once hand is done
}

// batch is some rows; their keys lie behind each other in keys.
type batch struct {
	keys []byte
	rows []fedRow
}

type fedRow struct {
	line    uint64
	figure  int64
	end     int // of its key in keys, and
	other   int // of the other key that it could be identified by, which comes behind
	counted bool
	kind    rowKind
}

type rowKind uint8

const (
	rowUpdate rowKind = iota
	rowVoid           // see outbox.Intake.Void
	rowBlank          // see outbox.Intake.Name
)

const batchRows = 4096

func newFeed(in *outbox.Intake) *feed {
	return &feed{in: in, now: &batch{}}
}

// add takes a row; its keys may be used again.
func (f *feed) add(row export.Row, counted bool) {
	r := fedRow{line: uint64(row.Line), figure: row.Figure, counted: counted}
	if row.Blank {
		r.kind = rowBlank
	}
	f.put(row.Key, row.Other, r)
}

// void takes a row that names a key and is a reject.
func (f *feed) void(reject *export.Reject) {
	f.put(reject.Key, reject.Other, fedRow{line: uint64(reject.Line), kind: rowVoid})
}

func (f *feed) put(key, other []byte, r fedRow) {
	b := f.now
	b.keys = append(b.keys, key...)
	r.end = len(b.keys)
	b.keys = append(b.keys, other...)
	r.other = len(b.keys)
	b.rows = append(b.rows, r)
	if len(b.rows) == batchRows {
		f.pass()
	}
}

// pass passes a full batch on and gets an empty one.
func (f *feed) pass() {
	if f.full == nil {
		f.full, f.empty = make(chan *batch, 1), make(chan *batch, 2)
		f.empty <- &batch{}
		f.empty <- &batch{}
		f.hand.Go(func() {
			for b := range f.full {
				if f.err == nil {
					f.err = b.handOver(f.in)
				}
				b.keys, b.rows = b.keys[:0], b.rows[:0]
				f.empty <- b
			}
		})
	}
	f.full <- f.now
	f.now = <-f.empty
}

// close hands over what is left and waits until all of it is. It must be called, once.
func (f *feed) close() error {
	if f.full != nil {
		close(f.full)
		f.hand.Wait()
	}
	if f.err != nil {
		return f.err
	}
	return f.now.handOver(f.in)
}

func (b *batch) handOver(in *outbox.Intake) error {
	at := 0
	for _, r := range b.rows {
		key, other := b.keys[at:r.end], b.keys[r.end:r.other]
		at = r.other
		var err error
		switch r.kind {
		case rowVoid:
			err = in.Void(r.line, key, other)
		case rowBlank:
			err = in.Name(r.line, key, other)
		default:
			err = in.AddAs(r.line, key, other, r.figure, r.counted)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

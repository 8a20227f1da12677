package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"tillpost/agent"
	"tillpost/export"
	"tillpost/inventory"
)

// found is one update that an export would make.
type found struct {
	line     int
	key      inventory.Key
	quantity int64
	known    bool   // there is a ledger, and
	was      *int64 // this is what it says was wanted last; nil = it knows nothing of the key
}

// changed reports whether the update differs from what the ledger says.
func (f found) changed() bool { return f.was != nil && *f.was != f.quantity }

// examination reads one export, twice: the first time tells whether it is read to its end, and which rows are for a key
// that other rows are for too; the second time what each row comes to. Memory is bounded, see duplicates.
type examination struct {
	how      agent.Reading
	desk     agent.Desk // nil = there is no ledger
	sink     sink
	progress func(done, total int64) // bytes
	shown    func() error            // why the sink takes no more

	detected export.Detected

	sum     previewSum
	whole   bool // sum counts all rows
	figures int  // rows with a figure
	zeros   int  // of those, that are 0 or less

	batch []item // waits for the ledger
}

// item is an update or a reject.
type item struct {
	found
	reject string // "" = it is an update
	code   string // the reject's class
}

const askBatch = 1000 // updates that the ledger is asked for at once

// run shows the export at path. The error says why nothing of it would be taken.
func (x *examination) run(ctx context.Context, path string) (err error) {
	if x.desk != nil {
		x.sum.Unchanged = new(int)
	}
	reader, err := export.New(x.how.Options)
	if err != nil {
		return fmt.Errorf("read the export %s: %w", path, err)
	}
	f, err := openExport(path)
	if err != nil {
		return err
	}
	defer f.Close() // it is only read
	first, err := x.rows(ctx, reader, f, 0)
	if err != nil {
		return err
	}
	x.detected = first.Detected()
	x.sink.detected(x.detected)
	dup, err := x.survey(ctx, first)
	if err != nil {
		return err
	}
	if err := f.unchanged(); err != nil {
		return err
	}
	second, err := x.rows(ctx, reader, f, f.size)
	if err != nil {
		return err
	}
	if err := x.show(ctx, second, dup); err != nil {
		return err
	}
	if err := f.unchanged(); err != nil {
		return err
	}
	sum := second.Summary()
	x.sum.Rows, x.whole = sum.Rows, true
	x.sum.Skipped += sum.Skipped
	switch { // promise 10
	case sum.Rows == 0:
		return &export.Refused{Code: export.RefusedEmpty, Reason: "it has no rows below its header"}
	case sum.Updates == 0:
		return fmt.Errorf("not one of its rows is an update: %d rejected, %d skipped", sum.Rejects, sum.Skipped)
	}
	return nil
}

// rows begins to read the export from its start. What was read counts from offset in the progress.
func (x *examination) rows(ctx context.Context, reader *export.Reader, f *exportFile, offset int64) (*export.Rows, error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	return reader.Read(&meter{r: io.LimitReader(f, f.size), ctx: ctx, tell: func(n int64) { x.progress(offset+n, 2*f.size) }})
}

// survey reads the export to its end and finds the keys that several rows are for.
func (x *examination) survey(ctx context.Context, rows *export.Rows) (*duplicates, error) {
	dup := newDuplicates(x.how.Duplicates)
	for row, err := range rows.All() {
		if err != nil {
			reject, ok := errors.AsType[*export.Reject](err)
			if !ok {
				return nil, err
			}
			err = dup.void(reject)
		} else {
			err = dup.add(row)
		}
		if err != nil {
			return nil, err
		}
	}
	dup.settle()
	return dup, ctx.Err()
}

// show tells the sink what each row comes to.
func (x *examination) show(ctx context.Context, rows *export.Rows, dup *duplicates) error {
	for row, err := range rows.All() {
		if err != nil {
			reject, ok := errors.AsType[*export.Reject](err)
			if !ok {
				return err
			}
			err = x.reject(ctx, reject.Line, reject.Code, reject.Reason)
		} else {
			err = x.judge(ctx, row, dup.next(row))
		}
		if err != nil {
			return err
		}
	}
	return x.flush(ctx)
}

// judge deals with a row that is an update of its own, or lost, was added up or rejected as a duplicate.
func (x *examination) judge(ctx context.Context, row export.Row, f fate) error {
	x.figures++
	if row.Figure <= 0 {
		x.zeros++
	}
	switch {
	case f.lost:
		if x.sum.duplicates++; len(x.sum.lost) < shownLost {
			x.sum.lost = append(x.sum.lost, [2]int{row.Line, f.other})
		}
		x.sum.Skipped++
		x.sum.Rows++
		return nil
	case f.rejected == export.RejectDuplicate:
		return x.reject(ctx, row.Line, f.rejected, fmt.Sprintf("line %d is for the same product and store, and duplicates are rejected", f.other))
	case f.rejected != "":
		return x.reject(ctx, row.Line, f.rejected, fmt.Sprintf("line %d is for the same product and store and was rejected, so that their sum is not known", f.other))
	}
	quantity := x.how.Stock.Quantity(f.figure)
	if max(quantity, -quantity) > inventory.MaxQuantity { // only a sum can get there
		return x.reject(ctx, row.Line, export.RejectSum, fmt.Sprintf("the sum of the rows for its product and store, %d, is too large", f.figure))
	}
	key, err := inventory.DecodeKey(row.Key)
	if err != nil {
		return fmt.Errorf("line %d: %w", row.Line, err)
	}
	return x.push(ctx, item{found: found{line: row.Line, key: key, quantity: quantity}})
}

// reject puts a reject into the batch.
func (x *examination) reject(ctx context.Context, line int, code, reason string) error {
	return x.push(ctx, item{found: found{line: line}, code: code, reject: reason})
}

// push puts an item into the batch, and the batch through where it is full.
func (x *examination) push(ctx context.Context, i item) error {
	x.batch = append(x.batch, i)
	if len(x.batch) < askBatch {
		return nil
	}
	return x.flush(ctx)
}

// flush asks the ledger about the batch's updates, and hands it on.
func (x *examination) flush(ctx context.Context) error {
	if err := errors.Join(ctx.Err(), x.shown()); err != nil {
		return err
	}
	if err := x.ask(ctx); err != nil {
		return fmt.Errorf("compare with what was sent before: %w", err)
	}
	for _, i := range x.batch {
		if i.reject != "" {
			x.sum.rejected(i.code)
			x.sink.reject(i.line, i.reject)
			continue
		}
		x.sum.Updates++
		x.sum.Rows++
		if i.was != nil && *i.was == i.quantity {
			*x.sum.Unchanged++
		}
		x.sink.update(i.found)
	}
	x.batch = x.batch[:0]
	return nil
}

func (x *examination) ask(ctx context.Context) error {
	if x.desk == nil {
		return nil
	}
	keys := make([][]byte, 0, len(x.batch))
	for _, i := range x.batch {
		if i.reject == "" {
			keys = append(keys, i.key.Encode())
		}
	}
	if len(keys) == 0 {
		return nil
	}
	wanted, err := x.desk.Wanted(ctx, keys)
	if err != nil {
		return err
	}
	if len(wanted) != len(keys) {
		return errors.New("the answer has another length than the question")
	}
	n := 0
	for j := range x.batch {
		if i := &x.batch[j]; i.reject == "" {
			i.known, i.was = true, wanted[n]
			n++
		}
	}
	return nil
}

// readError says that a file cannot be read as an export.
type readError struct{ err error }

func (e *readError) Error() string { return "read the export: " + e.err.Error() }
func (e *readError) Unwrap() error { return e.err }

var errIsFolder = errors.New("is a folder")

// exportFile is an export that is open.
type exportFile struct {
	*os.File
	path  string
	size  int64
	about os.FileInfo
}

// openExport opens a regular file, where Windows has such a thing in a way that lets the POS replace it meanwhile.
func openExport(path string) (*exportFile, error) {
	about, err := os.Stat(path) // before it is opened: opening a FIFO would wait for its writer
	if err != nil {
		return nil, &readError{err}
	}
	if err := fileReason(path, about); err != nil {
		return nil, err
	}
	f, err := openShared(path)
	if err != nil {
		return nil, &readError{err}
	}
	if about, err = f.Stat(); err == nil {
		err = fileReason(path, about)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &exportFile{File: f, path: path, size: about.Size(), about: about}, nil
}

// fileReason says why a file cannot be opened as an export.
func fileReason(name string, about fs.FileInfo) error {
	switch {
	case about.IsDir():
		return &readError{fmt.Errorf("%s %w", name, errIsFolder)}
	case !about.Mode().IsRegular():
		return &readError{fmt.Errorf("%s is not a regular file", name)}
	}
	return nil
}

// openShared opens through the folder, which on Windows lets others rename and delete the file, unlike os.Open.
func openShared(path string) (*os.File, error) {
	if root, err := os.OpenRoot(filepath.Dir(path)); err == nil {
		defer root.Close()
		if f, err := root.Open(filepath.Base(path)); err == nil {
			return f, nil
		}
	}
	return os.Open(path) // such as a link that leads out of its folder
}

// unchanged says that the file was written to while it was read, or nil.
func (f *exportFile) unchanged() error {
	about, err := f.Stat()
	if err != nil {
		return &readError{err}
	}
	if about.Size() != f.size || !about.ModTime().Equal(f.about.ModTime()) {
		return fmt.Errorf("read the export: %s changed while it was read; try again once it is written", f.path)
	}
	return nil
}

// meter tells how much was read, and ends the reading with ctx.
type meter struct {
	r    io.Reader
	ctx  context.Context // of the one call that reads through it
	n    int64
	tell func(n int64)
}

func (m *meter) Read(p []byte) (int, error) {
	if err := m.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := m.r.Read(p)
	m.n += int64(n)
	m.tell(m.n)
	return n, err
}

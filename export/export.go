// Package export turns an export's bytes into updates and rejects.
//
// A decoder for each format yields records: fields as bytes, and the line where the record starts. One pipeline, the
// same for every format, finds the header, maps columns to codes and numbers, and encodes the key. A new format is a
// file of its own that fills a record; nothing after it changes. There are CSV, fixed width, Excel workbooks (xlsx), XML, JSON
// and NDJSON, each known by its bytes; gzip and zip files are opened.
//
// # Promises
//
//  1. A figure is the export's own or there is none: what is not certainly a number, a code or a whole row is a Reject,
//     and what is not certainly understood as a file is Refused. Nothing is guessed by position. Promise 10.
//     Where a second header begins another table, no row counts up to a repeat of the first.
//  2. A bad row costs itself only. A stray quote costs the row that it is in, however far its partner is. Promise 7.
//  3. Memory is bounded, whatever the input: a record is at most MaxRecord bytes, of fields of at most MaxField bytes,
//     at most MaxColumns of them; a longer one is a reject that is passed over without being kept. Time is linear.
//  4. Every record after the header is counted once: Rows = Updates + Rejects + Skipped. Where there is a column for each
//     store, or for each size, each of those counts as a row.
//
// A row of an ordinary export costs no allocation.
package export

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"runtime"
	"strings"
)

// The bounds of what is read.
const (
	MaxRecord      = 1 << 20 // bytes of one record
	MaxRecordLines = 1000    // lines of one record, which a quoted field can span
	MaxField       = 64 << 10
	MaxColumns     = 10_000
)

// Row is one row of an export that is an update.
type Row struct {
	Line int // where the record starts, 1-based

	// Key is inventory's encoded key. It is valid until the next row.
	Key []byte

	// Other is the key that the row could be identified by as well, where Rows.Whole asks for it: that of its SKU, where Key
	// is that of its UPC. nil = there is none. It is valid until the next row.
	Other []byte

	// Blank says that the row names a product and says nothing of its quantity: it is no update. There is such a row only
	// where Rows.Whole asks for it.
	Blank bool

	// Figure is what the POS says, in units, once fractions are settled; at most inventory.MaxQuantity either way.
	// Negative figures and the reserve are inventory.Stock's, after duplicates are settled.
	Figure int64

	// Unterminated says that the export may be cut in this record: it ends without a line end, or follows a quote
	// that nothing closed before the end. Promise 6 of the contract: it waits for settle_last.
	Unterminated bool
}

// Reject is a row that could not become an update.
type Reject struct {
	Line         int
	Code         string   // its class, one of the Reject constants
	Reason       string   // for a technician: column "On Hand": "1O" is not a whole number
	Record       []string // the fields as they were read, at most 16 KiB of them
	Unterminated bool     // as in Row

	// Key is inventory's encoded key, set where only the quantity is bad: the product is certain, its figure is not, so
	// that a sum without this row would be a false one. nil where the key is not known. It is valid until the next row.
	Key []byte

	// Other is as in Row.
	Other []byte
}

// The classes of rejects. They are stable: counts are kept by them.
const (
	RejectTooLong   = "too_long"   // the record, or a field of it, is longer than the bounds
	RejectRecord    = "record"     // the record is not a valid JSON object
	RejectTwice     = "twice"      // a field of the record has two values: it is there twice, or a list or an object
	RejectQuote     = "quote"      // a quoted field does not end, or goes on after its end
	RejectLineEnd   = "line_end"   // a line end of another kind stands in the row
	RejectShort     = "short"      // the row ends before a column that it needs
	RejectCrossed   = "crossed"    // of a report in columns: a text stands where two columns part
	RejectShifted   = "shifted"    // the row has more fields than there are columns
	RejectNumber    = "number"     // the quantity is no number
	RejectDecimal   = "decimal"    // the quantity may be one of two numbers, 1000 times apart
	RejectTooLarge  = "too_large"  // the quantity is greater than inventory.MaxQuantity
	RejectNegative  = "negative"   // the quantity is negative, and Options.RejectNegative
	RejectFraction  = "fraction"   // the quantity is a fraction, and Options.RejectFractions
	RejectStore     = "store"      // the store is blank, or not one of Options.Stores
	RejectUPC       = "upc"        // the UPC is not valid, and there is no SKU to use instead
	RejectNoProduct = "no_product" // the row names no product
	RejectSKU       = "sku"        // the SKU lacks something of Options.SKUNeeds
	RejectTable     = "table"      // the row is of another table in the export, whose header is not the first one
	RejectCode      = "code"       // a code is damaged: by control characters, its length, its encoding, or a spreadsheet
)

// The classes of rows that were read well, and fell when the rows for one key were settled (`duplicates`). Rows does not
// know the other rows of a key: whoever settles them makes these.
const (
	RejectDuplicate = "duplicate" // with `duplicates: reject`, another row is for the same key
	RejectSum       = "sum"       // with `duplicates: sum`, the sum is too large, or lacks a row whose figure is not known
)

func (r *Reject) Error() string { return fmt.Sprintf("line %d: %s", r.Line, r.Reason) }

// Refused says why a whole export cannot be read.
type Refused struct {
	Code   string // its class, one of the Refused constants
	Reason string // what was found
	Write  string // the line to write into the source's config, such as `defaults: {store: "..."}`; empty = none helps

	// Headings are those of the line that is taken for the header, in order, where what is wrong was found there; nil = they
	// are not known.
	Headings []string

	headed  bool // the header was recognised: what is wrong is something else
	other   bool // it has the name of another list, so that one beside it may be the export
	damaged bool // it may be an export all the same, so that those beside it in an archive must not be read without it
}

// The classes of refusals. They are stable.
const (
	RefusedEmpty      = "empty"      // no bytes, or nothing but blanks
	RefusedContent    = "content"    // not text, or another format
	RefusedEncoding   = "encoding"   // text in an encoding that cannot be read
	RefusedHeader     = "header"     // no recognised header
	RefusedRow        = "row"        // nothing says which of its records are the rows
	RefusedColumn     = "column"     // a stated column is not there
	RefusedAmbiguous  = "ambiguous"  // two columns with the same heading
	RefusedStore      = "store"      // nothing says which store it is, or what says it is not all
	RefusedDelimiter  = "delimiter"  // no delimiter makes columns of it
	RefusedDecimal    = "decimal"    // the quantities contradict themselves
	RefusedWide       = "wide"       // a column for each store, or for each size
	RefusedDuplicates = "duplicates" // rows for one product and store have several quantities, and a column tells them apart
	RefusedCheck      = "check"      // the UPCs seem to lack their check digits
	RefusedSheet      = "sheet"      // the stated sheet of a workbook is not there
)

func (r *Refused) Error() string {
	if r.Write == "" {
		return r.Reason
	}
	return r.Reason + "; write `" + r.Write + "`"
}

// Detected is how an export is read.
type Detected struct {
	Format    string           `json:"format"`
	Encoding  string           `json:"encoding"`
	Delimiter string           `json:"delimiter"`     // the character; "tab" for a tab
	Decimal   string           `json:"decimal"`       // ".", ",", or "auto": not settled, so that a quantity that can be two numbers is a reject
	Header    int              `json:"header"`        // its line, 1-based; 0 = none
	Row       string           `json:"row,omitempty"` // the path of the rows, in XML and JSON
	Columns   map[Field]string `json:"columns"`       // the heading that serves each field, or its number where it has none

	Preset string `json:"preset,omitempty"` // the POS whose export it is, where it is known

	// Members are the files of a zip file that are read; nil = it is none. The rest of what is told is of the first.
	Members []string `json:"members,omitempty"`

	// Each are the columns that are the quantity of one store, or of one size, each; nil = the quantity is one column.
	Each []Each `json:"each,omitempty"`

	// LeftOut are columns of that kind whose store or size is not known, and members of a zip file that are no exports:
	// nothing of them is read.
	LeftOut []string `json:"left_out,omitempty"`

	// PassedOver are headings that look like a field and are known not to be it, such as `Qty on order`.
	PassedOver []string `json:"passed_over,omitempty"`

	Sheet       string   `json:"sheet,omitempty"`        // of a workbook: the one that is read
	OtherSheets []string `json:"other_sheets,omitempty"` // those after it that have a header too, and are not read

	// Headings are those of all columns, in order; nil without a header. Of fixed width they are the ranges.
	Headings []string `json:"-"`

	// Places are the columns that serve each field, 0-based.
	Places map[Field]int `json:"-"`
}

// Each is a column that is the quantity of one store, or of one size.
type Each struct {
	Column string `json:"column"`          // its heading
	Store  string `json:"store,omitempty"` // the API's code of the store
	Size   string `json:"size,omitempty"`
}

// Summary counts the records after the header. Rows = Updates + Rejects + Skipped.
type Summary struct {
	Rows    int `json:"rows"`
	Updates int `json:"updates"`
	Rejects int `json:"rejects"`
	Skipped int `json:"skipped"` // blank rows, repeated headers, rows without a quantity
}

// Reader reads exports by one set of options. It does not change, and serves any number of exports at once.
type Reader struct {
	rules
}

// New checks the options and returns a reader for them.
func New(o Options) (*Reader, error) {
	r, err := compile(o)
	if err != nil {
		return nil, err
	}
	return &Reader{rules: r}, nil
}

// Read looks at the beginning of an export and settles how it is read. The error is a *Refused where the export as a
// whole cannot be read; anything else comes from src. Read and All read src to its end, but do not close it.
func (r *Reader) Read(src io.Reader) (_ *Rows, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = failedOn(p)
		}
	}()
	rows, err := r.open(src)
	if refused, ok := errors.AsType[*Refused](err); ok {
		return nil, refused
	}
	if err != nil {
		return nil, fmt.Errorf("read the export: %w", err)
	}
	return rows, nil
}

// Rows are the rows of one export. They are read once, by one goroutine.
type Rows struct {
	// Whole, which is set before All, asks for all that the export says of which products are in it: Row.Other, and rows
	// that are Row.Blank.
	Whole bool

	pipeline
	apart    *apart  // nil = rows for one key are not looked at
	places   *places // nil = there is no column that may be the store
	source   decoder
	csv      *csvDecoder // that is source, where it is CSV
	packed   bool        // it was in an archive, which is whole
	archive  *archive    // the rows are those of its members; nil = it is no zip file
	member   *Rows       // that is read; nil = the next one is to be opened
	detected Detected
	summary  Summary
}

// Detected tells how the export is read.
func (rows *Rows) Detected() Detected { return rows.detected }

// Summary counts what All has read so far.
func (rows *Rows) Summary() Summary { return rows.summary }

// All yields the updates in the export's order. A *Reject is yielded as the error, and the loop goes on; any other
// error ends it: a *Refused where the export contradicts itself so late, else what src answered. After either of those
// nothing of the export must be used. All goes on where an earlier loop stopped.
func (rows *Rows) All() iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		body, ended := false, false // whether the loop's body runs, whose panics are not ours, and whether it has left the loop
		defer func() {
			if body {
				return
			}
			if p := recover(); p != nil && !ended {
				yield(Row{}, failedOn(p))
			}
		}()
		rows.all(func(row Row, err error) bool {
			body = true
			ended = !yield(row, err)
			body = false
			return !ended
		})
	}
}

// failedOn refuses an export on which this package panics: whatever an export holds, it must not take the others with it, or be read
// again at each start.
func failedOn(p any) *Refused {
	at := ""
	var pcs [64]uintptr
	for frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])]); at == ""; {
		frame, more := frames.Next()
		if strings.Contains(frame.Function, "tillpost/export.") && !strings.Contains(frame.Function, ".func") {
			at = fmt.Sprintf(" in %s, line %d", strings.TrimPrefix(frame.Function, "tillpost/"), frame.Line)
		}
		if !more {
			break
		}
	}
	return &Refused{Code: RefusedContent, Reason: fmt.Sprintf("tillpost itself failed on it%s: %v; whoever makes tillpost can mend that", at, p)}
}

// all is All without the care for panics.
func (rows *Rows) all(yield func(Row, error) bool) {
	if rows.archive != nil {
		rows.archive.all(rows, yield)
		return
	}
	if rows.csv != nil {
		defer rows.csv.readAhead(blockSize)()
	}
	rec := &rows.record
	rows.others = rows.Whole
	for {
		if err := rows.source.next(rec); err != nil {
			refused, ok := errors.AsType[*Refused](err)
			switch {
			case ok:
				yield(Row{}, refused)
			case err != io.EOF:
				yield(Row{}, fmt.Errorf("read the export: %w", err))
			case rows.places != nil && rows.places.found != nil:
				yield(Row{}, rows.severalStores(*rows.places.found))
			case rows.apart != nil:
				if refused := rows.apart.refused(&rows.pipeline); refused != nil {
					yield(Row{}, refused)
				}
			}
			return
		}
		if rows.packed {
			rec.unterminated = false
		}
		if rec.fault == noFault && rows.csv != nil {
			switch {
			case rec.lines > 1 && rows.swallowed(rec):
				rows.csv.rewind(rec)
			case rec.lone && rows.joined(rec):
				rec.fault = loneEnd
			case rec.ends && rec.lines == 1 && rows.swallowed(rec):
				rec.fault = swallowedRow
			}
		}
		if len(rows.layout.spread.each) > 0 {
			if !rows.spreadOut(rec, yield) {
				return
			}
			continue
		}
		figure, result := rows.evaluate(rec)
		switch {
		case result != isUpdate:
			result = rows.settle(rec, result)
		case rows.begun > 0:
			result = rows.refuseSections()
		}
		if result != isUpdate && rows.apart != nil {
			rows.apart.pass(&rows.pipeline, rec, result)
		}
		if !rows.yield(rec, figure, result, yield) {
			return
		}
	}
}

// yield counts what came of a record, or of one of its figures, and yields it. It answers false where the loop is to end.
func (rows *Rows) yield(rec *record, figure int64, result result, yield func(Row, error) bool) bool {
	if result == isRefused {
		yield(Row{}, rows.refused)
		return false
	}
	rows.summary.Rows++
	switch result {
	case isUpdate:
		rows.summary.Updates++
		if rows.apart != nil {
			rows.apart.see(&rows.pipeline, rec, figure)
		}
		if rows.places != nil {
			rows.places.see(&rows.pipeline, rec, figure)
		}
		return yield(Row{Line: rec.line, Key: rows.key, Other: rows.otherKey(), Figure: figure, Unterminated: rec.unterminated}, nil)
	case isSkipped:
		rows.summary.Skipped++
		return !rows.Whole || !rows.names(rec) ||
			yield(Row{Line: rec.line, Key: rows.key, Other: rows.otherKey(), Blank: true, Unterminated: rec.unterminated}, nil)
	case isFurniture:
		rows.summary.Skipped++
		return true
	default:
		rows.summary.Rejects++
		return yield(Row{}, rows.reject)
	}
}

// spreadOut yields what a record says in a column for each store, or for each size: each of them counts as a row. What is
// wrong with the record as such, or with its product, is one reject.
func (rows *Rows) spreadOut(rec *record, yield func(Row, error) bool) bool {
	switch again := rows.headsAgain(rec); {
	case rows.table > 0:
		return rows.yield(rec, 0, rows.elsewhere(rec), yield)
	case again && rows.isRepeat(rec):
		return rows.yield(rec, 0, isFurniture, yield)
	case again:
		rows.table = rec.line
		return rows.yield(rec, 0, rows.elsewhere(rec), yield)
	}
	each := rows.layout.spread.each
	before := rows.summary.Updates
	rows.spreadRejects, rows.fits = 0, rec.count <= rows.layout.width || rec.sparse || !rows.overflows(rec)
	defer func() {
		rows.use(&each[0])
		rows.fits = false
		if rows.apart != nil && rows.summary.Updates == before {
			rows.apart.pass(&rows.pipeline, rec, isSkipped)
		}
	}()
	for i := range each {
		rows.use(&each[i])
		figure, result := rows.evaluate(rec)
		alone := result == isReject && !isOfFigure(rows.reject.Code)
		if i == 0 && result != isUpdate {
			before := result
			result = rows.settle(rec, result)
			alone = alone || result != before
		}
		if rows.begun > 0 && result == isUpdate {
			result = rows.refuseSections()
		}
		if !rows.yield(rec, figure, result, yield) {
			return false
		}
		if alone || result == isSkipped && rec.isBlank() {
			return true
		}
	}
	return true
}

// use makes a column of a spread the one that the quantity is in.
func (p *pipeline) use(e *each) {
	p.fixed = e
	p.layout.column[Quantity] = e.column
}

// isOfFigure says that a class of rejects is about the quantity alone.
func isOfFigure(code string) bool {
	switch code {
	case RejectNumber, RejectDecimal, RejectTooLarge, RejectNegative, RejectFraction, RejectShort, RejectCode:
		return true
	}
	return false
}

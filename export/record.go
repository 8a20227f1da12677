package export

import (
	"bytes"
	"io"
	"slices"
)

// decoder splits an export into records. The error is io.EOF after the last one; a *Refused where nothing of the export is
// to be trusted; anything else is the source's.
type decoder interface {
	next(rec *record) error
}

// namer is a decoder of a format that names the fields of each record, such as JSON: a column is a name, and the columns
// stand in the order in which their names were seen first.
type namer interface {
	decoder

	// names are the columns so far: the text of each is the path to it, such as `stock/quantity` or `item/@upc`.
	names() []heading

	// fix ends the growth of names: what has another name from here on is left out, but for the stated ones, which are names
	// even where no record has had them so far.
	fix(stated []string)
}

// record is what a decoder yields: the seam between the formats and the pipeline.
type record struct {
	line         int       // where it starts, 1-based: the line in text, the row of a sheet, else the record's own number
	lines        int       // how many lines it spans
	fields       [][]byte  // its fields; of CSV the first ones, as many as the decoder was asked for; valid until the next record
	count        int       // how many fields there are
	exact        []bool    // by field: the format says that it is a number, which has a point before its decimals; nil = none is
	dressed      []int     // the fields that are a number whose format shows another one, or more than this, so that as a code they are none
	parted       []int     // the fields that are a number whose format shows signs or blanks besides: only a UPC is read without those
	twice        []int     // the fields that are there twice, with two values; a fault of those that are of use
	nested       []int     // the fields that are a list, an object or an element with others in it, where one value belongs
	reshaped     bool      // of a format that names the fields: the quantity is blank, and stands there in another shape
	late         []heading // names that came after namer.fix, are not stated, and are known
	sparse       bool      // blank fields at its end are left out, and what stands behind the last column is no part of the table
	fault        fault     // why the fields are not to be trusted
	at           int       // the field that has the fault, 1-based; in fixed width the character before it
	unterminated bool      // see Row

	comma   byte   // of CSV; 0 = the format parts the fields in another way, and all of them are in fields
	newline byte   // of CSV: what ends its lines
	ends    bool   // of CSV: the other kind of line end stands in it
	lone    bool   // of CSV: it does outside quotes
	raw     []byte // of CSV and fixed width: its bytes, without the line end; with a fault only the first line's, at most MaxRecord
}

// fault is what is wrong with a record as such.
type fault uint8

const (
	noFault        fault = iota
	longRecord           // longer than MaxRecord
	longField            // a field longer than MaxField
	manyFields           // more than MaxColumns
	openQuote            // a quoted field does not end
	textPastQuote        // a quoted field goes on after its end
	swallowedRow         // a quoted field has swallowed other rows
	twoValues            // a field is there twice, with two values
	otherShape           // a field is a list or an object, or what is one in other records is none
	brokenRecord         // not a valid JSON object
	shortLine            // of fixed width: it ends before its quantity does
	crossedColumns       // of a report: a text stands where two columns part
	notText              // of fixed width: it is not text, so that its characters cannot be counted
	loneEnd              // the other kind of line end stands in it, so that it may be parts of two rows
)

// isExact says that a field is a number by its format.
func (rec *record) isExact(column int) bool { return column < len(rec.exact) && rec.exact[column] }

// isDressed says that a field is a number whose format shows another one, or more than this.
func (rec *record) isDressed(column int) bool {
	_, found := slices.BinarySearch(rec.dressed, column)
	return found
}

// isParted says that a field is a number whose format shows signs or blanks around it or within.
func (rec *record) isParted(column int) bool {
	_, found := slices.BinarySearch(rec.parted, column)
	return found
}

// keep answers a copy that outlives the next record.
func (rec *record) keep() record {
	kept := *rec
	kept.fields, kept.raw, kept.exact = make([][]byte, len(rec.fields)), bytes.Clone(rec.raw), slices.Clone(rec.exact)
	kept.parted = slices.Clone(rec.parted)
	kept.dressed, kept.twice, kept.nested = slices.Clone(rec.dressed), slices.Clone(rec.twice), slices.Clone(rec.nested)
	for i, f := range rec.fields {
		kept.fields[i] = bytes.Clone(f)
	}
	return kept
}

// all are all the fields; of a record with a fault, the parts between the delimiters of its first line.
func (rec *record) all() [][]byte {
	if rec.comma == 0 {
		return slices.Clone(rec.fields)
	}
	if rec.fault == noFault {
		if rec.count == len(rec.fields) {
			return slices.Clone(rec.fields)
		}
		all := record{fields: make([][]byte, 0, rec.count)}
		whole := csvOf(rec.raw, io.EOF, rec.comma, MaxColumns)
		if whole.under(rec.count); whole.next(&all) == nil && all.fault == noFault {
			return all.fields
		}
	}
	return bytes.SplitN(rec.raw, []byte{rec.comma}, MaxColumns)
}

// isBlank says that there is nothing in the record but blanks.
func (rec *record) isBlank() bool {
	if rec.comma != 0 {
		return isBlankLine(rec.raw, rec.comma)
	}
	return !slices.ContainsFunc(rec.fields, func(f []byte) bool { return len(clean(f)) > 0 })
}

// isBlankLine says that a line has nothing in it but blanks, quotes and delimiters, the end-of-file mark of DOS, or the end of a page.
func isBlankLine(raw []byte, comma byte) bool {
	for _, c := range raw {
		if c != ' ' && c != '\t' && c != '\r' && c != '\n' && c != '"' && c != '\f' && c != comma && c != 0x1a {
			return false
		}
	}
	return true
}

// isWords says that no field of a record begins with a digit, and one with something else. It is quick, for many rows
// have no quantity; a header whose quantity is blank there, and which has a heading such as `2026`, is no loss: its rows
// have no quantity there either.
func (rec *record) isWords() bool {
	words := false
	if rec.comma == 0 {
		for _, f := range rec.fields {
			if f = bytes.TrimLeft(f, ` "'=`); len(f) > 0 {
				if words = true; f[0] >= '0' && f[0] <= '9' {
					return false
				}
			}
		}
		return words
	}
	begins := true
	for _, c := range rec.raw {
		switch {
		case c == rec.comma:
			begins = true
		case c == ' ' || c == '"' || c == '\'' || c == '=':
		case begins && c >= '0' && c <= '9':
			return false
		default:
			begins, words = false, true
		}
	}
	return words
}

// isBrief says, quickly, that at most three of the record's fields are not blank; it says so of each line of a report.
func (rec *record) isBrief() bool {
	const most = 3
	n, blank := 0, true
	if rec.comma == 0 {
		if rec.raw != nil { // of a report: the columns say nothing of a title
			return true
		}
		for _, f := range rec.fields {
			if len(clean(f)) > 0 {
				n++
			}
		}
		return n > 0 && n <= most
	}
	for _, c := range rec.raw {
		switch {
		case c == rec.comma:
			blank = true
		case blank && c > ' ' && c != '"':
			if blank = false; n == most {
				return false
			}
			n++
		}
	}
	return n > 0
}

// isShort says, quickly, that a record begins with a letter and has one or two fields that are not blank; of a report, that it
// begins with a letter.
func (rec *record) isShort() bool {
	fields := 0
	if rec.comma == 0 {
		if text := bytes.TrimSpace(rec.raw); len(text) > 0 { // of a report: the columns say nothing of a title
			return isLetter(text[0])
		}
		for _, f := range rec.fields {
			if f = clean(f); len(f) == 0 {
				continue
			}
			if fields++; fields > 2 || fields == 1 && !isLetter(f[0]) {
				return false
			}
		}
		return fields > 0
	}
	raw := bytes.TrimLeft(rec.raw, " \"")
	if len(raw) == 0 || !isLetter(raw[0]) {
		return false
	}
	blank := true
	for _, c := range raw {
		switch {
		case c == rec.comma:
			blank = true
		case blank && c > ' ' && c != '"':
			blank = false
			fields++
		}
	}
	return fields <= 2
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

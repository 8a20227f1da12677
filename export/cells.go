package export

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// maxSample bounds the bytes of the first records that are kept to settle how an export is read.
const maxSample = 1 << 20

// table is an export in a format that parts the fields of its records by itself, in UTF-8.
type table struct {
	decoder
	want int      // how many fields of a record are of use: those that it lacks at its end are blank
	kept []record // the first ones, and
	err  error    // what came after them; nil = more records
	left []record // of kept: those that next has not yielded

	width   int      // how many fields a record has where the format names them
	padded  [][]byte // those of one of kept
	sampled int      // how many kept were
	rules   *rules
	layout  *layout           // nil until it is settled
	kin     [fieldCount][]int // where the format names the columns: those in which a field stands in another shape
}

// openTable settles how an export of another format than text with delimiters is read.
func (r *rules) openTable(format string, source decoder) (*Rows, error) {
	t := &table{decoder: source, rules: r}
	for size := 0; t.err == nil && size < maxSample && len(t.kept) < sampleRows; {
		var rec record
		if t.err = source.next(&rec); t.err == nil {
			t.kept = append(t.kept, rec.keep())
			size += len(rec.raw)
			for _, f := range rec.fields {
				size += len(f) + 32 // with what holds it
			}
		}
	}
	if t.err != nil && t.err != io.EOF {
		return nil, t.err
	}
	if len(t.kept) == 0 {
		if t.isNamed() {
			return nil, &Refused{Code: RefusedEmpty, Reason: "the export has no rows"}
		}
		return nil, &Refused{Code: RefusedEmpty, Reason: "the export has nothing but blank rows"}
	}
	if n, ok := source.(namer); ok {
		n.fix(r.unseen(n.names(), t.err != nil))
		t.width = len(n.names())
	}
	d := detector{rules: r, format: format, charset: charset{name: "utf-8"}, whole: t.err != nil, table: t}
	rows, err := d.rows()
	if err != nil {
		return nil, err
	}
	t.left = t.kept
	for len(t.left) > 0 && t.left[0].line <= rows.layout.line {
		t.left = t.left[1:]
	}
	t.layout, t.sampled, t.want = &rows.layout, len(t.kept), rows.layout.want()
	t.findKin()
	rows.source = t
	return rows, nil
}

func (t *table) next(rec *record) error {
	if len(t.left) > 0 {
		*rec, t.left = *t.whole(&t.left[0]), t.left[1:]
		t.pad(rec)
		t.checkValues(rec)
		return nil
	}
	t.kept = nil
	if t.err == nil {
		t.err = t.decoder.next(rec)
	}
	if t.err != nil {
		return t.err
	}
	t.pad(rec)
	t.checkValues(rec)
	return t.checkLate(rec)
}

// pad adds the blank fields that a sparse record lacks at its end.
func (t *table) pad(rec *record) {
	if !rec.sparse {
		return
	}
	for len(rec.fields) < t.want {
		rec.fields = append(rec.fields, nil)
	}
	rec.count = len(rec.fields)
}

// checkLate refuses an export in which a field comes late that is part of the key, and that is known by its name alone: the
// records before it were read without it.
func (t *table) checkLate(rec *record) error {
	for _, h := range rec.late {
		for _, f := range []Field{UPC, Size, Width, Store} {
			needed := t.layout.column[f] < 0 && !(f == Store && t.layout.hasStore()) && t.rules.wants(f) && (t.layout.column[SKU] >= 0 || f != Size && f != Width)
			if h.rank(f) >= 0 && needed {
				return &Refused{
					Code: RefusedColumn,
					Reason: fmt.Sprintf("record %d has the field %q, which seems to be the %s, and none of the first %d records has it, so that they were read without it",
						rec.line, clip(h.text), f, t.sampled),
					Write: fmt.Sprintf("columns: {%s: %q}", f, h.text),
				}
			}
		}
	}
	return nil
}

// checkValues makes it a fault that a field of use is there twice, with two values, and that a code is a list or an object.
// Others may be lists. A quantity that is one is no number, and several UPCs are one product's.
func (t *table) checkValues(rec *record) {
	fail := func(f fault, column int) {
		if rec.fault == noFault {
			rec.fault, rec.at = f, column+1
		}
	}
	for _, column := range rec.twice {
		if t.layout.serves(column) {
			fail(twoValues, column)
		}
	}
	for _, column := range rec.nested {
		if t.layout.isCode(column) {
			fail(otherShape, column)
		}
	}
	for f := range fieldCount {
		column := t.layout.column[f]
		if len(t.kin[f]) == 0 || len(clean(cellOf(rec, column))) > 0 || !slices.ContainsFunc(t.kin[f], func(k int) bool { return len(clean(cellOf(rec, k))) > 0 }) {
			continue
		}
		if rec.reshaped = rec.reshaped || f == Quantity; f != Quantity && f != UPC {
			fail(otherShape, column)
		}
	}
}

// isCode says that a column is a code of which a row has one: the store, the SKU, or what comes with that.
func (l *layout) isCode(column int) bool {
	return slices.Contains(l.column[SKU:Quantity], column) ||
		slices.ContainsFunc(l.variants.pairs, func(p pair) bool { return p.name == column || p.value == column })
}

// findKin finds the columns that a field's value is in where some records have an object for it and others do not: `qty` beside
// `qty/on_hand`. An attribute is beside a value also where that is blank.
func (t *table) findKin() {
	if !t.isNamed() {
		return
	}
	for f := range fieldCount {
		column := t.layout.column[f]
		if column < 0 {
			continue
		}
		is := t.layout.headings[column].text + "/"
		for i, h := range t.layout.headings {
			if other := h.text + "/"; i != column && !strings.Contains(h.text, "@") && (strings.HasPrefix(is, other) || strings.HasPrefix(other, is)) {
				t.kin[f] = append(t.kin[f], i)
			}
		}
	}
}

// whole is one of kept with a field for each name, also for those that came after it. It is valid until the next one.
func (t *table) whole(rec *record) *record {
	if len(rec.fields) >= t.width {
		return rec
	}
	t.padded = append(t.padded[:0], rec.fields...)
	for len(t.padded) < t.width {
		t.padded = append(t.padded, nil)
	}
	full := *rec
	full.fields, full.count = t.padded, t.width
	return &full
}

// unseen are the stated headings that none of the names is, where more records may have them; whole says that there are none.
func (r *rules) unseen(names []heading, whole bool) (stated []string) {
	for f := range fieldCount {
		c := r.columns[f]
		if column, _ := c.find(names, len(names)); whole || c.Heading == "" || column >= 0 || strings.Contains(c.Heading, "{") {
			continue
		}
		if !slices.Contains(stated, c.Heading) {
			stated = append(stated, c.Heading)
		}
	}
	return stated
}

// isNamed says that the format names the columns, so that no row is a header.
func (t *table) isNamed() bool {
	_, ok := t.decoder.(namer)
	return ok
}

// hider is a decoder of a format that can hide columns from people's eyes.
type hider interface{ hides(column int) bool }

// hides says that nobody sees a column, so that it is not the quantity which the export is for, unless the config says so.
func (t *table) hides(column int) bool {
	h, ok := t.decoder.(hider)
	return ok && h.hides(column)
}

// named are the columns where the format names them, and whether it does.
func (t *table) named() ([]heading, bool) {
	n, ok := t.decoder.(namer)
	if !ok {
		return nil, false
	}
	return n.names(), true
}

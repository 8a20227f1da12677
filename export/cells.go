package export

import (
	"io"
	"strings"
)

// maxSample bounds the bytes of the first records that are kept to settle how an export is read.
const maxSample = 1 << 20

// table is an export in a format that parts the fields of its records by itself, in UTF-8.
type table struct {
	decoder
	kept []record // the first ones, and
	err  error    // what came after them; nil = more records
	left []record // of kept: those that next has not yielded
}

// openTable settles how an export of another format than text with delimiters is read.
func (r *rules) openTable(format string, source decoder) (*Rows, error) {
	t := &table{decoder: source}
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
	if n, ok := source.(namer); ok {
		n.fix()
		width := len(n.names())
		for i := range t.kept { // the first ones do not know the names that came later
			rec := &t.kept[i]
			for len(rec.fields) < width {
				rec.fields = append(rec.fields, nil)
			}
			rec.count = len(rec.fields)
		}
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
	rows.source = t
	return rows, nil
}

func (t *table) next(rec *record) error {
	if len(t.left) > 0 {
		*rec, t.left = t.left[0], t.left[1:]
		return nil
	}
	t.kept = nil
	if t.err != nil {
		return t.err
	}
	return t.decoder.next(rec)
}

// isNamed says that the format names the columns, so that no row is a header.
func (t *table) isNamed() bool {
	_, ok := t.decoder.(namer)
	return ok
}

// named are the columns where the format names them; else nil.
func (t *table) named() []heading {
	n, ok := t.decoder.(namer)
	if !ok {
		return nil
	}
	cells := make([]heading, 0, len(n.names()))
	for _, name := range n.names() {
		cells = append(cells, newPath(name))
	}
	return cells
}

// newPath is the heading of a column that a format names by a path: what it means is in its last step.
func newPath(path string) heading {
	h := newHeading(strings.TrimPrefix(path[strings.LastIndexByte(path, '/')+1:], "@"))
	h.text = path
	return h
}

package export

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxJSONToken bounds what is kept of one row, or of one string elsewhere, in bytes. A longer one cannot be passed over, so it
// refuses the export.
const maxJSONToken = 8 << 20

// openJSON settles how JSON is read: an array of objects, or of arrays, wherever it is in the document; or, one a line,
// objects that follow one another.
func (r *rules) openJSON(text io.Reader, set charset, format string) (*Rows, error) {
	rows, err := r.openJSONText(set.decoded(r, text), format)
	if err == nil && !set.guessed {
		rows.detected.Encoding = set.name
	}
	return rows, err
}

func (r *rules) openJSONText(text io.Reader, format string) (*Rows, error) {
	head, whole, err := peek(text, maxSample)
	if err != nil {
		return nil, err
	}
	text = replay(head, text)
	if format == "json" && r.format == "" {
		lines, refused := r.isLines(head, whole)
		if refused != nil {
			return nil, refused
		}
		if lines {
			format = "ndjson"
		}
	}
	if format == "ndjson" {
		return r.openTable(format, newJSONLines(text))
	}
	scout := &jsonScout{rules: r, tokens: newJSONTokens(bytes.NewReader(head))}
	err = scout.document()
	if len(scout.shapes) == 0 && (whole || !errors.Is(err, io.ErrUnexpectedEOF)) && err != nil {
		return nil, scout.tokens.refuse(err, 0)
	}
	shape, err := scout.choose()
	if err != nil && (whole || r.row == "") {
		return nil, err
	}
	if shape == nil { // a stated one, which comes later
		shape = &jsonShape{path: statedPath(r.row)}
	}
	walk := &jsonWalk{tokens: newJSONTokens(text), scout: scout, row: shape.path, arrays: shape.arrays}
	walk.group, walk.several = scout.group(shape.path)
	scout.tokens = walk.tokens
	var source decoder = &jsonRows{jsonWalk: walk}
	if shape.arrays {
		source = &jsonTable{jsonWalk: walk}
	}
	rows, err := r.openTable(format, source)
	if err != nil {
		return nil, inRow(err, shape.path)
	}
	if refused := rows.otherRows(shape.path); refused != nil {
		return nil, refused
	}
	if refused := scout.placesWithin(shape, &rows.layout); refused != nil {
		return nil, refused
	}
	if refused := rows.isAnotherStore(scout.store, fmt.Sprintf("in %q", scout.place), scout.store); refused != nil {
		return nil, refused
	}
	rows.detected.Row = shape.path
	walk.oneGroup = !rows.layout.hasStore() && walk.several != nil
	return rows, walk.checkGroups()
}

// inRow adds to a refusal for the columns which rows it is about.
func inRow(err error, path string) error {
	refused, ok := errors.AsType[*Refused](err)
	if !ok || path == "" || refused.Code != RefusedHeader && refused.Code != RefusedStore && refused.Code != RefusedColumn {
		return err
	}
	told := *refused
	told.Reason += fmt.Sprintf("; the rows were taken to be those of %q", clip(path))
	return &told
}

// statedPath is the path of the rows as the config gives it, without the slash that may be before it.
func statedPath(row string) string { return strings.Trim(row, "/") }

// isLines says that the text is objects that follow one another, one a line: another one begins after the first, or the only
// one is a row by itself.
func (r *rules) isLines(head []byte, whole bool) (bool, *Refused) {
	first := json.NewDecoder(bytes.NewReader(head))
	var object json.RawMessage
	if err := first.Decode(&object); err != nil {
		_, bad := errors.AsType[*json.SyntaxError](err)
		return bad && isDamagedLine(head), nil
	}
	if object[0] != '{' {
		return false, nil
	}
	after := bytes.TrimLeft(head[first.InputOffset():], " \t\r\n")
	switch {
	case len(after) > 0 && after[0] == '{' && bytes.IndexByte(object, '\n') >= 0:
		return false, &Refused{
			Code: RefusedContent,
			Reason: "the export has one JSON object after another, and they span lines: such rows cannot be told from damaged ones; " +
				"let the POS write each object on a line of its own, or all of them in an array",
		}
	case len(after) > 0:
		return after[0] == '{', nil
	case !whole || r.row != "" || bytes.IndexByte(object, '\n') >= 0:
		return false, nil
	}
	scout := &jsonScout{rules: r, tokens: newJSONTokens(bytes.NewReader(object))}
	if scout.document() != nil || len(scout.shapes) > 0 {
		return false, nil
	}
	m := r.match(scout.top.names, len(scout.top.names))
	return m.isHeader(), nil
}

// isDamagedLine says that a text, which is no valid JSON, begins with an object on a line of its own all the same: another one
// begins in the next line.
func isDamagedLine(head []byte) bool {
	line, rest, _ := bytes.Cut(bytes.TrimLeft(head, " \t\r\n"), []byte{'\n'})
	return bytes.HasPrefix(line, []byte{'{'}) && bytes.HasPrefix(rest, []byte(`{"`))
}

// jsonTokens reads the tokens of a document, within bounds.
type jsonTokens struct {
	dec   *json.Decoder
	src   *bounded
	depth int
	text  json.RawMessage
}

func newJSONTokens(src io.Reader) *jsonTokens {
	t := &jsonTokens{src: &bounded{src: src, limit: maxJSONToken}}
	t.dec = json.NewDecoder(t.src)
	t.dec.UseNumber()
	return t
}

// next answers io.EOF only between documents.
func (t *jsonTokens) next() (json.Token, error) {
	t.src.mark()
	token, err := t.dec.Token()
	if err == io.EOF && t.depth > 0 {
		return nil, io.ErrUnexpectedEOF
	}
	if delim, ok := token.(json.Delim); ok && err == nil {
		if delim == '{' || delim == '[' {
			t.depth++
		} else {
			t.depth--
		}
		if t.depth > maxNesting {
			return nil, errNesting
		}
	}
	return token, err
}

// more says that another element or member follows in the array or object that was begun last.
func (t *jsonTokens) more() bool {
	t.src.mark()
	return t.dec.More()
}

// value reads a value as a whole. It is valid JSON, and there until the next one.
func (t *jsonTokens) value() ([]byte, error) {
	t.src.mark()
	err := t.dec.Decode(&t.text)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return t.text, err
}

// refuse says what is wrong with the document, and near which record; an error of the source stays one.
func (t *jsonTokens) refuse(err error, record int) error {
	where := fmt.Sprintf("after byte %d", t.dec.InputOffset())
	if record > 0 {
		where += fmt.Sprintf(", in record %d or after it", record)
	}
	switch {
	case t.src.err != nil:
		return t.src.err
	case errors.Is(err, io.ErrUnexpectedEOF):
		return &Refused{Code: RefusedContent, Reason: "the export is cut: its JSON ends " + where + ", so that nothing of it counts; let the POS write it again", damaged: true}
	case errors.Is(err, errLongToken):
		return &Refused{Code: RefusedContent, Reason: fmt.Sprintf("%s, the export has a value of more than %d bytes, so that nothing of it counts", where, maxJSONToken)}
	}
	if refused, ok := errors.AsType[*Refused](err); ok {
		return refused
	}
	return &Refused{Code: RefusedContent, Reason: fmt.Sprintf("the export is no JSON that can be read, so that nothing of it counts: %s, %v", where, err)}
}

// jsonWalk goes through a document from row to row.
type jsonWalk struct {
	tokens *jsonTokens
	scout  *jsonScout // what is met beside the rows
	row    string     // the path of the rows
	arrays bool       // a row is an array

	stack []jsonLevel
	path  []byte
	begun bool // the document
	rows  int  // so far
	found int  // arrays at row so far

	group    string   // the path of what may be a store around the rows
	several  *Refused // what is said of several such groups; nil = there is none
	groups   int      // those with rows, so far
	listed   bool     // they are the elements of an array
	entered  bool     // one of those has begun, and no array at row in it
	oneGroup bool     // there must be no more than one
}

// begins notes that an array at row begins.
func (w *jsonWalk) begins() {
	if w.found++; !w.listed || w.entered {
		w.groups++
	}
	w.entered = false
}

func (w *jsonWalk) checkGroups() error {
	if w.oneGroup && w.groups > 1 {
		return w.several
	}
	return nil
}

// jsonLevel is an object or an array that the walk is in.
type jsonLevel struct {
	object bool
	key    bool // of an object: a name comes next
	at     int  // how long the path to it is
}

// advance goes to the next row. It answers its text, valid until the next one, or nil where the row is an object in no array,
// whose brace was read.
func (w *jsonWalk) advance() ([]byte, error) {
	for {
		if top := len(w.stack) - 1; top >= 0 && !w.stack[top].object && string(w.path[:w.stack[top].at]) == w.row && w.tokens.more() {
			w.rows++
			row, err := w.tokens.value()
			if err != nil {
				return nil, w.tokens.refuse(err, w.rows)
			}
			return row, nil
		}
		token, err := w.tokens.next()
		if err == io.EOF && w.begun {
			return nil, w.end()
		}
		if err != nil {
			return nil, w.tokens.refuse(err, w.rows)
		}
		if len(w.stack) == 0 && w.begun {
			return nil, w.trailing()
		}
		w.begun = true
		is, err := w.step(token)
		if err != nil {
			return nil, w.tokens.refuse(err, w.rows)
		}
		if err := w.checkGroups(); err != nil {
			return nil, err
		}
		if is {
			w.rows++
			return nil, nil
		}
	}
}

// step takes one token, and says whether a row in no array begins with it.
func (w *jsonWalk) step(token json.Token) (bool, error) {
	var top *jsonLevel
	if len(w.stack) > 0 {
		top = &w.stack[len(w.stack)-1]
	}
	delim, _ := token.(json.Delim)
	if delim == '}' || delim == ']' {
		w.stack = w.stack[:len(w.stack)-1]
		return false, nil
	}
	inArray := top != nil && !top.object
	if inArray {
		w.path = w.path[:top.at]
	}
	if top != nil && top.object {
		if top.key {
			key, _ := token.(string)
			w.path = step(w.path[:top.at], key)
		}
		if top.key = !top.key; !top.key {
			return false, nil
		}
	}
	here := string(w.path) == w.row
	switch {
	case here && delim == '{' && w.row != "":
		w.begins()
		return true, nil
	case delim == '{' && inArray && w.scout.isNew(w.path, w.row):
		return false, w.scout.element(token, w.path)
	case delim == '{' || delim == '[':
		if here && delim == '[' {
			w.begins()
		} else if inArray && w.several != nil && string(w.path) == w.group {
			w.listed, w.entered = true, true
		}
		w.stack = append(w.stack, jsonLevel{object: delim == '{', key: true, at: len(w.path)})
	}
	return false, nil
}

// end is the end of the document. An array that came after the first ones, and could be the rows as well, leaves in doubt
// which are.
func (w *jsonWalk) end() error {
	if w.scout.row != "" && w.found > 0 {
		return io.EOF
	}
	if shape, err := w.scout.choose(); err != nil {
		return err
	} else if shape.path != w.row {
		return w.scout.several("could be the rows as well")
	}
	return io.EOF
}

func (w *jsonWalk) trailing() error {
	refused := &Refused{
		Code:   RefusedContent,
		Reason: fmt.Sprintf("at byte %d, after the end of the export's JSON, more follows, so that nothing of it counts", w.tokens.dec.InputOffset()),
	}
	if w.scout.format == "json" {
		refused.Write = "format: ndjson"
	}
	return refused
}

// jsonRows are rows that are objects.
type jsonRows struct {
	*jsonWalk
	named
}

func (d *jsonRows) next(rec *record) error {
	row, err := d.advance()
	if err != nil {
		return err
	}
	d.begin()
	if row == nil {
		err = d.alone()
	} else {
		err = d.object(row)
	}
	if err != nil {
		return d.tokens.refuse(err, d.number)
	}
	d.yield(rec)
	return nil
}

// alone reads the members of a row in no array.
func (d *jsonRows) alone() error {
	for d.tokens.more() {
		key, err := d.tokens.next()
		if err != nil {
			return err
		}
		value, err := d.tokens.value()
		if err != nil {
			return err
		}
		name, _ := key.(string)
		if err := d.member(&jsonValue{text: value}, step(d.buf[:0], name), len(name)); err != nil {
			return err
		}
	}
	_, err := d.tokens.next()
	return err
}

// jsonTable is rows that are arrays, of which one is the header.
type jsonTable struct{ *jsonWalk }

func (d *jsonTable) next(rec *record) error {
	row, err := d.advance()
	if err != nil {
		return err
	}
	*rec = record{line: d.rows, lines: 1, fields: rec.fields[:0], exact: rec.exact[:0]}
	v := jsonValue{text: row}
	switch {
	case len(row) > MaxRecord:
		rec.fault = longRecord
	case v.is('['):
		v.cells(rec)
	case !v.is('n'): // null is a blank row
		rec.fault = brokenRecord
	}
	return nil
}

// cells reads the values of an array into a record.
func (v *jsonValue) cells(rec *record) {
	for v.more(']') {
		var value []byte
		exact := false
		if v.is('{') || v.is('[') { // a cell in which there is no value
			v.skip()
		} else {
			value, exact = v.scalar()
		}
		switch rec.count++; {
		case rec.fault != noFault:
		case rec.count > MaxColumns:
			rec.fault = manyFields
		case len(value) > MaxField:
			rec.fault, rec.at = longField, rec.count
		default:
			rec.fields, rec.exact = append(rec.fields, value), append(rec.exact, exact)
		}
	}
}

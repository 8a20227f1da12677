package export

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// maxJSONToken bounds what is kept of one string, in bytes. A longer one cannot be passed over, so it refuses the export.
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
	head := make([]byte, maxSample)
	n, err := io.ReadFull(text, head)
	whole := err == io.EOF || err == io.ErrUnexpectedEOF
	if err != nil && !whole {
		return nil, err
	}
	head = head[:n]
	text = io.MultiReader(bytes.NewReader(head), text)
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
	scout.tokens = walk.tokens
	var source decoder = &jsonRows{jsonWalk: walk}
	if shape.arrays {
		source = &jsonTable{jsonWalk: walk}
	}
	rows, err := r.openTable(format, source)
	if err != nil {
		return nil, inRow(err, shape.path)
	}
	rows.detected.Row = shape.path
	if rows.layout.column[Store] < 0 {
		walk.oneGroup = scout.group(shape.path)
		if walk.groups > 1 && walk.oneGroup != "" {
			return nil, refuseGroups(walk.oneGroup)
		}
	}
	return rows, nil
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
	if err := first.Decode(&object); err != nil || object[0] != '{' {
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

// jsonTokens reads the tokens of a document, within bounds.
type jsonTokens struct {
	dec   *json.Decoder
	src   *bounded
	depth int
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

// skip passes over the rest of the object or array that was begun last.
func (t *jsonTokens) skip() error {
	for depth := t.depth - 1; t.depth > depth; {
		if _, err := t.next(); err != nil {
			return err
		}
	}
	return nil
}

// refuse says what is wrong with the document, and near which record; an error of the source stays one.
func (t *jsonTokens) refuse(err error, record int) error {
	where := fmt.Sprintf("at byte %d", t.dec.InputOffset())
	if record > 0 {
		where += fmt.Sprintf(", in record %d or after it", record)
	}
	switch {
	case t.src.err != nil:
		return t.src.err
	case errors.Is(err, io.ErrUnexpectedEOF):
		return &Refused{Code: RefusedContent, Reason: "the export is cut: its JSON ends " + where + ", so that nothing of it counts; let the POS write it again"}
	case errors.Is(err, errLongToken):
		return &Refused{Code: RefusedContent, Reason: fmt.Sprintf("%s, the export has a value of more than %d bytes, so that nothing of it counts", where, maxJSONToken)}
	}
	if refused, ok := errors.AsType[*Refused](err); ok {
		return refused
	}
	return &Refused{Code: RefusedContent, Reason: fmt.Sprintf("the export is no JSON that can be read, so that nothing of it counts: %s, %v", where, err)}
}

// members reads the members of an object, whose brace was read, into fields. path is the path to the object, empty for the
// record itself; it is written behind of.
func (n *named) members(t *jsonTokens, path []byte) error {
	for {
		token, err := t.next()
		if err != nil || token == json.Delim('}') {
			return err
		}
		key, _ := token.(string)
		if token, err = t.next(); err != nil {
			return err
		}
		if err := n.member(t, step(path, key), key, token); err != nil {
			return err
		}
	}
}

// step appends a step to a path, which may be written over. One that is too long already stays as it is.
func step(path []byte, key string) []byte {
	if len(path) > maxPath {
		return path
	}
	if len(path) > 0 {
		path = append(path, '/')
	}
	return append(path, key...)
}

// member reads the value of a member that begins with a token.
func (n *named) member(t *jsonTokens, path []byte, key string, token json.Token) error {
	switch token {
	case json.Delim('{'):
		return n.members(t, path)
	case json.Delim('['):
		return n.list(t, path, key)
	}
	value, exact := scalar(token)
	n.put(path, key, []byte(value), exact)
	return nil
}

// list reads an array within a record. Its values are one field, parted by a comma and a blank, which no number has in it; an
// array that holds more than values is left out.
func (n *named) list(t *jsonTokens, path []byte, key string) error {
	var values []byte
	for i := 0; ; i++ {
		token, err := t.next()
		if err != nil {
			return err
		}
		if delim, ok := token.(json.Delim); ok {
			if delim == ']' {
				n.put(path, key, values, false)
				return nil
			}
			if err := t.skip(); err != nil {
				return err
			}
			return t.skip()
		}
		if len(values) > MaxField {
			continue
		}
		if i > 0 {
			values = append(values, ", "...)
		}
		value, _ := scalar(token)
		values = append(values, value...)
	}
}

// scalar is the text of a value, and whether it is a number by its format. null is blank.
func scalar(token json.Token) (text string, exact bool) {
	switch v := token.(type) {
	case json.Number:
		return plainDigits(v.String())
	case string:
		return v, false
	case bool:
		return strconv.FormatBool(v), false
	}
	return "", false
}

// plainDigits writes a number without its exponent: 8.4963204826E11 is 849632048260. One that would be longer than any number
// that is read stays as it is, and is none.
func plainDigits(number string) (text string, exact bool) {
	e := strings.IndexAny(number, "eE")
	if e < 0 {
		return number, true
	}
	exponent, err := strconv.Atoi(number[e+1:])
	body, negative := strings.CutPrefix(number[:e], "-")
	whole, decimals, _ := strings.Cut(body, ".")
	if err != nil || exponent > maxNumber || exponent < -maxNumber || len(body) > maxNumber {
		return number, false
	}
	if exponent >= 0 {
		moved := min(exponent, len(decimals))
		whole, decimals = whole+decimals[:moved]+strings.Repeat("0", exponent-moved), decimals[moved:]
	} else {
		whole = strings.Repeat("0", max(0, 1-exponent-len(whole))) + whole
		at := len(whole) + exponent
		whole, decimals = whole[:at], whole[at:]+decimals
	}
	if whole = strings.TrimLeft(whole, "0"); whole == "" {
		whole = "0"
	}
	if decimals != "" {
		whole += "." + decimals
	}
	if negative {
		whole = "-" + whole
	}
	return whole, true
}

// jsonWalk goes through a document from row to row.
type jsonWalk struct {
	tokens *jsonTokens
	scout  *jsonScout // what is met beside the rows
	row    string     // the path of the rows
	arrays bool       // a row is an array

	stack    []jsonLevel
	path     []byte
	begun    bool   // the document
	rows     int    // so far
	groups   int    // arrays at row so far
	oneGroup string // there must be no more than one, for they seem to be stores; empty = there may be
}

// jsonLevel is an object or an array that the walk is in.
type jsonLevel struct {
	object bool
	key    bool // of an object: a name comes next
	at     int  // how long the path to it is
}

// advance goes to the next row, and answers the token that it begins with.
func (w *jsonWalk) advance() (json.Token, error) {
	for {
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
		if w.groups > 1 && w.oneGroup != "" {
			return nil, refuseGroups(w.oneGroup)
		}
		if is {
			w.rows++
			return token, nil
		}
	}
}

// step takes one token, and says whether a row begins with it.
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
	case here && inArray && (w.arrays || delim != '['):
		return true, nil
	case here && delim == '{' && w.row != "":
		w.groups++
		return true, nil
	case delim == '{' && inArray && w.scout.isNew(w.path, w.row):
		return false, w.scout.element(token, w.path)
	case delim == '{' || delim == '[':
		if here && delim == '[' {
			w.groups++
		}
		w.stack = append(w.stack, jsonLevel{object: delim == '{', key: true, at: len(w.path)})
	}
	return false, nil
}

// end is the end of the document. An array that came after the first ones, and could be the rows as well, leaves in doubt
// which are.
func (w *jsonWalk) end() error {
	if w.scout.row != "" && w.groups > 0 {
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
	token, err := d.advance()
	if err != nil {
		return err
	}
	d.begin()
	from := d.tokens.dec.InputOffset()
	if token == json.Delim('{') {
		if err := d.members(d.tokens, d.buf[:0]); err != nil {
			return d.tokens.refuse(err, d.rows)
		}
	} else if token != nil { // null is a blank row
		d.fail(brokenRecord, 0)
	}
	if d.tokens.dec.InputOffset()-from > MaxRecord {
		d.fault, d.at = longRecord, 0
	}
	d.yield(rec)
	return nil
}

// jsonTable is rows that are arrays, of which one is the header.
type jsonTable struct{ *jsonWalk }

func (d *jsonTable) next(rec *record) error {
	token, err := d.advance()
	if err != nil {
		return err
	}
	from := d.tokens.dec.InputOffset()
	*rec = record{line: d.rows, lines: 1}
	if token == json.Delim('[') {
		if err := d.cells(rec); err != nil {
			return d.tokens.refuse(err, d.rows)
		}
	} else if token != nil {
		rec.fault = brokenRecord
		if token == json.Delim('{') {
			if err := d.tokens.skip(); err != nil {
				return d.tokens.refuse(err, d.rows)
			}
		}
	}
	if d.tokens.dec.InputOffset()-from > MaxRecord {
		rec.fault, rec.at = longRecord, 0
	}
	return nil
}

// cells reads the values of an array, whose bracket was read.
func (d *jsonTable) cells(rec *record) error {
	for size := 0; ; {
		token, err := d.tokens.next()
		if err != nil || token == json.Delim(']') {
			return err
		}
		if _, nested := token.(json.Delim); nested { // a cell of its own, in which there is no value
			if err := d.tokens.skip(); err != nil {
				return err
			}
			token = nil
		}
		value, exact := scalar(token)
		size += len(value)
		switch rec.count++; {
		case rec.fault != noFault || size > MaxRecord:
			continue
		case rec.count > MaxColumns:
			rec.fault = manyFields
		case len(value) > MaxField:
			rec.fault, rec.at = longField, rec.count
		default:
			rec.fields, rec.exact = append(rec.fields, []byte(value)), append(rec.exact, exact)
		}
	}
}

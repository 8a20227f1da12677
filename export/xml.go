package export

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/transform"
)

// maxXMLToken bounds what is kept of one text or one tag, in bytes. A longer one cannot be passed over, so it refuses the export.
const maxXMLToken = MaxRecord

// openXML settles how XML is read: elements that repeat, or the cells of a spreadsheet that was saved as XML.
func (r *rules) openXML(text io.Reader, set charset) (*Rows, error) {
	head, whole, err := peek(text, maxSample)
	if err != nil {
		return nil, err
	}
	scout := newXMLScout(r, newXMLTokens(bytes.NewReader(head), r, set))
	err = scout.document()
	if err != nil && (whole || !scout.tokens.src.ended) { // at its end the head may be cut anywhere, also in a character
		return nil, scout.tokens.refuse(err, 0)
	}
	tokens := newXMLTokens(replay(head, text), r, set)
	if scout.isSpreadsheet() {
		return r.openSpreadsheet(newXMLTokens(bytes.NewReader(head), r, set), tokens)
	}
	row, err := scout.choose()
	if err != nil && (whole || r.row == "") {
		return nil, err
	}
	walk := &xmlRows{tokens: tokens, scout: newXMLScout(r, nil), steps: strings.Split(statedPath(r.row), "/"), rooted: strings.HasPrefix(r.row, "/")}
	walk.scout.known = scout.rows()
	path := statedPath(r.row)
	if row != nil {
		walk.group, walk.several = row.group(r.row == "")
		if r.row == "" {
			path, walk.rooted = row.path(), true
			walk.steps = strings.Split(path, "/")
		}
	}
	rows, err := r.openTable("xml", walk)
	if err != nil {
		return nil, inRow(err, path)
	}
	if refused := rows.otherRows(path); refused != nil {
		return nil, refused
	}
	if row != nil {
		store, place := row.storeAround()
		if refused := rows.isAnotherStore(store, fmt.Sprintf("at %q", place), store); refused != nil {
			return nil, refused
		}
	}
	rows.detected.Row, rows.detected.Encoding = path, tokens.encoding
	walk.oneGroup = !rows.layout.hasStore() && walk.several != nil
	return rows, walk.checkGroups()
}

var errNoElement = errors.New("no element is in it")

// xmlTokens reads the tokens of a document, within bounds. Comments and instructions are none.
type xmlTokens struct {
	dec      *xml.Decoder
	src      *bounded
	encoding string
	depth    int
	begun    bool
}

func newXMLTokens(src io.Reader, r *rules, set charset) *xmlTokens {
	t := &xmlTokens{src: &bounded{src: src, limit: maxXMLToken}, encoding: "utf-8"}
	decoded := r.encoding != "auto" || strings.HasPrefix(set.name, "utf-16")
	if decoded {
		t.encoding = set.name
	}
	t.dec = xml.NewDecoder(set.decoded(r, t.src))
	t.dec.CharsetReader = func(label string, input io.Reader) (io.Reader, error) {
		if decoded {
			return input, nil
		}
		return t.declared(label, input, set)
	}
	return t
}

// xmlCharsets are code pages by the names that declarations give them. What says that it is ISO-8859-1 is Windows-1252, as in
// web pages; a declaration of UTF-16 in a text that is none is what some programs write in front of UTF-8.
var xmlCharsets = map[string]*charmap.Charmap{
	"iso-8859-1": charmap.Windows1252, "iso8859-1": charmap.Windows1252, "latin1": charmap.Windows1252, "windows-1252": charmap.Windows1252,
	"cp1252": charmap.Windows1252, "us-ascii": charmap.Windows1252, "ascii": charmap.Windows1252, "iso-8859-15": charmap.ISO8859_15,
	"windows-1250": charmap.Windows1250, "iso-8859-2": charmap.ISO8859_2, "cp850": charmap.CodePage850, "ibm850": charmap.CodePage850,
	"cp437": charmap.CodePage437, "ibm437": charmap.CodePage437, "utf8": nil, "utf-16": nil, "unicode": nil,
}

// declared reads the encoding that the document declares.
func (t *xmlTokens) declared(label string, input io.Reader, set charset) (io.Reader, error) {
	table, known := xmlCharsets[strings.ToLower(label)]
	switch {
	case !known:
		return nil, &Refused{
			Code:   RefusedEncoding,
			Reason: fmt.Sprintf("the export's XML says that it is in the encoding %q, which is not known; let the POS write UTF-8; where it does so already", clip(label)),
			Write:  "encoding: utf-8",
		}
	case table == nil:
		return input, nil
	case set.table == nil && set.orElse == nil:
		return nil, &Refused{
			Code:   RefusedEncoding,
			Reason: fmt.Sprintf("the export's XML says that it is in the encoding %q, but it is text in UTF-8", clip(label)),
			Write:  "encoding: utf-8",
		}
	}
	t.encoding = strings.ToLower(label)
	return transform.NewReader(input, table.NewDecoder()), nil
}

// next answers io.EOF after the document. What a token holds is valid until the next one.
func (t *xmlTokens) next() (xml.Token, error) {
	for {
		t.src.mark()
		token, err := t.dec.Token()
		if err == io.EOF && !t.begun {
			return nil, errNoElement
		}
		if err != nil {
			return nil, err
		}
		switch v := token.(type) {
		case xml.StartElement:
			if err := t.begin(v); err != nil {
				return nil, err
			}
		case xml.EndElement:
			t.depth--
		case xml.CharData:
			if t.depth > 0 {
				break
			}
			if len(bytes.TrimSpace(v)) > 0 {
				return nil, errors.New("text is outside of its element")
			}
			continue
		case xml.Directive:
			if err := checkDirective(v); err != nil {
				return nil, err
			}
			continue
		default:
			continue
		}
		return token, nil
	}
}

func (t *xmlTokens) begin(start xml.StartElement) error {
	if t.depth == 0 {
		if t.begun {
			return errors.New("another document follows the end of the first one")
		}
		if t.begun = true; strings.EqualFold(start.Name.Local, "html") {
			return refuseContent([]byte("<html"))
		}
	}
	if t.depth++; t.depth > maxNesting {
		return errNesting
	}
	return nil
}

// checkDirective refuses a document type with declarations of its own: those of entities can make gigabytes of a few bytes.
func checkDirective(text []byte) error {
	text = lowerASCII(text)
	if fields := bytes.Fields(text); len(fields) > 1 && string(fields[0]) == "doctype" && string(fields[1]) == "html" {
		return refuseContent([]byte("<html"))
	}
	if bytes.IndexByte(text, '[') >= 0 || bytes.Contains(text, []byte("entity")) {
		return &Refused{Code: RefusedContent, Reason: "the export's XML declares entities or types of its own (<!DOCTYPE ... [...]>), which are not read; let the POS write it without"}
	}
	return nil
}

// isCut says that the document ends before its last element does, perhaps in a character.
func (t *xmlTokens) isCut(err error) bool {
	syntax, ok := errors.AsType[*xml.SyntaxError](err)
	return ok && t.begun && (strings.HasPrefix(syntax.Msg, "unexpected EOF") || t.src.ended && syntax.Msg == notUTF8)
}

// notUTF8 is what package xml says of it.
const notUTF8 = "invalid UTF-8"

// refuse says what is wrong with the document, and near which record; an error of the source stays one.
func (t *xmlTokens) refuse(err error, record int) error {
	if t.src.err != nil {
		return t.src.err
	}
	if refused, ok := errors.AsType[*Refused](err); ok {
		return refused
	}
	line, _ := t.dec.InputPos()
	where := fmt.Sprintf("in line %d", line)
	if record > 0 {
		where += fmt.Sprintf(", in record %d or after it", record)
	}
	why := strings.TrimPrefix(err.Error(), "xml: ")
	if syntax, ok := errors.AsType[*xml.SyntaxError](err); ok {
		why = syntax.Msg
	}
	switch {
	case t.isCut(err):
		return &Refused{Code: RefusedContent, Reason: "the export is cut: its XML ends " + where + ", so that nothing of it counts; let the POS write it again", damaged: true}
	case why == notUTF8:
		return &Refused{
			Code:   RefusedEncoding,
			Reason: "the export's XML is not text in UTF-8 " + where + ", as it should be by what it declares, so that nothing of it counts; where its letters are those of Windows",
			Write:  "encoding: windows-1252",
		}
	case errors.Is(err, errLongToken):
		return &Refused{Code: RefusedContent, Reason: fmt.Sprintf("%s, the export has a text or a tag of more than %d bytes, so that nothing of it counts", where, maxXMLToken)}
	}
	return &Refused{Code: RefusedContent, Reason: fmt.Sprintf("the export is no XML that can be read, so that nothing of it counts: %s, %s", where, why)}
}

// skip passes over the rest of the element that was begun last.
func (t *xmlTokens) skip() error {
	for depth := t.depth - 1; t.depth > depth; {
		if _, err := t.next(); err != nil {
			return err
		}
	}
	return nil
}

// xmlRows are rows that are elements.
type xmlRows struct {
	named
	tokens *xmlTokens
	scout  *xmlScout // what is met beside the rows
	steps  []string  // the last steps of the path to a row; all of them where it is rooted
	rooted bool

	path     []string // to the element that the walk is in
	chars    []byte   // the texts of the elements that a record is in
	group    string   // the path of what may be a store around the rows
	several  *Refused // what is said of several such groups; nil = there is none
	groups   int      // so far
	oneGroup bool     // there must be no more than one
}

func (d *xmlRows) checkGroups() error {
	if d.oneGroup && d.groups > 1 {
		return d.several
	}
	return nil
}

func (d *xmlRows) next(rec *record) error {
	start, err := d.advance()
	if err != nil {
		return err
	}
	d.begin()
	from := d.tokens.dec.InputOffset()
	d.chars = d.chars[:0]
	if err := d.element(start, d.buf[:0]); err != nil {
		return d.tokens.refuse(err, d.number)
	}
	if d.tokens.dec.InputOffset()-from > MaxRecord {
		d.fault, d.at = longRecord, 0
	}
	d.yield(rec)
	return nil
}

// advance goes to the next row, and answers its start.
func (d *xmlRows) advance() (xml.StartElement, error) {
	for {
		token, err := d.tokens.next()
		if err == io.EOF {
			return xml.StartElement{}, d.end()
		}
		if err != nil {
			return xml.StartElement{}, d.tokens.refuse(err, d.number)
		}
		switch v := token.(type) {
		case xml.StartElement:
			if d.path = append(d.path, v.Name.Local); d.isRow() {
				d.path = d.path[:len(d.path)-1]
				return v, nil
			}
			d.scout.start(v)
			if d.several != nil && strings.Join(d.path, "/") == d.group {
				d.groups++
				if err := d.checkGroups(); err != nil {
					return v, err
				}
			}
		case xml.EndElement:
			d.path = d.path[:len(d.path)-1]
			d.scout.end()
		}
	}
}

// end is the end of the document. An element that came late, and could be the row as well, leaves in doubt which is.
func (d *xmlRows) end() error {
	if d.number == 0 {
		if _, err := d.scout.choose(); err != nil {
			return err
		}
	}
	for path := range d.scout.rows() {
		if d.scout.row == "" && !d.scout.known[path] {
			return d.scout.several([]string{strings.Join(d.steps, "/"), path})
		}
	}
	return io.EOF
}

func (d *xmlRows) isRow() bool { return endsIn(d.path, d.steps, d.rooted) }

// endsIn says that a path ends in some steps, or, where it is rooted, is those.
func endsIn(path, steps []string, rooted bool) bool {
	above := len(path) - len(steps)
	if above < 0 || rooted && above > 0 {
		return false
	}
	for i := len(steps) - 1; i >= 0; i-- {
		if !strings.EqualFold(path[above+i], steps[i]) {
			return false
		}
	}
	return true
}

const xsi = "http://www.w3.org/2001/XMLSchema-instance"

// element reads an element, whose start was read, into fields. path is the path to it, empty for the row itself; it is written
// behind of.
func (d *xmlRows) element(start xml.StartElement, path []byte) error {
	none := false
	for _, a := range start.Attr {
		switch {
		case isNamespace(a):
		case isSchema(a):
			none = none || a.Name.Local == "nil" && a.Value != "false" && a.Value != "0"
		default:
			d.put(step(path, "@"+a.Name.Local), len(a.Name.Local), []byte(a.Value), false)
		}
	}
	from, leaf := len(d.chars), true
	for {
		token, err := d.tokens.next()
		if err != nil {
			return err
		}
		switch v := token.(type) {
		case xml.StartElement:
			leaf = false
			if err := d.element(v, step(path, v.Name.Local)); err != nil {
				return err
			}
		case xml.CharData:
			if room := MaxField + 1 - (len(d.chars) - from); room > 0 {
				d.chars = append(d.chars, v[:min(room, len(v))]...)
			}
		case xml.EndElement:
			d.ownText(start.Name.Local, path, d.chars[from:], leaf, none)
			d.chars = d.chars[:from]
			return nil
		}
	}
}

// ownText adds what stands in an element itself. That of the row is named `.`.
func (d *xmlRows) ownText(name string, path, text []byte, leaf, none bool) {
	if len(text) <= MaxField {
		text = bytes.TrimSpace(text)
	}
	if none {
		text = nil
	}
	switch {
	case len(path) == 0 && len(text) > 0:
		d.put([]byte("."), 1, text, false)
	case len(path) > 0 && (leaf || len(text) > 0):
		d.put(path, len(name), text, false)
	case len(path) > 0:
		d.nest(path, len(name), "<...>")
	}
}

// isSchema says that an attribute is one of XML Schema's; `xsi` is where its namespace is not declared.
func isSchema(a xml.Attr) bool { return a.Name.Space == xsi || a.Name.Space == "xsi" }

func isNamespace(a xml.Attr) bool {
	return a.Name.Space == "xmlns" || a.Name.Space == "" && a.Name.Local == "xmlns"
}

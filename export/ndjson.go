package export

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
)

// jsonLines are rows that are objects, one a line. A line that is not one costs itself only.
type jsonLines struct {
	named
	src   *bufio.Reader
	line  []byte // what is left of it
	ended bool   // it has a line end
}

func newJSONLines(src io.Reader) *jsonLines { return &jsonLines{src: bufio.NewReaderSize(src, 64<<10)} }

func (d *jsonLines) next(rec *record) error {
	for len(bytes.TrimSpace(d.line)) == 0 {
		long, err := d.readLine()
		if err != nil {
			return err
		}
		if long {
			d.begin()
			d.fail(longRecord, 0)
			d.line = nil
			return d.finish(rec)
		}
	}
	d.begin()
	object, after := d.line, []byte(nil)
	if !json.Valid(object) { // or it is several objects
		first := json.NewDecoder(bytes.NewReader(d.line))
		var text json.RawMessage
		if first.Decode(&text) == nil {
			object, after = text, bytes.TrimLeft(d.line[first.InputOffset():], " \t\r\n")
		}
		if len(after) == 0 || after[0] != '{' {
			object, after = nil, nil
		}
	}
	if v := (jsonValue{text: object}); !v.is('{') || d.object(object) != nil {
		d.fault, d.at = brokenRecord, 0
	}
	d.line = after
	return d.finish(rec)
}

func (d *jsonLines) finish(rec *record) error {
	d.yield(rec)
	rec.unterminated = !d.ended && len(d.line) == 0
	return nil
}

// readLine reads the next line. One that is longer than a record is passed over.
func (d *jsonLines) readLine() (long bool, err error) {
	d.line = d.line[:0:0]
	for {
		part, err := d.src.ReadSlice('\n')
		if long = long || len(d.line)+len(part) > MaxRecord; !long {
			d.line = append(d.line, part...)
		}
		switch {
		case err == bufio.ErrBufferFull:
		case err == io.EOF && (long || len(d.line) > 0):
			d.ended = false
			return long, nil
		default:
			d.ended = true
			return long, err
		}
	}
}

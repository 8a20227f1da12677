package export

import (
	"bytes"
	"io"
)

// open settles how an export is read, and leaves its decoder before the first row after the header. An archive is opened;
// what is whole in there is whole, so that no last row waits for a line end.
func (r *rules) open(src io.Reader) (*Rows, error) {
	head, whole, err := peek(src, headSize)
	if err != nil {
		return nil, err
	}
	switch {
	case isGzip(head):
		plain, err := unzip(replay(head, src))
		if err != nil {
			return nil, err
		}
		return r.openPacked(plain)
	case isArchive(head):
		return r.openZip(replay(head, src))
	}
	return r.openHead(head, src, whole)
}

// openPacked is open of what was packed, and is not packed once more.
func (r *rules) openPacked(src io.Reader) (*Rows, error) {
	head, whole, err := peek(src, headSize)
	if err != nil {
		return nil, err
	}
	if isGzip(head) || isArchive(head) {
		return nil, nested()
	}
	rows, err := r.openHead(head, src, whole)
	if err != nil {
		return nil, err
	}
	rows.packed = true
	return rows, nil
}

// openHead settles the format of an export by its head; rest is what follows that.
func (r *rules) openHead(head []byte, rest io.Reader, whole bool) (*Rows, error) {
	format, err := r.formatOf(head)
	if err != nil {
		return nil, err
	}
	if format == "xlsx" {
		return r.openWorkbook(replay(head, rest))
	}
	set, text, err := openText(r.encoding, head, rest, whole)
	if err != nil {
		return nil, err
	}
	text = &withoutTail{src: text}
	switch format {
	case "json", "ndjson":
		return r.openJSON(text, set, format)
	case "xml":
		return r.openXML(text, set)
	case "fixed":
		return r.openFixed(text, set)
	}
	return r.openCSV(text, set)
}

// peek reads the first bytes of an export, at most so many; whole says that they are all of it.
func peek(src io.Reader, most int) (head []byte, whole bool, err error) {
	head = make([]byte, most)
	n, err := readFull(src, head)
	if whole = err == io.EOF; whole {
		err = nil
	}
	return head[:n], whole, err
}

// readFull fills b. Unlike that of io.ReadFull its error is src's own, io.EOF at the end: a source that fails with
// io.ErrUnexpectedEOF has not ended.
func readFull(src io.Reader, b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		var more int
		more, err = src.Read(b[n:])
		n += more
	}
	return n, err
}

// replay reads head and then what follows it.
func replay(head []byte, src io.Reader) io.Reader { return io.MultiReader(bytes.NewReader(head), src) }

// openCSV settles how text with delimiters is read.
func (r *rules) openCSV(text io.Reader, set charset) (*Rows, error) {
	head, whole, err := peek(text, headSize)
	if err != nil {
		return nil, err
	}
	d := detector{rules: r, format: "csv", charset: set, head: head, whole: whole, newline: newlineOf(head)}
	rows, err := d.rows()
	if err != nil {
		if report, err := d.openReport(text); report != nil || err != nil {
			return report, err
		}
		return nil, err
	}
	rows.csv = newCSV(replay(d.head, text), rows.comma, rows.layout.want())
	rows.csv.newline, rows.csv.wider = d.newline, d.isWider()
	rows.source = rows.csv
	if err := rows.csv.passHeader(d.first, &rows.layout); err != nil {
		return nil, err
	}
	return rows, nil
}

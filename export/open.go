package export

import (
	"bytes"
	"errors"
	"io"
)

// open settles how an export is read, and leaves its decoder before the first row after the header.
func (r *rules) open(src io.Reader) (*Rows, error) {
	head, whole, err := peek(src)
	if err != nil {
		return nil, err
	}
	if isGzip(head) {
		if src, err = unzip(io.MultiReader(bytes.NewReader(head), src)); err != nil {
			return nil, err
		}
		if head, whole, err = peek(src); err != nil {
			return nil, err
		}
	}
	format, err := r.formatOf(head)
	if err != nil {
		return nil, err
	}
	if format == "xlsx" {
		return r.openWorkbook(io.MultiReader(bytes.NewReader(head), src))
	}
	set, text, err := openText(r.encoding, head, src, whole)
	if err != nil {
		return nil, err
	}
	switch format {
	case "json", "ndjson":
		return r.openJSON(text, format)
	case "xml":
		return r.openXML(text, set)
	case "fixed":
		return r.openFixed(&withoutTail{src: text}, set)
	}
	return r.openCSV(&withoutTail{src: text}, set)
}

// peek reads the head of an export; whole says that it is all of it.
func peek(src io.Reader) (head []byte, whole bool, err error) {
	head = make([]byte, headSize)
	n, err := io.ReadFull(src, head)
	if whole = errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF); whole {
		err = nil
	}
	return head[:n], whole, err
}

// openCSV settles how text with delimiters is read.
func (r *rules) openCSV(text io.Reader, set charset) (*Rows, error) {
	head, whole, err := peek(text)
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
	rows.csv = newCSV(io.MultiReader(bytes.NewReader(d.head), text), rows.comma, rows.layout.want())
	rows.csv.newline, rows.csv.wider = d.newline, d.isWider()
	rows.source = rows.csv
	if err := rows.csv.passHeader(d.first, &rows.layout); err != nil {
		return nil, err
	}
	return rows, nil
}

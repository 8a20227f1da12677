package export

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// spreadsheet is the namespace of SpreadsheetML 2003, which Excel calls `XML Spreadsheet`, and of its attributes.
const spreadsheet = "urn:schemas-microsoft-com:office:spreadsheet"

// openSpreadsheet settles how a workbook in XML is read; head has the tokens of its beginning.
func (r *rules) openSpreadsheet(head, tokens *xmlTokens) (*Rows, error) {
	all := &xmlSheet{tokens: head, every: true}
	sheet, err := r.chooseSheet(all)
	if err != nil {
		return nil, err
	}
	rows, err := r.openTable("xml", &xmlSheet{tokens: tokens, want: sheet, stated: r.sheet != ""})
	if err != nil {
		return nil, err
	}
	rows.detected.Encoding = tokens.encoding
	if sheet <= len(all.names) && r.sheet == "" {
		name := all.names[sheet-1]
		if refused := rows.isAnotherStore(sectionOf(name), "by the name of its sheet", name); refused != nil {
			for _, other := range all.names {
				if strings.TrimLeft(sectionOf(other), "0") == strings.TrimLeft(string(r.defaults[Store]), "0") {
					refused.Write = fmt.Sprintf("sheet: %q", other)
				}
			}
			return nil, refused
		}
		return rows, rows.namedAs("sheet", name)
	}
	return rows, nil
}

// chooseSheet answers the number of the sheet that is read, from 1: the stated one, else the first with a header among its
// first rows, else the first that has rows. That a sheet is hidden stands behind its rows.
func (r *rules) chooseSheet(d *xmlSheet) (int, error) {
	var headed, others []int
	seen, rows := 0, 0
	var rec record
	for d.next(&rec) == nil {
		if seen != d.sheet {
			seen, rows = d.sheet, 0
		}
		if r.sheet != "" && strings.EqualFold(d.names[len(d.names)-1], r.sheet) {
			return d.sheet, nil
		}
		if rows == 0 {
			others = append(others, d.sheet)
		}
		if rows++; rows > headerRows || r.sheet != "" || slices.Contains(headed, d.sheet) {
			continue
		}
		cells := make([]heading, len(rec.fields))
		for i, f := range rec.fields {
			cells[i] = newHeading(string(clean(f)))
		}
		if m := r.match(cells, len(cells)); m.isHeader() {
			headed = append(headed, d.sheet)
		}
	}
	if r.sheet != "" {
		refused := &Refused{Code: RefusedRow, Reason: fmt.Sprintf("the config says that the sheet is %q, but the workbook has no such one with rows", r.sheet)}
		if len(d.names) > 0 {
			refused.Reason += "; it has " + quoteAll(d.names)
			refused.Write = fmt.Sprintf("sheet: %q", d.names[0])
		}
		return 0, refused
	}
	for _, sheet := range append(headed, others...) {
		if !slices.Contains(d.unseen, sheet) {
			return sheet, nil
		}
	}
	return 1, nil
}

// xmlSheet are the rows of a sheet.
type xmlSheet struct {
	tokens *xmlTokens
	want   int  // the sheet's number, from 1
	every  bool // all sheets are read, not only that
	stated bool // the config names it, so that it may be hidden

	sheet int      // that the document is in
	names []string // of the sheets so far
	depth int      // of the sheet's element; 0 = outside of one
	line  int      // of the last row

	unseen []int    // the sheets that are hidden
	hidden [][2]int // ranges of columns of the sheet, 1-based
	column int      // the last one that something was said of
}

func (d *xmlSheet) hides(column int) bool {
	return slices.ContainsFunc(d.hidden, func(r [2]int) bool { return r[0] <= column+1 && column+1 <= r[1] })
}

// columnBegun notes columns that are hidden.
func (d *xmlSheet) columnBegun(column xml.StartElement) {
	const most = 1000 // ranges
	first := d.column + 1
	if index, err := strconv.Atoi(attribute(column, "Index")); err == nil && index > 0 && index <= MaxColumns {
		first = index
	}
	span, _ := strconv.Atoi(attribute(column, "Span"))
	d.column = first + max(0, min(span, MaxColumns))
	if attribute(column, "Hidden") == "1" && len(d.hidden) < most {
		d.hidden = append(d.hidden, [2]int{first, d.column})
	}
}

// visibility reads whether the sheet is hidden, whose element was begun.
func (d *xmlSheet) visibility() error {
	token, err := d.tokens.next()
	if err != nil {
		return d.tokens.refuse(err, d.line)
	}
	if text, ok := token.(xml.CharData); ok && bytes.Contains(text, []byte("Hidden")) { // or SheetVeryHidden
		if d.every {
			d.unseen = append(d.unseen, d.sheet)
		} else if d.sheet == d.want && !d.stated {
			return &Refused{Code: RefusedSheet, Reason: "the sheet that has a header is hidden; only where it is the right one, the config's `sheet` must name it", Write: `sheet: "..."`}
		}
	}
	return nil
}

func (d *xmlSheet) next(rec *record) error {
	for {
		token, err := d.tokens.next()
		if err == io.EOF {
			return err
		}
		if err != nil {
			return d.tokens.refuse(err, d.line)
		}
		switch v := token.(type) {
		case xml.StartElement:
			switch {
			case v.Name.Local == "Worksheet" && d.tokens.depth == 2:
				d.sheet, d.depth, d.line = d.sheet+1, d.tokens.depth, 0
				d.column = 0
				if d.every && len(d.names) < MaxColumns {
					d.names = append(d.names, attribute(v, "Name"))
				}
			case v.Name.Local == "Column" && d.depth > 0 && d.tokens.depth == d.depth+2 && d.sheet == d.want:
				d.columnBegun(v)
			case v.Name.Local == "Visible" && d.depth > 0 && d.tokens.depth == d.depth+2:
				if err := d.visibility(); err != nil {
					return err
				}
			case v.Name.Local == "Row" && d.depth > 0 && d.tokens.depth == d.depth+2 && (d.every || d.sheet == d.want):
				if err := d.row(rec, v); err != nil {
					return d.tokens.refuse(err, d.line)
				}
				return nil
			}
		case xml.EndElement:
			if d.tokens.depth < d.depth {
				d.depth = 0
			}
		}
	}
}

// attribute is the value of one of the format's attributes.
func attribute(start xml.StartElement, name string) string {
	for _, a := range start.Attr {
		if a.Name.Local == name && a.Name.Space == spreadsheet {
			return a.Value
		}
	}
	return ""
}

// row reads the cells of a row, whose start was read.
func (d *xmlSheet) row(rec *record, start xml.StartElement) error {
	if index, err := strconv.Atoi(attribute(start, "Index")); err == nil && index > d.line && index < 1<<30 {
		d.line = index
	} else {
		d.line++
	}
	*rec = record{line: d.line, lines: 1, sparse: true}
	from := d.tokens.dec.InputOffset()
	for column := 0; ; {
		token, err := d.tokens.next()
		if err != nil {
			return err
		}
		switch v := token.(type) {
		case xml.EndElement:
			if d.tokens.dec.InputOffset()-from > MaxRecord {
				rec.fault, rec.at = longRecord, 0
			}
			return nil
		case xml.StartElement:
			if v.Name.Local != "Cell" {
				if err := d.tokens.skip(); err != nil {
					return err
				}
				continue
			}
			if index, err := strconv.Atoi(attribute(v, "Index")); err == nil && index > column {
				column = index - 1
			}
			text, exact, err := d.cell()
			if err != nil {
				return err
			}
			rec.addCell(column, text, exact)
			column++
			if across, err := strconv.Atoi(attribute(v, "MergeAcross")); err == nil && across > 0 && across < MaxColumns {
				column += across
			}
		}
	}
}

// addCell puts a cell into a record, whose cells come in order.
func (rec *record) addCell(column int, text []byte, exact bool) {
	switch {
	case rec.fault != noFault:
	case column >= MaxColumns:
		rec.fault = manyFields
	case len(text) > MaxField:
		rec.fault, rec.at = longField, column+1
	default:
		for len(rec.fields) < column {
			rec.fields, rec.exact = append(rec.fields, nil), append(rec.exact, false)
		}
		rec.fields, rec.exact = append(rec.fields, text), append(rec.exact, exact)
		rec.count = len(rec.fields)
	}
}

// cell reads the value of a cell, whose start was read: that of its Data, not that of a comment.
func (d *xmlSheet) cell() (text []byte, exact bool, _ error) {
	depth := d.tokens.depth
	kind, data := "", false
	for {
		token, err := d.tokens.next()
		if err != nil {
			return nil, false, err
		}
		switch v := token.(type) {
		case xml.StartElement:
			if d.tokens.depth != depth+1 {
				continue // the font of a part of the text
			}
			if data = v.Name.Local == "Data"; data {
				kind, text = attribute(v, "Type"), nil
			} else if err := d.tokens.skip(); err != nil {
				return nil, false, err
			}
		case xml.CharData:
			if data && len(text) <= MaxField {
				text = append(text, v[:min(len(v), MaxField+1-len(text))]...)
			}
		case xml.EndElement:
			if d.tokens.depth == depth {
				data = false
			}
			if d.tokens.depth < depth {
				text, exact = typed(text, kind)
				return text, exact, nil
			}
		}
	}
}

// typed is a cell's text by its type, as in a workbook that is no XML: a number in plain notation, a yes or no as a word, which is
// no number, and a date so that a size which became one is known.
func typed(text []byte, kind string) ([]byte, bool) {
	switch value := bytes.TrimSpace(text); kind {
	case "Number":
		return appendNumber(nil, value)
	case "Boolean":
		return []byte(strconv.FormatBool(string(value) != "0")), false
	case "DateTime":
		return isoDate(value), false
	}
	return text, false
}

package export

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// contents are files that people export by mistake, by their first bytes, in lower case.
var contents = []struct{ start, what string }{
	{"pk\x05\x06", "an empty zip file, not text"},
	{"\xd0\xcf\x11\xe0", "an old Excel workbook (xls), not text" + asOther},
	{"%pdf-", "a PDF document, not a table; let the POS export CSV"},
	{"{\\rtf", "an RTF document, not a table; let the POS export CSV"},
	{"\xff\xd8\xff", "a picture, not text"},
	{"\x89png", "a picture, not text"},
	{"gif8", "a picture, not text"},
	{"sqlite format 3\x00", "a database, not text"},
	{"!hdr", "a QuickBooks IIF file, which has several tables in one; let it export CSV"},
	{"!invitem", "a QuickBooks IIF file, which has several tables in one; let it export CSV"},
	{"<!doctype html", "a web page, not an export; the POS or a proxy may have answered with an error or a login page"},
	{"<html", "a web page, not an export; the POS or a proxy may have answered with an error or a login page"},
	{"<table", "an HTML table, not text" + asOther},
}

// formatNames are those of the config, but for auto.
var formatNames = []string{"csv", "fixed", "xlsx", "xml", "json", "ndjson"}

// formatOf settles the format by the export's first bytes, and by what the config says. A text is CSV, or, where the
// config gives ranges of characters, in fixed width.
func (r *rules) formatOf(head []byte) (format string, err error) {
	start := startOf(head, r.encoding)
	if len(start) == 0 && len(head) <= startSize {
		return "", &Refused{Code: RefusedEmpty, Reason: "the export is empty"}
	}
	found := "csv"
	switch {
	case isZip(head) && isWorkbook(head):
		found = "xlsx"
	case isZip(head) && isOpenDocument(head):
		return "", &Refused{Code: RefusedContent, Reason: "the export is an OpenDocument file (ods), which is not read" + asOther}
	case refuseContent(start) != nil:
		return "", refuseContent(start)
	case len(start) > 0 && start[0] == '<' && (isTag(start) || r.format == "xml"):
		found = "xml"
	case bytes.HasPrefix(start, []byte("{\"")), bytes.HasPrefix(start, []byte("[{")), bytes.HasPrefix(start, []byte("[[")),
		slices.Contains([]string{"{}", "[]"}, string(bytes.TrimSpace(start))):
		found = "json"
	}
	switch {
	case found == "csv" && r.ranges():
		found = "fixed"
	case found == "json" && r.format == "ndjson":
		found = r.format
	case found == "csv" && (r.format == "json" || r.format == "ndjson"): // such as {} or []
		found = r.format
	}
	if r.format != "" && r.format != found && !(r.format == "csv" && found == "fixed") {
		return "", &Refused{
			Code:   RefusedContent,
			Reason: fmt.Sprintf("the config says `format: %s`, but the export is %s", r.format, found),
			Write:  "format: auto",
		}
	}
	return found, nil
}

// startSize is how many bytes tell a format.
const startSize = 1024

// startOf is the first of an export's text in lower case, without what stands before it.
func startOf(head []byte, encoding string) []byte {
	start := bytes.Clone(head[:min(len(head), startSize)])
	for _, m := range byteOrderMarks {
		if bytes.HasPrefix(start, []byte(m.mark)) {
			start, encoding = start[len(m.mark):], m.encoding
			break
		}
	}
	if len(start) == min(len(head), startSize) && (encoding == "auto" || encoding == "utf-16") {
		encoding = guessUTF16(start)
	}
	if encoding == "utf-16le" || encoding == "utf-16be" {
		start = bytes.ReplaceAll(start, []byte{0}, nil)
	}
	start = lowerASCII(bytes.TrimLeft(start, " \t\r\n"))
	if len(start) > 0 && (start[0] == '{' || start[0] == '[') { // JSON may have blanks between these
		start = append(start[:1:1], bytes.TrimLeft(start[1:], " \t\r\n")...)
	}
	return start
}

// refuseContent knows what is no export, by its start.
func refuseContent(start []byte) error {
	for _, c := range contents {
		if !bytes.HasPrefix(start, []byte(c.start)) {
			continue
		}
		if c.start == "<html" && bytes.Contains(start, []byte(":office:")) {
			c.what = "an HTML table that passes for an Excel workbook, not text" + asOther
		}
		return &Refused{Code: RefusedContent, Reason: "the export is " + c.what}
	}
	return nil
}

func lowerASCII(text []byte) []byte {
	lower := bytes.Clone(text)
	for i, c := range lower {
		if c >= 'A' && c <= 'Z' {
			lower[i] = c | 0x20
		}
	}
	return lower
}

// isTag says that a text begins as XML does: with a declaration, a comment, or an element that is closed again.
func isTag(text []byte) bool {
	return len(text) > 1 && (text[1] == '?' || text[1] == '!' ||
		text[1] >= 'a' && text[1] <= 'z' && (bytes.Contains(text, []byte("</")) || bytes.Contains(text, []byte("/>"))))
}

func isZip(head []byte) bool { return bytes.HasPrefix(head, []byte("PK\x03\x04")) }

// isArchive says that a file holds other files, and is not one by itself.
func isArchive(head []byte) bool { return isZip(head) && !isWorkbook(head) && !isOpenDocument(head) }

// isWorkbook tells a workbook from other zip files, by the names of its first parts. The first name of a zip file that holds a
// workbook as it is, is that workbook's.
func isWorkbook(head []byte) bool {
	const fixed = 30 // bytes of the head of a part before its name, whose length stands in the 27th and 28th
	if len(head) > fixed {
		name := head[fixed:min(len(head), fixed+int(head[26])+int(head[27])<<8)]
		if dot := bytes.LastIndexByte(name, '.'); dot > 0 && slices.Contains([]string{".xlsx", ".xlsm", ".csv", ".txt", ".json"}, strings.ToLower(string(name[dot:]))) {
			return false
		}
	}
	return bytes.Contains(head, []byte("[Content_Types].xml")) || bytes.Contains(head, []byte("xl/")) || bytes.Contains(head, []byte("_rels/"))
}

// isOpenDocument knows the files of LibreOffice: their first part says what they are, and is not packed.
func isOpenDocument(head []byte) bool {
	return bytes.HasPrefix(head[min(len(head), 30):], []byte("mimetypeapplication/vnd.oasis.opendocument"))
}

package export

import (
	"archive/zip"
	"bufio"
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

// What is read of a workbook, whatever it claims to be. A sheet of 100,000 rows and ten columns packs to 4 MiB.
const (
	maxWorkbookFile = 24 << 20  // bytes of the file
	maxWorkbook     = 28 << 20  // bytes that are kept: the file's, and those of the texts that its cells share
	maxParts        = 10_000    // files in it, sheets, and relations between them
	maxPiece        = 256 << 10 // bytes of one tag or text: the longest text of a cell is shorter, even if each character is escaped
	maxDepth        = 100       // elements within each other
)

// unzipParts lists the files in a workbook by their names, in lower case, for so they are compared. Of those that are there
// twice it keeps nil.
func unzipParts(s *spool) (map[string]*zip.File, error) {
	if n, size := s.entries(); n > maxParts || size > maxListed {
		return nil, notRead("the workbook has more than %d files in it, or names of more than %d MiB, which no workbook has", maxParts, maxListed>>20)
	}
	z, err := zip.NewReader(s, s.size)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) { // no file is made of those paths
		return nil, damagedBook("its end is missing, or is not that of a zip file (%v)", err)
	}
	parts := make(map[string]*zip.File, len(z.File))
	for _, f := range z.File {
		name := strings.ToLower(strings.TrimPrefix(strings.ReplaceAll(f.Name, `\`, "/"), "/"))
		if _, twice := parts[name]; twice {
			f = nil
		}
		parts[name] = f
	}
	return parts, nil
}

// bookPart is the XML of one of a workbook's files, as a stream of its elements. They are known by their names without the prefix.
type bookPart struct {
	name string
	book *workbook
	src  io.Reader
	err  error // of src, kept
	xml  *xml.Decoder
	open []xml.Name // the elements that were begun and have not ended
	left int        // bytes that the next tag or text may still have
}

// part opens a part and goes into its first element, which must have a name.
func (b *workbook) part(name, root string) (*bookPart, error) {
	f, there := b.parts[strings.ToLower(name)]
	switch {
	case !there:
		return nil, damagedBook("its part %q is missing", name)
	case f == nil:
		return nil, damagedBook("its part %q is there twice", name)
	case f.Flags&1 != 0:
		return nil, notRead("the workbook is encrypted; save it without a password")
	}
	p := &bookPart{name: name, book: b}
	src, err := f.Open()
	if err != nil {
		return nil, p.fault(err)
	}
	p.src = src
	p.xml = xml.NewDecoder(bufio.NewReaderSize(p, 16<<10))
	for {
		token, err := p.token()
		if err != nil {
			return nil, p.fault(err)
		}
		if start, ok := token.(xml.StartElement); ok {
			if start.Name.Local != root {
				return nil, damagedBook("its part %q is a %q instead of a %q", name, clip(start.Name.Local), root)
			}
			return p, nil
		}
	}
}

// Read yields the unpacked bytes, within bounds.
func (p *bookPart) Read(b []byte) (n int, err error) {
	if p.left <= 0 {
		p.err = damagedBook("its part %q has a piece of more than %d KiB", p.name, maxPiece>>10)
		return 0, p.err
	}
	n, err = p.src.Read(b[:min(len(b), p.left)])
	p.left -= n
	p.book.unpacked += int64(n)
	if p.book.unpacked > freeSize && p.book.unpacked > maxRatio*p.book.packed {
		n, err = 0, notRead("the workbook is more than %d times larger once it is unpacked, which no table is", maxRatio)
	}
	if err != io.EOF {
		p.err = err
	}
	return n, err
}

// token is the next begin or end of an element, or text, which is valid until the next one. The error is io.EOF after the
// end of a part that is whole, else a *Refused.
func (p *bookPart) token() (xml.Token, error) {
	for {
		p.left = maxPiece
		token, err := p.xml.RawToken()
		if err == io.EOF && len(p.open) == 0 {
			return nil, err
		}
		if err != nil {
			return nil, p.fault(err)
		}
		switch t := token.(type) {
		case xml.StartElement:
			if p.open = append(p.open, t.Name); len(p.open) > maxDepth {
				return nil, damagedBook("its part %q has more than %d elements within each other", p.name, maxDepth)
			}
			return t, nil
		case xml.EndElement:
			last := len(p.open) - 1
			if last < 0 || p.open[last] != t.Name {
				return nil, damagedBook("its part %q ends an element that is not open: %q", p.name, clip(t.Name.Local))
			}
			p.open = p.open[:last]
			return t, nil
		case xml.CharData:
			return t, nil
		case xml.Directive:
			return nil, damagedBook("its part %q has a document type, which no workbook has", p.name)
		}
	}
}

// fault says what is wrong with a part.
func (p *bookPart) fault(err error) error {
	if p.err != nil {
		err = p.err
	}
	if refused, ok := errors.AsType[*Refused](err); ok {
		return refused
	}
	syntax, ok := errors.AsType[*xml.SyntaxError](err)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || ok && syntax.Msg == "unexpected EOF" {
		return damagedBook("its part %q is cut", p.name)
	}
	return damagedBook("its part %q: %v", p.name, err)
}

// children yields the elements in the one that was begun last, and goes past its end. What yield leaves of an element is
// passed over.
func (p *bookPart) children(yield func(xml.StartElement) error) error {
	depth := len(p.open)
	for {
		token, err := p.token()
		if err != nil {
			return p.fault(err)
		}
		if start, ok := token.(xml.StartElement); ok && len(p.open) == depth+1 {
			if err := yield(start); err != nil {
				return err
			}
		}
		if len(p.open) < depth {
			return nil
		}
	}
}

// text appends the text in the element that was begun last, and goes past its end. It appends up to MaxField + 1 bytes.
func (p *bookPart) text(dst []byte) ([]byte, error) {
	depth, most := len(p.open), len(dst)+MaxField+1
	for {
		token, err := p.token()
		if err != nil {
			return dst, p.fault(err)
		}
		if text, ok := token.(xml.CharData); ok && len(p.open) == depth {
			dst = append(dst, text[:min(len(text), most-len(dst))]...)
		}
		if len(p.open) < depth {
			return dst, nil
		}
	}
}

// richText appends the text in the element that was begun last, of all its runs, without what says how it is pronounced.
func (p *bookPart) richText(dst []byte) ([]byte, error) {
	from := len(dst)
	var run func(start xml.StartElement) error
	run = func(start xml.StartElement) (err error) {
		switch start.Name.Local {
		case "r":
			return p.children(run)
		case "t":
			if dst, err = p.text(dst); len(dst) > from+MaxField+1 {
				dst = dst[:from+MaxField+1]
			}
		}
		return err
	}
	err := p.children(run)
	return dst, err
}

// all yields the children of the first element, and reads on to the part's end, where its check sum is looked at.
func (p *bookPart) all(yield func(xml.StartElement) error) error {
	if err := p.children(yield); err != nil {
		return err
	}
	for {
		if _, err := p.token(); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// attributeOf is the value of an element's attribute; "" = it has none.
func attributeOf(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name && a.Name.Space != "xmlns" {
			return a.Value
		}
	}
	return ""
}

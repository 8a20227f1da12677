package export

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strings"
)

// maxSteps is how far below a row the fields are that are looked at to find it.
const maxSteps = 4

// xmlElement is all elements at one path.
type xmlElement struct {
	name     string
	parent   *xmlElement
	children []*xmlElement
	attrs    []string
	by       map[string]*xmlElement // children, by their names
	count    int                    // how many there are
	within   int                    // the number of the parent that the last one is in
	repeats  bool                   // a parent has more than one
	text     bool                   // one has text of its own
	store    string                 // what the first attribute that may be the store says

	row      bool // it can be a row: its fields have a heading for the quantity, and one that names the product
	fields   int  // how many of them are known for one that a row has
	familiar int  // how many are known for anything
}

// xmlName is the path from an element to a field, and the last step of it.
type xmlName struct{ path, leaf string }

// xmlScout finds the elements of a document that can be its rows.
type xmlScout struct {
	*rules
	tokens *xmlTokens
	root   *xmlElement // what the document's element is in
	at     *xmlElement
	beyond int // how many elements deep the document is in what is not kept
	size   int // elements and attributes that are kept
	space  string
	known  map[string]bool // the paths of what could be rows before
}

func newXMLScout(r *rules, tokens *xmlTokens) *xmlScout {
	root := &xmlElement{count: 1}
	return &xmlScout{rules: r, tokens: tokens, root: root, at: root}
}

// document looks at all of it, or up to where it is cut.
func (s *xmlScout) document() error {
	for {
		token, err := s.tokens.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		switch v := token.(type) {
		case xml.StartElement:
			s.start(v)
		case xml.EndElement:
			s.end()
		case xml.CharData:
			s.at.text = s.at.text || s.beyond == 0 && len(bytes.TrimSpace(v)) > 0
		}
	}
}

func (s *xmlScout) start(start xml.StartElement) {
	child := s.at.by[start.Name.Local]
	if s.beyond > 0 || child == nil && s.size >= MaxColumns {
		s.beyond++
		return
	}
	if child == nil {
		child = &xmlElement{name: start.Name.Local, parent: s.at}
		if s.at.by == nil {
			s.at.by = make(map[string]*xmlElement)
		}
		s.at.by[child.name] = child
		s.at.children = append(s.at.children, child)
		s.size++
	}
	if s.at == s.root {
		s.space = start.Name.Space
	}
	child.repeats = child.repeats || child.within == s.at.count
	child.within = s.at.count
	child.count++
	for _, a := range start.Attr {
		if !isNamespace(a) && !isSchema(a) && s.size < MaxColumns && len(child.attrs) < 100 && !slices.Contains(child.attrs, a.Name.Local) {
			child.attrs = append(child.attrs, a.Name.Local)
			s.size++
			if child.store == "" && isStoreWord(a.Name.Local) && isDigits([]byte(a.Value)) {
				child.store = clip(a.Value)
			}
		}
	}
	s.at = child
}

func (s *xmlScout) end() {
	if s.beyond > 0 {
		s.beyond--
		return
	}
	s.at = s.at.parent
}

// isSpreadsheet says that the document is a workbook as Excel 2003 writes XML.
func (s *xmlScout) isSpreadsheet() bool {
	return len(s.root.children) == 1 && s.root.children[0].name == "Workbook" && s.space == spreadsheet
}

// path is where an element is in the document.
func (e *xmlElement) path() string { return strings.Join(e.steps(), "/") }

func (e *xmlElement) steps() (steps []string) {
	for ; e.parent != nil; e = e.parent {
		steps = append(steps, e.name)
	}
	slices.Reverse(steps)
	return steps
}

// all yields an element and those below it.
func (e *xmlElement) all(yield func(*xmlElement)) {
	yield(e)
	for _, c := range e.children {
		c.all(yield)
	}
}

// look settles which elements can be rows, from the innermost on, and answers the fields that e itself would have. What is
// below an element that can be a row, or that repeats, is no field of those around it.
func (s *xmlScout) look(e *xmlElement) []xmlName {
	var names []xmlName
	add := func(path, leaf string) {
		if len(path) <= maxPath && strings.Count(path, "/") < maxSteps {
			names = append(names, xmlName{path, leaf})
		}
	}
	for _, a := range e.attrs {
		add("@"+a, a)
	}
	for _, c := range e.children {
		below := s.look(c)
		if c.row {
			continue
		}
		if len(c.children) == 0 {
			add(c.name, c.name)
		}
		if c.repeats {
			continue
		}
		for _, n := range below {
			add(c.name+"/"+n.path, n.leaf)
		}
	}
	if e.text && len(e.children) == 0 {
		names = append(names, xmlName{".", "."})
	}
	cells := make([]heading, len(names))
	for i, n := range names {
		cells[i] = newPath(n.path, n.leaf)
	}
	m := s.match(cells, len(cells))
	e.row, e.fields, e.familiar = m.isHeader() && e != s.root, m.fields(), familiar(cells)
	return slices.DeleteFunc(names, func(n xmlName) bool { return n.leaf == "." })
}

// rows are the paths of the elements that can be rows.
func (s *xmlScout) rows() map[string]bool {
	s.look(s.root)
	paths := make(map[string]bool)
	s.root.all(func(e *xmlElement) {
		if e.row {
			paths[e.path()] = true
		}
	})
	return paths
}

// choose settles which element is the row: the stated one, else the only one whose fields are known. What is in such a one and
// knows less, as the parts of a kit do, is none.
func (s *xmlScout) choose() (*xmlElement, error) {
	if s.row != "" {
		return s.stated()
	}
	s.look(s.root)
	var found, near []*xmlElement
	s.root.all(func(e *xmlElement) {
		switch {
		case e.row && !e.isPart():
			found = append(found, e)
		case e.familiar > 1 && e != s.root:
			near = append(near, e)
		}
	})
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		refused := s.several([]string{found[0].path(), found[1].path()})
		if isWithin(found[1].path(), found[0].path()) && found[1].fields > found[0].fields && len(found) == 2 {
			refused.Write = fmt.Sprintf("row: %q", found[1].path()) // the variants of products, which have the codes
		}
		return nil, refused
	case len(near) > 0: // its fields say what is missing
		return slices.MinFunc(near, func(a, b *xmlElement) int {
			return cmp.Or(cmp.Compare(b.familiar, a.familiar), cmp.Compare(b.count, a.count))
		}), nil
	}
	return nil, s.none("no element of the export's XML is known for a row: none has both a quantity and a UPC or SKU")
}

// isPart says that an element is in one that can be a row, of which more fields are known.
func (e *xmlElement) isPart() bool {
	for up := e.parent; up != nil; up = up.parent {
		if up.row && up.fields > e.fields {
			return true
		}
	}
	return false
}

// stated is the element that the config names.
func (s *xmlScout) stated() (row *xmlElement, _ error) {
	steps, rooted := strings.Split(statedPath(s.row), "/"), strings.HasPrefix(s.row, "/")
	s.root.all(func(e *xmlElement) {
		if row == nil && e != s.root && endsIn(e.steps(), steps, rooted) {
			row = e
		}
	})
	if row == nil {
		return nil, s.none(fmt.Sprintf("the config says that the rows are the elements %q, of which the export has none", s.row))
	}
	return row, nil
}

// none refuses a document in which there are no rows, and names the elements that repeat.
func (s *xmlScout) none(reason string) *Refused {
	var repeat []*xmlElement
	s.root.all(func(e *xmlElement) {
		if e.count > 1 && len(e.children)+len(e.attrs) > 0 {
			repeat = append(repeat, e)
		}
	})
	slices.SortStableFunc(repeat, func(a, b *xmlElement) int { return cmp.Compare(b.count, a.count) })
	refused := &Refused{Code: RefusedRow, Reason: reason, Write: `row: "..."`}
	if len(repeat) > 0 {
		var paths []string
		for _, e := range repeat {
			paths = append(paths, e.path())
		}
		refused.Reason += "; those that repeat are " + quoteAll(paths)
		refused.Write = fmt.Sprintf("row: %q", paths[0])
	}
	return refused
}

// several refuses a document for elements of which only a person can say which they are.
func (s *xmlScout) several(paths []string) *Refused {
	return &Refused{
		Code:   RefusedRow,
		Reason: "several elements of the export's XML could be the rows: " + quoteAll(paths),
		Write:  `row: "..."`,
	}
}

// group is the path of what may be a store around a row, and what is said of several such: an element that says a store, or,
// where lists is set, one with fields of its own.
func (e *xmlElement) group(lists bool) (path string, several *Refused) {
	for up := e.parent; up.parent != nil; up = up.parent {
		says := isStoreWord(up.name) || slices.ContainsFunc(up.attrs, isStoreWord) ||
			slices.ContainsFunc(up.children, func(c *xmlElement) bool { return len(c.children) == 0 && isStoreWord(c.name) })
		if says {
			return up.path(), refuseGroups(up.path())
		}
	}
	for up := e.parent; up.parent != nil && lists; up = up.parent {
		var fields []heading
		for _, name := range up.fieldNames() {
			fields = append(fields, newHeading(name))
		}
		if len(fields) > 0 && !isGoods(up.name, fields) {
			path, several = up.path(), refuseLists(up.path(), fields[0].text, e.path())
		}
	}
	return path, several
}

// storeAround is the store that an attribute of what a row is in says, and that element; "" = none does.
func (e *xmlElement) storeAround() (store, path string) {
	for up := e.parent; up != nil; up = up.parent {
		if up.store != "" {
			return up.store, up.path()
		}
	}
	return "", ""
}

// fieldNames are those of the attributes of an element, and of what is in it as a text.
func (e *xmlElement) fieldNames() []string {
	names := slices.Clone(e.attrs)
	for _, c := range e.children {
		if len(c.children) == 0 && len(c.attrs) == 0 {
			names = append(names, c.name)
		}
	}
	return names
}

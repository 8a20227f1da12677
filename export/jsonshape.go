package export

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// The bounds of what is kept of a document to find its rows.
const (
	maxShapes     = 1000
	maxShapeNames = 2 * MaxColumns // of all of them
	fewElements   = 200            // of an array; more are passed over
)

// jsonShape is an array that is somewhere in a document: what its elements are like.
type jsonShape struct {
	path   string
	arrays bool            // they are arrays, and names are the headings in the first one
	single bool            // it is no array but an object, which only the config can take for a row
	fields int             // how many of them are known for one that a row has, where it can be a row
	names  []heading       // those of the fields, of any element
	known  map[string]bool // the same
}

// jsonScout finds the arrays of a document that can be its rows. The path to an array is the names of the objects around it;
// arrays that it is in are no steps.
type jsonScout struct {
	*rules
	tokens *jsonTokens
	top    jsonShape // the document itself
	shapes []*jsonShape
	names  int      // in all of them
	empty  []string // the paths of arrays without elements
	place  string   // the path of what says the document's store, outside of arrays; "" = nothing does
	store  string   // that
}

// document looks at all of it, or up to where it is cut.
func (s *jsonScout) document() error {
	token, err := s.tokens.next()
	if err == nil {
		err = s.value(token, nil, "", &s.top, 0)
	}
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// isNew says that nothing is known of the elements of an array, in which there are no rows.
func (s *jsonScout) isNew(path []byte, row string) bool {
	within := len(path) == 0 || strings.HasPrefix(row, string(path)+"/")
	return !within && string(path) != row && len(s.shapes) < maxShapes &&
		!slices.ContainsFunc(s.shapes, func(sh *jsonShape) bool { return !sh.single && sh.path == string(path) })
}

// element looks at an object in an array, whose brace was read.
func (s *jsonScout) element(token json.Token, path []byte) error {
	return s.value(token, slices.Clone(path), "", s.shape(path, false), len(path)+1)
}

// shape is that of the array at a path.
func (s *jsonScout) shape(path []byte, arrays bool) *jsonShape {
	for _, sh := range s.shapes {
		if !sh.single && sh.path == string(path) {
			return sh
		}
	}
	sh := &jsonShape{path: string(path), arrays: arrays}
	if len(s.shapes) < maxShapes && len(path) <= maxPath {
		s.shapes = append(s.shapes, sh)
	}
	return sh
}

// add notes a field of an element.
func (s *jsonScout) add(sh *jsonShape, path, key string) {
	if sh.known[path] || len(path) > maxPath || s.names >= maxShapeNames {
		return
	}
	if sh.known == nil {
		sh.known = make(map[string]bool)
	}
	sh.known[path] = true
	sh.names = append(sh.names, newPath(path, key))
	s.names++
}

// value looks at the value of a key, which begins with a token. row is the element that it is in, to which path[from:] goes.
func (s *jsonScout) value(token json.Token, path []byte, key string, row *jsonShape, from int) error {
	switch token {
	case json.Delim('['):
		return s.array(path, key, row, from)
	case json.Delim('{'):
		for {
			token, err := s.tokens.next()
			if err != nil || token == json.Delim('}') {
				return err
			}
			key, _ := token.(string)
			if token, err = s.tokens.next(); err != nil {
				return err
			}
			if err := s.value(token, step(path, key), key, row, from); err != nil {
				return err
			}
		}
	}
	if text := fmt.Sprint(token); row == &s.top && s.place == "" && isStoreWord(key) && len(path) <= maxPath && isDigits([]byte(text)) {
		s.place, s.store = clip(string(path)), clip(text)
	}
	if len(path) > from || from == 0 && len(path) > 0 {
		s.add(row, string(path[min(from, len(path)):]), key)
	}
	return nil
}

// array looks at an array, whose bracket was read.
func (s *jsonScout) array(path []byte, key string, row *jsonShape, from int) error {
	var cells []heading
	scalars := false
	for i := 0; ; i++ {
		if i >= fewElements && s.tokens.more() {
			if _, err := s.tokens.value(); err != nil {
				return err
			}
			continue
		}
		token, err := s.tokens.next()
		if err != nil {
			return err
		}
		switch token {
		case json.Delim(']'):
			if i == 0 && row == &s.top && len(s.empty) < maxShapes && len(path) <= maxPath {
				s.empty = append(s.empty, "/"+string(path))
			}
			if scalars && key != "" && len(path) > from {
				s.add(row, string(path[from:]), key)
			}
			return nil
		case json.Delim('{'):
			if err := s.value(token, path, "", s.shape(path, false), len(path)+min(1, len(path))); err != nil {
				return err
			}
		case json.Delim('['):
			if cells, err = s.inner(path); err != nil {
				return err
			}
			if sh := s.shape(path, true); sh.arrays && sh.names == nil {
				sh.names = cells
			}
		default:
			scalars = true
		}
	}
}

// inner is the headings in an array within an array, whose bracket was read.
func (s *jsonScout) inner(path []byte) ([]heading, error) {
	cells := []heading{}
	for {
		token, err := s.tokens.next()
		if err != nil || token == json.Delim(']') {
			return cells, err
		}
		if _, nested := token.(json.Delim); nested {
			if err := s.value(token, path, "", &jsonShape{}, len(path)); err != nil {
				return nil, err
			}
			continue
		}
		if text := fmt.Sprint(token); s.names < maxShapeNames && len(cells) < MaxColumns {
			cells = append(cells, newHeading(text))
			s.names++
		}
	}
}

// choose settles which array the rows are: the stated one, the only one, or the only one with headings that are known.
func (s *jsonScout) choose() (*jsonShape, error) {
	if s.row != "" {
		return s.stated()
	}
	var found []*jsonShape
	for _, sh := range s.shapes {
		m := s.match(sh.names, len(sh.names))
		if !m.isHeader() {
			continue
		}
		sh.fields = m.fields()
		found = append(found, sh)
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		s.shapes = found
		return nil, s.several("could be the rows")
	case len(s.shapes) == 1:
		return s.shapes[0], nil
	case len(s.shapes) > 1:
		refused := s.several("are in it, and none has fields that are known for a quantity and for what names a product")
		return nil, refused
	case len(s.empty) > 0:
		return nil, &Refused{Code: RefusedEmpty, Reason: "the export has no rows: the array at " + quoteAll(s.empty) + " is empty"}
	}
	return nil, &Refused{
		Code:   RefusedRow,
		Reason: "no array of objects is in the export's JSON, so that nothing says what its rows are; let the POS write them as an array of objects",
	}
}

// stated is the array, or the object, at the path that the config gives.
func (s *jsonScout) stated() (*jsonShape, error) {
	path := statedPath(s.row)
	for _, same := range []func(a, b string) bool{func(a, b string) bool { return a == b }, strings.EqualFold} {
		if i := slices.IndexFunc(s.shapes, func(sh *jsonShape) bool { return same(sh.path, path) }); i >= 0 {
			return s.shapes[i], nil
		}
	}
	if slices.ContainsFunc(s.top.names, func(h heading) bool { return path != "" && strings.HasPrefix(h.text, path+"/") }) {
		return &jsonShape{path: path, single: true}, nil
	}
	refused := s.several("are there")
	if len(s.shapes) == 1 {
		refused.Write = fmt.Sprintf("row: %q", s.paths()[0])
	}
	refused.Reason = fmt.Sprintf("the config says that the rows are at %q, where there is no array of objects", s.row)
	if len(s.shapes) > 0 {
		refused.Reason += "; the export has those at " + quoteAll(s.paths())
	}
	return nil, refused
}

// several refuses a document for having more than one array. Which it is only a person can say, but where each is within the
// one before it and more of it is known: the variants of products have the codes.
func (s *jsonScout) several(what string) *Refused {
	refused := &Refused{Code: RefusedRow, Reason: fmt.Sprintf("several arrays %s: those at %s", what, quoteAll(s.paths())), Write: `row: "..."`}
	for i, sh := range s.shapes {
		if i > 0 && (!isWithin(sh.path, s.shapes[i-1].path) || sh.fields <= s.shapes[i-1].fields) {
			return refused
		}
	}
	if n := len(s.shapes); n > 0 {
		refused.Write = fmt.Sprintf("row: %q", s.shapes[n-1].path)
	}
	return refused
}

// isWithin says that a path goes on from another.
func isWithin(path, outer string) bool { return outer == "" || strings.HasPrefix(path, outer+"/") }

// paths are those of the arrays, as the config would give them.
func (s *jsonScout) paths() (paths []string) {
	for _, sh := range s.shapes {
		path := sh.path
		if path == "" {
			path = "/"
		}
		paths = append(paths, path)
	}
	return paths
}

// group is the path of what the rows stand in that may be a store, and what is said of several such: a step of their path, or an
// array around them whose elements say one, or have fields of their own.
func (s *jsonScout) group(row string) (path string, several *Refused) {
	if row == "" {
		return "", nil
	}
	steps := append([]string{""}, strings.Split(row, "/")...) // the document itself can be an array
	above := func(i int) string { return strings.Join(steps[1:i+1], "/") }
	for i, name := range steps[:len(steps)-1] {
		says := slices.ContainsFunc(s.fieldsAt(above(i)), func(h heading) bool { return h.rank(Store) >= 0 || h.mayBe(Store) })
		if says || isStoreWord(name) {
			return above(i), refuseGroups(cmp.Or(above(i), "/"))
		}
	}
	for i, name := range steps[:len(steps)-1] {
		if fields := s.fieldsAt(above(i)); s.row == "" && len(fields) > 0 && !isGoods(name, fields) {
			return above(i), refuseLists(cmp.Or(above(i), "/"), fields[0].text, row)
		}
	}
	return "", nil
}

// placesWithin refuses a quantity beside a list in the same record that has a quantity for each store, or for each size: it may be
// their sum.
func (s *jsonScout) placesWithin(row *jsonShape, l *layout) *Refused {
	if _, stated := s.columns[Quantity]; stated || row.single || row.arrays {
		return nil
	}
	for _, sh := range s.shapes {
		if sh == row || sh.arrays || !isWithin(sh.path, row.path) || sh.path == row.path {
			continue
		}
		quantity, store, size := false, isStoreWord(lastStep(sh.path)), false
		for _, h := range sh.names {
			quantity = quantity || h.rank(Quantity) >= 0 || h.mayBe(Quantity)
			store = store || h.rank(Store) >= 0 || h.mayBe(Store)
			size = size || h.rank(Size) >= 0
		}
		if quantity && (store && !l.hasStore() || size && l.column[SKU] >= 0 && l.column[Size] < 0) {
			return &Refused{
				Code: RefusedAmbiguous,
				Reason: fmt.Sprintf("%s may be the sum of the figures in the list %q that the same records have; let the POS write a record for each of those; only where it is what is in stock",
					l.name(l.column[Quantity]), sh.path),
				Write: fmt.Sprintf("columns: {quantity: %q}", l.label(l.column[Quantity])),
			}
		}
	}
	return nil
}

func lastStep(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// fieldsAt are the fields of the elements of the array at a path; nil = there is none.
func (s *jsonScout) fieldsAt(path string) []heading {
	for _, sh := range s.shapes {
		if sh.path == path && !sh.arrays {
			return sh.names
		}
	}
	return nil
}

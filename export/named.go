package export

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// The bounds of what formats nest, and of the names in them. A field whose name is too long, or one too many and known for
// nothing, is nobody's and is left out.
const (
	maxNesting = 64
	maxPath    = 512  // bytes of a field's name
	maxNames   = 1000 // that are no stated or known ones: what a record costs grows with them, however few it has itself
)

// named gathers the fields of a record where the format names them: what JSON and XML share. A record has a field for each
// name of any record up to fix, but for those at its end that it lacks.
type named struct {
	columns []heading      // in the order in which their names were seen first; the last ones are stated, see fix
	place   map[string]int // the column of a name; -1 = it is left out
	fixed   bool
	stated  int // from here on columns are those that fix added

	buf    []byte // room for the path to a field
	number int    // of the record, 1-based
	count  int    // of its fields, those that are left out too
	text   []byte
	spans  []fieldSpan // by column: its value in text
	exact  []bool
	fields [][]byte
	set    []int // the columns that the record has
	twice  []int // those that it has twice, with two values
	nested []int // those in which it has a list or an object
	late   []heading
	fault  fault
	at     int // the column that has the fault, 1-based
}

// fieldSpan is a part of named.text; set says that there is one.
type fieldSpan struct {
	from, to int
	set      bool
}

func (n *named) names() []heading { return n.columns }

// fix ends the growth of the columns. A stated heading that no record has had so far stays one, so that a field that comes
// late is read.
func (n *named) fix(stated []string) {
	n.fixed, n.stated = true, len(n.columns)
	for _, text := range stated {
		h := newHeading(text)
		h.unseen = true
		n.add(h)
	}
}

func (n *named) add(h heading) int {
	n.columns = append(n.columns, h)
	n.spans, n.exact, n.fields = append(n.spans, fieldSpan{}), append(n.exact, false), append(n.fields, nil)
	return len(n.columns) - 1
}

// begin begins the next record.
func (n *named) begin() {
	for _, column := range n.set {
		n.spans[column], n.exact[column], n.fields[column] = fieldSpan{}, false, nil
	}
	if n.buf == nil {
		n.buf = make([]byte, 0, 2*maxPath)
	}
	n.number++
	n.twice, n.nested, n.late = n.twice[:0], n.nested[:0], n.late[:0]
	n.set, n.text, n.count, n.fault, n.at = n.set[:0], n.text[:0], 0, noFault, 0
}

// fail notes what is wrong with the record first.
func (n *named) fail(f fault, at int) {
	if n.fault == noFault {
		n.fault, n.at = f, at
	}
}

// put adds a field to the record: its path, how long the last step of that is, its value, and whether that is a number by its
// format.
func (n *named) put(path []byte, leaf int, value []byte, exact bool) {
	if n.count++; n.count > MaxColumns {
		n.fail(manyFields, 0)
	}
	if len(n.text)+len(value) > MaxRecord {
		n.fault, n.at = longRecord, 0
	}
	if n.fault == longRecord || n.fault == manyFields {
		return
	}
	column, known := n.place[string(path)]
	if !known {
		column = n.learn(path, leaf)
	}
	switch {
	case column < 0:
		return
	case len(value) > MaxField:
		n.fail(longField, column+1)
		return
	case n.spans[column].set:
		if s := n.spans[column]; !bytes.Equal(n.text[s.from:s.to], value) {
			n.twice = append(n.twice, column)
		}
		n.exact[column] = n.exact[column] && exact
		return
	}
	from := len(n.text)
	n.text = append(n.text, value...)
	n.spans[column], n.exact[column] = fieldSpan{from, len(n.text), true}, exact
	n.set = append(n.set, column)
}

// nest notes that a path which is one value in other records is a list or an object in this one. What is shown there is no
// number.
func (n *named) nest(path []byte, leaf int, shown string) {
	if column, known := n.place[string(path)]; known && column >= 0 {
		n.put(path, leaf, []byte(shown), false)
		n.nested = append(n.nested, column)
	}
}

// learn settles the column of a name that is new.
func (n *named) learn(path []byte, leaf int) int {
	if n.place == nil {
		n.place = make(map[string]int)
	}
	name, column := string(path), -1
	if len(name) > maxPath {
		return -1
	}
	h := newPath(name, name[len(name)-leaf:])
	switch {
	case n.fixed:
		column = slices.IndexFunc(n.columns[n.stated:], func(c heading) bool {
			return strings.EqualFold(c.text, h.text) || c.folded == h.folded && h.folded != ""
		})
		if column >= 0 {
			column += n.stated
		} else if h.uses != nil {
			n.late = append(n.late, h)
		}
	case len(n.columns) < maxNames, h.uses != nil && len(n.columns) < MaxColumns:
		column = n.add(h)
	}
	if len(n.place) < 2*MaxColumns {
		n.place[name] = column
	}
	return column
}

// yield makes the gathered fields the record.
func (n *named) yield(rec *record) {
	count := 0
	for _, column := range n.set {
		s := n.spans[column]
		n.fields[column] = n.text[s.from:s.to]
		count = max(count, column+1)
	}
	*rec = record{line: n.number, lines: 1, fields: n.fields[:count], count: count, exact: n.exact, twice: n.twice, nested: n.nested, late: n.late,
		sparse: true, fault: n.fault, at: n.at}
}

// newPath is the heading of a column that a format names by a path, such as `stock/quantity` or `item/@upc`: what it means is
// in the last step, the leaf, and in the step before that. Below a step that may change what a heading means, as in
// `order/quantity`, it is never taken by itself.
func newPath(path, leaf string) heading {
	h := newHeading(leaf)
	h.text = path
	above := strings.TrimRight(strings.TrimSuffix(path, leaf), "/@")
	if above == "" {
		return h
	}
	steps := strings.Split(above, "/")
	if both := newHeading(steps[len(steps)-1] + " " + leaf); both.uses != nil {
		h.uses = both.uses
	} else if h.uses != nil && slices.ContainsFunc(steps, func(s string) bool { return !slices.Contains(plainSteps, fold(s)) }) {
		h.uses = h.uses.doubtful()
	}
	return h
}

// plainSteps are steps of a path that do not change what the heading below them means.
var plainSteps = []string{"article", "artikel", "attributes", "barcode", "barcodes", "code", "codes", "data", "detail", "details", "fields", "identifier", "identifiers", "ids", "inventory",
	"inventory level", "item", "node", "product", "properties", "quantities", "record", "row", "stock", "stock level", "style", "variant"}

// doubtful are the uses of a heading that can mean something else.
func (u *uses) doubtful() *uses {
	d := *u
	for f := range d.best {
		d.maybe[f] = d.maybe[f] || d.best[f] > 0
		d.best[f] = 0
	}
	return &d
}

// hidden are the uses of a heading that nobody sees: its column may be the quantity, and is not taken for it by itself.
func (u *uses) hidden() *uses {
	if u == nil || u.best[Quantity] == 0 {
		return u
	}
	h := *u
	h.best[Quantity], h.maybe[Quantity] = 0, true
	return &h
}

// isStoreWord says that a name, or the one thing of which it is the plural, can be a store.
func isStoreWord(name string) bool {
	for _, word := range []string{name, strings.TrimSuffix(name, "s"), strings.TrimSuffix(name, "es")} {
		if h := newHeading(word); h.rank(Store) >= 0 || h.mayBe(Store) {
			return true
		}
	}
	return false
}

// refuseGroups refuses rows that stand in groups which seem to be stores, and do not say their store themselves.
func refuseGroups(group string) *Refused {
	return &Refused{
		Code: RefusedStore,
		Reason: fmt.Sprintf("the rows stand in several groups, %q, which may be stores, and what stands outside a row is not read; "+
			"let the POS write the store into each row, or export one store at a time", clip(group)),
	}
}

// refuseLists refuses rows that stand in several groups of which nothing says what they are.
func refuseLists(group, field, row string) *Refused {
	return &Refused{
		Code: RefusedRow,
		Reason: fmt.Sprintf("the rows stand in several groups, %q, which have fields of their own such as %q: each may be a store, or a day, and what stands outside a row is not read; "+
			"let the POS write the store into each row, or export one group at a time; only where all are of one store, and each product is in one of them", clip(group), clip(field)),
		Write: fmt.Sprintf("row: %q", row),
	}
}

// goodsWords are what a group of rows is called that is a product, of which the rows are the variants, that has but one row, or
// that is a kind of goods.
var goodsWords = []string{"product", "produkt", "item", "article", "artikel", "style", "model", "variant", "sku", "record", "row", "entry", "node", "edge", "element", "line",
	"result", "category", "collection", "brand", "department"}

// isGoods says that a group of rows is a product, or a kind of goods, by its name or by the fields that it has of its own.
func isGoods(name string, fields []heading) bool {
	name = fold(name)
	if plural, ok := strings.CutSuffix(name, "ies"); ok {
		name = plural + "y"
	}
	return slices.Contains(goodsWords, name) || slices.Contains(goodsWords, strings.TrimSuffix(name, "s")) || slices.ContainsFunc(fields, func(h heading) bool {
		return h.rank(UPC) >= 0 || h.rank(SKU) >= 0 || slices.Contains([]string{"handle", "title", "product", "product id", "product name", "item name"}, h.folded)
	})
}

// bounded reads src. Its error is errLongToken where more than limit bytes are read after mark was called last: a decoder that
// keeps all of what it has begun is stopped there.
type bounded struct {
	src   io.Reader
	limit int
	n     int
	err   error // of src, but for its end
	ended bool  // src has
}

func (b *bounded) mark() { b.n = 0 }

func (b *bounded) Read(p []byte) (int, error) {
	switch {
	case b.err != nil:
		return 0, b.err
	case b.n > b.limit:
		return 0, errLongToken
	}
	n, err := b.src.Read(p)
	b.n += n
	if b.ended = err == io.EOF; !b.ended {
		b.err = err
	}
	return n, err
}

var (
	errLongToken = errors.New("a value is too long")
	errNesting   = fmt.Errorf("it is nested more than %d deep", maxNesting)
)

// quoteAll lists names for a message, the first few of them.
func quoteAll(names []string) string { return quoteSome(names, 10) }

// quoteSome lists at most so many names for a message.
func quoteSome(names []string, most int) string {
	var quoted []string
	for _, name := range names[:min(most, len(names))] {
		quoted = append(quoted, fmt.Sprintf("%q", clip(name)))
	}
	text := strings.Join(quoted, ", ")
	if more := len(names) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

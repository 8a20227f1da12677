package export

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// variants are pairs of columns of which one says what the other one holds: `Option1 Name` is Size, `Option1 Value` is 34.
// Such names may stand in the first of a product's rows alone.
type variants struct {
	pairs []pair
	group int // the column that is the same in a product's rows; -1 = each row has its names
}

type pair struct{ name, value int }

// numbers are those of options in words.
var numbers = map[string]string{"one": "1", "two": "2", "three": "3", "four": "4", "five": "5"}

// optionOf is which option a heading belongs to, such as `option 1`; "" = none. name tells its name from its value.
func optionOf(h heading) (option string, name bool) {
	var kind, number, part string
	for _, word := range strings.Fields(h.folded) {
		if digit := word[len(word)-1:]; strings.HasPrefix(word, "option") && digit >= "1" && digit <= "5" {
			word, number = word[:len(word)-1], digit
		}
		if n := numbers[word]; n != "" {
			word = n
		}
		switch {
		case word == "option" || word == "attribute":
			kind = word
		case len(word) == 1 && word >= "1" && word <= "5":
			number = word
		case word == "name" || word == "value":
			part = word
		case word != "variant" && word != "s": // `Attribute 1 value(s)`
			return "", false
		}
	}
	if kind == "" || number == "" || part == "" {
		return "", false
	}
	return kind + " " + number, part == "name"
}

// groupHeadings are of columns that are the same in all rows of one product.
var groupHeadings = []string{"handle", "url handle", "reference handle"}

// findVariants finds the pairs, where no column is the size or the width by itself.
func (m *match) findVariants(cells []heading) {
	if m.column[Size] >= 0 && m.column[Width] >= 0 || m.column[SKU] < 0 {
		return
	}
	names, values := map[string]int{}, map[string]int{}
	var order []string
	for i, h := range cells {
		switch option, name := optionOf(h); {
		case option == "":
		case name:
			names[option] = i
		default:
			values[option] = i
			order = append(order, option)
		}
	}
	for _, option := range order {
		if name, ok := names[option]; ok {
			m.variants.pairs = append(m.variants.pairs, pair{name, values[option]})
		}
	}
	if len(m.variants.pairs) > 0 {
		m.variants.group = slices.IndexFunc(cells, func(h heading) bool { return slices.Contains(groupHeadings, h.folded) })
	}
}

// What an option is, where it is neither the size nor the width.
const (
	otherOption   = fieldCount // such as the colour
	unnamedOption = fieldCount + 1
)

// maxGroups is how many products' names of options are remembered, for their rows may be in any order.
const maxGroups = 1000

// options are what the pairs hold in the rows of one product.
type options struct {
	group   []byte
	of      []Field            // by pair
	at      [fieldCount]int    // the column that holds the size, and the width; -1 = none
	known   map[string]Field   // by what an option is called
	byGroup map[string][]Field // of, of the last products; those whose rows come later than maxGroups others have no names
}

// meaning is which field an option is that is called so.
func (o *options) meaning(name string) Field {
	f, ok := o.known[name]
	if len(name) > maxHeading {
		return otherOption
	}
	if !ok {
		f = optionField(newHeading(name))
		if o.known == nil {
			o.known = map[string]Field{}
		}
		if len(o.known) < 1000 {
			o.known[name] = f
		}
	}
	return f
}

// optionField knows an option by its name: Size, Shoe Size, Width, in the languages of the headings. That of a part, such as
// Heel Width, is not the product's.
func optionField(h heading) Field {
	part := slices.ContainsFunc(strings.Fields(h.folded), func(word string) bool { return slices.Contains(partWords, word) })
	if part || h.mayBe(Size) || h.vetoed(Size) || h.mayBe(Width) && !h.is(Width) || h.vetoed(Width) {
		return otherOption
	}
	size, width := h.is(Size), h.is(Width)
	switch {
	case size && !width:
		return Size
	case width && !size:
		return Width
	}
	return otherOption
}

// partWords are words for parts of a product, or of its parcel, that have measures of their own.
var partWords = []string{"heel", "strap", "calf", "shaft", "toe", "sole", "ankle", "lace", "cuff", "brim", "sleeve", "lens", "bridge", "temple", "stripe",
	"package", "packaging", "parcel", "box", "shipping", "absatz", "schaft", "riemen", "talon", "tacon", "tacco", "hak"}

// is says that one of the words of a heading is a field's heading.
func (h heading) is(f Field) bool {
	return h.rank(f) >= 0 || slices.ContainsFunc(strings.Fields(h.folded), func(word string) bool { return slices.Contains(headings[f].best, word) })
}

// begin goes on with the options of another product.
func (o *options) begin(group []byte, pairs int) {
	o.group = append(o.group[:0], group...)
	if of, known := o.byGroup[string(group)]; known {
		o.of = of
		return
	}
	remembered := len(group) > 0 && len(group) <= maxHeading
	if o.of == nil || len(o.byGroup) > 0 { // else it is nobody's
		o.of = make([]Field, pairs)
	}
	for i := range o.of {
		o.of[i] = unnamedOption
	}
	if !remembered {
		return
	}
	if o.byGroup == nil || len(o.byGroup) >= maxGroups {
		o.byGroup = make(map[string][]Field)
	}
	o.byGroup[string(group)] = o.of
}

// seeOptions takes the names of the options in that a row has, and finds where its size and its width are. Two options
// that may both be the size are none.
func (p *pipeline) seeOptions(rec *record) {
	v, o := &p.layout.variants, &p.options
	if group := cellOf(rec, v.group); o.of == nil || len(group) == 0 || !bytes.Equal(group, o.group) {
		o.begin(group, len(v.pairs))
	}
	for i, pair := range v.pairs {
		if name := clean(cellOf(rec, pair.name)); len(name) > 0 {
			text, _ := p.decode(name)
			o.of[i] = o.meaning(string(text))
		}
	}
	for _, f := range []Field{Size, Width} {
		o.at[f] = -1
		n := 0
		for i, is := range o.of {
			if is == f {
				o.at[f] = v.pairs[i].value
				n++
			}
		}
		if n > 1 {
			o.at[f] = -1
		}
	}
}

// unsettled is a column of the row that may hold its size, or its width, which no column holds for certain, and why it is not
// certain; -1 = there is none.
func (p *pipeline) unsettled(rec *record, f Field) (column int, why string) {
	if p.layout.column[f] >= 0 || p.fixed != nil && f == Size && p.layout.spread.by == Size {
		return -1, ""
	}
	for i, pair := range p.layout.variants.pairs {
		if len(clean(cellOf(rec, pair.value))) == 0 {
			continue
		}
		switch p.options.of[i] {
		case unnamedOption:
			return pair.value, fmt.Sprintf("the name of its option is not known, for %s is blank here and in the rows of the product before this one", p.layout.name(pair.name))
		case f:
			if p.options.at[f] < 0 {
				return pair.value, "another option may be it as well"
			}
		}
	}
	return -1, ""
}

func (p *pipeline) isUnsettled(rec *record, f Field) bool {
	column, _ := p.unsettled(rec, f)
	return column >= 0
}

func cellOf(rec *record, column int) []byte {
	if column < 0 || column >= len(rec.fields) {
		return nil
	}
	return rec.fields[column]
}

// place is the column that holds a field in the row that is read; -1 = none.
func (p *pipeline) place(f Field) int {
	if c := p.layout.column[f]; c >= 0 || len(p.layout.variants.pairs) == 0 || f != Size && f != Width {
		return c
	}
	return p.options.at[f]
}

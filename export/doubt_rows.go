package export

import (
	"fmt"
	"slices"
	"strings"
)

// measures refuses rows of which a column says what their quantity is: `On Hand` in one, and `On Order` in another one for the
// same product, of which the last would count. A column that says of each product whether it is in stock is none of those.
func (d *detector) measures(p *pipeline) *Refused {
	l := &p.layout
	c, stated := d.columns[Quantity]
	if stated && (!c.isPattern() || d.addUp()) {
		return nil
	}
	for _, column := range d.measureColumns(p) {
		trial, said := *p, map[string]string{}
		var one, other string
		d.sample(p, func(rec *record) {
			if _, res := trial.evaluate(rec); one != "" || res != isUpdate && !trial.names(rec) {
				return
			}
			h := d.cellHeading(rec, column)
			if before, known := said[string(trial.key)]; known && h.isMeasure() && newHeading(before).folded != h.folded {
				one, other = before, h.text
			} else if h.isMeasure() {
				said[string(trial.key)] = h.text
			}
		})
		if one == "" {
			continue
		}
		refused := &Refused{
			Code: RefusedAmbiguous,
			Reason: fmt.Sprintf("%s says what the figures of a row are, such as %q and %q in two rows for one product: let the POS export what is on hand alone",
				l.name(column), clip(one), clip(other)),
		}
		if len(l.spread.each) == 0 {
			refused.Reason += fmt.Sprintf("; only where each of them is what is in stock, the config may state %s", l.name(l.column[Quantity]))
			refused.Write = "columns: {quantity: ...}"
		}
		return refused
	}
	return nil
}

// isMeasure says that what stands in a cell is known as the heading of a quantity, of what is in stock or of something else.
func (h heading) isMeasure() bool {
	return h.rank(Quantity) >= 0 || h.mayBe(Quantity) || h.vetoed(Quantity)
}

// measureColumns are the columns of no other use whose cells are such headings, at least two different ones.
func (d *detector) measureColumns(p *pipeline) (columns []int) {
	const few = 4 // cells of another kind, at the beginning
	type cells struct {
		others   int // more than of measures
		measures []string
	}
	seen := make([]cells, p.layout.width)
	left, used := 0, p.layout.used()
	for column := range seen {
		if seen[column].others = few + 1; !slices.Contains(used, column) {
			seen[column].others = 0
			left++
		}
	}
	rows := 0
	d.headRecords(p.comma, MaxColumns, func(rec *record) bool {
		if rec.line <= p.layout.line || rec.fault != noFault || rec.isBlank() {
			return true
		}
		for column := range seen {
			c := &seen[column]
			if c.others > few || len(cellOf(rec, column)) == 0 {
				continue
			}
			switch h := d.cellHeading(rec, column); {
			case h.text == "":
			case !h.isMeasure():
				if c.others++; c.others > few {
					left--
				}
			default:
				if c.others--; len(c.measures) < few && !slices.Contains(c.measures, h.folded) {
					c.measures = append(c.measures, h.folded)
				}
			}
		}
		rows++
		return left > 0 && rows < firstRows
	})
	for column, c := range seen {
		if c.others <= few && len(c.measures) > 1 {
			columns = append(columns, column)
		}
	}
	return columns
}

// cellHeading is a cell as if it were a heading.
func (d *detector) cellHeading(rec *record, column int) heading {
	text, _ := d.charset.append(nil, clean(cellOf(rec, column)))
	return newHeading(strings.ToValidUTF8(string(text), "\ufffd"))
}

// The least rows by which a quantity of nothing but 0 and 1 is taken for a yes or no: where another column may be the quantity,
// and where the heading alone can mean that.
const (
	fewFlags     = 5
	fewFlagsOnly = 20
)

// yesOrNo refuses a quantity that is 0 or 1 in all rows, where its heading can mean yes or no.
func (d *detector) yesOrNo(p *pipeline) *Refused {
	l := &p.layout
	q := l.column[Quantity]
	_, stated := d.columns[Quantity]
	if stated || len(l.spread.each) > 0 || q >= len(l.headings) || l.preset.find(Quantity, l.headings) == q || !slices.Contains(flagHeadings, l.headings[q].bare) {
		return nil
	}
	var others []int
	for column, h := range l.headings {
		if column != q && (h.rank(Quantity) >= 0 || h.mayBe(Quantity)) {
			others = append(others, column)
		}
	}
	rows, ones, flag, other := 0, 0, true, -1
	trial := *p
	d.headRecords(p.comma, 1+max(l.want()-1, q, slices.Max(append(others, 0))), func(rec *record) bool {
		if rec.line <= l.line {
			return true
		}
		figure, res := trial.evaluate(rec)
		if res != isUpdate {
			return true
		}
		for _, column := range others {
			if n, plain := plainNumber(cellOf(rec, column)); plain && n > 1 {
				other = column
			}
		}
		rows++
		ones += int(figure & 1)
		flag = figure == 0 || figure == 1
		return flag && rows < sampleRows
	})
	refused := &Refused{Code: RefusedAmbiguous, Write: "columns: {quantity: ...}"}
	switch {
	case !flag:
		return nil
	case other >= 0 && rows >= fewFlags:
		refused.Reason = fmt.Sprintf("two columns could be the quantity: %s is 0 or 1 in each of the first %d rows, as a yes or no is, and %s is not", l.name(q), rows, l.name(other))
	case len(others) == 0 && rows >= fewFlagsOnly && ones > 0 && isInStock(l.headings[q]):
		refused.Reason = fmt.Sprintf("%s is 0 or 1 in each of the first %d rows, so that it may be a yes or no; only where it is a number of pieces", l.name(q), rows)
		refused.Write = fmt.Sprintf("columns: {quantity: %q}", l.headings[q].text)
	default:
		return nil
	}
	return refused
}

func isInStock(h heading) bool { return h.bare == "in stock" || h.bare == "en stock" }

var flagHeadings = []string{"in stock", "en stock", "stock", "current stock", "inventory", "balance", "bestand", "lagerbestand", "voorraad", "existencias", "giacenza", "estoque"}

// ohio refuses a heading OH beside those of other states of the USA, where no column is the store: it may be a store's.
func (d *detector) ohio(p *pipeline) *Refused {
	l := &p.layout
	q := l.column[Quantity]
	if _, stated := d.columns[Quantity]; stated || l.hasStore() || q >= len(l.headings) || l.headings[q].folded != "oh" {
		return nil
	}
	i := slices.IndexFunc(l.headings, func(h heading) bool { return slices.Contains(states, h.folded) })
	if i < 0 {
		return nil
	}
	return &Refused{
		Code:   RefusedAmbiguous,
		Reason: fmt.Sprintf("%s may be what is on hand, or in Ohio, for there is a %s; only where it is what is on hand", l.name(q), l.name(i)),
		Write:  fmt.Sprintf("columns: {quantity: %q}", l.headings[q].text),
	}
}

var states = strings.Fields("pa ny nj ky mi wv ca tx fl il ga nc va wa ma az tn md wi mn sc la ut nv ks ne nm nh ri vt")

package export

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"tillpost/inventory"
)

// result is what became of a record.
type result uint8

const (
	isUpdate result = iota
	isSkipped
	isFurniture // skipped, and no row at all
	isReject    // pipeline.reject says why
	isRefused   // pipeline.refused says why: the export contradicts itself
)

// pipeline turns records into updates, whatever format they are from: columns to codes to numbers to the key.
type pipeline struct {
	rules
	layout   layout
	charset  charset
	decimals decimals
	comma    byte // of CSV
	named    bool // the format names the columns, and writes nothing but rows
	trailing int  // how many blank fields may stand after the last column

	table int // the line of the other table's header that rows are under; 0 = under the first header

	options     options
	widthInSize []byte // of the row, that `split_size` has found; nil = none
	fixed       *each  // the column of the spread that is evaluated; nil = there is none

	// Of the row of a spread that is read:
	fits          bool     // it has no field too many
	spreadRejects int      // so far
	spreadRecord  []string // its fields, as they keep them

	above map[string]bool // the titles above the header, which come again on each page

	section string // what a line such as `Store: 2` says, under which the rows are; "" = none was seen
	begun   int    // the line where another one begins, so that no row can follow; 0 = none
	begins  string // what that line says, where it is no store but another quantity

	record  record
	key     []byte // of the last update
	before  []byte // the SKU of the last row that had one
	others  bool   // other is wanted
	other   []byte // the other key of the last update; empty = it has none
	reject  *Reject
	refused *Refused
	text    []byte   // the row's fields that had to be decoded
	digits  [16]byte // the row's UPC
}

// evaluate settles one record.
func (p *pipeline) evaluate(rec *record) (figure int64, _ result) {
	p.text = p.text[:0]
	if p.table > 0 {
		return 0, p.elsewhere(rec)
	}
	l := &p.layout
	if rec.fault != noFault {
		return 0, p.fail(rec, faultCode(rec.fault), "%s", p.faultText(rec))
	}
	if rec.count > l.width && !rec.sparse && !p.fits && p.overflows(rec) {
		return 0, p.fail(rec, RejectShifted, "%s", p.shiftedText(rec))
	}
	if len(l.variants.pairs) > 0 {
		p.seeOptions(rec)
	}
	if len(l.skips) > 0 && p.skipped(rec) {
		return 0, isSkipped
	}
	if len(rec.fields) <= l.column[Quantity] {
		res := p.short(rec, Quantity)
		if res == isReject && !rec.unterminated { // else it may be cut in a code
			p.keyed(rec)
		}
		return 0, res
	}
	figure, ok := plainNumber(rec.fields[l.column[Quantity]])
	if !ok {
		var res result
		if figure, res = p.quantity(rec); res != isUpdate {
			if res == isReject {
				p.keyed(rec)
			}
			return 0, res
		}
	}
	store, res := p.store(rec)
	if res != isUpdate {
		return 0, res
	}
	if res = p.product(rec, store); res == isUpdate && p.addUp() && p.isSumOfOthers(rec) {
		return 0, isReject
	}
	return figure, res
}

// isSumOfOthers rejects a row that a column of no other use calls a total, where rows are added up.
func (p *pipeline) isSumOfOthers(rec *record) bool {
	if rec.comma != 0 && !mayTotal(rec.raw) { // almost every row
		return false
	}
	for column, field := range rec.all() {
		if text := clean(field); isTotal(text) && !p.layout.serves(column) {
			p.fail(rec, RejectNoProduct, "%s: %q is a total and no part of one", p.layout.name(column), text)
			return true
		}
	}
	return false
}

// names reports whether a record that is no update names a product all the same, and makes its key.
func (p *pipeline) names(rec *record) bool {
	if p.table > 0 || rec.fault != noFault || rec.isBlank() {
		return false
	}
	reject := p.reject
	defer func() { p.reject = reject }()
	store, res := p.store(rec)
	return res == isUpdate && p.product(rec, store) == isUpdate
}

// keyed gives the reject of a quantity the row's key, where the row has one.
func (p *pipeline) keyed(rec *record) {
	if reject := p.reject; p.names(rec) {
		reject.Key, reject.Other = p.key, p.otherKey()
	}
}

// quantity reads a quantity that is more than digits.
func (p *pipeline) quantity(rec *record) (int64, result) {
	column := p.layout.column[Quantity]
	field, fault := p.decode(rec.fields[column])
	if fault != codeOK {
		return 0, p.badCode(rec, column, field, fault)
	}
	before := p.decimals
	read := p.decimals.parse
	if rec.isExact(column) {
		read = exactNumber
	}
	figure, fraction, v := read(field)
	if v == isNone && rec.reshaped {
		return 0, p.fail(rec, RejectNumber, "%s: it is there in another shape than in other records, so that it is not certain which figure is the quantity", p.layout.name(column))
	}
	if v == isNone {
		return 0, isSkipped
	}
	if v == isNumber && !(fraction && p.rejectFractions) && !(figure < 0 && p.rejectNegative) {
		return figure, isUpdate
	}
	name, shown := p.layout.name(column), clip(string(bytes.TrimSpace(field)))
	switch {
	case v == isNumber && fraction && p.rejectFractions:
		return 0, p.fail(rec, RejectFraction, "%s: %q is not a whole number", name, shown)
	case v == isNumber:
		return 0, p.fail(rec, RejectNegative, "%s: %q is negative", name, shown)
	case v == isHuge:
		return 0, p.fail(rec, RejectTooLarge, "%s: %q is greater than %d, the largest quantity that is taken for one", name, shown, inventory.MaxQuantity)
	case v == isDoubtful:
		return 0, p.fail(rec, RejectDecimal, "%s: %q can be two numbers; the config's `decimal: \".\"` or `decimal: \",\"` says which", name, shown)
	case v == isCommaOnly:
		return 0, p.fail(rec, RejectDecimal, "%s: %q is not a whole number; if its comma is a decimal one, the config must say `decimal: \",\"`", name, shown)
	case v == isConflict:
		p.decimals = before
		p.refused = &Refused{
			Code:   RefusedDecimal,
			Reason: fmt.Sprintf("line %d, %s: %q has a decimal comma, but commas or points in rows before were taken for the opposite", rec.line, name, shown),
			Write:  `decimal: ","`,
		}
		return 0, isRefused
	}
	if shown == noValue {
		return 0, p.fail(rec, RejectNumber, "%s: a formula without its value; let the POS export values, or save the workbook in a spreadsheet", name)
	}
	if p.isRepeat(rec) {
		return 0, isSkipped
	}
	return 0, p.fail(rec, RejectNumber, "%s: %q is not a whole number", name, shown)
}

// store reads the store's code.
func (p *pipeline) store(rec *record) ([]byte, result) {
	column := p.layout.column[Store]
	if column < 0 {
		if p.fixed != nil && p.layout.spread.by == Store {
			return p.fixed.code, isUpdate
		}
		return p.defaults[Store], isUpdate
	}
	if column >= len(rec.fields) {
		return nil, p.short(rec, Store)
	}
	cell, fault := p.optional(rec, column)
	switch {
	case fault == codeBlank:
		return nil, p.fail(rec, RejectStore, "%s: the store is blank", p.layout.name(column))
	case fault != codeOK:
		return nil, p.badCode(rec, column, cell, fault)
	case p.stores == nil && isScientific(cell):
		return nil, p.badCode(rec, column, cell, codeScientific)
	case p.stores == nil && (isTotal(cell) || len(cell) == len("all") && strings.EqualFold(string(cell), "all")):
		return nil, p.fail(rec, RejectStore, "%s: %q is a total and no store; where it is one, `stores` in the config must name it", p.layout.name(column), cell)
	case p.stores == nil:
		return cell, isUpdate
	}
	code, ok := p.stores[string(cell)]
	if !ok {
		return nil, p.fail(rec, RejectStore, "%s: %q is not one of the words under `stores` in the config", p.layout.name(column), clip(string(cell)))
	}
	return code, isUpdate
}

// optional reads a code that a row may lack.
func (p *pipeline) optional(rec *record, column int) ([]byte, codeFault) {
	if column < 0 || column >= len(rec.fields) {
		return nil, codeBlank
	}
	if rec.isDressed(column) || rec.isParted(column) {
		return p.shown(rec, column), codeFormat
	}
	return p.code(rec.fields[column])
}

// code reads a code exactly, but for what clean takes off. The bytes are the record's, or the pipeline's: valid until
// the next row. Where there is a fault they are what to show.
func (p *pipeline) code(field []byte) ([]byte, codeFault) {
	field, fault := p.decode(field)
	field = clean(field)
	if fault != codeOK {
		return field, fault
	}
	return field, checkText(field)
}

// decode brings a field to UTF-8.
func (p *pipeline) decode(field []byte) ([]byte, codeFault) {
	for _, c := range field {
		if c >= 0x80 {
			from := len(p.text)
			var ok bool
			if p.text, ok = p.charset.append(p.text, field); !ok {
				return p.text[from:], codeEncoding
			}
			if p.charset.guessed && utf8.Valid(field) {
				return p.text[from:], codeMixed
			}
			return p.text[from:], codeOK
		}
	}
	return field, codeOK
}

// shown is a field as a message shows it.
func (p *pipeline) shown(rec *record, column int) []byte {
	if column >= len(rec.fields) {
		return nil
	}
	field, _ := p.decode(rec.fields[column])
	return clean(field)
}

// badCode rejects a row for a code in it.
func (p *pipeline) badCode(rec *record, column int, cell []byte, fault codeFault) result {
	code := RejectCode
	if fault >= upcNotDigits {
		code = RejectUPC
	}
	return p.fail(rec, code, "%s: %q %s", p.layout.name(column), clip(string(cell)), codeFaultText[fault])
}

// short rejects a row that ends before a column, unless it is a blank row.
func (p *pipeline) short(rec *record, f Field) result {
	if rec.isBlank() {
		return isSkipped
	}
	column := p.layout.column[f]
	return p.fail(rec, RejectShort, "the row ends with its %s field, but the %s is in %s, the %s", ordinal(rec.count), f, p.layout.name(column), ordinal(column+1))
}

func ordinal(n int) string {
	suffix := "th"
	if n%100/10 != 1 && n%10 >= 1 && n%10 <= 3 {
		suffix = [...]string{"st", "nd", "rd"}[n%10-1]
	}
	return fmt.Sprint(n, suffix)
}

// shiftedText says that a row has more fields than there are columns.
func (p *pipeline) shiftedText(rec *record) string {
	text := fmt.Sprintf("the row has %d fields, the export %d columns", rec.count, p.layout.width)
	if p.comma != 0 {
		text += fmt.Sprintf(": a %q that is not in quotes may have shifted it", p.comma)
	}
	return text
}

// overflows says that there is something in the fields after the last column, or more of them than trailing delimiters
// account for: then a text may have been parted in two, and the last columns were blank.
func (p *pipeline) overflows(rec *record) bool {
	if rec.count > p.layout.width+p.trailing {
		return !rec.isBlank() && !p.isRepeat(rec)
	}
	fields := rec.all()
	for _, field := range fields[min(p.layout.width, len(fields)):] {
		if len(clean(field)) > 0 {
			return true
		}
	}
	return false
}

// swallowed says that a quoted field over several lines has rows in it that are updates by themselves: it is a stray
// quote that met another. A true text over several lines has no such line in it.
func (p *pipeline) swallowed(rec *record) bool {
	byNewline := func(text []byte) ([]byte, []byte, bool) { return bytes.Cut(text, []byte{rec.newline}) }
	return p.swallowedBy(rec, byNewline) || rec.ends && p.swallowedBy(rec, cutLine)
}

// trial reads lines that are perhaps rows, and leaves the pipeline as it is.
func (p *pipeline) trial() pipeline {
	return pipeline{rules: p.rules, layout: p.layout, charset: p.charset, decimals: p.decimals, comma: p.comma, fixed: p.fixed}
}

// swallowedBy is swallowed, where a function cuts lines off.
func (p *pipeline) swallowedBy(rec *record, cut func([]byte) (line, after []byte, found bool)) bool {
	trial := p.trial()
	isRow := func(line []byte) bool {
		fields := bytes.Split(chomp(line), []byte{p.comma})
		if c := trial.layout.column[UPC]; c >= 0 && c < len(fields) && plainUPC(bytes.Trim(fields[c], `"`)) {
			return true // perhaps a part of a row, which a text that was torn has left
		}
		if len(fields) != trial.layout.width {
			return false
		}
		for i, f := range fields {
			fields[i] = bytes.Trim(f, `"`)
		}
		_, res := trial.evaluate(&record{line: rec.line, lines: 1, fields: fields, count: len(fields), raw: line})
		return res == isUpdate
	}
	first, rest, _ := cut(rec.raw)
	for {
		line, after, more := cut(rest)
		if !more { // where the quote ends; what follows it is a row's end in any case, so ask both ends
			return isRow(line) && isRow(first)
		}
		if isRow(line) {
			return true
		}
		rest = after
	}
}

package export

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"tillpost/inventory"
)

// product makes the key: of the UPC where the row has a valid one, else of the SKU.
func (p *pipeline) product(rec *record, store []byte) result {
	l := &p.layout
	column, fault := l.column[UPC], codeBlank
	if column >= 0 {
		var upc []byte
		if upc, fault = p.upc(rec, column); fault != codeOK && l.elseUPC >= 0 {
			other, otherFault := p.upc(rec, l.elseUPC)
			if otherFault == codeOK || fault == codeBlank {
				upc, fault, column = other, otherFault, l.elseUPC
			}
		}
		if fault == codeOK {
			p.key = inventory.AppendUPC(p.key[:0], store, upc)
			if p.others {
				p.bySKU(rec, store)
			}
			return isUpdate
		}
	}
	p.other = p.other[:0]
	if l.column[SKU] >= 0 {
		return p.sku(rec, store, column, fault)
	}
	if fault == codeBlank {
		if column >= len(rec.fields) {
			return p.short(rec, UPC)
		}
		return p.fail(rec, RejectNoProduct, "%s: the UPC is blank, and there is no SKU", l.name(column))
	}
	return p.badCode(rec, column, p.shown(rec, column), fault)
}

// upc reads a UPC.
func (p *pipeline) upc(rec *record, column int) ([]byte, codeFault) {
	if column >= len(rec.fields) {
		return nil, codeBlank
	}
	field := rec.fields[column]
	if !p.checkDigitMissing && plainUPC(field) && len(rec.dressed) == 0 {
		return field, codeOK
	}
	cell, fault := p.code(field)
	switch {
	case rec.isDressed(column):
		return cell, codeFormat
	case fault != codeOK:
		return cell, fault
	case !p.upcAsIs:
		return checkUPC(p.digits[:0], cell, p.checkDigitMissing)
	case isScientificUPC(cell):
		return cell, codeScientific
	case isPlaceholder(cell): // else it would be one product's code in many rows
		return cell, upcPlaceholder
	}
	return cell, codeOK
}

// sku makes the key of the SKU, size and width. The row's UPC, in a column or -1, is of no use for upcFault.
func (p *pipeline) sku(rec *record, store []byte, upcColumn int, upcFault codeFault) result {
	var codes [fieldCount][]byte
	sized := false // by the row itself
	for f := SKU; f <= Width; f++ {
		column := p.place(f)
		var fault codeFault
		codes[f], fault = p.part(rec, f)
		if fault == codeOK && isScientific(codes[f]) {
			fault = codeScientific
		} else if fault == codeOK && f == Size && isDate(codes[f]) {
			fault = codeDate
		}
		switch {
		case fault == codeOK:
			sized = sized || f != SKU && !(p.fixed != nil && p.layout.spread.by == Size)
		case fault != codeBlank:
			return p.badCode(rec, column, codes[f], fault)
		case f == SKU && upcFault != codeBlank:
			return p.badCode(rec, upcColumn, p.shown(rec, upcColumn), upcFault)
		case f == SKU && column >= len(rec.fields):
			return p.short(rec, SKU)
		case f == SKU && upcColumn >= 0:
			return p.fail(rec, RejectNoProduct, "%s and %s: both are blank, so the row names no product", p.layout.name(upcColumn), p.layout.name(column))
		case f == SKU:
			return p.fail(rec, RejectNoProduct, "%s: the SKU is blank, so the row names no product", p.layout.name(column))
		case p.isUnsettled(rec, f):
			return p.unsettledOption(rec, f)
		case f == Width && p.given[f] && p.hidesWidth(codes[Size]):
			return p.fail(rec, RejectSKU, "the SKU %q has no width of its own, and its size, %q, seems to have one in it, so that the default does not hold; %s",
				clip(string(codes[SKU])), clip(string(codes[Size])), p.partingRemedy(codes[Size]))
		case p.given[f]:
			codes[f] = p.defaults[f]
		case p.skuNeeds[f]:
			return p.incomplete(rec, f, codes[SKU], upcColumn, upcFault)
		}
	}
	if strings.EqualFold(string(codes[Size]), "all") && strings.EqualFold(string(codes[Width]), "all") {
		return p.fail(rec, RejectSKU, "%s: %q is a total and no size", p.layout.name(p.place(Size)), codes[Size])
	}
	if size := codes[Size]; len(size) >= len("sum") && mayTotal(size) && (isTotal(size) || endsInTotal(size)) {
		return p.fail(rec, RejectSKU, "%s: %q is a total and no size", p.layout.name(p.place(Size)), size)
	}
	if (upcFault == codeBlank || upcFault == upcPlaceholder) && !sized && (isTotal(codes[SKU]) || isTotalOf(codes[SKU], p.before) || endsInTotal(codes[SKU])) {
		return p.fail(rec, RejectNoProduct, "%s: %q is a total and no product", p.layout.name(p.layout.column[SKU]), codes[SKU])
	}
	p.before = append(p.before[:0], codes[SKU]...)
	p.key = inventory.AppendSKU(p.key[:0], store, codes[SKU], codes[Size], codes[Width])
	return isUpdate
}

// part reads the SKU, its size or its width, in this order.
func (p *pipeline) part(rec *record, f Field) (cell []byte, fault codeFault) {
	switch e := p.fixed; {
	case e == nil || p.layout.spread.by != Size || f == SKU:
		cell, fault = p.optional(rec, p.place(f))
	case f == Size:
		p.widthInSize = e.width
		return e.code, codeOK
	default:
		cell, fault = p.optional(rec, p.place(f))
	}
	switch {
	case f == SKU && fault == codeOK && isNoSKU(cell):
		return cell, codeBlank
	case f == Size:
		p.widthInSize = nil
		if p.splitSize && fault == codeOK {
			cell, p.widthInSize, _ = splitSize(cell)
		}
	case f != Width || len(p.widthInSize) == 0:
	case fault == codeBlank:
		return p.widthInSize, codeOK
	case fault == codeOK && !bytes.EqualFold(cell, p.widthInSize):
		return cell, codeTwoWidths
	}
	return cell, fault
}

// bySKU makes the key that a row with a UPC would have by its SKU, or none.
func (p *pipeline) bySKU(rec *record, store []byte) {
	var codes [fieldCount][]byte
	p.other = p.other[:0]
	for f := SKU; f <= Width; f++ {
		var fault codeFault
		codes[f], fault = p.part(rec, f)
		switch {
		case fault == codeOK && !isScientific(codes[f]) && !(f == Size && isDate(codes[f])):
		case fault == codeBlank && f != SKU && p.isUnsettled(rec, f):
			return
		case fault == codeBlank && f == Width && p.given[f] && p.hidesWidth(codes[Size]):
			return
		case fault == codeBlank && f != SKU && p.given[f]:
			codes[f] = p.defaults[f]
		case fault == codeBlank && f != SKU && !p.skuNeeds[f]:
		default:
			return
		}
	}
	p.other = inventory.AppendSKU(p.other, store, codes[SKU], codes[Size], codes[Width])
}

// otherKey is the other key of the last update; nil = it has none.
func (p *pipeline) otherKey() []byte {
	if len(p.other) == 0 {
		return nil
	}
	return p.other
}

// incomplete rejects a row whose SKU has no size or width.
func (p *pipeline) incomplete(rec *record, f Field, sku []byte, upcColumn int, upcFault codeFault) result {
	why := fmt.Sprintf("the SKU %q has no %s; %s", clip(string(sku)), f, p.remedy(rec, f))
	if upcFault != codeBlank {
		why = fmt.Sprintf("%s: %q %s; and %s", p.layout.name(upcColumn), clip(string(p.shown(rec, upcColumn))), codeFaultText[upcFault], why)
	}
	return p.fail(rec, RejectSKU, "%s", why)
}

// unsettledOption rejects a row whose size or width is in an option that is not certainly it: no default makes up for that.
func (p *pipeline) unsettledOption(rec *record, f Field) result {
	column, why := p.unsettled(rec, f)
	return p.fail(rec, RejectSKU, "%s: %q may be the %s, but %s; the config's `columns` can say which column is the %s",
		p.layout.name(column), clip(string(p.shown(rec, column))), f, why, f)
}

// isBarCode says that a SKU is a valid UPC or EAN as it stands.
func isBarCode(sku []byte) bool {
	_, fault := checkUPC(nil, sku, false)
	return fault == codeOK && isDigits(sku) && len(sku) >= 12
}

// remedy says what gives a SKU its size or width.
func (p *pipeline) remedy(rec *record, f Field) string {
	l := &p.layout
	maybe := func(f Field) int {
		return slices.IndexFunc(l.headings, func(h heading) bool {
			return h.mayBe(f) || f == Width && h.rank(f) >= 0 && parcelMeasures(l.headings) == 1
		})
	}
	if sku := p.shown(rec, l.column[SKU]); l.column[UPC] < 0 && p.wants(UPC) && isBarCode(sku) {
		return fmt.Sprintf("but it is a valid UPC, which needs none: `columns: {upc: %q}` in the config", l.label(l.column[SKU]))
	}
	if c := p.place(Size); f == Width && !p.splitSize && c >= 0 && isFused(p.shown(rec, c)) {
		return fmt.Sprintf("its size, %q, has the width in it: `split_size: true` in the config parts them", clip(string(p.shown(rec, c))))
	}
	if c := maybe(f); c >= 0 && l.column[f] < 0 && len(l.variants.pairs) == 0 {
		return fmt.Sprintf("%s may be it: `columns: {%s: %q}` in the config", l.name(c), f, l.headings[c].text)
	}
	if c := maybe(UPC); c >= 0 && l.column[UPC] < 0 && p.wants(UPC) {
		return fmt.Sprintf("%s may be the UPC, which needs none: `columns: {upc: %q}` in the config", l.name(c), l.headings[c].text)
	}
	return fmt.Sprintf("`defaults: {%s: \"...\"}` in the config gives it one", f)
}

// hidesWidth says that a size seems to have another width in it than the default one.
func (p *pipeline) hidesWidth(size []byte) bool {
	if !p.splitSize {
		_, width, ok := splitSize(size)
		return ok && !bytes.EqualFold(width, p.defaults[Width])
	}
	return hasWidthWord(size)
}

// partingRemedy says what to do about such a size.
func (p *pipeline) partingRemedy(size []byte) string {
	if isFused(size) {
		return "`split_size: true` in the config parts them"
	}
	return "let the POS export the width in a column of its own"
}

// isFused knows a size with its width in one: 10.5 D, 10.5EE, 8 2E.
func isFused(size []byte) bool {
	_, _, ok := splitSize(size)
	return ok
}

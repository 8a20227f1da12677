package export

import (
	"fmt"
	"strings"
)

// maxKept bounds the fields that a Reject keeps, in bytes.
const maxKept = 16 << 10

// fail makes the reject of a record.
func (p *pipeline) fail(rec *record, code, format string, args ...any) result {
	p.reject = &Reject{
		Line:         rec.line,
		Code:         code,
		Reason:       fmt.Sprintf(format, args...),
		Unterminated: rec.unterminated,
	}
	switch {
	case p.fixed == nil:
		p.reject.Record = p.kept(rec)
	case p.spreadRejects == 0:
		p.spreadRecord = p.kept(rec)
		fallthrough
	case p.spreadRejects < maxShown:
		p.reject.Record = p.spreadRecord
	}
	p.spreadRejects++
	return isReject
}

// maxShown is how many rejects of one row, which may have thousands of columns, keep its fields.
const maxShown = 16

// faultCode is the class of a record's fault.
func faultCode(f fault) string {
	switch f {
	case longRecord, longField, manyFields:
		return RejectTooLong
	case twoValues, otherShape:
		return RejectTwice
	case brokenRecord:
		return RejectRecord
	case loneEnd:
		return RejectLineEnd
	case shortLine:
		return RejectShort
	case crossedColumns:
		return RejectCrossed
	case notText:
		return RejectCode
	default:
		return RejectQuote
	}
}

// faultText says what is wrong with a record as such.
func (p *pipeline) faultText(rec *record) string {
	field := "field"
	if rec.at > 0 {
		field = p.layout.name(rec.at - 1)
	}
	switch rec.fault {
	case longRecord:
		return fmt.Sprintf("the row is longer than %d bytes", MaxRecord)
	case longField:
		return fmt.Sprintf("%s: the field is longer than %d bytes", field, MaxField)
	case manyFields:
		return fmt.Sprintf("the row has more than %d fields", MaxColumns)
	case openQuote:
		return fmt.Sprintf("%s: the quote at its beginning is not closed within %d bytes and %d lines", field, MaxField, MaxRecordLines)
	case textPastQuote:
		return fmt.Sprintf("%s: text follows its closing quote; a quote within a field must be doubled", field)
	case shortLine:
		return fmt.Sprintf("the row ends with its %s character, but the quantity is in %s", ordinal(rec.at), p.layout.name(p.layout.column[Quantity]))
	case crossedColumns:
		return fmt.Sprintf("a text stands at the %s character or behind it, where two columns part, so that it is not certain which is whose", ordinal(rec.at+1))
	case notText:
		return "the row is not text in the export's encoding, so that its characters cannot be counted"
	case loneEnd:
		return "a line end of another kind than the other rows' stands in it, so that it may be parts of two rows"
	case twoValues:
		return fmt.Sprintf("%s: it is there twice in the record, with two values", field)
	case otherShape:
		return fmt.Sprintf("%s: it is a list or an object in this record, or in others, so that it is not certain which value is meant", field)
	case brokenRecord:
		return "the record is not a valid JSON object"
	default:
		return "a quoted field in it takes in the rows after it; a quote is missing"
	}
}

// kept are a record's fields as a reject keeps them.
func (p *pipeline) kept(rec *record) []string {
	fields := rec.all()
	left := maxKept
	for i, f := range fields {
		if left -= len(f) + 1; left < 0 {
			fields = append(fields[:i:i], f[:max(0, left+len(f)+1)])
			break
		}
	}
	return p.strings(fields)
}

// strings decodes fields; what is not text in the export's encoding becomes the replacement character.
func (p *pipeline) strings(fields [][]byte) []string {
	texts := make([]string, len(fields))
	var text []byte
	for i, f := range fields {
		text, _ = p.charset.append(text[:0], f)
		texts[i] = strings.ToValidUTF8(string(text), "\ufffd")
	}
	return texts
}

package export

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// jsonValue reads a value that is known to be valid JSON, from text[at:] on.
type jsonValue struct {
	text  []byte
	at    int
	depth int
}

// is passes over blanks, and says whether a byte is next.
func (v *jsonValue) is(c byte) bool {
	for v.at < len(v.text) && (v.text[v.at] == ' ' || v.text[v.at] == '\n' || v.text[v.at] == '\r' || v.text[v.at] == '\t') {
		v.at++
	}
	return v.at < len(v.text) && v.text[v.at] == c
}

// more goes to the next member or element, past what is before it: a comma, or what opens the object or array. It answers false
// past what closes it.
func (v *jsonValue) more(end byte) bool {
	if v.is(end) {
		v.at++
		return false
	}
	v.at++
	if v.is(end) { // it is empty
		v.at++
		return false
	}
	return v.at < len(v.text)
}

// str reads a string. It is part of the text where nothing in it is escaped, and then it is as it is there: bytes that are no
// UTF-8 stay, so that they are a fault of the field.
func (v *jsonValue) str() []byte {
	from := v.at + 1
	end := from + bytes.IndexByte(v.text[from:], '"')
	plain := v.text[from:end]
	if bytes.IndexByte(plain, '\\') < 0 {
		v.at = end + 1
		return plain
	}
	v.at = from
	for ; v.text[v.at] != '"'; v.at++ {
		if v.text[v.at] == '\\' {
			v.at++
		}
	}
	v.at++
	var text string
	if json.Unmarshal(v.text[from-1:v.at], &text) != nil {
		text = "\ufffd"
	}
	return []byte(text)
}

// scalar reads a value that is no object and no array, and says whether it is a number by its format. null is blank.
func (v *jsonValue) scalar() (text []byte, exact bool) {
	if v.is('"') {
		return v.str(), false
	}
	from := v.at
	for v.at < len(v.text) && strings.IndexByte(",]} \t\r\n", v.text[v.at]) < 0 {
		v.at++
	}
	switch text = v.text[from:v.at]; text[0] {
	case 'n':
		return nil, false
	case 't', 'f':
		return text, false
	}
	return plainDigits(text)
}

// skip passes over a value.
func (v *jsonValue) skip() {
	for depth := 0; v.at < len(v.text); {
		switch {
		case v.is('{'), v.is('['):
			depth++
			v.at++
		case v.is('}'), v.is(']'):
			depth--
			v.at++
		case v.is(','), v.is(':'):
			v.at++
		default:
			v.scalar()
		}
		if depth == 0 {
			return
		}
	}
}

// object reads a row.
func (n *named) object(row []byte) error {
	v := jsonValue{text: row}
	switch {
	case len(row) > MaxRecord:
		n.fail(longRecord, 0)
	case v.is('{'):
		return n.members(&v, n.buf[:0])
	case !v.is('n'): // null is a blank row
		n.fail(brokenRecord, 0)
	}
	return nil
}

// members reads the members of an object into fields. path is the path to the object, empty for the record itself; it is
// written behind of.
func (n *named) members(v *jsonValue, path []byte) error {
	if v.depth++; v.depth > maxNesting {
		return errNesting
	}
	for v.more('}') {
		key := v.str()
		v.is(':')
		v.at++
		if err := n.member(v, step(path, key), len(key)); err != nil {
			return err
		}
	}
	v.depth--
	return nil
}

// step appends a step to a path, which may be written over. One that is too long already stays as it is.
func step[S string | []byte](path []byte, key S) []byte {
	if len(path) > maxPath {
		return path
	}
	if len(path) > 0 {
		path = append(path, '/')
	}
	return append(path, key...)
}

// member reads the value of a member.
func (n *named) member(v *jsonValue, path []byte, leaf int) error {
	switch {
	case v.is('{'):
		n.nest(path, leaf, "{...}")
		return n.members(v, path)
	case v.is('['):
		n.list(v, path, leaf)
		return nil
	}
	value, exact := v.scalar()
	n.put(path, leaf, value, exact)
	return nil
}

// list reads an array within a record. Its values are one field, parted by a comma and a blank, which no number has in it, and
// several of them are no code but a UPC; an array that holds more than values is left out.
func (n *named) list(v *jsonValue, path []byte, leaf int) {
	var values []byte
	several := false
	for i := 0; v.more(']'); i++ {
		if v.is('{') || v.is('[') {
			v.skip()
			for v.more(']') {
				v.skip()
			}
			n.nest(path, leaf, "[...]")
			return
		}
		value, _ := v.scalar()
		if i > 0 {
			values = append(values, ", "...)
		}
		values, several = append(values, value...), i > 0
	}
	n.put(path, leaf, values, false)
	if several {
		n.nest(path, leaf, string(values))
	}
}

// roundedDigits is how many digits a program leaves of a number that it prints as C does by default: 8.49632e+11.
const roundedDigits = 6

// plainDigits writes a number without its exponent, and without decimals that are all zeros: 8.4963204826E11 is 849632048260,
// and 3.0 is 3, as a store or a size is called. One that would be longer than any number that is read stays as it is, and is
// none; so does one that seems to have lost digits, which is then known for that by its sign.
func plainDigits(number []byte) (text []byte, exact bool) {
	e := bytes.IndexAny(number, "eE")
	if e < 0 {
		if point := bytes.IndexByte(number, '.'); point >= 0 && len(bytes.Trim(number[point+1:], "0")) == 0 {
			return number[:point], true
		}
		return number, true
	}
	exponent, err := strconv.Atoi(string(number[e+1:]))
	body, negative := strings.CutPrefix(string(number[:min(e, 2*maxNumber)]), "-")
	whole, decimals, _ := strings.Cut(body, ".")
	if err != nil || exponent > maxNumber || exponent < -maxNumber || len(body) > maxNumber {
		return number, false
	}
	if digits := strings.Trim(whole+decimals, "0"); len(digits) <= roundedDigits && digits != "" && len(whole)+exponent > roundedDigits {
		return fmt.Appendf(nil, "%se%+d", number[:e], exponent), false
	}
	if exponent >= 0 {
		moved := min(exponent, len(decimals))
		whole, decimals = whole+decimals[:moved]+strings.Repeat("0", exponent-moved), decimals[moved:]
	} else {
		whole = strings.Repeat("0", max(0, 1-exponent-len(whole))) + whole
		at := len(whole) + exponent
		whole, decimals = whole[:at], whole[at:]+decimals
	}
	if whole = strings.TrimLeft(whole, "0"); whole == "" {
		whole = "0"
	}
	if strings.Trim(decimals, "0") != "" {
		whole += "." + decimals
	}
	if negative {
		whole = "-" + whole
	}
	return []byte(whole), true
}

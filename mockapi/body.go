package mockapi

import (
	"bytes"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// field is a documented field of the request's object, as a bit of a set.
type field uint8

const (
	fieldUPC field = 1 << iota
	fieldSKU
	fieldSize
	fieldWidth
	fieldStore
	fieldQuantity
)

// body is a request's object. Its codes share memory with what was scanned, and die with it.
type body struct {
	has                           field // the fields that were there
	upc, sku, size, width, store  []byte
	quantity                      int64 // units
	quantityTooLarge, quantityNeg bool
}

// scanner reads one flat JSON object (RFC 8259, nothing beyond it) without reflection: it is the stand-in's hot path.
type scanner struct {
	in      []byte
	pos     int
	scratch []byte // holds the strings that have escapes
}

// scan reads in as one update into b. It returns what is wrong with it, "" if nothing is.
func (s *scanner) scan(b *body) string {
	s.space()
	if !s.take('{') {
		return "Malformed JSON: not an object"
	}
	s.space()
	for more := !s.take('}'); more; {
		if problem := s.member(b); problem != "" {
			return problem
		}
		s.space()
		if s.take('}') {
			break
		}
		if !s.take(',') {
			return s.malformed("want , or }")
		}
		s.space()
	}
	s.space()
	if s.pos < len(s.in) {
		return s.malformed("data after the object")
	}
	return ""
}

// member reads `"name":value`.
func (s *scanner) member(b *body) string {
	name, problem := s.string()
	if problem != "" {
		return problem
	}
	s.space()
	if !s.take(':') {
		return s.malformed("want :")
	}
	s.space()
	var f field
	var code *[]byte
	switch string(name) {
	case "upc":
		f, code = fieldUPC, &b.upc
	case "sku":
		f, code = fieldSKU, &b.sku
	case "size":
		f, code = fieldSize, &b.size
	case "width":
		f, code = fieldWidth, &b.width
	case "store":
		f, code = fieldStore, &b.store
	case "quantity":
		f = fieldQuantity
	default:
		return "Unknown field: " + quoteShort(name)
	}
	if b.has&f != 0 {
		return "Duplicate field: " + string(name)
	}
	b.has |= f
	if f == fieldQuantity {
		return s.quantity(b)
	}
	if s.peek() != '"' {
		return "Field must be a string: " + string(name)
	}
	*code, problem = s.string()
	return problem
}

// string reads a string and returns its value.
func (s *scanner) string() (_ []byte, problem string) {
	if !s.take('"') {
		return nil, s.malformed("want a string")
	}
	start := s.pos
	for s.pos < len(s.in) {
		switch c := s.in[s.pos]; {
		case c == '"':
			v := s.in[start:s.pos]
			s.pos++
			if !utf8.Valid(v) {
				return nil, s.malformed("not UTF-8")
			}
			return v, ""
		case c == '\\':
			return s.escaped(start)
		case c < ' ':
			return nil, s.malformed("control character in a string")
		}
		s.pos++
	}
	return nil, s.malformed("unfinished string")
}

// escaped reads the rest of a string that began at start and whose first escape is next.
func (s *scanner) escaped(start int) (_ []byte, problem string) {
	from := len(s.scratch)
	s.scratch = append(s.scratch, s.in[start:s.pos]...)
	for s.pos < len(s.in) {
		c := s.in[s.pos]
		s.pos++
		switch {
		case c == '"':
			v := s.scratch[from:len(s.scratch):len(s.scratch)]
			if !utf8.Valid(v) {
				return nil, s.malformed("not UTF-8")
			}
			return v, ""
		case c == '\\':
			if !s.escape() {
				return nil, s.malformed("bad escape in a string")
			}
		case c < ' ':
			return nil, s.malformed("control character in a string")
		default:
			s.scratch = append(s.scratch, c)
		}
	}
	return nil, s.malformed("unfinished string")
}

// escape reads what follows a backslash. Half of a surrogate pair is no character and not taken.
func (s *scanner) escape() bool {
	c := s.peek()
	s.pos++
	if i := bytes.IndexByte([]byte(`"\/bfnrt`), c); i >= 0 {
		s.scratch = append(s.scratch, "\"\\/\b\f\n\r\t"[i])
		return true
	}
	if c != 'u' {
		return false
	}
	r, ok := s.hex4()
	if !ok {
		return false
	}
	if utf16.IsSurrogate(r) {
		if !s.take('\\') || !s.take('u') {
			return false
		}
		low, ok := s.hex4()
		if r = utf16.DecodeRune(r, low); !ok || r == utf8.RuneError {
			return false
		}
	}
	s.scratch = utf8.AppendRune(s.scratch, r)
	return true
}

func (s *scanner) hex4() (rune, bool) {
	if len(s.in)-s.pos < 4 {
		return 0, false
	}
	var r rune
	for _, c := range s.in[s.pos : s.pos+4] {
		switch {
		case '0' <= c && c <= '9':
			r = r<<4 | rune(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	s.pos += 4
	return r, true
}

// quantity reads a JSON integer: no fraction, no exponent, no leading zero, not -0.
func (s *scanner) quantity(b *body) string {
	const problem = "Field must be an integer: quantity"
	b.quantityNeg = s.take('-')
	start := s.pos
	for '0' <= s.peek() && s.peek() <= '9' {
		if b.quantity < 1e17 {
			b.quantity = b.quantity*10 + int64(s.peek()-'0')
		} else {
			b.quantityTooLarge = true
		}
		s.pos++
	}
	digits := s.pos - start
	if digits == 0 || digits > 1 && s.in[start] == '0' || b.quantityNeg && s.in[start] == '0' {
		return problem
	}
	if c := s.peek(); c == '.' || c|0x20 == 'e' {
		return problem
	}
	if b.quantityNeg {
		b.quantity = -b.quantity
	}
	return ""
}

func (s *scanner) space() {
	for s.pos < len(s.in) {
		switch s.in[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

// peek returns the next byte, 0 at the end.
func (s *scanner) peek() byte {
	if s.pos < len(s.in) {
		return s.in[s.pos]
	}
	return 0
}

func (s *scanner) take(c byte) bool {
	if s.peek() != c || s.pos == len(s.in) {
		return false
	}
	s.pos++
	return true
}

func (s *scanner) malformed(what string) string {
	return "Malformed JSON: " + what + " at byte " + strconv.Itoa(min(s.pos, len(s.in))+1)
}

// quoteShort quotes the first bytes of what a stranger wrote.
func quoteShort(b []byte) string {
	if len(b) > 40 {
		return strconv.QuoteToASCII(string(b[:40])) + "..."
	}
	return strconv.QuoteToASCII(string(b))
}

// missing returns what makes a body that could be read no update: 422 says it. negative allows quantities below 0.
func (b *body) missing(negative bool) string {
	switch {
	case len(b.upc) > 0 && len(b.sku) > 0:
		return "Conflicting fields: upc, sku"
	case len(b.upc) > 0 && b.has&(fieldSKU|fieldSize|fieldWidth) != 0:
		return "Fields not allowed with upc: sku, size, width"
	case len(b.upc) == 0 && b.has&fieldUPC != 0:
		return "Missing required field: upc"
	case len(b.upc) == 0 && len(b.sku) == 0:
		return "Missing required field: sku"
	case len(b.upc) == 0 && b.has&fieldSize == 0:
		return "Missing required field: size"
	case len(b.upc) == 0 && b.has&fieldWidth == 0:
		return "Missing required field: width"
	case len(b.store) == 0:
		return "Missing required field: store"
	case b.has&fieldQuantity == 0:
		return "Missing required field: quantity"
	case b.quantityTooLarge:
		return "Quantity out of range"
	case b.quantityNeg && !negative:
		return "Quantity must be 0 or more"
	case max(len(b.upc), len(b.sku), len(b.size), len(b.width), len(b.store)) > maxCode:
		return "Code too long: at most " + strconv.Itoa(maxCode) + " bytes"
	}
	return ""
}

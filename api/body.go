package api

import (
	"bytes"
	"encoding/json"
	"iter"
	"strings"
)

// jsonSpace is the white space of JSON.
const jsonSpace = " \t\r\n"

// trimBody takes off the white space around a body, and a byte order mark before it, which RFC 8259 lets us ignore.
func trimBody(body []byte) []byte {
	body = bytes.TrimPrefix(body, []byte("\ufeff"))
	return bytes.Trim(body, jsonSpace)
}

// refuses reports whether valid JSON holds a refusal at its top level. Letter case does not matter in the names, and
// each of several members of one name counts: what might be a refusal is one.
func refuses(body []byte) bool {
	if body[0] != '{' {
		return false
	}
	for name, value := range members(body) {
		switch n := plainString(name); {
		case strings.EqualFold(n, "error"), strings.EqualFold(n, "errors"), strings.EqualFold(n, "userErrors"):
			if !saysNothing(value) {
				return true
			}
		case strings.EqualFold(n, "success"):
			if string(value) == "false" || isZero(value) || strings.EqualFold(string(value), `"false"`) {
				return true
			}
		}
	}
	return false
}

// saysNothing reports whether a JSON value is null, false, 0, "", [] or {}.
func saysNothing(value []byte) bool {
	switch value[0] {
	case '[', '{':
		return len(bytes.Trim(value[1:len(value)-1], jsonSpace)) == 0
	case '"':
		return len(value) == 2
	}
	return string(value) == "null" || string(value) == "false" || isZero(value)
}

// isZero reports whether a JSON value is the number zero, however it is written.
func isZero(value []byte) bool {
	mantissa, _, _ := bytes.Cut(bytes.ToLower(value), []byte("e"))
	mantissa = bytes.TrimPrefix(mantissa, []byte("-"))
	return len(mantissa) > 0 && len(bytes.Trim(mantissa, "0.")) == 0
}

// members yields the members of an object, as they are written: the name with its quotes, and the value. The object
// must be valid JSON.
func members(object []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) {
		rest := bytes.TrimLeft(object[1:], jsonSpace)
		for rest[0] == '"' {
			n := valueLen(rest)
			name := rest[:n]
			rest = bytes.TrimLeft(rest[n:], jsonSpace)
			rest = bytes.TrimLeft(rest[len(":"):], jsonSpace)
			n = valueLen(rest)
			if !yield(name, rest[:n]) {
				return
			}
			rest = bytes.TrimLeft(rest[n:], jsonSpace+",")
		}
	}
}

// valueLen returns the length of the value at the start of valid JSON, in bytes.
func valueLen(b []byte) int {
	switch b[0] {
	case '"':
		return stringLen(b)
	case '{', '[':
		depth := 0
		for i := 0; i < len(b); i++ {
			switch b[i] {
			case '"':
				i += stringLen(b[i:]) - 1
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
		}
		return len(b)
	}
	if i := bytes.IndexAny(b, ",]}"+jsonSpace); i >= 0 {
		return i
	}
	return len(b)
}

// stringLen returns the length of the string at the start of valid JSON, quotes included, in bytes.
func stringLen(b []byte) int {
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(b)
}

// plainString returns what a JSON string says.
func plainString(quoted []byte) string {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return string(quoted[1 : len(quoted)-1])
	}
	var s string
	if err := json.Unmarshal(quoted, &s); err != nil {
		return string(quoted)
	}
	return s
}

// telling are the members of an error answer whose values are its words.
var telling = set(`error errors usererrors message messages detail details title description error_description reason
	code error_code errorcode`)

// maxSaid bounds the words that are looked at, in bytes.
const maxSaid = 4 << 10

// said returns the words of a body: of JSON its telling members, of an object without one all of it, and of anything
// else its text. At most maxSaid bytes.
func said(body []byte) string {
	var words []byte
	switch {
	case len(body) == 0 || !json.Valid(body):
		words = body
	case body[0] == '{':
		words = saidBy(body)
	default:
		words = appendPlain(nil, body)
	}
	return string(words[:min(len(words), maxSaid)])
}

func saidBy(object []byte) (words []byte) {
	for name, value := range members(object) {
		if !telling[strings.ToLower(plainString(name))] || saysNothing(value) {
			continue
		}
		if len(words) > 0 {
			words = append(words, "; "...)
		}
		words = appendPlain(words, value)
		if len(words) > maxSaid {
			break
		}
	}
	if len(words) == 0 {
		words = appendPlain(nil, object)
	}
	return words
}

// appendPlain appends valid JSON to dst as a person would note it: `code: 7; message: no such store`. It stops when
// dst has more than maxSaid bytes.
func appendPlain(dst, value []byte) []byte {
	for i := 0; i < len(value) && len(dst) <= maxSaid; {
		switch c := value[i]; c {
		case '"':
			n := stringLen(value[i:])
			dst = append(dst, plainString(value[i:i+n])...)
			i += n
			continue
		case ',':
			dst = append(dst, "; "...)
		case ':':
			dst = append(dst, ": "...)
		case '{', '}', '[', ']', ' ', '\t', '\r', '\n':
		default:
			dst = append(dst, c)
		}
		i++
	}
	return dst
}

// isPage reports whether the body is an HTML page. JSON that is declared as HTML is none: some frameworks declare
// everything so. Nor is plain text.
func isPage(r reply) bool {
	body := trimBody(r.body)
	if len(body) == 0 || json.Valid(body) {
		return false
	}
	start := strings.ToLower(string(body[:min(len(body), 1024)]))
	if strings.Contains(strings.ToLower(r.header.Get("Content-Type")), "html") {
		return strings.Contains(start, "<")
	}
	if start[0] != '<' {
		return false
	}
	for _, tag := range []string{"<!doctype html", "<html", "<head", "<body", "<title"} {
		if strings.Contains(start, tag) {
			return true
		}
	}
	return false
}

// pageTitle returns the title of an HTML page, shortened.
func pageTitle(body []byte) string {
	page := string(body[:min(len(body), maxSaid)])
	_, title, ok := strings.Cut(page, "<title>")
	if !ok {
		return ""
	}
	title, _, _ = strings.Cut(title, "<")
	title = strings.Join(strings.Fields(title), " ")
	return title[:min(len(title), 100)]
}

// set returns the words of a text.
func set(words string) map[string]bool {
	s := make(map[string]bool)
	for w := range strings.FieldsSeq(words) {
		s[w] = true
	}
	return s
}

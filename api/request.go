package api

import (
	"strconv"
	"unicode/utf8"

	"tillpost/inventory"
)

// appendUpdate appends the body of the update's request to dst, without white space and in the order in which the API
// documents the fields. Codes go as they are, as JSON strings.
func appendUpdate(dst []byte, u inventory.Update) []byte {
	if u.UPC != "" {
		dst = append(dst, `{"upc":`...)
		dst = appendString(dst, u.UPC)
	} else {
		dst = append(dst, `{"sku":`...)
		dst = appendString(dst, u.SKU)
		dst = append(dst, `,"size":`...)
		dst = appendString(dst, u.Size)
		dst = append(dst, `,"width":`...)
		dst = appendString(dst, u.Width)
	}
	dst = append(dst, `,"store":`...)
	dst = appendString(dst, u.Store)
	dst = append(dst, `,"quantity":`...)
	dst = strconv.AppendInt(dst, u.Quantity, 10)
	return append(dst, '}')
}

// appendString appends s as a JSON string. What is not UTF-8 becomes U+FFFD, for JSON has no way to say it.
func appendString(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			switch {
			case c == '"' || c == '\\':
				dst = append(dst, '\\', c)
			case c < ' ':
				dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
			default:
				dst = append(dst, c)
			}
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		dst = utf8.AppendRune(dst, r)
		i += n
	}
	return append(dst, '"')
}

package mockapi

import (
	"cmp"
	"encoding/binary"
	"strings"
)

// maxCode is the longest code that is taken, in bytes: it bounds what a key costs.
const maxCode = 512

// Key is what an update is about. Either UPC is set, or SKU is and Size and Width go with it.
type Key struct {
	Store string `json:"store"`
	UPC   string `json:"upc,omitempty"`
	SKU   string `json:"sku,omitempty"`
	Size  string `json:"size,omitempty"`
	Width string `json:"width,omitempty"`
}

// Code returns the product's code: the UPC or the SKU.
func (k Key) Code() string { return cmp.Or(k.UPC, k.SKU) }

// String shows the key to a person: `upc 849632048260, store 3` or `sku ZOOT-SUIT 34 D, store 3`.
func (k Key) String() string {
	product := "upc " + k.UPC
	if k.UPC == "" {
		product = strings.TrimRight("sku "+k.SKU+" "+k.Size+" "+k.Width, " ")
	}
	return product + ", store " + k.Store
}

// compare orders keys by store, then product.
func (k Key) compare(o Key) int {
	return cmp.Or(
		strings.Compare(k.Store, o.Store),
		strings.Compare(k.UPC, o.UPC),
		strings.Compare(k.SKU, o.SKU),
		strings.Compare(k.Size, o.Size),
		strings.Compare(k.Width, o.Width),
	)
}

// encode appends the one byte string that stands for the key: the five codes, each its length as an unsigned varint and
// its bytes. Keys are kept so because a lookup by bytes costs no allocation.
func (k Key) encode(dst []byte) []byte {
	for _, code := range [...]string{k.Store, k.UPC, k.SKU, k.Size, k.Width} {
		dst = binary.AppendUvarint(dst, uint64(len(code)))
		dst = append(dst, code...)
	}
	return dst
}

// encode does for a request's body what Key.encode does for a key.
func (b *body) encode(dst []byte) []byte {
	for _, code := range [...][]byte{b.store, b.upc, b.sku, b.size, b.width} {
		dst = binary.AppendUvarint(dst, uint64(len(code)))
		dst = append(dst, code...)
	}
	return dst
}

// decode is the reverse of encode. The codes share the memory of s. The zero Key stands for "".
func decode(s string) Key {
	var k Key
	for _, code := range [...]*string{&k.Store, &k.UPC, &k.SKU, &k.Size, &k.Width} {
		n, shift, i := 0, 0, 0
		for i < len(s) {
			c := s[i]
			i++
			n |= int(c&0x7f) << shift
			shift += 7
			if c < 0x80 {
				break
			}
		}
		*code, s = s[i:i+n], s[i+n:]
	}
	return k
}

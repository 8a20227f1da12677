// Package inventory holds the values that all of tillpost speaks of: the key of a product in a store, the absolute
// quantity that is said of it, and the rules for both. It does no I/O.
//
// # The encoded key
//
// A key travels through the hot path as bytes, so that a row of an export costs no allocation, and the same bytes lie
// on disk:
//
//	'u' store upc              a product known by its UPC
//	's' store sku size width   a product known by its SKU
//
// where each field is its length as an unsigned varint and then its bytes. The encoding is unambiguous (no field can
// run into the next), and it is stable: changing it is a change of the outbox's format.
package inventory

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// MaxQuantity is the largest quantity, in units, that is taken for one. It has seven digits, fewer than the shortest
// bar code (EAN-8), so that an export whose columns have shifted can never turn a code into stock.
const MaxQuantity = 9_999_999

// MaxCode is the longest code (store, UPC, SKU, size, width), in bytes, that a key can hold. Real ones stay under 50;
// bbolt's keys end at 32 KiB.
const MaxCode = 512

// Key is what an update is about: a product in a store. Either UPC is set, or SKU is and Size and Width go with it.
// All fields are codes exactly as the POS means them, in UTF-8.
type Key struct {
	Store string `json:"store"`
	UPC   string `json:"upc,omitempty"`
	SKU   string `json:"sku,omitempty"`
	Size  string `json:"size,omitempty"`
	Width string `json:"width,omitempty"`
}

// Update is one product's absolute quantity in one store: what one POST carries.
type Update struct {
	Key
	Quantity int64 `json:"quantity"` // units, at most MaxQuantity either way
}

// String shows the key to a person: `upc 849632048260, store 3` or `sku ZOOT-SUIT 34 D, store 3`.
func (k Key) String() string {
	var product string
	if k.UPC != "" {
		product = "upc " + k.UPC
	} else {
		product = strings.TrimRight(fmt.Sprintf("sku %s %s %s", k.SKU, k.Size, k.Width), " ")
	}
	return product + ", store " + k.Store
}

// Encode returns the encoded key.
func (k Key) Encode() []byte {
	if k.UPC != "" {
		return AppendUPC(nil, k.Store, k.UPC)
	}
	return AppendSKU(nil, k.Store, k.SKU, k.Size, k.Width)
}

// AppendUPC appends the encoded key of a product known by its UPC to dst.
func AppendUPC[T string | []byte](dst []byte, store, upc T) []byte {
	dst = append(dst, 'u')
	dst = appendField(dst, store)
	return appendField(dst, upc)
}

// AppendSKU appends the encoded key of a product known by its SKU to dst.
func AppendSKU[T string | []byte](dst []byte, store, sku, size, width T) []byte {
	dst = append(dst, 's')
	dst = appendField(dst, store)
	dst = appendField(dst, sku)
	dst = appendField(dst, size)
	return appendField(dst, width)
}

func appendField[T string | []byte](dst []byte, field T) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(field)))
	return append(dst, field...)
}

var errKey = errors.New("damaged key")

// DecodeKey is the reverse of Encode. It answers an error to bytes that are not one whole encoded key.
func DecodeKey(b []byte) (Key, error) {
	if len(b) == 0 {
		return Key{}, errKey
	}
	kind, b := b[0], b[1:]
	var k Key
	var fields []*string
	switch kind {
	case 'u':
		fields = []*string{&k.Store, &k.UPC}
	case 's':
		fields = []*string{&k.Store, &k.SKU, &k.Size, &k.Width}
	default:
		return Key{}, errKey
	}
	for _, f := range fields {
		n, w := binary.Uvarint(b)
		if w <= 0 || n > uint64(len(b)-w) {
			return Key{}, errKey
		}
		*f, b = string(b[w:w+int(n)]), b[w+int(n):]
	}
	if len(b) != 0 || kind == 'u' && k.UPC == "" {
		return Key{}, errKey
	}
	return k, nil
}

// Duplicates is how several rows for one key in one export are settled.
type Duplicates int

const (
	DuplicatesLast   Duplicates = iota // the last row counts
	DuplicatesSum                      // their quantities are added, for a POS that lists bins or lots
	DuplicatesReject                   // none of them counts
)

// Stock is how the POS's figure becomes the quantity that the API is told, once duplicates are settled.
type Stock struct {
	KeepNegative bool  // a negative figure is told as it is; otherwise it is 0
	Reserve      int64 // units never shown to the API
}

// Quantity is what the API is told of a figure: the figure less the reserve, at least 0; a negative figure stays as it
// is where those are kept.
func (s Stock) Quantity(figure int64) int64 {
	if figure < 0 {
		if s.KeepNegative {
			return figure
		}
		return 0
	}
	return max(0, figure-s.Reserve)
}

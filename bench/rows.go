package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strconv"
)

// catalogue is an export's rows, about 93 bytes each. The same catalogue is the same bytes on every machine.
type catalogue struct {
	Rows     int    `json:"rows"`
	Stores   int    `json:"stores"`   // each product is in each of them: row i is product i/Stores in store 3 + i%Stores
	Salt     string `json:"salt"`     // another one gives the same rows in other bytes
	Changed  int    `json:"changed"`  // of 1,000 rows so many have another quantity than at version 0
	Version  int    `json:"version"`  // 1 to 8: which rows have changed, and to what
	Shuffled bool   `json:"shuffled"` // the rows are in an order of no meaning
}

const (
	firstUPC   = 84_000_000_000 // without its check digit
	stepUPC    = 7
	firstStore = 3
	header     = "Item Number,UPC,Description,Size,Width,Store,Department,On Hand,Price,Changed\n"
)

// plain is a catalogue of one store.
func plain(rows int, salt string) catalogue { return catalogue{Rows: rows, Stores: 1, Salt: salt} }

// edited is c with so many changed rows in a thousand, in other bytes too.
func (c catalogue) edited(perMille, version int) catalogue {
	c.Changed, c.Version, c.Salt = perMille, version, "v"+strconv.Itoa(version)
	return c
}

// quantity is that of row i.
func (c catalogue) quantity(i int) int {
	if c.changes(i) {
		return 1 + (i+c.Version)%9
	}
	return 1 + i%9
}

// changes reports whether row i has another quantity than at version 0.
func (c catalogue) changes(i int) bool {
	return c.Version > 0 && int(mix(uint64(i)<<8|uint64(c.Version))%1000) < c.Changed
}

// changesIn counts the rows that have another quantity than at version 0.
func (c catalogue) changesIn() (n int) {
	for i := range c.Rows {
		if c.changes(i) {
			n++
		}
	}
	return n
}

// mix spreads x over all of its 64 bits (SplitMix64), the same one on every machine.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// at is the row that stands at place i of the export.
func (c catalogue) at(i int) int {
	if !c.Shuffled {
		return i
	}
	// A walk in steps of a prime meets each row once where the prime does not divide their number; a step of about 0.6
	// of them leaves no order behind.
	step := c.Rows*6/10 | 1
	for gcd(step, c.Rows) != 1 {
		step += 2
	}
	return int(uint64(i) * uint64(step) % uint64(c.Rows))
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// appendUPC appends the valid UPC of a product.
func appendUPC(dst []byte, product int) []byte {
	n := firstUPC + stepUPC*product
	sum, odd := 0, true
	for rest := n; rest > 0; rest /= 10 {
		if odd {
			sum += 3 * (rest % 10)
		} else {
			sum += rest % 10
		}
		odd = !odd
	}
	dst = strconv.AppendInt(dst, int64(n), 10)
	return append(dst, byte('0'+(10-sum%10)%10))
}

// appendRow appends row i with its line end.
func (c catalogue) appendRow(dst []byte, i int) []byte {
	product := i / c.Stores
	dst = append(dst, 'A')
	for limit := 1_000_000; limit > product && limit > 1; limit /= 10 {
		dst = append(dst, '0')
	}
	dst = strconv.AppendInt(dst, int64(product), 10)
	dst = append(dst, ',')
	dst = appendUPC(dst, product)
	dst = append(dst, ",Trail Runner GTX "...)
	dst = strconv.AppendInt(dst, int64(product%100), 10)
	dst = append(dst, ",10.5,D,"...)
	dst = strconv.AppendInt(dst, int64(firstStore+i%c.Stores), 10)
	dst = append(dst, ",Footwear Mens "...)
	dst = append(dst, c.Salt...)
	dst = append(dst, ',')
	dst = strconv.AppendInt(dst, int64(c.quantity(i)), 10)
	return append(dst, ",119.99,2026-11-23 12:00\n"...)
}

// appendBody appends what row i is as the body of a request, as the API documents it.
func (c catalogue) appendBody(dst []byte, i int) []byte {
	dst = append(dst, `{"upc":"`...)
	dst = appendUPC(dst, i/c.Stores)
	dst = append(dst, `","store":"`...)
	dst = strconv.AppendInt(dst, int64(firstStore+i%c.Stores), 10)
	dst = append(dst, `","quantity":`...)
	dst = strconv.AppendInt(dst, int64(c.quantity(i)), 10)
	return append(dst, '}')
}

// write writes the export straight to disk, and flushes it, so that nothing of it is written while something is measured.
func (c catalogue) write(path string) (err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriterSize(f, 1<<20)
	line := append(make([]byte, 0, 256), header...)
	for i := range c.Rows + 1 {
		if _, err := w.Write(line); err != nil {
			return err
		}
		if i < c.Rows {
			line = c.appendRow(line[:0], c.at(i))
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Sync()
}

// name is one that tells catalogues apart.
func (c catalogue) name() string {
	return fmt.Sprintf("rows-%d-%d-%s-%d-%d-%v.csv", c.Rows, c.Stores, c.Salt, c.Changed, c.Version, c.Shuffled)
}

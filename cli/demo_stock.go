package cli

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"

	"tillpost/mockapi"
)

// demoRow is one row of the demo's exports: a product in a store. All names are made up.
type demoRow struct {
	key         mockapi.Key // what the API must know it by
	style       string
	description string
	size, width string
	price       string
	quantity    int64
	onOrder     int64
}

// demoStyle is a shoe, or an insole, in its sizes and widths.
type demoStyle struct {
	style, description, price string
	sizes, widths             []string
	noUPC                     bool // known by its style, size and width
}

// halves are the sizes from one to another, in halves.
func halves(from, to float64) (sizes []string) {
	for s := from; s <= to; s += 0.5 {
		sizes = append(sizes, strconv.FormatFloat(s, 'f', -1, 64))
	}
	return sizes
}

// demoStyles is what a run-specialty store has on its wall and at its counter: 750 products.
func demoStyles() []demoStyle {
	men, women := halves(7, 12.5), halves(5, 10.5)
	var styles []demoStyle
	for i, name := range []string{"Kestrel 4", "Longmile 12", "Cinder GTX", "Millrace 2", "Tempo Dry 7"} {
		for j, colour := range []string{"Slate", "Ember"} {
			price := fmt.Sprintf("%d.95", 119+10*i)
			code := fmt.Sprintf("%d%d", 410+7*i, j+1)
			styles = append(styles,
				demoStyle{style: "M" + code, description: name + `, men's, "` + colour + `"`, price: price, sizes: men, widths: []string{"D", "2E", "4E"}},
				demoStyle{style: "W" + code, description: name + `, women's, "` + colour + `"`, price: price, sizes: women, widths: []string{"2A", "B", "D"}})
		}
	}
	for _, arch := range []string{"LOW", "MED", "HIGH", "FLAT"} {
		styles = append(styles, demoStyle{style: "INSOLE-" + arch, description: "Footbed " + arch, price: "44.00",
			sizes: []string{"A", "B", "C", "D", "E", "F"}, widths: []string{"M"}, noUPC: true})
	}
	for _, flavour := range []string{"Lemon", "Cherry", "Cola", "Mint", "Coffee", "Salt"} {
		styles = append(styles, demoStyle{description: "Gel " + flavour, price: "2.20", sizes: []string{""}, widths: []string{""}})
	}
	return styles
}

// newDemoStock is what the stores have in the morning.
func newDemoStock(rng *rand.Rand) []demoRow {
	var rows []demoRow
	item := 0
	for _, s := range demoStyles() {
		for _, size := range s.sizes {
			for _, width := range s.widths {
				item++
				for _, store := range []string{"3", "7"} {
					row := demoRow{style: s.style, description: s.description, size: size, width: width, price: s.price,
						quantity: max(0, rng.Int64N(9)-2), onOrder: 6 * rng.Int64N(2), key: mockapi.Key{Store: store, UPC: demoUPC(item)}}
					if s.noUPC {
						row.key = mockapi.Key{Store: store, SKU: s.style, Size: size, Width: width}
					}
					rows = append(rows, row)
				}
			}
		}
	}
	return rows
}

// demoUPC is a bar code of a made-up company, its check digit included.
func demoUPC(item int) string {
	code := fmt.Sprintf("849632%05d", item)
	sum := 0
	for i, c := range code {
		digit := int(c - '0')
		if i%2 == 0 {
			digit *= 3
		}
		sum += digit
	}
	return code + strconv.Itoa((10-sum%10)%10)
}

// trade is some time in the stores: n rows get another quantity, by a sale, or by the arrival of what is on order.
func trade(rows []demoRow, rng *rand.Rand, n int) {
	for _, i := range rng.Perm(len(rows)) {
		row := &rows[i]
		switch {
		case n == 0:
			return
		case row.quantity > 0:
			row.quantity--
		case row.onOrder > 0:
			row.quantity, row.onOrder = row.onOrder, 0
		default:
			continue
		}
		n--
	}
}

// The columns of demoExport that something goes wrong with.
const (
	demoUPCColumn    = 1
	demoSizeColumn   = 4
	demoOnHandColumn = 7
)

// demoDamage is what goes wrong with a row of an export.
type demoDamage struct {
	fits   func(demoRow) bool // to which rows it happens
	column int
	text   string // in place of what belongs there
}

// demoDamages are what goes wrong now and then.
func demoDamages() []demoDamage {
	return []demoDamage{
		{column: demoOnHandColumn, text: "$129.95", fits: func(r demoRow) bool { return r.price == "129.95" }},
		{column: demoSizeColumn, text: "", fits: func(r demoRow) bool { return r.key.SKU != "" }},
		{column: demoUPCColumn, text: "8.49632E+11", fits: func(r demoRow) bool { return r.style == "" }},
	}
}

// spoil finds a row for each damage, among those that may have one; by the row's index.
func spoil(rows []demoRow, may func(demoRow) bool) map[int]demoDamage {
	spoilt := map[int]demoDamage{}
	for _, d := range demoDamages() {
		if i := slices.IndexFunc(rows, func(r demoRow) bool { return d.fits(r) && may(r) }); i >= 0 {
			spoilt[i] = d
		}
	}
	return spoilt
}

// demoExport writes the rows as a POS does, some of them spoilt. onHand is what it calls the quantity.
func demoExport(rows []demoRow, spoilt map[int]demoDamage, onHand string) []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b) // its errors are the buffer's, which has none
	w.UseCRLF = true
	_ = w.Write([]string{"Store", "UPC", "Style", "Description", "Size", "Width", "Price", onHand, "On Order"})
	for i, r := range rows {
		fields := []string{r.key.Store, r.key.UPC, r.style, r.description, r.size, r.width, r.price,
			strconv.FormatInt(r.quantity, 10), strconv.FormatInt(r.onOrder, 10)}
		if d, ok := spoilt[i]; ok {
			fields[d.column] = d.text
		}
		_ = w.Write(fields)
	}
	w.Flush()
	return b.Bytes()
}

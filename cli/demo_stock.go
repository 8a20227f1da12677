package cli

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"math/rand/v2"
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

// demoStyles is what a run-specialty store has on its wall: 744 products.
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
	return styles
}

// newDemoStock is the first export: the same at every run.
func newDemoStock() []demoRow {
	rng := rand.New(rand.NewPCG(1, 2))
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

// changeDemoStock is an hour in the stores: some sales, the last pair of something, a delivery. It answers how many rows
// changed.
func changeDemoStock(rows []demoRow) (changed int) {
	sold, last, came := 0, 0, 0
	for i := 0; i < len(rows); i += 37 {
		row := &rows[i]
		switch {
		case row.quantity == 1 && last < 2:
			row.quantity = 0
			last++
		case row.quantity > 1 && sold < 8:
			row.quantity--
			sold++
		case row.quantity == 0 && row.onOrder > 0 && came < 2:
			row.quantity, row.onOrder = row.onOrder, 0
			came++
		default:
			continue
		}
		changed++
	}
	return changed
}

// demoExport writes the rows as a POS does.
func demoExport(rows []demoRow) []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b) // its errors are the buffer's, which has none
	w.UseCRLF = true
	_ = w.Write([]string{"Store", "UPC", "Style", "Description", "Size", "Width", "Price", "On Hand", "On Order"})
	for _, r := range rows {
		_ = w.Write([]string{r.key.Store, r.key.UPC, r.style, r.description, r.size, r.width, r.price,
			strconv.FormatInt(r.quantity, 10), strconv.FormatInt(r.onOrder, 10)})
	}
	w.Flush()
	return b.Bytes()
}

package export_test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tillpost/export"
)

// figuresOf is what an export says: the figure of each key, which is there once.
func figuresOf(t *rapid.T, o export.Options, table [][]string) map[string]int64 {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	if err := w.WriteAll(table); err != nil {
		t.Fatal(err)
	}
	reader, err := export.New(o)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := reader.Read(&b)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int64{}
	for row, err := range rows.All() {
		if err != nil {
			t.Fatal(err)
		}
		if _, twice := got[string(row.Key)]; twice {
			t.Fatalf("the key %q is there twice", row.Key)
		}
		got[string(row.Key)] = row.Figure
	}
	return got
}

// shuffled has the columns of a table in another order.
func shuffled(t *rapid.T, table [][]string) [][]string {
	order := make([]int, len(table[0]))
	for i := range order {
		order[i] = i
	}
	order = rapid.Permutation(order).Draw(t, "order")
	mixed := make([][]string, len(table))
	for i, cells := range table {
		for _, c := range order {
			mixed[i] = append(mixed[i], cells[c])
		}
	}
	return mixed
}

func TestALayoutGivesTheSameUpdatesAsARowForEach(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		stores := []string{"Main Street", "Airport", "LPT Realty, LLC", "7"}[:rapid.IntRange(2, 4).Draw(t, "stores")]
		codes := map[string]string{}
		for i, name := range stores {
			codes[name] = fmt.Sprint("code ", i)
		}
		sizes := []string{"6", "6.5", "7", "7.5", "10", "XL"}[:rapid.IntRange(3, 6).Draw(t, "sizes")]
		family := rapid.SampledFrom([]string{"inventory_%s", "In stock [%s]", "Current Quantity %s", "Qty %s", "%s On Hand", "[%s] - Quantity on Hand"}).Draw(t, "family")
		long := [][]string{{"SKU", "Size", "Width", "Store", "On Hand"}}
		byStore := [][]string{{"SKU", "Size", "Width"}}
		for _, name := range stores {
			byStore[0] = append(byStore[0], fmt.Sprintf(family, name))
		}
		bySize := [][]string{append([]string{"Style", "Width", "Store"}, sizes...)}
		options := [][]string{{"Handle", "SKU", "Option1 Name", "Option1 Value", "Option2 Name", "Option2 Value", "Location code", "On Hand"}}
		cell := rapid.SampledFrom([]string{"", "0", "3", "-2", "17", "not stocked"})
		for p := range rapid.IntRange(1, 4).Draw(t, "products") {
			for _, width := range []string{"D", "2E"}[:rapid.IntRange(1, 2).Draw(t, "widths")] {
				sku := fmt.Sprint("ZOOT-", p)
				figures := map[[2]string]string{}
				for _, store := range stores {
					wide := []string{sku, width, codes[store]}
					for _, size := range sizes {
						q := cell.Draw(t, "quantity")
						figures[[2]string{store, size}] = q
						long = append(long, []string{sku, size, width, codes[store], q})
						wide = append(wide, q)
						names := []string{"Shoe Size", "Width"}
						if len(options) > 1 && options[len(options)-1][0] == sku {
							names = []string{"", ""} // said in the product's first row
						}
						options = append(options, []string{sku, sku, names[0], size, names[1], width, codes[store], q})
					}
					bySize = append(bySize, wide)
				}
				for _, size := range sizes {
					row := []string{sku, size, width}
					for _, store := range stores {
						row = append(row, figures[[2]string{store, size}])
					}
					byStore = append(byStore, row)
				}
			}
		}
		want := figuresOf(t, export.Options{}, long)
		for name, got := range map[string]map[string]int64{
			"a column for each store": figuresOf(t, export.Options{Stores: codes}, shuffled(t, byStore)),
			"a column for each size":  figuresOf(t, export.Options{}, shuffled(t, bySize)),
			"options by their names":  figuresOf(t, export.Options{Columns: map[export.Field]export.Column{export.Store: {Heading: "Location code"}}}, shuffled(t, options)),
		} {
			if !maps.Equal(got, want) {
				t.Fatalf("%s: got\n%s\nwant\n%s", name, listOf(got), listOf(want))
			}
		}
	})
}

func listOf(figures map[string]int64) string {
	var lines []string
	for _, key := range slices.Sorted(maps.Keys(figures)) {
		lines = append(lines, fmt.Sprintf("%q %d", key, figures[key]))
	}
	return strings.Join(lines, "\n")
}

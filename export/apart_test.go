package export_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"tillpost/export"
)

// warehouses is an export of products in two warehouses, one below the other, of which the first alone is longer than what is
// looked at before the rows are read. again says how many of the products come again.
func warehouses(products, again int) string {
	var b strings.Builder
	b.WriteString("SKU,Size,Width,Store,Whse,On Hand\n")
	for i := range products {
		fmt.Fprintf(&b, "STYLE-%05d,10.5,D,3,MAIN,%d\n", i, i%20)
	}
	for i := range again {
		fmt.Fprintf(&b, "STYLE-%05d,10.5,D,3,EAST,%d\n", i*products/again, i%7)
	}
	return b.String()
}

func lastError(t *testing.T, o export.Options, text string) (err error) {
	t.Helper()
	reader, err := export.New(o)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := reader.Read(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, err = range rows.All() {
		if err != nil {
			return err
		}
	}
	return nil
}

func TestWhatTellsRowsApartIsFoundWhereverTheyStand(t *testing.T) {
	t.Parallel()
	for _, products := range []int{12_000, 200_000} {
		err := lastError(t, export.Options{}, warehouses(products, products))
		refused, ok := errors.AsType[*export.Refused](err)
		if !ok || refused.Code != export.RefusedDuplicates || !strings.Contains(refused.Reason, `"Whse" ("MAIN", and in line `) {
			t.Errorf("%d products: got %v, want a refusal that names the column Whse", products, err)
		}
	}
	for name, o := range map[string]export.Options{"added up": {Duplicates: "sum"}, "the last counts": {Duplicates: "last"}, "none counts": {Duplicates: "reject"}} {
		if err := lastError(t, o, warehouses(2000, 2000)); err != nil {
			t.Errorf("%s: got %v, want all rows read", name, err)
		}
	}
}

func TestFewProductsThatComeTwiceDoNotCostAnExport(t *testing.T) {
	t.Parallel()
	if err := lastError(t, export.Options{}, warehouses(12_000, 60)); err != nil {
		t.Errorf("got %v, want all rows read: the last one for a product counts", err)
	}
}

package export_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"tillpost/export"
	"tillpost/inventory"
)

// TestARowNamesEveryKeyItCouldBeIdentifiedBy: only where that is asked for, and never a key that it could not have.
func TestARowNamesEveryKeyItCouldBeIdentifiedBy(t *testing.T) {
	const head = "UPC,Style,Size,Width,On Hand\n"
	for _, c := range []struct{ row, want string }{
		{"849632048260,ZOOT,34,D,5", "update upc 849632048260, store 3 or sku ZOOT 34 D, store 3"},
		{"849632048260,,34,D,5", "update upc 849632048260, store 3"},
		{"849632048260,ZOOT,,D,5", "update upc 849632048260, store 3"},
		{"849632048260,1.2E+11,34,D,5", "update upc 849632048260, store 3"},
		{",ZOOT,34,D,5", "update sku ZOOT 34 D, store 3"},
		{"849632048260,ZOOT,34,D,", "blank upc 849632048260, store 3 or sku ZOOT 34 D, store 3"},
		{",ZOOT,34,D,", "blank sku ZOOT 34 D, store 3"},
		{"849632048260,ZOOT,34,D,1O", "reject upc 849632048260, store 3 or sku ZOOT 34 D, store 3"},
		{"1,,34,D,5", "reject"},
		{",,,,", ""},
	} {
		for _, whole := range []bool{true, false} {
			reader, err := export.New(export.Options{Defaults: map[export.Field]string{export.Store: "3"}, SKUNeeds: []export.Field{export.Size, export.Width}})
			if err != nil {
				t.Fatal(err)
			}
			rows, err := reader.Read(strings.NewReader(head + "849632048277,X,1,D,1\n" + c.row + "\n"))
			if err != nil {
				t.Fatal(err)
			}
			rows.Whole = whole
			var got []string
			for row, err := range rows.All() {
				reject, bad := errors.AsType[*export.Reject](err)
				switch {
				case bad:
					got = append(got, told("reject", reject.Key, reject.Other))
				case err != nil:
					t.Fatal(err)
				case row.Blank:
					got = append(got, told("blank", row.Key, row.Other))
				default:
					got = append(got, told("update", row.Key, row.Other))
				}
			}
			want := []string{"update upc 849632048277, store 3 or sku X 1 D, store 3", c.want}
			if !whole {
				for i := range want {
					want[i], _, _ = strings.Cut(want[i], " or ")
				}
				if strings.HasPrefix(c.want, "blank") {
					want[1] = ""
				}
			}
			want = slices.DeleteFunc(want, func(s string) bool { return s == "" })
			if !slices.Equal(got, want) {
				t.Errorf("%q, whole %v: got %q, want %q", c.row, whole, got, want)
			}
		}
	}
}

func told(what string, key, other []byte) string {
	for i, k := range [][]byte{key, other} {
		if k == nil {
			continue
		}
		decoded, err := inventory.DecodeKey(k)
		if err != nil {
			return err.Error()
		}
		what += fmt.Sprintf("%s%s", []string{" ", " or "}[i], decoded)
	}
	return what
}

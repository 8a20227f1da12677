package api

import (
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tillpost/inventory"
)

func TestTheRequestIsTheDocumentedOne(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		update inventory.Update
		want   string
	}{
		{
			inventory.Update{Key: inventory.Key{Store: "3", UPC: "849632048260"}, Quantity: 12},
			`{"upc":"849632048260","store":"3","quantity":12}`,
		},
		{
			inventory.Update{Key: zoot, Quantity: 44},
			`{"sku":"ZOOT-SUIT","size":"34","width":"D","store":"3","quantity":44}`,
		},
		{
			inventory.Update{Key: inventory.Key{Store: "é\u2028", SKU: "a\"b\\c\x00\n<&>"}, Quantity: -9_999_999},
			`{"sku":"a\"b\\c\u0000\u000a<&>","size":"","width":"","store":"é` + "\u2028" + `","quantity":-9999999}`,
		},
		{
			inventory.Update{Key: inventory.Key{Store: "a\xffb", UPC: "1"}},
			`{"upc":"1","store":"a` + "\ufffd" + `b","quantity":0}`,
		},
	} {
		if got := string(appendUpdate(nil, c.update)); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}

func TestEveryUpdateComesBackFromItsRequest(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		code := rapid.String()
		want := inventory.Update{Key: inventory.Key{Store: code.Draw(t, "store")}, Quantity: rapid.Int64().Draw(t, "quantity")}
		if rapid.Bool().Draw(t, "by upc") {
			want.UPC = "0" + code.Draw(t, "upc")
		} else {
			want.SKU, want.Size, want.Width = code.Draw(t, "sku"), code.Draw(t, "size"), code.Draw(t, "width")
		}
		d := json.NewDecoder(strings.NewReader(string(appendUpdate(nil, want))))
		d.DisallowUnknownFields()
		var got inventory.Update
		if err := d.Decode(&got); err != nil || got != want {
			t.Fatalf("got %+v, %v; want %+v", got, err, want)
		}
	})
}

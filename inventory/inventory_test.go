package inventory_test

import (
	"testing"

	"pgregory.net/rapid"

	"tillpost/inventory"
)

func TestEveryKeyComesBackFromItsEncoding(t *testing.T) {
	t.Parallel()
	code := rapid.StringN(0, 20, inventory.MaxCode)
	rapid.Check(t, func(t *rapid.T) {
		k := inventory.Key{Store: code.Draw(t, "store")}
		if rapid.Bool().Draw(t, "by upc") {
			k.UPC = "0" + code.Draw(t, "upc")
		} else {
			k.SKU, k.Size, k.Width = code.Draw(t, "sku"), code.Draw(t, "size"), code.Draw(t, "width")
		}
		got, err := inventory.DecodeKey(k.Encode())
		if err != nil || got != k {
			t.Fatalf("got %#v, %v; want %#v", got, err, k)
		}
	})
}

func TestDamagedKeysAreErrors(t *testing.T) {
	t.Parallel()
	whole := inventory.Key{Store: "3", UPC: "849632048260"}.Encode()
	for n := range whole {
		if k, err := inventory.DecodeKey(whole[:n]); err == nil {
			t.Errorf("the first %d bytes: got %v, want an error", n, k)
		}
	}
	if k, err := inventory.DecodeKey(append(whole, 0)); err == nil {
		t.Errorf("a byte too many: got %v, want an error", k)
	}
	if k, err := inventory.DecodeKey([]byte("x\x013\x011")); err == nil {
		t.Errorf("an unknown kind: got %v, want an error", k)
	}
}

func TestStockBecomesTheQuantityThatTheAPIIsTold(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name         string
		stock        inventory.Stock
		figure, want int64
	}{
		{"plain", inventory.Stock{}, 12, 12},
		{"negative is zero", inventory.Stock{}, -3, 0},
		{"negative is kept", inventory.Stock{KeepNegative: true}, -3, -3},
		{"the reserve is not shown", inventory.Stock{Reserve: 2}, 12, 10},
		{"the reserve never goes below zero", inventory.Stock{Reserve: 2}, 1, 0},
		{"a kept negative needs no reserve", inventory.Stock{KeepNegative: true, Reserve: 2}, -3, -3},
		{"with negatives kept a reserve still ends at zero", inventory.Stock{KeepNegative: true, Reserve: 2}, 1, 0},
	} {
		if got := c.stock.Quantity(c.figure); got != c.want {
			t.Errorf("%s: got %d, want %d", c.name, got, c.want)
		}
	}
}

func TestKeysReadAsPeopleSayThem(t *testing.T) {
	t.Parallel()
	for want, k := range map[string]inventory.Key{
		"upc 849632048260, store 3":    {Store: "3", UPC: "849632048260"},
		"sku ZOOT-SUIT 34 D, store 3":  {Store: "3", SKU: "ZOOT-SUIT", Size: "34", Width: "D"},
		"sku SOCK-ONE SIZE, store B-1": {Store: "B-1", SKU: "SOCK-ONE", Size: "SIZE"},
	} {
		if got := k.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

package export

import "testing"

func TestEveryKnownHeadingCanBeMet(t *testing.T) {
	t.Parallel()
	for f, known := range headings {
		met := map[string]bool{}
		for _, list := range [][]string{known.best, known.maybe, known.veto} {
			for _, h := range list {
				if got := fold(h); got != h {
					t.Errorf("%s: %q is %q once it is folded, so that no heading is ever it", Field(f), h, got)
				}
				if met[h] {
					t.Errorf("%s: %q is there twice", Field(f), h)
				}
				met[h] = true
			}
		}
	}
}

func TestHeadingsThatNameAStoreAreToldFromOtherQuantities(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"In stock [Main]": "[in stock]", "[Main Shop] - Quantity on Hand": "[quantity on hand]", "inventory_Main_Outlet": "inventory",
		"Current Quantity LPT Realty, LLC": "current quantity", "Qty 2": "qty", "Store 1 On Hand": "*on hand", "Qty On Hand East": "qty on hand",
		"On Hand": "", "Qty Sold": "", "Qty Per Case": "", "Low stock [Main]": "", "Price [Main]": "", "Min Qty": "", "Stock Value": "", "Inventory Policy": "",
		"Total On Hand": "", "On hand (new)": "", "In stock?": "", "Stock minimal": "", "Description": "",
	} {
		if got, _, _ := newHeading(text).perStore(); got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}

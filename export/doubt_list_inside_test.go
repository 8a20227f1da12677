package export

import "testing"

func TestTitlesOfOtherListsAreToldFromThoseOfTheStock(t *testing.T) {
	t.Parallel()
	for title, want := range map[string]bool{
		"Sales by item 2026-11-01 to 2026-11-30": true,
		"SALES":                                  true,
		"Item Sales Report":                      true,
		"Daily sales":                            true,
		"Purchase orders":                        true,
		"Open purchase order 4711":               true,
		"Transfers from 3 to 4":                  true,
		"Receiving log":                          true,
		"ON ORDER":                               true,
		"Damaged goods:":                         true,
		"Stock on hand":                          false,
		"Stock and sales report":                 false,
		"Inventory for sale":                     false,
		"Factory Sales":                          false,
		"Sport Sales & Rentals":                  false,
		"Order Street":                           false,
		"Max":                                    false,
		"LOW STOCK":                              false,
		"Returns Lane 7, Springfield":            false,
		"2026-11-28":                             false,
		"":                                       false,
	} {
		if got := isOtherTitle(title); got != want {
			t.Errorf("%q: got %t, want %t", title, got, want)
		}
	}
}

func TestHeadingsOfMovementsAreToldFromThoseOfTheStock(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"Receipt #": true, "P.O. No.": true, "Sales Order Number": true, "Trans Date": true, "Ship To": true, "Belegnummer": true, "Commande": true, "Doc_No": true,
		"Vendor": false, "Last Sold": false, "Last Received": false, "Sale": false, "Sale Price": false, "On Order": false, "Reorder Point": false, "Item No": false,
		"Commandé": false, "Bestellnummer": false, "Document": false, "No": false, "": false,
	} {
		if got := newHeading(text).isMovement(); got != want {
			t.Errorf("%q: got %t, want %t", text, got, want)
		}
	}
}

func TestASumOverASKUIsKnownByTheRowsBefore(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		sku, before string
		want        bool
	}{
		{"ZOOT Total", "ZOOT", true},
		{"zoot subtotal", "ZOOT", true},
		{"ZOOT Total", "BOOT", false},
		{"ZOOT Total", "", false},
		{"ZOOT Totally", "ZOOT", false},
		{"Totals for ZOOT", "", true},
		{"Total Store 3", "", true},
		{"Total Eclipse", "", false},
		{"Total", "", false},
		{"", "ZOOT", false},
	} {
		if got := isTotalOf([]byte(test.sku), []byte(test.before)); got != test.want {
			t.Errorf("%q after %q: got %t, want %t", test.sku, test.before, got, test.want)
		}
	}
}

func TestSignsOfMoneyMakeAQuantityAValue(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"Stock ($)": true, "$ Stock": true, "Stock €": true, "Inventory @ cost": true, "Stock %": true, "On Hand $ (retail)": true,
		"Stock @ Airport": false, "Stock": false, "Price $": false, "": false,
	} {
		if h := newHeading(text); h.vetoed(Quantity) != want || want && h.rank(Quantity) >= 0 {
			t.Errorf("%q: got %t, want %t", text, h.vetoed(Quantity), want)
		}
	}
}

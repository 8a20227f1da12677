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
		if got, _, _ := newHeading(text).perStore(func(string) bool { return false }); got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}

// TestTheHeadingsOfRealSystemsHaveTheirRoles lists what real systems and shops write, from FORMATS parts 1 and 3, so that
// none is lost. What FORMATS does not mark as ambiguous and is among `maybe` here can be something else all the same: a name,
// grams, a parcel's measure, a shelf.
func TestTheHeadingsOfRealSystemsHaveTheirRoles(t *testing.T) {
	t.Parallel()
	for f, roles := range map[Field]struct{ best, maybe, veto []string }{
		UPC: {
			best: []string{"UPC", "UPC Code", "upccode", "UPC Full", "UPC/EAN", "EAN", "EAN13", "EAN-13", "EAN Code", "GTIN", "GTIN, UPC, EAN, or ISBN", "Barcode", "Bar Code",
				"BARCOD", "Variant Barcode", "JAN", "ISBN", "Strichcode", "Code-barres", "Code barre", "Code à barres", "Gencode", "Gencod", "Código de barras", "Código EAN",
				"Codice a barre", "Streepjescode"},
			maybe: []string{"Product Code", "itemid", "id", "ItemLookupCode", "Item Lookup Code", "Lookup Code", "Alternate Lookup", "Scan Code", "Código", "Codice", "Cód.", "Alias", "interne EAN"},
			veto:  []string{"System ID", "Clover ID", "Token", "Handle"},
		},
		SKU: {
			best: []string{"SKU", "Custom SKU", "Variant SKU", "Item Number", "Item No", "ITEM_NO", "Item #", "Stock Code", "Item Code", "Article No", "Part No", "Style", "Style No",
				"Style #", "ALU", "Material Code", "Artikelnummer", "Art.-Nr.", "Référence", "Réf", "Codeart", "Referencia", "Articolo"},
			maybe: []string{"Product Code", "Manufact. SKU", "Manufacturer SKU", "Vendor ID", "Supplier Code", "MPN", "Handle", "id", "ItemLookupCode", "Código", "Codice", "Artikel"},
			veto:  []string{"composite_sku", "SKU of included item", "System ID", "Clover ID", "Token"},
		},
		Size: {
			best:  []string{"Size", "SIZ", "Taille", "Pointure", "Größe", "Talla", "Taglia", "Maat", "Tamanho"},
			maybe: []string{"Option1 Value", "variant_option_one_value", "SubDescription1", "DIM_1", "Package Size", "Pack Size", "Variation Name", "Gr."},
		},
		Width: {
			best:  []string{"Width", "Wid", "Weite", "Horma", "Calzata", "Wijdte"},
			maybe: []string{"Option2 Value", "variant_option_two_value", "Attr", "Attribute", "Row", "DIM_2", "Largeur", "Ancho", "Larghezza", "Breedte"},
			veto:  []string{"Width (in)", "Width (cm)", "Shipping width"},
		},
		Store: {
			best: []string{"Store", "Store No", "Store #", "Store Code", "store_code", "StoreID", "STORE_NO", "Shop", "Outlet", "Branch", "Site", "Plant", "LOC_ID", "location_id", "Location Name",
				"Filiale", "Magasin", "Tienda", "Sucursal", "Negozio", "Winkel", "Filiaal"},
			maybe: []string{"Warehouse", "Location", "Depot", "Dépôt", "Lager", "Standort", "Almacén", "Magazzino"},
			veto:  []string{"Bin name"},
		},
		Quantity: {
			best: []string{"On Hand", "On hand (current)", "Qty On Hand", "Quantity On Hand", "QOH", "Qty OH", "QuantityOnHand", "QTY_ON_HND", "On Hand Qty", "SOH", "In Stock", "Stock",
				"Stock Qty", "Current Stock", "Current Quantity", "Variant Inventory Qty", "Inventory", "Qty.", "Qty", "Quantity", "Book Inventory", "Balance", "Bestand", "BESTAND",
				"Lagerbestand", "Quantité", "Qté", "En stock", "Existencias", "Giacenza", "Quantità", "Aantal op voorraad", "Voorraad", "Estoque", "Qtd", "Остаток"},
			maybe: []string{"Available", "Available (not editable)", "Available to sell", "ATS", "Qty Available", "QTY_AVAIL", "Total Qty On Hand", "Menge", "Cantidad", "Aantal"},
			veto: []string{"On Order", "Qty on PO", "QTY_ON_PO", "QTY_ON_BO", "Committed", "Committed (not editable)", "QuantityCommitted", "QTY_COMMIT", "Unavailable",
				"Unavailable (not editable)", "Incoming", "Incoming (not editable)", "Reserved", "On hand (new)", "New Quantity", "Reorder Point", "Reorder Level", "restock_level", "Low stock",
				"Low stock amount", "Stock Alert Count", "Stock Alert Enabled", "Min", "Max", "MIN_QTY", "MINDESTBESTAND", "Stock minimal", "Stock mínimo", "Scorta minima", "Soglia",
				"Bestellt", "Da ordinare", "Qty Sold", "Units Sold", "Quantity of included item", "composite_quantity", "Min order quantity", "Pack Qty", "Cost of stock", "Price of stock",
				"Value of stock", "In stock?", "Track stock", "track_inventory"},
		},
	} {
		for _, text := range roles.best {
			if h := newHeading(text); h.rank(f) < 0 || h.vetoed(f) || h.mayBe(f) {
				t.Errorf("%s: %q is not one of the best headings, and nothing else", f, text)
			}
		}
		for _, text := range roles.maybe {
			if h := newHeading(text); h.rank(f) >= 0 || h.vetoed(f) || !h.mayBe(f) {
				t.Errorf("%s: %q is not one that can be something else, and nothing more", f, text)
			}
		}
		for _, text := range roles.veto {
			if h := newHeading(text); h.rank(f) >= 0 || !h.vetoed(f) || h.mayBe(f) {
				t.Errorf("%s: %q is not known to be something else", f, text)
			}
		}
	}
}

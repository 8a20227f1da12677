package export

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// A POS exports lists of sales, orders, receipts and transfers too, and a heading such as `Qty` is in all of them. Where that
// is all that is known of the quantity, what else the export says must not speak of another list.

// isGeneric says that the quantity's heading does not say that it is what is in stock, and the config does not either.
func (r *rules) isGeneric(l *layout) bool {
	if _, stated := r.columns[Quantity]; stated {
		return false
	}
	if s := &l.spread; len(s.each) > 0 {
		mark, _ := markOf(s.pattern)
		rest := fold(strings.ReplaceAll(s.pattern, mark, " "))
		return rest == "" || slices.Contains(genericQuantities, rest)
	}
	q := l.column[Quantity]
	return q < len(l.headings) && slices.Contains(genericQuantities, l.headings[q].bare) && !isStockPath(l.headings[q].text)
}

var genericQuantities = []string{"qty", "quantity", "quantite", "qte", "quantita", "qtd"}

// isStockPath says that the path to a field has a step for the stock, such as `stock/quantity`.
func isStockPath(path string) bool {
	steps := strings.Split(path, "/")
	return slices.ContainsFunc(steps[:len(steps)-1], func(step string) bool { return slices.ContainsFunc(strings.Fields(fold(step)), isStockWord) })
}

func isStockWord(word string) bool {
	return slices.Contains([]string{"stock", "stocks", "inventory", "inventories", "hand", "onhand", "stocklevels", "inventorylevels", "bestand", "lagerbestand", "voorraad", "giacenza", "existencias"}, word)
}

// anotherList refuses a generic quantity, for what speaks of another list.
func (r *rules) anotherList(l *layout, what string) *Refused {
	q := l.column[Quantity]
	write := l.headings[q].text
	if len(l.spread.each) > 0 {
		write = l.spread.pattern
	}
	return &Refused{
		Code:   RefusedAmbiguous,
		Reason: fmt.Sprintf("%s may be what was sold, ordered or moved, for %s: the export must be a list of what is in stock; only where it is", l.name(q), what),
		Write:  fmt.Sprintf("columns: {quantity: %q}", write),
	}
}

// movements refuses a generic quantity beside a heading that a list of sales, orders or the like has, and one of the stock has not.
func (r *rules) movements(m *match) *Refused {
	if !r.isGeneric(&m.layout) {
		return nil
	}
	ordering := slices.ContainsFunc(m.headings, func(h heading) bool { return slices.Contains(orderingHeadings, h.folded) })
	if at := receiptOf(m.headings); at >= 0 {
		return r.anotherList(&m.layout, fmt.Sprintf("there is a %s beside what was paid", m.name(at)))
	}
	for i, h := range m.headings {
		if h.isMovement() && !(ordering && slices.Contains(orderedHeadings, h.folded)) {
			return r.anotherList(&m.layout, "there is a "+m.name(i))
		}
	}
	return nil
}

// receiptOf is the column of dates where a total stands beside it, or a time and a price, as on a receipt; -1 = there is none.
func receiptOf(cells []heading) int {
	at := func(words ...string) int {
		return slices.IndexFunc(cells, func(h heading) bool { return slices.Contains(words, h.folded) })
	}
	date := at("date", "data", "datum", "fecha")
	if date >= 0 && at("total", "subtotal", "tax") < 0 && !(at("time", "heure", "ora", "hora", "zeit") >= 0 && at("unit price", "price") >= 0) {
		return -1
	}
	return date
}

func setOf(words string) map[string]bool {
	set := map[string]bool{}
	for _, word := range strings.Fields(words) {
		set[word] = true
	}
	return set
}

// isMovement says that a heading is one of such a list. `Commandé` is what is on order, `Commande` an order.
func (h heading) isMovement() bool {
	if slices.Contains(movementHeadings, h.folded) {
		return !strings.HasSuffix(h.text, "mandé")
	}
	words := strings.ReplaceAll(h.folded, " ", "") // a POS writes InvoiceNo too
	for _, number := range []string{"no", "nr", "n°", "num"} {
		if document, ok := strings.CutPrefix(words, number); ok && movementDocuments[document] {
			return true
		}
	}
	for _, number := range movementNumbers {
		if document, ok := strings.CutSuffix(words, number); ok && movementDocuments[document] {
			return true
		}
	}
	return false
}

// The headings of lists of sales, orders, receipts and transfers, folded: those that stand alone, and documents with what is
// told of them. `Last Sold`, `On Order`, `Vendor` or `Sale Price` are not among them: lists of the stock have those.
var (
	movementHeadings = []string{"invoice", "receipt", "transaction", "ticket", "date sold", "sold date", "sold on", "sales", "net sales", "gross sales", "total sales", "sales amount",
		"sales total", "amount", "amount sold", "line total", "line amount", "extended price", "tender", "tender type", "payment method", "payment type", "discount", "discounts", "discount amount", "revenue", "subtotal", "amt", "ext amt", "employee", "emp", "vendedor", "vendeur", "scontrino", "cupom", "bon", "heure", "delivery note", "delivered", "cancel date", "eta date", "first name", "last name", "deposit", "balance due", "out store", "in store to", "sold at", "soldat", "old qty", "sell thru", "sell thru %", "sell through", "rank", "order total", "register",
		"register no", "till", "cashier", "cashier name", "clerk", "clerk name", "salesperson", "sales person", "sales rep", "associate", "customer", "customer name", "customer email",
		"order", "ordered", "qty ordered", "quantity ordered", "order status", "po", "p o", "purchase order", "sales order", "ship date", "shipped date", "date shipped", "delivery date",
		"due date", "eta", "expected date", "received", "qty received", "quantity received", "received date", "date received", "vendor invoice", "supplier invoice", "bill to", "ship to",
		"from store", "to store", "from location", "to location", "from shop", "to shop", "reason", "reason code", "adj reason", "adjustment reason", "adjustment type", "trans type",
		"transaction type", "return", "returns", "return reason",
		"kunde", "kunden nr", "kundennummer", "kassierer", "belegnummer", "beleg nr", "belegnr", "belegdatum", "rechnungsnr", "rechnungs nr", "rechnungsnummer", "rechnungsdatum", "verkaufsdatum",
		"umsatz", "nettoumsatz", "bruttoumsatz", "lieferschein", "lieferschein nr", "montant", "montant ttc", "montant ht", "ca ttc", "ca ht", "cogs", "gross profit", "sales $", "net $", "sold by", "ext price", "ext prc", "extended amount", "unit sold", "importo",
		"importe", "valor total", "omzet", "carton", "carton no", "ship window", "from", "to",
		"client", "caissier", "facture", "no facture", "numero facture", "date facture", "commande", "no commande", "numero commande", "date commande", "date de vente",
		"cliente", "factura", "no factura", "fecha venta", "fattura", "numero fattura", "data vendita", "klant", "factuur", "factuurnummer", "bonnummer"}
	// Beside one of the first, those of the second are about what comes to the stock.
	orderingHeadings = []string{"on order", "qty on order", "quantity on order", "qty on po", "on po", "incoming", "reorder point", "reorder level", "reorder qty", "restock level",
		"min", "max", "min qty", "max qty", "min stock", "max stock"}
	orderedHeadings = []string{"ordered", "qty ordered", "quantity ordered", "eta", "due date", "expected date", "delivery date"}

	// Without blanks.
	movementDocuments = setOf("invoice receipt transaction trans ticket tkt order salesorder purchaseorder po sale sales customer cust transfer xfer return document doc shipment rma rtv " +
		"adjustment adj receiving rcvd bill voucher vou rcpt tran txn asn slip deliverynote layaway employee emp scontrino cupom bon beleg soldat")
	movementNumbers = strings.Fields("no number num nbr nr id date ref name")
)

// titleAbove refuses a generic quantity below a title such as `Sales by item` or `Purchase orders`.
func (d *detector) titleAbove(p *pipeline) (refused *Refused) {
	if !d.isGeneric(&p.layout) {
		return nil
	}
	d.headRecords(p.comma, MaxColumns, func(rec *record) bool {
		if rec.line >= p.layout.line {
			return false
		}
		cells := p.cells(rec)
		if rec.fault != noFault || len(cells) > 2 && (rec.comma != 0 || rec.raw == nil) {
			return true
		}
		if line := strings.Join(cells, " "); isOtherTitle(line) {
			refused = d.anotherList(&p.layout, fmt.Sprintf("line %d says %q", rec.line, clip(line)))
		}
		return refused == nil
	})
	return refused
}

// namedAs refuses a generic quantity in something that has the name of another list, such as a sheet `Sales`.
func (p *pipeline) namedAs(what, name string) error {
	if !p.isGeneric(&p.layout) || !isOtherTitle(name) {
		return nil
	}
	refused := p.anotherList(&p.layout, fmt.Sprintf("the %s is called %q", what, clip(name)))
	refused.other = true
	return refused
}

// isOtherTitle says that a title is one of another list than of the stock: it begins with a word for one, or has `sales
// report` or the like in it; or it is the heading of another quantity, such as `ON ORDER`. A company may be called Factory
// Sales, and a list of the stock may have both words.
func isOtherTitle(line string) bool {
	if isOtherQuantity(line) {
		return true
	}
	words := strings.FieldsFunc(fold(line), func(r rune) bool { return !unicode.IsLetter(r) })
	if len(words) > 0 && (words[0] == "po" || len(words) > 1 && words[0] == "p" && words[1] == "o") {
		return true
	}
	if i := slices.Index(words, "sold"); i >= 0 && i+1 < len(words) && words[i+1] == "out" || slices.Contains(words, "sellers") && slices.ContainsFunc(words, isStockWord) {
		return false
	}
	for i, word := range words {
		if i > 0 && slices.Contains(listPairs, words[i-1]+" "+word) || slices.Contains(listWords, word) {
			return true
		}
	}
	if slices.ContainsFunc(words, isStockWord) {
		return false
	}
	for i, word := range words {
		if !slices.Contains(otherLists, word) {
			continue
		}
		if word == "sold" {
			return true
		}
		follows := i+1 < len(words) && slices.Contains(titleWords, words[i+1])
		if follows || i == 0 && len(words) == 1 || i == len(words)-1 && !slices.ContainsFunc(words[:i], func(w string) bool { return !slices.Contains(timeWords, w) }) {
			return true
		}
	}
	return false
}

var (
	otherLists = []string{"rtv", "sales", "sold", "orders", "transfers", "transfer", "receiving", "receivings", "receipts", "invoices", "returns", "refunds", "shipments", "transactions", "adjustments",
		"umsatz", "umsatze", "verkaufe", "ventes", "ventas", "vendite", "verkopen", "commandes", "pedidos", "ordini", "bestellungen"}
	listWords = []string{"umsatzliste", "umsatzbericht", "verkaufsbericht", "verkaufsliste", "kassenbericht", "lieferschein", "bestsellers", "replenishment", "reorder", "selling", "layaway", "layaways"}
	listPairs = []string{"purchase order", "purchase orders", "customer order", "customer orders", "de livraison", "best sellers", "packing slip", "packing list", "items sold", "units sold",
		"inventory transfer", "inventory transfers", "stock transfer", "stock transfers", "inventory adjustment", "inventory adjustments", "stock adjustment", "stock adjustments", "inventory receipt",
		"inventory receipts", "stock receipt", "stock receipts", "count variance", "inventory variance", "stock variance", "sell thru", "sell through", "model stock", "suggested order", "suggested orders", "special orders", "special order", "sales analysis"}
	titleWords = []string{"to", "out", "in", "voucher", "analysis", "last", "this", "vom", "von", "du", "de", "des", "del", "dal", "di", "van", "by", "report", "reports", "history", "summary", "journal", "detail", "details", "list", "listing", "log", "for", "from", "per", "between", "since",
		"items", "par", "por", "per", "nach", "bericht"}
	timeWords = []string{"daily", "weekly", "monthly", "yearly", "annual", "open", "pending", "net", "gross", "item", "product", "total", "all"}
)

// isOtherQuantity says that a line is nothing but the heading of another quantity than what is in stock. Products whose stock
// is low are in stock, and a shop may be called Max.
func isOtherQuantity(line string) bool {
	h := newHeading(strings.TrimRight(line, ": "))
	return h.vetoed(Quantity) && len(h.folded) > len("max") && h.folded != "low stock"
}

// otherRows refuses a generic quantity where the path to the rows, such as `orders/lines`, is one to another list.
func (p *pipeline) otherRows(path string) *Refused {
	if p.row != "" || !p.isGeneric(&p.layout) {
		return nil
	}
	steps := strings.Split(path, "/")
	if slices.ContainsFunc(strings.Fields(fold(steps[len(steps)-1])), isStockWord) {
		return nil
	}
	for _, step := range steps {
		if slices.Contains(otherSteps, strings.ReplaceAll(fold(step), " ", "")) {
			return p.anotherList(&p.layout, fmt.Sprintf("the rows are those of %q", clip(path)))
		}
	}
	return nil
}

// otherSteps are the steps of such a path, folded and without blanks.
var otherSteps = strings.Fields("sales sale salesreport salesitems saleslines salelines orders order orderlines orderitems salesorders salesorder purchaseorders purchaseorder receipts receipt " +
	"receiptlines invoices invoice invoicelines transfers transfer transferlines transactions transaction transactionlines tickets returns refunds shipments shipment adjustments")

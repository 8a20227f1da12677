package export

import (
	"bytes"
	"slices"
)

// convention settles what points and commas in the quantities mean. Where decimal commas are as likely, as they are but
// between commas, nothing is assumed.
func (d *detector) convention(p *pipeline) convention {
	switch d.decimal {
	case '.':
		return point
	case ',':
		return comma
	}
	points, commas, rows := 0, 0, 0
	quantities := p.layout.quantities()
	d.headRecords(p.comma, 1+slices.Max(quantities), func(rec *record) bool {
		if rec.line > p.layout.line && rec.fault == noFault && rec.count <= p.layout.width {
			for _, column := range quantities {
				if _, plain := plainNumber(cellOf(rec, column)); plain || rec.isExact(column) || column >= len(rec.fields) {
					continue
				}
				field, _ := d.charset.append(nil, rec.fields[column])
				switch evidence(field) {
				case 1:
					points++
				case -1:
					commas++
				default:
					if rec.isWords() && p.heads(rec) { // what follows is another table's
						return false
					}
				}
			}
		}
		rows++
		return rows < sampleRows
	})
	switch {
	case points > 0 && points >= commas:
		return point
	case p.comma != ',' && commas > 0:
		return comma
	case p.comma != ',' || commas > 0 || p.countsInCommas() || d.hasDecimalCommas(p):
		return unsure
	}
	return assumePoint
}

// countsInCommas says that the quantity's heading is in a language that writes decimal commas.
func (p *pipeline) countsInCommas() bool {
	column := p.layout.column[Quantity]
	return column >= 0 && column < len(p.layout.headings) && slices.Contains(commaHeadings, p.layout.headings[column].bare)
}

var commaHeadings = []string{"bestand", "lagerbestand", "aktueller bestand", "ist bestand", "menge", "quantite", "qte", "quantite en stock", "qte en stock", "en stock", "stock actuel", "stock reel",
	"existencias", "existencia", "giacenza", "giacenza attuale", "esistenza", "quantita", "voorraad", "aantal", "aantal op voorraad", "op voorraad", "actuele voorraad", "huidige voorraad", "estoque",
	"estoque atual", "qtd", "остаток"}

// hasDecimalCommas says that other columns than the quantity show decimal commas, such as prices: then so may the quantity.
func (d *detector) hasDecimalCommas(p *pipeline) (found bool) {
	rows := 0
	d.headRecords(p.comma, MaxColumns, func(rec *record) bool {
		if rec.line > p.layout.line && rec.fault == noFault && bytes.IndexByte(rec.raw, '"') >= 0 { // else no comma is in a field
			for _, field := range rec.fields {
				amount := bytes.Trim(field, " \x80€EURCHF") // of windows-1252, where the euro is 0x80, or of UTF-8
				decimals := len(amount) - 1 - bytes.IndexByte(amount, ',')
				found = found || len(amount) < 12 && decimals != 3 && evidence(amount) == -1
			}
		}
		rows++
		return !found && rows < headerRows
	})
	return found
}

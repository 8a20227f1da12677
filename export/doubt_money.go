package export

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
)

// fewPrices is how many figures must be seen to take them for prices.
const fewPrices = 20

// looksLikeMoney refuses quantities that are prices: four in five have cents, and half of those end as only prices do, like
// 19.99 or 24.95. Of goods by weight or length one figure in nine ends so, so that twenty of them do not look like it. Prices
// without such endings, as costs are, cannot be told from weights, and are not refused. A column that the config names by its
// heading is believed; where fractions are rejects, prices are.
func (d *detector) looksLikeMoney(p *pipeline) *Refused {
	column := p.layout.column[Quantity]
	if column < 0 || d.columns[Quantity].Heading != "" || d.rejectFractions {
		return nil
	}
	seen, money, priced, shown := 0, 0, 0, ""
	d.sample(p, func(rec *record) {
		if column >= len(rec.fields) {
			return
		}
		cell := clean(rec.fields[column])
		cents, ok := centsOf(cell)
		if !ok {
			return
		}
		if seen++; cents == 0 {
			return
		}
		if money++; cents%10 == 9 || cents == 95 {
			priced, shown = priced+1, string(cell)
		}
	})
	if seen < fewPrices || money*5 < seen*4 || priced*2 < money {
		return nil
	}
	return &Refused{
		Code: RefusedAmbiguous,
		Reason: fmt.Sprintf("%s: of the first %d figures %d have cents, and most of those end as prices do, such as %q: they seem to be prices; "+
			"the config must say which column is the quantity, by its heading if it is this one all the same", p.layout.name(column), seen, money, shown),
		Write: "columns: {quantity: ...}",
	}
}

// centsOf answers the hundredths of a number, whichever its decimal sign is; 0 = it has none, or more than those. Three
// decimals may be thousands.
func centsOf(cell []byte) (cents int, ok bool) {
	var space [maxNumber]byte
	body, _, ok := sign(asciiNumber(space[:0], cell))
	if !ok {
		return 0, false
	}
	_, byPoint := parseMagnitude(body, '.', ',')
	_, byComma := parseMagnitude(body, ',', '.')
	i := bytes.LastIndexAny(body, ".,")
	if !byPoint && !byComma || i < 0 || len(body)-i == 4 {
		return 0, byPoint || byComma
	}
	fraction, err := strconv.ParseFloat("0."+string(body[i+1:]), 64)
	if whole := math.Round(fraction * 100); err == nil && math.Abs(fraction*100-whole) < 1e-6 {
		return int(whole) % 100, true
	}
	return 0, true
}

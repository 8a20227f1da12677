package cli

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"tillpost/export"
)

// reasonWords say what is wrong with rejects of a class, after how many there are: `1 with a wrong UPC`, `2 with a wrong
// UPC`.
var reasonWords = map[string]string{
	export.RejectTooLong:   "too long",
	export.RejectRecord:    "that are not valid JSON",
	export.RejectTwice:     "with two values for one field",
	export.RejectQuote:     "with a quote that is missing or out of place",
	export.RejectLineEnd:   "with a line end of another kind in them",
	export.RejectShort:     "with too few fields",
	export.RejectCrossed:   "with a text across two columns",
	export.RejectShifted:   "with too many fields",
	export.RejectNumber:    "without a number as quantity",
	export.RejectDecimal:   "with a quantity that can be two numbers",
	export.RejectTooLarge:  "with a quantity that is too large for one",
	export.RejectNegative:  "with a quantity below zero",
	export.RejectFraction:  "with a quantity that is not whole",
	export.RejectStore:     "without a known store",
	export.RejectUPC:       "with a wrong UPC",
	export.RejectNoProduct: "without a product code",
	export.RejectSKU:       "with a SKU that lacks its size or width",
	export.RejectTable:     "of another table in the same file",
	export.RejectCode:      "with a damaged code",
	export.RejectDuplicate: "for the same product and store as another row",
	export.RejectSum:       "with a sum that is too large or not known",
}

// reasonText says what is wrong with rejects of a class, such as `with a wrong UPC`.
func reasonText(code string) string {
	if words, ok := reasonWords[code]; ok {
		return words
	}
	return "of the class " + clip(code, 30) // a newer version's
}

// reasonsLine is rejects by their classes, the most first: `30 with a wrong UPC, 5 without a number as quantity, 2 for
// other reasons`. Of more than most classes only the first ones are named. It is empty where there are no rejects.
func reasonsLine(counts map[string]int64, most int) string {
	codes := slices.DeleteFunc(slices.Sorted(maps.Keys(counts)), func(code string) bool { return counts[code] <= 0 })
	slices.SortStableFunc(codes, func(a, b string) int { return cmp.Compare(counts[b], counts[a]) })
	var parts []string
	others := int64(0)
	for i, code := range codes {
		if i >= most {
			others += counts[code]
			continue
		}
		parts = append(parts, fmt.Sprintf("%s %s", number(counts[code]), reasonText(code)))
	}
	if others > 0 {
		parts = append(parts, number(others)+" for other reasons")
	}
	return strings.Join(parts, ", ")
}

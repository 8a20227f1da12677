package agent

import (
	"encoding/csv"
	"fmt"
	"io"
	"strings"

	"tillpost/dashboard"
	"tillpost/inventory"
	"tillpost/outbox"
)

const unnamedSuffix = ".no-longer-named.csv"

// unnamedTries is under how many names a list is tried to be written: Windows lets none be replaced that a spreadsheet has
// open, and for that no export is to wait.
const unnamedTries = 5

// listUnnamed writes down the keys that the API has and that an export does not name any more now that it is read in
// another way. That is before it is taken: whatever happens then, the list is not lost.
func (t *taking) listUnnamed() error {
	for x := range t.readings {
		r := &t.readings[x]
		if r.again == nil || r.dropped {
			continue
		}
		list, n := t.in.Unnamed(x)
		if n == 0 {
			continue
		}
		var err error
		for try := range unnamedTries {
			suffix := unnamedSuffix
			if try > 0 {
				suffix = fmt.Sprintf(".%d%s", try+1, suffix)
			}
			r.list = t.s.reportPath(r.file.Name, suffix)
			if err = writeReport(r.list, func(to io.Writer) error { return writeUnnamed(to, list, n) }); err == nil {
				break
			}
		}
		if err != nil {
			return fmt.Errorf("list what %s does not name any more: %w", r.file.Name, err)
		}
		r.unnamed = list[:min(3, len(list))]
	}
	return nil
}

// tellUnnamed says how many keys an export does not name any more, which are the first, and where all are.
func (t *taking) tellUnnamed(r *reading, e outbox.Export) {
	if e.Unnamed == 0 || r.again == nil {
		return
	}
	var keys []string
	for _, u := range r.unnamed {
		if k, err := inventory.DecodeKey(u.Key); err == nil {
			keys = append(keys, k.String())
		}
	}
	t.s.a.log.Warn("keys that the API has are not named any more in the new way; their quantities stay as they are there",
		"source", e.Source, "export", e.Name, "unnamed", e.Unnamed, "keys", strings.Join(keys, "; "), "file", r.list)
}

// writeUnnamed writes the table: the key and the quantity that the API acknowledged, blank where it answered nothing.
func writeUnnamed(to io.Writer, list []outbox.Unnamed, n int64) error {
	var rows [][]string
	plain := true
	for _, u := range list {
		k, err := inventory.DecodeKey(u.Key)
		if err != nil {
			return err
		}
		row := []string{k.Store, k.UPC, k.SKU, k.Size, k.Width, ""}
		if u.Acked != nil {
			row[5] = fmt.Sprint(*u.Acked)
		}
		plain = plain && isPlain(row)
		rows = append(rows, row)
	}
	if err := mark(to, plain); err != nil {
		return err
	}
	w := csv.NewWriter(to)
	w.UseCRLF = true
	if err := w.Write([]string{"store", "upc", "sku", "size", "width", "quantity"}); err != nil {
		return err
	}
	for _, row := range rows {
		for i, cell := range row[:5] {
			row[i] = dashboard.Defuse(cell)
		}
		if err := w.Write(row); err != nil {
			return err
		}
	}
	if more := n - int64(len(list)); more > 0 {
		if err := w.Write([]string{fmt.Sprintf("and %d keys more, which are not listed", more), "", "", "", "", ""}); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}

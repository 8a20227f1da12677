package cli

import (
	"context"
	"os"
	"path/filepath"
	"time"
)

// onHand is what the till calls its quantities.
const onHand = "On Hand"

// write writes an export as a till does that knows how to: under another name first. changed is how many of its rows
// differ from what was told before.
func (d *demo) write(name string, data []byte, changed int64) error {
	path := filepath.Join(d.exports(), name)
	if err := os.WriteFile(path+".tmp", data, 0o600); err != nil {
		return err
	}
	d.day.exports++
	d.day.rows += len(d.stock)
	d.day.last = demoDrop{name: name, changed: changed, at: time.Now(), before: d.day.seen, api: d.api.Counters()}
	return os.Rename(path+".tmp", path)
}

// export writes all of the stock, some rows spoilt.
func (d *demo) export(name string, spoilt map[int]demoDamage) error {
	changed := int64(0)
	for i, row := range d.stock {
		if _, bad := spoilt[i]; bad {
			continue
		}
		if was, known := d.truth[row.key]; !known || was != row.quantity {
			changed++
		}
		d.truth[row.key] = row.quantity
	}
	return d.write(name, demoExport(d.stock, spoilt, onHand), changed)
}

func exportMorning(_ context.Context, d *demo) error { return d.export("stock-0900.csv", nil) }

// trading lets n rows change and writes the next export.
func trading(name string, n int) func(context.Context, *demo) error {
	return func(_ context.Context, d *demo) error {
		trade(d.stock, d.rng, n)
		return d.export(name, nil)
	}
}

// exportBadRows writes an export with a few bad rows, of products that have not changed.
func exportBadRows(_ context.Context, d *demo) error {
	trade(d.stock, d.rng, 12)
	spoilt := spoil(d.stock, func(r demoRow) bool { return d.truth[r.key] == r.quantity })
	return d.export("stock-1300.csv", spoilt)
}

// exportUnknown writes an export that cannot be understood. What is new in it comes with the next one.
func exportUnknown(_ context.Context, d *demo) error {
	trade(d.stock, d.rng, 6)
	return d.write("stock-1330.csv", demoExport(d.stock, nil, "Pcs Avail"), 0)
}

package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tillpost/agent"
	"tillpost/config"
	"tillpost/export"
	"tillpost/inventory"
)

// upc is the n-th of many UPCs.
func upc(n int) string { return demoUPC(n) }

func TestPreviewOfALargeExportIsWholeAndInOrder(t *testing.T) {
	t.Parallel()
	const rows = 100_000
	var b strings.Builder
	b.WriteString("Store,UPC,Qty\n")
	for i := range rows {
		fmt.Fprintf(&b, "%d,%s,%d\n", i%2, upc(i/2), i%7)
	}
	for i := range 10 { // duplicates of the first rows, far away
		fmt.Fprintf(&b, "%d,%s,%d\n", i%2, upc(i/2), 100+i)
	}
	path := filepath.Join(t.TempDir(), "large.csv")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	out, errs, code := runIn(t.Context(), "preview", "--json", path)
	if code != statusDone || errs != "" {
		t.Fatalf("got %d, %q; want 0 and nothing said", code, errs)
	}
	var want strings.Builder
	for i := 10; i < rows; i++ {
		fmt.Fprintf(&want, "{\"line\":%d,\"update\":{\"upc\":%q,\"store\":\"%d\",\"quantity\":%d}}\n", i+2, upc(i/2), i%2, i%7)
	}
	for i := range 10 {
		fmt.Fprintf(&want, "{\"line\":%d,\"update\":{\"upc\":%q,\"store\":\"%d\",\"quantity\":%d}}\n", rows+i+2, upc(i/2), i%2, 100+i)
	}
	fmt.Fprintf(&want, "{\"summary\":{\"rows\":%d,\"updates\":%d,\"rejects\":0,\"skipped\":10}}\n", rows+10, rows)
	_, got, _ := strings.Cut(out, "\n") // what was detected
	if got != want.String() {
		g, w := strings.Split(got, "\n"), strings.Split(want.String(), "\n")
		for i := range min(len(g), len(w)) {
			if g[i] != w[i] {
				t.Fatalf("line %d: got %s, want %s", i, g[i], w[i])
			}
		}
		t.Fatalf("got %d lines, want %d", len(g), len(w))
	}
	var said bytes.Buffer
	if code = execute(t.Context(), []string{"preview", "--json", path}, broken{}, &said); code != statusFailed || strings.Count(said.String(), "\n") != 1 {
		t.Errorf("when nothing can be printed: got %d, %q; want 1 and one line", code, said.String())
	}
	out, _, code = runIn(t.Context(), "preview", path)
	if code != statusDone || !strings.Contains(out, "  and 99,980 more\n") {
		t.Errorf("the table: got %d and\n%s\nwant 20 updates, and how many more there are", code, out)
	}
}

func TestPreviewWarnsOfExportsWithoutAZero(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		rows int
		last int
		want bool
	}{
		{"51 rows, none of them zero", 51, 1, true},
		{"51 rows, one of them zero", 51, 0, false},
		{"51 rows, one of them negative", 51, -1, false},
		{"50 rows are too few to tell", 50, 1, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			text := "Store,UPC,Qty\n"
			for i := range test.rows - 1 {
				text += fmt.Sprintf("3,%s,5\n", upc(i))
			}
			text += fmt.Sprintf("3,%s,%d\n", upc(test.rows), test.last)
			path := filepath.Join(t.TempDir(), "stock.csv")
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, errs, code := runIn(t.Context(), "preview", path)
			got := strings.HasPrefix(errs, "tillpost: warning: ") && strings.Contains(errs, "sold out")
			if code != statusDone || got != test.want {
				t.Errorf("got %d, %q; want a warning: %v", code, errs, test.want)
			}
		})
	}
}

func TestAnExportThatChangesWhileItIsReadIsNotShownAsWhole(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "stock.csv")
	if err := os.WriteFile(path, []byte("Store,UPC,Qty\n3,849632048260,5\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := plainSource()
	if err != nil {
		t.Fatal(err)
	}
	grown := false
	x := &examination{how: agent.ReadingOf(s), sink: newLines(io.Discard, ""), progress: func(int64, int64) {
		if !grown {
			f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.WriteString("3,849632040011,5\n"); err != nil {
				t.Fatal(err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			grown = true
		}
	}}
	if err := x.run(t.Context(), path); err == nil || !strings.Contains(err.Error(), "changed while it was read") || x.whole {
		t.Errorf("got %v, want that it changed", err)
	}
}

func TestPreviewEndsWhenItIsStopped(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "stock.csv")
	if err := os.WriteFile(path, []byte("Store,UPC,Qty\n3,849632048260,5\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := stopped(t)
	defer cancel()
	out, errs, code := runIn(ctx, "preview", "--json", path)
	if code != statusFailed || out != "" || errs != "tillpost: error: interrupted\n" {
		t.Errorf("got %d, %q, %q; want 1 and why", code, out, errs)
	}
}

func TestNamesFromOutsideCannotCommandTheTerminal(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "stock\u202e.csv")
	text := "Store,UPC,Qty,\"On order \x1b[2J\"\n3,849632048260,5,1\n\x1b[31m,849632040011,5,1\n3,849632040028,\x1b]0;x\a,1\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"preview", path}, {"preview", "--json", path}, {"preview", path + "\x1b[2J"}, {"\x1b[2J"}} {
		out, errs, _ := runIn(t.Context(), args...)
		for _, text := range []string{out, errs} {
			if strings.ContainsAny(text, "\x1b\a") || args[len(args)-1] == path && args[1] == path && strings.Contains(text, "\u202e") {
				t.Errorf("%q: got %q, want no control character in it", args, text)
			}
		}
	}
}

// voided is the figure of a row of which only the quantity is bad.
const voided = -99

// settled is what becomes of rows, worked out in the plainest way; of those that are voided it says nothing.
func settled(rule inventory.Duplicates, keys []int, figures []int64) []fate {
	fates := make([]fate, len(keys))
	for i := range keys {
		var same []int
		unread := -1
		for j := range keys {
			if keys[j] != keys[i] {
				continue
			}
			if figures[j] != voided {
				same = append(same, j)
			} else if unread < 0 {
				unread = j
			}
		}
		fates[i] = fate{figure: figures[i]}
		if figures[i] == voided {
			continue
		}
		isLast := i == same[len(same)-1]
		switch {
		case rule == inventory.DuplicatesSum && unread >= 0:
			fates[i] = fate{rejected: export.RejectSum, other: unread + 2}
		case len(same) == 1:
		case rule == inventory.DuplicatesReject:
			other := same[0]
			if other == i {
				other = same[1]
			}
			fates[i] = fate{rejected: export.RejectDuplicate, other: other + 2}
		case !isLast:
			fates[i] = fate{figure: lost, lost: true, other: same[len(same)-1] + 2}
		case rule == inventory.DuplicatesSum:
			sum := int64(0)
			for _, j := range same {
				sum += figures[j]
			}
			fates[i] = fate{figure: sum}
		}
	}
	return fates
}

func TestDuplicatesAreSettledAsInThePlainestWay(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rule := rapid.SampledFrom([]inventory.Duplicates{inventory.DuplicatesLast, inventory.DuplicatesSum, inventory.DuplicatesReject}).Draw(t, "rule")
		keys := rapid.SliceOfN(rapid.IntRange(0, 12), 0, 40).Draw(t, "keys")
		figures := make([]int64, len(keys))
		rows := make([]export.Row, len(keys))
		d := newDuplicates(rule)
		for i, key := range keys {
			figures[i] = rapid.OneOf(rapid.Int64Range(-3, 9), rapid.Just(int64(voided))).Draw(t, "figure")
			rows[i] = export.Row{Line: i + 2, Key: fmt.Appendf(nil, "key %d", key), Figure: figures[i]}
			var err error
			if figures[i] == voided {
				err = d.void(&export.Reject{Line: i + 2, Key: rows[i].Key})
			} else {
				err = d.add(rows[i])
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		d.settle()
		want := settled(rule, keys, figures)
		for i, row := range rows {
			if figures[i] == voided {
				continue
			}
			if got := d.next(row); got != want[i] {
				t.Errorf("row %d of the keys %v, figures %v: got %+v, want %+v", i, keys, figures, got, want[i])
			}
		}
	})
}

func TestPreviewWithoutAConfigWorksInAnyFolder(t *testing.T) { // not parallel: it has a folder of its own
	export := filepath.Join(t.TempDir(), "stock.csv")
	if err := os.WriteFile(export, []byte("Store,UPC,Qty\n3,849632048260,12\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TILLPOST_CONFIG", "")
	for dir := filepath.Dir(config.DataPlace()); ; dir = filepath.Dir(dir) { // above the data folder of a config that says nothing
		t.Chdir(dir)
		if _, errs, code := runIn(t.Context(), "preview", export); code != statusDone {
			t.Errorf("in %s: got %d, %q", dir, code, errs)
		}
		if dir == filepath.Dir(dir) {
			return
		}
	}
}

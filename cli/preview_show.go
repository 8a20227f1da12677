package cli

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"tillpost/export"
	"tillpost/inventory"
)

// lines shows an export as JSON, an object a line.
type lines struct {
	w     *bufio.Writer
	label string // of the export; "" = there is only one
}

func newLines(w io.Writer, label string) *lines {
	return &lines{w: bufio.NewWriterSize(w, 64<<10), label: label}
}

// previewLine is one line of `preview --json`.
type previewLine struct {
	Export   string           `json:"export,omitempty"`
	Detected *export.Detected `json:"detected,omitempty"`
	Line     int              `json:"line,omitempty"`
	Update   *sent            `json:"update,omitempty"`
	Was      *int64           `json:"was,omitempty"`
	Reject   string           `json:"reject,omitempty"`
	Error    string           `json:"error,omitempty"`
	Summary  *previewSum      `json:"summary,omitempty"`
}

// sent is an update as the API is told of it: its fields, in its order, with a SKU the empty ones too.
type sent struct {
	UPC string `json:"upc,omitempty"`
	*sentSKU
	Store    string `json:"store"`
	Quantity int64  `json:"quantity"`
}

type sentSKU struct {
	SKU   string `json:"sku"`
	Size  string `json:"size"`
	Width string `json:"width"`
}

func sentAs(k inventory.Key, quantity int64) *sent {
	s := &sent{UPC: k.UPC, Store: k.Store, Quantity: quantity}
	if k.UPC == "" {
		s.sentSKU = &sentSKU{SKU: k.SKU, Size: k.Size, Width: k.Width}
	}
	return s
}

func (l *lines) print(line previewLine) {
	line.Export = l.label
	writeJSON(l.w, line)
}

func (l *lines) detected(d export.Detected) { l.print(previewLine{Detected: &d}) }

func (l *lines) update(f found) {
	line := previewLine{Line: f.line, Update: sentAs(f.key, f.quantity)}
	if f.changed() {
		line.Was = f.was
	}
	l.print(line)
}

func (l *lines) reject(line int, reason string) { l.print(previewLine{Line: line, Reject: reason}) }

func (l *lines) failed(err error, s previewSum, _ bool) {
	l.print(previewLine{Error: errorText(err)})
	l.summary(s)
}

func (l *lines) summary(s previewSum) {
	l.print(previewLine{Summary: &s})
	_ = l.w.Flush() // the output keeps the error
}

// table shows an export to a person: the first of its updates and rejects, and counts.
type table struct {
	con    *console
	name   string
	ledger bool // only what would change is listed

	how     export.Detected
	updates []found
	more    int // updates that are not listed
	rejects []string
	new     int
	changed int
}

const (
	listedUpdates = 20
	listedRejects = 10
	listedReasons = 6
)

func newTable(con *console, name string, ledger bool) *table {
	return &table{con: con, name: name, ledger: ledger}
}

func (t *table) detected(d export.Detected) { t.how = d }

func (t *table) update(f found) {
	switch {
	case !f.known:
	case f.was == nil:
		t.new++
	case f.changed():
		t.changed++
	default:
		return
	}
	if len(t.updates) == listedUpdates {
		t.more++
		return
	}
	t.updates = append(t.updates, f)
}

func (t *table) reject(line int, reason string) {
	if len(t.rejects) < listedRejects {
		t.rejects = append(t.rejects, fmt.Sprintf("line %d: %s", line, clip(reason, 300)))
	}
}

func (t *table) failed(err error, s previewSum, whole bool) {
	if whole {
		t.summary(s)
	}
	if !strings.Contains(errorText(err), t.name) {
		err = fmt.Errorf("%s: %w", t.name, err)
	}
	t.con.fail(err)
}

func (t *table) summary(s previewSum) {
	t.showDetected()
	t.showUpdates()
	t.showRejects(s)
	parts := []string{plural(s.Updates, "update")}
	if s.Unchanged != nil {
		parts[0] += fmt.Sprintf(" (%s new, %s changed, %s unchanged)", number(t.new), number(t.changed), number(*s.Unchanged))
	}
	parts = append(parts, plural(s.Rejects, "reject"), number(s.Skipped)+" skipped")
	if s.duplicates > 0 {
		var lines []string
		for _, l := range s.lost {
			lines = append(lines, fmt.Sprintf("line %d and line %d", l[0], l[1]))
		}
		parts[2] += fmt.Sprintf(" (%s for the same product and store as a later row, such as %s)", number(s.duplicates), strings.Join(lines, "; "))
	}
	t.con.printf("%s: %s\n", plural(s.Rows, "row"), strings.Join(parts, ", "))
}

// showDetected prints how the export is read.
func (t *table) showDetected() {
	d := t.how
	parts := []string{d.Format}
	if d.Preset != "" {
		parts = append(parts, "preset "+d.Preset)
	}
	parts = append(parts, d.Encoding)
	if d.Delimiter != "" {
		parts = append(parts, fmt.Sprintf("delimiter %q", d.Delimiter))
	}
	parts = append(parts, fmt.Sprintf("decimal %q", d.Decimal))
	switch {
	case d.Header > 0:
		parts = append(parts, fmt.Sprintf("header in line %d", d.Header))
	case d.Row != "":
		parts = append(parts, fmt.Sprintf("rows at %q", clip(d.Row, 60)))
	case slices.Contains([]string{"csv", "fixed", "xlsx"}, d.Format):
		parts = append(parts, "no header")
	}
	t.con.printf("%s: %s\n", plain(t.name), strings.Join(parts, ", "))
	var columns []string
	for f := range export.Quantity + 1 {
		if heading, ok := d.Columns[f]; ok {
			columns = append(columns, fmt.Sprintf("%s from %q", f, clip(heading, 60)))
		}
	}
	t.con.printf("  %s\n", strings.Join(columns, ", "))
	if d.Sheet != "" {
		t.con.printf("  sheet: %q\n", clip(d.Sheet, 60))
	}
	t.showFew("sheets that are not read, and have a header too", quotedAll(d.OtherSheets))
	if len(d.Members) > 1 {
		t.showFew("read one after the other", quotedAll(d.Members))
	}
	var each []string
	for _, e := range d.Each {
		each = append(each, fmt.Sprintf("%q = %s", clip(e.Column, 60), clip(cmp.Or(e.Store, e.Size), 20)))
	}
	t.showFew("a quantity for each", each)
	t.showFew("left out, for nothing is known of them", quotedAll(d.LeftOut))
	t.showFew("passed over", quotedAll(d.PassedOver))
	t.con.printf("\n")
}

func quotedAll(texts []string) (quoted []string) {
	for _, text := range texts {
		quoted = append(quoted, fmt.Sprintf("%q", text))
	}
	return quoted
}

// showFew prints the first of some things, if there are any.
func (t *table) showFew(what string, list []string) {
	const most = 20
	if len(list) == 0 {
		return
	}
	more := ""
	if n := len(list) - most; n > 0 {
		more = fmt.Sprintf(" and %d more", n)
	}
	t.con.printf("  %s: %s%s\n", what, strings.Join(list[:min(most, len(list))], ", "), more)
}

func (t *table) showUpdates() {
	if len(t.updates) == 0 {
		if t.ledger {
			t.con.printf("  nothing would change\n\n")
		}
		return
	}
	w := newColumns(t.con)
	head := "  LINE\tSTORE\tPRODUCT\tQUANTITY"
	if t.ledger {
		head += "\tWAS"
	}
	w.row(head)
	for _, f := range t.updates {
		row := fmt.Sprintf("  %d\t%s\t%s\t%d", f.line, clip(f.key.Store, 20), clip(product(f.key), 50), f.quantity)
		switch {
		case !t.ledger:
		case f.was == nil:
			row += "\tnew"
		default:
			row += fmt.Sprintf("\t%d", *f.was)
		}
		w.row(row)
	}
	w.flush()
	if t.more > 0 {
		t.con.printf("  and %s more\n", number(t.more))
	}
	t.con.printf("\n")
}

// product is what a key says but the store.
func product(k inventory.Key) string {
	if k.UPC != "" {
		return "upc " + k.UPC
	}
	return fmt.Sprintf("sku %s %s %s", k.SKU, cmp.Or(k.Size, `""`), cmp.Or(k.Width, `""`))
}

func (t *table) showRejects(s previewSum) {
	if s.Rejects == 0 {
		return
	}
	t.con.printf("  rejected:\n")
	for _, line := range t.rejects {
		t.con.printf("  %s\n", line)
	}
	more := s.Rejects - len(t.rejects)
	if more > 0 {
		t.con.printf("  and %s more\n", number(more))
	}
	if more > 0 || len(s.Reasons) > 1 {
		t.con.printf("  %s: %s\n", plural(s.Rejects, "reject"), reasonsLine(s.Reasons, listedReasons))
	}
	t.con.printf("\n")
}

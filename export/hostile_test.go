package export_test

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"tillpost/export"
)

// TestWhatIsNoExportIsRefusedOrRejectedInWords: whatever has the name of an export, nothing of it is taken for one.
func TestWhatIsNoExportIsRefusedOrRejectedInWords(t *testing.T) { // W14
	t.Parallel()
	noise := make([]byte, 64<<10)
	random := rand.NewChaCha8([32]byte{1})
	_, _ = random.Read(noise)
	ranges := export.Options{Columns: map[export.Field]export.Column{export.UPC: {From: 1, To: 12}, export.Quantity: {From: 14, To: 19}},
		Defaults: map[export.Field]string{export.Store: "3"}}
	const header, row = "UPC,Store,Qty\n", "849632048260,3,12\n"
	for name, test := range map[string]struct {
		o        export.Options
		in, want string
	}{
		"noise":                      {export.Options{}, string(noise), "binary data"},
		"noise in fixed width":       {ranges, string(noise), "binary data"},
		"a web page":                 {export.Options{}, "<!DOCTYPE html><html><body>UPC,Store,Qty</body></html>", "web page"},
		"quotes":                     {export.Options{}, strings.Repeat("\"", 1<<20), "line 1 is longer than 262144 bytes"},
		"lines of quotes":            {export.Options{}, strings.Repeat("\"\n", 1<<17), "nothing but blank rows"},
		"delimiters":                 {export.Options{}, strings.Repeat(",,,,\n", 1<<17), "no header was recognised"},
		"CRs":                        {export.Options{}, strings.Repeat("\r", 1<<20), "nothing but blank rows"},
		"CRs in fixed width":         {ranges, strings.Repeat("\r", 1<<20), "nothing but blank rows"},
		"ends of pages":              {export.Options{}, strings.Repeat("\f\n", 1<<10), "nothing but blank rows"},
		"10,001 columns":             {export.Options{}, "UPC,Store,Qty" + strings.Repeat(",x", 9_998) + "\n" + row, "no header was recognised"},
		"10,001 columns of a report": {export.Options{}, "UPC  Store  Qty" + strings.Repeat("  x", 9_998) + "\n849632048260  3  12\n", "no header was recognised"},
		"a row of 10,001 columns":    {export.Options{}, header + row + "849632048260,3,12" + strings.Repeat(",", 9_998) + "\n", "more than 10000 fields"},
		"a field of 64 KiB and more": {export.Options{}, header + row + "849632048260,3," + strings.Repeat("1", 64<<10+1) + "\n", "longer than 65536 bytes"},
		"a long field, fixed width":  {ranges, "849632048260 " + strings.Repeat("1", 64<<10) + "\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lines := preview(t, test.o, []byte(test.in))
			got := ndjson(t, lines)
			if !strings.Contains(got, test.want) || bytes.Count([]byte(got), []byte("update\"")) > 1 {
				t.Errorf("got %.500s, want %q and no row of it", got, test.want)
			}
		})
	}
}

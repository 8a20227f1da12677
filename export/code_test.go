package export

import (
	"bytes"
	"strings"
	"testing"
)

func TestWhatIsAroundACodeIsTakenOff(t *testing.T) {
	t.Parallel()
	for cell, want := range map[string]string{
		"ZOOT":             "ZOOT",
		" ZOOT\t":          "ZOOT",
		"\u00a0ZOOT\u200b": "ZOOT",
		`="0012"`:          "0012",
		"'0012":            "0012",
		` "0012"`:          "0012",
		"'":                "'",
		`34"`:              `34"`,
		"=1+1":             "=1+1",
		"ZOOT SUIT":        "ZOOT SUIT",
		"":                 "",
		"   ":              "",
	} {
		if got := string(clean([]byte(cell))); got != want {
			t.Errorf("%q: got %q, want %q", cell, got, want)
		}
	}
}

func TestSizesThatBecameDatesAreKnown(t *testing.T) {
	t.Parallel()
	for size, want := range map[string]bool{
		"10-Dec": true, "Dec-10": true, "1-Jan-26": true, "10/12/2026": true, "2026-10-12": true, "10.12.2026": true,
		"10-12": false, "10/12": false, "10.5": false, "XL": false, "Mar": false, "Decor": false, "42 2/3": false, "12-Mon": false, "": false, "2T-3T": false,
	} {
		if got := isDate([]byte(size)); got != want {
			t.Errorf("%q: got %v, want %v", size, got, want)
		}
	}
}

func TestCodesThatASpreadsheetDestroyedAreKnown(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]bool{
		"8.49632E+11": true, "8,49632E+11": true, "1E+12": true, "8.5e+11": true, "1E-05": true,
		"12E5": false, "E+11": false, "1E+": false, "A1E+5": false, "STYLE+1": false, "1.2.3E+4": false, "1E+5X": false,
	} {
		if got := isScientific([]byte(code)); got != want {
			t.Errorf("%q: got %v, want %v", code, got, want)
		}
	}
}

func FuzzUPC(f *testing.F) {
	for _, seed := range []string{"849632048260", "36000291452", "0849632048260", "00849632048260", "4006381333931", "96385074", "10012345678902", "8 49632-04826 0", "849632048260.0", "8.49632E+11", "000000000000"} {
		f.Add(seed, false)
		f.Add(seed, true)
	}
	f.Fuzz(func(t *testing.T, text string, missing bool) {
		cell := clean([]byte(text))
		got, fault := checkUPC(nil, cell, missing)
		if plainUPC(cell) && !missing && (fault != codeOK || !bytes.Equal(got, cell)) {
			t.Fatalf("%q: got %q, fault %d, want it as it is", text, got, fault)
		}
		if fault != codeOK {
			if len(got) != 0 {
				t.Fatalf("%q: got %q with fault %d", text, got, fault)
			}
			return
		}
		switch n := len(got); {
		case n != 8 && n != 12 && n != 13 && n != 14, n > 12 && got[0] == '0':
			t.Fatalf("%q: got %q, which has no UPC's length", text, got)
		}
		sum := 0
		for i := range got { // weights by the position from the right: 1, 3, 1, 3 ...
			sum += int(got[len(got)-1-i]-'0') * (1 + 2*(i%2))
		}
		if sum%10 != 0 {
			t.Fatalf("%q: got %q, whose check digit does not hold", text, got)
		}
		// No digit but leading zeros and the missing one was added or lost.
		was := strings.TrimLeft(strings.NewReplacer(" ", "", "-", "", "\u00a0", "").Replace(strings.SplitN(string(cell), ".", 2)[0]), "0")
		is := strings.TrimLeft(string(got), "0")
		if missing {
			is = strings.TrimLeft(string(got[:len(got)-1]), "0")
		}
		if was != is {
			t.Fatalf("%q: got %q", text, got)
		}
	})
}

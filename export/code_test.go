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

func TestABarCodeThatASpreadsheetDestroyedIsKnownWithoutItsSignToo(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]bool{
		"8.49632E11": true, "8,49632e11": true, "4.00638E12": true, "9.6385E7": true, "8.49632E+11": true, "1E+12": true,
		"12E5": false, "8E11": false, "8.5E3": false, "8.E11": false, "8.49632E": false, "8.49632E111": false, "A.4E11": false, "84.9E11": false, "849632048260": false, "": false,
	} {
		if got := isScientificUPC([]byte(code)); got != want {
			t.Errorf("%q: got %v, want %v", code, got, want)
		}
	}
}

func TestAUPCIsReadHoweverItIsBroken(t *testing.T) {
	t.Parallel()
	type reading struct {
		upc   string
		fault codeFault
	}
	read := func(upc string) reading { return reading{upc, codeOK} }
	for name, cells := range map[string]map[string]reading{
		"what a spreadsheet puts around or behind it goes": {
			`="0849632048260"`: read("849632048260"), "'849632048260": read("849632048260"), "\u00a0849632048260 ": read("849632048260"),
			"849632048260.0": read("849632048260"), "849632048260.00": read("849632048260"), "849632048260,00": read("849632048260"), "849632048260.5": {"", upcNotDigits},
		},
		"blanks and hyphens of every kind go": {
			"8 49632 04826 0": read("849632048260"), "8\u00a049632\u202f04826 0": read("849632048260"), "84963204 8260": read("849632048260"),
			"978-0-306-40615-7": read("9780306406157"), "978\u20110\u2011306\u201140615\u20137": read("9780306406157"),
		},
		"scientific notation is a destroyed code, with and without a sign": {
			"8.49632E+11": {"", codeScientific}, "8,49632E+11": {"", codeScientific}, "8.49632E11": {"", codeScientific}, "8.49632e11": {"", codeScientific}, "12E5": {"", upcNotDigits},
		},
		"lost zeros come back where the check digit proves it": {
			"36000291452": read("036000291452"), "36000291453": {"", upcCheck}, "1234567895": read("001234567895"), "123456784": read("000123456784"), "1234567": {"", upcLength},
		},
		"leading zeros beyond 12 digits go": {
			"0849632048260": read("849632048260"), "00849632048260": read("849632048260"), "04006381333931": read("4006381333931"),
			"10012345678902": read("10012345678902"), "96385074": read("96385074"), "4006381333931": read("4006381333931"), "000849632048260": {"", upcLength},
		},
		"a placeholder names no product": {
			"000000000000": {"", upcPlaceholder}, "0": {"", upcPlaceholder}, "0.00": {"", upcPlaceholder}, "N/A": {"", upcPlaceholder}, "none": {"", upcPlaceholder}, "-": {"", upcPlaceholder},
			"TBD": {"", upcPlaceholder}, "NO UPC": {"", upcPlaceholder}, "Does not apply": {"", upcPlaceholder}, "?": {"", upcPlaceholder}, "#N/A": {"", upcPlaceholder}, "NONE-12": {"", upcNotDigits},
		},
		"a word that says what the digits are goes": {
			"UPC: 849632048260": read("849632048260"), "upc#849632048260": read("849632048260"), "EAN 4006381333931": read("4006381333931"), "ISBN 978-0-306-40615-7": read("9780306406157"),
			"UPC: 849632048261": {"", upcCheck}, "UPC": {"", upcNotDigits}, "UPC: none": {"", upcNotDigits}, "UPCA 849632048260": {"", upcNotDigits}, "Item 849632048260": {"", upcNotDigits},
		},
		"digits of other scripts are none": {
			"\uff18\uff14\uff19\uff16\uff13\uff12\uff10\uff14\uff18\uff12\uff16\uff10": {"", upcNotDigits}, "\u0668\u0664\u0669\u0666\u0663\u0662\u0660\u0664\u0668\u0662\u0666\u0660": {"", upcNotDigits},
		},
		"an ISBN of 10 digits is no UPC with lost zeros": {
			"0-306-40615-2": {"", upcISBN}, "0306406152": {"", upcISBN}, "0-8044-2957-X": {"", upcISBN}, "080442957x": {"", upcISBN}, "ISBN 0-306-40615-2": {"", upcISBN}, "0-306-40615-3": {"", upcCheck},
		},
		"of several codes the first valid one counts": {
			"849632048260, 036000291452": read("849632048260"), "849632048260;036000291452": read("849632048260"), "849632048260|036000291452": read("849632048260"),
			"849632048260 / 036000291452": read("849632048260"), "849632048260 036000291452": read("849632048260"), "849632048260,": read("849632048260"),
			"849632048261, 036000291452": read("036000291452"), "000000000000, 036000291452": read("036000291452"), "4006381333931,96385074": read("4006381333931"),
		},
		"of several codes without a valid one the first has the fault": {"849632048261, 036000291453": {"", upcCheck}, "00000000; 036000291453": {"", upcPlaceholder}},
		"codes beside something else are none": {
			"849632048260, 12": {"", upcNotDigits}, "849632048260, A": {"", upcNotDigits}, "849632048260 036000291452 7": {"", upcLength}, "849632048260+036000291452": {"", upcNotDigits},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for cell, want := range cells {
				if got, fault := checkUPC(nil, clean([]byte(cell)), false); string(got) != want.upc || fault != want.fault {
					t.Errorf("%q: got %q, fault %d; want %q, fault %d", cell, got, fault, want.upc, want.fault)
				}
			}
		})
	}
}

func TestAMissingCheckDigitIsAdded(t *testing.T) {
	t.Parallel()
	for cell, want := range map[string]string{
		"84963204826": "849632048260", "3600029145": "036000291452", "400638133393": "4006381333931", "9638507": "96385074", "1001234567890": "10012345678902",
		"084963204826": "849632048260", "8 49632 04826": "849632048260", "84963204826, 03600029145": "849632048260", "UPC: 84963204826": "849632048260", "0306406152": "003064061529",
		"0-306-40615-2": "", "00000000000": "", "963850": "", "84963204826000": "",
	} {
		if got, fault := checkUPC(nil, []byte(cell), true); string(got) != want || (fault == codeOK) != (want != "") {
			t.Errorf("%q: got %q, fault %d; want %q", cell, got, fault, want)
		}
	}
}

func FuzzUPC(f *testing.F) {
	for _, seed := range []string{"849632048260", "36000291452", "0849632048260", "00849632048260", "4006381333931", "96385074", "10012345678902", "8 49632-04826 0", "849632048260.0", "8.49632E+11", "000000000000", "849632048260, 036000291452", "UPC: 849632048260", "0-306-40615-2", "849632048260,00"} {
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
		// No digit but leading zeros and the missing one was added or lost, of one of the codes.
		is := string(got)
		if missing {
			is = is[:len(is)-1]
		}
		whole := bytes.IndexAny(append(bytes.Clone(cell), '.'), ".,")
		for _, part := range append(strings.FieldsFunc(string(cell), func(r rune) bool { return isBlank(r) || strings.ContainsRune(",;|/", r) }), string(cell[:min(whole, len(cell))])) {
			digits := strings.Map(func(r rune) rune {
				if r < '0' || r > '9' {
					return -1
				}
				return r
			}, part)
			if strings.TrimLeft(digits, "0") == strings.TrimLeft(is, "0") {
				return
			}
		}
		t.Fatalf("%q: got %q", text, got)
	})
}

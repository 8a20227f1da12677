package export

import (
	"bytes"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestASizeIsPartedFromItsWidthWhereThatIsCertain(t *testing.T) {
	t.Parallel()
	for name, cells := range map[string]map[string][2]string{
		"between a number and a width anything may stand": {
			"10.5 D": {"10.5", "D"}, "10.5D": {"10.5", "D"}, "10.5EE": {"10.5", "EE"}, "8 2E": {"8", "2E"}, "8 4E": {"8", "4E"}, "9.5 B": {"9.5", "B"},
			"10-D": {"10", "D"}, "10/D": {"10", "D"}, "10.5 - D": {"10.5", "D"}, "10.5, D": {"10.5", "D"}, "10.5 (D)": {"10.5", "D"}, "10.5(2E)": {"10.5", "2E"},
			"10.5\u00a0D": {"10.5", "D"}, "10.5  D": {"10.5", "D"}, "8-2E": {"8", "2E"}, "8/2E": {"8", "2E"}, "34 D": {"34", "D"}, "42R": {"42", "R"},
		},
		"halves and thirds are part of the size": {
			"10½ 2E": {"10½", "2E"}, "10½2E": {"10½", "2E"}, "10 ½ D": {"10 ½", "D"}, "9 1/2 D": {"9 1/2", "D"}, "9-1/2 D": {"9-1/2", "D"}, "9 1/2D": {"9 1/2", "D"},
			"42 2/3 D": {"42 2/3", "D"}, "42⅔ D": {"42⅔", "D"}, "42,5 D": {"42,5", "D"}, "10.52E": {"10.5", "2E"}, "6.25 D": {"6.25", "D"}, "10.5E": {"10.5", "E"},
		},
		"widths are in any case and may be words": {
			"11 Wide": {"11", "Wide"}, "7.5 Medium": {"7.5", "Medium"}, "11 Extra Wide": {"11", "Extra Wide"}, "11 X-Wide": {"11", "X-Wide"}, "10.5d": {"10.5", "d"},
			"11 (wide)": {"11", "wide"}, "8 Narrow": {"8", "Narrow"}, "9 XW": {"9", "XW"}, "9ww": {"9", "ww"}, "9 AAAA": {"9", "AAAA"}, "10N": {"10", "N"},
		},
		"M and W are widths after a blank or a sign": {"10 M": {"10", "M"}, "10.5 W": {"10.5", "W"}, "10-M": {"10", "M"}, "10/W": {"10", "W"}},
		"M and W are men and women everywhere else": {
			"10M": {}, "9.5W": {}, "10 (M)": {}, "US 10 W": {}, "M 9 / W 10.5": {}, "9.5M / 11W": {}, "11.5M / 13W": {}, "9.5 M / 11 W": {}, "M10 D": {}, "9.5/11 W": {},
		},
		"C is for children, but for sizes that no child has": {"13C": {}, "10 C": {}, "10.5-C": {}, "14 C": {"14", "C"}, "15C": {"15", "C"}},
		"Y and K are for children":                           {"3Y": {}, "10K": {}, "3 Y": {}, "10.5 K": {}},
		"a land before the size is part of it":               {"US 10.5 D": {"US 10.5", "D"}, "us10.5D": {"us10.5", "D"}, "EUR 42 2/3 E": {"EUR 42 2/3", "E"}},
		"what stands behind the width has no place":          {"10.5 D US": {}, "10.5 D (M)": {}, "10.5 D D": {}, "10.5 D)": {}},
		"a size without a width has none":                    {"EUR 42": {}, "42 2/3": {}, "10.5": {}, "XL": {}, "One Size": {}, "S/M": {}, "10-12": {}, "10-Dec": {}, "32x34": {}, "2T": {}, "D": {}, "Wide": {}, "": {}},
		"what can be parted in two ways is not":              {"12E": {}, "82E": {}, "2E": {}, "102A": {}, "10.33E": {}, "10,5E": {}},
		"a range or two sizes have no width":                 {"10-12 D": {}, "42/44 D": {}, "8 10 D": {}, "1234 D": {}, "10. D": {}, ".5 D": {}, "-5 D": {}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for cell, want := range cells {
				if want[0] == "" {
					want[0] = cell
				}
				size, width, ok := splitSize([]byte(cell))
				if string(size) != want[0] || string(width) != want[1] || ok != (want[1] != "") {
					t.Errorf("%q: got %q and %q, %v; want %q and %q", cell, size, width, ok, want[0], want[1])
				}
			}
		})
	}
}

func TestASizeAndItsWidthComeBackHoweverTheyAreJoined(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.Custom(func(t *rapid.T) string {
			return rapid.SampledFrom([]string{"", "US ", "EUR", "uk "}).Draw(t, "land") +
				rapid.StringMatching(`[1-9][0-9]?`).Draw(t, "whole") +
				rapid.SampledFrom([]string{"", ".5", ",5", ".0", "½", " 1/2", " 2/3", "-1/2", " ½", ".25"}).Draw(t, "fraction")
		}).Draw(t, "size")
		width := rapid.SampledFrom(widths).Filter(func(w string) bool { return w != "M" && w != "W" && w != "C" }).Draw(t, "width")
		join := rapid.SampledFrom([]string{" ", "-", "/", " / ", " - ", "\u00a0", ", ", " (", "("}).Draw(t, "separator")
		cell := size + join + width
		if strings.Contains(join, "(") {
			cell += ")"
		}
		gotSize, gotWidth, ok := splitSize([]byte(cell))
		if string(gotSize) != size || string(gotWidth) != width || !ok {
			t.Fatalf("%q: got %q and %q, %v; want %q and %q", cell, gotSize, gotWidth, ok, size, width)
		}
	})
}

func FuzzSplitSize(f *testing.F) {
	for _, seed := range []string{"10.5 D", "10½ 2E", "9.5M / 11W", "US 10.5 (D)", "42 2/3", "12E", "9-1/2, Extra Wide", "\xff D"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, cell []byte) {
		size, width, ok := splitSize(cell)
		if !ok {
			if !bytes.Equal(size, cell) || width != nil {
				t.Fatalf("%q: got %q and %q, want it unchanged", cell, size, width)
			}
			return
		}
		between, begins := bytes.CutPrefix(cell, size)
		at := bytes.LastIndex(between, width)
		if !begins || at < 0 || len(size) == 0 || len(width) == 0 {
			t.Fatalf("%q: got %q and %q, which are not in it", cell, size, width)
		}
		lost := bytes.TrimFunc(append(bytes.Clone(between[:at]), between[at+len(width):]...), func(r rune) bool { return isBlank(r) || strings.ContainsRune("-/,()", r) })
		if len(lost) > 0 {
			t.Fatalf("%q: got %q and %q, so that %q was lost", cell, size, width, lost)
		}
	})
}

package export

import (
	"encoding/json"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestANumberIsWrittenWithoutItsExponent(t *testing.T) {
	t.Parallel()
	for number, want := range map[string]string{
		"12": "12", "12.50": "12.50", "-0": "-0", "1e2": "100", "1E+2": "100", "1.5e1": "15", "1.25e1": "12.5", "125e-1": "12.5", "5e-3": "0.005",
		"-5e-1": "-0.5", "0e5": "0", "0.00e1": "0", "3.0": "3", "-7.00": "-7", "10.50": "10.50", "8.4963204826E11": "849632048260",
		"1.234567e64": "1234567" + strings.Repeat("0", 58), "1.2e5": "120000",
	} {
		if got, exact := plainDigits([]byte(number)); string(got) != want || !exact {
			t.Errorf("%s: got %s, exact %v; want %s", number, got, exact, want)
		}
	}
	for number, want := range map[string]string{"8.49632e+11": "8.49632e+11", "8.49632E11": "8.49632e+11", "-1e9": "-1e+9", "1e64": "1e+64"} { // rounded, or as good as
		if got, exact := plainDigits([]byte(number)); string(got) != want || exact {
			t.Errorf("%s: got %s, exact %v; want %s, and no number", number, got, exact, want)
		}
	}
	for _, number := range []string{"1e999999", "1e-999999", "1e99999999999999999999", "1e65", strings.Repeat("1", 100) + "e1"} {
		if got, exact := plainDigits([]byte(number)); string(got) != number || exact {
			t.Errorf("%.20s: got %s, exact %v; want it as it is, and no number", number, got, exact)
		}
	}
}

func TestANumberStaysTheSameWithoutItsExponent(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		number := rapid.StringMatching(`-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,20})?[eE][+-]?[0-9]{1,2}`).Draw(t, "number")
		got, exact := plainDigits([]byte(number))
		if !exact {
			return
		}
		was, _ := new(big.Rat).SetString(number)
		is, ok := new(big.Rat).SetString(string(got))
		if !ok || was.Cmp(is) != 0 || strings.ContainsAny(string(got), "eE") {
			t.Fatalf("%s: got %s", number, got)
		}
	})
}

// FuzzJSONObject compares the fields of a flat object with encoding/json's.
func FuzzJSONObject(f *testing.F) {
	for _, seed := range []string{`{}`, `{"a": "b\"\\\u00e9\ud83d\ude00", "c": [1, {"d": 2}, "]"], "e": {"f": null}}`, ` { "a/b" : 1 , "" : true } `, `{"a":[[]],"b":[]}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		var want map[string]any
		decoder := json.NewDecoder(strings.NewReader(string(in)))
		decoder.UseNumber()
		if !json.Valid(in) || decoder.Decode(&want) != nil || want == nil {
			return
		}
		var n named
		n.begin()
		if err := n.object(in); err != nil {
			return
		}
		var rec record
		n.yield(&rec)
		if rec.fault != noFault || len(rec.twice) > 0 || strings.Contains(string(in), "/") || len(n.columns) == maxNames {
			return
		}
		got := map[string]string{}
		for i, h := range n.columns {
			got[h.text] = strings.ToValidUTF8(string(rec.fields[i]), "\ufffd")
		}
		for key, value := range want {
			text, isText := value.(string)
			if field, ok := got[key]; isText && len(key) <= maxPath && (!ok || strings.ReplaceAll(field, "\ufffd", "") != strings.ReplaceAll(text, "\ufffd", "")) {
				t.Fatalf("%q: got %q (%v), want %q", key, field, ok, text)
			}
		}
	})
}

package mockapi_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"tillpost/mockapi"
)

// oracle reads an update with encoding/json's tokens: slow, and of other code than the scanner.
func oracle(body []byte) (k mockapi.Key, quantity int64, err error) {
	no := errors.New("no update")
	if !utf8.Valid(body) || !json.Valid(body) {
		return k, 0, no
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return k, 0, no
	}
	got := map[string]any{}
	for d.More() {
		name, _ := d.Token()
		value, _ := d.Token()
		if _, nested := value.(json.Delim); nested {
			return k, 0, no
		}
		if _, twice := got[name.(string)]; twice {
			return k, 0, no
		}
		got[name.(string)] = value
	}
	number, ok := got["quantity"].(json.Number)
	if !ok || strings.ContainsAny(number.String(), ".eE-") {
		return k, 0, no
	}
	if quantity, err = number.Int64(); err != nil {
		return k, 0, err
	}
	want := []string{"upc", "store"}
	if _, sku := got["sku"]; sku {
		want = []string{"sku", "size", "width", "store"}
	}
	if len(got) != len(want)+1 {
		return k, 0, no
	}
	codes := map[string]*string{"upc": &k.UPC, "sku": &k.SKU, "size": &k.Size, "width": &k.Width, "store": &k.Store}
	for _, name := range want {
		code, ok := got[name].(string)
		if !ok || code == "" && name != "size" && name != "width" || len(code) > 512 {
			return k, 0, no
		}
		*codes[name] = code
	}
	return k, quantity, nil
}

func FuzzTheJudgeAgreesWithEncodingJSON(f *testing.F) {
	for _, body := range []string{
		shoes, suit, "", "{}", "null", shoes + shoes, `{"upc":"a\u00e9\ud83d\ude00\n","store":"3","quantity":0}`,
		`{"upc":"1","store":"3","quantity":1.0}`, `{"upc":"1","store":"3","quantity":01}`, `{"upc":"1","store":"3","quantity":-0}`,
		`{"upc":"1","store":"3","quantity":1,"quantity":1}`, `{"upc":"\ud83d","store":"3","quantity":1}`, "{\"upc\":\"\xff\"}",
		`{"sku":"Z","size":"","width":"","store":"3","quantity":1}`, `{"upc":[[[]]],"store":{},"quantity":true}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		s := mockapi.New(mockapi.Options{})
		code, answer := post(t, s, string(body))
		k, quantity, err := oracle(body)
		if (code == 200) != (err == nil) {
			if len(body) > 64<<10 || quantity >= 1e17 || bytes.Contains(bytes.ToLower(body), []byte(`\ud`)) { // stricter than JSON
				return
			}
			t.Fatalf("%q: got %d %s, want %v", body, code, answer, err)
		}
		if code != 200 {
			if !json.Valid([]byte(answer)) {
				t.Fatalf("%q: the answer %q is no JSON", body, answer)
			}
			return
		}
		if got, ok := s.Quantity(k); !ok || got != quantity {
			t.Fatalf("%q: got %d, %t; want %d for %+v", body, got, ok, quantity, k)
		}
	})
}

func FuzzFaultsAreReadOrRefused(f *testing.F) {
	for _, text := range []string{"500=10%", "late,apply=90s", "429,retry-after=date+30s", "302,location=http://x/", "slow,delay=1h,next=3"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		fault, err := mockapi.ParseFault(text)
		if err != nil {
			return
		}
		again, err := mockapi.ParseFault(fault.String())
		if err != nil || again.String() != fault.String() {
			t.Fatalf("%q: got %+v, %v; want %+v", text, again, err, fault)
		}
	})
}

// quiet is a response that nobody reads.
type quiet struct{ header http.Header }

func (q *quiet) Header() http.Header       { return q.header }
func (*quiet) WriteHeader(int)             {}
func (*quiet) Write(p []byte) (int, error) { return len(p), nil }

// BenchmarkHandler is what the handler costs without net/http: the sink of other benchmarks must not be their limit.
func BenchmarkHandler(b *testing.B) {
	s := mockapi.New(mockapi.Options{Token: "secret"})
	r := request(b.Context(), b, "http://api.test", "")
	body := strings.NewReader("")
	r.Body = io.NopCloser(body)
	w := &quiet{header: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		body.Reset(suit)
		r.ContentLength = int64(len(suit))
		s.ServeHTTP(w, r)
	}
	clean(b, s)
}

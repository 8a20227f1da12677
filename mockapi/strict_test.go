package mockapi_test

import (
	"net/http"
	"strings"
	"testing"

	"tillpost/mockapi"
)

func TestABodyThatIsNotAsDocumentedIsRefused(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 513)
	for _, c := range []struct {
		name, body string
		code       int
		words      string
	}{
		{"no body", "", 400, "Malformed JSON"},
		{"white space", " \n", 400, "Malformed JSON"},
		{"not JSON", "upc=1", 400, "Malformed JSON"},
		{"an array", "[" + shoes + "]", 400, "Malformed JSON"},
		{"null", "null", 400, "Malformed JSON"},
		{"cut short", shoes[:len(shoes)-1], 400, "Malformed JSON"},
		{"cut in a string", `{"upc":"8496`, 400, "unfinished string"},
		{"cut in an escape", `{"upc":"84\`, 400, "bad escape"},
		{"cut in a number", `{"upc":"1","store":"3","quantity":1`, 400, "Malformed JSON"},
		{"data after it", shoes + "x", 400, "data after the object"},
		{"two objects", shoes + shoes, 400, "data after the object"},
		{"a comma too many", `{"upc":"1","store":"3","quantity":1,}`, 400, "want a string"},
		{"a comma only", `{,}`, 400, "want a string"},
		{"no colon", `{"upc" "1"}`, 400, "want :"},
		{"no comma", `{"upc":"1" "store":"3"}`, 400, "want , or }"},
		{"a byte order mark", "\ufeff" + shoes, 400, "Malformed JSON"},
		{"not UTF-8", "{\"upc\":\"\xff\",\"store\":\"3\",\"quantity\":1}", 400, "not UTF-8"},
		{"not UTF-8 after an escape", "{\"upc\":\"\\n\xff\",\"store\":\"3\",\"quantity\":1}", 400, "not UTF-8"},
		{"a raw control character", "{\"upc\":\"1\t\",\"store\":\"3\",\"quantity\":1}", 400, "control character"},
		{"a raw control character after an escape", "{\"upc\":\"\\n\t\",\"store\":\"3\",\"quantity\":1}", 400, "control character"},
		{"a bad escape", `{"upc":"\x31","store":"3","quantity":1}`, 400, "bad escape"},
		{"a bad hex digit", `{"upc":"\u00g1","store":"3","quantity":1}`, 400, "bad escape"},
		{"half a surrogate pair", `{"upc":"\ud83d","store":"3","quantity":1}`, 400, "bad escape"},
		{"the wrong half of a surrogate pair", `{"upc":"\ud83d\ud83d","store":"3","quantity":1}`, 400, "bad escape"},
		{"an unknown field", `{"upc":"1","store":"3","quantity":1,"price":2}`, 400, `Unknown field: \"price\"`},
		{"a field in capitals", `{"UPC":"1","store":"3","quantity":1}`, 400, `Unknown field: \"UPC\"`},
		{"a long unknown field", `{"` + long + `":1}`, 400, `...`},
		{"a field twice", `{"upc":"1","store":"3","quantity":1,"quantity":2}`, 400, "Duplicate field: quantity"},
		{"a field twice, once escaped", `{"upc":"1","store":"3","quantity":1,"stor\u0065":"4"}`, 400, "Duplicate field: store"},
		{"a number as UPC", `{"upc":849632048260,"store":"3","quantity":1}`, 400, "must be a string: upc"},
		{"a number as store", `{"upc":"1","store":3,"quantity":1}`, 400, "must be a string: store"},
		{"null as size", `{"sku":"Z","size":null,"width":"D","store":"3","quantity":1}`, 400, "must be a string: size"},
		{"a string as quantity", `{"upc":"1","store":"3","quantity":"1"}`, 400, "must be an integer"},
		{"a fraction as quantity", `{"upc":"1","store":"3","quantity":1.0}`, 400, "must be an integer"},
		{"an exponent in the quantity", `{"upc":"1","store":"3","quantity":1e2}`, 400, "must be an integer"},
		{"a leading zero", `{"upc":"1","store":"3","quantity":012}`, 400, "must be an integer"},
		{"minus zero", `{"upc":"1","store":"3","quantity":-0}`, 400, "must be an integer"},
		{"null as quantity", `{"upc":"1","store":"3","quantity":null}`, 400, "must be an integer"},
		{"a quantity beyond all stock", `{"upc":"1","store":"3","quantity":1000000000000000000000}`, 422, "out of range"},
		{"a quantity below zero", `{"upc":"1","store":"3","quantity":-1}`, 422, "0 or more"},
		{"no fields", `{}`, 422, "Missing required field: sku"},
		{"no product", `{"store":"3","quantity":1}`, 422, "Missing required field: sku"},
		{"no size", `{"sku":"Z","width":"D","store":"3","quantity":1}`, 422, "Missing required field: size"},
		{"no width", `{"sku":"Z","size":"34","store":"3","quantity":1}`, 422, "Missing required field: width"},
		{"no store", `{"upc":"1","quantity":1}`, 422, "Missing required field: store"},
		{"an empty store", `{"upc":"1","store":"","quantity":1}`, 422, "Missing required field: store"},
		{"an empty UPC", `{"upc":"","store":"3","quantity":1}`, 422, "Missing required field: upc"},
		{"an empty UPC beside a SKU", `{"upc":"","sku":"Z","size":"","width":"","store":"3","quantity":1}`, 422, "Missing required field: upc"},
		{"an empty SKU", `{"sku":"","size":"1","width":"D","store":"3","quantity":1}`, 422, "Missing required field: sku"},
		{"no quantity", `{"upc":"1","store":"3"}`, 422, "Missing required field: quantity"},
		{"a UPC and a SKU", `{"upc":"1","sku":"Z","size":"34","width":"D","store":"3","quantity":1}`, 422, "upc, sku"},
		{"a UPC with a size", `{"upc":"1","size":"34","store":"3","quantity":1}`, 422, "not allowed with upc"},
		{"a code that is too long", `{"upc":"` + long + `","store":"3","quantity":1}`, 422, "too long"},
		{"a body that is too long", shoes + strings.Repeat(" ", 64<<10), 413, "too large"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := mockapi.New(mockapi.Options{Token: "secret"})
			code, answer := post(t, s, c.body)
			if code != c.code || !strings.HasPrefix(answer, `{"error":"`) || !strings.Contains(answer, c.words) {
				t.Errorf("got %d %s, want %d and %q", code, answer, c.code, c.words)
			}
			if got := s.Quantities(); len(got) != 0 {
				t.Errorf("got %v, want nothing applied", got)
			}
			counters := s.Counters()
			if c.body == "{}" { // the documented way to try a token
				clean(t, s)
				if counters.Probes != 1 || counters.Malformed != 0 {
					t.Errorf("got %+v, want a probe", counters)
				}
			} else if got := s.Check(); len(got) != 1 || counters.Malformed != 1 {
				t.Errorf("got violations %q, %d malformed; want one", got, counters.Malformed)
			}
		})
	}
}

func TestABodyThatIsUnusualButRightIsTaken(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, body string
		key        mockapi.Key
		quantity   int64
	}{
		{"white space everywhere", " { \"upc\" : \"849632048260\" ,\r\n\t\"store\":\"3\",\"quantity\": 12 }\n", shoesKey, 12},
		{"another order", `{"quantity":0,"store":"3","upc":"849632048260"}`, shoesKey, 0},
		{"escapes", `{"upc":"a\"\\\/\b\f\n\r\t\u00e9\uD83D\ude00","store":"\u0033","quantity":1}`,
			mockapi.Key{Store: "3", UPC: "a\"\\/\b\f\n\r\té😀"}, 1},
		{"an escaped name", `{"\u0075pc":"1","store":"3","quantity":1}`, mockapi.Key{Store: "3", UPC: "1"}, 1},
		{"letters of any language", `{"sku":"Größe","size":"大","width":"½","store":"Ñ","quantity":1}`,
			mockapi.Key{Store: "Ñ", SKU: "Größe", Size: "大", Width: "½"}, 1},
		{"an empty size and width", `{"sku":"Z","size":"","width":"","store":"3","quantity":1}`,
			mockapi.Key{Store: "3", SKU: "Z"}, 1},
		{"a zero byte", `{"upc":"\u0000","store":"3","quantity":1}`, mockapi.Key{Store: "3", UPC: "\x00"}, 1},
		{"a code of 300 bytes", `{"upc":"` + strings.Repeat("9", 300) + `","store":"3","quantity":1}`,
			mockapi.Key{Store: "3", UPC: strings.Repeat("9", 300)}, 1},
		{"a large quantity", `{"upc":"1","store":"3","quantity":123456789012345678}`, mockapi.Key{Store: "3", UPC: "1"}, 123456789012345678},
		{"a quantity below zero where those are taken", `{"upc":"1","store":"3","quantity":-7}`, mockapi.Key{Store: "3", UPC: "1"}, -7},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := mockapi.New(mockapi.Options{Token: "secret", Negative: true})
			if code, answer := post(t, s, c.body); code != 200 {
				t.Errorf("got %d %s, want 200", code, answer)
			}
			if got, ok := s.Quantity(c.key); !ok || got != c.quantity {
				t.Errorf("got %d, %t for %v; want %d", got, ok, c.key, c.quantity)
			}
			if items := s.State().Items; len(items) != 1 || items[0].Key != c.key {
				t.Errorf("got %+v, want one for %+v", items, c.key)
			}
			clean(t, s)
		})
	}
}

func TestARequestThatIsNotAsDocumentedIsRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		change   func(*http.Request)
		code     int
		words    string
		violates bool
	}{
		{"no token", func(r *http.Request) { r.Header.Del("Authorization") }, 401, "Missing bearer token", false},
		{"another token", func(r *http.Request) { r.Header.Set("Authorization", "Bearer wrong") }, 401, "Invalid bearer token", false},
		{"the beginning of the token", func(r *http.Request) { r.Header.Set("Authorization", "Bearer secre") }, 401, "Invalid", false},
		{"an empty token", func(r *http.Request) { r.Header.Set("Authorization", "Bearer ") }, 401, "Invalid", false},
		{"another scheme", func(r *http.Request) { r.Header.Set("Authorization", "Basic secret") }, 401, "Invalid", false},
		{"two tokens", func(r *http.Request) { r.Header.Add("Authorization", "Bearer secret") }, 401, "Invalid", false},
		{"no content type", func(r *http.Request) { r.Header.Del("Content-Type") }, 415, "Content-Type", true},
		{"a form", func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, 415, "Content-Type", true},
		{"two content types", func(r *http.Request) { r.Header.Add("Content-Type", "application/json") }, 415, "Content-Type", true},
		{"another charset", func(r *http.Request) { r.Header.Set("Content-Type", "application/json; charset=latin1") }, 415, "Content-Type", true},
		{"another parameter", func(r *http.Request) { r.Header.Set("Content-Type", "application/json; q=1") }, 415, "Content-Type", true},
		{"compressed", func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") }, 415, "Content-Type", true},
		{"charset utf-8", func(r *http.Request) { r.Header.Set("Content-Type", "application/json; charset=UTF-8") }, 200, "", false},
		{"GET", func(r *http.Request) { r.Method = "GET"; r.Body = nil }, 405, "Method not allowed", true},
		{"PUT", func(r *http.Request) { r.Method = "PUT" }, 405, "Method not allowed", true},
		{"a query", func(r *http.Request) { r.URL.RawQuery = "a=b" }, 400, "Unexpected query", true},
		{"no body", func(r *http.Request) { r.Body = nil }, 400, "Malformed JSON", true},
		{"another path", func(r *http.Request) { r.URL.Path += "/" }, 404, "Not found", true},
		{"a GET of another path without a token", func(r *http.Request) {
			r.Method, r.URL.Path = "GET", "/favicon.ico"
			r.Header.Del("Authorization")
		}, 404, "Not found", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := mockapi.New(mockapi.Options{Token: "secret"})
			r := request(t.Context(), t, "http://api.test", shoes)
			c.change(r)
			code, answer := do(t, s.Transport(), r)
			if code != c.code || !strings.Contains(answer, c.words) {
				t.Errorf("got %d %s, want %d and %q", code, answer, c.code, c.words)
			}
			if _, applied := s.Quantity(shoesKey); applied != (code == 200) {
				t.Errorf("got %t, want only 200 applied", applied)
			}
			if got := s.Check(); (len(got) > 0) != c.violates {
				t.Errorf("got violations %q, want some: %t", got, c.violates)
			}
			if got := strings.Join(s.Check(), " "); strings.Contains(got, "secret") {
				t.Errorf("the token is in %q", got)
			}
		})
	}
}

func TestAnyTokenIsRightWhereNoneIsSetButThereMustBeOne(t *testing.T) {
	t.Parallel()
	s := mockapi.New(mockapi.Options{})
	if code, _ := post(t, s, shoes); code != 200 {
		t.Errorf("got %d, want 200", code)
	}
	for _, header := range []string{"Bearer ", "Bearer", "Basic x"} {
		r := request(t.Context(), t, "http://api.test", shoes)
		r.Header.Set("Authorization", header)
		if code, _ := do(t, s.Transport(), r); code != 401 {
			t.Errorf("%q: got %d, want 401", header, code)
		}
	}
}

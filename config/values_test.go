package config

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestDurations(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"0": 0, "0s": 0, "2s": 2 * time.Second, "1h30m": 90 * time.Minute, "500ms": 500 * time.Millisecond, "1.5h": 90 * time.Minute,
		"30d": 720 * time.Hour, "1d12h": 36 * time.Hour, "0.5d": 12 * time.Hour, "3650d": 3650 * 24 * time.Hour, "0d": 0, "1ns": 1,
	} {
		if got, err := duration(text); err != nil || got != want {
			t.Errorf("%q: got %s, %v; want %s", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"": "not a duration", "5": "no unit", "1.5": "no unit", "-2s": "negative", "-1d": "not a duration", "soon": "not a duration",
		"5 m": "not a duration", "1d-2h": "not a duration", "1d+2h": "not a duration", "d": "not a duration", "12h1d": "not a duration",
		"3651d": "longer than ten years", "3650d1s": "longer than ten years", "999999d": "longer than ten years", "2000000h": "longer than ten years",
		"99999999999h": "not a duration", "1e3s": "not a duration", "NaN": "no unit", "1d1d": "not a duration",
	} {
		if got, err := duration(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %s, %v; want an error with %q", text, got, err, want)
		}
	}
	if _, err := positiveDuration("0"); err == nil {
		t.Error("0, where it must be more: got no error")
	}
	for d, want := range map[time.Duration]string{0: "0s", 2 * time.Minute: "2m", time.Hour: "1h", 90 * time.Second: "1m30s", 10 * time.Second: "10s", time.Hour + time.Second: "1h0m1s"} {
		if got := show(d); got != want {
			t.Errorf("%v shown: got %s, want %s", d, got, want)
		}
	}
}

func TestRatesSizesSharesAndNumbers(t *testing.T) {
	t.Parallel()
	show := func(v any, err error) string {
		if err != nil {
			return "error"
		}
		return fmt.Sprint(v)
	}
	for text, want := range map[string]string{
		"5/s": "5", "90/m": "1.5", "36/h": "0.01", "0.5/s": "0.5", "5 / s": "5", "unlimited": "+Inf",
		"5": "error", "5/d": "error", "0/s": "error", "-1/s": "error", "/s": "error", "1e3/s": "error", "Inf/s": "error", "NaN/s": "error", "": "error", "5/s/s": "error",
	} {
		if got := show(rate(text)); got != want {
			t.Errorf("rate %q: got %s, want %s", text, got, want)
		}
	}
	for text, want := range map[string]string{
		"512KB": "524288", "10MB": "10485760", "1GB": "1073741824", "10 mb": "10485760",
		"10": "error", "0MB": "error", "-1MB": "error", "1.5MB": "error", "MB": "error", "99999999GB": "error", "10TB": "error",
	} {
		if got := show(size(text)); got != want {
			t.Errorf("size %q: got %s, want %s", text, got, want)
		}
	}
	for text, want := range map[string]string{
		"50%": "50", "0%": "0", "100%": "100", "2.5 %": "2.5", "off": "+Inf", "50": "error", "101%": "error", "-1%": "error", "%": "error", "NaN%": "error",
	} {
		if got := show(percent(text)); got != want {
			t.Errorf("share %q: got %s, want %s", text, got, want)
		}
	}
	for text, want := range map[string]string{
		"1": "1", "64": "64", "0": "error", "65": "error", "1_0": "error", "0x10": "error", "4.0": "error", "99999999999999999999": "error", "-3": "error",
	} {
		if got := show(whole(1, 64)(text)); got != want {
			t.Errorf("number %q: got %s, want %s", text, got, want)
		}
	}
}

func TestTheAPIsURL(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"https://stock.example.com":                           "https://stock.example.com/api/product/inventory",
		"https://stock.example.com/":                          "https://stock.example.com/api/product/inventory",
		"https://stock.example.com:8443/v2":                   "https://stock.example.com:8443/v2/api/product/inventory",
		"https://stock.example.com/api/product/inventory":     "https://stock.example.com/api/product/inventory",
		"https://stock.example.com/api/product/inventory/":    "https://stock.example.com/api/product/inventory",
		"https://stock.example.com/x/api/product/inventory":   "https://stock.example.com/x/api/product/inventory",
		"http://localhost:8080":                               "http://localhost:8080/api/product/inventory",
		"http://LOCALHOST":                                    "http://LOCALHOST/api/product/inventory",
		"http://127.0.0.1:1":                                  "http://127.0.0.1:1/api/product/inventory",
		"http://127.9.9.9":                                    "http://127.9.9.9/api/product/inventory",
		"http://[::1]:8080/":                                  "http://[::1]:8080/api/product/inventory",
		"http://[::ffff:127.0.0.1]":                           "http://[::ffff:127.0.0.1]/api/product/inventory",
		"https://stock.example.com/api/product/inventory-old": "https://stock.example.com/api/product/inventory-old/api/product/inventory",
	} {
		if got, err := endpoint(text); err != nil || got != want {
			t.Errorf("%q: got %q, %v; want %q", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"":                                  "is not",
		"https://YOUR_URL":                  "placeholder",
		"https://your_url/api":              "placeholder",
		"stock.example.com":                 "begin with",
		"http://stock.example.com":          "show the token",
		"http://10.0.0.5":                   "show the token",
		"http://localhost.example.com":      "show the token",
		"http://0.0.0.0":                    "show the token",
		"http://127.0.0.1.example.com":      "show the token",
		"http://127.0.0.1@evil.example.com": "show the token",
		"ftp://stock.example.com":           "https://",
		"https://":                          "host",
		"https://:8443":                     "host",
		"https://stock.example.com:":        "port",
		"https://stock.example.com:0":       "port",
		"https://stock.example.com:99999":   "port",
		"https://u:p@stock.example.com":     "password",
		"https://stock.example.com/?a=b":    "? or #",
		"https://stock.example.com/#a":      "? or #",
		"https://stock.example.com/?":       "? or #",
		"https://stock example.com":         "not a URL",
		"https://stock.example.com/a b":     "not a URL",
		"https://[::1":                      "not a URL",
	} {
		if got, err := endpoint(text); err == nil || !strings.Contains(err.Error(), strings.TrimSpace(want)) {
			if text == "" && err != nil {
				continue
			}
			t.Errorf("%q: got %q, %v; want an error with %q", text, got, err, want)
		}
	}
}

func TestProxies(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "http://proxy:3128", "https://u:p@proxy", "socks5://127.0.0.1:1080", "socks5h://proxy:1080"} {
		if got, err := proxy(text); err != nil || got != text {
			t.Errorf("%q: got %q, %v", text, got, err)
		}
	}
	for _, text := range []string{"proxy:3128", "proxy", "ftp://proxy", "http://", "http://pro xy"} {
		if got, err := proxy(text); err == nil {
			t.Errorf("%q: got %q, want an error", text, got)
		}
	}
}

func TestTriggersNamesAndListeners(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "{name}.done", "{stem}.done", "ok-{stem}", "{stem}"} {
		if _, err := trigger(text); err != nil {
			t.Errorf("ready %q: %v", text, err)
		}
	}
	for _, text := range []string{"done", "{name}", "{file}.done", "{name}.{x}", "a/{name}", `a\{name}`, "{name}\n"} {
		if _, err := trigger(text); err == nil {
			t.Errorf("ready %q: got no error", text)
		}
	}
	for _, text := range []string{"", ".", "..", "a/b", `a\b`, "nul", "NUL.txt", "com1", "LPT9.x", "a.", "a ", " a", ".hidden", "a:b", "a\x00b", strings.Repeat("x", 101)} {
		if wrongName(text) == "" {
			t.Errorf("name %q: got no complaint", text)
		}
	}
	for _, text := range []string{"main", "Kasse 1", "com", "comet", "lptx", "größe", "a.b"} {
		if why := wrongName(text); why != "" {
			t.Errorf("name %q: %s", text, why)
		}
	}
	for text, good := range map[string]bool{
		"off": true, "127.0.0.1:8460": true, "[::1]:80": true, "0.0.0.0:80": false, ":80": false, "127.0.0.1:0": true, "10.0.0.1:80": false, "x": false,
	} {
		if _, err := listen(text); (err == nil) != good {
			t.Errorf("listen %q: got %v, want good: %t", text, err, good)
		}
	}
}

func TestTheNearestKnownWordIsSuggested(t *testing.T) {
	t.Parallel()
	known := []string{"url", "token_file", "rate", "burst", "concurrency", "settle", "settle_last", "folder"}
	for word, want := range map[string]string{
		"urll": "url", "ulr": "url", "tokenFile": "token_file", "token-file": "token_file", "Rate": "rate", "concurency": "concurrency",
		"setle": "settle", "settlelast": "settle_last", "folders": "folder", "token": "token_file", "xyz": "", "": "",
		strings.Repeat("url", 100): "",
	} {
		if got := nearest(word, known); got != want {
			t.Errorf("%q: got %q, want %q", word, got, want)
		}
	}
}

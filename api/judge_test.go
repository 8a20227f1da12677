package api

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"tillpost/inventory"
)

var zoot = inventory.Key{Store: "3", SKU: "ZOOT-SUIT", Size: "34", Width: "D"}

// TestEachRowOfTheContractsTable has the table's every class, status by status.
func TestEachRowOfTheContractsTable(t *testing.T) {
	t.Parallel()
	const page = "<!DOCTYPE html><html><head><title>Log in</title></head></html>"
	type want struct {
		verdict Verdict
		unknown bool
		doubt   bool
	}
	acked, refused, unknown := want{verdict: Acknowledged}, want{verdict: Refused}, want{verdict: Refused, unknown: true}
	token, stranger, later := want{verdict: TokenBad}, want{verdict: NotOurAPI}, want{verdict: Later}
	strangerAfter2xx, laterInDoubt := want{NotOurAPI, false, true}, want{Later, false, true}
	for _, c := range []struct {
		status int
		body   string
		end    ending
		want   want
	}{
		{200, "", whole, acked},
		{200, " \r\n\t", whole, acked},
		{200, "{}", whole, acked},
		{200, "{ }", whole, acked},
		{200, "\ufeff{}\n", whole, acked},
		{201, `{"ok":true}`, whole, acked},
		{202, `{"sku":"ZOOT-SUIT","quantity":44}`, whole, acked},
		{204, "", whole, acked},
		{200, `true`, whole, acked},
		{200, `"ok"`, whole, acked},
		{200, `[]`, whole, acked},
		{200, `[{"error":"not at the top level"}]`, whole, acked},
		{200, `{"result":{"error":"not at the top level"}}`, whole, acked},
		{200, `{"message":"an \"error\":1 in a string"}`, whole, acked},
		{200, `{"error":null,"errors":[],"userErrors":{},"success":true}`, whole, acked},
		{200, `{"error":false,"errors":0,"userErrors":""}`, whole, acked},
		{200, `{"error":-0.0e5,"errors":[ ],"userErrors":{ }}`, whole, acked},
		{200, `{"success":null}`, whole, acked},

		{200, `{"error":"Missing required field: sku"}`, whole, refused},
		{200, `{"error":" "}`, whole, refused},
		{200, `{"error":true}`, whole, refused},
		{200, `{"error":1}`, whole, refused},
		{200, `{"error":0.01}`, whole, refused},
		{200, `{"error":"0"}`, whole, refused},
		{200, `{"error":"false"}`, whole, refused},
		{200, `{"errors":["no"]}`, whole, refused},
		{200, `{"errors":[[]]}`, whole, refused},
		{200, `{"userErrors":{"field":"sku"}}`, whole, refused},
		{200, `{"a":1,"userErrors":[{}]}`, whole, refused},
		{200, `{"success":false}`, whole, refused},
		{200, `{"success" : false }`, whole, refused},
		{200, `{"success":"False"}`, whole, refused},
		{200, `{"success":0}`, whole, refused},
		{200, `{"Error":"any case"}`, whole, refused},
		{200, `{"\u0065rror":"escaped"}`, whole, refused},
		{200, `{"error":null,"error":"twice"}`, whole, refused},
		{200, `{"error":"twice","error":null}`, whole, refused},
		{200, "\ufeff" + `{"error":"after a byte order mark"}`, whole, refused},
		{200, `{"error":"Unknown sku"}`, whole, unknown},
		{200, `{"error":"token expired"}`, whole, token},

		{200, page, whole, strangerAfter2xx},
		{200, "OK", whole, strangerAfter2xx},
		{200, "\x00", whole, strangerAfter2xx},
		{200, "\f", whole, strangerAfter2xx},
		{200, "{}{}", whole, strangerAfter2xx},
		{200, `{"ok":true`, whole, strangerAfter2xx},
		{200, `{"ok":true,}`, whole, strangerAfter2xx},
		{200, "{}", cut, strangerAfter2xx},
		{200, "", cut, strangerAfter2xx},
		{200, "{}", tooLong, strangerAfter2xx},
		{200, strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000), whole, strangerAfter2xx},
		{200, "\x1f\x8b\x08\x00", whole, strangerAfter2xx},
		{200, "{}", late, laterInDoubt},
		{101, "", whole, strangerAfter2xx},
		{600, "", whole, stranger},
		{999, "{}", whole, stranger},

		{400, `{"error":"Missing required field: sku"}`, whole, refused},
		{400, "", whole, refused},
		{404, "", whole, unknown},
		{404, `{"error":"gone"}`, whole, unknown},
		{402, "", whole, refused},
		{405, "", whole, refused},
		{409, `{"error":"conflict"}`, whole, refused},
		{410, "", whole, refused},
		{413, "", whole, refused},
		{418, "", whole, refused},
		{422, `{"error":"store 3 not found"}`, whole, unknown},
		{422, `{"error":"quantity too large"}`, whole, refused},
		{422, strings.Repeat("x", maxErrorBody), tooLong, refused},
		{451, "", whole, refused},
		{400, `{"error":`, cut, laterInDoubt},
		{404, "", late, laterInDoubt},
		{404, page, whole, stranger},
		{405, "  <html>", whole, stranger},
		{404, "Unknown sku <HEADBAND>", whole, unknown},

		{401, "", whole, token},
		{403, "", whole, token},
		{403, page, whole, token},
		{401, `{"error":"Unknown sku"}`, whole, token},
		{400, `{"error":"Missing bearer token"}`, whole, token},
		{422, `{"error":"token expired"}`, whole, token},
		{400, `{"error":{"code":"INVALID_TOKEN","message":"no"}}`, whole, token},
		{404, `{"message":"unauthorized"}`, whole, token},
		{400, `not permitted`, whole, token},

		{300, "", whole, stranger},
		{301, "{}", whole, stranger},
		{302, page, whole, stranger},
		{304, "", whole, stranger},
		{307, "", whole, stranger},
		{308, "", whole, stranger},
		{407, `{"error":"Unknown sku"}`, whole, stranger},

		{408, "", whole, laterInDoubt},
		{425, "", whole, later},
		{429, `{"error":"token expired"}`, whole, later},
		{500, `{"error":"Unknown sku"}`, whole, later},
		{500, "", cut, laterInDoubt},
		{501, "", whole, later},
		{502, page, whole, laterInDoubt},
		{503, "", whole, later},
		{504, "", whole, laterInDoubt},
		{524, "", whole, laterInDoubt},
		{599, "", whole, laterInDoubt},
	} {
		a := judge(reply{c.status, http.Header{}, []byte(c.body), c.end}, zoot)
		if got := (want{a.Verdict, a.Unknown, a.Doubt}); got != c.want {
			t.Errorf("%d %.60q: got %v %+v, want %v %+v", c.status, c.body, got.verdict, got, c.want.verdict, c.want)
		}
		if a.Verdict != Acknowledged && a.Words == "" && c.end != late {
			t.Errorf("%d %.60q: got no words", c.status, c.body)
		}
	}
}

func TestWhatIsDeclaredAsHTML(t *testing.T) {
	t.Parallel()
	html := http.Header{"Content-Type": {"text/html; charset=UTF-8"}}
	for name, c := range map[string]struct {
		body string
		want Verdict
	}{
		"a page is not our API's":              {"<p>No such file</p>", NotOurAPI},
		"JSON is an answer all the same":       {`{"error":"Unknown sku <b>1</b>"}`, Refused},
		"plain text is an answer all the same": {"Unknown sku", Refused},
		"nothing is no page":                   {"", Refused},
	} {
		if a := judge(reply{400, html, []byte(c.body), whole}, zoot); a.Verdict != c.want {
			t.Errorf("%s: got %v, want %v", name, a.Verdict, c.want)
		}
	}
}

func TestTheWordsAreTheAPIsOwn(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status     int
		body, want string
	}{
		{400, `{"error":"Missing required field: sku"}`, "Missing required field: sku"},
		{400, `{"timestamp":"2026-01-02","status":400,"error":"Bad Request","message":"no \"sku\""}`, `Bad Request; no "sku"`},
		{400, `{"error":{"code":7,"message":"no such\u0020store"}}`, "code: 7; message: no such store"},
		{400, `{"errors":[{"field":"sku"},"b"]}`, "field: sku; b"},
		{400, `{"error":null,"why":"so"}`, "error: null; why: so"},
		{400, `["a",1,true]`, "a; 1; true"},
		{400, "plain\r\ntext", `plain\r\ntext`},
		{400, "", "400 Bad Request"},
		{404, "{}", "404 Not Found"},
		{200, "<html><title>Free\nWi-Fi</title>", "200 OK with an HTML page (Free Wi-Fi) where the API answers JSON: a login page, a proxy or another web server"},
		{200, "hello", "200 OK with a body that is not JSON: hello"},
		{444, "", "444"},
	} {
		a := judge(reply{c.status, http.Header{}, []byte(c.body), whole}, zoot)
		if got := clean(a.Words, "t"); got != c.want {
			t.Errorf("%s: got %q, want %q", c.body, got, c.want)
		}
	}
}

func TestRetryAfterIsReadAndBounded(t *testing.T) { // A11
	t.Parallel()
	now := time.Now().UTC().Truncate(time.Second)
	date := func(d time.Duration) string { return now.Add(d).Format(http.TimeFormat) }
	for name, c := range map[string]struct {
		value, date string
		want        time.Duration
	}{
		"none":                          {"", "", 0},
		"one second":                    {"1", "", time.Second},
		"white space around":            {" 7 ", "", 7 * time.Second},
		"zero":                          {"0", "", 0},
		"an hour":                       {"3600", "", time.Hour},
		"ten years":                     {"315360000", "", time.Hour},
		"more than any integer":         {strings.Repeat("9", 40), "", time.Hour},
		"negative":                      {"-5", "", 0},
		"a fraction":                    {"1.5", "", 0},
		"garbage":                       {"soon", "", 0},
		"a date by the answer's clock":  {date(-24*time.Hour + 90*time.Second), date(-24 * time.Hour), 90 * time.Second},
		"a date in ten years":           {date(10 * 365 * 24 * time.Hour), date(0), time.Hour},
		"a date that is past":           {date(-time.Minute), date(0), 0},
		"a date past by our clock only": {date(-time.Minute), date(-2 * time.Minute), time.Minute},
		"a date, and no clock to read":  {date(24 * time.Hour), "", time.Hour},
		"a date, and a broken clock":    {date(24 * time.Hour), "noon", time.Hour},
	} {
		h := http.Header{"Retry-After": {c.value}, "Date": {c.date}}
		a := judge(reply{503, h, nil, whole}, zoot)
		if a.RetryAfter != c.want {
			t.Errorf("%s: got %v, want %v", name, a.RetryAfter, c.want)
		}
		if _, err := http.ParseTime(c.date); err == nil && a.ServerTime().IsZero() {
			t.Errorf("%s: got no server time", name)
		}
		if a := judge(reply{400, h, nil, whole}, zoot); a.RetryAfter != 0 {
			t.Errorf("%s: a refusal is not for later, got %v", name, a.RetryAfter)
		}
	}
}

// oracle is a naive second opinion on what may be acknowledged, by encoding/json's decoder.
func oracle(status int, body []byte, end ending) bool {
	if status < 200 || status > 299 || end != whole || len(body) > maxBody {
		return false
	}
	body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
	if strings.Trim(string(body), " \t\r\n") == "" {
		return true
	}
	var document any
	if json.Unmarshal(body, &document) != nil {
		return false
	}
	d := json.NewDecoder(bytes.NewReader(body))
	if first, err := d.Token(); err != nil || first != json.Delim('{') {
		return err == nil
	}
	for d.More() {
		name, _ := d.Token()
		var value any
		if d.Decode(&value) != nil {
			return true // a number that no float64 holds: not what is asked here
		}
		empty := value == nil || value == false || value == 0.0 || value == ""
		switch v := value.(type) {
		case []any:
			empty = len(v) == 0
		case map[string]any:
			empty = len(v) == 0
		}
		switch name {
		case "error", "errors", "userErrors":
			if !empty {
				return false
			}
		case "success":
			if value == false {
				return false
			}
		}
	}
	return true
}

func FuzzJudge(f *testing.F) {
	for _, body := range []string{"", "{}", `{"ok":true}`, `{"error":"Missing required field: sku"}`, `{"error":null}`,
		`{"success":false}`, `{"\u0065rror":[{"a":"}"}]}`, `{"error":0e1,"error":{}}`, "<html>", `{"errors":[1]`,
		"\ufeff{}", `{"error":"token expired"}`, `Unknown sku: 'TOKEN-RING'`, `[{}]`, `{"a":"\\","error":" "}`} {
		f.Add(200, "Retry-After", "3", []byte(body), 0)
		f.Add(400, "Content-Type", "text/html", []byte(body), 0)
	}
	f.Add(503, "Retry-After", "Mon, 02 Jan 2006 15:04:05 GMT", []byte(nil), 1)
	f.Fuzz(func(t *testing.T, status int, name, value string, body []byte, end int) {
		r := reply{status, http.Header{http.CanonicalHeaderKey(name): {value}}, body, ending(end & 3)}
		a := judge(r, zoot)
		if a.Verdict == Acknowledged && !oracle(status, body, r.end) {
			t.Errorf("%d %q: acknowledged, which the oracle denies", status, body)
		}
		if a.RetryAfter < 0 || a.RetryAfter > maxRetryAfter {
			t.Errorf("got Retry-After %v", a.RetryAfter)
		}
		const token = "s3cr3t-t0ken-of-the-store"
		words := clean(a.Words, token)
		if len(words) > maxWords || !utf8.ValidString(words) || strings.Contains(strings.ToLower(words), token) {
			t.Errorf("got words %q", words)
		}
	})
}

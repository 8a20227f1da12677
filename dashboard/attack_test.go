package dashboard_test

import (
	"bytes"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tillpost/dashboard"
)

// secured fails where an answer lacks one of the headers that all have.
func secured(t testing.TB, answer *http.Response) {
	t.Helper()
	for name, want := range map[string]string{
		"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
		"X-Content-Type-Options":  "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin",
		"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
	} {
		if got := answer.Header.Get(name); got != want {
			t.Errorf("status %d: got %s %q, want %q", answer.StatusCode, name, got, want)
		}
	}
	if got := answer.Header.Get("Cache-Control"); got != "no-store" && got != "no-cache" {
		t.Errorf("status %d: got Cache-Control %q", answer.StatusCode, got)
	}
}

// The values that attacks in the table below name.
const (
	cookieMark, formMark, linkMark = "COOKIE", "FORM", "LINK"
	allDead                        = "group=all&csrf=" + formMark
)

// attacks are requests that are refused, each with the status that says so.
var attacks = []struct {
	name, method, path, body string
	header                   []string
	want                     int
}{
	// Names of this machine.
	{"another name, as after rebinding", "GET", "/", "", []string{"Host", "evil.com"}, 421},
	{"another name with the right port", "GET", "/", "", []string{"Host", "evil.com:8460"}, 421},
	{"rebinding that posts as from itself", "POST", "/dead/discard", allDead, []string{"Host", "evil.com:8460", "Origin", "http://evil.com:8460", "Cookie", cookieMark, "Sec-Fetch-Site", "same-origin"}, 421},
	{"another port", "GET", "/", "", []string{"Host", "127.0.0.1:8461"}, 421},
	{"no port", "GET", "/", "", []string{"Host", "127.0.0.1"}, 421},
	{"a name that begins right", "GET", "/", "", []string{"Host", "localhost:8460.evil.com"}, 421},
	{"a name with a dot behind it", "GET", "/", "", []string{"Host", "localhost.:8460"}, 421},
	{"another address of this machine", "GET", "/", "", []string{"Host", "127.0.0.2:8460"}, 421},
	{"the unspecified address", "GET", "/", "", []string{"Host", "0.0.0.0:8460"}, 421},
	{"a user in the name", "GET", "/", "", []string{"Host", "evil@127.0.0.1:8460"}, 421},
	{"figures by another name", "GET", "/metrics", "", []string{"Host", "evil.com"}, 421},
	{"health by another name", "GET", "/healthz", "", []string{"Host", "evil.com"}, 421},

	// Pages of other sites.
	{"a foreign origin", "GET", "/", "", []string{"Origin", "http://evil.com"}, 403},
	{"the origin null", "GET", "/events", "", []string{"Origin", "null"}, 403},
	{"the origin of another port", "GET", "/", "", []string{"Origin", "http://127.0.0.1:3000"}, 403},
	{"the origin of another scheme", "GET", "/", "", []string{"Origin", "https://127.0.0.1:8460"}, 403},
	{"a foreign origin that posts", "POST", "/pause", "csrf=" + formMark, []string{"Origin", "http://evil.com", "Cookie", cookieMark}, 403},
	{"another site fetches", "GET", "/", "", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "empty"}, 403},
	{"another site shows an image", "GET", "/plot/day.svg", "", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "image"}, 403},
	{"another site loads the script", "GET", "/static/script.js", "", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Dest", "script"}, 403},
	{"another site of this machine fetches", "GET", "/dead.csv", "", []string{"Sec-Fetch-Site", "same-site", "Cookie", cookieMark}, 403},
	{"another site leads to the log", "GET", "/log", "", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Cookie", cookieMark}, 403},
	{"another site posts a form", "POST", "/dead/discard", allDead, []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Cookie", cookieMark}, 403},
	{"another site lets itself in", "POST", "/open", "code=" + linkMark, []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, 403},
	{"another site streams", "GET", "/events", "", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "cors"}, 403},
	{"a browser says what is not known", "GET", "/", "", []string{"Sec-Fetch-Site", "elsewhere"}, 403},
	{"figures for a page", "GET", "/metrics", "", []string{"Origin", "http://127.0.0.1:8460"}, 403},
	{"health for another site", "GET", "/healthz/live", "", []string{"Sec-Fetch-Site", "same-site"}, 403},
	{"a foreign page leads to rows", "GET", "/dead.csv", "", []string{"Referer", "http://evil.com/", "Cookie", cookieMark}, 403},
	{"a foreign page leads to the stream", "GET", "/events", "", []string{"Referer", "http://127.0.0.1:3000/", "Cookie", cookieMark}, 403},
	{"a foreign page changes something", "POST", "/pause", "csrf=" + formMark, []string{"Referer", "http://evil.com/", "Cookie", cookieMark}, 403},
	{"a referer that is none", "POST", "/pause", "csrf=" + formMark, []string{"Referer", "::", "Cookie", cookieMark}, 403},
	{"within a frame", "GET", "/", "", []string{"Sec-Fetch-Dest", "iframe"}, 403},
	{"within an object", "GET", "/open/" + linkMark, "", []string{"Sec-Fetch-Dest", "object", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Site", "cross-site"}, 403},

	// Without a session, or not by its forms.
	{"rows", "GET", "/dead.csv", "", nil, 403},
	{"rejects", "GET", "/rejects.csv", "", nil, 403},
	{"a product", "GET", "/why?code=1", "", nil, 403},
	{"the log", "GET", "/log", "", nil, 403},
	{"a change", "POST", "/pause", "csrf=" + formMark, nil, 403},
	{"a guessed session", "POST", "/pause", "csrf=" + formMark, []string{"Cookie", "tillpost_session_8460=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}, 403},
	{"the cookie of another port", "POST", "/pause", "csrf=" + formMark, []string{"Cookie", strings.ReplaceAll("tillpost_session_8461=VALUE", "VALUE", cookieMark)}, 403},
	{"no token in the form", "POST", "/dead/discard", "group=all", []string{"Cookie", cookieMark}, 403},
	{"an empty token", "POST", "/dead/discard", "group=all&csrf=", []string{"Cookie", cookieMark}, 403},
	{"a wrong token", "POST", "/held/discard", "id=h1&csrf=AAAA", []string{"Cookie", cookieMark}, 403},
	{"the token in the query", "POST", "/held/discard?id=h1&csrf=" + formMark, "id=h1", []string{"Cookie", cookieMark}, 403},
	{"leaving without a token", "POST", "/leave", "csrf=", []string{"Cookie", cookieMark}, 403},
	{"a form as JSON", "POST", "/pause", `{"csrf":"` + formMark + `"}`, []string{"Cookie", cookieMark, "Content-Type", "application/json"}, 415},
	{"a form as plain text", "POST", "/pause", "csrf=" + formMark, []string{"Cookie", cookieMark, "Content-Type", "text/plain"}, 415},

	// A GET changes nothing.
	{"pause by GET", "GET", "/pause?csrf=" + formMark, "", []string{"Cookie", cookieMark}, 405},
	{"resume by GET", "GET", "/resume", "", []string{"Cookie", cookieMark}, 405},
	{"release by GET", "GET", "/held/release?id=h1&csrf=" + formMark, "", []string{"Cookie", cookieMark}, 405},
	{"discard by HEAD", "HEAD", "/held/discard?id=h1", "", []string{"Cookie", cookieMark}, 405},
	{"retry by GET", "GET", "/dead/retry?" + allDead, "", []string{"Cookie", cookieMark}, 405},
	{"discard by GET", "GET", "/dead/discard?" + allDead, "", []string{"Cookie", cookieMark}, 405},
	{"leave by GET", "GET", "/leave", "", []string{"Cookie", cookieMark}, 405},
	{"open by GET", "GET", "/open?code=" + linkMark, "", nil, 405},

	// Links.
	{"a guessed link", "POST", "/open", "code=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", nil, 410},
	{"an empty link", "POST", "/open", "code=", nil, 410},
	{"a guessed link that is looked at", "GET", "/open/AAAA", "", nil, 410},
	{"the link in the query", "POST", "/open?code=" + linkMark, "x=1", nil, 410},

	// Odd requests.
	{"PUT", "PUT", "/", "", nil, 405},
	{"DELETE", "DELETE", "/dead.csv", "", []string{"Cookie", cookieMark}, 405},
	{"OPTIONS", "OPTIONS", "/pause", "", []string{"Origin", "http://evil.com", "Access-Control-Request-Method", "POST"}, 405},
	{"TRACE", "TRACE", "/", "", []string{"Cookie", cookieMark}, 405},
	{"PATCH", "PATCH", "/pause", "csrf=" + formMark, []string{"Cookie", cookieMark}, 405},
	{"a method in small letters", "post", "/pause", "csrf=" + formMark, []string{"Cookie", cookieMark}, 405},
	{"a POST to the page", "POST", "/", "csrf=" + formMark, []string{"Cookie", cookieMark}, 405},
	{"no such path", "GET", "/admin", "", nil, 404},
	{"no such file", "GET", "/static/page.go", "", nil, 404},
	{"a folder", "GET", "/static/", "", nil, 404},
	{"out of the folder", "GET", "/static/../templates/home.html", "", nil, 404},
	{"out of the folder, encoded", "GET", "/static/%2e%2e%2ftemplates%2fhome.html", "", nil, 404},
	{"out of the folder as on Windows", "GET", `/static/..%5ctemplates%5chome.html`, "", nil, 404},
	{"two slashes", "GET", "//log", "", []string{"Cookie", cookieMark}, 404},
	{"a long body", "POST", "/pause", "csrf=" + formMark + "&x=" + strings.Repeat("x", 64<<10), []string{"Cookie", cookieMark}, 413},
	{"a long query", "GET", "/why?code=" + strings.Repeat("x", 5<<10), "", []string{"Cookie", cookieMark}, 414},
	{"a long header", "GET", "/", "", []string{"X-Long", strings.Repeat("x", 33<<10)}, 431},
}

func TestEveryAttackIsRefusedAndChangesNothing(t *testing.T) { // X1, X2
	t.Parallel()
	for _, a := range attacks {
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(time.Now())
			p := newPage(t, d)
			cookie, form := enter(t, p)
			link := code(t, p)
			fill := strings.NewReplacer(cookieMark, cookie, formMark, form, linkMark, link)
			header := slices.Clone(a.header)
			for i := range header {
				header[i] = fill.Replace(header[i])
			}
			answer := ask(t, p, a.method, fill.Replace(a.path), fill.Replace(a.body), header...)
			if answer.StatusCode != a.want {
				t.Errorf("got status %d, want %d: %.200s", answer.StatusCode, a.want, text(t, answer))
			}
			secured(t, answer)
			if len(answer.Cookies()) > 0 {
				t.Errorf("got the cookies %v", answer.Cookies())
			}
			if changes, _ := d.counts(); changes != 0 {
				t.Errorf("the desk was changed %d times", changes)
			}
			if status, _ := get(t, p, "/log", "Cookie", cookie); status != http.StatusOK {
				t.Errorf("the session is over: status %d", status)
			}
			if status, _ := get(t, p, "/open/"+link); status != http.StatusOK {
				t.Errorf("the link is used up: status %d", status)
			}
		})
	}
}

func TestWhatIsAllowedHasTheHeadersToo(t *testing.T) {
	t.Parallel()
	p := newPage(t, newDesk(time.Now()))
	cookie, form := enter(t, p)
	navigate := []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}
	for _, c := range []struct {
		method, path, body string
		header             []string
		want               int
	}{
		{"GET", "/", "", nil, 200},
		{"HEAD", "/", "", nil, 200},
		{"GET", "/", "", []string{"Host", "localhost:8460"}, 200},
		{"GET", "/", "", []string{"Host", "[::1]:8460"}, 200},
		{"GET", "/", "", navigate, 200},
		{"GET", "/open/" + code(t, p), "", navigate, 200},
		{"GET", "/static/style.css", "", nil, 200},
		{"GET", "/static/script.js", "", nil, 200},
		{"GET", "/static/open.js", "", nil, 200},
		{"GET", "/static/icon.svg", "", nil, 200},
		{"GET", "/plot/day.svg", "", nil, 200},
		{"HEAD", "/events", "", nil, 200},
		{"HEAD", "/dead.csv", "", []string{"Cookie", cookie}, 200},
		{"GET", "/why", "", []string{"Cookie", cookie, "Referer", "http://" + address + "/", "Sec-Fetch-Site", "same-origin"}, 200},
		{"POST", "/pause", "csrf=" + form, []string{"Cookie", cookie}, 303},
		{"POST", "/pause", "csrf=" + form, []string{"Cookie", cookie, "Host", "localhost:8460", "Origin", "http://localhost:8460"}, 303},
	} {
		answer := ask(t, p, c.method, c.path, c.body, c.header...)
		if answer.StatusCode != c.want {
			t.Errorf("%s %s %q: got %d, want %d", c.method, c.path, c.header, answer.StatusCode, c.want)
		}
		secured(t, answer)
	}
}

func TestWhoComesFromAnotherSiteSeesThePageAsWithoutASession(t *testing.T) {
	t.Parallel()
	p := newPage(t, newDesk(time.Now()))
	cookie, _ := enter(t, p)
	for _, header := range [][]string{
		{"Referer", "http://evil.com/"},
		{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"},
	} {
		if status, body := get(t, p, "/", append(header, "Cookie", cookie)...); status != http.StatusOK || strings.Contains(body, "csrf") || strings.Contains(body, "stock-0412") {
			t.Errorf("%q: got %d and what a session sees", header, status)
		}
	}
}

func TestAPageAtPort80IsAskedForWithoutThePort(t *testing.T) {
	t.Parallel()
	d := newDesk(time.Now())
	p := dashboard.New(dashboard.Options{Address: "store-7:80", Status: d.Status})
	for host, want := range map[string]int{"localhost": 200, "127.0.0.1": 200, "[::1]:80": 200, "store-7:80": 200, "store-7:81": 421, "evil.com": 421} {
		if status, _ := get(t, p, "/", "Host", host); status != want {
			t.Errorf("%s: got %d, want %d", host, status, want)
		}
	}
}

func TestABodyOfUnknownLengthHasALimitToo(t *testing.T) {
	t.Parallel()
	p := newPage(t, newDesk(time.Now()))
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+address+"/open", bytes.NewReader(make([]byte, 65<<10)))
	r.ContentLength = -1
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	rec := httptest.NewRecorder()
	if p.ServeHTTP(rec, r); rec.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("got %d, want 413", rec.Code)
	}
}

func TestALinkWorksOnceAndForAMinute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPage(t, newDesk(time.Now()))
		use := func(code string) int {
			return ask(t, p, http.MethodPost, "/open", url.Values{"code": {code}}.Encode()).StatusCode
		}
		link := code(t, p)
		for range 3 { // by what looks ahead
			if status, body := get(t, p, "/open/"+link); status != http.StatusOK || !strings.Contains(body, "Show the status page") {
				t.Errorf("got %d: %s", status, body)
			}
		}
		time.Sleep(59 * time.Second)
		if got := use(link); got != http.StatusSeeOther {
			t.Errorf("after 59 s: got %d", got)
		}
		if got := use(link); got != http.StatusGone {
			t.Errorf("a second time: got %d, want 410", got)
		}
		link = code(t, p)
		time.Sleep(time.Minute)
		if got := use(link); got != http.StatusGone {
			t.Errorf("after a minute: got %d, want 410", got)
		}
		if _, body := get(t, p, "/open/"+link); !strings.Contains(body, "<code>tillpost open</code>") {
			t.Errorf("got %s", body)
		}
		seen := map[string]bool{}
		oldest := code(t, p)
		for range 16 {
			seen[code(t, p)] = true
		}
		if got := use(oldest); got != http.StatusGone || len(seen) != 16 {
			t.Errorf("the oldest of too many links: got %d, want 410; %d codes", got, len(seen))
		}
		for link := range maps.Keys(seen) {
			if got := use(link); got != http.StatusSeeOther {
				t.Errorf("one of 16 links: got %d", got)
			}
		}
	})
}

func TestASessionEndsAfterTwelveHoursAndTheOldestGoes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPage(t, newDesk(time.Now()))
		status := func(cookie string) int {
			status, _ := get(t, p, "/log", "Cookie", cookie)
			return status
		}
		cookie, _ := enter(t, p)
		time.Sleep(12*time.Hour - time.Second)
		if got := status(cookie); got != http.StatusOK {
			t.Errorf("before twelve hours: got %d", got)
		}
		time.Sleep(time.Second)
		if got := status(cookie); got != http.StatusForbidden {
			t.Errorf("after twelve hours: got %d, want 403", got)
		}
		first, _ := enter(t, p)
		for range 63 {
			enter(t, p)
		}
		if got := status(first); got != http.StatusOK {
			t.Errorf("the first of 64: got %d", got)
		}
		enter(t, p)
		if got := status(first); got != http.StatusForbidden {
			t.Errorf("the first of 65: got %d, want 403", got)
		}
	})
}

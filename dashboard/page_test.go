package dashboard_test

import (
	"context"
	"encoding/csv"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"tillpost/dashboard"
)

// ask sends a request to a page in-process.
func ask(t testing.TB, p http.Handler, method, path, body string, header ...string) *http.Response {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second) // a stream that should be refused would not end
	defer cancel()
	r := httptest.NewRequestWithContext(ctx, method, "http://"+address+path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
			continue
		}
		r.Header.Set(header[i], header[i+1])
	}
	rec := httptest.NewRecorder()
	p.ServeHTTP(rec, r)
	return rec.Result()
}

// text is the whole body of an answer.
func text(t testing.TB, answer *http.Response) string {
	t.Helper()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// get gets a page in-process.
func get(t testing.TB, p http.Handler, path string, header ...string) (status int, body string) {
	t.Helper()
	answer := ask(t, p, http.MethodGet, path, "", header...)
	return answer.StatusCode, text(t, answer)
}

// code is the code of a new link.
func code(t testing.TB, p *dashboard.Page) string {
	t.Helper()
	code, found := strings.CutPrefix(p.Link(), "http://"+address+"/open/")
	if !found || len(code) < 22 {
		t.Fatalf("got a link with the code %q", code)
	}
	return code
}

// enter begins a session: its cookie, and what its forms carry.
func enter(t testing.TB, p *dashboard.Page) (cookie, form string) {
	t.Helper()
	answer := ask(t, p, http.MethodPost, "/open", "code="+code(t, p))
	cookies := answer.Cookies()
	if answer.StatusCode != http.StatusSeeOther || len(cookies) != 1 {
		t.Fatalf("got status %d and cookies %v, want 303 and one", answer.StatusCode, cookies)
	}
	c := cookies[0]
	if c.Name != "tillpost_session_8460" || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.MaxAge != 12*60*60 || c.Secure {
		t.Errorf("got the cookie %v", c)
	}
	cookie = c.Name + "=" + c.Value
	_, body := get(t, p, "/", "Cookie", cookie)
	_, rest, found := strings.Cut(body, `name="csrf" value="`)
	if !found {
		t.Fatalf("no form on the page:\n%s", body)
	}
	form, _, _ = strings.Cut(rest, `"`)
	return cookie, form
}

// press presses a button, and answers what the page says then.
func press(t testing.TB, p *dashboard.Page, cookie, form, path string, fields url.Values) string {
	t.Helper()
	if fields == nil {
		fields = url.Values{}
	}
	fields.Set("csrf", form)
	answer := ask(t, p, http.MethodPost, path, fields.Encode(), "Cookie", cookie, "Origin", "http://"+address, "Referer", "http://"+address+"/", "Sec-Fetch-Site", "same-origin")
	if answer.StatusCode != http.StatusSeeOther || answer.Header.Get("Location") != "/" {
		t.Fatalf("POST %s: got status %d to %q: %s", path, answer.StatusCode, answer.Header.Get("Location"), text(t, answer))
	}
	_, body := get(t, p, "/", "Cookie", cookie)
	_, rest, _ := strings.Cut(body, `id="message"`)
	_, rest, _ = strings.Cut(rest, ">")
	said, _, _ := strings.Cut(rest, "<")
	return said
}

func TestTheButtonsDoWhatTheySayAndTellSoOnce(t *testing.T) {
	t.Parallel()
	d := newDesk(time.Now())
	p := newPage(t, d)
	cookie, form := enter(t, p)
	for _, c := range []struct {
		path   string
		fields url.Values
		want   string
	}{
		{"/pause", nil, "Sending is paused. Exports are still read, and nothing is lost."},
		{"/resume", nil, "Sending goes on."},
		{"/held/release", url.Values{"id": {"h1"}}, "The export is released, and read in a moment."},
		{"/held/discard", url.Values{"id": {"h1"}}, "The export is discarded."},
		{"/held/discard", url.Values{"id": {"h1"}}, "Nothing was changed: this export is not held any more."},
		{"/dead/retry", nil, "Nothing was changed: the form did not say which."},
		{"/dead/retry", url.Values{"group": {"756e6b6e6f776e"}}, "36 refused updates are sent again."},
		{"/dead/discard", url.Values{"group": {"all"}}, "1 refused update is discarded."},
		{"/dead/discard", url.Values{"group": {"all"}}, "Nothing was changed: there are none of these any more."},
	} {
		if got := press(t, p, cookie, form, c.path, c.fields); got != c.want {
			t.Errorf("%s %v: got %q, want %q", c.path, c.fields, got, c.want)
		}
	}
	if _, body := get(t, p, "/", "Cookie", cookie); strings.Contains(body, `id="message"`) {
		t.Error("the message is shown a second time")
	}
	d.edit(func(d *desk) { d.broken = errors.New("the disk is <full>") })
	if got := press(t, p, cookie, form, "/pause", nil); got != "It did not work: the disk is &lt;full&gt;" {
		t.Errorf("got %q", got)
	}
	if got := press(t, p, cookie, form, "/leave", nil); got != "" {
		t.Errorf("got %q", got)
	}
	if _, body := get(t, p, "/", "Cookie", cookie); strings.Contains(body, "csrf") {
		t.Error("the session goes on after it was left")
	}
}

func TestThePageOfASession(t *testing.T) {
	t.Parallel()
	p := newPage(t, newDesk(time.Now()))
	cookie, _ := enter(t, p)
	_, body := get(t, p, "/", "Cookie", cookie)
	for _, want := range []string{"stock-0412.csv", `C:\POS\Export`, "The web shop does not know these 36 products", "The web shop refused this update", "7 rows with a wrong UPC",
		"And 31 more", "Release this export", `<td class="n">640</td>`, "Pause sending", "412", "the oldest for 3 minutes", "all sent in about 2 minutes", "3 of them once more", "1 keeps failing"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(body, " style=") || strings.Contains(body, "<script>") {
		t.Error("the page has a style or a script in it, which its policy refuses")
	}
	_, body = get(t, p, "/why?code=849632048260", "Cookie", cookie)
	if !strings.Contains(body, "849632048260 in store 3") || !strings.Contains(body, "12, 3 minutes ago") {
		t.Errorf("got %s", body)
	}
	if _, body = get(t, p, "/why?code=77", "Cookie", cookie); !strings.Contains(body, "Nothing is known of 77.") {
		t.Errorf("got %s", body)
	}
	if _, body = get(t, p, "/log", "Cookie", cookie); !strings.Contains(body, "row set aside") {
		t.Errorf("got %s", body)
	}
}

func TestAPageWithoutAnAgentSaysSo(t *testing.T) {
	t.Parallel()
	d := &desk{broken: errors.New("it hangs")}
	p := dashboard.New(dashboard.Options{Address: address, Status: d.Status, Desk: func() dashboard.Desk { return nil }})
	status, body := get(t, p, "/")
	if status != http.StatusOK || !strings.Contains(body, "Stopped: the agent does not answer.") || strings.Contains(body, "it hangs") {
		t.Errorf("got %d: %s", status, body)
	}
	cookie, form := enter(t, p)
	if got := press(t, p, cookie, form, "/pause", nil); !strings.Contains(got, "no agent works at the moment") {
		t.Errorf("got %q", got)
	}
	if status, _ := get(t, p, "/dead.csv", "Cookie", cookie); status != http.StatusServiceUnavailable {
		t.Errorf("got %d, want 503", status)
	}
}

func TestLongListsAreCutAndSayHowMuchIsLeft(t *testing.T) {
	t.Parallel()
	d := newDesk(time.Now())
	for range 3912 {
		d.rejects = append(d.rejects, d.rejects[0])
		d.held = append(d.held, d.held[0])
	}
	p := newPage(t, d)
	cookie, _ := enter(t, p)
	_, body := get(t, p, "/", "Cookie", cookie)
	if !strings.Contains(body, "And 3,909 more: ") || !strings.Contains(body, "And 3,813 more.") || len(body) > 400<<10 {
		t.Errorf("got %d bytes of a page", len(body))
	}
}

func TestTheDownloadsDefuseFormulasAndKeepCodesAndQuantities(t *testing.T) { // X4
	t.Parallel()
	d := newDesk(time.Now())
	d.dead[0].UPC, d.dead[0].Words, d.dead[0].Quantity = "000123456784", "=cmd|' /C calc'!A0", -5
	d.dead[1].SKU, d.dead[1].Store, d.dead[1].Export, d.dead[1].Source = "@SUM(1)", "+3", "\t=1+1", "-5"
	d.rejects[0].Row = []string{"=1", "a;=2", "\r=3", "12", "\x1b[31m"}
	p := newPage(t, d)
	cookie, _ := enter(t, p)
	read := func(path string) [][]string {
		answer := ask(t, p, http.MethodGet, path, "", "Cookie", cookie)
		if got := answer.Header.Get("Content-Disposition"); !strings.Contains(got, "attachment") {
			t.Errorf("%s: got %q", path, got)
		}
		r := csv.NewReader(strings.NewReader(strings.TrimPrefix(text(t, answer), "\uFEFF")))
		r.FieldsPerRecord = -1
		rows, err := r.ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		return rows
	}
	dead := read("/dead.csv")
	if len(dead) != 38 || dead[1][1] != "000123456784" || dead[1][6] != "-5" || dead[1][8] != "'=cmd|' /C calc'!A0" {
		t.Errorf("got %d rows, %q", len(dead), dead[1])
	}
	if got := dead[2]; got[2] != "'@SUM(1)" || got[5] != "'+3" || got[11] != "'-5" || got[12] != "'\t'=1+1" {
		t.Errorf("got %q", got)
	}
	if got := read("/rejects.csv")[1]; got[6] != "'=1" || got[7] != "a;'=2" || !strings.HasPrefix(got[8], "'") || got[9] != "12" || got[10] != "\uFFFD[31m" {
		t.Errorf("got %q", got)
	}
}

func TestADownloadThatBreaksOffIsNotTakenForTheWhole(t *testing.T) {
	t.Parallel()
	d := newDesk(time.Now())
	p := newPage(t, d)
	cookie, _ := enter(t, p)
	d.edit(func(d *desk) { d.broken = errors.New("gone") })
	defer func() {
		if got := recover(); got != http.ErrAbortHandler {
			t.Errorf("got %v, want that the connection is cut", got)
		}
	}()
	ask(t, p, http.MethodGet, "/dead.csv", "", "Cookie", cookie)
}

func TestThePlots(t *testing.T) {
	t.Parallel()
	d := newDesk(time.Now())
	p := newPage(t, d)
	for _, path := range []string{"/plot/day.svg", "/plot/month.svg", "/plot/day.svg?theme=dark", "/plot/month.svg?theme=light&size=narrow"} {
		answer := ask(t, p, http.MethodGet, path, "")
		svg := text(t, answer)
		if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != "image/svg+xml" || !strings.HasPrefix(svg, "<svg") || strings.Contains(svg, "style=") {
			t.Errorf("%s: got %d: %.300s", path, answer.StatusCode, svg)
		}
		if !strings.Contains(svg, ">delivered<") {
			t.Errorf("%s lacks its legend", path)
		}
		if err := xml.Unmarshal([]byte(svg), new(struct{})); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		if _, again := get(t, p, path); again != svg {
			t.Errorf("%s is drawn in two ways", path)
		}
	}
	if status, _ := get(t, p, "/plot/year.svg"); status != http.StatusNotFound {
		t.Errorf("got %d, want 404", status)
	}
	_, body := get(t, p, "/")
	if !strings.Contains(body, `alt="In the last 24 hours `) || !strings.Contains(body, "updates were delivered and") {
		t.Errorf("the plot has no words: %s", body)
	}
	for _, few := range [][]dashboard.Point{nil, d.history.Day[:1]} {
		d.edit(func(d *desk) { d.history = dashboard.History{Day: few, Month: few} })
		if _, svg := get(t, p, "/plot/day.svg"); !strings.Contains(svg, "Nothing to draw yet") {
			t.Errorf("got %s", svg)
		}
		if _, body := get(t, p, "/"); !strings.Contains(body, "Nothing to draw yet") {
			t.Errorf("got %s", body)
		}
	}
	same := []dashboard.Point{{At: time.Now().Add(-40 * 24 * time.Hour)}, {At: time.Now()}, {At: time.Now()}}
	d.edit(func(d *desk) { d.history = dashboard.History{Day: same, Month: same} })
	if status, svg := get(t, p, "/plot/day.svg"); status != http.StatusOK {
		t.Errorf("got %d: %s", status, svg)
	}
}

func TestAPlotIsReadAtItsAxes(t *testing.T) {
	t.Parallel()
	d := newDesk(time.Now())
	p := newPage(t, d)
	now := time.Date(2026, 4, 12, 10, 1, 0, 0, time.Local)
	point := func(ago time.Duration, delivered, waiting, wrong int64) dashboard.Point {
		return dashboard.Point{At: now.Add(-ago), Delivered: delivered, Waiting: waiting, Errors: wrong}
	}
	d.edit(func(d *desk) {
		d.history = dashboard.History{
			Day:   []dashboard.Point{point(20*time.Hour, 3, 0, 0), point(10*time.Minute, 0, 1201, 0), point(5*time.Minute, 700, 0, 2), point(0, 0, 0, 0)},
			Month: []dashboard.Point{point(time.Hour, 0, 0, 0), point(0, 0, 0, 0)},
		}
	})
	for path, want := range map[string][]string{
		"/plot/day.svg": {"<title id=\"title\">The last 24 hours<", "<desc id=\"words\">In the last 24 hours 703 updates were delivered", "each 5 minutes<",
			"12:00 16:00 20:00 00:00 04:00 08:00", "0 500 1,000 1,500"},
		"/plot/day.svg?size=narrow": {"12:00 18:00 00:00 06:00", "0 500 1,000 1,500"},
		"/plot/month.svg":           {"each hour<", "18 Mar 23 Mar 28 Mar 2 Apr 7 Apr 12 Apr", "0 1"},
	} {
		_, svg := get(t, p, path)
		svg = regexp.MustCompile(`</text><text[^>]*>`).ReplaceAllString(svg, " ")
		for _, w := range want {
			if !strings.Contains(svg, w) {
				t.Errorf("%s lacks %q:\n%s", path, w, svg)
			}
		}
	}
	_, svg := get(t, p, "/plot/day.svg")
	for colour, want := range map[string]string{"#2563c4": "^(M[^ML]+h0){2}L[^ML]+L[^ML]+$", "#c02637": "^M[^ML]+V[^ML]+$"} { // what is not known is a gap; one error a stem
		path := regexp.MustCompile(`stroke="` + colour + `"[^>]* d="([^"]+)"/>\n`).FindStringSubmatch(svg)
		if path == nil || !regexp.MustCompile(want).MatchString(path[1]) {
			t.Errorf("%s: got %q, want it like %s", colour, path, want)
		}
	}
}

func BenchmarkPage(b *testing.B) {
	p := newPage(b, newDesk(time.Now()))
	cookie, _ := enter(b, p)
	b.ReportAllocs()
	for b.Loop() {
		if status, _ := get(b, p, "/", "Cookie", cookie); status != http.StatusOK {
			b.Fatal(status)
		}
	}
}

func TestASourceIsInOrderWhereItsLastExportWasTaken(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		last dashboard.Export
		want string
	}{
		"taken":   {dashboard.Export{Rows: 3}, "in order"},
		"held":    {dashboard.Export{Rows: 3, Held: true, Refused: "too much"}, "last export not taken"},
		"refused": {dashboard.Export{Refused: "no header"}, "last export not taken"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(time.Now())
			d.edit(func(d *desk) { d.status.Sources = []dashboard.Source{{Name: "main", State: "ok", Last: &x.last}} })
			_, body := get(t, newPage(t, d), "/")
			for _, word := range []string{"in order", "last export not taken"} {
				if got := strings.Contains(body, ">"+word+"<"); got != (word == x.want) {
					t.Errorf("it says %q: %t, want %q", word, got, x.want)
				}
			}
		})
	}
}

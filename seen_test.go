package main_test

import (
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"tillpost/testkit"
)

// failure is a way that a store goes wrong, and how it is seen.
type failure struct {
	name    string
	code    string // of the problem
	log     string // in the log
	noPage  bool   // there is none then
	api     string // more lines of the config's sections
	source  string
	prepare func(*shop) // before the agent starts
	happens func(*shop) // once an export of 60 products is delivered
}

func full(n int, quantity func(int) int64) []string {
	rows := make([]string, n)
	for i := range rows {
		rows[i] = row(i, quantity(i))
	}
	return rows
}

func fives(int) int64 { return 5 }

// changed drops an export with ten other quantities.
func changed(s *shop) {
	s.drop("stock-2.csv", full(60, func(i int) int64 {
		if i < 10 {
			return 6
		}
		return 5
	})...)
}

func edit(old, text string) func(*shop) {
	return func(s *shop) {
		yaml, err := os.ReadFile(s.path("tillpost.yaml"))
		if err != nil {
			s.t.Fatal(err)
		}
		if !strings.Contains(string(yaml), old) {
			s.t.Fatalf("the config lacks %q", old)
		}
		if err := os.WriteFile(s.path("tillpost.yaml"), []byte(strings.Replace(string(yaml), old, text, 1)), 0o600); err != nil {
			s.t.Fatal(err)
		}
	}
}

func answering(text string) func(*shop) {
	return func(s *shop) { s.inject(text); changed(s) }
}

func must(s *shop, err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// failures are the ways to fail that a person can be told of and that can be brought about with the real program; full disks are in
// e2e_disk_linux_test.go. Four are not shown so: an export that cannot be read (tests run as root), a folder that does not answer
// or tells nothing of new files, and a part of the agent that stands still.
var failures = []failure{
	{name: "the token is not accepted", code: "token", log: "the API does not take the token",
		happens: func(s *shop) { s.api.SetToken("another"); changed(s) }},
	{name: "the token's file is gone", code: "token_file", log: "the token cannot be read any more",
		happens: func(s *shop) { must(s, os.Remove(s.path("token"))); changed(s) }},
	{name: "a guest network's page answers", code: "not_our_api", log: "what answers is not the Inventory Update API", happens: answering("html")},
	{name: "the API moves elsewhere", code: "not_our_api", log: "what answers is not the Inventory Update API", happens: answering("302")},
	{name: "everything is refused", code: "everything_refused", log: "the API refuses everything",
		happens: func(s *shop) {
			s.inject("404")
			s.drop("stock-2.csv", full(60, func(i int) int64 { return int64(5 + i%2) })...)
		}},
	{name: "there is no connection", code: "no_connection", log: "no connection to the API",
		happens: func(s *shop) { s.server.CloseClientConnections(); s.server.Close(); changed(s) }},
	{name: "the API fails", code: "api_failing", log: "the API takes no updates", happens: answering("500")},
	{name: "the API asks for a pause", code: "api_slows_down", log: "the API asks for a pause", happens: answering("429,retry-after=60")},
	{name: "one update fails again and again", code: "updates_failing", log: "an update fails again and again", happens: func(s *shop) { s.inject("500,code=" + upc(3)); changed(s) }},
	{name: "sending is paused by command", code: "paused", log: "paused=true",
		happens: func(s *shop) {
			if _, errs, code := s.run("pause"); code != 0 {
				s.t.Fatal(errs)
			}
		}},
	{name: "a product is not known", code: "products_unknown", log: "a dead letter", happens: func(s *shop) { s.api.SetUnknown(upc(3)); changed(s) }},
	{name: "an update is refused", code: "updates_refused", log: "a dead letter", happens: func(s *shop) { s.inject("422,code=" + upc(3)); changed(s) }},
	{name: "an export would empty the store", code: "export_held", log: "export held",
		happens: func(s *shop) { s.drop("stock-2.csv", full(60, func(int) int64 { return 0 })...) }},
	{name: "an export is none", code: "export_refused", log: "export refused",
		happens: func(s *shop) { s.write("stock-2.csv", "Dear colleagues,\nthe till is broken.\n") }},
	{name: "a row is wrong", code: "rejects", log: "rejects=1", happens: func(s *shop) { s.drop("stock-2.csv", row(0, 5), upc(1)+",1O") }},
	{name: "no export comes", code: "overdue", log: "the source is overdue", source: "    expect: 2s\n", happens: func(*shop) {}},
	{name: "the folder is gone", code: "folder_missing", log: "the folder cannot be read", happens: func(s *shop) { must(s, os.Rename(s.path("in"), s.path("away"))) }},
	{name: "exports cannot be archived", code: "exports_not_put_away", log: "an export cannot be put away", source: "    after: archive\n    archive: {folder: put}\n",
		happens: func(s *shop) {
			must(s, os.RemoveAll(s.path("put")))
			must(s, os.WriteFile(s.path("put"), nil, 0o600))
			changed(s)
		}},
	{name: "the outbox is damaged", code: "outbox_made_anew", log: "set aside",
		prepare: func(s *shop) {
			s.kill()
			must(s, os.Truncate(s.path("data/outbox.db"), 9000))
			s.start()
		}},
	{name: "the computer is a copy of another", code: "sent_once_more", log: "every last wanted quantity is sent again", api: "  rate: 1/s\n  burst: 1\n",
		prepare: func(s *shop) {
			s.stop()
			old, err := os.ReadFile(s.path("data/outbox.db"))
			must(s, err)
			s.start()
			s.stop()
			must(s, os.WriteFile(s.path("data/outbox.db"), old, 0o600)) // of yesterday, from a backup
			s.start()
		}},
	{name: "two sources contradict each other", code: "sources_contradict", log: "two sources contradict each other",
		source: "  - name: other\n    folder: other\n    settle: 100ms\n    settle_last: 1s\n    rescan: 1s\n    defaults: {store: \"3\"}\n",
		happens: func(s *shop) {
			must(s, os.Mkdir(s.path("other"), 0o700))
			for i := range 8 {
				folder := [...]string{"in/", "other/"}[i%2]
				name := fmt.Sprintf("%sflap-%d.csv", folder, i)
				must(s, os.WriteFile(s.path(name+".tmp"), []byte(csvText(row(0, int64(10+i)))), 0o600))
				must(s, os.Rename(s.path(name+".tmp"), s.path(name)))
				s.eventually("it is delivered", func() bool { return s.quantities()[upc(0)] == int64(10+i) })
			}
		}},
	{name: "exports are no full lists", code: "no_full_list", log: "missing: zero is off for this export", source: "    missing: zero\n    guard: \"off\"\n",
		happens: func(s *shop) {
			rows := full(103, fives)
			s.drop("stock-2.csv", rows[57:]...) // three in common with the one before it
		}},
	{name: "rejects cannot be written down", code: "rejects_not_listed", log: "rejects cannot be written down",
		happens: func(s *shop) {
			must(s, os.WriteFile(s.path("data/rejects"), nil, 0o600))
			s.drop("stock-2.csv", row(0, 5), upc(1)+",1O")
		}},
	{name: "something else lies in the outbox's place", code: "outbox_unusable", log: "the outbox cannot be used",
		happens: func(s *shop) {
			must(s, os.Rename(s.path("data/outbox.db"), s.path("data/taken")))
			must(s, os.Mkdir(s.path("data/outbox.db"), 0o700))
		}},
	{name: "an export is dated in the future", code: "export_of_the_future", log: "dated in the future",
		happens: func(s *shop) {
			changed(s)
			must(s, os.Chtimes(s.path("in/stock-2.csv"), time.Time{}, time.Now().Add(24*time.Hour)))
		}},
	{name: "the config is edited badly", code: "config_refused", log: "the config was changed and cannot be taken up", happens: edit("rescan: 1s", "rescan: often")},
	{name: "another program has the page's port", code: "page_not_served", log: "the status page cannot be served", noPage: true,
		prepare: func(s *shop) {
			s.stop()
			taken := httptest.NewServer(http.NotFoundHandler())
			s.t.Cleanup(taken.Close)
			edit("127.0.0.1:0", strings.TrimPrefix(taken.URL, "http://"))(s)
			s.start()
		}},
	{name: "the heartbeat is not taken", code: "heartbeat_failing", log: "the heartbeat does not get through", happens: edit("sources:", "heartbeat: {url: \"http://127.0.0.1:1/secret-path\", every: 1s}\nsources:")},
	{name: "the metrics are not taken", code: "metrics_push_failing", log: "metrics cannot be pushed", happens: edit("sources:", "metrics_push: {url: \"http://127.0.0.1:1/secret-path\", every: 1s}\nsources:")},
	{name: "the log's file cannot be written", code: "log_not_written", log: "the log file cannot be written",
		happens: func(s *shop) {
			must(s, os.WriteFile(s.path("logs"), nil, 0o600))
			edit("sources:", "log: {file: logs/till.log}\nsources:")(s)
		}},
}

// TestEveryFailureIsSeen brings each about, and looks at where people and machines look: within a second of one of them all of them
// tell it. I21.
func TestEveryFailureIsSeen(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		testkit.Lacks(t, "what is open cannot be moved away on Windows")
	}
	for _, f := range failures {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			s := f.begin(t)
			page := ""
			if !f.noPage {
				page = s.page()
			}
			if f.happens != nil {
				f.happens(s)
			}
			f.isSeen(s, page)
		})
	}
}

// begin makes a shop in which the failure can happen: with a status page, and an export that is delivered.
func (f *failure) begin(t testing.TB) *shop {
	t.Helper()
	s := newShop(t, f.api, f.source)
	edit(`listen: "off"`, `listen: "127.0.0.1:0"`)(s)
	if strings.Contains(f.api, "rate") {
		edit("  rate: unlimited\n", "")(s)
	}
	s.start()
	if f.api == "" {
		s.drop("stock-1.csv", full(60, fives)...)
		s.eventually("all is delivered", func() bool { return s.holds(allFives) })
	} else {
		s.drop("stock-1.csv", full(6, fives)...)
		s.eventually("all is delivered", func() bool { return len(s.quantities()) == 6 })
	}
	if f.prepare != nil {
		f.prepare(s)
	}
	return s
}

var allFives = func() map[string]int64 {
	m := map[string]int64{}
	for i := range 60 {
		m[upc(i)] = 5
	}
	return m
}()

// page is the address of the shop's status page.
func (s *shop) page() string {
	s.t.Helper()
	page := ""
	s.eventually("the status page is served", func() bool {
		page, _ = s.status()["page"].(string)
		return page != ""
	})
	return page
}

// link is a one-time link, as `tillpost open` prints it.
func (s *shop) link() string {
	s.t.Helper()
	out, errs, code := s.run("open", "--print")
	link := strings.TrimSpace(out)
	if code != 0 || !strings.HasPrefix(link, "http://127.0.0.1:") {
		s.t.Fatalf("open --print: got %d, %q, %q", code, out, errs)
	}
	return link
}

// isSeen waits until one place tells of the failure, and then gives the others a second.
func (f *failure) isSeen(s *shop, page string) {
	s.t.Helper()
	var seen struct{ status, log, page, metrics bool }
	look := func() bool {
		out, errs, code := s.run("status", "--json")
		var st map[string]any
		what, do := "", ""
		switch {
		case code == 2 && f.code == "config_refused": // then status says itself what is wrong in it
			what = "The config was changed and cannot be taken up; the one before goes on."
			seen.status = strings.Contains(errs, `sources[0].rescan: "often" is not a duration`)
		case code == 1 && f.code == "outbox_unusable": // there is none to ask, and the command says why
			what = "The outbox cannot be used."
			seen.status = strings.Contains(errs, s.path("data"))
		case code == 1: // the agent takes up another config
			return false
		case code != 0 || json.Unmarshal([]byte(out), &st) != nil:
			s.t.Fatalf("status ended with %d: %s", code, errs)
		default:
			what, do = wordsOf(st, f.code)
			seen.status = what != ""
		}
		seen.log = f.log == "" || strings.Contains(s.log.String(), f.log)
		if f.noPage {
			seen.page, seen.metrics = true, true
		} else if page != "" {
			text := textOf(get(s, page))
			seen.page = what != "" && strings.Contains(text, strings.TrimSuffix(textOf(what)[1:], ".")) && strings.Contains(text, textOf(do))
			seen.metrics = strings.Contains(get(s, page+"metrics"), fmt.Sprintf("problem=%q", f.code))
		}
		return seen.status && f.code != "config_refused" && f.code != "outbox_unusable" || seen.page || seen.metrics || f.log != "" && seen.log
	}
	s.eventually("somebody tells of it", look)
	all := func() bool {
		look()
		return seen.status && seen.log && seen.page && seen.metrics
	}
	for range 4 { // a second; where looks take long, because the machine does much else, at least four of them
		if testkit.Within(time.Second/4, all) {
			return
		}
	}
	s.t.Errorf("a second after the first place that told of %s: %+v\nthe page:\n%s", f.code, seen, get(s, page))
}

// wordsOf are the words of a problem in a status; empty where it is not there.
func wordsOf(st map[string]any, code string) (what, do string) {
	list, _ := st["problems"].([]any)
	for _, p := range list {
		p, _ := p.(map[string]any)
		if p["problem"] == code {
			what, _ = p["what"].(string)
			do, _ = p["do"].(string)
		}
	}
	return what, do
}

// tags are what makes words code or links.
var tags = regexp.MustCompile(`<[^>]*>|\x60`)

// textOf is what a person reads of a page, without the signs of code, as one line.
func textOf(page string) string {
	return strings.Join(strings.Fields(html.UnescapeString(tags.ReplaceAllString(page, ""))), " ")
}

func get(s *shop, url string) string {
	if url == "" {
		return ""
	}
	res, err := http.Get(url)
	if err != nil {
		return err.Error()
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return err.Error()
	}
	for _, secret := range []string{apiToken, "secret-path"} { // the second is of the heartbeat's URL, and of the push's
		if strings.Contains(string(body), secret) {
			s.t.Errorf("%s holds %q", url, secret)
		}
	}
	return string(body)
}

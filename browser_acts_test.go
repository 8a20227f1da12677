//go:build browser

package main_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"tillpost/testkit"
)

// busy is a shop with some of everything: three dead letters of three reasons, a reject, and a held export.
func busy(t *testing.T) *shop {
	t.Helper()
	s := (&failure{}).begin(t)
	s.api.SetUnknown(upc(3))
	s.inject("422,words=Not for sale here,code=" + upc(4))
	s.inject("422,words=Discontinued,code=" + upc(5))
	rows := full(60, func(i int) int64 { return 5 + int64(max(0, 10-i)/4) })
	s.drop("stock-2.csv", append(rows, upc(60)+",=1+1")...)
	s.eventually("three are dead letters", func() bool { return s.status()["dead"] == 3.0 && s.status()["pending"] == 0.0 })
	s.drop("stock-3.csv", append(full(60, func(int) int64 { return 0 }), upc(60)+",=1+1")...)
	s.eventually("an export is held", func() bool { return s.status()["held"] == 1.0 })
	return s
}

// listed is what a command lists with --json.
func (s *shop) listed(args ...string) (list []map[string]any) {
	s.t.Helper()
	out, errs, code := s.run(append(args, "--json")...)
	if code != 0 && code != 3 {
		s.t.Fatalf("%v: got %d, %s", args, code, errs)
	}
	for line := range strings.Lines(out) {
		var one map[string]any
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			s.t.Fatalf("%v: %q: %v", args, line, err)
		}
		list = append(list, one)
	}
	return list
}

func either(is bool, yes, no int) int {
	if is {
		return yes
	}
	return no
}

// dead are the UPCs of the dead letters.
func (s *shop) dead() (list []string) {
	s.t.Helper()
	for _, d := range s.listed("dead", "list") {
		key, _ := d["key"].(map[string]any)
		list = append(list, fmt.Sprint(key["upc"]))
	}
	slices.Sort(list)
	return list
}

func (s *shop) isDead(want ...string) {
	s.t.Helper()
	s.eventually(fmt.Sprintf("dead are %q", want), func() bool { return slices.Equal(s.dead(), want) })
}

// group is the selector of what is in the card of the refused updates whose words hold a text.
func (v *visitor) group(words, inside string) string {
	v.t.Helper()
	id := ""
	v.sees("the refused ones: "+words, fmt.Sprintf("[...document.querySelectorAll('#dead .group')].some((g) => g.innerText.includes(%q))", words))
	id = eval[string](v, fmt.Sprintf("[...document.querySelectorAll('#dead .group')].find((g) => g.innerText.includes(%q)).id", words))
	return "#" + id + " " + inside
}

const (
	again   = `button[formaction="/dead/retry"]`
	forget  = `button[formaction="/dead/discard"]`
	release = `button[formaction="/held/release"]`
	discard = `button[formaction="/held/discard"]`
)

// secrets are what nobody sees who is not let in: of the exports, the API's answers, the disk.
func (s *shop) secrets() []string {
	return []string{upc(3), upc(4), "stock-1.csv", "stock-2.csv", "stock-3.csv", "Not for sale here", "Discontinued", "=1+1", s.dir, "Pause sending", "/log", "csrf"}
}

func TestWhoIsNotLetInSeesNoRowsAndNoButtons(t *testing.T) {
	t.Parallel()
	s := busy(t)
	v := s.visit(t)
	v.reads(`Needs you: an export is held, .*`)
	source := eval[string](v, "document.documentElement.outerHTML")
	for _, secret := range s.secrets() {
		if strings.Contains(source, secret) {
			t.Errorf("the page holds %q", secret)
		}
	}
	if n := eval[int](v, "document.querySelectorAll('button, form, input').length"); n != 0 {
		t.Errorf("got %d buttons and forms, want none", n)
	}
	if text := v.text("#locked"); !strings.Contains(text, "Run tillpost open on this machine") {
		t.Errorf("it does not say how to see more: %q", text)
	}
	v.expects("403")
	for _, path := range []string{"log", "why?code=" + upc(3), "dead.csv", "rejects.csv"} {
		v.goes(v.home + path)
		if text := v.text("main"); !strings.Contains(text, "This part is locked") || !strings.Contains(text, "tillpost open") {
			t.Errorf("%s shows %q", path, text)
		}
		v.isForEverybody()
	}
}

func TestTheLinkWorksOnceAndShowsEverything(t *testing.T) {
	t.Parallel()
	s := busy(t)
	v := s.tab(t)
	link := s.link()
	v.goes(link)
	v.sees("the page with everything in it", "location.href === "+fmt.Sprintf("%q", v.home)+" && !!document.getElementById('lookup')")
	eval[bool](v, "(() => { for (const d of document.querySelectorAll('details')) d.open = true; return true })()")
	text := v.text("body")
	for _, want := range []string{upc(3), upc(4), upc(5), "stock-2.csv", "stock-3.csv", "Not for sale here", "Discontinued", s.dir, "Pause sending", "Release this export", "Look up a product", "Log", "Leave",
		"The web shop does not know this product", "1 row without a number as quantity"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if cookie := eval[string](v, "document.cookie"); cookie != "" {
		t.Errorf("a script reads the cookie %q", cookie)
	}
	v.isForEverybody()

	other := s.tab(t)
	other.expects("410")
	other.goes(link)
	if text := other.text("main"); !strings.Contains(text, "This link has been used, or is too old") || !strings.Contains(text, "Run tillpost open on this machine again.") {
		t.Errorf("the link a second time shows %q", text)
	}
	other.isForEverybody()

	v.presses("header button")
	v.sees("the page as it was before", "!!document.getElementById('locked')")
	v.goes(v.home)
	if text := v.text("#locked"); text == "" {
		t.Error("whoever left is still in")
	}
}

// TestTheFileThatOpenHandsToTheBrowserLeadsIn: the browser comes from a file then, which is another site to it.
func TestTheFileThatOpenHandsToTheBrowserLeadsIn(t *testing.T) {
	t.Parallel()
	s := busy(t)
	v := s.tab(t)
	v.abroad = true
	file := filepath.Join(t.TempDir(), "open.html")
	page := `<!doctype html><meta name="referrer" content="no-referrer"><meta http-equiv="refresh" content="0; url=` + s.link() + `">`
	if err := os.WriteFile(file, []byte(page), 0o600); err != nil {
		t.Fatal(err)
	}
	v.goes("file://" + filepath.ToSlash(file))
	v.sees("the page with everything in it", "location.pathname === '/' && !!document.getElementById('lookup')")
}

func TestEachButtonDoesWhatItSays(t *testing.T) {
	t.Parallel()
	s := busy(t)
	v := s.visit(t)
	v.comesIn()

	v.presses("#pause")
	v.told("Sending is paused. Exports are still read, and nothing is lost.")
	v.reads(`Paused by command\. .*`)
	if st := s.status(); st["state"] != "paused" || st["why"] != "by command" {
		t.Errorf("paused: got %v, %v", st["state"], st["why"])
	}
	v.presses("#resume")
	v.told("Sending goes on.")
	v.reads(`Needs you: an export is held, .*`)
	if st := s.status(); st["state"] != "running" {
		t.Errorf("resumed: got %v", st["state"])
	}

	s.api.ClearFaults()
	s.inject("422,words=Discontinued,code=" + upc(5))
	v.presses(v.group("Not for sale here", again))
	v.told("1 refused update is sent again.")
	s.isDead(upc(3), upc(5))
	s.eventually("it is delivered", func() bool { return s.quantities()[upc(4)] == 6 })

	v.presses(v.group("does not know this product", forget))
	v.told("1 refused update is discarded.")
	s.isDead(upc(5))

	v.presses("#dead > .row " + again)
	v.told("1 refused update is sent again.")
	s.isDead(upc(5))
	s.api.ClearFaults()
	v.presses("#dead > .row " + again)
	v.told("1 refused update is sent again.")
	s.isDead()
	s.eventually("it is delivered", func() bool { return s.quantities()[upc(5)] == 6 })
	v.sees("no refused updates", "!document.getElementById('dead')")

	s.inject("422,code=" + upc(6))
	s.inject("422,code=" + upc(7))
	s.drop("part-1.csv", row(6, 9), row(7, 9))
	s.isDead(upc(6), upc(7))
	v.presses("#dead > .row " + forget)
	v.told("2 refused updates are discarded.")
	s.isDead()
	if got := s.quantities(); got[upc(6)] == 9 || got[upc(3)] != 5 {
		t.Errorf("the API holds %d and %d of what was discarded", got[upc(6)], got[upc(3)])
	}

	v.presses("#held " + release)
	v.told("The export is released, and read in a moment.")
	s.api.ClearFaults()
	s.eventually("all that nobody has named since is zero at the API", func() bool {
		n := 0
		for _, q := range s.quantities() {
			n += either(q == 0, 1, 0)
		}
		return n == 57 // and one that the API does not know
	})
	if held := s.listed("held", "list"); len(held) > 0 {
		t.Errorf("still held: %v", held)
	}
}

func TestTheListsAndTheOtherPages(t *testing.T) {
	t.Parallel()
	s := busy(t)
	v := s.visit(t)
	v.comesIn()
	v.isPictured(picture{"held", "#held", looks[0]}, picture{"refused", "#dead", looks[0]})
	folder := t.TempDir()
	if _, err := chromedp.CallBrowser(v.ctx, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{
		Behavior: browser.SetDownloadBehaviorBehaviorAllow, DownloadPath: folder, BrowserContextID: chromedp.FromContext(v.ctx).BrowserContextID}); err != nil {
		t.Fatal(err)
	}
	dead := v.downloads(folder, "#dead > p a[download]", "tillpost-dead.csv")
	rows := map[string][]string{}
	for _, row := range dead[1:] {
		rows[row[1]] = row
	}
	if got := rows[upc(4)]; len(dead) != 4 || got == nil || !slices.Equal(got[:9], []string{"refused", upc(4), "", "", "", "3", "6", "422", "Not for sale here"}) || !slices.Equal(got[11:], []string{"main", "stock-2.csv", "6"}) {
		t.Errorf("the dead letters: got %q", dead)
	}
	if got := rows[upc(3)]; got == nil || got[0] != "unknown" || got[7] != "404" {
		t.Errorf("the dead letters: got %q", dead)
	}
	rejects := v.downloads(folder, "#rejects a[download]", "tillpost-rejects.csv")
	if len(rejects) != 2 || rejects[1][0] != "main" || rejects[1][1] != "stock-2.csv" || rejects[1][2] != "62" || !slices.Equal(rejects[1][6:], []string{upc(60), "'=1+1"}) {
		t.Errorf("the rejects: got %q", rejects)
	}

	v.does(chromedp.SendKeys("#code", upc(8)+kb.Enter))
	v.sees("the story of the product", "location.pathname === '/why' && !!document.querySelector('.story')")
	if text := v.text("main"); !strings.Contains(text, upc(8)) || !strings.Contains(text, "stock-2.csv") {
		t.Errorf("the story is %q", text)
	}
	v.isForEverybody()
	eval[bool](v, "(() => { document.getElementById('code').value = ''; return true })()")
	v.does(chromedp.SendKeys("#code", "no-such"+kb.Enter))
	v.sees("that nothing is known", "document.querySelector('main').innerText.includes('Nothing is known of no-such. No export has named it.')")
	v.isForEverybody()

	v.presses(`nav a[href="/log"]`)
	v.sees("the log", "location.pathname === '/log' && document.querySelector('.log').innerText.includes('export held')")
	v.isForEverybody()
	v.does(chromedp.Click(".brand"))
	v.sees("the page again", "!!document.getElementById('sentence')")
}

// downloads presses a link, and reads the file that comes.
func (v *visitor) downloads(folder, selector, name string) [][]string {
	v.t.Helper()
	v.presses(selector)
	file := filepath.Join(folder, name)
	// Chromium makes an empty file of that name first, and puts the whole one in its place.
	if !testkit.Within(patience, func() bool { about, err := os.Stat(file); return err == nil && about.Size() > 0 }) {
		v.t.Fatalf("%s does not come", name)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		v.t.Fatal(err)
	}
	rest, ok := strings.CutPrefix(string(text), "\uFEFF")
	list := csv.NewReader(strings.NewReader(rest))
	list.FieldsPerRecord = -1 // the cells of a row are at its end
	rows, err := list.ReadAll()
	if !ok || err != nil || len(rows) < 2 {
		v.t.Fatalf("%s is %q: %v", name, text, err)
	}
	return rows
}

// TestThePageWorksWithoutScripts: all is read, and each button works; the page is read again by itself.
func TestThePageWorksWithoutScripts(t *testing.T) {
	t.Parallel()
	s := busy(t)
	v := s.tab(t)
	if _, err := chromedp.Call(v.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		t.Fatal(err)
	}
	v.goes(s.link())
	if path := eval[string](v, "location.pathname"); !strings.HasPrefix(path, "/open/") {
		t.Fatalf("the link leads on to %s by itself, without a script", path)
	}
	v.presses("#open button")
	v.sees("the page with everything in it", "location.pathname === '/' && !!document.getElementById('lookup')")
	if again := eval[string](v, "document.querySelector('noscript meta[http-equiv=refresh]')?.content ?? ''"); again != "30" {
		t.Errorf("the page is read again after %q, want 30", again)
	}
	text := v.text("body")
	for _, want := range []string{"Needs you: an export is held", "Not for sale here", "stock-3.csv", "1 row without a number as quantity"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	v.presses("#pause")
	v.told("Sending is paused. Exports are still read, and nothing is lost.")
	if st := s.status(); st["state"] != "paused" {
		t.Errorf("paused: got %v", st["state"])
	}
	v.presses("#resume")
	v.told("Sending goes on.")
	v.presses("#held " + discard)
	v.told("The export is discarded.")
	if held := s.listed("held", "list"); len(held) > 0 {
		t.Errorf("still held: %v", held)
	}
	if n := s.quantities()[upc(50)]; n != 5 {
		t.Errorf("the API holds %d, want what it held", n)
	}
	v.presses(v.group("Not for sale here", "details summary"))
	if text := v.text(v.group("Not for sale here", "table")); !strings.Contains(text, upc(4)) {
		t.Errorf("what was opened shows %q", text)
	}
}

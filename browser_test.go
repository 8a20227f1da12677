//go:build browser

package main_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"tillpost/testkit"
)

// The tests of browser_*_test.go look at the status page as a person does: in Chromium, as the real binary serves it.

// chromium is the one browser of all tests, from when the first of them asks for it.
var chromium struct {
	once sync.Once
	ctx  context.Context // of the browser; tabs are made of it
	end  func() error    // nil = it was not started
	err  error
}

// openChromium starts the browser, or skips the test where there is none.
func openChromium(t *testing.T) context.Context {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil && path == "" {
			path = found
		}
	}
	if path == "" {
		testkit.Lacks(t, "there is no Chromium here")
	}
	chromium.once.Do(func() { chromium.err = startChromium(path) })
	if chromium.err != nil {
		t.Fatal(chromium.err)
	}
	return chromium.ctx
}

// startChromium starts the browser with a home of its own, so that it leaves nothing behind.
func startChromium(path string) error {
	home, err := os.MkdirTemp("", "tillpost-chromium-")
	if err != nil {
		return err
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.UserDataDir(filepath.Join(home, "profile")),
		chromedp.Env("HOME="+home, "TMPDIR="+home, "XDG_CONFIG_HOME="+home, "XDG_CACHE_HOME="+home),
		chromedp.NoSandbox, // which no container lets it have; it is shown our own pages alone
		chromedp.Flag("disable-component-update", true))
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, _ = chromedp.NewContext(ctx) // Cancel ends it
	chromium.ctx = ctx
	chromium.end = func() error {
		late := time.AfterFunc(20*time.Second, cancel)
		defer late.Stop()
		err := chromedp.Cancel(ctx)
		cancel()
		// Its helpers write for a moment longer.
		if !testkit.Within(10*time.Second, func() bool { return os.RemoveAll(home) == nil }) {
			err = errors.Join(err, fmt.Errorf("%s cannot be removed", home))
		}
		return err
	}
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		return fmt.Errorf("start Chromium: %w", err)
	}
	return nil
}

func init() { atTheEnd = closeChromium }

// closeChromium ends the browser, if a test has asked for it.
func closeChromium() error {
	if chromium.end == nil {
		return nil
	}
	return chromium.end()
}

// visitor is a person at a tab, with cookies of their own.
type visitor struct {
	t    *testing.T
	shop *shop
	home string          // the status page's address
	ctx  context.Context // of the tab

	mu       sync.Mutex
	requests []string         // what was asked for
	wrong    []string         // what the browser complains of
	expected []*regexp.Regexp // of that, what is as it should be
	abroad   bool             // other sites may be asked
}

// visit opens a tab, and in it the status page. What the browser complains of then, and each request that leaves the page's
// origin, fails the test at its end.
func (s *shop) visit(t *testing.T) *visitor {
	t.Helper()
	v := s.tab(t)
	v.goes(v.home)
	return v
}

// tab opens an empty tab.
func (s *shop) tab(t *testing.T) *visitor {
	t.Helper()
	v := &visitor{t: t, shop: s, home: s.page()}
	tab, cancel := chromedp.NewContext(openChromium(t), chromedp.WithNewBrowserContext(), chromedp.WithListener(v.hear))
	t.Cleanup(func() {
		if t.Failed() {
			body, _ := ask[string](v, "document.body.innerText") // a tab that hangs has none
			t.Logf("the page shows:\n%s", body)
		}
		cancel()
		v.isContent()
	})
	if err := chromedp.Do(tab, chromedp.EmulateViewport(1024, 768)); err != nil {
		t.Fatal(err)
	}
	var end context.CancelFunc
	v.ctx, end = context.WithTimeout(tab, 3*patience)
	t.Cleanup(end)
	return v
}

// hear notes what the tests' end looks at.
func (v *visitor) hear(event any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		v.requests = append(v.requests, e.Request.URL)
	case *runtime.EventConsoleAPICalled:
		v.wrong = append(v.wrong, fmt.Sprintf("console.%s", e.Type))
	case *runtime.EventExceptionThrown:
		v.wrong = append(v.wrong, "exception: "+e.ExceptionDetails.Text)
	case *log.EventEntryAdded: // what the policy of the page forbids is among them
		v.wrong = append(v.wrong, fmt.Sprintf("%s: %s (%s)", e.Entry.Level, e.Entry.Text, e.Entry.URL))
	}
}

// expects names what the browser complains of rightly.
func (v *visitor) expects(pattern string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.expected = append(v.expected, regexp.MustCompile(pattern))
}

// isContent looks at what was heard.
func (v *visitor) isContent() {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, url := range v.requests {
		if !v.abroad && !strings.HasPrefix(url, v.home) && !strings.HasPrefix(url, "data:") && url != "about:blank" {
			v.t.Errorf("the page asked for %s", url)
		}
	}
	for _, text := range v.wrong {
		if !slices.ContainsFunc(v.expected, func(e *regexp.Regexp) bool { return e.MatchString(text) }) {
			v.t.Errorf("the browser complains: %s", text)
		}
	}
}

// ask is the value of a script in the page.
func ask[T any](v *visitor, js string) (T, error) {
	return chromedp.Run(v.ctx, chromedp.Evaluate[T](js, chromedp.EvalAwaitPromise))
}

// eval is ask where it must have one.
func eval[T any](v *visitor, js string) T {
	v.t.Helper()
	value, err := ask[T](v, js)
	if err != nil {
		v.t.Fatalf("%s: %v", js, err)
	}
	return value
}

// does acts on the page.
func (v *visitor) does(steps ...chromedp.Action[chromedp.Void]) {
	v.t.Helper()
	if err := chromedp.Do(v.ctx, steps...); err != nil {
		v.t.Fatal(err)
	}
}

func (v *visitor) goes(url string) {
	v.t.Helper()
	v.does(chromedp.Navigate(url))
}

// sees waits until a script is true.
func (v *visitor) sees(what, js string) {
	v.t.Helper()
	v.seesWithin(patience, what, js)
}

func (v *visitor) seesWithin(limit time.Duration, what, js string) {
	v.t.Helper()
	var err error
	if !testkit.Within(limit, func() bool {
		var ok bool
		ok, err = ask[bool](v, js) // it fails where the page is about to be another
		return err == nil && ok
	}) {
		v.t.Fatalf("not seen in %v: %s (%s; %v)", limit, what, js, err)
	}
}

// text is what an element shows; empty where there is none.
func (v *visitor) text(selector string) string {
	v.t.Helper()
	return eval[string](v, fmt.Sprintf("document.querySelector(%q)?.innerText ?? ''", selector))
}

// reads waits until the sentence on top is as a pattern says.
func (v *visitor) reads(pattern string) {
	v.t.Helper()
	v.sees("the sentence "+pattern, fmt.Sprintf("new RegExp(%q).test(document.getElementById('sentence')?.textContent)", "^(?:"+pattern+")$"))
}

// presses clicks on an element once it is there. What hides it is opened before.
func (v *visitor) presses(selector string) {
	v.t.Helper()
	v.sees(selector, fmt.Sprintf("!!document.querySelector(%q)", selector))
	var err error
	if !testkit.Within(patience, func() bool {
		err = v.tries(selector)
		return err == nil
	}) {
		v.t.Fatalf("%s cannot be pressed: %v", selector, err)
	}
}

// tries is presses, once: the page may become another between two of its steps, and what was marked in it is not marked any more.
func (v *visitor) tries(selector string) error {
	for range 3 { // details within details
		closed, err := ask[bool](v, fmt.Sprintf("(() => { const e = document.querySelector(%q); const d = (e.matches('summary') ? e.parentElement : e).parentElement.closest('details:not([open])'); document.querySelector('[data-next]')?.removeAttribute('data-next'); d?.querySelector('summary').setAttribute('data-next', ''); return !!d })()", selector))
		if err != nil {
			return err
		}
		if !closed {
			break
		}
		if err := v.clicks("[data-next]"); err != nil {
			return err
		}
	}
	return v.clicks(selector)
}

// clicks clicks on an element that can be seen, or soon can be.
func (v *visitor) clicks(selector string) error {
	ctx, cancel := context.WithTimeout(v.ctx, 5*time.Second)
	defer cancel()
	return chromedp.Do(ctx, chromedp.Click(selector))
}

// told waits for the message of what was done.
func (v *visitor) told(text string) {
	v.t.Helper()
	v.sees("the message "+text, fmt.Sprintf("document.getElementById('message')?.innerText === %q", text))
}

// comesIn uses a link up.
func (v *visitor) comesIn() {
	v.t.Helper()
	v.goes(v.shop.link())
	v.sees("the page with everything in it", "location.pathname === '/' && !!document.getElementById('lookup')")
}

// look is how a page may be shown.
type look struct {
	name          string
	width, height int64
	scheme        string
	motion        string
}

var looks = []look{
	{"wide and light", 1024, 768, "light", "no-preference"},
	{"wide and dark", 1024, 768, "dark", "reduce"},
	{"narrow and light", 360, 740, "light", "reduce"},
	{"narrow and dark", 360, 740, "dark", "no-preference"},
}

// looksAs shows the page so.
func (v *visitor) looksAs(l look) {
	v.t.Helper()
	v.does(chromedp.EmulateViewport(l.width, l.height))
	features := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: l.scheme}, {Name: "prefers-reduced-motion", Value: l.motion}}
	if _, err := chromedp.Call(v.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features}); err != nil {
		v.t.Fatal(err)
	}
	eval[bool](v, "Promise.allSettled(document.getAnimations().map((a) => a.finished)).then(() => true)") // colours come slowly
}

//go:build browser

package main_test

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// controls are what must be reached by the keyboard, in the order of the page.
const controls = `[...document.querySelectorAll('a[href], button, input:not([type=hidden]), summary, [tabindex="0"]')].filter((e) => e.checkVisibility())`

// focused is where the keyboard is among the controls, -1 = nowhere; and whether that is seen: an outline, within the window.
const focused = `(() => {
  const e = document.activeElement, style = getComputedStyle(e), box = e.getBoundingClientRect();
  const seen = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2 && box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
  return { at: ` + controls + `.indexOf(e), seen, what: e.outerHTML.slice(0, 120) };
})()`

type focus struct {
	At   int
	Seen bool
	What string
}

// TestAllIsReachedByTheKeyboard: the Tab key goes through all controls in the order of the page, and each shows where one is.
func TestAllIsReachedByTheKeyboard(t *testing.T) {
	t.Parallel()
	s := busy(t)
	v := s.visit(t)
	v.comesIn()
	for _, l := range []look{looks[0], looks[3]} {
		v.looksAs(l)
		for _, path := range []string{"", "log", "why?code=" + upc(3)} {
			v.goes(v.home + path)
			eval[bool](v, "(() => { for (const d of document.querySelectorAll('details')) d.open = true; return true })()")
			n := eval[int](v, controls+".length")
			for i := range n {
				v.does(chromedp.KeyEvent(kb.Tab))
				if got := eval[focus](v, focused); got.At != i || !got.Seen {
					t.Errorf("%s, /%s: key %d of %d leads to %d, seen: %t: %s", l.name, path, i+1, n, got.At, got.Seen, got.What)
				}
			}
			if n < 6 {
				t.Errorf("/%s has %d controls", path, n)
			}
		}
	}
}

func TestTheKeyboardDoesWhatTheMouseDoes(t *testing.T) {
	t.Parallel()
	s := busy(t)
	v := s.visit(t)
	v.comesIn()

	v.does(chromedp.KeyEvent(kb.Tab))
	if !eval[bool](v, "document.activeElement.className === 'skip' && document.activeElement.getBoundingClientRect().top >= 0") {
		t.Error("the first key does not show the link to the content")
	}
	v.does(chromedp.KeyEvent(kb.Enter))
	v.sees("the content", "document.activeElement.id === 'main'")
	v.does(chromedp.KeyEvent(kb.Tab))
	if !eval[bool](v, "document.getElementById('main').contains(document.activeElement)") {
		t.Error("after the link to the content, a key does not lead into it")
	}

	v.tabsTo("document.activeElement.id === 'pause'")
	v.does(chromedp.KeyEvent(" "))
	v.told("Sending is paused. Exports are still read, and nothing is lost.")
	v.tabsTo("document.activeElement.id === 'resume'")
	v.does(chromedp.KeyEvent(kb.Enter))
	v.told("Sending goes on.")

	v.tabsTo("document.activeElement.matches('#held details summary') && document.activeElement.innerText.startsWith('Discard')")
	v.does(chromedp.KeyEvent(kb.Enter))
	v.sees("the question", "document.activeElement.parentElement.open")
	v.does(chromedp.KeyEvent(kb.Tab))
	if !eval[bool](v, "document.activeElement.innerText === 'Discard this export'") {
		t.Fatal("the next key does not lead to the button")
	}
	v.does(chromedp.KeyEvent(" "))
	v.told("The export is discarded.")
	if held := s.listed("held", "list"); len(held) > 0 {
		t.Errorf("still held: %v", held)
	}
	v.tabsTo("document.activeElement.id === 'code'")
	v.does(chromedp.KeyEvent(upc(8) + kb.Enter))
	v.sees("the story of the product", "location.pathname === '/why' && !!document.querySelector('.story')")
}

// tabsTo presses the Tab key until it has led somewhere.
func (v *visitor) tabsTo(js string) {
	v.t.Helper()
	for range 100 {
		if eval[bool](v, js) {
			return
		}
		v.does(chromedp.KeyEvent(kb.Tab))
	}
	v.t.Fatalf("the keyboard does not lead to %s", js)
}

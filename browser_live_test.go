//go:build browser

package main_test

import (
	"fmt"
	"testing"
	"time"
)

// soon is in how many seconds a page that is open shows what has happened, on a machine that does much else.
const soon = 20 * time.Second

// stays marks a page, and isTheSame says that it was not read again meanwhile.
func (v *visitor) stays() {
	v.t.Helper()
	eval[bool](v, "window.stays = true")
}

func (v *visitor) isTheSame() {
	v.t.Helper()
	if same, err := ask[bool](v, "window.stays === true"); err != nil || !same {
		v.t.Errorf("the page was read again (%v)", err)
	}
}

// readsSoon is reads within the time that a person waits.
func (v *visitor) readsSoon(pattern string) {
	v.t.Helper()
	v.seesWithin(soon, "the sentence "+pattern, fmt.Sprintf("new RegExp(%q).test(document.getElementById('sentence').textContent)", "^(?:"+pattern+")$"))
}

func TestAPageThatIsOpenFollowsTheAgent(t *testing.T) {
	t.Parallel()
	s := begun(t, "", "")
	stranger, owner := s.visit(t), s.visit(t)
	owner.comesIn()
	both := []*visitor{stranger, owner}
	for _, v := range both {
		v.reads(`Ready\. No export has come yet\.`)
		v.stays()
	}

	s.drop("stock-1.csv", append(full(60, fives), upc(60)+",1O")...)
	for _, v := range both {
		v.readsSoon(`All is well but for 1 row that was left out\. 60 products are up to date; the last export came just now\.`)
		v.seesWithin(soon, "60 delivered", "document.querySelector('#card-delivered .big').textContent === '60'")
	}

	// What one works with stays as it is: what is open, where one is, and what one has typed.
	owner.presses("#rejects summary")
	owner.presses("#sources .source details summary")
	eval[bool](owner, "(() => { const c = document.getElementById('code'); c.focus(); c.value = '8496'; c.setSelectionRange(1, 3); return true })()")
	kept := "document.activeElement.id === 'code' && document.activeElement.value === '8496' && document.activeElement.selectionStart === 1 && document.activeElement.selectionEnd === 3 && " +
		"document.querySelector('#rejects details').open && document.querySelector('#sources .source details').open"
	owner.sees("what was opened", kept)

	s.api.SetToken("another")
	s.drop("stock-2.csv", append(full(60, func(i int) int64 { return 5 + int64(either(i < 10, 1, 0)) }), upc(60)+",1O")...)
	for _, v := range both {
		v.readsSoon(`Stopped: the API does not accept the token\. Nothing is lost: 10 updates wait\.`)
		v.seesWithin(soon, "its title", "document.title === 'Stopped · tillpost'")
	}
	s.api.SetToken(apiToken)
	for _, v := range both {
		v.readsSoon(`All is well but for 1 row that was left out\. 60 products are up to date; the last export came just now\.`)
		v.seesWithin(soon, "70 delivered", "document.querySelector('#card-delivered .big').textContent === '70'")
		v.isTheSame()
	}
	if !eval[bool](owner, kept) {
		t.Errorf("what was opened, or where one was, is lost: %v", eval[any](owner, "[document.activeElement.outerHTML.slice(0, 200), document.activeElement.value, document.activeElement.selectionStart, document.activeElement.selectionEnd, document.querySelector('#rejects details')?.open, document.querySelector('#sources .source details')?.open]"))
	}

	// A button keeps the focus too.
	eval[bool](owner, "(() => { document.getElementById('pause').focus(); return true })()")
	s.drop("stock-3.csv", row(0, 3))
	owner.seesWithin(soon, "71 delivered", "document.querySelector('#card-delivered .big').textContent === '71'")
	owner.isTheSame()
	if !eval[bool](owner, "document.activeElement.id === 'pause'") {
		t.Error("the button has lost the focus")
	}
}

func TestAPageWhoseAgentStopsSaysSoAndRecovers(t *testing.T) {
	t.Parallel()
	s := newShop(t, "", "")
	edit(`listen: "off"`, fmt.Sprintf("listen: %q", freePort(t)))(s)
	s.start()
	stranger, owner := s.visit(t), s.visit(t)
	owner.comesIn()
	const lost = "!document.getElementById('lost').hidden && document.title === 'No connection · tillpost' && document.getElementById('lost').checkVisibility() && " +
		"document.getElementById('lost').innerText === 'This page has lost the agent. What it shows may be old.'"
	const found = "document.getElementById('lost').hidden && document.title === 'All is well · tillpost'"
	for _, v := range []*visitor{stranger, owner} {
		v.expects("ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_EMPTY_RESPONSE|ERR_CONNECTION_RESET")
		v.sees("all is well", found)
		v.stays()
	}
	s.stop()
	for _, v := range []*visitor{stranger, owner} {
		v.seesWithin(soon, "that the agent is lost", lost)
		v.isForEverybody()
	}
	s.start()
	stranger.seesWithin(soon, "the agent again", found)
	stranger.isTheSame()
	owner.seesWithin(soon, "the page as for whoever is not let in", "!!document.getElementById('locked') && "+found)
	owner.comesIn()
	s.drop("stock-1.csv", full(60, fives)...)
	for _, v := range []*visitor{stranger, owner} {
		v.readsSoon(`All is well\. 60 products are up to date; the last export came just now\.`)
	}
}

//go:build browser

package main_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// attack is a page that tries all that a page of another site can, and says what it could read. PAGE is the status page.
const attack = `<!DOCTYPE html><title>attack</title><body><script>
const page = 'PAGE';
const read = [];
const got = (name, value) => { if (value) read.push(name + ': ' + String(value).slice(0, 80)); };
const wait = (ms, f) => Promise.race([new Promise(f), new Promise((done) => setTimeout(done, ms))]);
const element = (name, change) => wait(4000, (done) => {
  const e = document.createElement(name);
  e.onload = () => { if (name === 'img' || name === 'script' || name === 'link') got(name, 'loaded'); done(e); };
  e.onerror = () => done();
  change(e);
  document.body.append(e);
});
const post = (path, fields, target) => {
  const f = document.createElement('form');
  f.method = 'post'; f.action = page + path; f.target = target;
  for (const [name, value] of Object.entries(fields)) {
    const i = document.createElement('input');
    i.name = name; i.value = value;
    f.append(i);
  }
  document.body.append(f);
  f.submit();
};
(async () => {
  for (const path of ['', 'log', 'dead.csv', 'why?code=1', 'metrics', 'healthz', 'events', 'plot/day.svg', 'static/script.js']) {
    for (const init of [{}, {credentials: 'include'}, {mode: 'no-cors', credentials: 'include'}]) {
      const stop = new AbortController();
      setTimeout(() => stop.abort(), 4000);
      try { const r = await fetch(page + path, {...init, signal: stop.signal}); got('fetch ' + path, await r.text()); } catch {}
    }
  }
  for (const path of ['pause', 'dead/discard', 'held/discard', 'held/release', 'open', 'leave']) {
    for (const type of ['application/x-www-form-urlencoded', 'text/plain', 'application/json']) {
      try { await fetch(page + path, {method: 'POST', mode: 'no-cors', credentials: 'include', headers: {'Content-Type': type}, body: 'group=all&id=HELD'}); } catch {}
    }
    try { navigator.sendBeacon(page + path, new URLSearchParams({group: 'all', id: 'HELD'})); } catch {}
  }
  await element('img', (e) => { e.src = page + 'plot/day.svg'; });
  await element('img', (e) => { e.src = page + 'static/icon.svg'; });
  await element('script', (e) => { e.src = page + 'static/script.js'; });
  await element('link', (e) => { e.rel = 'stylesheet'; e.href = page + 'static/style.css'; });
  for (const name of ['iframe', 'object', 'embed']) {
    const e = await element(name, (e) => { if (name === 'object') e.data = page; else e.src = page; });
    try { got(name, e && e.contentDocument && e.contentDocument.body.innerText); } catch {}
    try { got(name + ' frames', e && e.contentWindow && e.contentWindow.length); } catch {}
  }
  await wait(4000, (done) => { const s = new EventSource(page + 'events', {withCredentials: true}); s.onopen = () => { got('stream', 'open'); done(); }; s.onmessage = done; s.onerror = () => { s.close(); done(); }; });
  await wait(4000, (done) => { try { const s = new WebSocket(page.replace('http', 'ws') + 'events'); s.onopen = () => { got('socket', 'open'); done(); }; s.onerror = done; } catch { done(); } });
  const frame = document.createElement('iframe');
  frame.name = 'frame';
  document.body.append(frame);
  for (const target of ['frame', 'window']) {
    post('pause', {csrf: ''}, target);
    await wait(700, () => {});
    post('dead/discard', {group: 'all'}, target);
    await wait(700, () => {});
    post('held/discard', {id: 'HELD'}, target);
    await wait(700, () => {});
  }
  for (const path of ['', 'log', 'dead.csv']) {
    const w = window.open(page + path);
    await wait(1500, () => {});
    try { got('window ' + path, w && w.document && w.document.body && w.document.body.innerText); } catch {}
    try { got('window ' + path + ' frames', w && w.length); } catch {}
    try { if (w) w.postMessage('x', '*'); } catch {}
    try { if (w) w.close(); } catch {}
  }
  await fetch('/done', {method: 'POST', body: JSON.stringify(read)});
})();
</script>`

// TestAPageOfAnotherSiteGetsNowhere: in a browser with a live session, a page of another port, and one of another name, change
// nothing and read nothing.
func TestAPageOfAnotherSiteGetsNowhere(t *testing.T) { // X1
	t.Parallel()
	for _, host := range []string{"127.0.0.1", "localhost"} { // the first gets the session's cookie sent: to a browser it is the same site
		t.Run(host, func(t *testing.T) {
			t.Parallel()
			s := busy(t)
			v := s.visit(t)
			v.comesIn()
			held := s.listed("held", "list")
			text := strings.NewReplacer("PAGE", v.home, "HELD", fmt.Sprint(held[0]["id"])).Replace(attack)
			done := make(chan []string, 1)
			evil := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/done" {
					var read []string
					body, err := io.ReadAll(r.Body)
					if err != nil || json.Unmarshal(body, &read) != nil {
						read = []string{"it says " + string(body)}
					}
					done <- read
					return
				}
				w.Header().Set("Content-Type", "text/html")
				_, _ = io.WriteString(w, text) // whoever asked is gone
			}))
			t.Cleanup(evil.Close)
			v.abroad = true
			v.expects(".")
			before := s.dead()
			at, err := url.Parse(evil.URL)
			if err != nil {
				t.Fatal(err)
			}
			v.goes("http://" + host + ":" + at.Port() + "/")
			var read []string
			s.eventually("it has tried all", func() bool {
				select {
				case read = <-done:
					return true
				default:
					return false
				}
			})
			if len(read) > 0 {
				t.Errorf("it could read %q", read)
			}
			st := s.status()
			if st["state"] != "running" || st["held"] != 1.0 || !slices.Equal(s.dead(), before) {
				t.Errorf("it has changed something: %v", st)
			}
			v.goes(v.home)
			if !eval[bool](v, "!!document.getElementById('lookup')") {
				t.Error("the session is over")
			}
		})
	}
}

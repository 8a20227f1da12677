// Keeps the live part of the page as the agent is. Without this script the page is read again by itself.
"use strict";
(() => {
  const lost = document.getElementById("lost");
  const lostAfter = 5000; // milliseconds
  const silentAfter = 40000; // the agent says something every 15 s
  const page = live().dataset.page;
  let source = null;
  let timer = 0;

  function live() { return document.getElementById("live"); }

  // expect shows that the agent is lost unless it is heard within so many milliseconds.
  function expect(ms) {
    clearTimeout(timer);
    timer = setTimeout(() => {
      lost.hidden = false;
      document.body.classList.add("old");
      document.title = "No connection · tillpost";
      if (!source || source.readyState === EventSource.CLOSED || ms === silentAfter) connect();
      expect(lostAfter);
    }, ms);
  }

  function heard() {
    lost.hidden = true;
    document.body.classList.remove("old");
    document.title = live().dataset.title;
    expect(silentAfter);
  }

  function connect() {
    if (source) source.close();
    source = new EventSource("/events");
    source.addEventListener("beat", heard);
    source.addEventListener("live", (event) => {
      const now = new DOMParser().parseFromString(event.data, "text/html").getElementById("live");
      if (!now) return;
      if (now.dataset.page !== page) { location.reload(); return; }
      hush(now);
      morph(live(), now);
      heard();
    });
    let failed = false;
    source.onopen = () => { failed = false; };
    source.onerror = () => {
      if (failed) return; // since when counts
      failed = true;
      expect(lostAfter);
    };
  }

  // hush keeps a screen reader from reading the sentence again where nothing but numbers has changed in it.
  function hush(now) {
    const words = (of) => of.querySelector("#sentence").textContent.replace(/[\d,]+/g, "");
    if (words(now) === words(live())) now.querySelector("#sentence").setAttribute("aria-live", "off");
  }

  // morph makes old as now is, and leaves alone what is the same, so that focus, selection and what is open stay.
  function morph(old, now) {
    if (old.hasAttribute("data-keep")) return;
    for (const { name } of [...old.attributes]) {
      if (!now.hasAttribute(name) && name !== "open") old.removeAttribute(name);
    }
    for (const { name, value } of [...now.attributes]) {
      if (old.getAttribute(name) !== value && name !== "open") old.setAttribute(name, value);
    }
    const byId = new Map();
    const stay = new Set([...now.children].map((child) => child.id));
    for (const child of [...old.children]) {
      if (!child.id) continue;
      if (stay.has(child.id)) byId.set(child.id, child);
      else child.remove();
    }
    let at = old.firstChild;
    for (const next of [...now.childNodes]) {
      let match = null;
      if (next.id) match = byId.get(next.id) || null;
      else if (at && same(at, next)) match = at;
      if (!match || !same(match, next)) {
        old.insertBefore(document.importNode(next, true), at);
        continue;
      }
      while (at && at !== match && !at.id) at = remove(at); // whatever is moved loses the focus, so it stays where it is
      if (match === at) at = at.nextSibling;
      else old.insertBefore(match, at);
      if (match.nodeType !== Node.ELEMENT_NODE) {
        if (match.data !== next.data) match.data = next.data;
      } else if (!match.isEqualNode(next)) morph(match, next);
    }
    while (at) at = remove(at);
  }

  // remove takes a node out, and answers the one behind it.
  function remove(node) {
    const next = node.nextSibling;
    node.remove();
    return next;
  }

  // same reports whether one node can become the other.
  function same(a, b) {
    return a.nodeType === b.nodeType && a.nodeName === b.nodeName && (a.id || "") === (b.id || "");
  }

  // A page that nobody sees asks for nothing.
  function follow() {
    if (document.hidden) {
      clearTimeout(timer);
      if (source) source.close();
      source = null;
    } else if (!source) {
      connect();
      expect(lostAfter);
    }
  }
  document.addEventListener("visibilitychange", follow);
  window.addEventListener("pagehide", () => { if (source) source.close(); source = null; });
  window.addEventListener("pageshow", follow);
  document.title = live().dataset.title;
  follow();
})();

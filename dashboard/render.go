package dashboard

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"
	"unicode"
)

//go:embed static templates
var files embed.FS

// templates are parsed when the first page is asked for: no other command needs them, nor does a service that nobody looks at.
var templates = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("").Funcs(template.FuncMap{
		"about": about, "count": plural, "number": Number, "span": span, "visible": visible, "stamp": stamp, "key": key, "product": product,
		"cells": cells, "held": newHeldView, "prose": prose, "lasting": lasting,
	}).ParseFS(files, "templates/*"))
})

// view is what the live part of the page shows.
type view struct {
	Status
	Open     bool // for a session
	Desk     bool // an agent works
	Sentence string
	Told     Problem // that the sentence is about; empty = none
	Grade    gradeView
	Others   []Problem
	Sources  []sourceView
	Lists    lists
	Plots    []plotView
}

// gradeView is how a grade is shown.
type gradeView struct {
	Name string // its class and its icon
	Word string // in the title, and before the sentence where that does not say it
	Said bool   // the sentence says it
}

// gradeViews are by the grade.
var gradeViews = map[Grade]gradeView{
	Stops: {"stops", "Stopped", true}, Needs: {"needs", "Needs you", true}, Waits: {"waits", "Goes on by itself", false},
	Notice: {"notice", "Good to know", false}, Well: {"well", "All is well", true},
}

func newView(s Status, open bool) view {
	text, grade := Sentence(s)
	v := view{Status: s, Open: open, Sentence: text, Grade: gradeViews[grade]}
	v.Told, v.Others = verdict(s)
	for _, src := range s.Sources {
		v.Sources = append(v.Sources, sourceView{src, s.At, open})
	}
	return v
}

// Paging tells pages apart that cannot become one another: those of another version, and those with and without a session.
func (v view) Paging() string { return key("page", fmt.Sprint(v.Version, v.Open)) }

// Figures reports whether there are figures: while no agent has the outbox open nobody knows them.
func (v view) Figures() bool { return v.State != "stopped" }

// Title is the page's.
func (v view) Title() string { return v.Grade.Word + " · tillpost" }

// GradeOf is how a problem's grade is shown.
func (v view) GradeOf(p Problem) gradeView { return gradeViews[p.Grade] }

// sourceView is a source on the page.
type sourceView struct {
	Source
	now  time.Time
	Open bool
}

// Good reports whether a source needs nobody.
func (s sourceView) Good() bool { return s.State == "ok" && !s.Overdue && !s.stopped() }

// stopped reports whether nothing of its last export was taken.
func (s sourceView) stopped() bool { return s.Last != nil && (s.Last.Held || s.Last.Refused != "") }

// Word says how a source is.
func (s sourceView) Word() string {
	switch {
	case s.State == "ok" && s.Overdue:
		return "overdue"
	case s.State == "ok" && s.stopped():
		return "last export not taken"
	case s.State == "ok":
		return "in order"
	}
	return s.State
}

// At is when the page was made.
func (s sourceView) At() time.Time { return s.now }

// Recent are the exports that are shown.
func (s sourceView) Recent() []Export {
	list, _ := first(s.Exports, 20)
	return list
}

// Came says what came of an export.
func (e Export) Came() string {
	switch {
	case e.Held:
		return "held"
	case e.Refused != "":
		return "refused"
	}
	return "taken"
}

// stampView is a moment, as a person says it and as it was.
type stampView struct{ Machine, Clock, Text string }

func stamp(now, t time.Time) stampView {
	if t.IsZero() {
		return stampView{Text: "never"}
	}
	return stampView{t.UTC().Format(time.RFC3339), t.Local().Format("2 January 2006, 15:04:05 MST"), ago(now, t)}
}

// lasting is how long something has lasted, and since when.
func lasting(now, since time.Time) stampView {
	v := stamp(now, since)
	v.Text = span(now.Sub(since))
	return v
}

// prose is a text with commands in `backquotes`.
func prose(text string) template.HTML {
	var b strings.Builder
	parts := strings.Split(text, "`")
	for i, part := range parts {
		part = template.HTMLEscapeString(visible(part))
		switch {
		case i%2 == 0:
			b.WriteString(part)
		case i == len(parts)-1: // one that nobody closes
			b.WriteString("`" + part)
		default:
			b.WriteString("<code>" + part + "</code>")
		}
	}
	return template.HTML(b.String())
}

// key is an id for an element, made of what may hold anything.
func key(kind, of string) string {
	sum := sha256.Sum256([]byte(of))
	return kind + "-" + hex.EncodeToString(sum[:6])
}

// product names the product of a dead letter.
func product(d Dead) string {
	if d.UPC != "" {
		return d.UPC
	}
	return strings.Join([]string{d.SKU, d.Size, d.Width}, " ")
}

// cells is a row of an export in one line.
func cells(row []string) string { return visible(strings.Join(row, " | ")) }

// Title says what the dead letters of a group are.
func (g DeadGroup) Title() string {
	if g.Kind == "unknown" {
		return "The web shop does not know " + either(g.N == 1, "this product", "these "+Number(g.N)+" products")
	}
	return "The web shop refused " + either(g.N == 1, "this update", "these "+Number(g.N)+" updates")
}

// More is how many there are that First lacks.
func (g DeadGroup) More() int64 { return g.N - int64(len(g.First)) }

// heldView is a held export on the page.
type heldView struct {
	Held
	Now    time.Time
	Stores []HeldStore // as many as are shown
	More   int64
}

func newHeldView(now time.Time, h Held) heldView {
	v := heldView{Held: h, Now: now}
	v.Stores, v.More = first(h.Stores, mostStores)
	return v
}

// page is what every page needs.
type page struct {
	Title string
	Open  *session // nil = without
	Data  any
}

// Form is what a form of the session carries.
func (p page) Form() string { return p.Open.form }

// home answers the status page.
func (p *Page) home(w http.ResponseWriter, r *http.Request) {
	s := p.session(r)
	live, err := p.live(r.Context(), s != nil)
	if err != nil {
		http.Error(w, "the page cannot be made", http.StatusServiceUnavailable)
		return
	}
	data := struct {
		Live    template.HTML // made by a template
		Message message
	}{Live: template.HTML(live.html)}
	if r.Method == http.MethodGet {
		data.Message = s.said()
	}
	p.show(w, http.StatusOK, "home.html", page{Title: live.title, Open: s, Data: data})
}

// note answers a page that says one thing.
func (p *Page) note(w http.ResponseWriter, status int, title, text string) {
	p.show(w, status, "note.html", page{Title: title, Data: text})
}

// show answers a page.
func (p *Page) show(w http.ResponseWriter, status int, name string, data page) {
	var b bytes.Buffer
	if err := templates().ExecuteTemplate(&b, name, data); err != nil {
		http.Error(w, "the page cannot be made", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // whoever asked is gone
}

// kinds are what the files of static are, whatever the machine's registry says.
var kinds = map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}

// static answers the page's style, script and icon.
func (p *Page) static(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	body, err := fs.ReadFile(files, path.Join("static", name))
	if err != nil {
		http.NotFound(w, r)
		return
	}
	sum := sha256.Sum256(body)
	w.Header().Set("Cache-Control", "no-cache") // it is asked for each time, and comes where it is another
	w.Header().Set("ETag", `"`+hex.EncodeToString(sum[:8])+`"`)
	w.Header().Set("Content-Type", kinds[path.Ext(name)])
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(body))
}

// why answers what is known of one product.
func (p *Page) why(w http.ResponseWriter, r *http.Request, s *session) {
	data := struct {
		Code, Wrong string
		Why         Why
	}{Code: strings.TrimSpace(strings.Map(printable, r.FormValue("code")))}
	if data.Code != "" {
		desk, done := p.walk(w)
		if desk == nil {
			return
		}
		defer done()
		var err error
		if data.Why, err = desk.Why(r.Context(), data.Code); err != nil {
			data.Wrong = err.Error()
		}
		data.Why.Rejects, _ = first(data.Why.Rejects, mostRows)
		data.Why.Keys, _ = first(data.Why.Keys, mostRows)
	}
	p.show(w, http.StatusOK, "why.html", page{Title: "What is known of a product", Open: s, Data: data})
}

// printable leaves out what nobody types into a form.
func printable(r rune) rune {
	if unicode.IsPrint(r) {
		return r
	}
	return -1
}

// log answers the end of the log.
func (p *Page) log(w http.ResponseWriter, _ *http.Request, s *session) {
	const most = 200
	var lines []string
	if desk := p.desk(); desk != nil {
		lines = desk.Log()
		lines = lines[max(0, len(lines)-most):]
	}
	p.show(w, http.StatusOK, "log.html", page{Title: "The log", Open: s, Data: lines})
}

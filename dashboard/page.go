package dashboard

import (
	"context"
	"errors"
	"mime"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
)

// Options of a page.
type Options struct {
	Address string // host:port that it is served at, of this machine alone
	Status  func(context.Context) (Status, error)
	Desk    func() Desk // nil = no agent works at the moment
}

// Page serves the status page, /metrics and /healthz.
type Page struct {
	opts    Options
	scraper scraper
	hosts   []string // that a request may name
	doors   doors
	looks   looks
	handler http.Handler
	walks   chan struct{}   // holds one for each long list that is being read
	pens    chan struct{}   // holds one for each plot that is being drawn
	streams [2]atomic.Int32 // without a session, with one
	end     func()
	ended   <-chan struct{}
}

// New makes a page. Nothing is asked before a request comes.
func New(opts Options) *Page {
	_, port, _ := net.SplitHostPort(opts.Address) // without one it is empty
	ended := make(chan struct{})
	p := &Page{
		opts: opts, hosts: hosts(opts.Address), doors: doors{cookie: "tillpost_session_" + port},
		looks: looks{turn: make(chan struct{}, 1)}, walks: make(chan struct{}, 2), pens: make(chan struct{}, 2),
		end: sync.OnceFunc(func() { close(ended) }), ended: ended,
	}
	mux := http.NewServeMux()
	p.routes(mux)
	p.handler = http.NewCrossOriginProtection().Handler(mux)
	return p
}

func (p *Page) routes(mux *http.ServeMux) {
	mux.HandleFunc("GET /{$}", p.home)
	mux.HandleFunc("GET /static/{name}", p.static)
	mux.HandleFunc("GET /plot/{name}", p.plot)
	mux.HandleFunc("GET /events", p.events)
	mux.HandleFunc("GET /open/{code}", p.offer)
	mux.HandleFunc("POST /open", p.open)

	mux.HandleFunc("GET /why", p.private(p.why))
	mux.HandleFunc("GET /log", p.private(p.log))
	mux.HandleFunc("GET /dead.csv", p.private(p.deadCSV))
	mux.HandleFunc("GET /rejects.csv", p.private(p.rejectsCSV))

	mux.HandleFunc("POST /leave", p.private(p.leave))
	mux.HandleFunc("POST /pause", p.private(p.act(pause)))
	mux.HandleFunc("POST /resume", p.private(p.act(resume)))
	mux.HandleFunc("POST /held/release", p.private(p.act(releaseHeld)))
	mux.HandleFunc("POST /held/discard", p.private(p.act(discardHeld)))
	mux.HandleFunc("POST /dead/retry", p.private(p.act(retryDead)))
	mux.HandleFunc("POST /dead/discard", p.private(p.act(discardDead)))

	mux.HandleFunc("GET /metrics", p.metrics)
	for _, path := range []string{"/healthz", "/healthz/live", "/healthz/ready"} {
		mux.HandleFunc("GET "+path, p.health)
	}
}

// ServeHTTP answers one request.
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for name, value := range headers {
		w.Header().Set(name, value)
	}
	if status, why := p.refusal(r); status != 0 {
		if status == http.StatusMethodNotAllowed {
			w.Header().Set("Allow", "GET, HEAD, POST")
		}
		http.Error(w, why, status)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, mostBody)
	p.handler.ServeHTTP(w, r)
}

// Link is a link to the page that opens a session: once, and for a minute.
func (p *Page) Link() string { return "http://" + p.opts.Address + "/open/" + p.doors.newLink() }

// Close ends the streams of whoever looks on, so that a server can shut down.
func (p *Page) Close() { p.end() }

// private lets only those in that have a session, and forms only that are one of its own.
func (p *Page) private(serve func(http.ResponseWriter, *http.Request, *session)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s := p.session(r)
		if s == nil {
			p.note(w, http.StatusForbidden, "This part is locked", "Run `tillpost open` on this machine: it shows the page with everything in it.")
			return
		}
		if r.Method == http.MethodPost {
			if !p.form(w, r) {
				return
			}
			if !s.allows(r) {
				p.note(w, http.StatusForbidden, "Nothing was changed", "The page that you pressed this on is too old. Open the status page again and press it there.")
				return
			}
		}
		serve(w, r, s)
	}
}

// form reads a form, or says what is wrong with it.
func (p *Page) form(w http.ResponseWriter, r *http.Request) bool {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/x-www-form-urlencoded" {
		http.Error(w, "a form of the status page only", http.StatusUnsupportedMediaType)
		return false
	}
	if err := r.ParseForm(); err != nil {
		status := http.StatusBadRequest
		if _, is := errors.AsType[*http.MaxBytesError](err); is {
			status = http.StatusRequestEntityTooLarge
		}
		http.Error(w, "this form cannot be read", status)
		return false
	}
	return true
}

// offer shows the button that uses a link up. A browser that looks ahead, or a mail program that checks links, presses none.
func (p *Page) offer(w http.ResponseWriter, r *http.Request) {
	code := r.PathValue("code")
	if !p.doors.waits(code) {
		p.goneLink(w)
		return
	}
	p.show(w, http.StatusOK, "open.html", page{Title: "The status page", Data: code})
}

// open lets somebody in that has a link.
func (p *Page) open(w http.ResponseWriter, r *http.Request) {
	if !p.form(w, r) {
		return
	}
	old := p.session(r)
	if !p.doors.enter(w, r.PostForm.Get("code")) {
		p.goneLink(w)
		return
	}
	if old != nil {
		p.doors.drop(old)
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (p *Page) goneLink(w http.ResponseWriter) {
	p.note(w, http.StatusGone, "This link has been used, or is too old",
		"A link works once, and for a minute. Run `tillpost open` on this machine again.")
}

func (p *Page) leave(w http.ResponseWriter, r *http.Request, s *session) {
	p.doors.drop(s)
	p.doors.setCookie(w, "", -1)
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

package dashboard

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"slices"
	"sync"
	"time"
)

// How long a link and a session last, and how many of each there are: the oldest goes.
const (
	linkLife    = time.Minute
	sessionLife = 12 * time.Hour
	mostLinks   = 16
	mostDoors   = 64
)

// digest is what is kept of a secret.
type digest [sha256.Size]byte

// doors lets people in: links that work once, and the sessions that they open. Nothing of it is on disk.
type doors struct {
	cookie string // its name; browsers share cookies among the ports of a machine, so the port is in it

	mu       sync.Mutex
	links    []link     // the oldest first
	sessions []*session // the oldest first
}

type link struct {
	code digest
	ends time.Time
}

// session is one browser that came in by a link.
type session struct {
	id   digest
	ends time.Time
	form string // what each of its forms carries, so that no other page can make one

	mu      sync.Mutex
	message message
}

// message is what came of what somebody did, shown once.
type message struct {
	Text  string
	Wrong bool
}

// secret is 256 random bits as text.
func secret() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // it never fails: the program would end
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// newLink makes the code of a link.
func (d *doors) newLink() string {
	code := secret()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tidyLocked()
	if len(d.links) >= mostLinks {
		d.links = slices.Delete(d.links, 0, len(d.links)-mostLinks+1)
	}
	d.links = append(d.links, link{sha256.Sum256([]byte(code)), time.Now().Add(linkLife)})
	return code
}

// tidyLocked forgets what is over.
func (d *doors) tidyLocked() {
	now := time.Now()
	d.links = slices.DeleteFunc(d.links, func(l link) bool { return !now.Before(l.ends) })
	d.sessions = slices.DeleteFunc(d.sessions, func(s *session) bool { return !now.Before(s.ends) })
}

// findLocked is where the link of a code is, -1 where there is none. It takes as long for any code.
func (d *doors) findLocked(code string) int {
	sum := sha256.Sum256([]byte(code))
	at := -1
	for i := range d.links {
		if subtle.ConstantTimeCompare(sum[:], d.links[i].code[:]) == 1 {
			at = i
		}
	}
	return at
}

// waits reports whether a link can be used. It stays so.
func (d *doors) waits(code string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tidyLocked()
	return d.findLocked(code) >= 0
}

// enter uses a link up: a session begins, whose cookie it sets. It is false where there is no such link.
func (d *doors) enter(w http.ResponseWriter, code string) bool {
	id := secret()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tidyLocked()
	at := d.findLocked(code)
	if at < 0 {
		return false
	}
	d.links = slices.Delete(d.links, at, at+1)
	if len(d.sessions) >= mostDoors {
		d.sessions = slices.Delete(d.sessions, 0, len(d.sessions)-mostDoors+1)
	}
	d.sessions = append(d.sessions, &session{id: sha256.Sum256([]byte(id)), ends: time.Now().Add(sessionLife), form: secret()})
	d.setCookie(w, id, int(sessionLife/time.Second))
	return true
}

// of is the session that a request belongs to; nil = none.
func (d *doors) of(r *http.Request) *session {
	var found *session
	for _, c := range r.CookiesNamed(d.cookie) {
		sum := sha256.Sum256([]byte(c.Value))
		d.mu.Lock()
		d.tidyLocked()
		for _, s := range d.sessions {
			if subtle.ConstantTimeCompare(sum[:], s.id[:]) == 1 {
				found = s
			}
		}
		d.mu.Unlock()
	}
	return found
}

// drop ends a session.
func (d *doors) drop(s *session) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sessions = slices.DeleteFunc(d.sessions, func(other *session) bool { return other == s })
}

// setCookie sets the cookie for so many seconds; it needs no Secure, for it goes no further than this machine.
func (d *doors) setCookie(w http.ResponseWriter, value string, seconds int) {
	http.SetCookie(w, &http.Cookie{Name: d.cookie, Value: value, Path: "/", MaxAge: seconds, HttpOnly: true, SameSite: http.SameSiteStrictMode})
}

// allows reports whether a form is one of this session's.
func (s *session) allows(r *http.Request) bool {
	return subtle.ConstantTimeCompare([]byte(r.PostForm.Get("csrf")), []byte(s.form)) == 1
}

// say leaves a message for the next page.
func (s *session) say(m message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.message = m
}

// said takes the message.
func (s *session) said() (m message) {
	if s == nil {
		return m
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m, s.message = s.message, m
	return m
}

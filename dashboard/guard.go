package dashboard

import (
	"net"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
)

// What a request may be at most, in bytes.
const (
	mostBody   = 64 << 10
	mostQuery  = 4 << 10
	mostHeader = 32 << 10
)

// headers are on every answer.
var headers = map[string]string{
	"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
		"form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
	"X-Content-Type-Options":       "nosniff",
	"X-Frame-Options":              "DENY",
	"Referrer-Policy":              "same-origin", // with no-referrer a browser's forms would come from the origin null
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Cache-Control":                "no-store",
	"Permissions-Policy":           "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
	"X-Robots-Tag":                 "noindex",
}

// hosts are the names by which a page at address may be asked for.
func hosts(address string) []string {
	list := []string{address}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return list
	}
	for _, name := range []string{"127.0.0.1", "localhost", "[::1]"} {
		list = append(list, name+":"+port)
		if port == "80" {
			list = append(list, name)
		}
	}
	return list
}

// refusal is why a request is not answered, and with which status; 0 = it is. What it reads are headers that a page of another
// site cannot choose. Fault X1 of the tests.
func (p *Page) refusal(r *http.Request) (status int, why string) {
	switch {
	case !slices.Contains(p.hosts, r.Host):
		return http.StatusMisdirectedRequest, "this page is at http://" + p.opts.Address + "/ only"
	case r.Method != http.MethodGet && r.Method != http.MethodHead && r.Method != http.MethodPost:
		return http.StatusMethodNotAllowed, "GET, HEAD and POST only"
	case len(r.URL.RawQuery) > mostQuery:
		return http.StatusRequestURITooLong, "the query is too long"
	case headerSize(r.Header) > mostHeader:
		return http.StatusRequestHeaderFieldsTooLarge, "the header is too long"
	case r.ContentLength > mostBody:
		return http.StatusRequestEntityTooLarge, "the body is too long"
	case r.URL.Path != "/" && path.Clean(r.URL.Path) != r.URL.Path, strings.Contains(r.URL.Path, "\\"):
		return http.StatusNotFound, "not here"
	case forMachines(r) && (r.Header.Get("Origin") != "" || !ownSite(r)):
		return http.StatusForbidden, "not for pages of other sites"
	case slices.Contains([]string{"iframe", "frame", "embed", "object", "fencedframe"}, r.Header.Get("Sec-Fetch-Dest")):
		return http.StatusForbidden, "not within another page"
	case !ownSite(r) && !arrives(r):
		return http.StatusForbidden, "not for pages of other sites"
	case !p.own(r, r.Header.Values("Origin")):
		return http.StatusForbidden, "not for pages of other sites"
	case !p.own(r, r.Header.Values("Referer")) && (r.Method == http.MethodPost || !public(r)):
		return http.StatusForbidden, "not for pages of other sites"
	}
	return 0, ""
}

// headerSize is about how many bytes a header is.
func headerSize(h http.Header) (n int) {
	for name, values := range h {
		for _, v := range values {
			n += len(name) + len(v) + 4
		}
	}
	return n
}

// ownSite reports whether no other site has sent the request, as far as the browser says.
func ownSite(r *http.Request) bool {
	for _, site := range r.Header.Values("Sec-Fetch-Site") {
		if site != "none" && site != "same-origin" {
			return false
		}
	}
	return true
}

// arrives reports whether somebody comes here by a link: the whole window shows this page next.
func arrives(r *http.Request) bool {
	return r.Method == http.MethodGet && (r.URL.Path == "/" || strings.HasPrefix(r.URL.Path, "/open/")) &&
		r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document"
}

// forMachines reports whether a request is for what no browser needs.
func forMachines(r *http.Request) bool {
	return r.URL.Path == "/metrics" || r.URL.Path == "/healthz" || strings.HasPrefix(r.URL.Path, "/healthz/")
}

// public reports whether a request is for what holds no rows for anybody. Who comes to `/` from elsewhere is shown it as to one
// without a session.
func public(r *http.Request) bool {
	return r.URL.Path == "/" || strings.HasPrefix(r.URL.Path, "/open/") || strings.HasPrefix(r.URL.Path, "/static/") || forMachines(r)
}

// own reports whether all of these, an Origin or a Referer, are of the very page that is asked for.
func (p *Page) own(r *http.Request, from []string) bool {
	for _, text := range from {
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "http" || u.Host != r.Host || u.User != nil {
			return false
		}
	}
	return true
}

// session is the session that a request belongs to; nil = none, or another site has brought whoever it is.
func (p *Page) session(r *http.Request) *session {
	if !ownSite(r) || !p.own(r, r.Header.Values("Referer")) {
		return nil
	}
	return p.doors.of(r)
}

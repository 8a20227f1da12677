package api

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"time"

	"tillpost/inventory"
)

// Step is a step on the way to the API's answer.
type Step int

const (
	Arrived      Step = iota // at an answer, whatever it says
	AtName                   // the name's address is looked up
	AtConnection             // it is connected to
	AtProxy                  // the proxy lets it through
	AtTLS                    // TLS, and the certificate
	AtAnswer                 // the request has left, and is answered
)

// Probe is what one request met on its way to the API. Its texts are for people, and none holds a secret.
type Probe struct {
	Ended  Step   // the step that failed, for the reason in Answer.Words; Arrived = none
	Answer Answer // as of any other request

	Proxy       string       // the URL of the proxy on the way, without user and password; "" = there is none
	Peer        string       // host:port that is connected to: the proxy's, else the API's
	Addresses   []string     // of the peer's name; none where it is an address itself
	Connected   string       // the address and port that took the connection; "" = none did
	Certificate *Certificate // what the API's side showed, whether it holds or not; nil = TLS did not come so far, or is not used
	TLS         string       // its version, such as `TLS 1.3`; "" = TLS did not come about, or is not used

	WithoutToken bool          // there is no token to send
	Complains    bool          // the answer is the API's complaint about an update that lacks its fields: it takes the token
	Dated        bool          // the answer says the time, and
	Skew         time.Duration // this machine's clock is that much ahead of it, to the second
}

// Certificate is the certificate of the API, or of what stands in its place.
type Certificate struct {
	Issuer    string
	NotBefore time.Time
	NotAfter  time.Time
	Unknown   bool // it is signed by an authority that this machine does not know
	OtherName bool // it is for another name
}

// Probe sends `{}`, which changes nothing, on a new connection, and notes what it meets. Where there is no token it goes
// without one. Like Post it takes at most Options.Timeout.
func (c *Client) Probe(ctx context.Context) Probe {
	c.Close()
	start := time.Now()
	cred, err := c.credentials()
	if err != nil {
		cred = &credentials{header: http.Header{
			"Content-Type": {"application/json"}, "Accept": {"application/json"}, "User-Agent": {c.userAgent},
		}}
	}
	w := &way{}
	p := Probe{WithoutToken: err != nil}
	l := c.Line(w.watch(ctx))
	defer l.Close()
	p.Answer = l.exchange(cred, []byte("{}"), inventory.Key{})
	p.Answer.Words = clean(p.Answer.Words, cred.token)
	p.Answer.Took = time.Since(start)
	p.Complains = complainsOfFields(p.Answer)
	via := c.proxy()
	p.Peer = peer(via, c.template.URL)
	if via != nil {
		p.Proxy = (&url.URL{Scheme: via.Scheme, Host: via.Host}).String()
	}
	w.tell(&p, via, c.template.URL.Scheme == "https")
	return p
}

// proxy is the one on the way to the API, or nil.
func (c *Client) proxy() *url.URL {
	t, ok := c.transport.(*http.Transport)
	if !ok || t.Proxy == nil {
		return nil
	}
	u, err := t.Proxy(c.template)
	if err != nil {
		return nil // New has looked at it
	}
	return u
}

// peer is the host:port that is connected to.
func peer(via, target *url.URL) string {
	u := target
	if via != nil {
		u = via
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443", "socks5": "1080", "socks5h": "1080"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// complainsOfFields reports whether an answer to `{}` is a complaint about the fields that it lacks, and so the API's: it
// does not look at those before it has taken the token. A 404 says so only by its words, for any web server answers it.
func complainsOfFields(a Answer) bool {
	if a.Verdict != Refused {
		return false
	}
	if a.Status/100 == 2 || a.Status == http.StatusBadRequest || a.Status == http.StatusUnprocessableEntity {
		return true
	}
	sentences := sentencesOf(a.Words, inventory.Key{})
	for _, s := range sentences {
		if s.has(fieldComplaints) && (s.has(productWords) || s.has(storeWords) || s.has(updateWords)) {
			return true
		}
	}
	return saysUnknown(sentences)
}

// fieldComplaints say that a field is not what it must be.
var fieldComplaints = set(`missing required requires require must needed needs invalid empty blank absent`)

// way is what is known of a probe's way. The transport tells it from goroutines of its own, and may do so late.
type way struct {
	mu        sync.Mutex // guards what follows
	lookup    bool       // a name was looked up
	addresses []string
	connected string
	begun     int // TLS handshakes; with a proxy that is spoken to by TLS, the first is the proxy's
	done      int // of those, that came to their end
	state     tls.ConnectionState
	bad       *tls.CertificateVerificationError
	answered  time.Time
}

func (w *way) watch(ctx context.Context) context.Context {
	note := func(f func()) {
		w.mu.Lock()
		defer w.mu.Unlock()
		f()
	}
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		DNSStart: func(httptrace.DNSStartInfo) { note(func() { w.lookup = true }) },
		DNSDone: func(i httptrace.DNSDoneInfo) {
			note(func() {
				for _, a := range i.Addrs {
					w.addresses = append(w.addresses, a.String())
				}
			})
		},
		ConnectDone: func(_, address string, err error) {
			note(func() {
				if err == nil && w.connected == "" {
					w.connected = address
				}
			})
		},
		TLSHandshakeStart: func() { note(func() { w.begun++ }) },
		TLSHandshakeDone: func(state tls.ConnectionState, err error) {
			note(func() {
				if err == nil {
					w.done, w.state = w.done+1, state
				}
				w.bad, _ = errors.AsType[*tls.CertificateVerificationError](err)
			})
		},
		GotFirstResponseByte: func() { note(func() { w.answered = time.Now() }) },
	})
}

// tell fills in a probe whose answer is known. via is the proxy, or nil; secure: the API is spoken to by TLS.
func (w *way) tell(p *Probe, via *url.URL, secure bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p.Addresses, p.Connected = w.addresses, w.connected
	last := 0 // the API's own handshake, counted from 1
	if secure {
		last = 1
		if via != nil && via.Scheme == "https" {
			last = 2
		}
	}
	switch {
	case p.Answer.Status != 0:
	case w.lookup && len(w.addresses) == 0:
		p.Ended = AtName
	case w.connected == "":
		p.Ended = AtConnection
	case via != nil && w.begun < last:
		p.Ended = AtProxy
	case w.done < last:
		p.Ended = AtTLS
	default:
		p.Ended = AtAnswer
	}
	if secure && w.done >= last {
		p.TLS = tls.VersionName(w.state.Version)
		p.Certificate = certificate(w.state.PeerCertificates, nil)
	} else if secure && w.begun >= last && w.bad != nil {
		p.Certificate = certificate(w.bad.UnverifiedCertificates, w.bad.Err)
	}
	if at := p.Answer.ServerTime(); !at.IsZero() && !w.answered.IsZero() {
		// A Date leaves out what follows the second: half of one, on the average.
		p.Dated, p.Skew = true, w.answered.Sub(at.Add(time.Second/2)).Round(time.Second)
	}
}

// certificate tells of the first of a chain; err says what is wrong with it.
func certificate(chain []*x509.Certificate, err error) *Certificate {
	if len(chain) == 0 {
		return nil
	}
	c := &Certificate{Issuer: strings.ToValidUTF8(issuer(chain[0]), "\ufffd"), NotBefore: chain[0].NotBefore, NotAfter: chain[0].NotAfter}
	_, c.Unknown = errors.AsType[x509.UnknownAuthorityError](err)
	_, c.OtherName = errors.AsType[x509.HostnameError](err)
	return c
}

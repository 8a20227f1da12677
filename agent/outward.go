package agent

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"tillpost/dashboard"
)

// maxSaid is how much of an answer is read by what calls out, in bytes. Nobody looks at it.
const maxSaid = 64 << 10

// outward is how the heartbeat and the push reach their URL: the environment's proxy, TLS 1.2 or newer, no redirect followed, and
// a new connection each time, for there are minutes between two. The URL is a secret, for it may hold a key: nothing that can
// make an error of it ever gets it but the connection itself.
type outward struct {
	to    *url.URL // without user and password
	user  *url.Userinfo
	carry http.RoundTripper
}

// newOutward checks the address. Its errors do not quote it.
func newOutward(address string, transport http.RoundTripper) (outward, error) {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" {
		return outward{}, errors.New("url: is not a URL with http:// or https://")
	}
	o := outward{user: u.User, carry: transport}
	u.User, u.Fragment, u.RawFragment = nil, "", ""
	o.to = u
	if o.carry == nil {
		o.carry = &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			OnProxyConnectResponse: takenByProxy,
			DialContext:            (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:    10 * time.Second,
			DisableCompression:     true,
			DisableKeepAlives:      true,
			MaxResponseHeaderBytes: maxSaid,
		}
	}
	return o, nil
}

// RoundTrip sends a request to the URL, whatever address it is made out to, and cuts its answer at maxSaid.
func (o outward) RoundTrip(r *http.Request) (*http.Response, error) {
	sent := r.Clone(r.Context())
	sent.URL, sent.Host = o.to, o.to.Host
	return o.send(sent)
}

// send sends a request as it is.
func (o outward) send(r *http.Request) (*http.Response, error) {
	if o.user != nil {
		password, _ := o.user.Password()
		r.SetBasicAuth(o.user.Username(), password)
	}
	response, err := o.carry.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	response.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(response.Body, maxSaid), response.Body}
	return response, nil
}

// proxyAnswer is a proxy's answer, by its status, to the wish to be connected.
type proxyAnswer int

func (a proxyAnswer) Error() string {
	return fmt.Sprintf("the proxy answers %d %s", int(a), http.StatusText(int(a)))
}

func takenByProxy(_ context.Context, _ *url.URL, _ *http.Request, answer *http.Response) error {
	if answer.StatusCode != http.StatusOK {
		return proxyAnswer(answer.StatusCode)
	}
	return nil
}

// unreached is why nothing has come back, in our words: those of the network's errors quote what was called.
func unreached(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return errors.New("no answer in time")
	}
	if proxy, ok := errors.AsType[proxyAnswer](err); ok {
		return proxy
	}
	op, ok := errors.AsType[*net.OpError](err)
	if ok && op.Op == "proxyconnect" {
		return errors.New("no connection to the proxy")
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		if dns.IsNotFound {
			return errors.New("no connection: there is no such host")
		}
		return errors.New("no connection: the host's address cannot be found out")
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return errors.New("no connection: its certificate does not hold")
	}
	if ok && op.Op == "dial" {
		return errors.New("no connection")
	}
	return errors.New("the connection broke off, or never came about")
}

// unwell is what is wrong with an answer's status; nil = nothing.
func unwell(status int) error {
	switch {
	case status/100 == 2:
		return nil
	case status/100 == 3:
		return fmt.Errorf("the answer is %d %s, a redirect, which is not followed", status, http.StatusText(status))
	}
	return fmt.Errorf("the answer is %d %s", status, http.StatusText(status))
}

// link is how something that calls out goes, for whoever asks.
type link struct {
	mu sync.Mutex // guards what follows
	is dashboard.Link
}

// note notes what came of a call.
func (l *link) note(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.is.Wrong = err.Error()
		l.is.Fails++
		return
	}
	l.is.Last, l.is.Wrong = time.Now(), ""
}

// Link is how it goes.
func (l *link) Link() dashboard.Link {
	l.mu.Lock()
	defer l.mu.Unlock()
	is := l.is
	is.On = true
	return is
}

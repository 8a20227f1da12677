// Package api sends one inventory update in one POST to the Inventory Update API and judges the answer. It never
// retries: when to send again is its caller's business.
//
// # Promises
//
//  1. One call puts at most one request on the wire. No redirect is followed, nothing is replayed on a second
//     connection, and the token goes to no other address than Options.URL.
//  2. Acknowledged is said only of a 2xx answer that was read to its end, is at most 1 MiB, is empty, white space or
//     JSON, and holds no refusal. Whatever is not understood is never an acknowledgement.
//  3. Answer.Doubt is set wherever the API may have applied the update, or may yet, without having said so (promise 4
//     of the contract). It is not set where nothing of the update can have left this machine.
//  4. A call ends within Options.Timeout, or sooner when its context ends, whatever the other side does. It holds at
//     most 1 MiB of an answer's body (64 KiB where it is no 2xx) and 64 KiB of its header.
//  5. The token is in no Answer, even where the API quotes it (promise 11 of the contract).
package api

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tillpost/inventory"
)

const (
	maxBody      = 1 << 20  // of a 2xx, in bytes; a longer one is not our API's
	maxErrorBody = 64 << 10 // of any other answer, in bytes; more of an error's words is not wanted
	maxHeader    = 64 << 10 // of an answer, in bytes
	keepBuffer   = 64 << 10 // a buffer that has grown past it is not used again

	dialTimeout = 5 * time.Second // for the connection, and again for the TLS handshake
	idleTimeout = 30 * time.Second
)

// Options say which API is spoken to, and how.
type Options struct {
	URL         string                 // the whole endpoint; https, or http to this machine itself
	Token       func() (string, error) // read for each request, from several goroutines at once
	Timeout     time.Duration          // for a whole call, from the connection to the answer's last byte
	Connections int                    // how many idle connections are kept: as many as there are calls at once
	Proxy       string                 // an http, https or socks5 URL; empty = the environment's; never used for http
	CAFile      string                 // PEM file with root certificates besides the system's; empty = none
	UserAgent   string                 // empty = tillpost

	// Transport carries the requests in the place of the network, for simulation; nil = the network. Whatever error
	// it answers but a failed dial counts as a request that was sent.
	Transport http.RoundTripper
}

// Client posts updates to one API. Its methods may be called from several goroutines at once.
type Client struct {
	template  *http.Request // all of a request that never changes
	token     func() (string, error)
	userAgent string
	timeout   time.Duration
	transport http.RoundTripper
	simulated bool // transport is Options.Transport

	sealed  atomic.Pointer[credentials] // the newest token's
	buffers sync.Pool                   // of *[]byte, for answers' bodies
}

// credentials is a token and the header that carries it, which is shared by requests and never changed.
type credentials struct {
	token  string
	header http.Header
}

// New checks the options and reads the CA file. It connects to nothing. Its errors name the option that is wrong.
func New(o Options) (*Client, error) {
	target, err := endpoint(o.URL)
	if err != nil {
		return nil, err
	}
	switch {
	case o.Token == nil:
		return nil, errors.New("token: none given")
	case o.Timeout <= 0:
		return nil, errors.New("timeout: must be more than 0")
	case o.Connections < 1:
		return nil, errors.New("connections: must be at least 1")
	case !headerSafe(o.UserAgent):
		return nil, errors.New("user agent: a header cannot carry its characters")
	}
	if o.UserAgent == "" {
		o.UserAgent = "tillpost"
	}
	c := &Client{
		template: &http.Request{
			Method: http.MethodPost, URL: target, Host: target.Host,
			Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		},
		token:     o.Token,
		userAgent: o.UserAgent,
		timeout:   o.Timeout,
		transport: o.Transport,
		simulated: o.Transport != nil,
	}
	c.buffers.New = func() any { b := make([]byte, 0, 4096); return &b }
	if c.transport == nil {
		if c.transport, err = network(o, target); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// network returns the transport to the target: HTTP/1.1 only, because one POST a product needs no HTTP/2, whose one
// dead connection would stall every worker.
func network(o Options, target *url.URL) (*http.Transport, error) {
	roots, err := rootCertificates(o.CAFile)
	if err != nil {
		return nil, err
	}
	proxy, err := proxyFor(o.Proxy, target)
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: 15 * time.Second}
	if target.Scheme == "http" {
		dialer.Control = onlyThisMachine
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Transport{
		Proxy:                  proxy,
		OnProxyConnectResponse: refusedByProxy,
		DialContext:            dialer.DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		TLSHandshakeTimeout:    dialTimeout,
		DisableCompression:     true,
		MaxIdleConns:           o.Connections,
		MaxIdleConnsPerHost:    o.Connections,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxHeader,
		Protocols:              protocols,
	}, nil
}

// Close closes the idle connections. The client goes on to work, on new ones: it is also right after the machine slept.
func (c *Client) Close() {
	if t, ok := c.transport.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// Post is a Line's Post for one update.
func (c *Client) Post(ctx context.Context, u inventory.Update) Answer {
	l := c.Line(ctx)
	defer l.Close()
	return l.Post(u)
}

// readBody appends the body to buf until its end, but at most limit bytes, and says how it ended.
func readBody(body io.Reader, buf []byte, limit int) ([]byte, ending) {
	for {
		if len(buf) > limit {
			return buf[:limit], tooLong
		}
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := body.Read(buf[len(buf):min(cap(buf), limit+1)])
		buf = buf[:len(buf)+n]
		switch {
		case err == nil:
		case errors.Is(err, io.EOF) && len(buf) <= limit:
			return buf, whole
		case errors.Is(err, io.EOF):
			return buf[:limit], tooLong
		default:
			return buf[:min(len(buf), limit)], cut
		}
	}
}

// credentials returns the token that holds now. Its header is made once for each token.
func (c *Client) credentials() (*credentials, error) {
	token, err := c.token()
	if err != nil {
		return nil, err
	}
	if cred := c.sealed.Load(); cred != nil && cred.token == token {
		return cred, nil
	}
	bare := strings.TrimSpace(token)
	switch {
	case bare == "":
		return nil, errors.New("no token")
	case !headerSafe(bare):
		return nil, errors.New("the token holds characters that a header cannot carry")
	}
	cred := &credentials{token: token, header: http.Header{
		"Authorization": {"Bearer " + bare},
		"Content-Type":  {"application/json"},
		"Accept":        {"application/json"},
		"User-Agent":    {c.userAgent},
	}}
	c.sealed.Store(cred)
	return cred, nil
}

// headerSafe reports whether a header can carry the value.
func headerSafe(value string) bool {
	return !strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f })
}

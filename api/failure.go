package api

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"tillpost/inventory"
)

// failure judges a request that got no answer. ctx is the request's own, which ends with parent and at the time-out.
func (c *Client) failure(parent, ctx context.Context, w *wire, err error) Answer {
	connected, sent := w.connected.Load(), w.sent.Load()
	if c.simulated { // what is not a network need not tell of its connections
		connected = !isDial(err)
		sent = connected
	}
	a := Answer{Verdict: Later, Doubt: sent, NoConnection: !connected && parent.Err() == nil}
	if ctx.Err() != nil {
		a.Words = c.gaveUp(parent, connected)
		return a
	}
	if refusal, ok := errors.AsType[*proxyRefusal](err); ok {
		// The proxy's word on its own connection is judged like the API's on an update, but it refuses no update.
		if v := judge(reply{status: refusal.status}, inventory.Key{}).Verdict; v != Later {
			a.Verdict = NotOurAPI
		}
		a.Words = refusal.Error()
		return a
	}
	host := c.template.URL.Hostname()
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "proxyconnect" {
		host = "the proxy" // it is spoken to by TLS too
	}
	if words, ok := tlsFailure(err, host, time.Now()); ok {
		a.Verdict, a.Words = NotOurAPI, words
		return a
	}
	a.Words = networkFailure(err)
	return a
}

// gaveUp says why a request was given up that nothing else was wrong with.
func (c *Client) gaveUp(parent context.Context, connected bool) string {
	switch {
	case parent.Err() != nil:
		return cancelled(parent)
	case connected:
		return fmt.Sprintf("no answer within %v", c.timeout)
	}
	return fmt.Sprintf("no connection within %v", c.timeout)
}

func cancelled(ctx context.Context) string {
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return "given up: " + cause.Error()
	}
	return "given up"
}

// isDial reports whether the error is of a connection that never came about.
func isDial(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && (op.Op == "dial" || op.Op == "proxyconnect")
}

// networkFailure says in plain words what went wrong on the network.
func networkFailure(err error) string {
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		switch {
		case dns.IsNotFound:
			return fmt.Sprintf("the name %s has no address", dns.Name)
		case dns.IsTimeout:
			return fmt.Sprintf("the address of %s: the name server does not answer", dns.Name)
		}
		return fmt.Sprintf("the address of %s: %s", dns.Name, dns.Err)
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && isDial(err) {
		at := ""
		if op.Addr != nil {
			at = " to " + op.Addr.String()
		}
		if op.Op == "proxyconnect" {
			at = " to the proxy"
		}
		if op.Timeout() {
			return fmt.Sprintf("no connection%s within %v", at, dialTimeout)
		}
		return fmt.Sprintf("no connection%s: %v", at, innermost(op.Err))
	}
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection was closed without an answer"
	case wasReset(err):
		return "the connection was broken off without an answer"
	}
	return strings.TrimPrefix(strings.TrimPrefix(err.Error(), "net/http: "), "http: ")
}

// innermost returns the error at the end of a chain: the reason without where it was met.
func innermost(err error) error {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err
		}
		err = next
	}
}

// tlsFailure tells a failure of TLS itself, which no later attempt mends, from one of the network during it, and says
// what is wrong with whose certificate. now is this machine's clock.
func tlsFailure(err error, host string, now time.Time) (words string, ok bool) {
	if bad, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return badCertificate(bad, host, now), true
	}
	if header, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		if string(header.RecordHeader[:]) == "HTTP/" {
			return host + " answers without TLS, though the URL says https", true
		}
		return host + " answers with something that is not TLS", true
	}
	// crypto/tls has no types for the rest, alerts from the other side included, but it names itself.
	if text := innermost(err).Error(); strings.HasPrefix(text, "tls: ") || strings.HasPrefix(text, "x509: ") {
		return fmt.Sprintf("TLS with %s: %s", host, text), true
	}
	return "", false
}

// badCertificate says what is wrong with a certificate, and whether this machine's clock may be what is wrong.
func badCertificate(bad *tls.CertificateVerificationError, host string, now time.Time) string {
	if len(bad.UnverifiedCertificates) == 0 {
		return fmt.Sprintf("the certificate of %s: %v", host, bad.Err)
	}
	cert := bad.UnverifiedCertificates[0]
	who := fmt.Sprintf("the certificate of %s, issued by %s,", host, issuer(cert))
	const day = "2006-01-02"
	clock := "; this machine's clock says " + now.UTC().Format("2006-01-02 15:04") + " UTC"
	if now.Before(cert.NotBefore) {
		return who + " is valid only from " + cert.NotBefore.UTC().Format(day) + clock
	}
	if now.After(cert.NotAfter) {
		return who + " expired on " + cert.NotAfter.UTC().Format(day) + clock
	}
	if wrong, ok := errors.AsType[x509.HostnameError](bad.Err); ok {
		return who + " is for another name: " + short(strings.TrimPrefix(wrong.Error(), "x509: "))
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](bad.Err); ok {
		return who + " is signed by an authority that this machine does not know: something that reads TLS in between, or ca_file is needed"
	}
	return who + " does not hold: " + short(strings.TrimPrefix(bad.Err.Error(), "x509: "))
}

func issuer(cert *x509.Certificate) string {
	name := cert.Issuer.CommonName
	if len(cert.Issuer.Organization) > 0 {
		name = strings.TrimSpace(cert.Issuer.Organization[0] + " " + name)
	}
	if name == "" {
		return "nobody named"
	}
	return short(name)
}

// short bounds what a stranger's certificate says, so that the rest of a sentence is still read.
func short(s string) string {
	const most = 120
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
